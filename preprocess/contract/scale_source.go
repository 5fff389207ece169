package contract

// EnvScaleSource is, for the commands of a run that is spread, where the items of
// its first round come from.
const EnvScaleSource = "DS_SCALE_SOURCE"

// What EnvScaleSource may be. An item of a prefix or an inventory has Key, Etag
// and Size. Those of an inventory are texts as S3 writes it: the key is escaped
// as in the query of a URL. Items of an object are those that plan wrote.
const (
	ScaleSourcePrefix    = "prefix" // or a glob
	ScaleSourceInventory = "inventory"
	ScaleSourceObject    = "object"
)

// RequestInventoryKey is the member of what an execution is started with that names
// the inventory to read: the key of its manifest.json in the input bucket.
const RequestInventoryKey = "inventory-key"

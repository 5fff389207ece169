package simcloud

import (
	"errors"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
)

var dynamodbTypes = []*Type{
	{
		TypeName: "aws:dynamodb/table:Table", Args: dynamodb.TableArgs{}, Outputs: dynamodb.Table{},
		Name:    &Naming{Property: "name", Max: 255, Taken: "ResourceInUseException"},
		Replace: []string{"name", "hashKey", "rangeKey"},
		Rules: []rule{
			like("name", `^[a-zA-Z0-9_.-]{3,255}$`, "3 to 255 letters, digits and _ . -"),
			oneOf("billingMode", "PROVISIONED", "PAY_PER_REQUEST"),
			oneOf("attributes[].type", "S", "N", "B"),
			oneOf("tableClass", "STANDARD", "STANDARD_INFREQUENT_ACCESS"),
			arn("serverSideEncryption.kmsKeyArn", "kms"),
			uniqueBy("attributes", "name"),
			tableKeys,
			tableCapacity,
		},
		Defaults: map[string]any{"billingMode": "PROVISIONED", "tableClass": "STANDARD", "deletionProtectionEnabled": false, "streamEnabled": false},
		State:    func(i *instance) { i.arn("dynamodb", "table/"+i.id) },
		Delete: func(_ *Cloud, table *thing) error {
			if flag(table.plain(), "deletionProtectionEnabled") {
				return errors.New("ValidationException: the table is protected from deletion; set deletionProtectionEnabled to false first")
			}
			return nil
		},
	},
}

// tableKeys wants a table to describe the attributes of its keys, and no others:
// DynamoDB has no columns.
func tableKeys(c *checking) {
	keys := given(c.props, []string{"hashKey", "rangeKey"})
	var wanted []string
	for _, key := range keys {
		wanted = append(wanted, text(c.props, key))
	}
	if len(wanted) == 0 {
		c.problem("hashKey", "missing; want the attribute that items are found by")
	}
	var described []string
	attributes, _ := c.props["attributes"].([]any)
	for _, a := range attributes {
		attribute, _ := a.(map[string]any)
		described = append(described, text(attribute, "name"))
	}
	for i, name := range wanted {
		if name != "" && !slices.Contains(described, name) {
			c.problem(keys[i], "got %q, want one of attributes: %s", name, quotedList(described))
		}
	}
	indexed := c.has("globalSecondaryIndexes") || c.has("localSecondaryIndexes")
	for _, name := range described {
		if name != "" && !indexed && !slices.Contains(wanted, name) {
			c.problem("attributes", "%q is no key; want only the attributes of keys", name)
		}
	}
}

func tableCapacity(c *checking) {
	capacity := c.has("readCapacity") || c.has("writeCapacity")
	onDemand := text(c.props, "billingMode") == "PAY_PER_REQUEST"
	if onDemand && capacity {
		c.problem("billingMode", "PAY_PER_REQUEST conflicts with readCapacity and writeCapacity")
	}
	if !onDemand && (!c.has("readCapacity") || !c.has("writeCapacity")) {
		c.problem("readCapacity", "missing; want readCapacity and writeCapacity, or billingMode PAY_PER_REQUEST")
	}
}

package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
)

// adopt finds the place of a resource in the program.
func (m *migrator) adopt(id string, r *Resource) {
	name, err := m.resolver.physical(id)
	if err != nil {
		m.errs = append(m.errs, err)
		return
	}
	s := m.slotOf(r.Type, name)
	switch {
	case s == nil:
		m.noPlace(id, r, name)
		return
	case r.Type == parameterType && (!r.retained() || !s.declared):
		m.Anew = append(m.Anew, Item{LogicalID: id, Type: r.Type, ID: name, Why: "it is not retained"})
		if !s.declared && r.retained() {
			m.problem("%s: %s is retained and this stack does not have it: set it as below, or take DeletionPolicy: %s out", label(id, r), name, r.DeletionPolicy)
		}
		return
	case !r.retained():
		m.problem("%s: %s holds data and DeletionPolicy is %s: it would go with the CloudFormation stack; set removalPolicy RETAIN in the CDK app and deploy it",
			label(id, r), name, cmp.Or(r.DeletionPolicy, "Delete"))
		return
	}
	if other := m.bySlot[s.name]; other != "" {
		m.problem("%s: %s is also called %s", label(id, r), other, name)
		return
	}
	m.bySlot[s.name] = id
	item := Item{LogicalID: id, Type: r.Type, ID: name, As: []string{s.name}}
	m.imports = append(m.imports, Import{Type: s.typ, Name: s.name, ID: name, Parent: s.parent})
	for _, p := range parts[r.Type] {
		set, err := m.resolver.present(r.Properties[p.Property])
		if err != nil {
			m.problem("%s: %s: %w", label(id, r), p.Property, err)
		}
		if set {
			item.As = append(item.As, s.name+p.suffix)
			m.imports = append(m.imports, Import{Type: p.Type, Name: s.name + p.suffix, ID: name, Parent: s.parent})
		}
	}
	m.Adopted = append(m.Adopted, item)
	switch r.Type {
	case bucketType:
		m.checkBucket(r, name)
	case repositoryType:
		m.checkRepository(id, r)
	case logGroupType:
		m.checkLogGroup(r, name)
	case parameterType:
		m.checkParameter(id, r)
	}
}

// noPlace tells of a resource whose name the program does not have.
func (m *migrator) noPlace(id string, r *Resource, name string) {
	switch r.Type {
	case bucketType:
		purpose := m.purposeOf(name)
		if purpose == "" {
			m.leaveData(id, r, "this stack has no bucket of that name; "+fate(r))
			return
		}
		want := m.target.bucketName(purpose)
		why := fmt.Sprintf("a bucket cannot be renamed, and this stack's is %s: copy it after pulumi up, `aws s3 sync s3://%s s3://%s`", want, name, want)
		if environment, suffix, ok := m.target.fits(purpose, name); ok {
			why = fmt.Sprintf("this stack's is %s; environment %q and resourceSuffix %q would make them one", want, environment, suffix)
		}
		m.leaveData(id, r, why)
	case parameterType:
		why := "this stack has no parameter of that name; " + fate(r)
		m.Left = append(m.Left, Item{LogicalID: id, Type: r.Type, ID: name, Why: why})
	default:
		m.Left = append(m.Left, Item{LogicalID: id, Type: r.Type, ID: name, Why: "this stack has none of that name; " + fate(r)})
	}
}

// fits finds the environment and suffix with which a bucket of the stack would
// have a name.
func (t *Target) fits(purpose, name string) (environment, suffix string, ok bool) {
	rest, begins := strings.CutPrefix(name, "ds-"+purpose+"-")
	environment, suffix, found := strings.Cut(rest, "-"+t.Account+"-"+t.Region)
	return environment, suffix, begins && found && environment != "" && t.Account != ""
}

// purposeOf finds what a bucket is for: by its name, or by the parameter that
// holds it.
func (m *migrator) purposeOf(name string) string {
	holders := map[string]string{contract.InputBucket: contract.InputPurpose, contract.OutputBucket: contract.OutputPurpose, contract.ArtifactBucket: contract.ArtifactPurpose}
	for _, purpose := range holders {
		if strings.HasPrefix(name, "ds-"+purpose+"-") {
			return purpose
		}
	}
	for _, r := range m.template.Resources {
		if r.Type != parameterType {
			continue
		}
		parameter, err := m.resolver.text(r.Properties["Name"])
		if err != nil {
			continue
		}
		purpose := holders[strings.TrimPrefix(parameter, m.target.ParameterPrefix)]
		if value, err := m.resolver.text(r.Properties["Value"]); purpose != "" && err == nil && value == name {
			return purpose
		}
	}
	return ""
}

// bucketPolicy adopts the policy of an adopted bucket.
func (m *migrator) bucketPolicy(id string, r *Resource) {
	if slices.Contains(m.leave, id) {
		m.leaveOut(id, r)
		return
	}
	bucket, err := m.resolver.text(r.Properties["Bucket"])
	if err != nil {
		m.problem("%s: Bucket: %w", label(id, r), err)
		return
	}
	s := m.slotOf(bucketType, bucket)
	if s == nil || m.bySlot[s.name] == "" || !r.retained() {
		m.Anew = append(m.Anew, Item{LogicalID: id, Type: r.Type, Why: "it is not retained, or its bucket is not adopted"})
		return
	}
	m.Adopted = append(m.Adopted, Item{LogicalID: id, Type: r.Type, ID: bucket, As: []string{s.name + "-policy"}})
	m.imports = append(m.imports, Import{Type: pulumiBucketPolicy, Name: s.name + "-policy", ID: bucket, Parent: s.parent})
}

// checkBucket tells what a bucket has that the stack does not.
func (m *migrator) checkBucket(r *Resource, name string) {
	if r.Properties["ObjectLockEnabled"] != nil {
		m.note("%s: Object Lock stays as it is; see in pulumi preview that nothing is replaced", name)
	}
	if key, is, err := m.resolver.member(r.Properties["BucketEncryption"], "ServerSideEncryptionConfiguration", "ServerSideEncryptionByDefault", "KMSMasterKeyID"); is {
		arn := "its key"
		if err == nil {
			arn = m.keyArn(key)
		}
		if !m.target.CustomerKey || arn != m.target.KMSKeyArn {
			m.note("%s: objects are encrypted with %s, which runs could not use: `pulumi config set encryption customer-key` and `pulumi config set kmsKeyArn %s`", name, arn, arn)
		}
	}
}

// keyArn is the ARN of a key of KMS that may be given by its ID.
func (m *migrator) keyArn(key string) string {
	if strings.HasPrefix(key, "arn:") {
		return key
	}
	return fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", partition(m.target.Region), m.target.Region, m.target.Account, key)
}

// checkRepository refuses what would replace the repository.
func (m *migrator) checkRepository(id string, r *Resource) {
	if m.target.KeepImages > 0 {
		m.note("ds-preprocessing%s: only the newest %d images are kept (keepImages)", m.target.Suffix, m.target.KeepImages)
	}
	kind, isSet, err := m.resolver.member(r.Properties["EncryptionConfiguration"], "EncryptionType")
	if err != nil {
		m.problem("%s: EncryptionConfiguration: %w", label(id, r), err)
		return
	}
	if !isSet {
		kind = "AES256"
	}
	key, keyed, err := m.resolver.member(r.Properties["EncryptionConfiguration"], "KmsKey")
	if err != nil {
		m.problem("%s: EncryptionConfiguration: %w", label(id, r), err)
		return
	}
	const otherwise = "; or have the CloudFormation stack delete it (removalPolicy DESTROY, emptyOnDelete) and say --leave %s: its images go, and pulumi up builds one"
	switch {
	case !m.target.CustomerKey && kind != "AES256":
		m.problem("%s: it is encrypted with %s, and this stack with AES256, which would replace it: set encryption customer-key and kmsKeyArn"+otherwise, label(id, r), kind, id)
	case m.target.CustomerKey && (kind == "AES256" || !keyed || m.keyArn(key) != m.target.KMSKeyArn):
		m.problem("%s: it is encrypted with %s, and this stack with %s, which would replace it: set encryption and kmsKeyArn as the repository has them"+otherwise,
			label(id, r), cmp.Or(key, kind), cmp.Or(m.target.KMSKeyArn, "a key that it makes"), id)
	}
}

// checkLogGroup tells of records that are deleted.
func (m *migrator) checkLogGroup(r *Resource, name string) {
	text, err := m.resolver.text(r.Properties["RetentionInDays"])
	days, notNumber := strconv.Atoi(text)
	if keep := m.target.LogRetentionDays; keep > 0 && (err != nil || notNumber != nil || days > keep) {
		m.note("%s: records older than %d days are deleted (logRetentionDays); so far they are kept %s", name, keep, map[bool]string{true: text + " days", false: "for ever"}[err == nil && notNumber == nil])
	}
}

// checkParameter refuses what would replace a parameter.
func (m *migrator) checkParameter(id string, r *Resource) {
	for _, p := range []struct{ property, want string }{{"Type", "String"}, {"Tier", "Standard"}, {"DataType", "text"}} {
		v, given := r.Properties[p.property]
		if !given {
			continue
		}
		if text, err := m.resolver.text(v); err != nil || text != p.want {
			m.problem("%s: %s is %q, and this stack's is %q, which would replace it: take DeletionPolicy: %s out, and pulumi up makes it anew", label(id, r), p.property, text, p.want, r.DeletionPolicy)
		}
	}
}

// configKeys are the keys of the configuration that parameters come from.
var configKeys = map[string]string{
	contract.InputKey: "inputKey", contract.ModelKey: "modelKey", contract.ScriptKey: "scriptKey", contract.PackageKey: "packageKey", contract.ScriptStage: "scriptStage",
}

// compareSettings tells how to keep the settings that the app has.
func (m *migrator) compareSettings() {
	for _, id := range slices.Sorted(maps.Keys(m.template.Resources)) {
		r := m.template.Resources[id]
		if exists, err := m.exists(r); err != nil || !exists || r.Type != parameterType {
			continue
		}
		name, err := m.resolver.text(r.Properties["Name"])
		if err != nil {
			continue // what is adopted without a name is a problem already
		}
		setting := strings.TrimPrefix(name, m.target.ParameterPrefix)
		key := configKeys[setting]
		value, err := m.resolver.text(r.Properties["Value"])
		if key == "" || err != nil || value == m.target.Settings[setting] {
			continue
		}
		m.note("%s: the app has %q and this stack %q: `pulumi config set %s '%s'` keeps the app's", name, value, m.target.Settings[setting], key, value)
	}
}

// tellWhatAges tells what the stack's settings do to the data of all buckets.
func (m *migrator) tellWhatAges() {
	var buckets []string
	for _, i := range m.Adopted {
		if i.Type == bucketType {
			buckets = append(buckets, i.ID)
		}
	}
	if len(buckets) == 0 {
		return
	}
	if days := m.target.KeepVersionsDays; days > 0 {
		m.note("%s: what was overwritten or deleted more than %d days ago is deleted for good (keepVersionsDays), and lifecycle rules of the template end", strings.Join(buckets, ", "), days)
	}
	if m.target.ForceDestroy {
		m.note("%s: pulumi destroy deletes them with all objects: `pulumi config set forceDestroyData false` and `pulumi config set protectData true`", strings.Join(buckets, ", "))
	}
}

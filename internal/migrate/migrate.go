// Package migrate says how the resources of a CDK app come into a stack of this
// project: from the CloudFormation template to the file of `pulumi import
// --file`. What holds data is adopted; everything else is made anew, after the
// CloudFormation stack is gone.
package migrate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
)

// Target is the stack of this project that takes over.
type Target struct {
	Project         string
	Environment     string // part of names
	Account         string // "" if it is not configured
	Region          string
	Profile         string // "" for the credentials of the environment
	Suffix          string // of names
	ParameterPrefix string

	// Settings are the values of the job's parameters, by the contract's names.
	Settings map[string]string

	CustomerKey bool   // whether one key encrypts everything
	KMSKeyArn   string // of a key that exists; "" for one that the stack makes

	// After how many days, or with how many images, the stack deletes the oldest.
	KeepVersionsDays, LogRetentionDays, KeepImages int

	ForceDestroy bool // whether a destroy deletes the data
}

// Migration is what becomes of a template's resources.
type Migration struct {
	File    ImportFile `json:"-"`
	Adopted []Item     `json:"adopted"` // Pulumi takes them over
	Anew    []Item     `json:"anew"`    // deleted with the CloudFormation stack; pulumi up makes others
	Left    []Item     `json:"left"`    // Pulumi has nothing to do with them
	Notes   []string   `json:"notes"`   // what to know before pulumi up
}

// Item is one resource of the template.
type Item struct {
	LogicalID string   `json:"logicalId"`
	Type      string   `json:"type"`
	ID        string   `json:"id,omitempty"` // its name, as far as it matters
	As        []string `json:"as,omitempty"` // names in the program
	Why       string   `json:"why,omitempty"`
}

// ImportFile is what `pulumi import --file` reads.
type ImportFile struct {
	Resources []Import `json:"resources"`
}

// Import is one resource of an ImportFile.
type Import struct {
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	ID        string         `json:"id,omitempty"`
	Parent    string         `json:"parent,omitempty"`
	Provider  string         `json:"provider,omitempty"`
	Version   string         `json:"version,omitempty"`
	Component bool           `json:"component,omitempty"`
	Inputs    map[string]any `json:"inputs,omitempty"`
}

// New decides what becomes of each resource. deployed is nil if it is not
// known; leave lists logical IDs that are not to be adopted. The error tells
// every problem; each would cost data, or stop `pulumi up`.
func New(t *Template, deployed *Deployed, target Target, leave []string) (*Migration, error) {
	m := &migrator{template: t, target: target, leave: leave, bySlot: map[string]string{}}
	if deployed != nil {
		m.checkPlace(deployed)
	}
	m.resolver = newResolver(t, deployed, m.target.Account, m.target.Region)
	for _, id := range leave {
		if t.Resources[id] == nil {
			m.problem("--leave %s: there is no such resource in the template", id)
		}
	}
	var policies, customs []string // they are about others, which come first
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if exists, err := m.exists(r); err != nil {
			m.problem("%s (%s): %w", id, r.Type, err)
			continue
		} else if !exists {
			continue
		}
		switch {
		case r.Type == bucketPolicyType:
			policies = append(policies, id)
		case strings.HasPrefix(r.Type, "Custom::"):
			customs = append(customs, id)
		default:
			m.decide(id, r)
		}
	}
	for _, id := range policies {
		m.bucketPolicy(id, t.Resources[id])
	}
	for _, id := range customs {
		m.custom(id, t.Resources[id])
	}
	m.compareSettings()
	if len(m.Adopted) == 0 && m.errs == nil {
		m.problem("nothing in the template can be adopted: want buckets, a repository, log groups or parameters with the names of this stack, such as %s", m.target.bucketName(contract.InputPurpose))
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	m.File = m.file()
	return &m.Migration, nil
}

type migrator struct {
	Migration
	template *Template
	resolver *resolver
	target   Target
	leave    []string
	imports  []Import
	bySlot   map[string]string // logical IDs, by the name in the program
	errs     []error
}

func (m *migrator) problem(format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(format, args...))
}

func (m *migrator) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}

// checkPlace compares where the CloudFormation stack is with where the target
// is, and takes the account from it if the target does not say.
func (m *migrator) checkPlace(d *Deployed) {
	fields := strings.SplitN(d.StackID, ":", 6) // arn:aws:cloudformation:region:account:stack/…
	if len(fields) != 6 {
		return
	}
	region, account := fields[3], fields[4]
	if region != m.target.Region {
		m.problem("the CloudFormation stack %s is in %s and this stack in %s: want one region (aws:region)", d.StackName, region, m.target.Region)
	}
	if m.target.Account == "" {
		m.target.Account = account
	} else if account != m.target.Account {
		m.problem("the CloudFormation stack %s is in account %s and this stack in %s: want one account (accountId)", d.StackName, account, m.target.Account)
	}
}

func (m *migrator) exists(r *Resource) (bool, error) {
	if r.Condition == "" {
		return true, nil
	}
	return m.resolver.condition(r.Condition)
}

// retained says whether a resource stays when its CloudFormation stack goes.
func (r *Resource) retained() bool {
	return r.DeletionPolicy == "Retain" || r.DeletionPolicy == "RetainExceptOnCreate"
}

// label names a resource as its author does.
func label(id string, r *Resource) string {
	if r.Path != "" {
		return fmt.Sprintf("%s (%s, %s)", id, r.Type, r.Path)
	}
	return fmt.Sprintf("%s (%s)", id, r.Type)
}

func decisionOf(typ string) Decision {
	var found Decision
	for _, d := range Decisions() {
		if prefix, open := strings.CutSuffix(d.Type, "*"); d.Type == typ || open && strings.HasPrefix(typ, prefix) {
			found = d
			break
		}
	}
	return found
}

// decide sorts a resource into what is adopted, made anew or left.
func (m *migrator) decide(id string, r *Resource) {
	d := decisionOf(r.Type)
	if slices.Contains(m.leave, id) {
		m.leaveOut(id, r)
		return
	}
	switch d.Becomes {
	case adopted:
		m.adopt(id, r)
	case anew:
		m.makeAnew(id, r, d.Why)
	default:
		m.leaveData(id, r, d.Why)
	}
}

// leaveOut is what --leave asks for. A name that the program needs must be free.
func (m *migrator) leaveOut(id string, r *Resource) {
	name := ""
	if _, named := nameProperty[r.Type]; named {
		var err error
		if name, err = m.resolver.physical(id); err == nil && m.slotOf(r.Type, name) != nil && r.retained() {
			m.problem("%s: --leave: pulumi up creates another %q, which exists while this one is retained; take %s out, which deletes it with the CloudFormation stack, or adopt it",
				label(id, r), name, "DeletionPolicy: "+r.DeletionPolicy)
			return
		}
	}
	m.Left = append(m.Left, Item{LogicalID: id, Type: r.Type, ID: name, Why: "--leave; " + fate(r)})
}

func fate(r *Resource) string {
	if r.retained() {
		return "it stays where it is"
	}
	return "it is deleted with the CloudFormation stack"
}

func (m *migrator) slotOf(cfn, id string) *slot {
	for _, s := range m.target.slots() {
		if s.cfn == cfn && s.id == id {
			return &s
		}
	}
	return nil
}

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
		m.Anew = append(m.Anew, Item{LogicalID: id, Type: r.Type, ID: name})
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
		m.checkBucket(id, r, name)
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
		purpose := m.purposeOf(id, name)
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
func (m *migrator) purposeOf(id, name string) string {
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

// leaveData leaves a resource, which must not go with the CloudFormation stack
// if it holds data.
func (m *migrator) leaveData(id string, r *Resource, why string) {
	if holdsData[r.Type] && !r.retained() {
		what := "what it holds"
		if r.Type == keyType {
			what = "everything that it encrypted"
		}
		m.problem("%s: it is not adopted (%s) and DeletionPolicy is %s: %s would be lost with the CloudFormation stack; set removalPolicy RETAIN in the CDK app and deploy it, or say --leave %s",
			label(id, r), strings.TrimSuffix(why, "; "+fate(r)), cmp.Or(r.DeletionPolicy, "Delete"), what, id)
		return
	}
	name := ""
	if _, named := nameProperty[r.Type]; named || r.Type == keyType {
		name, _ = m.resolver.physical(id)
	}
	m.Left = append(m.Left, Item{LogicalID: id, Type: r.Type, ID: name, Why: why})
}

// makeAnew checks that the name is free once the CloudFormation stack is gone.
func (m *migrator) makeAnew(id string, r *Resource, why string) {
	item := Item{LogicalID: id, Type: r.Type, Why: why}
	for _, t := range m.target.taken() {
		given, has := r.Properties[t.property]
		if t.cfn != r.Type || !has {
			continue
		}
		name, err := m.resolver.text(given)
		if err != nil {
			m.problem("%s: %s: %w", label(id, r), t.property, err)
			return
		}
		if name != t.name {
			continue
		}
		item.ID = name
		if r.retained() {
			m.problem("%s: pulumi up creates another %q, which exists while this one is retained; take DeletionPolicy: %s out and deploy the CDK app", label(id, r), name, r.DeletionPolicy)
			return
		}
	}
	m.Anew = append(m.Anew, item)
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
		m.Anew = append(m.Anew, Item{LogicalID: id, Type: r.Type, ID: bucket, Why: "the policy of a bucket"})
		return
	}
	m.Adopted = append(m.Adopted, Item{LogicalID: id, Type: r.Type, ID: bucket, As: []string{s.name + "-policy"}})
	m.imports = append(m.imports, Import{Type: pulumiBucketPolicy, Name: s.name + "-policy", ID: bucket, Parent: s.parent})
}

// emptying are custom resources of the CDK that delete, when their stack goes,
// what another resource holds, with the property that names that one.
var emptying = map[string]struct{ property, of, remedy string }{
	"Custom::S3AutoDeleteObjects": {"BucketName", bucketType, "autoDeleteObjects"},
	"Custom::ECRAutoDeleteImages": {"RepositoryName", repositoryType, "autoDeleteImages or emptyOnDelete"},
}

func (m *migrator) custom(id string, r *Resource) {
	e, empties := emptying[r.Type]
	if empties && !slices.Contains(m.leave, id) {
		name, err := m.resolver.text(r.Properties[e.property])
		s := m.slotOf(e.of, name)
		if err != nil || s != nil && m.bySlot[s.name] != "" {
			m.problem("%s: it deletes everything in %s when the CloudFormation stack goes: take %s out of the CDK app and deploy it", label(id, r), cmp.Or(name, e.property), e.remedy)
			return
		}
	}
	m.makeAnew(id, r, decisionOf(r.Type).Why)
}

// checkBucket tells what the stack's settings do to a bucket's data.
func (m *migrator) checkBucket(id string, r *Resource, name string) {
	if len(m.Adopted) > 0 && m.target.KeepVersionsDays > 0 {
		m.note("%s: versions that were overwritten or deleted more than %d days ago are deleted for good (keepVersionsDays); the template's lifecycle rules end", name, m.target.KeepVersionsDays)
	}
	if m.target.ForceDestroy {
		m.note("%s: pulumi destroy deletes it with all objects: set forceDestroyData false and protectData true", name)
	}
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
	_ = id
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
		if r.Type != parameterType {
			continue
		}
		name, err := m.resolver.text(r.Properties["Name"])
		if err != nil {
			continue
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

// present says whether a property is given: a function may leave it out.
func (r *resolver) present(v any) (bool, error) {
	name, argument, ok := functionOf(v)
	switch {
	case v == nil:
		return false, nil
	case ok && name == "Ref" && argument == "AWS::NoValue":
		return false, nil
	case ok && name == "Fn::If":
		chosen, err := r.choose(argument)
		if err != nil {
			return false, err
		}
		return r.present(chosen)
	}
	return true, nil
}

// member finds a text within objects and lists of one, and says whether it is
// there.
func (r *resolver) member(v any, path ...string) (text string, ok bool, err error) {
	for _, key := range path {
		if list, isList := v.([]any); isList && len(list) > 0 {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		if v = object[key]; v == nil {
			return "", false, nil
		}
	}
	text, err = r.text(v)
	return text, true, err
}

// file puts the provider and the components before what is adopted.
func (m *migrator) file() ImportFile {
	inputs := map[string]any{
		"region":                    m.target.Region,
		"skipCredentialsValidation": false,
		"skipRegionValidation":      true,
		"defaultTags": map[string]any{"tags": map[string]any{
			"project": m.target.Project, "environment": m.target.Environment, "managed-by": "pulumi",
		}},
	}
	if m.target.Account != "" {
		inputs["allowedAccountIds"] = []any{m.target.Account}
	}
	if m.target.Profile != "" {
		inputs["profile"] = m.target.Profile
	}
	all := []Import{{Type: pulumiProvider, Name: "aws", Version: providerVersion, Inputs: inputs}}
	for _, c := range components {
		if slices.ContainsFunc(m.imports, func(i Import) bool { return i.Parent == c.name }) {
			all = append(all, Import{Type: c.typ, Name: c.name, Component: true})
		}
	}
	slices.SortStableFunc(m.imports, func(a, b Import) int {
		return cmp.Or(strings.Compare(a.Parent, b.Parent), strings.Compare(a.Name, b.Name))
	})
	for _, i := range m.imports {
		i.Provider, i.Version = "aws", providerVersion
		all = append(all, i)
	}
	return ImportFile{Resources: all}
}

// JSON is the file as it is written.
func (f ImportFile) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

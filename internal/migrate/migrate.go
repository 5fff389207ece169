// Package migrate says how the resources of a CDK app come into a stack of this
// project: from the CloudFormation template to the file of `pulumi import
// --file`. What holds data is adopted; everything else is made anew, after the
// CloudFormation stack is gone.
package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// New decides what becomes of each resource. deployed is nil if it is not
// known; leave lists logical IDs that are not to be adopted. The error tells
// every problem; each would cost data, or stop `pulumi up`.
func New(t *Template, deployed *Deployed, target Target, leave []string) (*Migration, error) {
	m := &migrator{template: t, target: target, leave: leave, bySlot: map[string]string{}}
	m.Adopted, m.Anew, m.Left, m.Notes = []Item{}, []Item{}, []Item{}, []string{} // empty lists, in JSON too
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
	m.tellWhatAges()
	if len(m.Adopted) == 0 && m.errs == nil {
		m.problem("nothing in the template can be adopted: want buckets, a repository, log groups or parameters with the names of this stack, such as %s", m.target.bucketName(contract.InputPurpose))
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	for _, items := range [][]Item{m.Adopted, m.Anew, m.Left} {
		slices.SortStableFunc(items, func(a, b Item) int { return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID)) })
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

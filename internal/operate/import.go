package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"ds-pipeline/internal/migrate"
	"ds-pipeline/preprocess/named"
)

type importCommand struct {
	Cloudformation string   `type:"path" placeholder:"TEMPLATE" required:"" help:"Template of the CDK app's stack: what 'aws cloudformation get-template' prints, or what 'cdk synth' writes, in JSON or YAML."`
	Resources      string   `type:"path" placeholder:"FILE" help:"What 'aws cloudformation describe-stack-resources --output json' prints of that stack. Needed where the template does not name what it makes."`
	Leave          []string `placeholder:"ID" sep:"," help:"Logical ID of a resource not to adopt, several with commas between them."`
	Write          string   `type:"path" placeholder:"FILE" default:"import.json" help:"Where the file for 'pulumi import --file' goes. Default: ${default}."`
}

// imported is what the command prints.
type imported struct {
	File string `json:"file"`
	*migrate.Migration
}

// run needs no credentials: it reads files and writes one.
func (c *importCommand) run(_ context.Context, s *session) error {
	if s.Stack == "" {
		return usagef("which stack takes the resources over? Want --stack NAME, with its Pulumi.NAME.yaml in --dir")
	}
	f, err := readStackFile(s.Dir, s.Stack)
	if err != nil {
		return err
	}
	target, err := f.migrationTarget(s.globals)
	if err != nil {
		return err
	}
	text, err := named.Read("--cloudformation", c.Cloudformation, migrate.MaxInputBytes)
	if err := errors.Join(err, named.Target("--write", c.Write)); err != nil {
		return err
	}
	template, err := migrate.ReadTemplate(text)
	if err != nil {
		return fail(exitData, "Give what `aws cloudformation get-template --stack-name NAME` prints, or the template in cdk.out.", "%s: %w", c.Cloudformation, err)
	}
	var deployed *migrate.Deployed
	if c.Resources != "" {
		if text, err = named.Read("--resources", c.Resources, migrate.MaxInputBytes); err != nil {
			return err
		}
		if deployed, err = migrate.ReadDeployed(text); err != nil {
			return fail(exitData, "", "%s: %w", c.Resources, err)
		}
	}
	m, err := migrate.New(template, deployed, target, c.Leave)
	if err != nil {
		return fail(exitData, "Nothing was written. docs/migration.md goes through it.", "%s:\n%w", c.Cloudformation, err)
	}
	file, err := m.File.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Write, file, 0o600); err != nil {
		return err
	}
	if s.JSON {
		return s.printJSON(imported{c.Write, m})
	}
	s.showMigration(m, named.Near(c.Write))
	return nil
}

// migrationTarget is what the stack file says of the stack that takes over.
func (f *stackFile) migrationTarget(g globals) (migrate.Target, error) {
	number := func(key string) int {
		n, _ := strconv.Atoi(f.text(key)) // what is wrong there, Pulumi says
		return n
	}
	t := migrate.Target{
		Project:         f.project,
		Environment:     cmp.Or(f.text("environment"), f.name),
		Account:         f.text("accountId"),
		Region:          cmp.Or(g.Region, f.text("aws:region")),
		Profile:         cmp.Or(g.Profile, f.text("aws:profile")),
		Suffix:          f.text("resourceSuffix"),
		ParameterPrefix: cmp.Or(g.Prefix, f.prefix()),

		Settings:    f.parameters(g.Region),
		CustomerKey: f.text("encryption") == "customer-key",
		KMSKeyArn:   f.text("kmsKeyArn"),

		KeepVersionsDays: number("keepVersionsDays"),
		LogRetentionDays: number("logRetentionDays"),
		KeepImages:       number("keepImages"),
		ForceDestroy:     f.text("forceDestroyData") == "true",
	}
	if t.Region == "" {
		return t, fail(exitConfig, "Set it: pulumi config set aws:region us-east-1.", "Pulumi.%s.yaml: aws:region: missing", f.name)
	}
	return t, nil
}

// showMigration prints what becomes of the resources, and what to do next.
func (s *session) showMigration(m *migrate.Migration, file string) {
	section := func(title string, head []string, rows [][]string) {
		if len(rows) == 0 {
			return
		}
		s.printf("%s\n", s.paint(bold, title))
		s.table(head, rows, nil)
		s.printf("\n")
	}
	var adopted, left [][]string
	for _, i := range m.Adopted {
		as := i.As[0]
		if more := len(i.As) - 1; more > 0 {
			as += fmt.Sprintf(" and %d of its settings", more)
		}
		adopted = append(adopted, []string{i.ID, as, i.LogicalID})
	}
	for _, i := range m.Left {
		left = append(left, []string{cmp.Or(i.ID, i.LogicalID), i.Type, i.Why})
	}
	section("Adopted", []string{"IN AWS", "IN THE STACK", "IN THE TEMPLATE"}, adopted)
	section("Deleted with the CloudFormation stack; pulumi up makes others", []string{"TYPE", "COUNT", "NAMES THAT HAVE TO BE FREE"}, anewRows(m.Anew))
	section("Left", []string{"IN AWS", "TYPE", "WHY"}, left)
	if len(m.Notes) > 0 {
		s.printf("%s\n", s.paint(bold, "Before pulumi up"))
		for _, n := range m.Notes {
			s.printf("- %s\n", n)
		}
		s.printf("\n")
	}
	s.printf("%[1]s is written: %[2]d resources. Next, with the CloudFormation stack still there:\n  pulumi import --file %[1]s --generate-code=false --stack %[3]s\n  pulumi preview --diff --stack %[3]s\n",
		file, len(m.File.Resources), s.Stack)
}

// anewRows counts what is made anew by type, in the order of the types.
func anewRows(items []migrate.Item) [][]string {
	var rows [][]string
	at := map[string]int{}
	counts := []int{}
	for _, i := range items {
		row, known := at[i.Type]
		if !known {
			row = len(rows)
			at[i.Type] = row
			rows, counts = append(rows, []string{i.Type, "", ""}), append(counts, 0)
		}
		counts[row]++
		rows[row][1] = strconv.Itoa(counts[row])
		if i.ID != "" {
			rows[row][2] = strings.TrimPrefix(rows[row][2]+", "+i.ID, ", ")
		}
	}
	return rows
}

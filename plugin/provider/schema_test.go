package provider_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/declared"
	"ds-pipeline/plugin/provider"
)

const module = "ds-pipeline:components:"

// offered are the inputs of the components that the package has.
var offered = map[string]any{
	"DataBuckets": components.DataBucketsArgs{}, "EncryptionKey": components.EncryptionKeyArgs{}, "AuditTrail": components.AuditTrailArgs{},
	"ProcessingCluster": components.ProcessingClusterArgs{}, "Pipeline": components.PipelineArgs{}, "Schedule": components.ScheduleArgs{},
	"Watch": components.WatchArgs{}, "Monitoring": components.MonitoringArgs{},
}

// complete adds to what was inferred what types cannot tell: the comments, and that
// whatever Go has as a plain value must be plain in other languages, too. Of an
// object of which nothing is required nothing has to be there.
func complete(t *testing.T, spec *schema.PackageSpec) {
	t.Helper()
	// Without one the languages use their own names, such as @pulumi/ds-pipeline.
	spec.Namespace = ""
	all, err := declared.Components("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, c := range all {
		resource, ok := spec.Resources[module+c.Name]
		if !ok {
			continue
		}
		seen++
		resource.Description = c.Text
		describe(resource.Properties, c.Outputs)
		describe(resource.InputProperties, c.Inputs)
		args := reflect.TypeOf(offered[c.Name])
		for i := range args.NumField() {
			field := args.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
			property, ok := resource.InputProperties[name]
			if !ok {
				t.Errorf("%sArgs.%s: no tag `pulumi:\"…\"`, so other languages cannot set it", c.Name, field.Name)
				continue
			}
			setPlain(&property.TypeSpec, field.Type)
			resource.InputProperties[name] = property
			if typ, ok := spec.Types[strings.TrimPrefix(property.Ref, "#/types/")]; ok && len(typ.Required) == 0 {
				resource.RequiredInputs = remove(resource.RequiredInputs, name)
			}
		}
		spec.Resources[module+c.Name] = resource
		for name, fields := range c.Types {
			typ, ok := spec.Types[module+name]
			if !ok {
				continue
			}
			describe(typ.Properties, fields)
			for _, f := range fields {
				property, ok := typ.Properties[f.Tag]
				if !ok {
					t.Errorf("%s.%s: no tag `pulumi:\"…\"`, so other languages cannot set it", name, f.Name)
					continue
				}
				setPlain(&property.TypeSpec, reflect.TypeFor[string]())
				typ.Properties[f.Tag] = property
			}
			spec.Types[module+name] = typ
		}
	}
	if seen != len(spec.Resources) || seen != len(offered) {
		t.Fatalf("%d components are declared of the %d in the schema and the %d of this test", seen, len(spec.Resources), len(offered))
	}
}

func remove(list []string, name string) []string {
	var rest []string
	for _, n := range list {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

// setPlain makes a type, and what it holds, plain if Go's is, and else not.
func setPlain(spec *schema.TypeSpec, goType reflect.Type) {
	isInput := goType.Implements(reflect.TypeFor[pulumi.Input]())
	spec.Plain = !isInput
	if spec.Items != nil {
		element := reflect.TypeFor[string]()
		if isInput {
			element = reflect.TypeFor[pulumi.StringInput]()
		} else if goType.Kind() == reflect.Slice {
			element = goType.Elem()
		}
		setPlain(spec.Items, element)
	}
}

var word = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// describe copies comments; what they call a field is called as the other languages
// do.
func describe(properties map[string]schema.PropertySpec, fields []declared.Field) {
	names := map[string]string{}
	for _, f := range fields {
		names[f.Name] = f.Tag
	}
	for _, f := range fields {
		property, ok := properties[f.Tag]
		if !ok {
			continue
		}
		property.Description = word.ReplaceAllStringFunc(strings.Join(strings.Fields(f.Text), " "), func(w string) string {
			if tag := names[w]; tag != "" {
				return tag
			}
			return w
		})
		properties[f.Tag] = property
	}
}

func TestSchema_isFresh(t *testing.T) {
	inferred, err := provider.Inferred()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := p.GetSchema(t.Context(), provider.Name, provider.Version, inferred)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, &spec)
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(spec); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile("schema.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("plugin/provider/schema.json is stale: run `make schema`, and review the diff: programs in other languages see it")
	}
}

// bound is the schema as Pulumi's own generators read it, without warnings.
func bound(t *testing.T) *schema.Package {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	pkg, diags, err := schema.BindSpec(spec, schema.NewPluginLoader(nil), schema.ValidationOptions{AllowDanglingReferences: false})
	if err != nil || len(diags) > 0 {
		t.Fatalf("got %v, %v, want no complaint", err, diags)
	}
	return pkg
}

// What `pulumi package add` writes for TypeScript and Python.
func TestSchema_makesPackagesForOtherLanguages(t *testing.T) {
	pkg := bound(t)
	ts, err := nodejs.GeneratePackage("test", pkg, nil, nil, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	py, err := python.GeneratePackage("test", pkg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files map[string][]byte
		file  string
		want  []string
	}{
		{ts, "components/dataBuckets.ts", []string{"export class DataBuckets extends pulumi.ComponentResource", "keepVersionsDays: number;", "kmsKeyArn?: pulumi.Input<string | undefined>;", "inputLifecycle?: inputs.components.LifecycleArgs;", "restored: 1 to 3650 days."}},
		{ts, "components/pipeline.ts", []string{"subnetIds: pulumi.Input<pulumi.Input<string>[]>;", "subscriptions?: string[];"}},
		{ts, "package.json", []string{`"name": "@pulumi/ds-pipeline"`}},
		{py, "pyproject.toml", []string{`name = "pulumi_ds_pipeline"`}},
		{py, "pulumi_ds_pipeline/components/data_buckets.py", []string{"keep_versions_days: _builtins.int,", "output_lifecycle: Optional[Union['LifecycleArgs', 'LifecycleArgsDict']]", "class DataBuckets(pulumi.ComponentResource)"}},
	} {
		text := string(c.files[c.file])
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", c.file, want, text)
			}
		}
	}
}

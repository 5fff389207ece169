package simcloud

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// sample is one resource type under test: inputs that are right, and ways to
// spoil them.
type sample struct {
	valid string // JSON
	bad   []spoiled
}

// spoiled is a list of assignments, path=JSON with & between them, and a part
// of the problem that they cause. The JSON null removes a property.
type spoiled struct{ set, want string }

func parseProps(t *testing.T, text string) map[string]any {
	t.Helper()
	var props map[string]any
	if err := json.Unmarshal([]byte(text), &props); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return props
}

var step = regexp.MustCompile(`([^.\[\]]+)|\[(\d+)\]`)

// assign sets the value at a path such as rules[0].status, making what is
// missing on the way.
func assign(t *testing.T, root map[string]any, path string, value any) {
	t.Helper()
	parts := step.FindAllStringSubmatch(path, -1)
	var put func(at any, rest [][]string) any
	put = func(at any, rest [][]string) any {
		if len(rest) == 0 {
			return value
		}
		if rest[0][1] != "" {
			object, ok := at.(map[string]any)
			if !ok {
				object = map[string]any{}
			}
			if len(rest) == 1 && value == nil {
				delete(object, rest[0][1])
				return object
			}
			object[rest[0][1]] = put(object[rest[0][1]], rest[1:])
			return object
		}
		n, err := strconv.Atoi(rest[0][2])
		if err != nil {
			t.Fatal(err)
		}
		list, _ := at.([]any)
		for len(list) <= n {
			list = append(list, nil)
		}
		list[n] = put(list[n], rest[1:])
		return list
	}
	put(root, parts)
}

func spoil(t *testing.T, valid, set string) map[string]any {
	t.Helper()
	props := parseProps(t, valid)
	for _, one := range strings.Split(set, " & ") {
		path, text, ok := strings.Cut(one, "=")
		if !ok {
			t.Fatalf("%q is no assignment", one)
		}
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		assign(t, props, path, value)
	}
	return props
}

func testSession() *session {
	return &session{account: DefaultAccount, region: "us-east-1", tags: map[string]string{}}
}

func validateProps(typ *Type, props map[string]any) []string {
	return typ.validate(testSession(), resource.NewPropertyMapFromMap(props))
}

func TestTypes_acceptWhatIsRight(t *testing.T) {
	for _, token := range Types() {
		s, ok := samples[token]
		if !ok {
			t.Errorf("%s has no sample: add one to samples_test.go", token)
			continue
		}
		if problems := validateProps(catalog()[token], parseProps(t, s.valid)); len(problems) > 0 {
			t.Errorf("%s: got problems %q, want none", token, problems)
		}
	}
}

func TestTypes_refuseWhatIsWrong(t *testing.T) {
	for _, token := range Types() {
		for _, b := range samples[token].bad {
			problems := validateProps(catalog()[token], spoil(t, samples[token].valid, b.set))
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, b.want) }) {
				t.Errorf("%s with %s: got problems %q, want %q among them", typeName(token), b.set, problems, b.want)
			}
		}
	}
}

// Every rule of every type is broken by some sample, so none is a dead letter.
func TestRules_eachIsBrokenBySomeSample(t *testing.T) {
	for _, token := range Types() {
		typ := catalog()[token]
		for n, r := range typ.Rules[:len(typ.Rules)-1] { // the last, on tags, is shared
			broken := false
			for _, b := range samples[token].bad {
				c := &checking{typ: typ, session: testSession(), props: plainMap(resource.NewPropertyMapFromMap(spoil(t, samples[token].valid, b.set)))}
				r(c)
				broken = broken || len(c.problems) > 0
			}
			if !broken {
				t.Errorf("%s: no sample breaks rule %d of %d", typeName(token), n+1, len(typ.Rules)-1)
			}
		}
	}
}

func TestTypes_requireWhatTheSDKRequires(t *testing.T) {
	for _, token := range Types() {
		typ := catalog()[token]
		typ.load()
		required := slices.Clone(typ.Required)
		for name, f := range typ.inputs.fields {
			if f.required {
				required = append(required, name)
			}
		}
		for _, name := range required {
			if strings.Contains(name, ".") {
				continue // below
			}
			problems := validateProps(typ, spoil(t, samples[token].valid, name+"=null"))
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, name+": missing") }) {
				t.Errorf("%s without %s: got problems %q, want it named", typeName(token), name, problems)
			}
		}
	}
}

func TestTypes_refuseUnknownProperties(t *testing.T) {
	for _, token := range Types() {
		problems := validateProps(catalog()[token], spoil(t, samples[token].valid, `nonsense=1`))
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, "nonsense: unknown property") }) {
			t.Errorf("%s: got problems %q, want nonsense named", typeName(token), problems)
		}
	}
}

func TestShapes_reachEveryDepth(t *testing.T) {
	lifecycle := samples["aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"].valid
	target := samples["aws:cloudwatch/eventTarget:EventTarget"].valid
	tests := []struct{ token, valid, set, want string }{
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules[0].status=null`, "rules[0].status: missing, it is required"},
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules[0].stauts="Enabled"`, `rules[0].stauts: unknown property; did you mean "status"?`},
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules[0].expiration.days="soon"`, "rules[0].expiration.days: got string, want a number"},
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules[0].expiration.days=1.5`, "rules[0].expiration.days: got 1.5, want a whole number"},
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules="all"`, "rules: got string, want a list"},
		{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", lifecycle, `rules[0]="all"`, "rules[0]: got string, want an object"},
		{"aws:cloudwatch/eventTarget:EventTarget", target, `ecsTarget={"taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/a:1", "networkConfiguration": {}}`, "ecsTarget.networkConfiguration.subnets: missing, it is required"},
		{"aws:cloudwatch/eventTarget:EventTarget", target, `ecsTarget={"networkConfiguration": {"subnets": ["subnet-1"]}}`, "ecsTarget.taskDefinitionArn: missing, it is required"},
		{bucketType, samples[bucketType].valid, `corsRules[0]={"allowedOrigins": ["*"]}`, "corsRules[0].allowedMethods: missing, it is required"},
		{bucketType, samples[bucketType].valid, `tags={"a": {"b": 1}}`, `tags["a"]: got object, want text`},
		{bucketType, samples[bucketType].valid, `tags=["a"]`, "tags: got"},
		{bucketType, samples[bucketType].valid, `forceDestroy="perhaps"`, "forceDestroy: got string, want true or false"},
		{bucketType, samples[bucketType].valid, `bucket=["a"]`, "bucket: got"},
		{bucketType, samples[bucketType].valid, `objectLockConfiguration="x"`, "objectLockConfiguration: got string, want an object"},
	}
	for _, tt := range tests {
		problems := validateProps(catalog()[tt.token], spoil(t, tt.valid, tt.set))
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, tt.want) }) {
			t.Errorf("%s with %s: got problems %q, want %q", typeName(tt.token), tt.set, problems, tt.want)
		}
	}
}

func TestTags_followTheRules(t *testing.T) {
	many := map[string]any{}
	for n := range 51 {
		many[fmt.Sprint(n)] = "x"
	}
	for name, tags := range map[string]map[string]any{
		"too many":      many,
		"reserved":      {"aws:name": "x"},
		"an empty key":  {"": "x"},
		"a long key":    {strings.Repeat("k", 129): "x"},
		"a long value":  {"k": strings.Repeat("v", 257)},
		"a control key": {"a\tb": "x"},
	} {
		if problems := validateProps(catalog()[queueType], map[string]any{"tags": tags}); len(problems) != 1 {
			t.Errorf("%s: got problems %q, want one", name, problems)
		}
	}
	if problems := validateProps(catalog()[queueType], map[string]any{"tags": map[string]any{"team": "data & science"}}); len(problems) != 1 {
		t.Errorf("got problems %q, want & refused", problems)
	}
	if problems := validateProps(catalog()[queueType], map[string]any{"tags": map[string]any{"cost center": "a_b.c:d/e=f+g-h@i ß"}}); len(problems) != 0 {
		t.Errorf("got problems %q, want none", problems)
	}
}

// The names in the tables are those of the SDK: a typing mistake there would
// switch a check off.
func TestTables_nameWhatTheSDKHas(t *testing.T) {
	for _, token := range Types() {
		typ := catalog()[token]
		typ.load()
		output := func(name string) bool { _, ok := typ.outputs[name]; return ok }
		check := func(what string, names ...string) {
			for _, name := range names {
				if name != "*" && !typ.isInput(name) {
					t.Errorf("%s: %s names %q, which is no input", typeName(token), what, name)
				}
			}
		}
		check("Replace", typ.Replace...)
		check("Update", typ.Update...)
		check("Documents", typ.Documents...)
		check("OnePer", typ.OnePer...)
		for _, p := range typ.Parents {
			check("Parents", p.Property)
			if catalog()[p.Type] == nil {
				t.Errorf("%s: Parents names the type %s, which is not in the catalog", typeName(token), p.Type)
			}
		}
		if typ.Name != nil {
			check("Name", typ.Name.Property)
		}
		for name := range typ.Defaults {
			if !output(name) {
				t.Errorf("%s: Defaults names %q, which is no output", typeName(token), name)
			}
		}
		for _, name := range typ.Secret {
			if !output(name) {
				t.Errorf("%s: Secret names %q, which is no output", typeName(token), name)
			}
		}
		for _, pattern := range typ.Required {
			shape := typ.inputs
			for _, part := range strings.Split(pattern, ".") {
				f := shape.fields[strings.TrimSuffix(part, "[]")]
				if f == nil {
					t.Errorf("%s: Required names %q, which is no property", typeName(token), pattern)
					break
				}
				if shape = f.shape; strings.HasSuffix(part, "[]") {
					shape = shape.elem
				}
			}
		}
	}
}

// Texts that AWS leaves empty unless the program sets them.
var mayBeEmpty = map[string][]string{
	bucketType:                             {"accelerationStatus", "acl", "bucketPrefix", "policy", "websiteDomain", "websiteEndpoint"},
	"aws:s3/bucketObjectv2:BucketObjectv2": {"acl", "checksumCrc32", "checksumCrc32c", "checksumCrc64nvme", "checksumSha1", "checksumSha256", "kmsKeyId"},
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": {"expectedBucketOwner"},
	"aws:cloudtrail/trail:Trail":             {"snsTopicArn"},
	roleType:                                 {"namePrefix"},
	policyType:                               {"namePrefix"},
	"aws:iam/rolePolicy:RolePolicy":          {"namePrefix"},
	"aws:sfn/stateMachine:StateMachine":      {"description", "namePrefix", "stateMachineVersionArn", "versionDescription"},
	ruleType:                                 {"namePrefix"},
	logGroupType:                             {"namePrefix"},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {"evaluateLowSampleCountPercentiles"},
	"aws:ssm/parameter:Parameter":            {"insecureValue", "keyId"},
	topicType:                                {"beginningArchiveTime", "fifoThroughputScope", "namePrefix", "policy"},
	"aws:sns/topicSubscription:TopicSubscription": {"filterPolicyScope"},
	queueType:                         {"deduplicationScope", "fifoThroughputLimit", "namePrefix", "policy", "redriveAllowPolicy", "redrivePolicy"},
	keyType:                           {"description", "policy"},
	"aws:kms/alias:Alias":             {"namePrefix", "targetKeyArn"},
	taskDefinitionType:                {"networkMode"},
	vpcType:                           {"ipv6AssociationId", "ipv6CidrBlock", "ipv6CidrBlockNetworkBorderGroup"},
	subnetType:                        {"ipv6CidrBlockAssociationId"},
	"aws:ec2/route:Route":             {"instanceId", "instanceOwnerId", "networkInterfaceId"},
	securityGroupType:                 {"namePrefix"},
	"aws:budgets/budget:Budget":       {"namePrefix"},
	"aws:dynamodb/table:Table":        {"streamArn", "streamLabel", "streamViewType"},
	"aws:scheduler/schedule:Schedule": {"namePrefix"},
	"aws:scheduler/scheduleGroup:ScheduleGroup":         {"creationDate", "lastModificationDate", "namePrefix"},
	"aws:ec2/securityGroupRule:SecurityGroupRule":       {"sourceSecurityGroupId"},
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"namePrefix"},
	"aws:ec2/vpcEndpoint:VpcEndpoint":                   {"serviceRegion"},
	"aws:ec2/natGateway:NatGateway":                     {"associationId", "privateIp", "publicIp"},
	eipType:                                             {"associationId", "carrierIp", "customerOwnedIp", "instance", "ipamPoolId", "networkBorderGroup", "networkInterface", "privateDns", "privateIp", "ptrRecord", "publicDns", "publicIpv4Pool"},
	"aws:ec2/flowLog:FlowLog":                           {"logDestination", "logFormat", "logGroupName"},
}

func TestTypes_giveEveryPromisedOutput(t *testing.T) {
	for _, token := range Types() {
		typ := catalog()[token]
		cloud := New(Options{})
		inputs := resource.NewPropertyMapFromMap(parseProps(t, samples[token].valid))
		i := &instance{cloud: cloud, session: testSession(), typ: typ, urn: "urn:pulumi:dev::test::" + token + "::sample", in: plainMap(inputs), out: map[string]any{}}
		typ.autoName(cloud, i.session, resource.URN(i.urn), inputs, nil, "")
		i.in = plainMap(inputs)
		made, _ := cloud.pretend(i, inputs)
		if made.id == "" {
			t.Errorf("%s: got no id", typeName(token))
		}
		for name, promised := range typ.outputs {
			v, ok := made.state[resource.PropertyKey(name)]
			if !ok {
				if promised.sure {
					t.Errorf("%s: output %s is missing", typeName(token), name)
				}
				continue
			}
			if promised.sure && promised.kind == textKind && reflect.DeepEqual(plainValue(v), "") && !slices.Contains(mayBeEmpty[token], name) {
				t.Errorf("%s: output %s is empty", typeName(token), name)
			}
		}
	}
}

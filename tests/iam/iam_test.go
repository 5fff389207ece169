// Package iam_test takes the roles from the plan of each stack and asks a
// simulator that other people wrote what they may do: all that is called, and
// nothing else.
package iam_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/stack"
)

// role is a planned role with everything that says what it may do.
type role struct {
	name     string // in the program
	arn      string
	trust    json.RawMessage
	policies []map[string]any // name and policy, as the simulator wants them
}

// plan is what the roles are asked about.
type plan struct {
	account string
	roles   map[string]*role
	machine string            // its definition
	names   map[string]string // ARNs and names by what they are

	policies map[string]json.RawMessage // of resources, by their ARNs
}

const region = "us-east-1"

// variants are the stack files as they are, and all that adds or changes roles,
// with the roles that a plan may lack and this one has.
var variants = []struct {
	name, stack string
	set         map[string]string
	roles       []string
}{
	{"dev", "dev", nil, []string{"schedule-role"}},
	{"prod", "prod", nil, []string{"schedule-role", "processing-network-flow-role"}},
	{"arrivals and a time zone", "prod", map[string]string{"ds-pipeline:startOnArrival": "true", "ds-pipeline:scheduleTimezone": "Europe/Berlin", "ds-pipeline:useSpot": "true", "ds-pipeline:notifySuccess": "true"},
		[]string{"processing-network-flow-role", "schedule-arrival-role", "schedule-scheduler-role", "watch-scheduler-role"}},
	{"runs that are spread", "prod", map[string]string{"ds-pipeline:scaleOut": "prefix", "ds-pipeline:scaleOutSpot": "true"}, []string{"schedule-role", "processing-network-flow-role"}},
	{"objects of an inventory", "dev", map[string]string{"ds-pipeline:scaleOut": "inventory", "ds-pipeline:scaleOutInventoryKey": "inventory/manifest.json"}, []string{"schedule-role"}},
	{"ranges of an object", "dev", map[string]string{"ds-pipeline:scaleOut": "object"}, []string{"schedule-role"}},
}

func planned(t *testing.T, stackName string, set map[string]string) *plan {
	t.Helper()
	all := map[string]string{"aws:region": region}
	maps.Copy(all, set)
	scenario := simtest.File(t, stack.Deploy, "../..", stackName, all)
	result := scenario.Up()
	p := &plan{account: scenario.Cloud.Account(), roles: map[string]*role{}, names: map[string]string{}, policies: map[string]json.RawMessage{}}
	queues := map[string]string{} // ARNs by URL
	for _, r := range result.Resources {
		if string(r.Type) == "aws:sqs/queue:Queue" {
			queues[r.Outputs["url"].StringValue()] = r.Outputs["arn"].StringValue()
		}
	}
	byPhysicalName := map[string]*role{}
	for _, r := range result.Resources {
		if string(r.Type) == "aws:iam/role:Role" {
			made := &role{name: r.URN.Name(), arn: r.Outputs["arn"].StringValue(), trust: json.RawMessage(r.Inputs["assumeRolePolicy"].StringValue())}
			p.roles[made.name] = made
			byPhysicalName[r.Outputs["name"].StringValue()] = made
		}
	}
	for _, r := range result.Resources {
		switch string(r.Type) {
		case "aws:iam/rolePolicy:RolePolicy":
			of := byPhysicalName[r.Inputs["role"].StringValue()]
			of.policies = append(of.policies, map[string]any{"name": r.URN.Name(), "policy": json.RawMessage(r.Inputs["policy"].StringValue())})
		case "aws:kms/key:Key":
			p.policies[r.Outputs["arn"].StringValue()] = json.RawMessage(r.Inputs["policy"].StringValue())
		case "aws:s3/bucketPolicy:BucketPolicy":
			p.policies["arn:aws:s3:::"+r.Inputs["bucket"].StringValue()] = json.RawMessage(r.Inputs["policy"].StringValue())
		case "aws:sqs/queuePolicy:QueuePolicy":
			p.policies[queues[r.Inputs["queueUrl"].StringValue()]] = json.RawMessage(r.Inputs["policy"].StringValue())
		case "aws:sns/topicPolicy:TopicPolicy":
			p.policies[r.Inputs["arn"].StringValue()] = json.RawMessage(r.Inputs["policy"].StringValue())
		case "aws:sfn/stateMachine:StateMachine":
			if r.URN.Name() == "pipeline-machine" {
				p.machine = r.Inputs["definition"].StringValue()
			}
		}
		if arn := r.Outputs["arn"]; arn.IsString() {
			p.names[r.URN.Name()] = arn.StringValue()
		}
	}
	return p
}

// call is one request that a role makes.
type call struct {
	action, resource string
	context          map[string]string
}

// ask returns what the simulator says about each call.
func (p *plan) ask(t *testing.T, r *role, calls []call) []string {
	t.Helper()
	simulations := []map[string]any{}
	for _, c := range calls {
		owner := p.account
		if parts := strings.SplitN(c.resource, ":", 6); len(parts) == 6 && parts[4] != "" {
			owner = parts[4]
		}
		simulations = append(simulations, simulation(r.arn, c, owner, r.policies, p.policyOf(c.resource)))
	}
	return simulate(t, simulations)
}

// policyOf is the policy of a resource, or of the bucket that an object is in;
// nil for one that has none.
func (p *plan) policyOf(resource string) json.RawMessage {
	if strings.HasPrefix(resource, "arn:aws:s3:::") {
		resource, _, _ = strings.Cut(resource, "/")
	}
	return p.policies[resource]
}

func simulation(principal string, c call, owner string, policies []map[string]any, resourcePolicy json.RawMessage) map[string]any {
	context := c.context
	if context == nil {
		context = map[string]string{}
	}
	if policies == nil {
		policies = []map[string]any{}
	}
	s := map[string]any{
		"request": map[string]any{
			"principal": principal, "action": c.action, "contextVariables": context,
			"resource": map[string]string{"resource": c.resource, "accountId": owner},
		},
		"identityPolicies": policies, "serviceControlPolicies": []any{}, "resourceControlPolicies": []any{},
	}
	if resourcePolicy != nil {
		s["resourcePolicy"] = resourcePolicy
	}
	return s
}

func simulate(t *testing.T, simulations []map[string]any) []string {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the simulator is not installed: run `make test`, or `npm ci` in tests/iam")
	}
	// A plan asks the same of many resources: once is enough.
	var distinct []json.RawMessage
	numbers := map[string]int{}
	var which []int
	for _, s := range simulations {
		one, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		n, known := numbers[string(one)]
		if !known {
			n = len(distinct)
			numbers[string(one)] = n
			distinct = append(distinct, one)
		}
		which = append(which, n)
	}
	text, err := json.Marshal(distinct)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "simulations.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "node", "simulate.mjs", file).CombinedOutput()
	if err != nil {
		t.Fatalf("node simulate.mjs: %v\n%s", err, output)
	}
	var answers []string
	if err := json.Unmarshal(output, &answers); err != nil || len(answers) != len(distinct) {
		t.Fatalf("got %s, want %d outcomes: %v", output, len(distinct), err)
	}
	var outcomes []string
	for _, n := range which {
		outcomes = append(outcomes, answers[n])
	}
	return outcomes
}

const allowed = "Allowed"

// needs lists what each role calls. The machine's tasks are added from its
// definition.
func (p *plan) needs(t *testing.T) map[string][]call {
	t.Helper()
	object := func(bucket, key string) string { return p.names[bucket] + "/" + key }
	parameter := func(name string) string {
		return "arn:aws:ssm:" + region + ":" + p.account + ":parameter" + contract.DefaultParameterPrefix + name
	}
	result := object("data-output", contract.OutputPrefix+"data.csv")
	stream := p.names["processing-logs"] + ":log-stream:run/preprocess/0123456789abcdef"
	repository := p.names["processing-repository"]
	needs := map[string][]call{
		"processing-task-role": {
			{action: "ssm:GetParameters", resource: parameter(contract.InputKey)},
			{action: "ssm:GetParameters", resource: parameter(contract.ModelKey)},
			{action: "s3:GetObject", resource: object("data-input", "raw/monthly_data.csv")},
			{action: "s3:GetObject", resource: object("data-artifacts", "models/preprocessing_model.pkl")},
			{action: "s3:ListBucket", resource: p.names["data-input"]},
			{action: "s3:ListBucket", resource: p.names["data-output"]},
			{action: "s3:ListBucket", resource: p.names["data-artifacts"]},
			// What may have been meant by a key that is not there.
			{action: "s3:ListBucket", resource: p.names["data-input"], context: map[string]string{"s3:prefix": "raw/", "s3:delimiter": "/", "s3:max-keys": "1000"}},
			{action: "s3:ListBucket", resource: p.names["data-artifacts"], context: map[string]string{"s3:prefix": "models/", "s3:delimiter": "/", "s3:max-keys": "1000"}},
			{action: "s3:DeleteObject", resource: result},
			{action: "s3:PutObject", resource: result},
			{action: "s3:GetObject", resource: result},
			{action: "s3:AbortMultipartUpload", resource: result},
			{action: "s3:ListBucketMultipartUploads", resource: p.names["data-output"]},
		},
		"processing-execution-role": {
			{action: "ecr:GetAuthorizationToken", resource: "*"},
			{action: "ecr:BatchCheckLayerAvailability", resource: repository},
			{action: "ecr:GetDownloadUrlForLayer", resource: repository},
			{action: "ecr:BatchGetImage", resource: repository},
			{action: "logs:CreateLogStream", resource: stream},
			{action: "logs:PutLogEvents", resource: stream},
		},
		"pipeline-role": p.machineCalls(t),
		"watch-role": {
			{action: "s3:GetObject", resource: object("data-output", contract.OutputPrefix+"period=2026-11/"+contract.ManifestName)},
			{action: "s3:ListBucket", resource: p.names["data-output"]},
			{action: "sns:Publish", resource: p.names["pipeline-topic"]},
			{action: "logs:CreateLogDelivery", resource: "*"},
			{action: "xray:PutTraceSegments", resource: "*"},
		},
		"watch-start-role": {{action: "states:StartExecution", resource: p.names["watch-machine"]}},
	}
	flow := p.names["processing-network-flow-logs"] + ":log-stream:eni-0"
	for name, calls := range map[string][]call{ // by configuration
		"schedule-role":         {{action: "states:StartExecution", resource: p.names["pipeline-machine"]}},
		"schedule-arrival-role": {{action: "states:StartExecution", resource: p.names["pipeline-machine"]}},
		"schedule-scheduler-role": {
			{action: "states:StartExecution", resource: p.names["pipeline-machine"]},
			{action: "sqs:SendMessage", resource: p.names["schedule-dead-letters"]},
		},
		"watch-scheduler-role": {
			{action: "states:StartExecution", resource: p.names["watch-machine"]},
			{action: "sqs:SendMessage", resource: p.names["watch-dead-letters"]},
		},
		"processing-network-flow-role": {{action: "logs:CreateLogStream", resource: flow}, {action: "logs:PutLogEvents", resource: flow}},
	} {
		if p.roles[name] != nil {
			needs[name] = calls
		}
	}
	for name, calls := range p.keyCalls() {
		if p.roles[name] != nil {
			needs[name] = append(needs[name], calls...)
		}
	}
	if p.spread() {
		run := strings.Replace(p.names["pipeline-machine"], ":stateMachine:", ":execution:", 1)
		needs["processing-task-role"] = append(needs["processing-task-role"],
			call{action: "s3:ListMultipartUploadParts", resource: result},
			call{action: "s3:PutObject", resource: object("data-output", contract.ScaleItems("run", 1))})
		needs["watch-role"] = append(needs["watch-role"],
			call{action: "states:ListMapRuns", resource: run + ":run"},
			call{action: "states:DescribeMapRun", resource: strings.Replace(run, ":execution:", ":mapRun:", 1) + "/Parts:0"},
			call{action: "states:ListExecutions", resource: strings.Replace(run, ":execution:", ":mapRun:", 1) + "/Parts:0"},
			call{action: "states:DescribeExecution", resource: run + "/Parts:0"})
	}
	return needs
}

// spread is whether the machine runs parts.
func (p *plan) spread() bool { return strings.Contains(p.machine, `"DISTRIBUTED"`) }

// keyCalls are what AWS's services ask of the key in the name of each role.
func (p *plan) keyCalls() map[string][]call {
	key := p.names["encryption-key"]
	if key == "" {
		return nil
	}
	use := func(service string, actions ...string) (calls []call) {
		for _, action := range actions {
			calls = append(calls, call{action, key, map[string]string{"kms:ViaService": service + "." + region + ".amazonaws.com"}})
		}
		return calls
	}
	const read, write = "kms:Decrypt", "kms:GenerateDataKey"
	bucketUse := []string{read}
	if p.spread() {
		bucketUse = append(bucketUse, write)
	}
	return map[string][]call{
		"processing-task-role":    use("s3", read, write),
		"pipeline-role":           slices.Concat(use("s3", bucketUse...), use("dynamodb", read), use("sns", read, write)),
		"watch-role":              slices.Concat(use("s3", read), use("sns", read, write)),
		"schedule-scheduler-role": use("sqs", read, write),
		"watch-scheduler-role":    use("sqs", read, write),
	}
}

// machineCalls turns the tasks of the machine's definition into the calls that
// they make.
func (p *plan) machineCalls(t *testing.T) []call {
	t.Helper()
	cluster := p.names["processing-cluster"]
	on := map[string]string{"ecs:cluster": cluster}
	task := strings.Replace(cluster, ":cluster/", ":task/", 1) + "/0123456789abcdef"
	to := map[string]string{"iam:PassedToService": "ecs-tasks.amazonaws.com"}
	rule := "arn:aws:events:" + region + ":" + p.account + ":rule/StepFunctionsGetEventsForECSTaskRule"
	makes := map[string][]call{
		"ecs:runTask.sync": {
			{"ecs:RunTask", p.names["processing-task"], on},
			{"ecs:DescribeTasks", task, on},
			{"ecs:StopTask", task, on},
			{"iam:PassRole", p.roles["processing-task-role"].arn, to},
			{"iam:PassRole", p.roles["processing-execution-role"].arn, to},
			{"events:PutRule", rule, nil},
			{"events:PutTargets", rule, nil},
			{"events:DescribeRule", rule, nil},
		},
		"sns:publish":                         {{"sns:Publish", p.names["pipeline-topic"], nil}},
		"dynamodb:getItem":                    {{"dynamodb:GetItem", p.names["pipeline-runs"], nil}},
		"dynamodb:putItem":                    {{"dynamodb:PutItem", p.names["pipeline-runs"], nil}},
		"aws-sdk:s3:headObject":               {{"s3:GetObject", p.names["data-input"] + "/raw/monthly_data.csv", nil}, {"s3:ListBucket", p.names["data-input"], nil}},
		"aws-sdk:s3:listObjectsV2":            {{"s3:ListBucket", p.names["data-input"], map[string]string{"s3:prefix": "raw/"}}},
		"aws-sdk:ssm:getParameter":            {{"ssm:GetParameter", "arn:aws:ssm:" + region + ":" + p.account + ":parameter" + contract.DefaultParameterPrefix + contract.InputKey, nil}},
		"aws-sdk:cloudwatchlogs:getLogEvents": {{"logs:GetLogEvents", p.names["processing-logs"] + ":log-stream:run/preprocess/0123456789abcdef", nil}},
		"aws-sdk:sfn:describeExecution":       {{"states:DescribeExecution", strings.Replace(p.names["pipeline-machine"], ":stateMachine:", ":execution:", 1) + ":other", nil}},
		// The simulator's reference says that this accepts no resource; AWS's own
		// CDK grants it on the machine. Not simulated.
		"aws-sdk:sfn:sendTaskFailure": nil,
	}
	machine, input := p.names["pipeline-machine"], p.names["data-input"]
	record := p.names["data-output"] + "/" + contract.ScaleResults("run", 1) + "0/manifest.json"
	items := p.names["data-output"] + "/" + contract.ScaleItems("run", 2)
	var calls []call
	for _, m := range distributedMaps(t, p.machine) {
		part := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + "/" + m.Label + ":0"
		calls = append(calls, call{"states:StartExecution", machine, nil},
			call{"states:DescribeExecution", part, nil}, call{"states:StopExecution", part, nil}, call{"states:RedriveExecution", part, nil})
		switch m.ItemReader.Resource + " " + m.ItemReader.Parameters.Bucket {
		case "arn:aws:states:::s3:listObjectsV2 " + strings.TrimPrefix(input, "arn:aws:s3:::"):
			calls = append(calls, call{"s3:ListBucket", input, map[string]string{"s3:prefix": "raw/"}})
		case "arn:aws:states:::s3:getObject " + strings.TrimPrefix(p.names["data-output"], "arn:aws:s3:::"):
			calls = append(calls, call{"s3:GetObject", items, nil})
		case "arn:aws:states:::s3:getObject " + strings.TrimPrefix(input, "arn:aws:s3:::"):
			calls = append(calls, call{"s3:GetObject", input + "/inventory/manifest.json", nil}, call{"s3:GetObject", input + "/inventory/data/0.csv.gz", nil})
		default:
			t.Errorf("map %s reads %+v: say in this test which calls that makes", m.Label, m.ItemReader)
		}
		if m.ResultWriter.Resource != "arn:aws:states:::s3:putObject" {
			t.Errorf("map %s writes with %s: say in this test which calls that makes", m.Label, m.ResultWriter.Resource)
		}
		for _, action := range []string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"} {
			calls = append(calls, call{action, record, nil})
		}
	}
	seen := map[string]bool{}
	for _, resource := range taskResources(t, p.machine) {
		name := strings.TrimSuffix(strings.TrimPrefix(resource, "arn:aws:states:::"), ".waitForTaskToken")
		if seen[name] {
			continue
		}
		seen[name] = true
		made, known := makes[name]
		if !known {
			t.Errorf("the machine uses %s: say in this test which calls that makes", name)
		}
		calls = append(calls, made...)
	}
	return append(calls, call{"logs:CreateLogDelivery", "*", nil}, call{"xray:PutTraceSegments", "*", nil})
}

// taskResources finds what the tasks of a definition use, also inside of Map and
// Parallel.
func taskResources(t *testing.T, definition string) []string {
	t.Helper()
	var parsed any
	if err := json.Unmarshal([]byte(definition), &parsed); err != nil {
		t.Fatal(err)
	}
	var found []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if resource, ok := v["Resource"].(string); ok && v["Type"] == "Task" {
				found = append(found, resource)
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name])
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(parsed)
	return found
}

// distributedMap is what tells which calls a map makes by itself.
type distributedMap struct {
	Type, Label string
	ItemReader  struct {
		Resource   string
		Parameters struct{ Bucket string }
	}
	ResultWriter struct{ Resource string }
}

// distributedMaps are those of a definition.
func distributedMaps(t *testing.T, definition string) (found []distributedMap) {
	t.Helper()
	var parsed struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(definition), &parsed); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(parsed.States)) {
		var kind struct{ Type string }
		if err := json.Unmarshal(parsed.States[name], &kind); err != nil || kind.Type != "Map" {
			continue
		}
		var m distributedMap
		if err := json.Unmarshal(parsed.States[name], &m); err != nil {
			t.Fatal(err)
		}
		found = append(found, m)
	}
	return found
}

// elsewhere is the same resource in other hands or under another name.
func elsewhere(c call) []call {
	parts := strings.SplitN(c.resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	var others []call
	add := func(resource string) { others = append(others, call{c.action, resource, c.context}) }
	if parts[4] != "" { // the account
		add(strings.Replace(c.resource, ":"+parts[4]+":", ":999999999999:", 1))
	}
	own := parts[5]
	prefix := strings.Join(parts[:5], ":") + ":"
	i := strings.IndexAny(own, ":/")
	switch {
	case parts[2] == "s3", i < 0:
		add(prefix + "other-" + own)
	default:
		add(prefix + own[:i+1] + "other-" + strings.TrimPrefix(own[i+1:], "/"))
	}
	return others
}

func TestRoles_mayDoWhatIsCalledAndNothingElse(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			p := planned(t, variant.stack, variant.set)
			needs := p.needs(t)
			for _, roleName := range slices.Concat(slices.Collect(maps.Keys(needs)), variant.roles) {
				if p.roles[roleName] == nil {
					t.Errorf("role %s is not planned", roleName)
				}
			}
			for roleName, r := range p.roles {
				t.Run(roleName, func(t *testing.T) {
					calls, known := needs[roleName]
					if !known {
						t.Error("say in this test what the role calls")
					}
					for i, outcome := range p.ask(t, r, calls) {
						if outcome != allowed {
							t.Errorf("%s on %s: got %s, want it allowed", calls[i].action, calls[i].resource, outcome)
						}
					}
					forbidden := p.forbidden(r, needs)
					for i, outcome := range p.ask(t, r, forbidden) {
						if outcome != "ImplicitlyDenied" && outcome != "ExplicitlyDenied" {
							t.Errorf("%s on %s: got %s, want it denied", forbidden[i].action, forbidden[i].resource, outcome)
						}
					}
					t.Logf("%d calls allowed, %d denied", len(calls), len(forbidden))
				})
			}
		})
	}
}

// forbidden lists what a role must not do: its own calls on other resources,
// what only the others call, and what nobody here ever should.
func (p *plan) forbidden(r *role, needs map[string][]call) []call {
	var out []call
	for _, c := range needs[r.name] {
		out = append(out, elsewhere(c)...)
		if c.context["kms:ViaService"] != "" {
			out = append(out, call{c.action, c.resource, map[string]string{"kms:ViaService": "ec2." + region + ".amazonaws.com"}}, call{c.action, c.resource, nil})
		}
	}
	may := func(c call) bool {
		return slices.ContainsFunc(needs[r.name], func(own call) bool { return own.action == c.action })
	}
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		for _, c := range needs[name] {
			if name != r.name && !may(c) {
				out = append(out, c)
			}
		}
	}
	result := p.names["data-output"] + "/" + contract.OutputPrefix + "data.csv"
	return append(out,
		call{"s3:PutObject", p.names["data-input"] + "/raw/monthly_data.csv", nil},
		call{"s3:PutObject", p.names["data-artifacts"] + "/models/preprocessing_model.pkl", nil},
		call{"s3:PutObject", p.names["data-output"] + "/elsewhere/data.csv", nil},
		call{"s3:DeleteObject", p.names["data-input"] + "/raw/monthly_data.csv", nil},
		call{"s3:DeleteObjectVersion", result, nil},
		call{"s3:PutObjectAcl", result, nil},
		call{"s3:PutBucketPolicy", p.names["data-output"], nil},
		call{"s3:PutLifecycleConfiguration", p.names["data-output"], nil},
		call{"s3:DeleteBucket", p.names["data-output"], nil},
		call{"ssm:PutParameter", "arn:aws:ssm:" + region + ":" + p.account + ":parameter" + contract.DefaultParameterPrefix + contract.InputKey, nil},
		call{"iam:CreateUser", "arn:aws:iam::" + p.account + ":user/someone", nil},
		call{"iam:PutRolePolicy", r.arn, nil},
		call{"iam:PassRole", "arn:aws:iam::" + p.account + ":role/admin", map[string]string{"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
		call{"iam:PassRole", p.roles["processing-task-role"].arn, map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}},
		call{"sts:AssumeRole", "arn:aws:iam::" + p.account + ":role/admin", nil},
		call{"ecr:PutImage", p.names["processing-repository"], nil},
		call{"ecr:BatchDeleteImage", p.names["processing-repository"], nil},
		call{"states:UpdateStateMachine", p.names["pipeline-machine"], nil},
		call{"states:DeleteStateMachine", p.names["pipeline-machine"], nil},
		call{"logs:DeleteLogGroup", p.names["processing-logs"], nil},
		call{"sns:Subscribe", p.names["pipeline-topic"], nil},
		call{"kms:ScheduleKeyDeletion", "arn:aws:kms:" + region + ":" + p.account + ":key/00000000-0000-0000-0000-000000000000", nil},
		call{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:" + region + ":" + p.account + ":secret:db-abcdef", nil},
		call{"ec2:RunInstances", "arn:aws:ec2:" + region + ":" + p.account + ":instance/i-0", nil},
		call{"lambda:InvokeFunction", "arn:aws:lambda:" + region + ":" + p.account + ":function:f", nil},
	)
}

// Every role is taken by one service, acting for this account.
func TestRoles_areTakenByTheirServiceAlone(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			p := planned(t, variant.stack, variant.set)
			services := map[string]struct{ service, source string }{
				"processing-task-role":      {"ecs-tasks.amazonaws.com", "arn:aws:ecs:" + region + ":" + p.account + ":task/c/t"},
				"processing-execution-role": {"ecs-tasks.amazonaws.com", "arn:aws:ecs:" + region + ":" + p.account + ":task/c/t"},
				"pipeline-role":             {"states.amazonaws.com", p.names["pipeline-machine"]},
				"watch-role":                {"states.amazonaws.com", p.names["watch-machine"]},
				"watch-start-role":          {"events.amazonaws.com", p.names["watch-ended-rule"]},
				"schedule-role":             {"events.amazonaws.com", p.names["schedule-rule"]},
				"schedule-arrival-role":     {"events.amazonaws.com", p.names["schedule-arrival-rule"]},
				// A schedule is taken for its group.
				"schedule-scheduler-role":      {"scheduler.amazonaws.com", p.names["schedule-group"]},
				"watch-scheduler-role":         {"scheduler.amazonaws.com", p.names["watch-group"]},
				"processing-network-flow-role": {"vpc-flow-logs.amazonaws.com", "arn:aws:ec2:" + region + ":" + p.account + ":vpc-flow-log/fl-0"},
			}
			var simulations []map[string]any
			var labels, wants []string
			for _, roleName := range slices.Sorted(maps.Keys(p.roles)) {
				s, r := services[roleName], p.roles[roleName]
				if s.service == "" {
					t.Errorf("say in this test who takes %s", roleName)
					continue
				}
				try := func(label, principal, account, source, want string) {
					c := call{"sts:AssumeRole", r.arn, map[string]string{"aws:SourceAccount": account, "aws:SourceArn": source}}
					simulations = append(simulations, simulation(principal, c, p.account, nil, r.trust))
					labels, wants = append(labels, roleName+" by "+label), append(wants, want)
				}
				try("its service", s.service, p.account, s.source, allowed)
				try("its service for another account", s.service, "999999999999", strings.Replace(s.source, p.account, "999999999999", 1), "")
				if roleName != "processing-task-role" && roleName != "processing-execution-role" && roleName != "processing-network-flow-role" { // taken for what has no name yet
					try("its service for something else", s.service, p.account, s.source[:strings.LastIndexAny(s.source, ":/")+1]+"other", "")
				}
				if roleName == "pipeline-role" {
					want := ""
					if p.spread() {
						want = allowed
					}
					try("its service for a part", s.service, p.account, s.source+"/Parts", want)
				}
				try("another service", "lambda.amazonaws.com", p.account, s.source, "")
				try("a role of the account", "arn:aws:iam::"+p.account+":role/someone", p.account, s.source, "")
				try("a role of another account", "arn:aws:iam::999999999999:role/someone", p.account, s.source, "")
			}
			for i, outcome := range simulate(t, simulations) {
				if denied := strings.HasSuffix(outcome, "Denied"); outcome != wants[i] && (wants[i] != "" || !denied) {
					t.Errorf("%s: got %s, want %q (empty: denied)", labels[i], outcome, wants[i])
				}
			}
		})
	}
}

// What the policies of resources say by themselves: of services, and of a role
// that its own policies would let do everything.
func TestResources_admitWhatTheyShouldAndNothingElse(t *testing.T) {
	p := planned(t, "prod", map[string]string{"ds-pipeline:startOnArrival": "true", "ds-pipeline:monthlyBudgetUSD": "20"})
	other := func(arn string) string { return strings.Replace(arn, p.account, "999999999999", 1) }
	key, bucket, topic := p.names["encryption-key"], p.names["data-output"], p.names["monitoring-topic"]
	object := bucket + "/" + contract.OutputPrefix + "data.csv"
	deadLetters, watchDeadLetters := p.names["schedule-dead-letters"], p.names["watch-dead-letters"]
	trail := p.names["audit-trail"]
	record := p.names["audit-bucket"] + "/AWSLogs/" + p.account + "/CloudTrail/us-east-1/2026/11/29/file.json.gz"
	for _, name := range []string{key, bucket, topic, deadLetters, watchDeadLetters, trail} {
		if name == "" {
			t.Fatal("something is not planned under the name that this test knows")
		}
	}
	const encrypt, publish, send = "kms:GenerateDataKey", "sns:Publish", "sqs:SendMessage"
	const logsContext, snsContext, sqsContext, trailContext = "kms:EncryptionContext:aws:logs:arn", "kms:EncryptionContext:aws:sns:topicArn", "kms:EncryptionContext:aws:sqs:arn", "kms:EncryptionContext:aws:cloudtrail:arn"
	// The simulator drops keys with a variable after a colon; it knows these.
	standIns := strings.NewReplacer(
		logsContext, "kms:RecipientAttestation:NitroTPMPCR1", snsContext, "kms:RecipientAttestation:NitroTPMPCR2",
		sqsContext, "kms:RecipientAttestation:NitroTPMPCR3", trailContext, "kms:RecipientAttestation:NitroTPMPCR4")
	everything := []map[string]any{{"name": "all", "policy": map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}},
	}}}
	const admin = "a role with every right"
	type context = map[string]string
	safe := func(more context) context {
		c := context{"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
		maps.Copy(c, more)
		return c
	}
	const algorithm, keyOf = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
	var simulations []map[string]any
	tests := []struct {
		who, action, resource string
		context               context
		allowed               bool
	}{
		{"logs.us-east-1.amazonaws.com", encrypt, key, context{logsContext: p.names["processing-logs"]}, true},
		{"logs.us-east-1.amazonaws.com", encrypt, key, context{logsContext: p.names["processing-logs"] + "-of-others"}, false},
		{"logs.us-east-1.amazonaws.com", encrypt, key, nil, false},
		{"cloudwatch.amazonaws.com", encrypt, key, context{snsContext: topic}, true},
		{"cloudwatch.amazonaws.com", encrypt, key, context{snsContext: other(topic)}, false},
		{"events.amazonaws.com", encrypt, key, context{sqsContext: deadLetters}, true},
		{"events.amazonaws.com", encrypt, key, context{sqsContext: other(deadLetters)}, false},
		{"cloudtrail.amazonaws.com", encrypt, key, context{trailContext: trail, "aws:SourceArn": trail}, true},
		{"cloudtrail.amazonaws.com", encrypt, key, context{trailContext: other(trail), "aws:SourceArn": other(trail)}, false},
		{"events.amazonaws.com", encrypt, key, context{snsContext: topic}, false},
		{"sns.amazonaws.com", encrypt, key, context{sqsContext: deadLetters}, false},
		{"lambda.amazonaws.com", encrypt, key, context{snsContext: topic}, false},
		{"logs.us-east-1.amazonaws.com", "kms:ScheduleKeyDeletion", key, context{logsContext: p.names["processing-logs"]}, false},

		{"cloudwatch.amazonaws.com", publish, topic, safe(context{"aws:SourceAccount": p.account, "aws:SourceArn": "arn:aws:cloudwatch:us-east-1:" + p.account + ":alarm:a"}), true},
		{"cloudwatch.amazonaws.com", publish, topic, safe(context{"aws:SourceAccount": "999999999999", "aws:SourceArn": "arn:aws:cloudwatch:us-east-1:999999999999:alarm:a"}), false},
		{"budgets.amazonaws.com", publish, topic, safe(context{"aws:SourceAccount": p.account, "aws:SourceArn": "arn:aws:budgets::" + p.account + ":budget/b"}), true},
		{"lambda.amazonaws.com", publish, topic, safe(context{"aws:SourceAccount": p.account}), false},

		{"events.amazonaws.com", send, deadLetters, safe(context{"aws:SourceArn": p.names["schedule-rule"]}), true},
		{"events.amazonaws.com", send, deadLetters, safe(context{"aws:SourceArn": p.names["schedule-arrival-rule"]}), true},
		{"events.amazonaws.com", send, deadLetters, safe(context{"aws:SourceArn": p.names["watch-rule"]}), false},
		{"events.amazonaws.com", send, watchDeadLetters, safe(context{"aws:SourceArn": p.names["watch-rule"]}), true},
		{"events.amazonaws.com", send, watchDeadLetters, safe(context{"aws:SourceArn": p.names["watch-ended-rule"]}), true},
		{"events.amazonaws.com", send, watchDeadLetters, safe(context{"aws:SourceArn": other(p.names["watch-rule"])}), false},

		{"cloudtrail.amazonaws.com", "s3:PutObject", record, safe(context{"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}), true},
		{"cloudtrail.amazonaws.com", "s3:PutObject", record, safe(context{"aws:SourceArn": other(trail), "s3:x-amz-acl": "bucket-owner-full-control"}), false},
		{"logging.s3.amazonaws.com", "s3:PutObject", p.names["data-logs"] + "/input/2026-11-29", safe(context{"aws:SourceAccount": p.account, "aws:SourceArn": p.names["data-input"]}), true},
		{"logging.s3.amazonaws.com", "s3:PutObject", p.names["data-logs"] + "/input/2026-11-29", safe(context{"aws:SourceAccount": "999999999999", "aws:SourceArn": "arn:aws:s3:::theirs"}), false},
		{"logging.s3.amazonaws.com", "s3:PutObject", object, safe(context{"aws:SourceAccount": p.account, "aws:SourceArn": p.names["data-input"]}), false},

		{admin, "s3:GetObject", object, safe(nil), true},
		{admin, "s3:GetObject", object, context{"aws:SecureTransport": "false"}, false},
		{admin, "s3:GetObject", object, safe(context{"s3:TlsVersion": "1.1"}), false},
		{admin, "s3:PutObject", object, safe(nil), true},
		{admin, "s3:PutObject", object, safe(context{algorithm: "aws:kms", keyOf: key}), true},
		{admin, "s3:PutObject", object, safe(context{algorithm: "AES256"}), false},
		{admin, "s3:PutObject", object, safe(context{algorithm: "aws:kms", keyOf: other(key)}), false},
		{admin, publish, topic, context{"aws:SecureTransport": "false"}, false},
		{admin, send, deadLetters, context{"aws:SecureTransport": "false"}, false},
	}
	for _, tt := range tests {
		policy := p.policyOf(tt.resource)
		if policy == nil {
			t.Fatalf("%s has no policy", tt.resource)
		}
		c := call{tt.action, tt.resource, context{}}
		for name, value := range tt.context {
			c.context[standIns.Replace(name)] = value
		}
		policy = json.RawMessage(standIns.Replace(string(policy)))
		if tt.who == admin {
			simulations = append(simulations, simulation("arn:aws:iam::"+p.account+":role/admin", c, p.account, everything, policy))
		} else {
			simulations = append(simulations, simulation(tt.who, c, p.account, nil, policy))
		}
	}
	for i, outcome := range simulate(t, simulations) {
		tt := tests[i]
		if denied := strings.HasSuffix(outcome, "Denied"); tt.allowed && outcome != allowed || !tt.allowed && !denied {
			t.Errorf("%s by %s on %s with %v: got %s, want it allowed: %v", tt.action, tt.who, tt.resource, tt.context, outcome, tt.allowed)
		}
	}
}

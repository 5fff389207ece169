package iam_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/bootstrap/foundation"
	"ds-pipeline/components"
	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

// prepared is an account after the bootstrap.
type prepared struct {
	account         string
	outputs         map[string]string
	preview, deploy *role
	boundary        json.RawMessage
}

func prepare(t *testing.T, name string) *prepared {
	t.Helper()
	s := simtest.File(t, foundation.Deploy, "../../bootstrap", name, map[string]string{"aws:region": region, "ds-bootstrap:repository": "example/ds-pipeline"})
	result := s.Up()
	made := &prepared{account: s.Cloud.Account(), outputs: map[string]string{}}
	for k, v := range result.Outputs {
		made.outputs[string(k)] = v.StringValue()
	}
	documents := map[string]json.RawMessage{} // of managed policies, by ARN
	roles := map[string]*role{}
	for _, r := range result.Resources {
		switch string(r.Type) {
		case "aws:iam/policy:Policy":
			documents[r.Outputs["arn"].StringValue()] = json.RawMessage(r.Inputs["policy"].StringValue())
		case "aws:iam/role:Role":
			roles[r.Outputs["name"].StringValue()] = &role{
				name: r.URN.Name(), arn: r.Outputs["arn"].StringValue(), trust: json.RawMessage(r.Inputs["assumeRolePolicy"].StringValue()),
			}
		}
	}
	for _, r := range result.Resources {
		if string(r.Type) == "aws:iam/rolePolicyAttachment:RolePolicyAttachment" {
			of := roles[r.Inputs["role"].StringValue()]
			of.policies = append(of.policies, map[string]any{"name": r.URN.Name(), "policy": documents[r.Inputs["policyArn"].StringValue()]})
		}
	}
	made.preview, made.deploy, made.boundary = roles["ds-preview-"+name], roles["ds-deploy-"+name], documents[made.outputs["permissionsBoundaryArn"]]
	if made.preview == nil || made.deploy == nil || made.boundary == nil {
		t.Fatal("the bootstrap does not make the roles and the boundary")
	}
	return made
}

// deployments are the stack files, and what else a configuration can create.
var deployments = []struct {
	name, stack string
	set         map[string]string
}{
	{"dev", "dev", nil},
	{"prod", "prod", nil},
	{"another suffix", "dev", map[string]string{"ds-pipeline:resourceSuffix": "-blue"}},
	{"arrivals, zone, Spot, budget", "prod", map[string]string{
		"ds-pipeline:startOnArrival": "true", "ds-pipeline:scheduleTimezone": "Europe/Berlin", "ds-pipeline:useSpot": "true",
		"ds-pipeline:monthlyBudgetUSD": "20", "ds-pipeline:notificationEmail": "ops@example.com",
	}},
	{"NAT", "dev", map[string]string{"ds-pipeline:networkMode": "private", "ds-pipeline:flowLogs": "true"}},
	{"endpoints", "dev", map[string]string{"ds-pipeline:networkMode": "endpoints"}},
}

// withBoundary deploys a stack as the bootstrap wants it.
func withBoundary(t *testing.T, made *prepared, stackName string, set map[string]string) *simstack.Result {
	t.Helper()
	all := map[string]string{"aws:region": region, "ds-pipeline:accountId": made.account, "ds-pipeline:permissionsBoundaryArn": made.outputs["permissionsBoundaryArn"]}
	maps.Copy(all, set)
	return simtest.File(t, stack.Deploy, "../..", stackName, all).Up()
}

// ours tells the types that AWS has something of.
func ours(r *pkgresource.State) bool {
	typ := string(r.Type)
	return (strings.HasPrefix(typ, "aws:") || strings.HasPrefix(typ, "docker-build:")) && r.Custom
}

func TestDeployRights_areThoseOfThePlansAndNoOthers(t *testing.T) {
	t.Parallel()
	planned := map[string]string{}
	for _, d := range deployments {
		made := prepare(t, d.stack)
		for _, r := range withBoundary(t, made, d.stack, d.set).Resources {
			if ours(r) {
				planned[string(r.Type)] = d.name
			}
		}
	}
	types := components.DeployTypes()
	for _, typ := range slices.Sorted(maps.Keys(planned)) {
		if !slices.Contains(types, typ) {
			t.Errorf("%s is in the plan of %s, and a deploy role has no rights for it: add it to deployTypes", typ, planned[typ])
		}
	}
	for _, typ := range types {
		if planned[typ] == "" {
			t.Errorf("a deploy role has rights for %s, which no plan has: take it out, or add a plan to this test", typ)
		}
	}
}

// asked is what one request is about, and the tags that come with it.
type asked struct {
	who      *role
	call     call
	resource string // in the plan
	maybe    bool   // the request may be none that names such a resource
}

func TestDeployRole_mayDoWhatEachResourceOfAPlanAsksFor(t *testing.T) {
	for _, d := range deployments {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			made := prepare(t, d.stack)
			result := withBoundary(t, made, d.stack, d.set)
			w := newWorld(result, made)
			var want, refuse []asked
			for _, r := range result.Resources {
				if !ours(r) {
					continue
				}
				w.requests(t, r, &want, &refuse)
			}
			for i, outcome := range w.ask(t, want) {
				if outcome != allowed {
					t.Errorf("%s: %s on %s with %v: got %s, want it allowed", want[i].resource, want[i].call.action, want[i].call.resource, want[i].call.context, outcome)
				}
			}
			for i, outcome := range w.ask(t, refuse) {
				if !strings.HasSuffix(outcome, "Denied") && (outcome == allowed || !refuse[i].maybe) {
					t.Errorf("%s: %s on %s by %s with %v: got %s, want it denied", refuse[i].resource, refuse[i].call.action, refuse[i].call.resource, refuse[i].who.name, refuse[i].call.context, outcome)
				}
			}
			keys := slices.Sorted(maps.Keys(w.within))
			var flat []asked
			for _, key := range keys {
				flat = append(flat, w.within[key]...)
			}
			outcomes := w.ask(t, flat)
			for _, key := range keys {
				n := len(w.within[key])
				of := outcomes[:n]
				outcomes = outcomes[n:]
				if !slices.Contains(of, allowed) || slices.ContainsFunc(of, func(o string) bool { return strings.HasSuffix(o, "Denied") }) {
					t.Errorf("%s: got %v, want it allowed", key, of)
				}
			}
			t.Logf("%d requests allowed, %d denied", len(want), len(refuse))
			if len(want) < 300 || len(refuse) < 300 {
				t.Error("too few to mean anything")
			}
		})
	}
}

// world knows a plan by what is called how.
type world struct {
	*prepared
	arns     map[string]string          // of what has one, by physical name, URL or ID
	policies map[string]json.RawMessage // of keys, by ARN
	within   map[string][]asked         // one of each has to be allowed, and none denied
}

func newWorld(result *simstack.Result, made *prepared) *world {
	w := &world{prepared: made, arns: map[string]string{}, policies: map[string]json.RawMessage{}, within: map[string][]asked{}}
	for _, r := range result.Resources {
		arn := r.Outputs["arn"]
		if !ours(r) || !arn.IsString() || arn.StringValue() == "" {
			continue
		}
		w.arns[string(r.Type)+" "+string(r.ID)] = arn.StringValue()
		if string(r.Type) == "aws:kms/key:Key" {
			w.policies[arn.StringValue()] = json.RawMessage(r.Inputs["policy"].StringValue())
		}
		for _, property := range []resource.PropertyKey{"name", "url", "bucket"} {
			if v := r.Outputs[property]; v.IsString() {
				w.arns[string(r.Type)+" "+v.StringValue()] = arn.StringValue()
			}
		}
	}
	return w
}

func (w *world) ask(t *testing.T, requests []asked) []string {
	t.Helper()
	simulations := []map[string]any{}
	for _, a := range requests {
		simulations = append(simulations, simulation(a.who.arn, a.call, w.account, a.who.policies, w.policies[a.call.resource]))
	}
	return simulate(t, simulations)
}

// where says which resource the requests for r name: that which r is a part of,
// for most that have no ARN.
func (w *world) where(t *testing.T, r *pkgresource.State) string {
	t.Helper()
	text := func(property resource.PropertyKey) string {
		v := r.Inputs[property]
		if v.IsOutput() || !v.IsString() {
			return ""
		}
		return v.StringValue()
	}
	typ := string(r.Type)
	switch {
	case typ == "aws:s3/bucketV2:BucketV2":
		return "arn:aws:s3:::" + text("bucket")
	case strings.HasPrefix(typ, "aws:s3/"):
		return "arn:aws:s3:::" + text("bucket")
	case typ == "aws:cloudwatch/eventTarget:EventTarget":
		return w.arns["aws:cloudwatch/eventRule:EventRule "+text("rule")]
	case typ == "aws:cloudwatch/dashboard:Dashboard":
		return "arn:aws:cloudwatch::" + w.account + ":dashboard/" + text("dashboardName")
	case typ == "aws:iam/rolePolicy:RolePolicy":
		return w.arns["aws:iam/role:Role "+text("role")]
	case typ == "aws:sns/topicPolicy:TopicPolicy":
		return text("arn")
	case typ == "aws:sns/topicSubscription:TopicSubscription":
		return text("topic")
	case typ == "aws:sqs/queuePolicy:QueuePolicy":
		return w.arns["aws:sqs/queue:Queue "+text("queueUrl")]
	case typ == "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders":
		return w.arns["aws:ecs/cluster:Cluster "+text("clusterName")]
	case typ == "aws:ecr/lifecyclePolicy:LifecyclePolicy":
		return w.arns["aws:ecr/repository:Repository "+text("repository")]
	case typ == "docker-build:index:Image":
		for key, arn := range w.arns {
			if strings.HasPrefix(key, "aws:ecr/repository:Repository ") {
				return arn
			}
		}
	case typ == "aws:ec2/route:Route" || typ == "aws:ec2/routeTableAssociation:RouteTableAssociation":
		return "arn:aws:ec2:" + region + ":" + w.account + ":route-table/" + text("routeTableId")
	case components.RequestsOf(typ).Kind != "":
		return "arn:aws:ec2:" + region + ":" + w.account + ":" + components.RequestsOf(typ).Kind + "/" + string(r.ID)
	}
	if arn := r.Outputs["arn"]; arn.IsString() {
		return arn.StringValue()
	}
	t.Errorf("say in this test which resource of AWS %s of %s is", r.URN.Name(), typ)
	return ""
}

// parents are what r is created in, by the properties that name it.
func (w *world) parents(r *pkgresource.State) []string {
	kinds := map[resource.PropertyKey]string{
		"vpcId": "vpc", "subnetId": "subnet", "subnetIds": "subnet", "routeTableIds": "route-table", "securityGroupIds": "security-group", "allocationId": "elastic-ip",
	}
	if string(r.Type) == "aws:kms/alias:Alias" {
		return []string{w.arns["aws:kms/key:Key "+r.Inputs["targetKeyId"].StringValue()]}
	}
	var out []string
	for property, kind := range kinds {
		values := []resource.PropertyValue{r.Inputs[property]}
		if values[0].IsArray() {
			values = values[0].ArrayValue()
		}
		for _, v := range values {
			if v.IsString() {
				out = append(out, "arn:aws:ec2:"+region+":"+w.account+":"+kind+"/"+v.StringValue())
			}
		}
	}
	return out
}

// requests adds what the roles have to be allowed for a resource, and what not.
func (w *world) requests(t *testing.T, r *pkgresource.State, want, refuse *[]asked) {
	t.Helper()
	q := components.RequestsOf(string(r.Type))
	on := w.where(t, r)
	tags := map[string]string{}
	if all := r.Outputs["tagsAll"]; all.IsObject() {
		for k, v := range all.ObjectValue() {
			tags[string(k)] = v.StringValue()
		}
	}
	if len(tags) == 0 { // of a route, say: those of the table
		tags = map[string]string{"project": "ds-pipeline", "environment": w.environment()}
	}
	context := func(prefix string, tags map[string]string, more map[string]string) map[string]string {
		c := maps.Clone(more)
		if c == nil {
			c = map[string]string{}
		}
		for k, v := range tags {
			c[prefix+k] = v
		}
		return c
	}
	requested, owned := context("aws:RequestTag/", tags, nil), context("aws:ResourceTag/", tags, nil)
	others := map[string]string{"project": "other", "environment": w.environment()}
	name := r.URN.Name()
	add := func(list *[]asked, who *role, action, resource string, context map[string]string) {
		*list = append(*list, asked{who, call{action, resource, context}, name, false})
	}
	tagged := q.Kind != "" || string(r.Type) == "aws:kms/key:Key"

	for _, action := range q.Create {
		switch {
		case tagged:
			add(want, w.deploy, action, on, requested)
			add(refuse, w.deploy, action, on, nil)
			add(refuse, w.deploy, action, on, context("aws:RequestTag/", others, nil))
		default:
			add(want, w.deploy, action, on, nil)
		}
		add(refuse, w.preview, action, on, context("aws:ResourceTag/", tags, requested))
	}
	for _, action := range slices.Concat(q.Update, q.Delete) {
		if tagged {
			add(want, w.deploy, action, on, owned)
			add(refuse, w.deploy, action, on, nil)
			add(refuse, w.deploy, action, on, context("aws:ResourceTag/", others, nil))
		} else {
			add(want, w.deploy, action, on, nil)
		}
		add(refuse, w.preview, action, on, owned)
	}
	for _, action := range q.Read {
		add(want, w.deploy, action, on, owned)
		add(want, w.preview, action, on, owned)
	}
	for _, action := range q.Anywhere {
		add(want, w.deploy, action, "*", nil)
		add(want, w.preview, action, "*", nil)
	}
	for _, action := range q.Unnamed {
		add(want, w.deploy, action, "*", requested)
		add(refuse, w.deploy, action, "*", nil)
		add(refuse, w.preview, action, "*", requested)
	}
	for _, action := range q.Bounded {
		bound := map[string]string{"iam:PermissionsBoundary": w.outputs["permissionsBoundaryArn"]}
		add(want, w.deploy, action, on, bound)
		add(refuse, w.deploy, action, on, nil)
		add(refuse, w.deploy, action, on, map[string]string{"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"})
		add(refuse, w.preview, action, on, bound)
	}
	if string(r.Type) == "aws:iam/role:Role" {
		if got := r.Inputs["permissionsBoundary"]; !got.IsString() || got.StringValue() != w.outputs["permissionsBoundaryArn"] {
			t.Errorf("%s has the boundary %v, want that of the bootstrap", name, got)
		}
		var trust struct {
			Statement []struct{ Principal struct{ Service string } }
		}
		if err := json.Unmarshal([]byte(r.Inputs["assumeRolePolicy"].StringValue()), &trust); err != nil {
			t.Fatal(err)
		}
		for _, s := range trust.Statement {
			add(want, w.deploy, "iam:PassRole", on, map[string]string{"iam:PassedToService": s.Principal.Service})
		}
		add(refuse, w.deploy, "iam:PassRole", on, map[string]string{"iam:PassedToService": "ec2.amazonaws.com"})
	}
	if q.Kind != "" && r.Outputs["tagsAll"].IsObject() {
		if len(q.Create) > 0 {
			create := strings.TrimPrefix(q.Create[0], "ec2:")
			add(want, w.deploy, "ec2:CreateTags", on, context("aws:RequestTag/", tags, map[string]string{"ec2:CreateAction": create}))
		} else { // the default group
			add(want, w.deploy, "ec2:CreateTags", on, requested)
			add(refuse, w.deploy, "ec2:CreateTags", on, context("aws:ResourceTag/", others, requested))
		}
		add(want, w.deploy, "ec2:DeleteTags", on, owned)
		add(refuse, w.deploy, "ec2:CreateTags", on, context("aws:ResourceTag/", others, requested))
	}
	// Not every request names every parent: the simulator calls that an error.
	for _, action := range q.Within {
		for _, parent := range w.parents(r) {
			for _, c := range []map[string]string{requested, context("aws:ResourceTag/", others, requested)} {
				*refuse = append(*refuse, asked{w.deploy, call{action, parent, c}, name, true})
			}
			w.within[name+" "+action] = append(w.within[name+" "+action], asked{w.deploy, call{action, parent, owned}, name, true})
		}
	}
	// In other hands, or under another name.
	for _, action := range slices.Concat(q.Create, q.Update, q.Delete, q.Read) {
		for _, c := range elsewhere(call{action, on, nil}) {
			named := strings.Contains(c.resource, "999999999999") || !tagged
			if named {
				add(refuse, w.deploy, action, c.resource, context("aws:ResourceTag/", tags, requested))
			}
		}
	}
}

func (p *prepared) environment() string {
	return strings.TrimPrefix(p.deploy.arn[strings.LastIndex(p.deploy.arn, "/")+1:], "ds-deploy-")
}

func TestBootstrapRoles_mayNothingElse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "prod"} {
		made := prepare(t, name)
		iam := "arn:aws:iam::" + made.account + ":"
		state := "arn:aws:s3:::" + made.outputs["stateBucketName"]
		data := "arn:aws:s3:::ds-input-" + name + "-" + made.account + "-" + region
		bound := map[string]string{"iam:PermissionsBoundary": made.outputs["permissionsBoundaryArn"]}
		toTask := map[string]string{"iam:PassedToService": "ecs-tasks.amazonaws.com"}
		key := json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + iam + `root"},"Action":"kms:*","Resource":"*"}]}`)
		// As a bucket would admit, whose policy was changed.
		admits := func(role *role) json.RawMessage {
			return json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + role.arn + `"},"Action":"s3:*","Resource":["` + data + `","` + data + `/*"]}]}`)
		}
		tests := []struct {
			action, resource string
			context          map[string]string
			policy           json.RawMessage
			preview, deploy  bool
		}{
			{"s3:GetObject", state + "/.pulumi/meta.yaml", nil, nil, true, true},
			{"s3:GetObject", state + "/.pulumi/stacks/ds-pipeline/" + name + ".json", nil, nil, true, true},
			{"s3:PutObject", state + "/.pulumi/stacks/ds-pipeline/" + name + ".json", nil, nil, false, true},
			{"s3:PutObject", state + "/.pulumi/stacks/ds-pipeline/" + name + ".json.bak", nil, nil, false, true},
			{"s3:PutObject", state + "/.pulumi/history/ds-pipeline/" + name + "/x.history.json", nil, nil, false, true},
			{"s3:PutObject", state + "/.pulumi/backups/ds-pipeline/" + name + "/x.json", nil, nil, false, true},
			{"s3:PutObject", state + "/.pulumi/locks/organization/ds-pipeline/" + name + "/x.json", nil, nil, false, true},
			{"s3:DeleteObject", state + "/.pulumi/locks/organization/ds-pipeline/" + name + "/x.json", nil, nil, false, true},
			{"s3:ListBucket", state, nil, nil, true, true},
			{"kms:Decrypt", made.outputs["stateKeyArn"], nil, key, true, true},
			{"kms:Encrypt", made.outputs["stateKeyArn"], nil, key, false, true},
			{"iam:CreateServiceLinkedRole", iam + "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", map[string]string{"iam:AWSServiceName": "ecs.amazonaws.com"}, nil, false, true},
			{"s3:DeleteObject", data + "/raw/a.csv", nil, nil, false, name == "dev"},
			{"s3:DeleteObjectVersion", data + "/raw/a.csv", nil, nil, false, name == "dev"},

			{"s3:GetObject", data + "/raw/a.csv", nil, nil, false, false},
			{"s3:GetObject", data + "/raw/a.csv", nil, admits(made.deploy), false, false},
			{"s3:PutObject", data + "/raw/a.csv", nil, admits(made.deploy), false, false},
			{"s3:GetObject", state + "/.pulumi/stacks/ds-bootstrap/" + name + ".json", nil, nil, false, false},
			{"s3:PutObject", state + "/.pulumi/stacks/ds-bootstrap/" + name + ".json", nil, nil, false, false},
			{"s3:PutObject", state + "/.pulumi/meta.yaml", nil, nil, false, false},
			{"s3:PutBucketPolicy", state, nil, nil, false, false},
			{"s3:DeleteBucket", state, nil, nil, false, false},
			{"s3:DeleteObjectVersion", state + "/.pulumi/stacks/ds-pipeline/" + name + ".json", nil, nil, false, false},
			{"kms:PutKeyPolicy", made.outputs["stateKeyArn"], map[string]string{"aws:ResourceTag/project": "ds-bootstrap", "aws:ResourceTag/environment": name}, key, false, false},
			{"kms:ScheduleKeyDeletion", made.outputs["stateKeyArn"], map[string]string{"aws:ResourceTag/project": "ds-bootstrap", "aws:ResourceTag/environment": name}, key, false, false},
			{"kms:TagResource", made.outputs["stateKeyArn"], map[string]string{"aws:RequestTag/project": "ds-pipeline", "aws:RequestTag/environment": name, "aws:ResourceTag/project": "ds-bootstrap"}, key, false, false},
			{"dynamodb:GetItem", "arn:aws:dynamodb:" + region + ":" + made.account + ":table/pipeline-runs-0000000", nil, nil, false, false},
			{"logs:GetLogEvents", "arn:aws:logs:" + region + ":" + made.account + ":log-group:/ecs/ds-preprocessing-" + name + ":log-stream:s", nil, nil, false, false},
			{"states:StartExecution", "arn:aws:states:" + region + ":" + made.account + ":stateMachine:ds-preprocessing-pipeline", nil, nil, false, false},
			{"ecs:RunTask", "arn:aws:ecs:" + region + ":" + made.account + ":task-definition/ds-preprocessing:1", nil, nil, false, false},
			{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:" + region + ":" + made.account + ":secret:db-abcdef", nil, nil, false, false},
			{"ec2:RunInstances", "arn:aws:ec2:" + region + ":" + made.account + ":instance/i-0", nil, nil, false, false},
			{"lambda:InvokeFunction", "arn:aws:lambda:" + region + ":" + made.account + ":function:f", nil, nil, false, false},

			{"iam:CreateUser", iam + "user/someone", nil, nil, false, false},
			{"iam:CreateAccessKey", iam + "user/someone", nil, nil, false, false},
			{"iam:CreateRole", iam + "role/admin", bound, nil, false, false},
			{"iam:PutRolePolicy", iam + "role/pipeline-role-0000000", nil, nil, false, false},
			{"iam:AttachRolePolicy", iam + "role/pipeline-role-0000000", bound, nil, false, false},
			{"iam:DeleteRolePermissionsBoundary", iam + "role/pipeline-role-0000000", bound, nil, false, false},
			{"iam:PutRolePermissionsBoundary", iam + "role/pipeline-role-0000000", map[string]string{"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}, nil, false, false},
			{"iam:CreatePolicyVersion", made.outputs["permissionsBoundaryArn"], nil, nil, false, false},
			{"iam:DeletePolicy", made.outputs["permissionsBoundaryArn"], nil, nil, false, false},
			{"iam:PutRolePolicy", made.deploy.arn, bound, nil, false, false},
			{"iam:UpdateAssumeRolePolicy", made.deploy.arn, bound, nil, false, false},
			{"iam:DeleteRole", made.preview.arn, nil, nil, false, false},
			{"iam:PassRole", iam + "role/admin", toTask, nil, false, false},
			{"iam:PassRole", made.deploy.arn, toTask, nil, false, false},
			{"iam:UpdateOpenIDConnectProviderThumbprint", iam + "oidc-provider/token.actions.githubusercontent.com", nil, nil, false, false},
			{"iam:CreateServiceLinkedRole", iam + "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", map[string]string{"iam:AWSServiceName": "ec2.amazonaws.com"}, nil, false, false},
			{"sts:AssumeRole", iam + "role/pipeline-role-0000000", nil, nil, false, false},
			{"sts:AssumeRole", iam + "role/pipeline-role-0000000", nil, json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + made.deploy.arn + `"},"Action":"sts:AssumeRole"}]}`), false, false},
		}
		var simulations []map[string]any
		for _, tt := range tests {
			c := call{tt.action, tt.resource, tt.context}
			simulations = append(simulations, simulation(made.preview.arn, c, made.account, made.preview.policies, tt.policy), simulation(made.deploy.arn, c, made.account, made.deploy.policies, tt.policy))
		}
		outcomes := simulate(t, simulations)
		for i, tt := range tests {
			for n, want := range []bool{tt.preview, tt.deploy} {
				got := outcomes[2*i+n]
				if denied := strings.HasSuffix(got, "Denied"); want && got != allowed || !want && !denied {
					t.Errorf("%s: %s on %s with %v by %s: got %s, want it allowed: %v", name, tt.action, tt.resource, tt.context, []string{"preview", "deploy"}[n], got, want)
				}
			}
		}
	}
}

// A token is GitHub's, for AWS, of one repository, and of a job in the
// environment, or for a pull request or a branch that may preview.
func TestBootstrapRoles_areTakenByTheRepositoryAlone(t *testing.T) {
	t.Parallel()
	made := prepare(t, "prod")
	const gitHub, aud, sub = "token.actions.githubusercontent.com", "token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:sub"
	tests := []struct {
		audience, subject string
		preview, deploy   bool
	}{
		{"sts.amazonaws.com", "repo:example/ds-pipeline:environment:prod", false, true},
		{"sts.amazonaws.com", "repo:example/ds-pipeline:pull_request", true, false},
		{"sts.amazonaws.com", "repo:example/ds-pipeline:ref:refs/heads/main", true, false},
		{"sts.amazonaws.com", "repo:example/ds-pipeline:ref:refs/heads/other", false, false},
		{"sts.amazonaws.com", "repo:example/ds-pipeline:environment:dev", false, false},
		{"sts.amazonaws.com", "repo:example/ds-pipeline:environment:prod2", false, false},
		{"sts.amazonaws.com", "repo:example/other:environment:prod", false, false},
		{"sts.amazonaws.com", "repo:someone/ds-pipeline:environment:prod", false, false},
		{"someone", "repo:example/ds-pipeline:environment:prod", false, false},
	}
	var trusts []map[string]any
	for _, r := range []*role{made.preview, made.deploy} {
		var trust map[string]any
		if err := json.Unmarshal(r.trust, &trust); err != nil {
			t.Fatal(err)
		}
		for _, s := range trust["Statement"].([]any) {
			trusts = append(trusts, s.(map[string]any))
		}
	}
	if len(trusts) != 2 {
		t.Fatalf("got %d statements of trust, want one of each role", len(trusts))
	}
	for _, trust := range trusts {
		if got := trust["Principal"].(map[string]any)["Federated"]; got != "arn:aws:iam::"+made.account+":oidc-provider/"+gitHub {
			t.Errorf("got principal %v, want GitHub", got)
		}
		if len(trust["Condition"].(map[string]any)) != 1 {
			t.Errorf("got conditions %v, want StringEquals alone", trust["Condition"])
		}
	}
	// The simulator knows no federated principals, so this compares as
	// StringEquals does: whole texts.
	admits := func(trust map[string]any, key, value string) bool {
		switch want := trust["Condition"].(map[string]any)["StringEquals"].(map[string]any)[key].(type) {
		case string:
			return want == value
		case []any:
			return slices.Contains(want, any(value))
		}
		return false
	}
	for _, tt := range tests {
		for n, want := range []bool{tt.preview, tt.deploy} {
			if got := admits(trusts[n], aud, tt.audience) && admits(trusts[n], sub, tt.subject); got != want {
				t.Errorf("%s for %s takes %s: got %v, want %v", tt.subject, tt.audience, []string{"preview", "deploy"}[n], got, want)
			}
		}
	}
}

// Within the boundary every role can do what it is there for; and the boundary is
// no way to more, whatever the role's own policy says.
func TestBoundary_letsTheRolesWorkAndNoMore(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			made := prepare(t, variant.stack)
			p := planned(t, variant.stack, variant.set)
			boundary := []map[string]any{{"name": "boundary", "policy": made.boundary}}
			everything := []map[string]any{{"name": "all", "policy": map[string]any{
				"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}},
			}}}
			var simulations []map[string]any
			var labels []string
			var wants []bool
			add := func(r *role, c call, policies []map[string]any, want bool) {
				context := maps.Clone(c.context)
				if context == nil {
					context = map[string]string{}
				}
				if strings.HasPrefix(c.action, "kms:") && p.names["encryption-key"] == c.resource {
					context["aws:ResourceTag/project"], context["aws:ResourceTag/environment"] = "ds-pipeline", variant.stack
				}
				c.context = context
				s := simulation(r.arn, c, p.account, policies, p.policyOf(c.resource))
				s["permissionBoundaryPolicies"] = boundary
				simulations, labels, wants = append(simulations, s), append(labels, r.name+": "+c.action+" on "+c.resource), append(wants, want)
			}
			for name, calls := range p.needs(t) {
				for _, c := range calls {
					add(p.roles[name], c, p.roles[name].policies, true)
				}
			}
			some := p.roles["pipeline-role"]
			for _, c := range []call{
				{"iam:CreateUser", "arn:aws:iam::" + p.account + ":user/someone", nil},
				{"iam:PutRolePolicy", some.arn, nil},
				{"iam:DeleteRolePermissionsBoundary", some.arn, nil},
				{"iam:CreatePolicyVersion", made.outputs["permissionsBoundaryArn"], nil},
				{"iam:PassRole", "arn:aws:iam::" + p.account + ":role/admin", map[string]string{"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
				{"sts:AssumeRole", "arn:aws:iam::" + p.account + ":role/ds-deploy-" + variant.stack, nil},
				{"s3:GetObject", "arn:aws:s3:::" + made.outputs["stateBucketName"] + "/.pulumi/stacks/ds-pipeline/" + variant.stack + ".json", nil},
				{"s3:GetObject", "arn:aws:s3:::somebody-elses/data.csv", nil},
				{"s3:PutBucketPolicy", p.names["data-output"], nil},
				{"ec2:RunInstances", "arn:aws:ec2:" + region + ":" + p.account + ":instance/i-0", nil},
				{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:" + region + ":" + p.account + ":secret:db-abcdef", nil},
				{"states:UpdateStateMachine", p.names["pipeline-machine"], nil},
			} {
				add(some, c, everything, false)
			}
			for i, outcome := range simulate(t, simulations) {
				if denied := strings.HasSuffix(outcome, "Denied"); wants[i] && outcome != allowed || !wants[i] && !denied {
					t.Errorf("%s: got %s, want it allowed: %v", labels[i], outcome, wants[i])
				}
			}
		})
	}
}

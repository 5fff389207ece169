package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"ds-pipeline/internal/ec2"
	"ds-pipeline/preprocess/contract"
)

// machineFacts is what the definition of the state machine says.
type machineFacts struct {
	arn, role      string
	cluster        string // ARN
	taskDefinition string // ARN
	subnets        []string
	publicIP       bool
	spot           bool
	spread         bool // runs may be many tasks
	runsTable      string
	topic          string
}

// taskFacts is what the task definition says.
type taskFacts struct {
	arn                     string
	taskRole, executionRole string
	image                   string
	architecture            string // as images call it: amd64 or arm64
	logGroup                string
	environment             map[string]string // of the container
}

func (d *doctor) stateMachine(ctx context.Context) finding {
	if d.connected != nil || d.place.outputs[contract.OutputStateMachineArn] == "" {
		return unknown("", notKnownCheck)
	}
	machine := d.place.outputs[contract.OutputStateMachineArn]
	out, err := d.aws.sfn().DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	if missing(err) {
		return problem(remedyDeploy, "%s does not exist", machine)
	}
	if err != nil {
		return unanswered(err)
	}
	facts, err := readDefinition(aws.ToString(out.Definition))
	if err != nil {
		return problem(remedyDeploy, "%s is not the pipeline: %v", machine, err)
	}
	facts.arn, facts.role = machine, aws.ToString(out.RoleArn)
	d.machine = facts
	if out.Status != "ACTIVE" {
		return problem(remedyDeploy, "%s is %s", machine, out.Status)
	}
	return ok("%s", machine)
}

// readDefinition takes from the definition what the doctor looks at.
func readDefinition(definition string) (*machineFacts, error) {
	var doc struct {
		States map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(definition), &doc); err != nil {
		return nil, err
	}
	parameters := func(name string) json.RawMessage {
		var state struct{ Parameters json.RawMessage }
		_ = json.Unmarshal(doc.States[name], &state)
		return state.Parameters
	}
	var task struct {
		Cluster, TaskDefinition  string
		CapacityProviderStrategy []any
		NetworkConfiguration     struct {
			AwsvpcConfiguration struct {
				Subnets        []string
				AssignPublicIP string `json:"AssignPublicIp"`
			}
		}
	}
	if p := parameters("Preprocess"); json.Unmarshal(p, &task) != nil || task.Cluster == "" || task.TaskDefinition == "" {
		return nil, fmt.Errorf("it has no state Preprocess that runs a task")
	}
	var parts struct {
		ItemProcessor struct {
			States map[string]struct {
				Parameters struct{ CapacityProviderStrategy []any }
			}
		}
	}
	text, spread := doc.States["Parts"]
	if spread && json.Unmarshal(text, &parts) != nil {
		return nil, fmt.Errorf("its state Parts is not a map")
	}
	spot := len(task.CapacityProviderStrategy) > 0 || len(parts.ItemProcessor.States["Part"].Parameters.CapacityProviderStrategy) > 0
	var claim struct{ TableName string }
	_ = json.Unmarshal(parameters("Claim"), &claim)
	var notify struct{ TopicArn string }
	_ = json.Unmarshal(parameters("Notify"), &notify)
	network := task.NetworkConfiguration.AwsvpcConfiguration
	return &machineFacts{cluster: task.Cluster, taskDefinition: task.TaskDefinition, spot: spot, spread: spread,
		subnets: network.Subnets, publicIP: network.AssignPublicIP == "ENABLED", runsTable: claim.TableName, topic: notify.TopicArn}, nil
}

func (d *doctor) cluster(ctx context.Context) finding {
	if d.machine == nil {
		return unknown("", notKnownCheck)
	}
	out, err := d.aws.ecs().DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{d.machine.cluster}})
	if err != nil {
		return unanswered(err)
	}
	if len(out.Clusters) == 0 || aws.ToString(out.Clusters[0].Status) != "ACTIVE" {
		return problem(remedyDeploy, "%s does not exist, or is not active", d.machine.cluster)
	}
	c := out.Clusters[0]
	if d.machine.spot && !slices.Contains(c.CapacityProviders, "FARGATE_SPOT") {
		return problem(remedyDeploy, "%s does not offer FARGATE_SPOT, which runs ask for", d.machine.cluster)
	}
	return ok("%s, %d tasks running", aws.ToString(c.ClusterName), c.RunningTasksCount)
}

func (d *doctor) taskDefinition(ctx context.Context) finding {
	if d.machine == nil {
		return unknown("", notKnownCheck)
	}
	out, err := d.aws.ecs().DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &d.machine.taskDefinition})
	if missing(err) || apiCode(err) == "ClientException" {
		return problem(remedyDeploy, "%s does not exist", d.machine.taskDefinition)
	}
	if err != nil {
		return unanswered(err)
	}
	t := out.TaskDefinition
	i := slices.IndexFunc(t.ContainerDefinitions, func(c ecstypes.ContainerDefinition) bool { return aws.ToString(c.Name) == contract.ContainerName })
	if i < 0 {
		return problem(remedyDeploy, "%s has no container %s", d.machine.taskDefinition, contract.ContainerName)
	}
	c := t.ContainerDefinitions[i]
	facts := &taskFacts{arn: d.machine.taskDefinition, taskRole: aws.ToString(t.TaskRoleArn), executionRole: aws.ToString(t.ExecutionRoleArn),
		image: aws.ToString(c.Image), architecture: "amd64", environment: map[string]string{}}
	if t.RuntimePlatform != nil && t.RuntimePlatform.CpuArchitecture == ecstypes.CPUArchitectureArm64 {
		facts.architecture = "arm64"
	}
	if c.LogConfiguration != nil {
		facts.logGroup = c.LogConfiguration.Options["awslogs-group"]
	}
	for _, e := range c.Environment {
		facts.environment[aws.ToString(e.Name)] = aws.ToString(e.Value)
	}
	d.task = facts
	if t.Status != ecstypes.TaskDefinitionStatusActive {
		return problem(remedyDeploy, "%s is %s", d.machine.taskDefinition, t.Status)
	}
	if prefix := facts.environment[contract.EnvParameterPrefix]; prefix != "" && prefix != d.place.prefix {
		return problem("Look at the stack that it belongs to: --prefix "+prefix+".", "%s reads its settings below %s, not %s", d.machine.taskDefinition, prefix, d.place.prefix)
	}
	return ok("%s: %s CPU units, %s MiB, %s", d.machine.taskDefinition[strings.LastIndexByte(d.machine.taskDefinition, '/')+1:], aws.ToString(t.Cpu), aws.ToString(t.Memory), facts.architecture)
}

var ecrImage = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^@:]+)(?:@(sha256:[0-9a-f]{64})|:(.+))$`)

// The media types of images.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
)

func (d *doctor) image(ctx context.Context) finding {
	if d.task == nil {
		return unknown("", notKnownCheck)
	}
	m := ecrImage.FindStringSubmatch(d.task.image)
	if m == nil {
		return unknown("Look there whether it exists for linux/"+d.task.architecture+".", "%s is not in ECR", d.task.image)
	}
	id := ecrtypes.ImageIdentifier{}
	if m[4] != "" {
		id.ImageDigest = &m[4]
	} else {
		id.ImageTag = &m[5]
	}
	out, err := d.aws.ecr(m[2]).BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RegistryId: &m[1], RepositoryName: &m[3], ImageIds: []ecrtypes.ImageIdentifier{id},
		AcceptedMediaTypes: []string{dockerManifest, dockerIndex, ociManifest, ociIndex},
	})
	if missing(err) || err == nil && len(out.Images) == 0 {
		return problem("Deploy the stack again, which builds and pushes the image; docs/security.md tells how to go back to an earlier one.", "%s does not exist", d.task.image)
	}
	if err != nil {
		return unanswered(err)
	}
	want := "linux/" + d.task.architecture
	platforms, err := d.platforms(ctx, m, aws.ToString(out.Images[0].ImageManifest), want)
	if err != nil {
		return unanswered(err)
	}
	if !slices.Contains(platforms, want) {
		return problem("Set architecture in the configuration of the stack to what the image is built for, or deploy again.", "%s is for %s, but the task runs on %s", d.task.image, strings.Join(platforms, ", "), want)
	}
	return ok("%s@%s… for %s", m[3], strings.TrimPrefix(m[4], "sha256:")[:min(12, max(len(m[4])-7, 0))], want)
}

// platform is what an image is built for.
type platform struct{ OS, Architecture string }

func (p platform) String() string { return p.OS + "/" + p.Architecture }

// imageConfig is what the configuration of an image says.
type imageConfig struct {
	platform
	Config struct{ Env []string }
}

// python tells whether the image says that Python is in it.
func (c *imageConfig) python() bool {
	return slices.ContainsFunc(c.Config.Env, func(v string) bool { return strings.HasPrefix(v, contract.EnvPython+"=") })
}

// platforms are what an image is built for: an index lists them, of a single image
// its configuration tells. The configuration of the wanted one is kept.
func (d *doctor) platforms(ctx context.Context, image []string, text, want string) ([]string, error) {
	var doc struct {
		Manifests []struct {
			Digest   string
			Platform platform
		}
		Config struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("manifest of the image: %w", err)
	}
	if doc.Config.Digest != "" {
		config, err := d.imageConfig(ctx, image, doc.Config.Digest)
		if err != nil {
			return nil, err
		}
		d.config = config
		return []string{config.String()}, nil
	}
	var found []string
	for _, m := range doc.Manifests {
		if m.Platform.OS == "unknown" { // an attestation
			continue
		}
		found = append(found, m.Platform.String())
		if m.Platform.String() != want || m.Digest == "" {
			continue
		}
		out, err := d.aws.ecr(image[2]).BatchGetImage(ctx, &ecr.BatchGetImageInput{
			RegistryId: &image[1], RepositoryName: &image[3], ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &m.Digest}},
			AcceptedMediaTypes: []string{dockerManifest, ociManifest},
		})
		if err != nil {
			return nil, err
		}
		if len(out.Images) == 0 {
			continue
		}
		var one struct{ Config struct{ Digest string } }
		if err := json.Unmarshal([]byte(aws.ToString(out.Images[0].ImageManifest)), &one); err != nil {
			return nil, fmt.Errorf("manifest of the image: %w", err)
		}
		if d.config, err = d.imageConfig(ctx, image, one.Config.Digest); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// imageConfig reads the configuration of an image.
func (d *doctor) imageConfig(ctx context.Context, image []string, digest string) (*imageConfig, error) {
	out, err := d.aws.ecr(image[2]).GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: &image[1], RepositoryName: &image[3], LayerDigest: &digest})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(out.DownloadUrl), nil)
	if err != nil {
		return nil, err
	}
	answer, err := d.aws.cfg.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	config := &imageConfig{}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4<<20)).Decode(config); err != nil {
		return nil, fmt.Errorf("configuration of the image: %w", err)
	}
	return config, nil
}

func (d *doctor) network(ctx context.Context) finding {
	if d.machine == nil {
		return unknown("", notKnownCheck)
	}
	subnets, err := d.aws.ec2().Subnets(ctx, d.machine.subnets)
	if missing(err) {
		return problem("Deploy the stack again, or correct subnetIds.", "%s", apiMessage(err))
	}
	if err != nil {
		return unanswered(err)
	}
	var lines, wrong []string
	tables, endpoints := map[string][]ec2.RouteTable{}, map[string][]ec2.Endpoint{}
	for _, sub := range subnets {
		if tables[sub.VPC] == nil {
			if tables[sub.VPC], err = d.aws.ec2().RouteTables(ctx, sub.VPC); err != nil {
				return unanswered(err)
			}
			if endpoints[sub.VPC], err = d.aws.ec2().Endpoints(ctx, sub.VPC); err != nil {
				return unanswered(err)
			}
		}
		way, problem := wayOut(sub, tables[sub.VPC], endpoints[sub.VPC], d.machine.publicIP, d.aws.region())
		if problem != "" {
			wrong = append(wrong, sub.ID+": "+problem)
			continue
		}
		if sub.Free == 0 {
			wrong = append(wrong, sub.ID+": no address is free")
			continue
		}
		lines = append(lines, fmt.Sprintf("%s in %s by %s", sub.ID, sub.Zone, way))
	}
	if wrong != nil {
		return problem("Deploy the stack again, or have whoever looks after the network mend the route; docs/security.md lists the modes.", "%s", strings.Join(wrong, "\n"))
	}
	return ok("%s", strings.Join(lines, "\n"))
}

// neededEndpoints are the services that a task without a way to the internet
// reaches by endpoints.
func neededEndpoints(region string) []string {
	var names []string
	for _, service := range []string{"ecr.api", "ecr.dkr", "logs", "s3", "ssm"} {
		names = append(names, "com.amazonaws."+region+"."+service)
	}
	return names
}

// wayOut says how tasks in a subnet reach AWS, or what is wrong.
func wayOut(sub ec2.Subnet, tables []ec2.RouteTable, endpoints []ec2.Endpoint, publicIP bool, region string) (way, problem string) {
	table := tableOf(sub.ID, tables)
	if table == nil {
		return "", "no route table"
	}
	for _, r := range table.Routes {
		if r.Destination != "0.0.0.0/0" {
			continue
		}
		switch {
		case r.State != "active":
			return "", fmt.Sprintf("its route to the internet leads nowhere: %s is gone", r.Target())
		case strings.HasPrefix(r.Gateway, "igw-") && !publicIP:
			return "", fmt.Sprintf("its way out is the internet gateway %s, for which a task needs a public address, and it gets none (assignPublicIp)", r.Gateway)
		case !strings.HasPrefix(r.Gateway, "igw-") && publicIP:
			return r.Target() + ", although a task gets a public address", ""
		}
		return r.Target(), ""
	}
	var lacking []string
	for _, name := range neededEndpoints(region) {
		if !slices.ContainsFunc(endpoints, func(e ec2.Endpoint) bool {
			return strings.TrimPrefix(e.Service, "cn.") == name && strings.EqualFold(e.State, "available") && (len(e.RouteTables) == 0 || slices.Contains(e.RouteTables, table.ID))
		}) {
			lacking = append(lacking, name)
		}
	}
	if lacking != nil {
		return "", "no route to the internet, and no endpoints for " + strings.Join(lacking, ", ")
	}
	return "endpoints", ""
}

// tableOf is the route table of a subnet: its own, or the main one of its VPC.
func tableOf(subnet string, tables []ec2.RouteTable) *ec2.RouteTable {
	var main *ec2.RouteTable
	for i, t := range tables {
		for _, a := range t.Associations {
			if a.Subnet == subnet {
				return &tables[i]
			}
			if a.Main {
				main = &tables[i]
			}
		}
	}
	return main
}

func (d *doctor) logGroups(ctx context.Context) finding {
	if d.connected != nil {
		return unknown("", notKnownCheck)
	}
	name := d.place.outputs[contract.OutputLogGroupName]
	if name == "" {
		return unknown("", notKnownCheck)
	}
	if d.task != nil && d.task.logGroup != name {
		return problem(remedyDeploy, "the task writes to %q, not to %s", d.task.logGroup, name)
	}
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(d.aws.logs(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unanswered(err)
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) == name {
				if g.RetentionInDays == nil {
					return ok("%s, kept for ever", name)
				}
				return ok("%s, kept for %d days", name, *g.RetentionInDays)
			}
		}
	}
	return problem(remedyDeploy, "%s does not exist: no task can start", name)
}

func (d *doctor) scheduled(ctx context.Context) finding {
	if d.connected != nil {
		return unknown("", notKnownCheck)
	}
	sc, err := d.schedule(ctx)
	if missing(err) {
		return problem(remedyDeploy, "%s", apiMessage(err))
	}
	if err != nil {
		return unanswered(err)
	}
	if sc == nil {
		return unknown(remedyDeploy, "the stack does not say what starts it")
	}
	targets, err := d.targets(ctx)
	if err != nil {
		return unanswered(err)
	}
	machine := d.place.outputs[contract.OutputStateMachineArn]
	role, found := targets[machine]
	if !found {
		return problem(remedyDeploy, "%s starts something else than %s", sc.Name, machine)
	}
	if role != "" {
		if f := d.simulate(ctx, role, []need{{[]string{"states:StartExecution"}, machine}}, nil); f.Outcome == checkProblem {
			return f
		}
	}
	if !sc.Enabled {
		return d.disabled(sc)
	}
	return ok("%s", sc.text())
}

// disabled is a problem only if the stack's configuration wants it otherwise.
func (d *doctor) disabled(sc *schedule) finding {
	if d.Stack != "" {
		if f, err := readStackFile(d.Dir, d.Stack); err == nil {
			if f.text("scheduleEnabled") == "false" {
				return ok("%s, as the stack is configured", sc.text())
			}
			return problem("Enable it, or deploy the stack again, which does.", "%s is disabled, but scheduleEnabled is true", sc.Name)
		}
	}
	return warning("If runs should start by themselves, set scheduleEnabled and deploy; --stack compares it.", "%s is disabled: runs start only by hand", sc.Name)
}

// targets are what the schedule starts, and with which role.
func (d *doctor) targets(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	if rule := d.place.outputs[contract.OutputScheduleRuleName]; rule != "" {
		in := &eventbridge.ListTargetsByRuleInput{Rule: &rule}
		for {
			out, err := d.aws.events().ListTargetsByRule(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, t := range out.Targets {
				found[aws.ToString(t.Arn)] = aws.ToString(t.RoleArn)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return found, nil
			}
		}
	}
	group := d.place.outputs[contract.OutputScheduleGroupName]
	pages := scheduler.NewListSchedulesPaginator(d.aws.scheduler(), &scheduler.ListSchedulesInput{GroupName: &group})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range page.Schedules {
			out, err := d.aws.scheduler().GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &group, Name: one.Name})
			if err != nil {
				return nil, err
			}
			if out.Target != nil {
				found[aws.ToString(out.Target.Arn)] = aws.ToString(out.Target.RoleArn)
			}
		}
	}
	return found, nil
}

func (d *doctor) lostStarts(ctx context.Context) finding {
	if d.connected != nil {
		return unknown("", notKnownCheck)
	}
	n, err := d.deadLetters(ctx)
	if missing(err) {
		return problem(remedyDeploy, "%s", apiMessage(err))
	}
	if err != nil {
		return unanswered(err)
	}
	switch {
	case n < 0:
		return unknown(remedyDeploy, "the stack does not say where they are")
	case n == 0:
		return ok("none")
	}
	why := d.whyLost(ctx)
	return problem("Mend what the reason names, then start what was lost: dspipe run --period YYYY-MM. Then purge the queue.", "%d starts could not be delivered%s", n, why)
}

// whyLost reads what EventBridge wrote beside the starts, without taking them
// away; "" if that may not be read.
func (d *doctor) whyLost(ctx context.Context) string {
	url := d.place.outputs[contract.OutputDeadLetterQueueURL]
	out, err := d.aws.sqs().ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 0, MessageAttributeNames: []string{"ERROR_CODE", "ERROR_MESSAGE"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return ""
	}
	var lines []string
	for _, m := range out.Messages {
		line := "\n" + aws.ToString(m.Body)
		if a, ok := m.MessageAttributes["ERROR_CODE"]; ok {
			line += ": " + aws.ToString(a.StringValue)
		}
		if a, ok := m.MessageAttributes["ERROR_MESSAGE"]; ok {
			line += ": " + aws.ToString(a.StringValue)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

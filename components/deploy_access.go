package components

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const deployAccessType = "ds-pipeline:components:DeployAccess"

// DeployAccessArgs configures DeployAccess. Plain Go fields are known while the
// program runs and are checked before anything is created.
type DeployAccessArgs struct {
	// Place is the account and region that the stack is deployed to.
	Place Place

	// Project and Stack are the Pulumi project and the stack that is deployed. The
	// roles have a right to its state alone.
	Project, Stack string

	// Environment is part of the names that the stack gives, and its tag. It ends
	// the names of the roles.
	Environment string

	// Repository is whose workflows take the roles: "owner/name" on GitHub.
	Repository string

	// GitHubEnvironment is the environment of GitHub in which a job may deploy.
	// Who approves it there, approves the deployment.
	GitHubEnvironment string

	// PreviewRefs are the branches and tags, such as "refs/heads/main", whose jobs
	// may preview. Those for pull requests may, too.
	PreviewRefs []string

	// OIDCProviderArn is the provider for GitHub's tokens, of which an account has
	// one at most; "" creates it.
	OIDCProviderArn string

	// DestroyData lets a deployment delete objects together with their bucket, for
	// a stack with forceDestroyData.
	DestroyData bool

	// StateBucketName and StateKeyArn are where the state is, and what encrypts it.
	StateBucketName, StateKeyArn pulumi.StringInput
}

var (
	environmentPattern  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	stackNamePattern    = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	repositoryPattern   = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9])*/[A-Za-z0-9._-]+$`)
	gitHubEnvPattern    = regexp.MustCompile(`^[^\s:*?${}"\\]+$`)
	refPattern          = regexp.MustCompile(`^refs/(heads|tags)/[A-Za-z0-9._/+-]+$`)
	oidcProviderPattern = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):oidc-provider/token\.actions\.githubusercontent\.com$`)
)

func (a *DeployAccessArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("Project", checkName(a.Project, 100, stackNamePattern, "letters, digits and . _ -")),
		named("Stack", CheckStackName(a.Stack)),
		named("Environment", CheckEnvironment(a.Environment)),
		named("Repository", CheckRepository(a.Repository)),
		named("GitHubEnvironment", CheckGitHubEnvironment(a.GitHubEnvironment)),
		present("StateBucketName", a.StateBucketName != nil),
		present("StateKeyArn", a.StateKeyArn != nil),
	}
	for i, ref := range a.PreviewRefs {
		errs = append(errs, named(fmt.Sprintf("PreviewRefs[%d]", i), CheckRef(ref)))
	}
	if a.OIDCProviderArn != "" {
		errs = append(errs, named("OIDCProviderArn", CheckOIDCProviderArn(a.OIDCProviderArn, a.Place.AccountID)))
	}
	return errors.Join(errs...)
}

// CheckEnvironment reports whether name can be part of the names of resources.
func CheckEnvironment(name string) error {
	if len(name) > 20 || !environmentPattern.MatchString(name) {
		return fmt.Errorf("got %q, want 1 to 20 lower-case letters, digits and single hyphens, starting with a letter", name)
	}
	return nil
}

// CheckStackName reports whether name can be that of a stack of Pulumi.
func CheckStackName(name string) error {
	return checkName(name, 100, stackNamePattern, "letters, digits and . _ -")
}

// CheckRepository reports whether name is "owner/name" of GitHub. A wildcard would
// let the workflows of others take the roles.
func CheckRepository(name string) error {
	if len(name) > 140 || !repositoryPattern.MatchString(name) {
		return fmt.Errorf("got %q, want <owner>/<name> of a repository on GitHub", name)
	}
	return nil
}

// CheckGitHubEnvironment reports whether name can be that of an environment in the
// subject of a token: GitHub escapes a colon there, and IAM takes * and ? for
// wildcards elsewhere.
func CheckGitHubEnvironment(name string) error {
	return checkName(name, 255, gitHubEnvPattern, `no white space and none of : * ? $ { } " \`)
}

// CheckRef reports whether ref is one branch or tag.
func CheckRef(ref string) error {
	if len(ref) > 255 || !refPattern.MatchString(ref) {
		return fmt.Errorf("got %q, want one branch or tag such as refs/heads/main", ref)
	}
	return nil
}

// CheckOIDCProviderArn reports whether arn is the account's provider for GitHub.
func CheckOIDCProviderArn(arn, account string) error {
	if m := oidcProviderPattern.FindStringSubmatch(arn); m == nil || m[2] != account {
		return fmt.Errorf("got %q, want arn:aws:iam::%s:oidc-provider/%s", arn, account, gitHubTokens)
	}
	return nil
}

// gitHubTokens issues the tokens of workflows; gitHubAudience is for whom.
const (
	gitHubTokens   = "token.actions.githubusercontent.com"
	gitHubAudience = "sts.amazonaws.com"
)

// boundaryName is the published name of the boundary.
func (a *DeployAccessArgs) boundaryName() string { return "ds-boundary-" + a.Environment }

func (a *DeployAccessArgs) boundaryArn() string { return a.iamArn("policy/" + a.boundaryName()) }

// iamArn names something of IAM, which has no region.
func (a *DeployAccessArgs) iamArn(resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", a.Place.partition(), a.Place.AccountID, resource)
}

// DeployAccess is how workflows of a repository reach an account, without a key
// that anybody keeps:
//
//	<name>-github    GitHub as an issuer of tokens, unless it is there
//	<name>-boundary  what no role of the stack can exceed
//	<name>-preview   a role that reads, for pull requests and some branches
//	<name>-deploy    a role that deploys one stack, for one environment of GitHub
//
// The deploy role may do what the provider asks for each type of resource that the
// components create, under the names that they give and, where AWS gives the
// names, under the tags of the stack. It cannot read data, take a role, create a
// role without the boundary, or change the boundary and itself. Whoever deploys
// still decides what a task runs, and so what the task's role is used for. Cost:
// none.
type DeployAccess struct {
	pulumi.ResourceState

	BoundaryArn    pulumi.StringOutput `pulumi:"boundaryArn"`
	PreviewRoleArn pulumi.StringOutput `pulumi:"previewRoleArn"`
	DeployRoleArn  pulumi.StringOutput `pulumi:"deployRoleArn"`
}

// NewDeployAccess creates the provider, the boundary and the roles.
func NewDeployAccess(ctx *pulumi.Context, name string, args *DeployAccessArgs, opts ...pulumi.ResourceOption) (*DeployAccess, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("deploy access %q: %w", name, err)
	}
	access := &DeployAccess{}
	if err := ctx.RegisterComponentResource(deployAccessType, name, access, opts...); err != nil {
		return nil, fmt.Errorf("register deploy access %q: %w", name, err)
	}

	issuer, err := newIssuer(ctx, name+"-github", args, access)
	if err != nil {
		return nil, err
	}
	boundary, err := newManagedPolicy(ctx, name+"-boundary", args.boundaryName(), "What no role of ds-pipeline can exceed",
		document(func([]string) any { return newPolicy(boundaryStatements(args)...) }), access)
	if err != nil {
		return nil, err
	}
	refs := []string{"pull_request"}
	for _, ref := range args.PreviewRefs {
		refs = append(refs, "ref:"+ref)
	}
	preview, err := newGitHubRole(ctx, name+"-preview", gitHubRoleArgs{
		access: args, issuer: issuer, roleName: "ds-preview-" + args.Environment, subjects: refs,
		description: "Previews a stack of ds-pipeline; reads settings, no data", parts: previewParts(args),
	}, access)
	if err != nil {
		return nil, err
	}
	deploy, err := newGitHubRole(ctx, name+"-deploy", gitHubRoleArgs{
		access: args, issuer: issuer, roleName: "ds-deploy-" + args.Environment, subjects: []string{"environment:" + args.GitHubEnvironment},
		description: "Deploys a stack of ds-pipeline", parts: deployParts(args),
	}, access)
	if err != nil {
		return nil, err
	}

	access.BoundaryArn = boundary.Arn
	access.PreviewRoleArn = preview.Arn
	access.DeployRoleArn = deploy.Arn
	if err := ctx.RegisterResourceOutputs(access, pulumi.Map{
		"boundaryArn":    access.BoundaryArn,
		"previewRoleArn": access.PreviewRoleArn,
		"deployRoleArn":  access.DeployRoleArn,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of deploy access %q: %w", name, err)
	}
	return access, nil
}

// newIssuer lets AWS believe GitHub's tokens, and returns the provider's ARN.
func newIssuer(ctx *pulumi.Context, name string, args *DeployAccessArgs, parent pulumi.Resource) (pulumi.StringInput, error) {
	if args.OIDCProviderArn != "" {
		return pulumi.String(args.OIDCProviderArn), nil
	}
	// AWS trusts the authorities that sign GitHub's certificate, so there is no
	// thumbprint to go stale.
	provider, err := iam.NewOpenIdConnectProvider(ctx, name, &iam.OpenIdConnectProviderArgs{
		Url:           pulumi.String("https://" + gitHubTokens),
		ClientIdLists: pulumi.StringArray{pulumi.String(gitHubAudience)},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create identity provider %q: %w", name, err)
	}
	return provider.Arn, nil
}

func newManagedPolicy(ctx *pulumi.Context, name, physicalName, description string, text pulumi.StringOutput, parent pulumi.Resource) (*iam.Policy, error) {
	made, err := iam.NewPolicy(ctx, name, &iam.PolicyArgs{
		Name:        pulumi.String(physicalName),
		Description: pulumi.String(description),
		Policy:      text,
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create policy %q: %w", name, err)
	}
	return made, nil
}

// rightsPart is one of the policies of a role: together they are longer than one
// may be.
type rightsPart struct {
	name       string
	statements func(stateBucket, stateKey string) []statement
}

type gitHubRoleArgs struct {
	access                *DeployAccessArgs
	issuer                pulumi.StringInput
	roleName, description string
	subjects              []string // ends of the subjects of tokens
	parts                 []rightsPart
}

// newGitHubRole lets workflows of the repository take a role. The subject is
// compared as a whole, without wildcards.
func newGitHubRole(ctx *pulumi.Context, name string, args gitHubRoleArgs, parent pulumi.Resource) (*iam.Role, error) {
	trust := document(func(in []string) any {
		return newPolicy(statement{
			Sid:       "TakeFromGitHub",
			Effect:    "Allow",
			Principal: map[string]any{"Federated": in[0]},
			Action:    []string{"sts:AssumeRoleWithWebIdentity"},
			Condition: map[string]any{"StringEquals": map[string]any{
				gitHubTokens + ":aud": gitHubAudience,
				gitHubTokens + ":sub": prefixedAll("repo:"+args.access.Repository+":", args.subjects),
			}},
		})
	}, args.issuer)
	role, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Name:             pulumi.String(args.roleName),
		Description:      pulumi.String(args.description),
		AssumeRolePolicy: trust,
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create role %q: %w", name, err)
	}
	for _, part := range args.parts {
		text := document(func(in []string) any { return newPolicy(part.statements(in[0], in[1])...) }, args.access.StateBucketName, args.access.StateKeyArn)
		made, err := newManagedPolicy(ctx, name+"-"+part.name, args.roleName+"-"+part.name, args.description, text, parent)
		if err != nil {
			return nil, err
		}
		_, err = iam.NewRolePolicyAttachment(ctx, name+"-"+part.name+"-attached", &iam.RolePolicyAttachmentArgs{
			Role: role.Name, PolicyArn: made.Arn,
		}, pulumi.Parent(parent))
		if err != nil {
			return nil, fmt.Errorf("attach policy %q: %w", name+"-"+part.name, err)
		}
	}
	return role, nil
}

func prefixedAll(prefix string, texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, prefix+text)
	}
	return out
}

// The services of each policy.
var (
	dataServices    = []string{"s3", "kms", "dynamodb", "ecr", "ssm"}
	workServices    = []string{"ecs", "states", "events", "scheduler", "sns", "sqs"}
	watchServices   = []string{"logs", "cloudwatch", "cloudtrail", "budgets"}
	networkServices = []string{"ec2"}
	roleServices    = []string{"iam"}
)

func previewParts(args *DeployAccessArgs) []rightsPart {
	return []rightsPart{
		{"data", func(bucket, key string) []statement {
			return append(newRightsWriter(args).reads(dataServices), readState(args, bucket, key)...)
		}},
		{"work", func(_, _ string) []statement {
			return newRightsWriter(args).reads(slices.Concat(workServices, watchServices, networkServices, roleServices))
		}},
	}
}

func deployParts(args *DeployAccessArgs) []rightsPart {
	return []rightsPart{
		{"data", func(_, _ string) []statement {
			w := newRightsWriter(args)
			return append(w.deploys(dataServices), w.dataStatements()...)
		}},
		{"work", func(_, _ string) []statement { return newRightsWriter(args).deploys(workServices) }},
		{"watch", func(_, _ string) []statement { return newRightsWriter(args).deploys(watchServices) }},
		{"network", func(_, _ string) []statement { return newRightsWriter(args).deploys(networkServices) }},
		{"tags", func(_, _ string) []statement { return newRightsWriter(args).tagStatements() }},
		{"roles", func(bucket, key string) []statement {
			w := newRightsWriter(args)
			return slices.Concat(w.deploys(roleServices), w.roleStatements(), writeState(args, bucket, key))
		}},
	}
}

// dataStatements keep the deployment away from what is in the buckets, also when
// it would change the policy of a bucket.
func (w *rightsWriter) dataStatements() []statement {
	objects := w.fill.Replace(deployedBuckets) + "/*"
	place := w.args.Place
	statements := []statement{{
		Sid:      "KeepOutOfData",
		Effect:   "Deny",
		Action:   []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"},
		Resource: []string{objects},
	}, {
		// ECR and DynamoDB are granted the key by whoever creates what it encrypts;
		// the key's ID is AWS's.
		Sid:      "GrantKeyToServices",
		Effect:   "Allow",
		Action:   []string{"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:RetireGrant"},
		Resource: []string{w.fill.Replace(deployedKeys)},
		Condition: map[string]any{"StringEquals": map[string]any{
			"aws:ResourceTag/project":     w.args.Project,
			"aws:ResourceTag/environment": w.args.Environment,
			"kms:ViaService":              []string{place.serviceHost("dynamodb"), place.serviceHost("ecr")},
		}},
	}}
	if w.args.DestroyData {
		statements = append(statements, statement{
			// Whatever is in them.
			Sid:      "EmptyBuckets",
			Effect:   "Allow",
			Action:   []string{"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"},
			Resource: []string{w.fill.Replace(deployedBuckets), objects},
		})
	}
	return statements
}

// tagStatements let EC2 put the tags on what is created, and change those of what
// the stack owns. Without tags a role could take over what is of others.
func (w *rightsWriter) tagStatements() []statement {
	created, seen := []string{}, map[string]bool{}
	var resources []string
	for _, name := range DeployTypes() {
		r := deployTypes[name]
		if !strings.HasPrefix(name, "aws:ec2/") {
			continue
		}
		for _, action := range r.create {
			created = append(created, strings.TrimPrefix(action, "ec2:"))
		}
		if on := w.fill.Replace(r.on[0]); !seen[on] {
			seen[on] = true
			resources = append(resources, on)
		}
	}
	requested := w.tags("aws:RequestTag/")
	onCreate := map[string]any{"ec2:CreateAction": created}
	for key, value := range requested["StringEquals"].(map[string]any) {
		onCreate[key] = value
	}
	return []statement{
		{
			// EC2 makes up the names.
			Sid: "TagWhatIsCreated", Effect: "Allow", Action: []string{"ec2:CreateTags"}, Resource: resources,
			Condition: map[string]any{"StringEquals": onCreate},
		},
		{
			// EC2 makes up the names.
			Sid: "TagWhatIsOwned", Effect: "Allow", Action: []string{"ec2:CreateTags", "ec2:DeleteTags"}, Resource: resources,
			Condition: w.tags("aws:ResourceTag/"),
		},
		{
			// The default group of a VPC is there with the VPC, without tags; a group
			// of another project is not touched.
			Sid: "AdoptDefaultGroup", Effect: "Allow", Action: []string{"ec2:CreateTags"}, Resource: []string{w.fill.Replace(ec2Arn("security-group"))},
			Condition: map[string]any{"StringEquals": requested["StringEquals"], "Null": map[string]any{"aws:ResourceTag/project": "true"}},
		},
	}
}

// roleStatements say to whom roles may be handed, and that the deployment takes
// none: a trust policy that names it would do, without a word here.
func (w *rightsWriter) roleStatements() []statement {
	var roles []string
	for _, r := range deployedRoles {
		roles = append(roles, w.fill.Replace(r))
	}
	return []statement{
		{
			// Pulumi ends the names of roles.
			Sid: "HandRolesToServices", Effect: "Allow", Action: []string{"iam:PassRole"}, Resource: roles,
			Condition: map[string]any{"StringEquals": map[string]any{
				"iam:PassedToService": []string{ecsTasks, eventBridge, eventScheduler, flowLogs, stepFunctions},
			}},
		},
		{
			Sid: "LetECSWork", Effect: "Allow", Action: []string{"iam:CreateServiceLinkedRole"},
			Resource:  []string{w.args.iamArn("role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")},
			Condition: map[string]any{"StringEquals": map[string]any{"iam:AWSServiceName": "ecs.amazonaws.com"}},
		},
		{Sid: "TakeNoRole", Effect: "Deny", Action: []string{"sts:AssumeRole"}, Resource: []string{"*"}},
	}
}

// stateObjects are the objects of the stack's state in one of the folders that
// Pulumi's backend has.
func stateObjects(args *DeployAccessArgs, bucket, folder, end string) string {
	return fmt.Sprintf("%s/.pulumi/%s/%s/%s%s", args.Place.bucketArn(bucket), folder, args.Project, args.Stack, end)
}

// readState is what a preview needs of the backend. It takes no lock.
func readState(args *DeployAccessArgs, bucket, key string) []statement {
	return []statement{
		{
			// The backend lists before it reads.
			Sid: "ListState", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{args.Place.bucketArn(bucket)},
		},
		{
			// A state may be compressed, and has a copy and tags beside it.
			Sid: "ReadState", Effect: "Allow", Action: []string{"s3:GetObject"},
			Resource: []string{args.Place.bucketArn(bucket) + "/.pulumi/meta.yaml", stateObjects(args, bucket, "stacks", ".json*"), stateObjects(args, bucket, "stacks", ".pulumi-tags*"), stateObjects(args, bucket, "history", "/*")},
		},
		{
			// Whoever lists locks has to read them to say whose they are.
			Sid: "ReadLocks", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{lockObjects(args, bucket)},
		},
		{Sid: "ReadSecrets", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{key}},
	}
}

func lockObjects(args *DeployAccessArgs, bucket string) string {
	return stateObjects(args, bucket, "locks/organization", "/*")
}

// writeState is what a deployment needs of the backend.
func writeState(args *DeployAccessArgs, bucket, key string) []statement {
	return append(readState(args, bucket, key),
		statement{
			// A state with its copies, what was done, and the lock while it is done.
			Sid: "WriteState", Effect: "Allow", Action: []string{"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
			Resource: []string{
				stateObjects(args, bucket, "stacks", ".json*"), stateObjects(args, bucket, "stacks", ".pulumi-tags*"),
				stateObjects(args, bucket, "history", "/*"), stateObjects(args, bucket, "backups", "/*"), lockObjects(args, bucket),
			},
		},
		statement{Sid: "WriteSecrets", Effect: "Allow", Action: []string{"kms:Encrypt", "kms:GenerateDataKey"}, Resource: []string{key}},
	)
}

// boundaryStatements are what the roles of the stack do, all together. Which role
// may do what of it, its own policy says.
func boundaryStatements(args *DeployAccessArgs) []statement {
	w := newRightsWriter(args)
	fill := func(arns ...string) []string {
		var out []string
		for _, arn := range arns {
			out = append(out, w.fill.Replace(arn))
		}
		return out
	}
	allow := func(sid string, actions, resources []string, condition map[string]any) statement {
		return statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources, Condition: condition}
	}
	var keyHosts []string
	for _, service := range []string{"s3", "dynamodb", "sns", "sqs"} {
		keyHosts = append(keyHosts, args.Place.serviceHost(service))
	}
	var roles, taskLogs []string
	for _, r := range deployedRoles[:1] {
		roles = append(roles, fill(r)...)
	}
	for _, group := range deployedLogs {
		taskLogs = append(taskLogs, fill(group+":*")...)
	}
	return []statement{
		allow("Objects", []string{"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:PutObject"},
			fill(deployedBuckets, deployedBuckets+"/*"), nil),
		allow("Settings", []string{"ssm:GetParameter", "ssm:GetParameters"}, fill(deployedParameters), nil),
		allow("Periods", []string{"dynamodb:GetItem", "dynamodb:PutItem"}, fill(deployedTables), nil),
		allow("Key", []string{"kms:Decrypt", "kms:GenerateDataKey"}, fill(deployedKeys), map[string]any{"StringEquals": map[string]any{
			"aws:ResourceTag/project": args.Project, "aws:ResourceTag/environment": args.Environment, "kms:ViaService": keyHosts,
		}}),
		allow("Images", []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, fill(deployedRepositories), nil),
		allow("Logs", []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"}, taskLogs, nil),
		allow("Tasks", []string{"ecs:DescribeTasks", "ecs:RunTask", "ecs:StopTask", "ecs:TagResource"},
			fill("arn:{partition}:ecs:{region}:{account}:task-definition/ds-preprocessing*:*", "arn:{partition}:ecs:{region}:{account}:task/ds-processing-cluster*/*"), nil),
		allow("HandRolesToTasks", []string{"iam:PassRole"}, roles, map[string]any{"StringEquals": map[string]any{"iam:PassedToService": ecsTasks}}),
		allow("HearOfTasks", []string{"events:DescribeRule", "events:PutRule", "events:PutTargets"},
			fill("arn:{partition}:events:{region}:{account}:rule/StepFunctionsGetEventsForECSTaskRule"), nil),
		// The second half is for runs that are spread over many tasks.
		allow("Machines", []string{"states:DescribeExecution", "states:SendTaskFailure", "states:StartExecution",
			"states:DescribeMapRun", "states:ListExecutions", "states:ListMapRuns", "states:RedriveExecution", "states:StopExecution"},
			fill(deployedMachines, "arn:{partition}:states:{region}:{account}:execution:ds-preprocessing-*", "arn:{partition}:states:{region}:{account}:mapRun:ds-preprocessing-*"), nil),
		allow("Messages", []string{"sns:Publish"}, fill(deployedTopics[0]), nil),
		allow("DeadLetters", []string{"sqs:SendMessage"}, fill(deployedQueues...), nil),
		// These accept no resource.
		allow("Everywhere", slices.Concat([]string{"ecr:GetAuthorizationToken"}, machineRights()[0].Action, machineRights()[1].Action), everywhere(), nil),
	}
}

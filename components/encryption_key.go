package components

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const encryptionKeyType = "ds-pipeline:components:EncryptionKey"

// EncryptionKeyArgs configures EncryptionKey. Everything is known while the
// program runs and is checked before anything is created.
type EncryptionKeyArgs struct {
	// Place is the account and region of the key, and of all that it encrypts.
	Place Place `pulumi:"place"`

	// AliasName is the published name of the key, without "alias/". Changing it
	// replaces the alias and leaves the key as it is.
	AliasName string `pulumi:"aliasName"`

	// LogGroupNames are the log groups that CloudWatch Logs may use the key for.
	// A log group whose name is missing here cannot be created with the key.
	LogGroupNames []string `pulumi:"logGroupNames,optional"`

	// TrailName is the trail that CloudTrail may use the key for; "" for none.
	TrailName string `pulumi:"trailName,optional"`

	// DeletionDays is how long a deleted key can still be restored, and with it all
	// that it encrypted: 7 to 30 days.
	DeletionDays int `pulumi:"deletionDays"`

	// ProtectData refuses to delete the key, and keeps it in AWS even when it
	// leaves the program: without the key, the data is gone.
	ProtectData bool `pulumi:"protectData,optional"`
}

func (a *EncryptionKeyArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("AliasName", checkName(a.AliasName, 250, aliasNamePattern, "letters, digits, _ and -")),
		named("DeletionDays", CheckRange(a.DeletionDays, 7, 30)),
	}
	for i, name := range a.LogGroupNames {
		errs = append(errs, named(fmt.Sprintf("LogGroupNames[%d]", i), checkName(name, 512, logGroupPattern, logGroupWant)))
	}
	if a.TrailName != "" {
		errs = append(errs, named("TrailName", checkName(a.TrailName, 128, trailNamePattern, trailNameWant)))
	}
	return errors.Join(errs...)
}

const trailNameWant = "letters, digits and . _ -, 3 or more, with a letter or digit at both ends"

var (
	trailNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]+[A-Za-z0-9]$`)
	aliasNamePattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	keyArnPattern    = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):kms:([a-z0-9-]+):([0-9]{12}):key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
)

// CheckKMSKeyArn reports whether arn names a key of KMS in region. An alias
// would not do: a policy of IAM cannot name it.
func CheckKMSKeyArn(arn, region string) error {
	m := keyArnPattern.FindStringSubmatch(arn)
	if m == nil {
		return fmt.Errorf("got %q, want arn:aws:kms:<region>:<account>:key/<id>", arn)
	}
	if err := CheckPartition(arn, region); err != nil {
		return err
	}
	if m[2] != region {
		return fmt.Errorf("got a key of %s, want one of %s: logs, topics and queues take no other", m[2], region)
	}
	return nil
}

// EncryptionKey is one key of KMS for everything that a stack keeps:
//
//	<name>-key    rotated every year; its policy says which services may use it
//	<name>-alias  a name for people
//
// Objects, logs and messages can be read only by whom the key's policy or IAM
// lets use the key. The policy admits the account, so that IAM decides about its
// roles, and of the services only those that work without a role of ours. Cost:
// $1 a month for each of the key's first three yearly versions, and $0.03 for
// 10,000 requests.
type EncryptionKey struct {
	pulumi.ResourceState

	KeyArn    pulumi.StringOutput `pulumi:"keyArn"`
	KeyID     pulumi.StringOutput `pulumi:"keyId"`
	AliasName pulumi.StringOutput `pulumi:"aliasName"`
}

// NewEncryptionKey creates the key. What it encrypts names it by KeyArn.
func NewEncryptionKey(ctx *pulumi.Context, name string, args *EncryptionKeyArgs, opts ...pulumi.ResourceOption) (*EncryptionKey, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("encryption key %q: %w", name, err)
	}
	if args.ProtectData {
		opts = append(opts, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	encryption := &EncryptionKey{}
	if err := ctx.RegisterComponentResource(encryptionKeyType, name, encryption, opts...); err != nil {
		return nil, fmt.Errorf("register encryption key %q: %w", name, err)
	}

	key, err := newKey(ctx, name+"-key", newKeyArgs{
		description:  "Data, logs and messages of ds-pipeline",
		deletionDays: args.DeletionDays,
		policy:       keyPolicy(args),
	}, encryption)
	if err != nil {
		return nil, err
	}
	alias, err := kms.NewAlias(ctx, name+"-alias", &kms.AliasArgs{
		Name:        pulumi.String("alias/" + args.AliasName),
		TargetKeyId: key.KeyId,
	}, pulumi.Parent(encryption))
	if err != nil {
		return nil, fmt.Errorf("name key %q: %w", name+"-key", err)
	}

	encryption.KeyArn = key.Arn
	encryption.KeyID = key.KeyId
	encryption.AliasName = alias.Name
	if err := ctx.RegisterResourceOutputs(encryption, pulumi.Map{
		"keyArn":    encryption.KeyArn,
		"keyId":     encryption.KeyID,
		"aliasName": encryption.AliasName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of encryption key %q: %w", name, err)
	}
	return encryption, nil
}

type newKeyArgs struct {
	description  string
	deletionDays int
	policy       policy
}

func newKey(ctx *pulumi.Context, name string, args newKeyArgs, parent pulumi.Resource) (*kms.Key, error) {
	text, err := renderJSON(args.policy)
	if err != nil {
		return nil, fmt.Errorf("write the policy of key %q: %w", name, err)
	}
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description:          pulumi.String(args.description),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(args.deletionDays),
		Policy:               pulumi.String(text),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create key %q: %w", name, err)
	}
	return key, nil
}

// keyPolicy says who may use the key. Its resource is always "*", which in the
// policy of a key means that key alone. A service that acts as itself is held to
// resources of this account by the encryption context, which it always sends;
// not by aws:SourceAccount, which EventBridge does not send. ECR needs nothing
// here: whoever creates the repository grants it the use of the key.
func keyPolicy(args *EncryptionKeyArgs) policy {
	place := args.Place
	thisKey := []string{"*"}
	statements := []statement{letIAMDecide(place)}
	if len(args.LogGroupNames) > 0 {
		var groups []string
		for _, name := range args.LogGroupNames {
			groups = append(groups, place.arn("logs", "log-group:"+name))
		}
		statements = append(statements, statement{
			// The actions that CloudWatch Logs asks for, as it writes them.
			Sid:       "EncryptLogs",
			Effect:    "Allow",
			Principal: map[string]any{"Service": place.logsService()},
			Action:    []string{"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
			Resource:  thisKey,
			Condition: map[string]any{"ArnEquals": map[string]any{"kms:EncryptionContext:aws:logs:arn": groups}},
		})
	}
	statements = append(statements,
		statement{
			// Alarms and budgets.
			Sid:       "PublishToTopics",
			Effect:    "Allow",
			Principal: map[string]any{"Service": []string{awsBudgets, cloudWatch}},
			Action:    []string{"kms:Decrypt", "kms:GenerateDataKey"},
			Resource:  thisKey,
			Condition: map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:sns:topicArn": place.arn("sns", "*")}},
		},
		statement{
			// Dead letters.
			Sid:       "SendToQueues",
			Effect:    "Allow",
			Principal: map[string]any{"Service": eventBridge},
			Action:    []string{"kms:Decrypt", "kms:GenerateDataKey"},
			Resource:  thisKey,
			Condition: map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:sqs:arn": place.arn("sqs", "*")}},
		},
	)
	if args.TrailName != "" {
		trail := place.arn("cloudtrail", "trail/"+args.TrailName)
		statements = append(statements,
			statement{
				// The context names the trail with its home region, which for a trail
				// of an organization is another; aws:SourceArn is exact.
				Sid:       "EncryptTrail",
				Effect:    "Allow",
				Principal: map[string]any{"Service": cloudTrail},
				Action:    []string{"kms:GenerateDataKey"},
				Resource:  thisKey,
				Condition: map[string]any{
					"StringEquals": map[string]any{"aws:SourceArn": trail},
					"StringLike":   map[string]any{"kms:EncryptionContext:aws:cloudtrail:arn": fmt.Sprintf("arn:%s:cloudtrail:*:%s:trail/*", place.partition(), place.AccountID)},
				},
			},
			statement{
				Sid:       "LookAtKeyOfTrail",
				Effect:    "Allow",
				Principal: map[string]any{"Service": cloudTrail},
				Action:    []string{"kms:DescribeKey"},
				Resource:  thisKey,
				Condition: map[string]any{"StringEquals": map[string]any{"aws:SourceArn": trail}},
			},
		)
	}
	return newPolicy(statements...)
}

// letIAMDecide is in the policy of every key. Without it nobody could ever change
// the policy again, and no policy of a role would count.
func letIAMDecide(place Place) statement {
	return statement{
		Sid:       "LetIAMDecide",
		Effect:    "Allow",
		Principal: map[string]any{"AWS": fmt.Sprintf("arn:%s:iam::%s:root", place.partition(), place.AccountID)},
		// The whole key, by whoever IAM lets.
		Action:   []string{"kms:*"},
		Resource: []string{"*"}, // this key: the policy is about no other
	}
}

// useKey lets a role use a key, as part of requests to one service only. What is
// encrypted is decided by the role's rights to that service. Without a key there
// is nothing to allow.
func useKey(sid string, place Place, keyArn, service string, actions ...string) []statement {
	if keyArn == "" {
		return nil
	}
	return []statement{{
		Sid:       sid,
		Effect:    "Allow",
		Action:    actions,
		Resource:  []string{keyArn},
		Condition: map[string]any{"StringEquals": map[string]any{"kms:ViaService": place.serviceHost(service)}},
	}}
}

// keyOrNone is keyArn for a document, "" when there is none.
func keyOrNone(keyArn pulumi.StringInput) pulumi.StringInput {
	if keyArn == nil {
		return pulumi.String("")
	}
	return keyArn
}

// keyPtr is keyArn as an optional input, not set when there is none.
func keyPtr(keyArn pulumi.StringInput) pulumi.StringPtrInput {
	if keyArn == nil {
		return nil
	}
	return keyArn.ToStringOutput().ToStringPtrOutput()
}

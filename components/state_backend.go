package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const stateBackendType = "ds-pipeline:components:StateBackend"

// StateBackendArgs configures StateBackend. Everything is known while the program
// runs and is checked before anything is created.
type StateBackendArgs struct {
	// Place is the account and region of the bucket and the key; both are part of
	// the bucket's name.
	Place Place

	// AliasName is the published name of the key, without "alias/", and part of the
	// address that stacks keep their secrets under.
	AliasName string

	// KeepVersionsDays is how long an earlier state can still be restored: 1 to
	// 3650 days.
	KeepVersionsDays int

	// KeyDeletionDays is how long a deleted key, and with it every state and every
	// secret, can still be restored: 7 to 30 days.
	KeyDeletionDays int
}

func (a *StateBackendArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	return errors.Join(
		a.Place.validate(),
		named("AliasName", checkName(a.AliasName, 250, aliasNamePattern, "letters, digits, _ and -")),
		named("KeepVersionsDays", CheckRange(a.KeepVersionsDays, 1, 3650)),
		named("KeyDeletionDays", CheckRange(a.KeyDeletionDays, 7, 30)),
	)
}

// stateBucketName is no name of a bucket with data: a role for those has no right
// to it.
func stateBucketName(place Place) string {
	return fmt.Sprintf("pulumi-state-%s-%s", place.AccountID, place.Region)
}

// StateBackend is where Pulumi keeps the stacks of an account:
//
//	<name>-bucket  their states, private, versioned and encrypted with the key
//	<name>-key     encrypts the states, and the secrets in them once more
//	<name>-alias   the key's name, for awskms:// addresses
//
// Who reads a state and may use the key knows every secret of the stack. None of
// it can be deleted, and all of it stays in AWS when it leaves the program: a stack
// without its state has to be imported by hand, and without the key the state is
// gone. Cost: $1 a month for each of the key's first three yearly versions, and
// some cents of storage.
type StateBackend struct {
	pulumi.ResourceState

	BucketName      pulumi.StringOutput `pulumi:"bucketName"`
	KeyArn          pulumi.StringOutput `pulumi:"keyArn"`
	BackendURL      pulumi.StringOutput `pulumi:"backendUrl"`
	SecretsProvider pulumi.StringOutput `pulumi:"secretsProvider"`
}

// NewStateBackend creates the bucket and the key.
func NewStateBackend(ctx *pulumi.Context, name string, args *StateBackendArgs, opts ...pulumi.ResourceOption) (*StateBackend, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("state backend %q: %w", name, err)
	}
	opts = append(opts, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	backend := &StateBackend{}
	if err := ctx.RegisterComponentResource(stateBackendType, name, backend, opts...); err != nil {
		return nil, fmt.Errorf("register state backend %q: %w", name, err)
	}

	key, err := newKey(ctx, name+"-key", newKeyArgs{
		description:  "States and secrets of Pulumi",
		deletionDays: args.KeyDeletionDays,
		policy:       newPolicy(letIAMDecide(args.Place)),
	}, backend)
	if err != nil {
		return nil, err
	}
	alias, err := kms.NewAlias(ctx, name+"-alias", &kms.AliasArgs{
		Name:        pulumi.String("alias/" + args.AliasName),
		TargetKeyId: key.KeyId,
	}, pulumi.Parent(backend))
	if err != nil {
		return nil, fmt.Errorf("name key %q: %w", name+"-key", err)
	}
	made, err := newPrivateBucket(ctx, name+"-bucket", privateBucketArgs{
		place:      args.Place,
		bucketName: stateBucketName(args.Place),
		keyArn:     key.Arn,
		lifecycle:  Lifecycle{}.or(args.KeepVersionsDays),
	}, backend)
	if err != nil {
		return nil, err
	}

	backend.BucketName = made.bucket.Bucket
	backend.KeyArn = key.Arn
	backend.BackendURL = pulumi.Sprintf("s3://%s?region=%s", made.bucket.Bucket, args.Place.Region)
	backend.SecretsProvider = pulumi.Sprintf("awskms://%s?region=%s", alias.Name, args.Place.Region)
	if err := ctx.RegisterResourceOutputs(backend, pulumi.Map{
		"bucketName":      backend.BucketName,
		"keyArn":          backend.KeyArn,
		"backendUrl":      backend.BackendURL,
		"secretsProvider": backend.SecretsProvider,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of state backend %q: %w", name, err)
	}
	return backend, nil
}

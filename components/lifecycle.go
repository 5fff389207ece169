package components

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

// Lifecycle is what happens to the objects of one bucket as they age, in days
// since they were written. Zero leaves a step out, or takes the default named.
// Lowering a number deletes or moves what is older within a day or two.
type Lifecycle struct {
	TransitionDays  int    `pulumi:"transitionDays,optional"`  // until an object moves to TransitionClass; 0: it stays
	TransitionClass string `pulumi:"transitionClass,optional"` // one of transitionClasses
	ExpireDays      int    `pulumi:"expireDays,optional"`      // until an object is deleted; 0: it is kept
	NoncurrentDays  int    `pulumi:"noncurrentDays,optional"`  // how long a deleted or overwritten one is kept; 0: KeepVersionsDays
	AbortDays       int    `pulumi:"abortDays,optional"`       // until an unfinished upload is deleted; 0: 7

	scaleOut bool // what runs that are spread keep for themselves is deleted
}

const defaultAbortDays = 7

// transitionClasses can all be read at once, and stand in more than one zone. An
// object in GLACIER or DEEP_ARCHIVE would first have to be restored, so that a
// run would fail.
var transitionClasses = []string{"STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}

// CheckLifecycle reports every step that S3 would refuse, or that would keep a
// run from its data. name is what the author of the lifecycle calls a field.
func CheckLifecycle(l Lifecycle, name func(field string) string) error {
	var errs []error
	days := func(field string, got, low int) {
		if got != 0 {
			errs = append(errs, named(name(field), CheckRange(got, low, 3650)))
		}
	}
	low := 1
	if l.TransitionClass == "STANDARD_IA" {
		low = 30
	}
	days("TransitionDays", l.TransitionDays, low)
	days("ExpireDays", l.ExpireDays, 1)
	days("NoncurrentDays", l.NoncurrentDays, 1)
	days("AbortDays", l.AbortDays, 1)
	switch {
	case l.TransitionClass != "" && !slices.Contains(transitionClasses, l.TransitionClass):
		errs = append(errs, fmt.Errorf("%s: got %q, want %s: a run has to read objects at once", name("TransitionClass"), l.TransitionClass, orList(transitionClasses)))
	case (l.TransitionDays == 0) != (l.TransitionClass == ""):
		errs = append(errs, fmt.Errorf("%s: got %d with class %q, want both or none", name("TransitionDays"), l.TransitionDays, l.TransitionClass))
	}
	if l.ExpireDays > 0 && l.TransitionDays >= l.ExpireDays {
		errs = append(errs, fmt.Errorf("%s: got %d, want more than the %d days until the transition", name("ExpireDays"), l.ExpireDays, l.TransitionDays))
	}
	return errors.Join(errs...)
}

// or is the lifecycle with the defaults of what is not given.
func (l Lifecycle) or(keepVersionsDays int) Lifecycle {
	if l.NoncurrentDays == 0 {
		l.NoncurrentDays = keepVersionsDays
	}
	if l.AbortDays == 0 {
		l.AbortDays = defaultAbortDays
	}
	return l
}

// rules are the lifecycle as S3 takes it.
func (l Lifecycle) rules() s3.BucketLifecycleConfigurationV2RuleArray {
	everything := &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}
	rules := s3.BucketLifecycleConfigurationV2RuleArray{
		&s3.BucketLifecycleConfigurationV2RuleArgs{
			Id:     pulumi.String("abort-unfinished-uploads"),
			Status: pulumi.String("Enabled"),
			Filter: everything,
			AbortIncompleteMultipartUpload: &s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(l.AbortDays),
			},
		},
		&s3.BucketLifecycleConfigurationV2RuleArgs{
			Id:     pulumi.String("expire-old-versions"),
			Status: pulumi.String("Enabled"),
			Filter: everything,
			NoncurrentVersionExpiration: &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(l.NoncurrentDays),
			},
			Expiration: &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{
				ExpiredObjectDeleteMarker: pulumi.Bool(true),
			},
		},
	}
	if l.scaleOut {
		rules = append(rules, &s3.BucketLifecycleConfigurationV2RuleArgs{
			Id:         pulumi.String("expire-records-of-spread-runs"),
			Status:     pulumi.String("Enabled"),
			Filter:     &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String(contract.ScalePrefix)},
			Expiration: &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(scaleKeepDays)},
			NoncurrentVersionExpiration: &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(1), // nobody goes back to one
			},
		})
	}
	if l.TransitionDays == 0 && l.ExpireDays == 0 {
		return rules
	}
	byAge := &s3.BucketLifecycleConfigurationV2RuleArgs{Id: pulumi.String("age"), Status: pulumi.String("Enabled"), Filter: everything}
	if l.TransitionDays > 0 {
		byAge.Transitions = s3.BucketLifecycleConfigurationV2RuleTransitionArray{&s3.BucketLifecycleConfigurationV2RuleTransitionArgs{
			Days: pulumi.Int(l.TransitionDays), StorageClass: pulumi.String(l.TransitionClass),
		}}
	}
	if l.ExpireDays > 0 {
		byAge.Expiration = &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(l.ExpireDays)}
	}
	return append(rules, byAge)
}

package simcloud

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func properties(m map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(m) }

// An import finds what AWS keeps: neither flags of the provider nor what is
// empty, and the value of a parameter as value.
func TestImported_isWhatAWSKeeps(t *testing.T) {
	t.Parallel()
	for token, tt := range map[string]struct{ read, want map[string]any }{
		bucketType:     {map[string]any{"bucket": "a", "forceDestroy": true, "objectLockEnabled": false, "tags": map[string]any{}}, map[string]any{"bucket": "a"}},
		repositoryType: {map[string]any{"name": "a", "forceDelete": true, "imageTagMutability": "MUTABLE"}, map[string]any{"name": "a", "imageTagMutability": "MUTABLE"}},
		"aws:ssm/parameter:Parameter": {
			map[string]any{"name": "/a", "value": "x", "insecureValue": "x", "description": "", "version": 0},
			map[string]any{"name": "/a", "value": "x"},
		},
	} {
		inputs, state := properties(tt.read), properties(tt.read)
		catalog()[token].imported(inputs, state)
		if !inputs.DeepEquals(properties(tt.want)) {
			t.Errorf("%s: got %v, want %v", token, inputs.Mappable(), tt.want)
		}
		for _, key := range notFound[token] {
			if _, found := state[key]; found {
				t.Errorf("%s: the state has %s, want what AWS keeps", token, key)
			}
		}
	}
}

// What AWS chooses by itself is no change when a program does not give it; what
// somebody chose is.
func TestWithoutDefaults_keepsWhatWasChosen(t *testing.T) {
	t.Parallel()
	repository := catalog()[repositoryType]
	aes := map[string]any{"encryptionConfigurations": []any{map[string]any{"encryptionType": "AES256"}}}
	kms := map[string]any{"encryptionConfigurations": []any{map[string]any{"encryptionType": "KMS"}}}
	for _, tt := range []struct {
		olds, news map[string]any
		replaced   bool
	}{
		{aes, map[string]any{}, false},
		{aes, aes, false},
		{kms, map[string]any{}, true},
		{kms, aes, true},
		{aes, kms, true},
	} {
		olds, news := properties(tt.olds), properties(tt.news)
		changes := differences("", repository.withoutDefaults(olds, news), news, nil)
		if replaced := len(diffResponse(changes, repository.replaces, nil).Replaces) > 0; replaced != tt.replaced {
			t.Errorf("%v to %v: got replaced %v, want %v", tt.olds, tt.news, replaced, tt.replaced)
		}
	}
}

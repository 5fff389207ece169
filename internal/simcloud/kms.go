package simcloud

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
)

const keyType = "aws:kms/key:Key"

var kmsTypes = []*Type{
	{
		TypeName: keyType, Args: kms.KeyArgs{}, Outputs: kms.Key{},
		Replace:   []string{"customerMasterKeySpec", "keyUsage", "multiRegion", "customKeyStoreId", "xksKeyId"},
		Documents: []string{"policy"},
		Rules: []rule{
			between("deletionWindowInDays", 7, 30),
			between("rotationPeriodInDays", 90, 2560),
			oneOf("keyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"),
			policy("policy", resourcePolicy),
		},
		Defaults: map[string]any{"isEnabled": true, "enableKeyRotation": false, "keyUsage": "ENCRYPT_DECRYPT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "multiRegion": false, "rotationPeriodInDays": 365},
		ID: func(i *instance) string {
			id := fakeHex(32, i.session.account, i.session.region, i.urn)
			return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
		},
		State: func(i *instance) {
			i.arn("kms", "key/"+i.id)
			i.set("keyId", i.id)
		},
	},
	{
		TypeName: "aws:kms/alias:Alias", Args: kms.AliasArgs{}, Outputs: kms.Alias{},
		Name:    &Naming{Property: "name", Max: 256, Prefix: "alias/", Taken: "AlreadyExistsException"},
		Replace: []string{"name", "namePrefix"},
		Parents: []Parent{{Property: "targetKeyId", Type: keyType}},
		Rules: []rule{
			like("name", `^alias/[a-zA-Z0-9/_-]+$`, "alias/ and letters, digits, / _ -"),
			func(c *checking) {
				if strings.HasPrefix(text(c.props, "name"), "alias/aws/") {
					c.problem("name", "got %q; alias/aws/ is reserved", text(c.props, "name"))
				}
			},
		},
		State: func(i *instance) {
			i.arn("kms", i.id)
			if key := i.cloud.resolve(keyType, text(i.in, "targetKeyId")); key != nil {
				i.set("targetKeyArn", text(key.plain(), "arn"))
			}
		},
	},
}

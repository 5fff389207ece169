package simcloud

import (
	"slices"
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

// keyAdmits says whether the policy of a key lets a service use it with an
// encryption context. A key of another account or region, whose policy is not
// known here, is taken to do so. The cloud is locked.
func (c *Cloud) keyAdmits(s *session, arn, service, action, context, value string) bool {
	key := c.resolve(keyType, arn)
	if key == nil {
		return slices.Contains(c.others.Keys, arn) || !strings.HasPrefix(arn, s.arn("kms", "key/"))
	}
	for _, statement := range statementsOf(key.plain()["policy"]) {
		principal, _ := statement["Principal"].(map[string]any)
		if statement["Effect"] != "Allow" || !slices.Contains(refsOf(principal["Service"]), service) {
			continue
		}
		if !slices.ContainsFunc(refsOf(statement["Action"]), func(pattern string) bool { return wildcard(pattern, action) }) {
			continue
		}
		if contextFits(statement["Condition"], "kms:EncryptionContext:"+context, value) {
			return true
		}
	}
	return false
}

// contextFits says whether every condition about the encryption context holds
// for its value. Conditions about other keys are taken to hold.
func contextFits(condition any, key, value string) bool {
	operators, _ := condition.(map[string]any)
	for operator, v := range operators {
		keys, _ := v.(map[string]any)
		wanted, ok := keys[key]
		if !ok {
			continue
		}
		exact := operator == "StringEquals"
		if !slices.ContainsFunc(refsOf(wanted), func(pattern string) bool { return pattern == value || !exact && wildcard(pattern, value) }) {
			return false
		}
	}
	return true
}

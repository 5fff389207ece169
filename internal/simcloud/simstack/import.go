package simstack

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/pkg/v3/secrets/b64"
	"github.com/pulumi/pulumi/pkg/v3/secrets/passphrase"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// Import makes the stack believe that it deployed what an export holds, so that
// Preview says what would change. Its resources need not be in the cloud: a
// preview asks for none of them. phrase decrypts secrets that were encrypted with
// a passphrase; "" if there is none. Secrets in clear, as --show-secrets exports
// them, need no key.
func (s *Stack) Import(ctx context.Context, exported *apitype.UntypedDeployment, phrase string) error {
	snapshot, err := stack.DeserializeUntypedDeployment(ctx, exported, keyring{phrase})
	if err != nil {
		return fmt.Errorf("read the deployment: %w", err)
	}
	if snapshot == nil {
		return nil // nothing is deployed
	}
	for _, r := range snapshot.Resources {
		if project, name := string(r.URN.Project()), r.URN.Stack().Name().String(); project != s.Project || name != s.Name {
			return fmt.Errorf("the deployment is of stack %s of %s, want %s of %s", name, project, s.Name, s.Project)
		}
	}
	s.snapshot = snapshot
	return nil
}

// keyring opens what a deployment's secrets were encrypted with.
type keyring struct{ phrase string }

// OfType is a manager for secrets of a type, which may turn out to be unable to
// decrypt anything.
func (k keyring) OfType(_ context.Context, ty string, state json.RawMessage) (secrets.Manager, error) {
	switch {
	case ty == b64.Type:
		return b64.NewBase64SecretsManager(), nil
	case ty != passphrase.Type:
		return locked{b64.NewBase64SecretsManager(), fmt.Errorf("its secrets are encrypted by %q, which cannot be asked; export it with --show-secrets", ty)}, nil
	case k.phrase == "":
		return locked{b64.NewBase64SecretsManager(), fmt.Errorf("its secrets are encrypted: set PULUMI_CONFIG_PASSPHRASE, or export it with --show-secrets")}, nil
	}
	var salted struct {
		Salt string `json:"salt"`
	}
	if err := json.Unmarshal(state, &salted); err != nil {
		return nil, fmt.Errorf("its passphrase: %w", err)
	}
	m, err := passphrase.GetPassphraseSecretsManager(k.phrase, salted.Salt)
	if err != nil {
		return nil, fmt.Errorf("PULUMI_CONFIG_PASSPHRASE is not the passphrase of the deployment: %w", err)
	}
	return m, nil
}

// locked is a manager without the key.
type locked struct {
	secrets.Manager
	why error
}

func (l locked) Decrypter() config.Decrypter { return lockedValues{l.why} }

type lockedValues struct{ why error }

func (l lockedValues) DecryptValue(context.Context, string) (string, error) { return "", l.why }

func (l lockedValues) BatchDecrypt(context.Context, []string) ([]string, error) { return nil, l.why }

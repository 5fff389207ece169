package components

import (
	"bytes"
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policy is an IAM policy document, of a role or of a resource.
type policy struct {
	Version   string
	Statement []statement
}

// statement is one statement of a policy. Resource is left out of a trust
// policy, Principal out of a role's own.
type statement struct {
	Sid       string
	Effect    string
	Principal any `json:",omitempty"` // "*" or a map such as {"Service": "..."}
	Action    []string
	Resource  []string       `json:",omitempty"`
	Condition map[string]any `json:",omitempty"`
}

func newPolicy(statements ...statement) policy {
	return policy{Version: "2012-10-17", Statement: statements}
}

// and is the policy with more statements.
func (p policy) and(statements ...statement) policy {
	p.Statement = append(p.Statement, statements...)
	return p
}

// denyPlainHTTP refuses requests that do not use TLS.
func denyPlainHTTP(actions, resources []string) statement {
	return statement{
		Sid:       "DenyPlainHTTP",
		Effect:    "Deny",
		Principal: "*",
		Action:    actions,
		Resource:  resources,
		Condition: map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// document renders what build returns as JSON once every input is known; until
// then, in a preview, the whole text is unknown. build gets the inputs in order.
func document(build func(in []string) any, inputs ...pulumi.StringInput) pulumi.StringOutput {
	anys := make([]any, len(inputs))
	for i, input := range inputs {
		anys[i] = input
	}
	return pulumi.All(anys...).ApplyT(func(resolved []any) (string, error) {
		in := make([]string, len(resolved))
		for i, v := range resolved {
			in[i] = v.(string)
		}
		return renderJSON(build(in))
	}).(pulumi.StringOutput)
}

// renderJSON writes v as compact JSON and leaves < > & as they are, so that
// what a person reads in the console is what the program wrote.
func renderJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

package migrate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// ImportFile is what `pulumi import --file` reads.
type ImportFile struct {
	Resources []Import `json:"resources"`
}

// Import is one resource of an ImportFile.
type Import struct {
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	ID        string         `json:"id,omitempty"`
	Parent    string         `json:"parent,omitempty"`
	Provider  string         `json:"provider,omitempty"`
	Version   string         `json:"version,omitempty"`
	Component bool           `json:"component,omitempty"`
	Inputs    map[string]any `json:"inputs,omitempty"`
}

// file puts the provider and the components before what is adopted.
func (m *migrator) file() ImportFile {
	inputs := map[string]any{
		"region":                    m.target.Region,
		"skipCredentialsValidation": false,
		"skipRegionValidation":      true,
		"defaultTags": map[string]any{"tags": map[string]any{
			"project": m.target.Project, "environment": m.target.Environment, "managed-by": "pulumi",
		}},
	}
	if m.target.Account != "" {
		inputs["allowedAccountIds"] = []any{m.target.Account}
	}
	if m.target.Profile != "" {
		inputs["profile"] = m.target.Profile
	}
	all := []Import{{Type: pulumiProvider, Name: "aws", Version: providerVersion, Inputs: inputs}}
	for _, c := range components {
		if slices.ContainsFunc(m.imports, func(i Import) bool { return i.Parent == c.name }) {
			all = append(all, Import{Type: c.typ, Name: c.name, Component: true})
		}
	}
	slices.SortStableFunc(m.imports, func(a, b Import) int {
		return cmp.Or(strings.Compare(a.Parent, b.Parent), strings.Compare(a.Name, b.Name))
	})
	for _, i := range m.imports {
		i.Provider, i.Version = "aws", providerVersion
		all = append(all, i)
	}
	return ImportFile{Resources: all}
}

// JSON is the file as it is written.
func (f ImportFile) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

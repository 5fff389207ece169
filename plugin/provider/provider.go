// Package provider is the components as a package of Pulumi.
package provider

import (
	"context"
	_ "embed" // the schema
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"ds-pipeline/components"
)

// Name is what programs call the package, and Version the release that it is of.
const (
	Name    = "ds-pipeline"
	Version = "0.1.0"
)

// schema is what Inferred tells, with the comments of the components and with what
// is plain. `make schema` writes it.
//
//go:embed schema.json
var schema string

// Run serves the package to the engine that started this process, until that ends.
func Run(ctx context.Context) error {
	provider, err := Inferred()
	if err != nil {
		return err
	}
	provider.GetSchema = func(context.Context, p.GetSchemaRequest) (p.GetSchemaResponse, error) {
		return p.GetSchemaResponse{Schema: schema}, nil
	}
	return provider.Run(ctx, Name, Version)
}

// Inferred is the package as the types of the components tell it.
func Inferred() (p.Provider, error) {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("ds-pipeline").
		WithNamespace("ds-pipeline").
		WithDescription("Preprocesses data with a fitted scikit-learn model, once a month, on AWS").
		WithKeywords("category/cloud", "kind/component", "aws").
		WithComponents(
			infer.ComponentF(components.NewDataBuckets),
			infer.ComponentF(components.NewEncryptionKey),
			infer.ComponentF(components.NewAuditTrail),
			infer.ComponentF(components.NewProcessingCluster),
			infer.ComponentF(components.NewPipeline),
			infer.ComponentF(components.NewSchedule),
			infer.ComponentF(components.NewWatch),
			infer.ComponentF(components.NewMonitoring),
		).
		Build()
	if err != nil {
		return p.Provider{}, fmt.Errorf("infer the package from the components: %w", err)
	}
	return provider, nil
}

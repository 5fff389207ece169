// Command service is a service of another team: an example of how to find the
// pipeline's results without access to anybody's stack. It needs
// ssm:GetParameters on /ds/preprocessing/outputs/*.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"ds-pipeline/outputs/parameters"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	pipeline, err := parameters.Read(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Printf("results are in s3://%s/processed/\n", pipeline.OutputBucketName)
	return nil
}

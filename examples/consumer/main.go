// Command consumer is the Pulumi program of another team, which builds reports of
// the pipeline's results: an example of how to use a stack's outputs.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/examples/consumer/reports"
)

func main() { pulumi.Run(reports.Deploy) }

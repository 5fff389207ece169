// Command ds-pipeline is the Pulumi program of the project: `pulumi up -s dev`.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/stack"
)

func main() { pulumi.Run(stack.Deploy) }

// Command bootstrap is the Pulumi program that prepares an AWS account, once: a
// place for the states of stacks, and roles to deploy one with. docs/accounts.md
// goes through it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/bootstrap/foundation"
)

func main() { pulumi.Run(foundation.Deploy) }

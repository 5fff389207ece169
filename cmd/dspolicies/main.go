// Command dspolicies is the policy pack as a program:
//
//	pulumi preview --policy-pack bin/dspolicies
//
// The engine starts it with its own address and reads a port from its output.
package main

import (
	"fmt"
	"os"

	"ds-pipeline/policy"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "dspolicies: the Pulumi engine starts this program; run pulumi preview --policy-pack "+os.Args[0])
		os.Exit(64)
	}
	err := policy.Serve(func(port int) { fmt.Println(port) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "dspolicies:", err)
		os.Exit(1)
	}
}

package cost

import (
	"encoding/json"
	"math"
)

// leastTaskSeconds is what Fargate bills at least.
const leastTaskSeconds = 60

// Task is what a task of Fargate that ran costs, in US dollars by the list prices
// of the table's region: its CPUs and memory from the pull of its image on. It
// leaves out storage beyond the free 20 GiB, addresses and traffic.
func Task(vCPUs, memoryGB, seconds float64, arm, spot bool) float64 {
	var table struct{ Prices map[string]price }
	if err := json.Unmarshal(priceTable, &table); err != nil {
		panic(err) // it is part of the program
	}
	cpu, memory := "vcpuX86", "memoryX86"
	if arm {
		cpu, memory = "vcpuARM", "memoryARM"
	}
	usd := math.Max(seconds, leastTaskSeconds) / 3600 * (vCPUs*table.Prices[cpu].USD + memoryGB*table.Prices[memory].USD)
	if spot {
		usd *= Defaults().SpotShare
	}
	return usd
}

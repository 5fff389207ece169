package components

import "fmt"

// fargateSize is one row of Fargate's table of task sizes: what memory a task
// with so many CPU units can have. 1024 units are one vCPU.
type fargateSize struct {
	cpu    int
	memory []int // MiB, ascending
}

// fargateSizes is the whole table for Linux. See "Fargate task CPU and memory"
// in the ECS developer guide. The two largest sizes need platform 1.4.0.
var fargateSizes = []fargateSize{
	{256, []int{512, 1024, 2048}},
	{512, steps(1024, 4096, 1024)},
	{1024, steps(2048, 8192, 1024)},
	{2048, steps(4096, 16384, 1024)},
	{4096, steps(8192, 30720, 1024)},
	{8192, steps(16384, 61440, 4096)},
	{16384, steps(32768, 122880, 8192)},
}

func steps(low, high, step int) []int {
	var values []int
	for v := low; v <= high; v += step {
		values = append(values, v)
	}
	return values
}

// CheckTaskCPU reports whether Fargate offers tasks with so many CPU units.
func CheckTaskCPU(units int) error {
	var all []int
	for _, size := range fargateSizes {
		if size.cpu == units {
			return nil
		}
		all = append(all, size.cpu)
	}
	return fmt.Errorf("got %d CPU units, want %s", units, orList(all))
}

// CheckTaskMemory reports whether Fargate offers mib MiB with so many CPU units.
// It says nothing when the CPU units themselves are not offered.
func CheckTaskMemory(units, mib int) error {
	for _, size := range fargateSizes {
		if size.cpu != units {
			continue
		}
		for _, m := range size.memory {
			if m == mib {
				return nil
			}
		}
		return fmt.Errorf("got %d MiB with %d CPU units, want %s MiB", mib, units, orList(size.memory))
	}
	return nil
}

// freeStorageGiB is the scratch space that every task has at no cost.
const freeStorageGiB = 20

// CheckTaskStorage reports whether Fargate offers so much scratch space, in GiB.
func CheckTaskStorage(gib int) error {
	if gib < freeStorageGiB || gib > 200 {
		return fmt.Errorf("got %d GiB, want %d, which costs nothing, to 200", gib, freeStorageGiB)
	}
	return nil
}

// CheckSpotAttempts reports whether Spot leaves an attempt for capacity that
// cannot be reclaimed.
func CheckSpotAttempts(attempts int) error {
	if attempts < 2 {
		return fmt.Errorf("got %d with Spot, want 2 or more: the last attempt does not use it", attempts)
	}
	return nil
}

// Architecture is a processor family, as container images name it.
type Architecture string

// Architectures that Fargate runs and the image is built for.
const (
	AMD64 Architecture = "amd64"
	ARM64 Architecture = "arm64"
)

// CheckArchitecture reports whether Fargate runs a.
func CheckArchitecture(a Architecture) error {
	switch a {
	case AMD64, ARM64:
		return nil
	}
	return fmt.Errorf("got %q, want %s or %s", a, AMD64, ARM64)
}

// platform is what an image is built for.
func (a Architecture) platform() string { return "linux/" + string(a) }

// fargate is what a task definition calls it.
func (a Architecture) fargate() string {
	if a == ARM64 {
		return "ARM64"
	}
	return "X86_64"
}

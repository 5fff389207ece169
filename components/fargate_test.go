package components

import "testing"

// TestCheckTaskMemory_isFargatesTable tries every multiple of 256 MiB with every
// size and counts: the table of the developer guide has 3, 4, 7, 13, 23, 12 and
// 12 entries.
func TestCheckTaskMemory_isFargatesTable(t *testing.T) {
	want := map[int]struct{ count, low, high int }{
		256: {3, 512, 2048}, 512: {4, 1024, 4096}, 1024: {7, 2048, 8192}, 2048: {13, 4096, 16384},
		4096: {23, 8192, 30720}, 8192: {12, 16384, 61440}, 16384: {12, 32768, 122880},
	}
	for units, w := range want {
		if err := CheckTaskCPU(units); err != nil {
			t.Error(err)
		}
		count, low, high := 0, 0, 0
		for mib := 256; mib <= 256*1024; mib += 256 {
			if CheckTaskMemory(units, mib) == nil {
				if count == 0 {
					low = mib
				}
				count, high = count+1, mib
			}
		}
		if count != w.count || low != w.low || high != w.high {
			t.Errorf("%d units: %d values from %d to %d, want %+v", units, count, low, high, w)
		}
	}
	for _, units := range []int{0, -1, 128, 300, 3072, 32768} {
		if CheckTaskCPU(units) == nil {
			t.Errorf("%d CPU units are accepted", units)
		}
	}
}

func TestCheckTaskStorage_isWhatFargateOffers(t *testing.T) {
	for gib, right := range map[int]bool{19: false, 20: true, 200: true, 201: false} {
		if err := CheckTaskStorage(gib); (err == nil) != right {
			t.Errorf("%d GiB: got %v", gib, err)
		}
	}
}

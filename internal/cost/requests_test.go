package cost

import (
	"math"
	"testing"
)

func TestParts_growWithTheResult(t *testing.T) {
	first := Defaults().WritePartMB
	for _, c := range []struct{ gb, want float64 }{{0, 1}, {0.001, 1}, {0.00525, 2}, {34, 6485}, {36, 6500 + 92}, {500, 6500 + 500 + 2896}} {
		if got := Parts(c.gb*1000, first); got != c.want {
			t.Errorf("%v GB: %v parts, want %v", c.gb, got, c.want)
		}
	}
	if got := Parts(600_000, first); got <= MostParts {
		t.Errorf("600 GB: %v parts, want more than S3 takes", got)
	}
}

// The study of scale has the same objects: docs/scale.md, "1 TB in one object".
func TestRangePartMB_makesRoomForTheResult(t *testing.T) {
	for _, c := range []struct{ gb, want float64 }{{1, 5.24288}, {34, 5.24288}, {1000, 144 * 1.048576}} {
		if got := RangePartMB(c.gb, 5.24288); !near(got, c.want) {
			t.Errorf("%v GB: parts of %v MB, want %v", c.gb, got, c.want)
		}
	}
}

func TestOf_aResultThatIsPutTogetherHasLargerParts(t *testing.T) {
	a, task := hour("X86_64")
	bucket := Resource{Type: "aws:s3/bucketV2:BucketV2"}
	a.InputGB = 1000
	const ranges = 2773 // of 344 MiB
	e := of(t, a, fanned("344"), task, bucket)
	first := RangePartMB(1000, a.WritePartMB)
	want := a.PutsPerRun + ranges*(a.PutsPerObject+math.Ceil(1.5e6/ranges/first)) + math.Ceil(a.Objects/1000) + recordPuts
	if got := item(t, e, "writes and listings of objects").Quantity; !near(got, want) {
		t.Errorf("got %v writes, want %v", got, want)
	}
	// It is read twice: to be cut, and by its parts.
	if got, want := item(t, e, "reads of objects").Quantity, 2*1e6/a.ReadPartMB; got < want || got > 1.05*want {
		t.Errorf("got %v reads, want a little more than %v", got, want)
	}
}

func TestOf_aTaskIsNoFasterThanS3TakesItsResult(t *testing.T) {
	a := Defaults()
	a.InputGB, a.StartSeconds, a.MBPerSecond, a.OutputRatio = 360, 0, 100, 1.5
	a.WritesAtOnce, a.WritePartMB, a.FirstByteSeconds, a.RequestMBPerSecond = 2, 10, 0.03, 100 // 20 MB in 0.13 s
	for cpu, want := range map[string]float64{"512": 7200, "1024": 3600, "4096": 3510} {
		e := of(t, a, Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Inputs: map[string]any{"cpu": cpu, "memory": "4096"}})
		if !near(e.RunSeconds, want) {
			t.Errorf("%s CPU units: %v s, want %v", cpu, e.RunSeconds, want)
		}
	}
}

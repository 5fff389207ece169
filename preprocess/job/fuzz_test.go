package job

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
)

// Whatever the input is, a run either publishes one line per record and the
// header, or refuses the data and publishes nothing; and the size of the blocks
// and the number of workers do not matter.
func FuzzRun(f *testing.F) {
	for _, seed := range []string{
		"dist_km,price,temp,rooms\n1,2,3,4\n", "rooms,temp,price,dist_km,x\n1,2,3,4,\"a\nb\"\n,,,,\nNA,nan,inf,1e999,5\n",
		"\xef\xbb\xbfdist_km,price,temp,rooms\r\n1,2,3,True\r\n4,5,6,x\r\n", "dist_km,price,temp,rooms\r1,2,3,4\r\r1,2,3\r", "", "\n\n", "dist_km,price,temp,rooms\n\"",
		"dist_km,dist_km,price,temp,rooms\n1,2,3,4,5\n", "dist_km,price,temp,rooms\n1,2,3,99999999999999999999\n1,2,3,\xff\n",
	} {
		f.Add([]byte(seed), uint8(20), uint8(2))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, input []byte, size, workers uint8) {
		s, err := settingsFor(dir, string(input), cases+"models/pub_scalers.pkl")
		if err != nil {
			t.Fatal(err)
		}
		outcome := func() string {
			_ = os.Remove(s.Output.Path)
			sum, err := Run(context.Background(), s, quiet)
			out, missing := os.ReadFile(s.Output.Path)
			if err != nil {
				if ExitStatus(err) != contract.ExitData || missing == nil {
					t.Fatalf("exit status %d: %v (published: %t)", ExitStatus(err), err, missing == nil)
				}
				return err.Error()
			}
			// No cell of this model's result holds a line end unless it is quoted.
			if lines := bytes.Count(out, []byte("\n")); !bytes.ContainsRune(out, '"') && int64(lines) != sum.RowsOut+1 {
				t.Fatalf("%d lines of %d rows", lines, sum.RowsOut)
			}
			return string(out)
		}
		s.blocks = blockSizes{}
		want := outcome()
		n := int(size) + 1
		s.blocks, s.Workers = blockSizes{first: n, in: n, out: n, least: 1}, int(workers)%4+1
		if got := outcome(); got != want && !strings.Contains(want, "at least") {
			t.Fatalf("blocks of %d, %d workers:\n%q\nwant\n%q", n, s.Workers, got, want)
		}
	})
}

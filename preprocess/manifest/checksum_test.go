package manifest

import (
	"strings"
	"testing"
)

// Of the text 123456789: CRC64NVME as the catalog of CRCs of G. Cook has it
// (CRC-64/NVME, check 0xae8b14860a799888), SHA-256 as sha256sum prints it.
func TestChecksum_isTheCatalogs(t *testing.T) {
	for algorithm, want := range map[Algorithm]Checksum{
		CRC64NVME: {CRC64NVME: "rosUhgp5mIg="},
		SHA256:    {SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
	} {
		d := algorithm.New()
		for _, part := range []string{"1234", "", "56789"} {
			_, _ = d.Write([]byte(part))
		}
		got := d.Checksum()
		if err := want.Compare(got); err != nil || got.Algorithm() != algorithm || got.check() != nil {
			t.Errorf("%s: got %+v: %v", algorithm, got, err)
		}
		_, _ = d.Write([]byte("0"))
		if err := want.Compare(d.Checksum()); err == nil || !strings.Contains(err.Error(), algorithm.Name()) {
			t.Errorf("%s: other bytes: got %v", algorithm, err)
		}
	}
}

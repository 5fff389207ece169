package manifest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/minio/crc64nvme"

	"ds-pipeline/preprocess/contract"
)

// Algorithm is how a checksum is computed.
type Algorithm string

const (
	// CRC64NVME is what S3 keeps of objects, and costs next to nothing. It finds
	// damage, and not who wants to deceive.
	CRC64NVME Algorithm = contract.ChecksumCRC64NVME
	// SHA256 is the checksum that nobody can make two objects have.
	SHA256 Algorithm = contract.ChecksumSHA256
)

// Name is the algorithm in words.
func (a Algorithm) Name() string {
	if a == SHA256 {
		return "SHA-256"
	}
	return "CRC64NVME"
}

// New starts a checksum. The algorithm is one of those above.
func (a Algorithm) New() *Digest {
	if a == SHA256 {
		return &Digest{sha256.New(), a}
	}
	return &Digest{crc64nvme.New(), a}
}

// Digest computes a checksum of what is written to it.
type Digest struct {
	hash.Hash
	algorithm Algorithm
}

// Checksum is that of what was written so far.
func (d *Digest) Checksum() Checksum {
	sum := d.Sum(nil)
	if d.algorithm == SHA256 {
		return Checksum{SHA256: hex.EncodeToString(sum)}
	}
	return Checksum{CRC64NVME: base64.StdEncoding.EncodeToString(sum)}
}

// Checksum is one of an object's bytes as stored: just one of its members is
// not "".
type Checksum struct {
	SHA256    string `json:"sha256,omitempty"`    // in hexadecimal
	CRC64NVME string `json:"crc64nvme,omitempty"` // 8 bytes, the highest first, in base64: as S3 writes it
}

// Algorithm is how the checksum was computed.
func (c Checksum) Algorithm() Algorithm {
	if c.SHA256 != "" {
		return SHA256
	}
	return CRC64NVME
}

// Join is the checksum of pieces, one after the other. It follows from their own if
// they are CRC64NVMEs; else it is false. There has to be one.
func Join(pieces []Piece) (Checksum, bool) {
	if len(pieces) == 0 {
		return Checksum{}, false
	}
	joined := uint64(0) // of nothing
	for _, p := range pieces {
		sum, err := base64.StdEncoding.DecodeString(p.CRC64NVME)
		if err != nil || len(sum) != crc64nvme.Size {
			return Checksum{}, false
		}
		joined = multiply(joined, power(8*uint64(p.Size))) ^ binary.BigEndian.Uint64(sum)
	}
	return Checksum{CRC64NVME: base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, joined))}, true
}

// A CRC is the remainder of its message as a polynomial over GF(2), and what follows a
// message multiplies it by a power of x: M. Adler describes it for crc32_combine of
// zlib. That the CRC of nothing is 0, and each begins and ends inverted, cancels
// out. The highest bit is the coefficient of 1.
const (
	polynomial = 0x9a6c9329ac4bc9b5 // of CRC-64/NVME in the catalog of G. Cook, reflected, without x to the 64
	one        = uint64(1) << 63
)

// multiply is a times b modulo the polynomial.
func multiply(a, b uint64) uint64 {
	product := uint64(0)
	for ; a != 0; a <<= 1 {
		if a&one != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ carry*polynomial
	}
	return product
}

// power is x to the n modulo the polynomial.
func power(n uint64) uint64 {
	result := one
	for square := one >> 1; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}

func (c Checksum) String() string {
	if c.SHA256 != "" {
		return c.SHA256
	}
	return c.CRC64NVME
}

// Compare is an error unless got is the checksum of the same bytes.
func (c Checksum) Compare(got Checksum) error {
	if c != got {
		return fmt.Errorf("its %s is %s, want %s", c.Algorithm().Name(), got, c)
	}
	return nil
}

func (c Checksum) check() error {
	switch {
	case c.SHA256 != "" && c.CRC64NVME != "":
		return errors.New("got a sha256 and a crc64nvme, want one of them")
	case c.SHA256 != "":
		return checkSHA256("sha256", c.SHA256)
	case c.CRC64NVME == "":
		return errors.New("got no checksum, want sha256 or crc64nvme")
	}
	if sum, err := base64.StdEncoding.Strict().DecodeString(c.CRC64NVME); err != nil || len(sum) != crc64nvme.Size {
		return fmt.Errorf("crc64nvme: got %q, want 8 bytes in base64", c.CRC64NVME)
	}
	return nil
}

func checkSHA256(name, text string) error {
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("%s: got %q, want a SHA-256 in hexadecimal", name, text)
	}
	return nil
}

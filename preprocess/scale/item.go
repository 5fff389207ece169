// Package scale has the forms of what the tasks of a run that is spread over many
// machines tell each other: items, records of parts, what a round starts from,
// and what a map over the items has recorded. It reads and writes nothing itself.
package scale

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxItems bounds the items of a run: as many objects as a prefix may stand for.
const MaxItems = 10_000

// MaxItemsBytes bounds the text of the items of one part, which an environment
// variable holds.
const MaxItemsBytes = 128 << 10

// Item is one piece of work: an object, or a range of one.
type Item struct {
	Key  string `json:"Key"`
	ETag string `json:"Etag,omitempty"` // without quotes; "" if it is not known
	Size int64  `json:"Size"`           // of the object, in bytes
	*Range
}

// Range is some whole records of an object.
type Range struct {
	Number int   `json:"Range"` // from 0
	Start  int64 `json:"Start"` // in bytes
	End    int64 `json:"End"`   // the byte after it
	Lines  int64 `json:"Lines"` // line ends before Start
}

// MarshalJSON writes what UnmarshalJSON reads.
func (i Item) MarshalJSON() ([]byte, error) {
	type object struct {
		Key  string `json:"Key"`
		ETag string `json:"Etag,omitempty"`
		Size int64  `json:"Size"`
		*Range
	}
	return json.Marshal(object(i))
}

// UnmarshalJSON reads an item as a map hands it out: of a listing, of an
// inventory, in which numbers are texts, or of a plan. Members that are not
// known do not matter.
func (i *Item) UnmarshalJSON(text []byte) error {
	var raw struct {
		Key   *string // which also stands for key, as the decoder does not tell them apart
		ETag  string
		Size  number
		Range *int
		Start *int64
		End   *int64
		Lines *int64
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	if raw.Key == nil {
		return errors.New(`item without a "Key"`)
	}
	*i = Item{Key: *raw.Key, ETag: strings.Trim(raw.ETag, `"`), Size: int64(raw.Size)}
	if raw.Range != nil || raw.Start != nil || raw.End != nil || raw.Lines != nil {
		if raw.Range == nil || raw.Start == nil || raw.End == nil || raw.Lines == nil {
			return fmt.Errorf("item %q: want Range, Start, End and Lines of a range, all of them or none", i.Key)
		}
		i.Range = &Range{*raw.Range, *raw.Start, *raw.End, *raw.Lines}
	}
	return i.check()
}

func (i Item) check() error {
	switch r := i.Range; {
	case i.Key == "" || !utf8.ValidString(i.Key):
		return fmt.Errorf("item with the key %q: want the name of an object", i.Key)
	case i.Size < 0:
		return fmt.Errorf("item %q: Size: got %d", i.Key, i.Size)
	case r == nil:
	case r.Number < 0 || r.Number >= MaxItems || r.Start < 0 || r.End < r.Start || r.End > i.Size || r.Lines < 0:
		return fmt.Errorf("item %q: range %d from byte %d to byte %d of %d after line %d", i.Key, r.Number, r.Start, r.End, i.Size, r.Lines)
	}
	return nil
}

// number is a whole number, or a text of its digits.
type number int64

func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("got %s, want a whole number", text)
	}
	*n = number(v)
	return nil
}

// ID tells an item from the others of its run: 32 letters and digits, or the
// number of its range.
func (i Item) ID() string {
	if i.Range != nil {
		return fmt.Sprintf("range-%05d", i.Number)
	}
	sum := sha256.Sum256([]byte(i.Key))
	return hex.EncodeToString(sum[:16])
}

// String names an item in messages.
func (i Item) String() string {
	if i.Range != nil {
		return fmt.Sprintf("%s, range %d (bytes %d to %d)", i.Key, i.Number, i.Start, i.End)
	}
	return i.Key
}

// ParseItems reads the items of one part. All problems are reported together.
func ParseItems(text string) ([]Item, error) {
	if len(text) > MaxItemsBytes {
		return nil, fmt.Errorf("%d bytes; want at most %d", len(text), MaxItemsBytes)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf(`want a JSON array of items such as [{"Key":"raw/a.csv","Etag":"…","Size":10}]: %w`, err)
	}
	if len(raw) == 0 {
		return nil, errors.New("no items; want at least one")
	}
	items := make([]Item, len(raw))
	var errs []error
	seen := map[string]bool{}
	for n, one := range raw {
		if err := json.Unmarshal(one, &items[n]); err != nil {
			errs = append(errs, fmt.Errorf("item %d: %w", n+1, err))
			continue
		}
		if id := items[n].ID(); seen[id] {
			errs = append(errs, fmt.Errorf("item %d: %s stands there twice", n+1, items[n]))
		} else {
			seen[id] = true
		}
	}
	return items, errors.Join(errs...)
}

// longName is how many bytes of a part's name tell its object, at most.
const longName = 180

// PartName is the name of the result of an object: name is the object's below
// its prefix, and extension that of the result, such as .csv. Two names never
// give the same one, whatever the others are, and it has no slash: what is not a
// letter, a digit, a dot or a hyphen becomes an underscore and two digits.
func PartName(name, extension string) string {
	stem, has := strings.CutSuffix(name, extension)
	b := []byte("part-")
	for _, c := range []byte(stem) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.':
			b = append(b, c)
		default:
			b = fmt.Appendf(b, "_%02X", c)
		}
	}
	if len(b) > longName {
		sum := sha256.Sum256([]byte(stem))
		b = fmt.Appendf(b[:longName-40], "_x%x", sum[:16])
	}
	if !has {
		b = append(b, '_') // no digits follow: a name with the extension cannot give it
	}
	return string(b) + extension
}

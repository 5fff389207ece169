package contract

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of EnvMaxRecordBytes.
const (
	LeastMaxRecordBytes = 1 << 10
	MostMaxRecordBytes  = (1<<30 - 1) / 2
)

// Bounds of what a script and its package may take.
const (
	LeastScriptMemoryMiB    = 64
	MostScriptMemoryMiB     = 1 << 20
	MostScriptTimeoutSecond = 86400
	MostPackageFiles        = 1_000_000
	MostPackageMiB          = 1 << 20
)

// Setting is one that the job takes from its environment and that a stack can
// set for every run.
type Setting struct {
	Key string // of the stack's configuration
	Env string
	// Check says what is wrong with a value that is not "", as the job would. That
	// values go together only the job can tell.
	Check func(value string) error
}

// Settings lists every setting.
func Settings() []Setting {
	return []Setting{
		{"inputFormat", EnvInputFormat, oneOf("csv", "jsonl", "parquet")},
		{"inputDelimiter", EnvDelimiter, checkDelimiter},
		{"inputEncoding", EnvEncoding, checkEncoding},
		{"nullValues", EnvNullValues, checkList},
		{"maxRecordBytes", EnvMaxRecordBytes, number(LeastMaxRecordBytes, MostMaxRecordBytes)},
		{"maxRejects", EnvMaxRejects, CheckRejectLimit},
		{"keepColumns", EnvKeep, checkColumns},
		{"outputFormat", EnvOutputFormat, oneOf("csv", "parquet")},
		{"outputDelimiter", EnvOutputDelimiter, checkDelimiter},
		{"report", EnvReport, oneOf("true", "false")},
		{"checksum", EnvChecksum, CheckChecksum},
		{"scriptMemoryMiB", EnvScriptMemory, number(LeastScriptMemoryMiB, MostScriptMemoryMiB)},
		{"scriptTimeoutSeconds", EnvScriptTimeout, number(1, MostScriptTimeoutSecond)},
		{"scriptNetwork", EnvScriptNetwork, oneOf("true", "false")},
		{"packageMaxFiles", EnvPackageMaxFiles, number(1, MostPackageFiles)},
		{"packageMaxMiB", EnvPackageMaxMiB, number(1, MostPackageMiB)},
	}
}

// Values of EnvChecksum.
const (
	ChecksumCRC64NVME = "crc64nvme"
	ChecksumSHA256    = "sha256"
)

// CheckChecksum is an error unless v is a way to compute a checksum.
func CheckChecksum(v string) error { return oneOf(ChecksumCRC64NVME, ChecksumSHA256)(v) }

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(values, v) {
			return nil
		}
		return fmt.Errorf("got %q, want %s or %s", v, strings.Join(values[:len(values)-1], ", "), values[len(values)-1])
	}
}

var delimiterPattern = regexp.MustCompile(`^(tab|\\t|[\x01-\x09\x0b\x0c\x0e-!#-*,/:-@\[-` + "`" + `{-~])$`)

func checkDelimiter(v string) error {
	if !delimiterPattern.MatchString(v) {
		return fmt.Errorf("got %q, want tab or one ASCII character that is no letter, digit, sign, dot, quote or line end", v)
	}
	return nil
}

var encodingPattern = regexp.MustCompile(`(?i)^(utf-?8|utf-?16|utf-16le|utf-16be|latin-?1|iso-8859-1)$`)

func checkEncoding(v string) error {
	if !encodingPattern.MatchString(v) {
		return fmt.Errorf("got %q, want utf-8, utf-16, utf-16le, utf-16be or latin-1", v)
	}
	return nil
}

// SplitList splits at commas; an item that holds a comma is quoted as in CSV.
func SplitList(v string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(v))
	items, err := r.Read()
	if err == nil {
		if _, err = r.Read(); errors.Is(err, io.EOF) {
			return items, nil
		}
		err = errors.New("more than one line")
	}
	return nil, fmt.Errorf("got %q, want items with commas between them, quoted as in CSV where needed: %w", v, err)
}

func checkList(v string) error {
	_, err := SplitList(v)
	return err
}

// ColumnNames reads a list of names, of which none is empty or there twice, and
// tells all that is wrong.
func ColumnNames(v string) ([]string, []error) {
	names, err := SplitList(v)
	if err != nil {
		return nil, []error{err}
	}
	var errs []error
	for i, name := range names {
		if name == "" {
			errs = append(errs, fmt.Errorf("empty name in %q; want column names with commas between them", v))
		} else if slices.Contains(names[:i], name) {
			errs = append(errs, fmt.Errorf("column %q is named twice", name))
		}
	}
	return names, errs
}

func checkColumns(v string) error {
	_, errs := ColumnNames(v)
	return errors.Join(errs...)
}

func number(least, most int) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < least || n > most {
			return fmt.Errorf("got %q, want a whole number from %d to %d", v, least, most)
		}
		return nil
	}
}

var rejectLimitPattern = regexp.MustCompile(`^(?:[0-9]{1,18}|([0-9]{1,18}(?:\.[0-9]{1,18})?)%)$`)

// CheckRejectLimit is an error unless v is a count or a share of records.
func CheckRejectLimit(v string) error {
	m := rejectLimitPattern.FindStringSubmatch(v)
	if m != nil {
		share, ok := new(big.Rat).SetString("0" + m[1])
		if ok && share.Cmp(big.NewRat(100, 1)) <= 0 {
			return nil
		}
	}
	return fmt.Errorf("got %q, want a count such as 100 or a share from 0%% to 100%% such as 0.5%%", v)
}

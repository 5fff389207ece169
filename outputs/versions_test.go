package outputs_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/outputs"
	"ds-pipeline/preprocess/contract"
)

// list is what one version of the list of outputs had: types by name.
type list map[string]string

func (l list) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "%s: %s\n", name, l[name])
	}
	return b.String()
}

// difference tells what became of the outputs, and whether a program that was built
// with the old list may break.
func difference(was, is list) (changes []string, breaking bool) {
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch now, there := is[name]; {
		case !there:
			changes, breaking = append(changes, name+" was removed or renamed"), true
		case now != was[name]:
			changes, breaking = append(changes, fmt.Sprintf("%s was %s and is %s", name, was[name], now)), true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, there := was[name]; !there {
			changes = append(changes, name+" is new")
		}
	}
	return changes, breaking
}

// next is the version that a change asks for.
func next(version string, breaking bool) string {
	major, minor, err := contract.ParseOutputsVersion(version)
	switch {
	case err != nil:
		return err.Error()
	case breaking:
		return fmt.Sprintf("%d.0", major+1)
	default:
		return fmt.Sprintf("%d.%d", major, minor+1)
	}
}

// check compares the list as it is, with its version, with the lists of all versions.
func check(recorded map[string]list, version string, is list) error {
	versions := slices.SortedFunc(maps.Keys(recorded), compare)
	var errs []error
	for i, v := range versions[:max(0, len(versions)-1)] {
		after := versions[i+1]
		changes, breaking := difference(recorded[v], recorded[after])
		if len(changes) > 0 && compare(after, next(v, breaking)) < 0 {
			errs = append(errs, fmt.Errorf("versions/%s.txt does not follow from versions/%s.txt, because %s: want version %s. A file of a version is never changed",
				after, v, strings.Join(changes, ", "), next(v, breaking)))
		}
	}
	if len(versions) == 0 {
		return fmt.Errorf("versions/%s.txt: missing: `make golden` writes it", version)
	}
	newest := versions[len(versions)-1]
	changes, breaking := difference(recorded[newest], is)
	switch {
	case len(changes) > 0 && compare(version, next(newest, breaking)) < 0:
		what := "other programs may rely on it"
		if !breaking {
			what = "other programs have to know from which version on they may rely on it"
		}
		errs = append(errs, fmt.Errorf("%s: %s. Raise OutputsVersion in preprocess/contract from %s to %s, run `make golden`, and say in CHANGELOG.md what a program has to change",
			strings.Join(changes, ", "), what, version, next(newest, breaking)))
	case compare(version, newest) < 0:
		errs = append(errs, fmt.Errorf("OutputsVersion is %s, but there was version %s: it never falls", version, newest))
	case version != newest:
		errs = append(errs, fmt.Errorf("versions/%s.txt: missing: `make golden` writes it", version))
	}
	return errors.Join(errs...)
}

func compare(a, b string) int {
	majorA, minorA, errA := contract.ParseOutputsVersion(a)
	majorB, minorB, errB := contract.ParseOutputsVersion(b)
	if errA != nil || errB != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(majorA, majorB), cmp.Compare(minorA, minorB))
}

// record reads the lists of all versions.
func record(t *testing.T) map[string]list {
	t.Helper()
	files, err := filepath.Glob("versions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]list{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		version := strings.TrimSuffix(filepath.Base(file), ".txt")
		if _, _, err := contract.ParseOutputsVersion(version); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		l := list{}
		for line := range strings.Lines(string(text)) {
			name, typ, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				t.Fatalf("%s: got line %q, want <name>: <type>", file, line)
			}
			l[name] = typ
		}
		recorded[version] = l
	}
	return recorded
}

func current() list {
	is := list{}
	for _, o := range contract.Outputs() {
		is[o.Stack] = o.Type()
	}
	return is
}

func TestOutputs_changeWithTheirVersionOnly(t *testing.T) {
	recorded := record(t)
	file := filepath.Join("versions", outputs.Version+".txt")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && os.Getenv("UPDATE_GOLDEN") != "" {
		// A file that is there stays: programs were built with it.
		if err := os.WriteFile(file, []byte(current().String()), 0o644); err != nil {
			t.Fatal(err)
		}
		recorded = record(t)
	}
	if err := check(recorded, outputs.Version, current()); err != nil {
		t.Error(err)
	}
}

// Since is the first version of those that have had the output ever since, as it is.
func TestOutputs_sinceIsWhatTheVersionsSay(t *testing.T) {
	recorded := record(t)
	versions := slices.SortedFunc(maps.Keys(recorded), compare)
	for _, o := range contract.Outputs() {
		since := ""
		for _, v := range slices.Backward(versions) {
			if recorded[v][o.Stack] != o.Type() {
				break
			}
			since = v
		}
		if o.Since != since {
			t.Errorf("%s: since %q, want %q", o.Stack, o.Since, since)
		}
	}
}

func TestCheck_saysWhichVersionAChangeNeeds(t *testing.T) {
	was := list{"bucket": "string", "arn": "string, optional"}
	for name, c := range map[string]struct {
		version string
		is      list
		want    string
	}{
		"the same":         {"1.4", list{"bucket": "string", "arn": "string, optional"}, ""},
		"one more":         {"1.4", list{"bucket": "string", "arn": "string, optional", "url": "string"}, "url is new: other programs have to know from which version on they may rely on it. Raise OutputsVersion in preprocess/contract from 1.4 to 1.5"},
		"one more, raised": {"1.5", list{"bucket": "string", "arn": "string, optional", "url": "string"}, "versions/1.5.txt: missing: `make golden` writes it"},
		"removed":          {"1.4", list{"bucket": "string"}, "arn was removed or renamed: other programs may rely on it. Raise OutputsVersion in preprocess/contract from 1.4 to 2.0, run `make golden`"},
		"renamed, raised too little": {"1.5", list{"bucket": "string", "newArn": "string, optional"},
			"arn was removed or renamed, newArn is new: other programs may rely on it. Raise OutputsVersion in preprocess/contract from 1.5 to 2.0"},
		"optional": {"1.4", list{"bucket": "string, optional", "arn": "string, optional"}, "bucket was string and is string, optional: other"},
		"object":   {"1.4", list{"bucket": "object", "arn": "string, optional"}, "bucket was string and is object"},
		"lowered":  {"1.3", was, "OutputsVersion is 1.3, but there was version 1.4: it never falls"},
	} {
		err := check(map[string]list{"1.3": {"bucket": "string"}, "1.4": was}, c.version, c.is)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	err := check(map[string]list{"1.3": {"bucket": "string", "url": "string"}, "1.4": was}, "1.4", was)
	if want := "versions/1.4.txt does not follow from versions/1.3.txt, because url was removed or renamed, arn is new: want version 2.0. A file of a version is never changed"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
)

// reported is the report of a run: what it says of the run, and of the columns.
func reported(t *testing.T, input string, change func(*Settings)) (run, columns string) {
	t.Helper()
	s, err := settingsFor(t.TempDir(), input, cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.Report = true
	if change != nil {
		change(&s)
	}
	sum, err := Run(context.Background(), s, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(s.Output.Path), contract.ReportName); sum.Report != want {
		t.Errorf("the summary says %q, want %q", sum.Report, want)
	}
	run, columns, found := strings.Cut(mustRead(t, sum.Report), "Input columns")
	if !found {
		t.Fatalf("no input columns in %s", run)
	}
	return run, columns
}

func withRejects(s *Settings) {
	limit, err := ParseRejectLimit("100%")
	if err != nil {
		panic(err)
	}
	s.MaxRejects = limit
}

// The header and the columns of the model's training data.
const reportHeader = "dist_km,price,temp,rooms\n"

func reportRows(bad bool) string {
	var b strings.Builder
	b.WriteString(reportHeader)
	for i := range 300 {
		if bad && i%7 == 3 {
			b.WriteString("1,secret,3,4\n")
		}
		if bad && i%31 == 5 {
			b.WriteString("1,2\n")
		}
		fmt.Fprintf(&b, "%d,%d.5,%d,%d\n", i, i*i%97, i%40-10, i%6)
	}
	return b.String()
}

func TestReport_leavesOutRejectedRecords(t *testing.T) {
	cleanRun, clean := reported(t, reportRows(false), withRejects)
	if strings.Contains(cleanRun, contract.RejectsName) {
		t.Error("it mentions rejects although there are none")
	}
	dirtyRun, dirty := reported(t, reportRows(true), withRejects)
	if dirty != clean {
		t.Errorf("the columns differ because of rejected records:\n%s\nwithout:\n%s", dirty, clean)
	}
	if !strings.Contains(dirtyRun, `<a href="rejects.csv">`) {
		t.Errorf("no link to the rejects: %s", dirtyRun)
	}
	if strings.Contains(dirtyRun+dirty, "secret") {
		t.Error("it shows a value of a rejected record")
	}
}

func TestReport_isTheSameForAnyWorkersAndBlocks(t *testing.T) {
	_, want := reported(t, reportRows(false), nil)
	for _, workers := range []int{1, 2, 5} {
		for _, sizes := range []blockSizes{small, {}, {first: 1000, in: 700, out: 900, least: 1}} {
			if _, got := reported(t, reportRows(false), func(s *Settings) { s.Workers, s.blocks = workers, sizes }); got != want {
				t.Errorf("%d workers, blocks %v: the columns differ", workers, sizes)
			}
		}
	}
}

// The last record shows that a column of whole numbers is one of text, so that
// the run starts again.
func TestReport_countsEachRecordOnceWhenTheRunStartsAgain(t *testing.T) {
	late := reportRows(false) + "1,2,3,secret\n"
	_, want := reported(t, late, func(s *Settings) { s.blocks = blockSizes{first: 1 << 20, in: 1 << 20, out: 1 << 20, least: 1} })
	_, got := reported(t, late, nil)
	if got != want {
		t.Errorf("after starting again:\n%s\nat once:\n%s", got, want)
	}
	if strings.Contains(got, "secret") {
		t.Error("it shows a value")
	}
}

func TestReport_showsValuesOnlyIfAsked(t *testing.T) {
	text := reportHeader + strings.Repeat("1,2,3,secret\n", 50)
	if _, page := reported(t, text, nil); strings.Contains(page, "secret") {
		t.Error("it shows a value")
	}
	if _, page := reported(t, text, func(s *Settings) { s.ShowValues = true }); !strings.Contains(page, "secret") {
		t.Error("it does not show a value")
	}
}

func TestReport_mayBeLeftOut(t *testing.T) {
	s, err := settingsFor(t.TempDir(), reportRows(false), cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Run(context.Background(), s, quiet)
	if err != nil || sum.Report != "" || sum.Drift != (Drift{}) {
		t.Errorf("report %q, %+v, %v", sum.Report, sum.Drift, err)
	}
	if _, err := os.Stat(beside(s.Output, contract.ReportName).Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a report: %v", err)
	}
}

func TestReport_isNotWrittenBesideADevice(t *testing.T) {
	if hasFolder(storage.URI{Path: os.DevNull}) {
		t.Errorf("%s has a folder for a report", os.DevNull)
	}
	if !hasFolder(storage.URI{Path: filepath.Join(t.TempDir(), "new.csv")}) || !hasFolder(storage.URI{Bucket: "b", Key: "k"}) {
		t.Error("a new file or an object has no folder")
	}
}

func TestReport_thatCannotBeWrittenPublishesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := settingsFor(dir, reportRows(false), cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.Report = true
	if err := os.Mkdir(filepath.Join(dir, contract.ReportName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), s, quiet); err == nil || !strings.Contains(err.Error(), contract.ReportName) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(s.Output.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a result: %v", err)
	}
}

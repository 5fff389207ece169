package review

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestCompare_countsAChangedGrantTwice(t *testing.T) {
	a := Grant{Who: "role a", Where: "p", Actions: []string{"s3:GetObject"}}
	b := Grant{Who: "role b", Where: "p", Actions: []string{"s3:GetObject"}}
	wider := a
	wider.Actions = []string{"s3:*"}
	added, removed := Compare([]Grant{a, b, b}, []Grant{b, wider, b})
	if !reflect.DeepEqual(added, []Grant{wider}) || !reflect.DeepEqual(removed, []Grant{a}) {
		t.Errorf("added %v, removed %v", added, removed)
	}
	if added, removed := Compare([]Grant{b}, []Grant{b, b}); len(added) != 1 || len(removed) != 0 {
		t.Errorf("added %v, removed %v", added, removed)
	}
}

func TestRead_returnsWhatWasWritten(t *testing.T) {
	text, err := json.Marshal(sample("x"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(strings.NewReader(string(text)))
	if err != nil || comment(t, got) != comment(t, sample("x")) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRead_refuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"another version": {`{"version":2,"stack":"dev"}`, "version 2, want 1"},
		"no JSON":         {"<html>", "report: invalid character"},
		"too long":        {strings.Repeat(" ", MaxReportBytes+1), "report: more than 4194304 bytes"},
		"a stack's name":  {`{"version":1,"stack":"a b"}`, `stack: got "a b", want the name of a stack`},
		"an operation":    {`{"version":1,"stack":"dev","changes":[{"op":"explode"}]}`, `changes[0].op: got "explode", want create, update, replace or delete`},
		"amounts":         {`{"version":1,"stack":"dev","costAfter":{"atRestUSD":1e300}}`, "costAfter: want amounts of 0 to 1000000000 dollars"},
		"an item":         {`{"version":1,"stack":"dev","costBefore":{"perRun":[{"usd":-1}]}}`, "costBefore: want amounts"},
		"too many":        {`{"version":1,"stack":"dev","errors":["` + strings.Repeat(`","`, maxEntries) + `"]}`, "errors: got 20001, want 20000 at most"},
	} {
		if _, err := Read(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func FuzzRead_givesAComment(f *testing.F) {
	text, err := json.Marshal(sample("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"version":1,"stack":"dev","changes":[null],"costAfter":{},"grantsAdded":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		report, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		if got := comment(t, report); len(got) > MaxCommentBytes || !strings.HasPrefix(got, Marker) {
			t.Errorf("%d bytes", len(got))
		}
	})
}

package consoletest

import (
	"reflect"
	"testing"
)

func TestPrints_isNotTooKind(t *testing.T) {
	for _, tt := range []struct {
		got  string
		want []string
		is   bool
	}{
		{"a\nb\n", []string{"a", "b"}, true},
		{"a\nx\ny\nb\n", []string{"a", "…", "b"}, true},
		{"a 12 s\n", []string{"a … s"}, true},
		{"a\nb\n", []string{"a"}, false},
		{"a\nc\n", []string{"a", "b"}, false},
		{"a\nb\n", []string{"a…b"}, false},
		{"", nil, true},
	} {
		if Prints(tt.got, tt.want) != tt.is {
			t.Errorf("%q as %q: want %v", tt.got, tt.want, tt.is)
		}
	}
}

func TestPage_readsCommandsAndWhatTheyPrint(t *testing.T) {
	got, err := Page("# x\n\n```console\n$ a\nb\n\nc\n$ d\n```\n\n```sh\n$ no\n```\n\n```console\n$ e\n```\n")
	want := []Step{{"a", []string{"b", "", "c"}}, {"d", nil}, {"e", nil}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Page("```console\nb\n```\n"); err == nil {
		t.Error("output without a command was taken")
	}
}

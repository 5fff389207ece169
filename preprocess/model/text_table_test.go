package model

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestTextTable_findsWhatAMapFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	slots := 0
	for n := range 200 {
		codes := map[string]int32{}
		for len(codes) < n {
			var text []byte
			for range r.IntN(6) {
				text = append(text, "abcé "[r.IntN(6)])
			}
			codes[string(text)+fmt.Sprint(r.IntN(3*n))] = int32(len(codes))
		}
		if n > 3 {
			codes[""] = 99
		}
		table := newTextTable(codes)
		if table.slots != nil {
			slots++
		}
		for text, want := range codes {
			if got, ok := table.find([]byte(text)); !ok || got != want {
				t.Fatalf("%d texts: %q: got %d, %v; want %d", n, text, got, ok, want)
			}
			for _, other := range []string{text + "x", "x" + text, ""} {
				want, known := codes[other]
				if got, ok := table.find([]byte(other)); ok != known || known && got != want {
					t.Fatalf("%d texts: %q: got %d, %v; want %d, %v", n, other, got, ok, want, known)
				}
			}
		}
	}
	if slots < 10 {
		t.Errorf("only %d of 200 tables are without a map", slots)
	}
}

func TestTextTable_findsNothingInNone(t *testing.T) {
	table := newTextTable(nil)
	for _, text := range []string{"", "a"} {
		if _, ok := table.find([]byte(text)); ok {
			t.Errorf("found %q", text)
		}
	}
}

package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// atText is more than what Open reads of an object.
var atText = bytes.Repeat([]byte("0123456789abcdef"), readPart/16+1000)

func openAt(t *testing.T, s *Store, u URI) (Object, io.ReaderAt) {
	t.Helper()
	o, err := s.Open(context.Background(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	at, err := ReaderAt(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return o, at
}

func TestReaderAt_readsAnyPart(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		size := int64(len(atText))
		for name, text := range map[string][]byte{"large": atText, "small": atText[:100]} {
			if _, err := put(t, s, at(name), string(text), Condition{}); err != nil {
				t.Fatal(err)
			}
			o, r := openAt(t, s, at(name))
			if o.URI() != at(name) || o.Size() != int64(len(text)) {
				t.Errorf("%s of %d bytes", o.URI(), o.Size())
			}
			for range 2 { // with what Open has read, and without it
				for _, c := range []struct{ offset, length int64 }{
					{0, 10}, {90, 10}, {90, 11}, {100, 1}, {0, 100}, {0, 101}, {0, 0}, {50, 0},
					{readPart - 5, 5}, {readPart - 5, 10}, {readPart, 10}, {size - 10, 10}, {size - 10, 11}, {size, 1}, {size + 1, 1},
				} {
					p := make([]byte, c.length)
					n, err := r.ReadAt(p, c.offset)
					wantN, wantErr := bytes.NewReader(text).ReadAt(make([]byte, c.length), c.offset)
					if n != wantN || !errors.Is(err, wantErr) && c.length > 0 || !bytes.Equal(p[:n], text[min(c.offset, int64(len(text))):][:n]) {
						t.Errorf("%s: %d bytes at %d: got %d, %v, want %d, %v", name, c.length, c.offset, n, err, wantN, wantErr)
					}
				}
				Forget(o)
			}
		}
	})
}

func TestSection_readsFromStartToEnd(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		if _, err := put(t, s, at("data"), string(atText), Condition{}); err != nil {
			t.Fatal(err)
		}
		o, _ := openAt(t, s, at("data"))
		size := int64(len(atText))
		for _, c := range []struct {
			start, end int64
			ok         bool
		}{
			{0, size, true}, {0, 0, true}, {size, size, true}, {5, 6, true}, {readPart - 1, readPart + 1, true}, {1, size - 1, true},
			{-1, 5, false}, {6, 5, false}, {0, size + 1, false}, {size + 1, size + 1, false},
		} {
			r, err := Section(context.Background(), o, c.start, c.end)
			if (err == nil) != c.ok {
				t.Errorf("%d to %d: %v", c.start, c.end, err)
			}
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, atText[c.start:c.end]) {
				t.Errorf("%d to %d: %d bytes, %v", c.start, c.end, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestReaderAt_refusesAnotherVersion(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		if _, err := put(t, s, at("data"), string(atText), Condition{}); err != nil {
			t.Fatal(err)
		}
		o, r := openAt(t, s, at("data"))
		if u := at("data"); u.IsS3() {
			if _, err := put(t, s, u, string(atText)+"x", Condition{}); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Chtimes(u.Path, time.Time{}, time.Unix(1, 0)); err != nil { // as if it were written in place
			t.Fatal(err)
		}
		if n, err := r.ReadAt(make([]byte, 10), readPart); !errors.Is(err, ErrChanged) {
			t.Errorf("%d bytes, %v", n, err)
		}
		section, err := Section(context.Background(), o, readPart, readPart+10)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(section); !errors.Is(err, ErrChanged) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestReaderAt_saysThatAFileIsClosed(t *testing.T) {
	u := URI{Path: filepath.Join(t.TempDir(), "data")}
	if _, err := put(t, New(), u, "text", Condition{}); err != nil {
		t.Fatal(err)
	}
	o, r := openAt(t, New(), u)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestReaderAt_ofAPipeIsRefused(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(read.Close(), write.Close()) }()
	info, err := read.Stat()
	if err != nil {
		t.Fatal(err)
	}
	o := &fileObject{uri: URI{Path: Stdin}, f: read, info: info}
	if _, err := ReaderAt(context.Background(), o); !errors.Is(err, ErrOnce) {
		t.Errorf("error %v", err)
	}
	if _, err := Section(context.Background(), o, 0, 5); !errors.Is(err, ErrOnce) {
		t.Errorf("error %v", err)
	}
}

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// finish writes a text to what is held and ends it.
func finish(t *testing.T, up HeldUpload, err error, text string) Held {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk([]byte(text), 1_000_000) {
		if n, err := up.Write(piece); err != nil || n != len(piece) {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(piece), err)
		}
	}
	held, err := up.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Abort(); err != nil { // does nothing any more
		t.Error(err)
	}
	return held
}

// folder is a place as a folder's prefix.
func folder(u URI) URI {
	if !u.IsS3() {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	}
	return u
}

// names are those of everything that starts with a prefix.
func names(t *testing.T, s *Store, prefix URI) []string {
	t.Helper()
	var all []string
	if err := s.Each(context.Background(), prefix, func(u URI) error {
		all = append(all, filepath.Base(u.Key+u.Path))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestHeld_isPublishedLaterByAnybody(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		ctx := context.Background()
		for name, text := range two {
			u, staging := at(name), at("staging-"+name)
			up, err := s.Hold(ctx, u, staging)
			held := finish(t, up, err, text)
			if look(t, s, u).Exists || held.Size != int64(len(text)) {
				t.Fatalf("%s: held %+v", name, held)
			}
			if is, err := s.Published(ctx, u, held); is || err != nil {
				t.Errorf("%s: published before: %t, %v", name, is, err)
			}
			kept, err := json.Marshal(held)
			if err != nil {
				t.Fatal(err)
			}
			var read Held
			if err := json.Unmarshal(kept, &read); err != nil {
				t.Fatal(err)
			}
			other := New() // of another process
			if _, err := other.Publish(ctx, u, read, Unchanged(Info{URI: staging})); err == nil || look(t, s, u).Exists {
				t.Errorf("%s: a condition about another place: %v", name, err)
			}
			nothing := look(t, s, u)
			var first Info
			for range 2 { // it may be killed after the first time
				info, err := other.Publish(ctx, u, read, Condition{})
				if err != nil || content(t, s, u) != text || info.Size != held.Size {
					t.Fatalf("%s: there is %+v, %v", name, info, err)
				}
				if first.Exists && first.Version != info.Version {
					t.Errorf("%s: published again as %+v, was %+v", name, info, first)
				}
				first = info
			}
			if is, err := s.Published(ctx, u, held); is != u.IsS3() || err != nil {
				t.Errorf("%s: published: %t, %v", name, is, err)
			}
			if _, err := put(t, s, u, "of others", Condition{}); err != nil {
				t.Fatal(err)
			}
			if is, err := s.Published(ctx, u, held); is || err != nil {
				t.Errorf("%s: replaced: %t, %v", name, is, err)
			}
			if _, err := other.Publish(ctx, u, read, Unchanged(nothing)); !errors.Is(err, ErrConflict) || content(t, s, u) != "of others" {
				t.Errorf("%s: over another one: %v", name, err)
			}
			if err := s.Discard(ctx, u, held); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := names(t, s, folder(at(""))); len(got) != len(two) {
			t.Errorf("there are %q", got)
		}
	})
}

func TestHeld_leavesNothingWhenItIsNotWanted(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		ctx := context.Background()
		for name, text := range two {
			u, staging := at(name), at("staging-"+name)
			up, err := s.Hold(ctx, u, staging)
			held := finish(t, up, err, text)
			for range 2 { // it is no error that it is gone
				if err := s.Discard(ctx, u, held); err != nil {
					t.Errorf("%s: discarded: %v", name, err)
				}
			}
			if _, err := s.Publish(ctx, u, held, Condition{}); err == nil {
				t.Errorf("%s: what was discarded is published", name)
			}
			if up, err = s.Hold(ctx, u, staging); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(up, text); err != nil {
				t.Fatal(err)
			}
			if err := up.Abort(); err != nil {
				t.Errorf("%s: aborted: %v", name, err)
			}
		}
		if err := s.Discard(ctx, at("nothing"), Held{}); err != nil {
			t.Error(err)
		}
		if got := names(t, s, folder(at(""))); len(got) != 0 {
			t.Errorf("there are %q", got)
		}
	})
}

func TestDiscard_saysWhatItCannotRemove(t *testing.T) {
	dir := tree(t, "folder/file")
	held := Held{File: filepath.Join(dir, "folder")}
	if err := New().Discard(context.Background(), URI{Path: dir + "data.csv"}, held); !errors.Is(err, syscall.ENOTEMPTY) || !strings.Contains(err.Error(), held.File) {
		t.Errorf("error %v", err)
	}
	if got := names(t, New(), URI{Path: dir}); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}

func TestHeld_leavesNoUpload(t *testing.T) {
	s, server := objects(t)
	ctx, u := context.Background(), URI{Bucket: "results", Key: "processed/data.csv"}
	for name, end := range map[string]func(HeldUpload) error{
		"aborted": func(up HeldUpload) error { return up.Abort() },
		"discarded": func(up HeldUpload) error {
			held, err := up.Finish()
			if err != nil || server.Uploads("results") != 1 {
				t.Errorf("%d uploads are held: %v", server.Uploads("results"), err)
			}
			return s.Discard(ctx, u, held)
		},
	} {
		up, err := s.Hold(ctx, u, URI{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(up, strings.Repeat(two["large"], 2)); err != nil {
			t.Fatal(err)
		}
		if err := end(up); err != nil || server.Uploads("results") != 0 {
			t.Errorf("%s: %d uploads are left: %v", name, server.Uploads("results"), err)
		}
	}
}

func TestHeld_isNotFinishedOnceTheRunIsInterrupted(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		for name, span := range map[string]*PartSpan{"all": nil, "a range": {First: 1, Count: 3, Bytes: LeastPart}} {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var up HeldUpload
			upload, err := s.Begin(ctx, at("u"))
			if err != nil {
				t.Fatal(err)
			}
			if span != nil {
				up, err = s.HoldRange(ctx, at("u"), upload, *span, at("head"))
			} else {
				up, err = s.Hold(ctx, at("u"), at("staging"))
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(up, "a"); err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := up.Write([]byte("b")); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: written: %v", name, err)
			}
			if held, err := up.Finish(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: finished: %+v, %v", name, held, err)
			}
			if err := up.Abort(); err != nil {
				t.Errorf("%s: aborted: %v", name, err)
			}
			if err := s.Discard(context.Background(), at("u"), upload); err != nil {
				t.Errorf("%s: discarded: %v", name, err)
			}
		}
		if got := names(t, s, folder(at(""))); len(got) != 0 {
			t.Errorf("there are %q", got)
		}
	})
}

func TestHeld_isNotFinishedWithoutAllItsParts(t *testing.T) {
	for name, begin := range map[string]func(*Store, URI, Held) (HeldUpload, error){
		"all": func(s *Store, u URI, _ Held) (HeldUpload, error) { return s.Hold(context.Background(), u, URI{}) },
		"a range": func(s *Store, u URI, upload Held) (HeldUpload, error) {
			return s.HoldRange(context.Background(), u, upload, PartSpan{First: 1, Count: 3, Bytes: LeastPart}, URI{Bucket: "results", Key: "head"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := damaging(t, func(r *http.Request, body []byte) {
				if r.URL.Query().Get("partNumber") == "2" {
					body[0] ^= 1
				}
			})
			u := URI{Bucket: "results", Key: "data.csv"}
			upload, err := s.Begin(context.Background(), u)
			if err != nil {
				t.Fatal(err)
			}
			up, err := begin(s, u, upload)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := up.Write(make([]byte, 2*LeastPart+1)); err != nil {
				t.Fatal(err)
			}
			if held, err := up.Finish(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "BadDigest") || held.Upload != "" {
				t.Errorf("%+v, %v", held, err)
			}
			if err := errors.Join(up.Abort(), s.Discard(context.Background(), u, upload)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHoldRange_keepsItsBeginningAside(t *testing.T) {
	s, server := objects(t)
	ctx, u := context.Background(), URI{Bucket: "results", Key: "processed/data.csv"}
	head := URI{Bucket: "results", Key: "head"}
	upload, err := s.Begin(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size  int
		parts []int32
		head  int
	}{
		{0, nil, 0},
		{1, nil, 1},
		{LeastPart - 1, nil, LeastPart - 1},
		{LeastPart, []int32{4}, LeastPart},
		{2 * LeastPart, []int32{4}, 2 * LeastPart},
		{2*LeastPart + 1, []int32{4, 5}, LeastPart},
	} {
		text := strings.Repeat("0123456\n", c.size/8+1)[:c.size]
		up, err := s.HoldRange(ctx, u, upload, PartSpan{First: 4, Count: 3, Bytes: LeastPart}, head)
		held := finish(t, up, err, text)
		var numbers []int32
		for _, p := range held.Parts {
			numbers = append(numbers, p.Number)
		}
		if !slices.Equal(numbers, c.parts) || held.Size != int64(c.size) || held.Upload != upload.Upload || held.Mark != upload.Mark || held.Sum != "" {
			t.Errorf("%d bytes: parts %d of %+v, want %d", c.size, numbers, held, c.parts)
		}
		if got := content(t, s, head); got != text[:c.head] {
			t.Errorf("%d bytes: %d are kept aside, want %d", c.size, len(got), c.head)
		}
	}
	up, err := s.HoldRange(ctx, u, upload, PartSpan{First: 4, Count: 3, Bytes: LeastPart}, head)
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Abort(); err != nil || server.Uploads("results") != 1 {
		t.Errorf("a range ended the upload of all: %v", err)
	}
}

func TestHoldRange_staysWithinItsParts(t *testing.T) {
	s, _ := objects(t)
	ctx, u := context.Background(), URI{Bucket: "results", Key: "processed/data.csv"}
	upload, err := s.Begin(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	up, err := s.HoldRange(ctx, u, upload, PartSpan{First: 4, Count: 1, Bytes: LeastPart}, URI{Bucket: "results", Key: "head"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = up.Write(make([]byte, 2*LeastPart+1)) // the last part takes what is kept, too
	if err == nil {
		_, err = up.Finish()
	}
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "of which 4 is the last") {
		t.Errorf("error %v", err)
	}
	if err := up.Abort(); err != nil {
		t.Error(err)
	}
}

func TestPartSpan_grows(t *testing.T) {
	span := PartSpan{First: 7, Count: 9, Bytes: 6 << 20}
	var sizes []string
	total := int64(0)
	for n := span.First; n < span.First+span.Count; n++ {
		sizes = append(sizes, fmt.Sprint(span.size(n)>>20))
		total += int64(span.size(n))
	}
	if got := strings.Join(sizes, " "); got != "5 6 6 12 12 12 24 24 24" || span.Room() != total {
		t.Errorf("parts of %s MiB, room for %d bytes of %d", got, span.Room(), total)
	}
}

func TestHoldRange_ofAFileIsAtItsHead(t *testing.T) {
	s, dir := New(), t.TempDir()
	ctx, u, head := context.Background(), URI{Path: filepath.Join(dir, "data.csv")}, URI{Path: filepath.Join(dir, "head")}
	upload, err := s.Begin(ctx, u)
	if err != nil || upload.Upload != "" {
		t.Fatalf("%+v, %v", upload, err)
	}
	up, err := s.HoldRange(ctx, u, upload, PartSpan{First: 1, Count: 3, Bytes: LeastPart}, head)
	held := finish(t, up, err, two["large"])
	if held.File != head.Path || held.Size != int64(len(two["large"])) || content(t, s, head) != two["large"] || look(t, s, u).Exists {
		t.Errorf("%+v", held)
	}
}

func TestHold_saysThatThereIsNoPlace(t *testing.T) {
	nowhere := URI{Path: filepath.Join(t.TempDir(), "nowhere", "x")}
	if _, err := New().Hold(context.Background(), URI{Path: "x"}, nowhere); !errors.Is(err, ErrTarget) {
		t.Errorf("error %v", err)
	}
}

func TestCurrent_looksAtEveryPart(t *testing.T) {
	s, _ := objects(t)
	ctx, u := context.Background(), URI{Bucket: "results", Key: "processed/data.csv"}
	upload, err := s.Begin(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	held := upload
	want := ""
	for n, text := range []string{strings.Repeat("a", LeastPart), strings.Repeat("b", LeastPart), "c"} {
		part, err := s.SendPart(ctx, u, upload, int32(2*n+1), []byte(text))
		if err != nil || part.Number != int32(2*n+1) || part.ETag == "" || part.Sum == "" {
			t.Fatalf("%+v, %v", part, err)
		}
		held.Parts, held.Size, want = append(held.Parts, part), held.Size+int64(len(text)), want+text
	}
	if _, err := s.SendPart(ctx, u, upload, 9, []byte("of nobody")); err != nil { // of a range that is done again
		t.Fatal(err)
	}

	spoil := func(change func(*Held)) Held {
		h := held
		h.Parts = slices.Clone(held.Parts)
		change(&h)
		return h
	}
	for _, c := range []struct {
		name string
		held Held
		want string
	}{
		{"another ETag", spoil(func(h *Held) { h.Parts[1].ETag = `"before"` }), ""},
		{"a part that is gone", spoil(func(h *Held) { h.Parts[1].Number = 4 }), "1 of 3 parts of the upload are gone"},
	} {
		before := slices.Clone(c.held.Parts)
		now, err := s.Current(ctx, u, c.held)
		if !slices.Equal(c.held.Parts, before) {
			t.Errorf("%s: what it was given is another one now", c.name)
		}
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		case c.want == "" && (err != nil || now.Parts[1].ETag != held.Parts[1].ETag || len(now.Parts) != 3):
			t.Errorf("%s: %+v, %v", c.name, now, err)
		}
	}

	now, err := s.Current(ctx, u, held)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := s.Publish(ctx, u, now, Condition{}); err != nil || content(t, s, u) != want {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := s.Current(ctx, u, held); err == nil {
		t.Error("there are parts of an upload that is completed")
	}
	if _, err := s.SendPart(ctx, u, upload, 1, []byte("late")); err == nil {
		t.Error("a part is sent to an upload that is completed")
	}
}

// The server of the other tests does not tell the checksums of parts.
func TestCurrent_comparesChecksums(t *testing.T) {
	listing := func(more bool, number, etag, sum string) string {
		return fmt.Sprintf(`<ListPartsResult><IsTruncated>%t</IsTruncated><NextPartNumberMarker>%s</NextPartNumberMarker>`+
			`<Part><PartNumber>%[2]s</PartNumber><ETag>%s</ETag><ChecksumCRC64NVME>%s</ChecksumCRC64NVME></Part></ListPartsResult>`, more, number, etag, sum)
	}
	first, second := listing(true, "1", "new-1", "AAAAAAAAAAE="), listing(false, "2", "", "")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := first
		if r.URL.Query().Get("part-number-marker") == "1" {
			text = second
		}
		_, _ = io.WriteString(w, text)
	}))
	defer web.Close()
	_, _ = objects(t) // its environment
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	s := New()
	for _, c := range []struct {
		name, one, two string // what is known of them
		want           string
	}{
		{"the same", "AAAAAAAAAAE=", "", ""},
		{"not known to the range", "", "", ""},
		{"not known to S3", "AAAAAAAAAAE=", "AAAAAAAAAAI=", ""},
		{"another one", "AAAAAAAAAAI=", "", "part 1 of the upload is not what its range has sent"},
	} {
		held := Held{Upload: "u", Parts: []HeldPart{{1, "old-1", c.one}, {2, "old-2", c.two}}}
		now, err := s.Current(context.Background(), URI{Bucket: "b", Key: "k"}, held)
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		case c.want == "" && (err != nil || now.Parts[0].ETag != "new-1" || now.Parts[1].ETag != "old-2"):
			t.Errorf("%s: %+v, %v", c.name, now, err)
		}
	}
}

func TestEach_findsEverythingInOrder(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		ctx := context.Background()
		for _, name := range []string{"run/part-2", "run/part-1", "run/.hidden", "run/_mark", "run/partial", "run/deep/part-3", "other", "[1]", "[2]"} {
			if err := s.MakeFolders(at(name)); err != nil {
				t.Fatal(err)
			}
			if _, err := put(t, s, at(name), "x", Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			prefix URI
			want   string
		}{
			{folder(at("run/")), "[.hidden _mark part-3 part-1 part-2 partial]"},
			{folder(at("run/deep/")), "[part-3]"},
			{at("run/part-"), "[part-1 part-2]"},
			{at("run/x"), "[]"},
			{at("[1"), "[[1]]"}, // it is no glob
			{folder(at("nowhere/")), "[]"},
			{at("nowhere/x"), "[]"},
		} {
			if got := fmt.Sprint(names(t, s, c.prefix)); got != c.want {
				t.Errorf("%s: %s, want %s", c.prefix, got, c.want)
			}
		}
		for _, prefix := range []URI{folder(at("run/")), at("run/part-")} {
			for _, stop := range []error{errors.New("stop"), &Error{Op: "read", Kind: ErrNotFound}} {
				calls := 0
				err := s.Each(ctx, prefix, func(URI) error { calls++; return stop })
				if !errors.Is(err, stop) || calls != 1 {
					t.Errorf("%s: %d calls, error %v, want %v", prefix, calls, err, stop)
				}
			}
		}
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Each(stopped, folder(at("run/")), func(URI) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

// Another run may remove its folder meanwhile.
func TestEach_goesOnWithoutAFolderThatIsGone(t *testing.T) {
	dir := tree(t, "a/1", "b/2", "c/3")
	var got []string
	err := New().Each(context.Background(), URI{Path: dir}, func(u URI) error {
		got = append(got, strings.TrimPrefix(u.Path, dir))
		return os.RemoveAll(filepath.Join(dir, "b"))
	})
	if err != nil || !slices.Equal(got, []string{"a/1", "c/3"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVersionOf_isThatOfTheObject(t *testing.T) {
	s, _ := objects(t)
	u := URI{Bucket: "results", Key: "data.csv"}
	info, err := put(t, s, u, "text", Condition{})
	if err != nil {
		t.Fatal(err)
	}
	for _, etag := range []string{info.ETag, strings.Trim(info.ETag, `"`)} {
		if got := VersionOf(4, etag); got != info.Version {
			t.Errorf("%s: %q, want %q", etag, got, info.Version)
		}
	}
	if VersionOf(4, "") == info.Version || VersionOf(5, info.ETag) == info.Version {
		t.Error("others have the same version")
	}
}

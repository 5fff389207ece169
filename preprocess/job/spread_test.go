package job

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/internal/s3test"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// fatal is a test or a property.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// places are where a run that is spread reads and writes: files, or objects.
type places struct {
	dir    string
	server *s3test.Server // nil for files
}

func (p *places) uri(name string) storage.URI {
	if p.server != nil {
		return storage.URI{Bucket: "bucket", Key: name}
	}
	return storage.URI{Path: filepath.Join(p.dir, name)}
}

// folder is a prefix.
func (p *places) folder(name string) storage.URI {
	u := p.uri(name)
	if p.server != nil {
		return storage.URI{Bucket: u.Bucket, Key: u.Key + "/"}
	}
	return storage.URI{Path: u.Path + "/"}
}

func (p *places) put(t fatal, name, text string) {
	t.Helper()
	var err error
	if p.server != nil {
		err = p.server.Put("bucket", name, text)
	} else {
		path := filepath.Join(p.dir, name)
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *places) get(u storage.URI) (string, bool) {
	if p.server != nil {
		return p.server.Get(u.Bucket, u.Key)
	}
	text, err := os.ReadFile(u.Path)
	return string(text), err == nil
}

// onS3 makes objects of a server in this process.
func onS3(t *testing.T) *places {
	t.Helper()
	p := places{server: &s3test.Server{}}
	p.clear(t)
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.server.ServeHTTP(w, r) }))
	t.Cleanup(at.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": at.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
	} {
		t.Setenv(name, value)
	}
	return &p
}

// clear removes everything.
func (p *places) clear(t fatal) {
	t.Helper()
	if p.server != nil {
		server, err := s3test.New("bucket")
		if err != nil {
			t.Fatal(err)
		}
		p.server = server
		return
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(p.dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// spreadOutcome is what a run has left: its status, and the texts of what it
// published.
type spreadOutcome struct {
	status  int
	message string
	results []string
	rejects string
	report  string // without times and the place of the result; "" for none
	rounds  int
	summary Summary
}

var reportTimes = regexp.MustCompile("<dt>(seconds|MB/s read|finished)</dt><dd>[^<]*</dd>")

// report is the one beside a result, but for what no two runs have in common.
func (p *places) report(output storage.URI) string {
	text, _ := p.get(beside(output, contract.ReportName))
	return strings.ReplaceAll(reportTimes.ReplaceAllString(text, ""), output.String(), "OUTPUT")
}

// oneTask is the outcome of a run of one task.
func (p *places) oneTask(t fatal, s Settings) spreadOutcome {
	t.Helper()
	s.Period = ""
	s.Output = p.uri("one/" + filepath.Base(name(s.Output)))
	if p.server == nil {
		if err := os.MkdirAll(filepath.Dir(s.Output.Path), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := Run(context.Background(), s, quiet)
	o := spreadOutcome{status: ExitStatus(err), summary: sum}
	if err != nil {
		o.message = err.Error()
	}
	if text, ok := p.get(s.Output); ok {
		o.results = []string{text}
	}
	o.rejects, _ = p.get(beside(s.Output, contract.RejectsName))
	o.report = p.report(s.Output)
	return o
}

// list makes items of the objects of a prefix.
func (p *places) list(t fatal, s Settings) []scale.Item {
	t.Helper()
	store := storage.New()
	uris, err := store.List(context.Background(), s.Input)
	if err != nil {
		t.Fatal(err)
	}
	items := make([]scale.Item, len(uris))
	for i, u := range uris {
		info, err := store.Stat(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		items[i] = scale.Item{Key: name(u), Size: info.Size, ETag: strings.Trim(info.ETag, `"`)}
	}
	return items
}

func (p *places) items(t fatal, u storage.URI) []scale.Item {
	t.Helper()
	text, ok := p.get(u)
	var items []scale.Item
	if err := json.Unmarshal([]byte(text), &items); err != nil || !ok {
		t.Fatalf("items %s: %v", u, err)
	}
	return items
}

// spread runs plan (for ranges of so many bytes; 0 for a prefix), parts and merges
// until the result is there or something fails. shuffle puts the items of a round
// in some order and in batches.
func (p *places) spread(t fatal, s Settings, run string, rangeBytes int64, shuffle func([]scale.Item) [][]scale.Item) (o spreadOutcome) {
	t.Helper()
	ctx := context.Background()
	failed := func(err error) spreadOutcome {
		o.status, o.message = ExitStatus(err), err.Error()
		o.rejects, _ = p.get(beside(s.target(), contract.RejectsName))
		return o
	}
	sp := Spread{Run: run, Round: 1, RangeBytes: rangeBytes}
	var items []scale.Item
	if rangeBytes > 0 {
		if _, err := Plan(ctx, s, sp, quiet); err != nil {
			return failed(err)
		}
		items = p.items(t, (&spread{Settings: s, Spread: sp}).itemsFile(1))
	} else {
		items = p.list(t, s)
	}
	for ; ; sp.Round++ {
		for _, batch := range shuffle(items) {
			sp.Items = batch
			if _, err := Part(ctx, s, sp, quiet); err != nil {
				return failed(err)
			}
		}
		text, err := json.Marshal(items)
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, "handed.json", string(text))
		sp.Results = p.uri("handed.json")
		o.rounds = sp.Round
		o.summary, err = Merge(ctx, s, sp, quiet)
		if err == nil {
			break
		}
		if ExitStatus(err) != contract.ExitAnotherRound {
			return failed(err)
		}
		items = p.items(t, (&spread{Settings: s, Spread: sp}).itemsFile(sp.Round+1))
	}
	text, ok := p.get(beside(s.target(), contract.ManifestName))
	if !ok {
		t.Fatal("no manifest")
	}
	m, err := manifest.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, published := range m.Published() {
		u, err := storage.ParseURI(published.URI)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := p.get(u)
		if !ok {
			t.Fatalf("%s of the manifest is not there", u)
		}
		switch published.Name {
		case "rejects":
			o.rejects = text
		case "report":
			o.report = p.report(s.target())
		default:
			o.results = append(o.results, text)
		}
		if why, err := compare(ctx, storage.New(), published.Object); why != "" || err != nil {
			t.Fatalf("%s: %s %v", published.Name, why, err)
		}
	}
	for _, read := range m.Read() {
		if why, err := compare(ctx, storage.New(), read.Object); why != "" || err != nil {
			t.Fatalf("%s: %s %v", read.Name, why, err)
		}
	}
	left := []string{}
	_ = storage.New().Each(ctx, (&spread{Settings: s, Spread: sp}).file(""), func(u storage.URI) error {
		left = append(left, u.String())
		return nil
	})
	if len(left) > 0 {
		t.Fatalf("left behind: %q", left)
	}
	if p.server != nil && p.server.Uploads("bucket") > 0 {
		t.Fatal("an upload was left behind")
	}
	return o
}

// joinedResults are results one after the other, with the first one's header.
func joinedResults(results []string) string {
	text := ""
	for i, r := range results {
		if _, end, _ := table.ReadHeader(table.CSV, []byte(r)); i > 0 {
			r = r[end:]
		}
		text += r
	}
	return text
}

// shuffled puts items in random order and batches.
func shuffled(t *rapid.T) func([]scale.Item) [][]scale.Item {
	return func(items []scale.Item) [][]scale.Item {
		order := rapid.Permutation(items).Draw(t, "order")
		return slices.Collect(slices.Chunk(order, rapid.IntRange(1, 4).Draw(t, "batch")))
	}
}

// sameOutcome compares a run that was spread with the one of one task.
func sameOutcome(t fatal, what string, got, want spreadOutcome) {
	t.Helper()
	if got.status != want.status {
		t.Fatalf("%s\nexit %d: %s\nwant exit %d: %s", what, got.status, got.message, want.status, want.message)
	}
	if got.rejects != want.rejects {
		t.Fatalf("%s\nrejects\n%s\nwant\n%s", what, got.rejects, want.rejects)
	}
	if want.status != 0 {
		return
	}
	if got.report != want.report {
		t.Fatalf("%s\nreport after %d rounds\n%s\nwant\n%s", what, got.rounds, got.report, want.report)
	}
	if g, w := joinedResults(got.results), joinedResults(want.results); g != w {
		t.Fatalf("%s\ngot in %d rounds\n%s\nwant\n%s", what, got.rounds, g, w)
	}
	g, w := got.summary, want.summary
	if g.RowsIn != w.RowsIn || g.RowsOut != w.RowsOut || g.RowsRejected != w.RowsRejected || g.BytesIn != w.BytesIn || g.ColumnsIn != w.ColumnsIn || g.ColumnsOut != w.ColumnsOut || g.Drift != w.Drift || (g.Report != "") != (w.Report != "") {
		t.Fatalf("%s\nsummary %+v\nwant %+v", what, g, w)
	}
}

// randomSettings are of a random model and a random table, and the table.
func randomSettings(t *rapid.T, p *places) (s Settings, columns []plainColumn) {
	columns, text := plainModel(t)
	p.put(t, "model.json", string(text))
	s, err := settingsFor(os.TempDir(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Report, s.ShowValues = rapid.Bool().Draw(t, "report"), rapid.Bool().Draw(t, "show values")
	s.Period = rapid.SampledFrom([]string{"", "2026-01"}).Draw(t, "period")
	s.Model, s.Output, s.Keep = p.uri("model.json"), p.uri("out/data.csv"), []string{"note"}
	if p.server == nil {
		if err := os.MkdirAll(filepath.Join(p.dir, "out"), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	s.MaxRejects = rapid.SampledFrom([]RejectLimit{{}, anyRejects, {count: 3, text: "3"}}).Draw(t, "rejects")
	return s, columns
}

func header(columns []plainColumn) []string {
	names := []string{"note"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// lines makes a table's text with other line ends, some of which are in quotes.
func lines(t *rapid.T, records [][]string) string {
	text := plainText(t, records)
	end := rapid.SampledFrom([]string{"\n", "\r\n", "\r", "\n\n"}).Draw(t, "line end")
	text = strings.ReplaceAll(text, "\n", end)
	if rapid.Bool().Draw(t, "mark") {
		text = "\ufeff" + text
	}
	return text
}

// eitherPlace calls check with files and with objects, in turn.
func eitherPlace(t *testing.T, check func(t *rapid.T, p *places)) {
	t.Helper()
	files, objects := &places{dir: t.TempDir()}, onS3(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]*places{files, objects}).Draw(t, "place")
		p.clear(t)
		check(t, p)
	})
}

// Whatever the ranges are, they give what one task gives, byte for byte.
func TestSpread_rangesAreTheRunOfOneTask(t *testing.T) {
	eitherPlace(t, func(t *rapid.T, p *places) {
		s, columns := randomSettings(t, p)
		text := lines(t, append([][]string{header(columns)}, plainTable(t, columns)...))
		p.put(t, "in.csv", text)
		s.Input = p.uri("in.csv")
		s.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
		size := int64(rapid.IntRange(1, 200).Draw(t, "range"))
		sameOutcome(t, fmt.Sprintf("%q in ranges of %d bytes", text, size), p.spread(t, s, "run", size, shuffled(t)), p.oneTask(t, s))
	})
}

// Whatever the objects of a prefix are, they give what one task gives, but for
// the header of each.
func TestSpread_aPrefixIsTheRunOfOneTask(t *testing.T) {
	eitherPlace(t, func(t *rapid.T, p *places) {
		s, columns := randomSettings(t, p)
		texts := ""
		for i := range rapid.IntRange(1, 5).Draw(t, "objects") {
			text := lines(t, append([][]string{header(columns)}, plainTable(t, columns)...))
			p.put(t, fmt.Sprintf("in/%d of_x/data%d.csv", i, i), text)
			texts += fmt.Sprintf("%q\n", text)
		}
		p.put(t, "in/_SUCCESS", "") // which a run passes over
		s.Input = p.folder("in")
		sameOutcome(t, texts, p.spread(t, s, "run", 0, shuffled(t)), p.oneTask(t, s))
	})
}

func TestSpread_jsonLinesAreTheRunOfOneTask(t *testing.T) {
	eitherPlace(t, func(t *rapid.T, p *places) {
		s, columns := randomSettings(t, p)
		s.Dialect, s.Nulls = table.JSONLines, nil
		object := func() string {
			var b bytes.Buffer
			for _, record := range plainTable(t, columns) {
				b.WriteString(`{"note":` + record[0])
				for i := range columns {
					if at := rapid.IntRange(0, 5).Draw(t, "member"); at == 0 {
						continue
					}
					text, _ := json.Marshal(record[i+1])
					_, _ = fmt.Fprintf(&b, `,"%s":%s`, columns[i].name, text)
				}
				b.WriteString("}\n")
			}
			return b.String()
		}
		ranges := int64(0)
		texts := object()
		if rapid.Bool().Draw(t, "ranges") {
			ranges = int64(rapid.IntRange(1, 300).Draw(t, "range"))
			p.put(t, "in.jsonl", texts)
			s.Input = p.uri("in.jsonl")
		} else {
			p.put(t, "in/0.jsonl", texts)
			for i := range rapid.IntRange(0, 4).Draw(t, "objects") {
				text := object()
				p.put(t, fmt.Sprintf("in/%d.jsonl", i+1), text)
				texts += "---\n" + text
			}
			s.Input = p.folder("in")
		}
		sameOutcome(t, texts, p.spread(t, s, "run", ranges, shuffled(t)), p.oneTask(t, s))
	})
}

// The objects of a prefix are some of the rows each, of which others may have no
// nulls.
func TestSpread_parquetIsTheRunOfOneTask(t *testing.T) {
	eitherPlace(t, func(t *rapid.T, p *places) {
		d := drawRun(t)
		p.put(t, "model.yaml", d.model)
		s, err := settingsFor(os.TempDir(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		s.Model, s.Output, s.Keep = p.uri("model.yaml"), p.uri("out/data.csv"), d.keep
		if p.server == nil {
			if err := os.MkdirAll(filepath.Join(p.dir, "out"), 0o750); err != nil {
				t.Fatal(err)
			}
		}
		s.Nulls, s.Parquet, s.Input = d.nulls, true, p.folder("in")
		s.Report = rapid.Bool().Draw(t, "report")
		rows := d.rows
		for i := 0; i == 0 || len(rows) > 0; i++ {
			n := rapid.IntRange(min(1, len(rows)), len(rows)).Draw(t, "rows of an object")
			d.rows, rows = rows[:n], rows[n:]
			p.put(t, fmt.Sprintf("in/%02d.parquet", i), d.parquet(t))
		}
		sameOutcome(t, d.model, p.spread(t, s, "run", 0, shuffled(t)), p.oneTask(t, s))
	})
}

// S3 takes no part below 5 MiB but the last one: whatever the ranges' sizes are,
// they become one object.
func TestJoined_takesRangesOfAnySize(t *testing.T) {
	const mib = 1 << 20
	for _, sizes := range [][]int{
		{10},
		{10, 0, 20},
		{12 * mib},
		{5 * mib, 5*mib - 1, 5 * mib},
		{1, 11 * mib, 2, 3, 21 * mib, 0},
		{3 * mib, 3 * mib, 3 * mib, 1},
		{0, 0, 7 * mib, 10*mib - 1, 10 * mib, 4},
		{4 * mib, 16 * mib, 4 * mib},
	} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			p := onS3(t)
			ctx, store, u := context.Background(), storage.New(), p.uri("processed/data.csv")
			upload, err := store.Begin(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			plan := scale.Plan{Ranges: len(sizes), PartBytes: storage.LeastPart}
			want := ""
			j := &joined{merge: &merge{spread: &spread{store: store}}, u: u, upload: upload}
			for i, size := range sizes {
				text := strings.Repeat(fmt.Sprintf("%07d\n", i), size/8+1)[:size]
				want += text
				head := p.uri(fmt.Sprintf("head-%d", i))
				// A range may be done twice.
				var held storage.Held
				for range 2 {
					up, err := store.HoldRange(ctx, u, upload, plan.Span(i), head)
					if err != nil {
						t.Fatal(err)
					}
					for b := range slices.Chunk([]byte(text), 300_000) {
						if _, err := up.Write(b); err != nil {
							t.Fatal(err)
						}
					}
					if held, err = up.Finish(); err != nil {
						t.Fatal(err)
					}
				}
				if held.Size != int64(size) {
					t.Fatalf("range %d: %d bytes, want %d", i, held.Size, size)
				}
				if err := j.add(ctx, &scale.Part{Held: held, Head: head.String()}, plan.Span(i), i+1 == len(sizes)); err != nil {
					t.Fatal(err)
				}
			}
			upload.Parts, upload.Size = j.parts, int64(len(want))
			if upload, err = store.Current(ctx, u, upload); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a merge may be killed after it
				if _, err := store.Publish(ctx, u, upload, storage.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
			if got, _ := p.get(u); got != want {
				t.Fatalf("%d bytes, want %d", len(got), len(want))
			}
		})
	}
}

// The server of these tests is as strict as S3.
func TestJoined_isAskedForPartsThatAreLargeEnough(t *testing.T) {
	ctx, store, u := context.Background(), storage.New(), onS3(t).uri("x")
	upload, err := store.Begin(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int32(2) {
		part, err := store.SendPart(ctx, u, upload, n+1, []byte("small"))
		if err != nil {
			t.Fatal(err)
		}
		upload.Parts = append(upload.Parts, part)
	}
	if _, err := store.Publish(ctx, u, upload, storage.Condition{}); err == nil || !strings.Contains(err.Error(), "EntityTooSmall") {
		t.Fatalf("got %v, want EntityTooSmall", err)
	}
}

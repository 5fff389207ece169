package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/preprocess/storage"
)

type resultsCommand struct {
	Period    string `placeholder:"YYYY-MM" help:"Month of the result. Default: the newest result."`
	OutputKey string `placeholder:"KEY" help:"Where runs put it, if they were told so. Default: data.csv or data.parquet below ${output_prefix}."`
	Download  string `placeholder:"DIR" type:"path" help:"Fetch the result and what stands beside it into a directory, and compare all of it with the manifest."`
	Verify    bool   `help:"Read all objects to the end and compare their checksums with the manifest. Without it, and without --download, sizes and versions are compared."`
	Open      bool   `help:"Open the report in a browser."`
}

// results is what the command found.
type results struct {
	Period   string            `json:"period,omitempty"`
	Objects  []resultObject    `json:"objects"`
	Verified string            `json:"verified"` // checksum, or size and version
	Manifest manifest.Manifest `json:"manifest"`
}

// resultObject is one object of a result.
type resultObject struct {
	Name string `json:"name"` // as the manifest calls it
	URI  string `json:"uri"`
	Size int64  `json:"size"`
	manifest.Checksum
	File string `json:"file,omitempty"` // where it was downloaded to
}

func (c *resultsCommand) run(ctx context.Context, s *session) error {
	if err := (request{Period: c.Period, OutputKey: c.OutputKey}).check(); err != nil {
		return err
	}
	if _, err := os.Stat(c.Download); c.Download != "" && !errors.Is(err, fs.ErrNotExist) {
		if err := named.Folder("--download", c.Download); err != nil { // one that is not there is made
			return err
		}
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	bucket, err := s.place.parameter(contract.OutputBucket)
	if err != nil {
		return err
	}
	key := contract.OutputKey
	if c.OutputKey != "" {
		key = c.OutputKey
	}
	if c.Period != "" {
		key = contract.PeriodKey(key, c.Period)
	}
	output := storage.URI{Bucket: bucket, Key: key}
	m, text, err := s.manifest(ctx, output)
	if err != nil {
		return err
	}
	if m == nil {
		return c.missing(output)
	}
	if c.OutputKey == "" {
		output = besideURI(output, path.Base(m.Output.URI)) // it may be Parquet
	}
	found := results{Period: m.Period, Verified: "size and version", Manifest: *m}
	for _, o := range m.Published() {
		found.Objects = append(found.Objects, resultObject{Name: o.Name, URI: besideURI(output, path.Base(o.URI)).String(), Size: o.Size, Checksum: o.Checksum})
	}
	if err := s.checkObjects(ctx, *m, output); err != nil {
		return err
	}
	if c.Verify && c.Download == "" {
		found.Verified = "checksum"
		if err := verify(ctx, output); err != nil {
			return err
		}
	}
	if c.Download != "" {
		found.Verified = "checksum"
		if err := c.download(ctx, s, found.Objects, text); err != nil {
			return err
		}
	}
	if s.JSON {
		err = s.printJSON(found)
	} else {
		s.printResults(found)
	}
	if err == nil && c.Open {
		err = c.open(ctx, s, found.Objects)
	}
	return err
}

// manifest reads the manifest beside a result; nil if there is none.
func (s *session) manifest(ctx context.Context, output storage.URI) (*manifest.Manifest, []byte, error) {
	u := besideURI(output, contract.ManifestName)
	text, err := s.aws.store.ReadAll(ctx, u, manifest.MaxBytes)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := manifest.Read(text)
	if err != nil {
		return nil, nil, fail(exitData, "", "%s: %w", u, err)
	}
	return &m, text, nil
}

func (c *resultsCommand) missing(output storage.URI) error {
	if c.Period == "" {
		return fail(exitNotFound, "`dspipe run` makes one; `dspipe status` shows how runs went.", "no result at %s", output)
	}
	return fail(exitNotFound, fmt.Sprintf("`dspipe run --period %s` makes one; `dspipe list` shows how runs went.", c.Period), "no result of %s at %s", c.Period, output)
}

func besideURI(u storage.URI, name string) storage.URI {
	return storage.URI{Bucket: u.Bucket, Key: contract.Beside(u.Key, name)}
}

// remedyResult is what to do about a result that is not what its manifest says.
const remedyResult = "A run may be publishing just now: look again in a minute. If it stays, somebody else has changed it: run the period again."

// checkObjects compares what is there with what the manifest says, without reading
// it.
func (s *session) checkObjects(ctx context.Context, m manifest.Manifest, output storage.URI) error {
	var problems []string
	for _, o := range m.Published() {
		u := besideURI(output, path.Base(o.URI))
		info, err := s.aws.store.Stat(ctx, u)
		switch {
		case err != nil:
			return err
		case !info.Exists:
			problems = append(problems, fmt.Sprintf("%s %s: it does not exist", o.Name, u))
		case info.Size != o.Size:
			problems = append(problems, fmt.Sprintf("%s %s: %d bytes, but the manifest says %d", o.Name, u, info.Size, o.Size))
		case u.String() == o.URI && o.Version != "" && info.Version != o.Version: // not of the newest result, which is a copy
			problems = append(problems, fmt.Sprintf("%s %s: another version than the manifest says", o.Name, u))
		}
	}
	if problems != nil {
		return fail(exitData, remedyResult, "the result is not what its manifest says:\n  %s", strings.Join(problems, "\n  "))
	}
	return nil
}

// verify compares every byte of a result with its manifest, as preprocess verify
// does.
func verify(ctx context.Context, output storage.URI) error {
	uri := output.String()
	_, err := job.Verify(ctx, job.Flags{Output: &uri}, false, func(string) string { return "" }, nil)
	if job.ExitStatus(err) == exitData {
		return &Error{Status: exitData, Err: err, Remedy: remedyResult}
	}
	return err
}

// download fetches all objects and the manifest.
func (c *resultsCommand) download(ctx context.Context, s *session, objects []resultObject, text []byte) error {
	if err := os.MkdirAll(c.Download, 0o755); err != nil { //nolint:gosec // as the umask says
		return err
	}
	for i := range objects {
		o := &objects[i]
		o.File = filepath.Join(c.Download, path.Base(o.URI))
		if err := s.fetch(ctx, *o); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(c.Download, contract.ManifestName), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// fetch downloads one object to its file, if its sum is right.
func (s *session) fetch(ctx context.Context, o resultObject) error {
	u, err := storage.ParseURI(o.URI)
	if err != nil {
		return err
	}
	object, err := s.aws.store.Open(ctx, u)
	if err != nil {
		return err
	}
	defer func() { _ = object.Close() }()
	r, err := object.Reader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	bar := s.bar(path.Base(o.URI), o.Size)
	defer bar.clear()
	return writeFile(o.File, func(w io.Writer) error {
		sum := o.Algorithm().New()
		if _, err := io.Copy(io.MultiWriter(w, sum, bar), r); err != nil {
			return err
		}
		if err := o.Compare(sum.Checksum()); err != nil {
			return fail(exitData, remedyResult, "%s %s: not as the manifest says: %w", o.Name, o.URI, err)
		}
		return nil
	})
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Chmod(f.Name(), 0o644) //nolint:gosec // as other downloads are
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (s *session) printResults(r results) {
	m := r.Manifest
	field := func(name, format string, args ...any) { s.printf("%-10s%s\n", name, fmt.Sprintf(format, args...)) }
	if r.Period != "" {
		field("period", "%s", r.Period)
	}
	field("made", "%s UTC in %s", timeText(m.Finished), durationText(m.Finished.Sub(m.Started).Round(time.Second)))
	field("rows", "%s in, %s out, %s rejected", show.Thousands(m.Rows.In), show.Thousands(m.Rows.Out), show.Thousands(m.Rows.Rejected))
	field("columns", "%d in, %d out", m.Columns.In, m.Columns.Out)
	for _, in := range m.Inputs {
		field("input", "%s (%s)", in.URI, show.Size(in.Size))
	}
	field("model", "%s (%s)", m.Model.URI, show.Size(m.Model.Size))
	for _, o := range r.Objects {
		where := o.URI
		if o.File != "" {
			where = o.File
		}
		field(o.Name, "%s (%s)", where, show.Size(o.Size))
	}
	field("verified", "%s", s.paint(green, map[string]string{"checksum": "every byte, by checksum", "size and version": "sizes and versions"}[r.Verified]))
}

// open shows the report in a browser.
func (c *resultsCommand) open(ctx context.Context, s *session, objects []resultObject) error {
	for _, o := range objects {
		if o.Name != "report" {
			continue
		}
		if o.File == "" {
			dir, err := os.MkdirTemp("", "dspipe-report-*")
			if err != nil {
				return err
			}
			o.File = filepath.Join(dir, contract.ReportName)
			if err := s.fetch(ctx, o); err != nil {
				return err
			}
		}
		if err := browse(ctx, s.Getenv("BROWSER"), o.File); err != nil {
			return fail(exitIO, "Set BROWSER to the command of one.", "no browser could be started: %w; the report is %s", err, o.File)
		}
		s.note("the report is %s", o.File)
		return nil
	}
	return fail(exitNotFound, "", "the run wrote no report")
}

func browse(ctx context.Context, browser, file string) error {
	if browser == "" {
		browser = map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	}
	if browser == "" {
		browser = "xdg-open"
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), browser, file) //nolint:gosec // whose browser it is
	return cmd.Start()
}

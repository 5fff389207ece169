package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// code is the script of a run and its package, in a private folder.
type code struct {
	script.Script
	file    manifest.Object
	pack    *manifest.Object // nil for none
	archive string           // the package before it is unpacked
	folder  string
	log     *slog.Logger
}

// fetchCode brings script and package here. It is nil if there is no script.
func (s Settings) fetchCode(ctx context.Context, store *storage.Store, log *slog.Logger) (*code, error) {
	if (s.Script == storage.URI{}) {
		return nil, nil //nolint:nilnil // there is none
	}
	if script.IsPython(name(s.Script)) {
		if _, err := exec.LookPath(s.Python); err != nil {
			return nil, s.missing(fmt.Errorf("%s: %w", s.Python, script.ErrMissing))
		}
	}
	folder, err := os.MkdirTemp("", "ds-script-")
	if err != nil {
		return nil, scratchError(err)
	}
	c := &code{folder: folder, log: log}
	c.Script = script.Script{
		Name: path.Base(name(s.Script)), Python: s.Python, Scratch: folder, Limits: s.ScriptLimits,
		Context: script.Context{Period: s.Period, Stage: s.ScriptStage, Keys: map[string]string{
			"input": s.Input.String(), "model": s.Model.String(), "output": s.target().String(), "script": s.Script.String(), "package": "",
		}},
		Log: func(line string) { log.Info(line, "script", path.Base(name(s.Script))) },
	}
	c.Path = filepath.Join(folder, "script"+path.Ext(c.Name))
	c.file, err = fetch(ctx, store, s.Script, c.Path, script.MaxBytes)
	if err != nil {
		err = fmt.Errorf("script: %w", hinted(ctx, store, err))
	} else if (s.Package != storage.URI{}) {
		c.Context.Keys["package"] = s.Package.String()
		c.archive = filepath.Join(folder, "archive")
		var pack manifest.Object
		if pack, err = fetch(ctx, store, s.Package, c.archive, s.PackageLimits.Bytes); err != nil {
			err = fmt.Errorf("package: %w", hinted(ctx, store, err))
		}
		c.pack = &pack
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func scratchError(err error) error {
	return fail(contract.ExitIO, "a private folder for the script: %w", err)
}

// fetch copies an object to a file.
func fetch(ctx context.Context, store *storage.Store, u storage.URI, to string, most int64) (manifest.Object, error) {
	o, err := store.Open(ctx, u)
	if err != nil {
		return manifest.Object{}, err
	}
	defer func() { _ = o.Close() }()
	r, err := o.Reader(ctx)
	if err != nil {
		return manifest.Object{}, err
	}
	defer func() { _ = r.Close() }()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return manifest.Object{}, scratchError(err)
	}
	digest := newDigestReader(io.LimitReader(r, most+1), manifest.SHA256)
	_, err = io.Copy(file, digest)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	var at *os.PathError
	switch {
	case errors.As(err, &at) && at.Path == to:
		return manifest.Object{}, scratchError(err)
	case err != nil:
		return manifest.Object{}, err
	case digest.size > most:
		return manifest.Object{}, fail(contract.ExitData, "%s: more than %d bytes", u, most)
	}
	return manifest.Object{URI: u.String(), Size: digest.size, Version: o.Version(), Checksum: digest.digest.Checksum()}, nil
}

// unpack makes the package ready, once.
func (c *code) unpack(limits script.PackageLimits) error {
	if c == nil || c.pack == nil {
		return nil
	}
	archive, err := os.Open(c.archive)
	if err != nil {
		return scratchError(err)
	}
	defer func() { _ = archive.Close() }()
	c.Package = filepath.Join(c.folder, "package")
	if err := os.Mkdir(c.Package, 0o700); err != nil {
		return scratchError(err)
	}
	err = script.Unpack(archive, c.pack.Size, c.Package, limits)
	switch {
	case errors.As(err, new(*script.PackageError)):
		return fail(contract.ExitData, "package %s: %w", c.pack.URI, err)
	case err != nil:
		return scratchError(err)
	}
	_ = os.Remove(c.archive)
	return nil
}

// remove removes the private folder.
func (c *code) remove() {
	if c == nil {
		return
	}
	if err := os.RemoveAll(c.folder); err != nil {
		c.log.Error("cleaning up: " + err.Error())
	}
}

// objects are script and package for the manifest.
func (c *code) objects() (file, pack *manifest.Object) {
	if c == nil {
		return nil, nil
	}
	return &c.file, c.pack
}

// missing says that a script cannot run here, and what to do about it.
func (s Settings) missing(err error) error {
	return fail(contract.ExitConfig, "script %s: %w; in AWS set %s to python or auto in the stack's configuration and deploy it, elsewhere install Python 3 with pandas or name it in %s",
		s.Script, err, contract.ImageSetting, contract.EnvPython)
}

// scriptError says what is wrong with a script; where tells which record a row of
// the batch at fault is, "" if that is not known.
func (p *runPass) scriptError(err error, where func(row int) string) error {
	var e *script.Error
	switch {
	case errors.Is(err, script.ErrMissing):
		return p.missing(err)
	case errors.Is(err, script.ErrNetwork):
		return fail(contract.ExitConfig, "script %s: %w; want a kernel with seccomp, or %s=true, with which it may use it", p.Script, err, contract.EnvScriptNetwork)
	case !errors.As(err, &e):
		return scratchError(err)
	}
	at := ""
	if e.Batch > 0 {
		at = fmt.Sprintf(": batch %d", e.Batch)
		switch {
		case e.Rows == nil || e.Rows.Rows == 0:
		case e.Row >= 0 && e.Row < e.Rows.Rows:
			at += ", first row at fault: " + where(e.Row)
		default:
			at += ", which begins with " + where(0)
		}
	}
	return fail(contract.ExitData, "script %s%s: %w", p.Script, at, e)
}

// form is what is known of how a column that a script gives back is written. A
// column is written in the same form in all of the table, whatever its batches
// are; where one shows late what form that is, the run starts again.
type form struct {
	asValues bool // the cells of the input do not stand for the column's values
	asFloats bool // whole numbers are written as numbers with fractions

	wide bool // seen: whole numbers that a fraction does not hold exactly, so that they stay what they are

	copied, values bool // seen: cells of the input that differ from the values; other values
	ints, floats   bool // seen

	seen evidence // of a result with types
}

// shaper makes columns of what a script gives back.
type shaper struct {
	forms    []form
	buf      []byte
	mistaken string // why the run has to start again
	columns  []frame.Column
}

// shape is the columns of a result, in the form that all of the table has.
func (s *shaper) shape(r *script.Result, names []string) []frame.Column {
	if s.forms == nil {
		s.forms = make([]form, len(names))
	}
	s.columns = slices.Grow(s.columns[:0], len(r.Columns))[:len(r.Columns)]
	for i := range r.Columns {
		f := &s.forms[i]
		c, source := r.Columns[i], [][]byte(nil)
		if at := r.Same[i]; at >= 0 {
			given := &r.Batch.Columns[at]
			c = take(given.Column, r.Taken)
			if len(given.Source) > 0 {
				source = takeOf(given.Source, r.Taken)
			}
		}
		s.look(f, &c, source, r.Rows, names[i])
		switch {
		case source != nil && !f.asValues:
			c = frame.Column{Kind: frame.Text, Texts: source}
		case f.asFloats && c.Kind == frame.Int:
			floats := make([]float64, len(c.Ints))
			for row, v := range c.Ints {
				floats[row] = float64(v)
			}
			c = frame.Column{Kind: frame.Float, Floats: floats}
		}
		s.columns[i] = c
	}
	return s.columns
}

// look notes what a batch of a column shows.
func (s *shaper) look(f *form, c *frame.Column, source [][]byte, rows int, name string) {
	there := false
	for row := 0; row < rows && !there; row++ {
		s.buf, there = table.AppendCell(s.buf[:0], c, row)
	}
	if source != nil {
		f.copied = f.copied || s.differs(c, source, rows)
	} else {
		f.values = f.values || there
	}
	f.ints = f.ints || rows > 0 && c.Kind == frame.Int
	f.floats = f.floats || there && (c.Kind == frame.Float || c.Kind == frame.Float32)
	if f.copied && f.values && !f.asValues {
		f.asValues = true
		s.mistaken = cmp.Or(s.mistaken, fmt.Sprintf("column %q of the script was as in its input at first, but is not", name))
	}
	f.wide = f.wide || c.Kind == frame.Int && isWide(c.Ints)
	if asFloats := f.ints && f.floats && f.values && !f.wide; asFloats && !f.asFloats {
		f.asFloats = true
		s.mistaken = cmp.Or(s.mistaken, fmt.Sprintf("column %q of the script had only whole numbers in some batches, but not in all", name))
	}
	if f.wide && f.asFloats {
		f.asFloats = false
		s.mistaken = cmp.Or(s.mistaken, fmt.Sprintf("column %q of the script has whole numbers that would not be the same as fractions", name))
	}
}

// differs tells whether cells are anything but the column's values as text.
func (s *shaper) differs(c *frame.Column, source [][]byte, rows int) bool {
	for row := range rows {
		var there bool
		if s.buf, there = table.AppendCell(s.buf[:0], c, row); there != (source[row] != nil) || string(s.buf) != string(source[row]) {
			return true
		}
	}
	return false
}

// forms are what the next pass starts from.
func (s *shaper) known() []form {
	forms := slices.Clone(s.forms)
	for i, f := range forms {
		forms[i] = form{asValues: f.asValues, asFloats: f.asFloats, wide: f.wide}
	}
	return forms
}

// take is some rows of a column; all if rows is nil.
func take(c frame.Column, rows []int64) frame.Column {
	return frame.Column{Kind: c.Kind, Floats: takeOf(c.Floats, rows), Ints: takeOf(c.Ints, rows), Texts: takeOf(c.Texts, rows)}
}

func takeOf[T any](all []T, rows []int64) []T {
	if len(all) == 0 || rows == nil {
		return all
	}
	some := make([]T, len(rows))
	for i, row := range rows {
		some[i] = all[row]
	}
	return some
}

// restart is the reason to start again, because of what a script shows.
func restart(reason string) *contradictionError {
	return &contradictionError{ofScript: true, reason: reason}
}

// bindError says whose columns do not fit: those of the input, or those that the
// script gave back.
func (p *runPass) bindError(err error, b *before) error {
	if b == nil {
		return fail(ExitStatus(err), "input %s: %w", p.sum.Input, err)
	}
	return fail(ExitStatus(err), "script %s gave back columns that do not fit: %w", p.Script, err)
}

package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
)

// Verification is what Verify found.
type Verification struct {
	Manifest string            // where it is
	Run      manifest.Manifest // what it says
	Objects  []VerifiedObject
}

// VerifiedObject is one object that was compared with the manifest.
type VerifiedObject struct {
	manifest.Named        // what the manifest says of it, and where it was looked for
	Problem        string // "" if it is the same
}

// MarshalJSON writes where the manifest is, whether everything is the same, each
// object, and what the manifest says of the run.
func (v Verification) MarshalJSON() ([]byte, error) {
	type object struct {
		Name    string `json:"name"`
		URI     string `json:"uri"`
		Size    int64  `json:"size"`
		Same    bool   `json:"same"`
		Problem string `json:"problem,omitempty"`
	}
	same, objects := true, []object{}
	for _, o := range v.Objects {
		same = same && o.Problem == ""
		objects = append(objects, object{o.Name, o.URI, o.Size, o.Problem == "", o.Problem})
	}
	return json.Marshal(struct {
		Manifest string            `json:"manifest"`
		Same     bool              `json:"same"`
		Objects  []object          `json:"objects"`
		Run      manifest.Manifest `json:"run"`
	}{v.Manifest, same, objects, v.Run})
}

// Verify compares a result and what stands beside it with its manifest, by the
// bytes: with sources, also what the run has read. The result may be a copy, as
// the newest one is. Everything that differs is one error, which
// comes with the whole Verification.
func Verify(ctx context.Context, flags Flags, sources bool, getenv func(string) string, parameters Parameters) (Verification, error) {
	output, err := loadOutputSetting(ctx, flags, getenv, parameters)
	if err != nil {
		return Verification{}, err
	}
	store := storage.New()
	at := beside(output, contract.ManifestName)
	v := Verification{Manifest: at.String()}
	text, err := store.ReadAll(ctx, at, manifest.MaxBytes)
	if err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			err = fmt.Errorf("%w; a run writes it last, so that none that writes there is complete", explained(err))
		}
		return v, fmt.Errorf("manifest: %w", err)
	}
	if v.Run, err = manifest.Read(text); err != nil {
		return v, fail(contract.ExitData, "manifest %s: %w", at, err)
	}
	if v.Objects, err = expected(v.Run, output, at, sources); err != nil {
		return v, err
	}
	var problems []error
	for i := range v.Objects {
		o := &v.Objects[i]
		if o.Problem, err = compare(ctx, store, o.Object); err != nil {
			return v, fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	if v.Run.Rejects == nil {
		rejects := beside(output, contract.RejectsName)
		info, err := store.Stat(ctx, rejects)
		if err != nil {
			return v, fmt.Errorf("rejects: %w", err)
		}
		if info.Exists {
			v.Objects = append(v.Objects, VerifiedObject{
				manifest.Named{Name: "rejects", Object: manifest.Object{URI: rejects.String(), Size: info.Size}},
				"it stands here, but the run rejected nothing: a run that failed later has left it",
			})
		}
	}
	for _, o := range v.Objects {
		if o.Problem != "" {
			problems = append(problems, fmt.Errorf("%s %s: %s", o.Name, o.URI, o.Problem))
		}
	}
	if len(problems) > 0 {
		return v, &Error{contract.ExitData, list("not as the manifest "+at.String()+" says", problems)}
	}
	return v, nil
}

// expected lists what has to be where: what was published stands beside the
// manifest, wherever that was copied to.
func expected(m manifest.Manifest, output, at storage.URI, sources bool) ([]VerifiedObject, error) {
	if got, want := path.Base(name(output)), path.Base(m.Output.URI); len(m.Outputs) == 0 && got != want {
		return nil, fail(contract.ExitData, "manifest %s: it is of a result called %s; want --output with that name", at, want)
	}
	// Of a result of many objects, only the manifest is copied to the newest.
	copied := len(m.Outputs) > 0 && m.Newest != nil && m.Newest.URI == output.String()
	var all []VerifiedObject
	for _, o := range m.Published() {
		if !copied || o.Name == "rejects" {
			o.URI = beside(output, path.Base(o.URI)).String()
		}
		all = append(all, VerifiedObject{Named: o})
	}
	if sources {
		for _, o := range m.Read() {
			all = append(all, VerifiedObject{Named: o})
		}
	}
	return all, nil
}

// compare reads an object and says what differs from the manifest.
func compare(ctx context.Context, store *storage.Store, want manifest.Object) (string, error) {
	u, err := storage.ParseURI(want.URI)
	if err != nil {
		return "", err
	}
	if u.Path == storage.Stdin {
		return "a stream, which cannot be read again", nil
	}
	o, err := store.Open(ctx, u)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return "it does not exist", nil
	case err != nil:
		return "", err
	}
	defer func() { _ = o.Close() }()
	if o.Size() != want.Size {
		return fmt.Sprintf("%d bytes, want %d", o.Size(), want.Size), nil
	}
	r, err := o.Reader(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	if len(want.Pieces) == 0 {
		return differs(r, want.Checksum)
	}
	for i, piece := range want.Pieces {
		why, err := differs(io.LimitReader(r, piece.Size), piece.Checksum)
		if err != nil {
			return "", err
		}
		if why != "" {
			return fmt.Sprintf("piece %d of %d: %s", i+1, len(want.Pieces), why), nil
		}
	}
	_, err = io.Copy(io.Discard, r) // at the end it says whether it is what was stored
	return "", err
}

// differs reads r to its end and says how that differs.
func differs(r io.Reader, want manifest.Checksum) (string, error) {
	digest := newDigestReader(r, want.Algorithm())
	if _, err := io.Copy(io.Discard, digest); err != nil {
		return "", err
	}
	if err := want.Compare(digest.digest.Checksum()); err != nil {
		return err.Error(), nil //nolint:nilerr // it is what was found
	}
	return "", nil
}

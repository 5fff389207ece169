package job

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
)

// A run that is spread over many tasks is some parts, each of which does what a
// run does with some items but publishes nothing, and a merge, which publishes
// all of it. Parts do not know of each other: what one of them sees may change
// how the records of another are to be read. A merge finds that out and asks for
// another round. See docs/scale.md.

// SpreadFlags are the settings of plan, part and merge beside those of a run, as
// typed; nil means not given.
type SpreadFlags struct {
	Run, Round, Items, Results, MaxMissing, RangeMiB *string
}

// Spread is what plan, part and merge need to know beside the settings of a run.
type Spread struct {
	Run        string // its name
	Round      int    // from 1
	Items      []scale.Item
	Results    storage.URI // the record of the map, or a JSON array of items
	MaxMissing RejectLimit // objects
	RangeBytes int64

	// Escaped says that the keys of the items of this round are as an S3 inventory
	// has them. LoadSpread has put right those of Items.
	Escaped bool
}

const defaultRangeMiB = 1024

// LoadSpread settles them for a command, which is one of package contract. A flag
// beats the environment. All problems are reported together.
func LoadSpread(command string, flags SpreadFlags, getenv func(string) string) (Spread, error) {
	l := newLoader(Flags{}, getenv)
	l.problems = nil
	var s Spread
	run, from := l.text("run", flags.Run, contract.EnvScaleRun)
	if from == "" {
		l.problem("run: missing; set --run or %s to the name that plan, parts and merge of a run have in common", contract.EnvScaleRun)
	} else if err := contract.CheckScaleRun(run); err != nil {
		l.problem("run (%s): %w", from, err)
	}
	s.Run = run
	s.Round = l.number("round", flags.Round, contract.EnvScaleRound, 1, 1, contract.ScaleMaxRounds)
	switch source := getenv(contract.EnvScaleSource); source {
	case "", contract.ScaleSourcePrefix, contract.ScaleSourceObject:
	case contract.ScaleSourceInventory:
		s.Escaped = s.Round == 1 // those of later ones are a merge's own
	default:
		l.problem("%s: got %q, want %s, %s or %s", contract.EnvScaleSource, source, contract.ScaleSourcePrefix, contract.ScaleSourceInventory, contract.ScaleSourceObject)
	}
	switch command {
	case contract.CommandPlan:
		s.RangeBytes = int64(l.number("range-mib", flags.RangeMiB, contract.EnvScaleRangeMiB, defaultRangeMiB, 1, 1<<20)) << 20
	case contract.CommandPart:
		v, from := l.text("items", flags.Items, contract.EnvScaleItems)
		var err error
		if from == "" {
			l.problem("items: missing; set --items or %s to a JSON array of items", contract.EnvScaleItems)
		} else if s.Items, err = scale.ParseItems(v); err != nil {
			l.problem("items (%s): %w", from, err)
		}
		for i := range s.Items {
			if s.Items[i], err = s.unescaped(s.Items[i]); err != nil {
				l.problem("items (%s): %w", from, err)
			}
		}
	case contract.CommandMerge:
		v, from := l.text("results", flags.Results, contract.EnvScaleResults)
		var err error
		if from == "" {
			l.problem("results: missing; set --results or %s to the manifest.json of the map's results, or to a JSON array of all items", contract.EnvScaleResults)
		} else if s.Results, err = storage.ParseURI(v); err != nil {
			l.problem("results (%s): %w", from, err)
		}
		if v, from := l.text("max-missing", flags.MaxMissing, contract.EnvScaleMaxMissing); from != "" {
			if s.MaxMissing, err = ParseRejectLimit(v); err != nil {
				l.problem("max-missing (%s): %w", from, err)
			}
		}
	}
	return s, l.err()
}

// unescaped is an item with the key that its object has.
func (s Spread) unescaped(i scale.Item) (scale.Item, error) {
	if !s.Escaped {
		return i, nil
	}
	key, err := url.QueryUnescape(i.Key)
	if err != nil {
		return i, fmt.Errorf("item %q: its key is not as an inventory has it: %w", i.Key, err)
	}
	i.Key = key
	return i, nil
}

// spread is what plan, part and merge of a run have in common.
type spread struct {
	Settings // as all parts have them
	Env
	Spread
	store     *storage.Store
	model     *model.Model
	modelFile manifest.Object

	last   *manifest.Manifest // of the run before, once it was looked at; nil for none
	looked bool
}

func newSpread(ctx context.Context, s Settings, sp Spread, env Env) (*spread, error) {
	switch {
	case s.Script != storage.URI{}:
		return nil, fail(contract.ExitConfig, "script %s: what it gets and gives back depends on the whole input; a run that is spread over many tasks cannot have one", s.Script)
	case s.Input.Path == storage.Stdin:
		return nil, fail(contract.ExitConfig, "input: the standard input cannot be spread over many tasks; want a file or an object")
	}
	store := storage.New()
	store.Warn = func(err error) { env.Log.Warn("cleaning up: " + err.Error()) }
	m, modelFile, err := loadModel(ctx, store, s.Model, env.Log)
	if err != nil {
		return nil, err
	}
	return &spread{Settings: s, Env: env, Spread: sp, store: store, model: m, modelFile: modelFile}, nil
}

// file is where something of the run is kept that only itself needs.
func (s *spread) file(name string) storage.URI {
	folder := contract.ScaleFolder(s.Run)
	if s.Output.IsS3() {
		return storage.URI{Bucket: s.Output.Bucket, Key: folder + name}
	}
	return storage.URI{Path: contract.Beside(s.Output.Path, strings.TrimPrefix(folder, contract.OutputPrefix)+name)}
}

// Names of what is kept in the folder of a run, beside contract.ScaleItems.
const (
	scalePlan  = "plan.json"
	scaleAll   = "items.json" // all items, as a JSON array
	scaleParts = "parts/"
)

func scaleStart(round int) string { return fmt.Sprintf("start-%d.json", round) }

// itemsFile is where the items of a round are.
func (s *spread) itemsFile(round int) storage.URI {
	return s.file(strings.TrimPrefix(contract.ScaleItems(s.Run, round), contract.ScaleFolder(s.Run)))
}

func (s *spread) partFile(i scale.Item, suffix string) storage.URI {
	return s.file(scaleParts + i.ID() + suffix)
}

const partSuffix = ".json"

// common is what all parts of a run agree in.
func (s *spread) common(settings Settings) (scale.Common, error) {
	program, err := build()
	return scale.Common{
		Job:      manifest.Job{Version: s.version(), Build: program, Image: s.Image},
		Settings: settings.recorded(),
		Model:    s.modelFile,
	}, err
}

// agree tells whether two parts belong together.
func agree(a, b scale.Common) bool {
	return a.Job.Build == b.Job.Build && a.Model.SHA256 == b.Model.SHA256 && reflect.DeepEqual(a.Settings, b.Settings)
}

// input is the object of an item, and its name below the prefix of the input.
func (s *spread) input(i scale.Item) (u storage.URI, name string) {
	prefix := s.Input.Key + s.Input.Path
	if at := strings.IndexAny(prefix, `*?[\`); at >= 0 {
		prefix = prefix[:at]
	}
	prefix = contract.Beside(prefix, "")
	u = storage.URI{Bucket: s.Input.Bucket, Key: i.Key}
	if !s.Input.IsS3() {
		u = storage.URI{Path: i.Key}
	}
	return u, strings.TrimPrefix(i.Key, prefix)
}

// wanted tells whether an item is one of the input's objects. A map over a
// listing hands out all below a prefix, a run leaves some out.
func (s *spread) wanted(i scale.Item) bool {
	u, _ := s.input(i)
	if s.Input.IsPattern() {
		return storage.Matches(s.Input, u)
	}
	return u == s.Input
}

// result is where the result of an object goes.
func (s *spread) result(i scale.Item) (storage.URI, error) {
	_, below := s.input(i)
	u := beside(s.target(), scale.PartName(below, s.extension()))
	if u.IsS3() {
		if err := storage.CheckKey(u.Key); err != nil {
			return u, fail(contract.ExitConfig, "the result of %s: %w", i, err)
		}
	}
	return u, nil
}

// extension is that of the result: .csv, .csv.gz.
func (s *spread) extension() string {
	base := path.Base(name(s.Output))
	if at := strings.IndexByte(base, '.'); at > 0 {
		return base[at:]
	}
	return ""
}

// readRecord reads something from the folder of the run. It is no error that it
// does not exist.
func readRecord[T scale.Part | scale.Plan | scale.Round](ctx context.Context, s *spread, u storage.URI) (*T, error) {
	text, err := s.store.ReadAll(ctx, u, scale.MaxBytes)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	r, err := scale.Decode[T](text)
	if err != nil {
		return nil, fail(contract.ExitData, "%s: %w", u, err)
	}
	return &r, nil
}

// seenRecord is readRecord that also says what is there, for a condition.
func seenRecord[T scale.Part | scale.Plan | scale.Round](ctx context.Context, s *spread, u storage.URI) (record *T, info storage.Info, err error) {
	if info, err = s.store.Stat(ctx, u); err != nil || !info.Exists {
		return nil, info, err
	}
	if record, err = readRecord[T](ctx, s, u); err == nil && record == nil {
		info = storage.Info{URI: u}
	}
	return record, info, err
}

// write publishes some text.
func (s *spread) write(ctx context.Context, u storage.URI, text []byte, condition storage.Condition) error {
	if err := s.store.MakeFolders(u); err != nil {
		return err
	}
	_, err := writeText(ctx, s.store, u, text, condition)
	return err
}

func writeText(ctx context.Context, store *storage.Store, u storage.URI, text []byte, condition storage.Condition) (info storage.Info, err error) {
	up, err := store.Create(ctx, u, condition)
	if err != nil {
		return info, err
	}
	if _, err = up.Write(text); err == nil {
		info, err = up.Commit()
	}
	if err != nil {
		return info, errors.Join(err, up.Abort())
	}
	return info, nil
}

func writeRecord[T scale.Part | scale.Plan | scale.Round](ctx context.Context, s *spread, u storage.URI, r T, condition storage.Condition) error {
	text, err := scale.Encode(r)
	if err != nil {
		return err
	}
	return s.write(ctx, u, text, condition)
}

// start is what the parts of the round start from.
func (s *spread) start(ctx context.Context) (scale.Start, error) {
	if s.Round == 1 {
		return scale.Start{}, nil
	}
	u := s.file(scaleStart(s.Round))
	r, err := readRecord[scale.Round](ctx, s, u)
	switch {
	case err != nil:
		return scale.Start{}, err
	case r == nil || r.Number != s.Round:
		return scale.Start{}, fail(contract.ExitConfig, "round %d: %s does not say what it starts from; want a merge of round %d before it", s.Round, u, s.Round-1)
	}
	return r.Start, nil
}

// checkCut says why the input cannot be cut into ranges, or its result cannot be
// put together of them.
func (s Settings) checkCut(compression codec.Compression) error {
	refuse := func(why string) error {
		return fail(contract.ExitConfig, "input %s: %s; only one uncompressed CSV or JSON lines in UTF-8 can be cut into ranges, and only into an uncompressed CSV: use a prefix of several objects, or one task", s.Input, why)
	}
	switch {
	case s.Input.IsPattern():
		return refuse("it may be several objects")
	case s.Parquet:
		return refuse("it is Parquet")
	case s.Encoding != codec.UTF8:
		return refuse("its encoding is " + string(s.Encoding))
	case compression != codec.None:
		return refuse("it is compressed with " + compression.String())
	case s.ParquetOutput:
		return refuse("the result is to be Parquet")
	case codec.ByName(name(s.Output)) != codec.None:
		return refuse("the result is to be compressed")
	}
	return nil
}

// roundText is a round in messages.
func roundText(n int) string { return "round " + strconv.Itoa(n) }

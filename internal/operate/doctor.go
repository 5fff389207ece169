package operate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
)

// The outcomes of a check.
const (
	checkOK      = "ok"
	checkWarning = "warning" // worth knowing; all may be well
	checkProblem = "problem"
	checkUnknown = "unknown" // it may not be asked, or what it needs is not known
)

// finding is the outcome of one check.
type finding struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy,omitempty"`
}

// check is one check of the doctor, in the order in which one needs another.
type check struct {
	name string
	run  func(d *doctor, ctx context.Context) finding
}

// checks lists all checks; docs/troubleshooting.md describes each.
func checks() []check {
	return []check{
		{"credentials", (*doctor).credentials},
		{"parameters", (*doctor).parameters},
		{"state machine", (*doctor).stateMachine},
		{"cluster", (*doctor).cluster},
		{"task definition", (*doctor).taskDefinition},
		{"image", (*doctor).image},
		{"task role", (*doctor).taskRole},
		{"execution role", (*doctor).executionRole},
		{"machine role", (*doctor).machineRole},
		{"network", (*doctor).network},
		{"log group", (*doctor).logGroups},
		{"schedule", (*doctor).scheduled},
		{"dead letters", (*doctor).lostStarts},
		{"input", (*doctor).input},
		{"model", (*doctor).model},
		{"script", (*doctor).script},
		{"model and input", (*doctor).fit},
		{"last runs", (*doctor).lastRuns},
	}
}

// doctor is what the checks have learnt.
type doctor struct {
	*session
	connected error
	machine   *machineFacts
	task      *taskFacts
	config    *imageConfig // nil if it is not known

	inputURI, modelURI *storage.URI // nil if they are not usable
}

type doctorCommand struct{}

func (c *doctorCommand) run(ctx context.Context, s *session) error {
	d := &doctor{session: s, connected: s.find(ctx)}
	var findings []finding
	well := true
	for _, one := range checks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := one.run(d, ctx)
		f.Check = one.name
		findings = append(findings, f)
		well = well && (f.Outcome == checkOK || f.Outcome == checkWarning)
		if !s.JSON {
			s.printFinding(f)
		}
		if one.name == "credentials" && f.Outcome == checkProblem {
			break // nothing else can be asked
		}
	}
	if s.JSON {
		if err := s.printJSON(map[string]any{"well": well, "checks": findings}); err != nil {
			return err
		}
	}
	if !well {
		return endedError(exitNotWell)
	}
	return nil
}

func (s *session) printFinding(f finding) {
	color := map[string]string{checkOK: green, checkWarning: yellow, checkProblem: red, checkUnknown: yellow}[f.Outcome]
	lines := strings.Split(f.Detail, "\n")
	s.printf("%s  %-16s %s\n", s.paint(color, fmt.Sprintf("%-7s", f.Outcome)), f.Check, lines[0])
	for _, l := range lines[1:] {
		s.printf("%26s%s\n", "", l)
	}
	if f.Remedy != "" {
		s.printf("%26s%s\n", "", s.paint(bold, "→ "+f.Remedy))
	}
}

func ok(format string, args ...any) finding {
	return finding{Outcome: checkOK, Detail: fmt.Sprintf(format, args...)}
}

func warning(remedy, format string, args ...any) finding {
	return finding{Outcome: checkWarning, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func problem(remedy, format string, args ...any) finding {
	return finding{Outcome: checkProblem, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func unknown(remedy, format string, args ...any) finding {
	return finding{Outcome: checkUnknown, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// unanswered is a check whose question was not answered: unknown if it may not be
// asked.
func unanswered(err error) finding {
	e := explain(err)
	if e.Status == exitNoPerm {
		return unknown(e.Remedy, "%v", e.Err)
	}
	return problem(e.Remedy, "%v", e.Err)
}

const (
	remedyDeploy  = "Deploy the stack again: `pulumi up` restores it."
	notKnownCheck = "what it needs is not known, see above"
)

func (d *doctor) credentials(context.Context) finding {
	if d.place == nil || d.place.caller == "" {
		e := explain(d.connected)
		return problem(e.Remedy, "%v", e.Err)
	}
	if e := explain(orNil(d.connected)); d.connected != nil && strings.HasPrefix(e.Error(), "wrong account") {
		return problem(e.Remedy, "%v", e.Err)
	}
	return ok("%s in account %s, region %s", d.place.caller, d.place.account, d.aws.region())
}

// orNil keeps explain from an error that is not there.
func orNil(err error) error {
	if err == nil {
		return errInterrupted
	}
	return err
}

func (d *doctor) parameters(context.Context) finding {
	if d.connected != nil {
		return unanswered(d.connected)
	}
	var missing []string
	for _, p := range contract.Parameters() {
		v := d.place.parameters[p.Name]
		if p.Required && v == "" {
			missing = append(missing, d.place.prefix+p.Name)
		}
	}
	for _, name := range []string{contract.OutputStateMachineArn, contract.OutputLogGroupName} {
		if d.place.outputs[name] == "" {
			missing = append(missing, d.place.prefix+name)
		}
	}
	switch {
	case missing != nil:
		return problem(remedyDeploy, "missing: %s", strings.Join(missing, ", "))
	case d.place.parameters[contract.PackageKey] != "" && d.place.parameters[contract.ScriptKey] == "":
		return problem("Set scriptKey in the configuration of the stack, or unset packageKey, and deploy it.",
			"%s is set, but no script could use it: the job refuses every run", d.place.prefix+contract.PackageKey)
	case d.place.parameters[contract.ScriptStage] == contract.ScriptAfter && d.place.parameters[contract.ScriptKey] == "":
		return problem("Set scriptKey in the configuration of the stack, or unset scriptStage, and deploy it.",
			"%s is set, but there is no script: the job refuses every run", d.place.prefix+contract.ScriptStage)
	}
	return ok("%d below %s", len(d.place.parameters)+len(d.place.outputs), d.place.prefix)
}

// object looks at an object that a parameter names.
func (d *doctor) object(ctx context.Context, bucketName, keyName, what, remedy string) (*storage.URI, finding) {
	if d.connected != nil {
		return nil, unknown("", notKnownCheck)
	}
	bucket, key := d.place.parameters[bucketName], d.place.parameters[keyName]
	if bucket == "" || key == "" {
		return nil, unknown("", notKnownCheck)
	}
	u, err := storage.ParsePattern("s3://" + bucket + "/" + key)
	if err == nil && u.IsPattern() && keyName == contract.InputKey {
		found, err := d.aws.store.List(ctx, u)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, problem(remedy, "there is no %s that %s stands for%s", what, u, d.meant(ctx, u))
		}
		if err != nil {
			return nil, unanswered(err)
		}
		return &u, ok("%s, %d objects from %s on", u, len(found), found[0])
	}
	if err == nil && u.IsPattern() {
		err = fmt.Errorf("%s: want one object", u)
	}
	if err != nil {
		return nil, problem("Correct the parameter "+d.place.prefix+keyName+" in the configuration of the stack.", "%v", err)
	}
	info, err := d.aws.store.Stat(ctx, u)
	switch {
	case err != nil:
		return nil, unanswered(err)
	case !info.Exists:
		return nil, problem(remedy, "the %s %s does not exist%s", what, u, d.meant(ctx, u))
	case info.Size == 0:
		return nil, problem(remedy, "the %s %s is empty", what, u)
	}
	return &u, ok("%s, %s, of %s UTC", u, show.Size(info.Size), timeText(info.Modified))
}

// meant says what may have been meant by the name of an object that is not there,
// as the end of a sentence.
func (d *doctor) meant(ctx context.Context, u storage.URI) string {
	if hint := job.Meant(ctx, d.aws.store, u); hint != "" {
		return "; " + hint
	}
	return ""
}

func (d *doctor) input(ctx context.Context) finding {
	u, f := d.object(ctx, contract.InputBucket, contract.InputKey, "input", "Upload it: dspipe upload --input FILE.")
	d.inputURI = u
	return f
}

func (d *doctor) model(ctx context.Context) finding {
	u, f := d.object(ctx, contract.ArtifactBucket, contract.ModelKey, "model", "Upload it: dspipe upload --model FILE.")
	if u == nil {
		return f
	}
	found, err := job.CheckModel(ctx, *u, quietEnv())
	if err != nil {
		if job.ExitStatus(err) == exitData {
			return problem("Fit it again with scikit-learn 0.23 to 1.9 and upload it; docs/models.md lists what is supported.", "%v", err)
		}
		return unanswered(err)
	}
	d.modelURI = u
	steps := strings.Count(strings.TrimSpace(found.Steps), "\n") + 1
	return ok("%s\nit was read: %d lines in preprocess inspect", f.Detail, steps)
}

// script looks at the script and its package, and whether the image can run it.
func (d *doctor) script(ctx context.Context) finding {
	if d.connected != nil {
		return unknown("", notKnownCheck)
	}
	key := d.place.parameters[contract.ScriptKey]
	if key == "" {
		return ok("the stack has none")
	}
	_, all := d.object(ctx, contract.ArtifactBucket, contract.ScriptKey, "script", "Upload it: dspipe upload --script FILE.")
	findings := []finding{all}
	if d.place.parameters[contract.PackageKey] != "" {
		_, f := d.object(ctx, contract.ArtifactBucket, contract.PackageKey, "package", "Upload it: dspipe upload --package FILE.")
		findings = append(findings, f)
	}
	remedy := fmt.Sprintf("Set %s to python or auto in the configuration of the stack, unset imageUri, and deploy it. An image of your own says with %s in its environment where Python is.", contract.ImageSetting, contract.EnvPython)
	switch {
	case d.config == nil || d.task == nil:
		findings = append(findings, unknown("", "whether Python is in the image is not known, see above"))
	case d.config.python() || d.task.environment[contract.EnvPython] != "":
		findings = append(findings, ok("Python is in the image"))
	case script.IsPython(key):
		findings = append(findings, problem(remedy, "the image has no Python, as its environment has no %s: every run fails", contract.EnvPython))
	default:
		findings = append(findings, warning(remedy, "the image has neither Python nor a shell: only a program that needs no libraries runs in it"))
	}
	return worst(findings)
}

// worst is several findings of one check as one.
func worst(findings []finding) finding {
	order := []string{checkOK, checkWarning, checkUnknown, checkProblem}
	all := finding{Outcome: checkOK}
	var details, remedies []string
	for _, f := range findings {
		if slices.Index(order, f.Outcome) > slices.Index(order, all.Outcome) {
			all.Outcome = f.Outcome
		}
		details = append(details, f.Detail)
		if f.Remedy != "" {
			remedies = append(remedies, f.Remedy)
		}
	}
	all.Detail, all.Remedy = strings.Join(details, "\n"), strings.Join(remedies, " ")
	return all
}

func quietEnv() job.Env { return job.Env{Log: slog.New(slog.DiscardHandler)} }

func (d *doctor) fit(ctx context.Context) finding {
	if d.inputURI == nil || d.modelURI == nil {
		return unknown("", notKnownCheck)
	}
	if d.task == nil {
		return unknown("", notKnownCheck)
	}
	found, err := tryJob(ctx, d.inputURI.String(), d.modelURI.String(), d.place.parameters, d.task.environment, quietEnv())
	if err != nil {
		if status := job.ExitStatus(err); status == exitData || status == exitConfig {
			return problem("Replace the data or the model: dspipe upload tries them before it uploads.", "%v", err)
		}
		return unanswered(err)
	}
	if found.Result == nil {
		return ok("they can be read; what the script makes of them is not tried here")
	}
	if found.Rejected > 0 {
		return warning("", "%d of the first %d records look wrong, the first at %s", found.Rejected, found.Records, found.Why)
	}
	return ok("%d columns in, %d out%s", len(found.Columns), len(found.Result), triedText(found))
}

func (d *doctor) lastRuns(ctx context.Context) finding {
	if d.connected != nil || d.place.outputs[contract.OutputStateMachineArn] == "" {
		return unknown("", notKnownCheck)
	}
	runs, err := d.recent(ctx, "", 5)
	if err != nil {
		return unanswered(err)
	}
	if len(runs) == 0 {
		return warning("Start one: dspipe run --follow.", "there was no run yet")
	}
	var lines []string
	failed := 0
	for _, r := range runs {
		line := fmt.Sprintf("%s %s: %s", r.Name, r.Period, r.statusText())
		if r.ended() && !r.succeeded() {
			failed++
			line += ": " + firstLine(r.Cause)
			if r.Job != nil && r.Job.Message != "" {
				line += ": " + firstLine(r.Job.Message)
			}
		}
		lines = append(lines, line)
	}
	last := runs[0]
	switch {
	case last.ended() && !last.succeeded():
		return problem(remedyOf(last), "the last one did not succeed\n%s", strings.Join(lines, "\n"))
	case failed > 0:
		return warning("", "the last one is fine, %d of %d before it are not\n%s", failed, len(runs)-1, strings.Join(lines, "\n"))
	}
	return ok("%d of %d did not fail", len(runs), len(runs))
}

// missing tells whether AWS says that something does not exist.
func missing(err error) bool {
	return err != nil && isMissing(apiCode(err)) || errors.Is(err, storage.ErrNotFound)
}

package job

import (
	"context"
	"maps"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
)

// TestSettings_refuseWhatNoScriptCouldUse sets what only a script or its package
// could use, where there is none.
func TestSettings_refuseWhatNoScriptCouldUse(t *testing.T) {
	text := func(v string) *string { return &v }
	yes, no := true, false
	const script = ": it is set, but there is no script that it could be for; set script too, or unset it"
	const pack = ": it is set, but there is no package that it could be for; set package too, or unset it"
	const store = contract.DefaultParameterPrefix
	buckets := map[string]string{
		store + contract.InputBucket: "ds-in", store + contract.OutputBucket: "ds-out", store + contract.ArtifactBucket: "ds-art",
		store + contract.InputKey: "raw.csv", store + contract.ModelKey: "model.pkl",
	}
	files := map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m.pkl", contract.EnvOutput: "out.csv"}
	for _, c := range []struct {
		name       string
		flags      Flags
		env        map[string]string
		parameters map[string]string // nil: Parameter Store is not asked
		want       []string          // nil if all of it may stand
	}{
		{"nothing of it", Flags{}, files, nil, nil},
		{"flags", Flags{Package: text("p.zip"), ScriptStage: text("before"), ScriptMemory: text("64"), ScriptTimeout: text("5"), ScriptNetwork: &yes}, files, nil,
			[]string{"package (--package)" + script, "script-stage (--script-stage)" + script, "script-memory-mib (--script-memory-mib)" + script,
				"script-timeout-seconds (--script-timeout-seconds)" + script, "script-network (--script-network)" + script}},
		{"environment", Flags{}, map[string]string{contract.EnvPackage: "p.zip", "DS_SCRIPT_STAGE": "after", contract.EnvScriptMemory: "64", contract.EnvScriptTimeout: "5", contract.EnvScriptNetwork: "true"}, nil,
			[]string{"package (DS_PACKAGE)" + script, "script-stage (DS_SCRIPT_STAGE)" + script, "script-memory-mib (DS_SCRIPT_MEMORY_MIB)" + script,
				"script-timeout-seconds (DS_SCRIPT_TIMEOUT_SECONDS)" + script, "script-network (DS_SCRIPT_NETWORK)" + script}},
		{"no network, and an interpreter", Flags{}, map[string]string{contract.EnvScriptNetwork: "false", contract.EnvPython: "/usr/bin/python3"}, nil, nil},
		{"no network by flag, whatever the environment says", Flags{ScriptNetwork: &no}, map[string]string{contract.EnvScriptNetwork: "true"}, nil, nil},
		{"limits of a package", Flags{Script: text("s.py"), PackageMaxFiles: text("1")}, map[string]string{contract.EnvPackageMaxMiB: "1"}, nil,
			[]string{"package-max-files (--package-max-files)" + pack, "package-max-mib (DS_PACKAGE_MAX_MIB)" + pack}},
		{"all of it with both", Flags{Script: text("s.py"), Package: text("p.zip"), ScriptStage: text("after"), ScriptMemory: text("64"), ScriptTimeout: text("5"), ScriptNetwork: &yes, PackageMaxFiles: text("1"), PackageMaxMiB: text("1")}, files, nil, nil},
		{"the usual stage in Parameter Store", Flags{}, nil, map[string]string{contract.ScriptStage: "before"}, nil},
		{"an empty stage in Parameter Store", Flags{}, nil, map[string]string{contract.ScriptStage: ""}, nil},
		{"another stage in Parameter Store", Flags{}, nil, map[string]string{contract.ScriptStage: "after"}, []string{"script-stage (parameter /ds/preprocessing/script-stage)" + script}},
		{"a package in Parameter Store", Flags{}, nil, map[string]string{contract.PackageKey: "p.zip"}, []string{"package (parameter /ds/preprocessing/package-key)" + script}},
		{"a script in Parameter Store", Flags{ScriptStage: text("after"), ScriptMemory: text("64")}, nil, map[string]string{contract.ScriptKey: "s.py"}, nil},
		{"a package in Parameter Store, and its limits", Flags{PackageMaxMiB: text("1")}, nil, map[string]string{contract.ScriptKey: "s.py", contract.PackageKey: "p.zip"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, parameters := maps.Clone(c.env), Parameters(nil)
			if c.parameters == nil {
				env = maps.Clone(files)
				maps.Copy(env, c.env)
			} else {
				all := maps.Clone(buckets)
				for name, v := range c.parameters {
					all[store+name] = v
				}
				parameters = func(context.Context, []string) (map[string]string, error) { return all, nil }
			}
			_, err := LoadSettings(context.Background(), c.flags, func(name string) string { return env[name] }, parameters)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if ExitStatus(err) != contract.ExitConfig {
				t.Fatalf("got status %d, %v", ExitStatus(err), err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
			if got := strings.Count(err.Error(), "it is set, but"); got != len(c.want) {
				t.Errorf("%d problems, want %d: %v", got, len(c.want), err)
			}
		})
	}
}

// A script that Parameter Store may know of is not called missing while that does
// not answer.
func TestSettings_callNoScriptMissingThatCouldNotBeAskedFor(t *testing.T) {
	stage := "after"
	_, err := LoadSettings(context.Background(), Flags{ScriptStage: &stage, Input: new(string)}, func(name string) string {
		return map[string]string{contract.EnvParameterPrefix: "none"}[name]
	}, func(context.Context, []string) (map[string]string, error) { return nil, context.DeadlineExceeded })
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) || strings.Contains(err.Error(), "there is no script") {
		t.Errorf("got %v", err)
	}
}

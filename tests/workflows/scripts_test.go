package workflows

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ds-pipeline/internal/review"
)

// registry starts a registry that other people wrote, and returns its address.
func registry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: %q}\nhttp: {addr: %q}\n", t.TempDir(), address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(found(t, "docker-registry"), "serve", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			_ = response.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("the registry does not answer: %v", err)
		}
	}
}

// layout writes files by their digest, as skopeo keeps an image in a directory.
type layout struct {
	t   *testing.T
	dir string
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

func (l layout) add(mediaType string, v any, ending string) descriptor {
	l.t.Helper()
	text, ok := v.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(v); err != nil {
			l.t.Fatal(err)
		}
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	name := sum + ending
	if ending == "manifest.json" {
		name = ending
	}
	if err := os.WriteFile(filepath.Join(l.dir, name), text, 0o600); err != nil {
		l.t.Fatal(err)
	}
	return descriptor{mediaType, "sha256:" + sum, len(text)}
}

// image writes an index of two manifests, as buildx makes with an attestation.
func image(t *testing.T, dir string) (digest string) {
	t.Helper()
	l := layout{t, dir}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("Directory Transport Version: 1.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var manifests []any
	for _, architecture := range []string{"amd64", "arm64"} {
		config := l.add("application/vnd.oci.image.config.v1+json", map[string]any{
			"architecture": architecture, "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{}}}, "")
		layer := l.add("application/vnd.oci.image.layer.v1.tar", []byte("no real layer "+architecture), "")
		m := l.add("application/vnd.oci.image.manifest.v1+json", map[string]any{
			"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []descriptor{layer}}, ".manifest.json")
		manifests = append(manifests, map[string]any{"mediaType": m.MediaType, "digest": m.Digest, "size": m.Size, "platform": map[string]string{"architecture": architecture, "os": "linux"}})
	}
	return l.add("", map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}, "manifest.json").Digest
}

func TestPromoteImage_keepsEveryByte(t *testing.T) {
	dev, prod, source := registry(t), registry(t), t.TempDir()
	digest := image(t, source)
	if out, err := exec.Command(found(t, "skopeo"), "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "dir:"+source, "docker://"+dev+"/ds-preprocessing:v1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	insecure := []string{"PROMOTE_IMAGE_INSECURE=1"}
	taken := filepath.Join(t.TempDir(), "image")
	out, errs, err := script(t, root, insecure, "promote-image", "pull", dev+"/ds-preprocessing@"+digest, taken)
	if err != nil || out != "digest="+digest+"\n" {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	to := prod + "/ds-preprocessing@" + digest
	for i := range 2 {
		if out, errs, err := script(t, root, insecure, "promote-image", "push", taken, to); err != nil || strings.Contains(errs, "is there") != (i == 1) {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
	}
	raw, err := exec.Command(found(t, "skopeo"), "inspect", "--tls-verify=false", "--raw", "docker://"+prod+"/ds-preprocessing:promoted-"+digest[7:23]).Output()
	if err != nil || "sha256:"+fmt.Sprintf("%x", sha256.Sum256(raw)) != digest {
		t.Errorf("%v: got %s", err, raw)
	}

	// Somebody changed it on the way.
	if err := os.WriteFile(filepath.Join(taken, "manifest.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, err := script(t, root, insecure, "promote-image", "push", taken, to); err == nil || !strings.Contains(errs, ", want "+digest) {
		t.Errorf("%v: %s", err, errs)
	}
	for want, args := range map[string][]string{
		"want an image by its digest":    {"pull", dev + "/ds-preprocessing:v1", taken},
		"want a repository and a digest": {"push", taken, prod + "/ds-preprocessing"},
		"got 'move', want pull or push":  {"move", "a", "b"},
	} {
		if _, errs, err := script(t, root, insecure, "promote-image", args...); err == nil || !strings.Contains(errs, want) {
			t.Errorf("%q: %v: %s, want %s", args, err, errs, want)
		}
	}
}

// The real dsplan, as a workflow and docs/previews.md run it, for a base that has one stack less and
// another whose schedule differs.
func TestReviewStacks_comparesEachStackWithItsBase(t *testing.T) {
	dsplan := filepath.Join(t.TempDir(), "dsplan")
	build := exec.Command("go", "build", "-o", dsplan, "./cmd/dsplan")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	base, head := t.TempDir(), t.TempDir()
	for _, dir := range []string{base, head} {
		if err := os.CopyFS(filepath.Join(dir, "preprocess"), os.DirFS(filepath.Join(root, "preprocess", "contract"))); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Dockerfile", ".dockerignore", "go.mod", "go.sum"} {
			text := read(t, filepath.Join(root, name))
			switch {
			case name == "Pulumi.dev.yaml" && dir == head:
				text = strings.Replace(text, "scheduleEnabled: false", "scheduleEnabled: true", 1)
			case name == "Pulumi.prod.yaml" && dir == base:
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := filepath.Join(t.TempDir(), "plans")
	report := func(stack string) *review.Report {
		f, err := os.Open(filepath.Join(out, stack+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := review.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		return r
	}
	if printed, errs, err := script(t, head, nil, "review-stacks", base, dsplan, dsplan, out); err != nil {
		t.Fatalf("%v: %s%s", err, printed, errs)
	}
	dev, prod := report("dev"), report("prod")
	if len(dev.Changes) == 0 || dev.New || dev.Changes[0].Op != review.Update || !prod.New || len(prod.Changes) < 50 {
		t.Errorf("dev %v, prod has %d changes", dev.Changes, len(prod.Changes))
	}

	// A stack that cannot be planned fails the job, and its report says why.
	broken := strings.Replace(read(t, filepath.Join(head, "Pulumi.dev.yaml")), "environment: dev", "environment: \"not a name\"", 1)
	if err := os.WriteFile(filepath.Join(head, "Pulumi.dev.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, err := script(t, head, nil, "review-stacks", base, dsplan, dsplan, out); err == nil || !strings.Contains(errs, "environment") {
		t.Errorf("%v: %s", err, errs)
	}
	if dev := report("dev"); len(dev.Errors) == 0 || !strings.Contains(strings.Join(dev.Errors, "\n"), "environment") {
		t.Errorf("got %v", dev.Errors)
	}
}

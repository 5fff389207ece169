package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"ds-pipeline/bootstrap/foundation"
	"ds-pipeline/internal/s3test"
	"ds-pipeline/stack"
)

// backend stands in for S3 and KMS as the command line calls them, and remembers
// what was asked.
type backend struct {
	mu       sync.Mutex
	requests []string // IAM's action and the object
	s3, kms  *httptest.Server
}

func newBackend(t *testing.T, bucket string) *backend {
	t.Helper()
	objects, err := s3test.New(bucket)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{}
	b.s3 = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.note(r)
		objects.ServeHTTP(w, r)
	}))
	t.Cleanup(b.s3.Close)
	b.kms = httptest.NewServer(http.HandlerFunc(b.serveKMS))
	t.Cleanup(b.kms.Close)
	return b
}

func (b *backend) add(request string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.requests, request) {
		b.requests = append(b.requests, request)
	}
}

// take returns what was asked since the last time.
func (b *backend) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.requests
	b.requests = nil
	slices.Sort(taken)
	return taken
}

// note writes down which right of IAM a request to S3 needs.
func (b *backend) note(r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	_, key, _ := strings.Cut(path, "/")
	switch source := r.Header.Get("X-Amz-Copy-Source"); {
	case key == "":
		b.add("s3:ListBucket " + strings.TrimSuffix(path, "/"))
	case source != "":
		b.add("s3:GetObject " + strings.TrimPrefix(strings.ReplaceAll(source, "%2F", "/"), "/"))
		b.add("s3:PutObject " + path)
	case r.Method == http.MethodPut:
		b.add("s3:PutObject " + path)
	case r.Method == http.MethodDelete:
		b.add("s3:DeleteObject " + path)
	default:
		b.add("s3:GetObject " + path)
	}
}

// serveKMS keeps a secret as KMS's interface does, and from nobody.
func (b *backend) serveKMS(w http.ResponseWriter, r *http.Request) {
	var in struct{ KeyId, Plaintext, CiphertextBlob string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := map[string]string{"KeyId": in.KeyId}
	switch _, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); action {
	case "Encrypt":
		out["CiphertextBlob"] = base64.StdEncoding.EncodeToString([]byte("sealed " + in.Plaintext))
	case "Decrypt":
		sealed, err := base64.StdEncoding.DecodeString(in.CiphertextBlob)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out["Plaintext"] = strings.TrimPrefix(string(sealed), "sealed ")
	default:
		http.Error(w, action, http.StatusBadRequest)
		return
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	b.add("kms:" + action + " key")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(err)
	}
}

func (b *backend) env() []string {
	return []string{
		"PULUMI_BACKEND_URL=", // what `pulumi login` said
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_S3=" + b.s3.URL, "AWS_ENDPOINT_URL_KMS=" + b.kms.URL,
	}
}

// docs/accounts.md, start to finish: the commands are those of the page.
func TestAccounts_fromNothingToADeployedStack(t *testing.T) {
	t.Parallel()
	a := newAccount(t, testAccount)
	b := newBackend(t, "pulumi-state-"+testAccount+"-us-east-1")
	a.env = b.env()
	boot := &project{account: a, dir: t.TempDir(), language: serveLanguage(t, foundation.Deploy)}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		copyFile(t, filepath.Join(source, "bootstrap", name), filepath.Join(boot.dir, name))
	}

	// `login --local` would be the home directory of whoever runs this test.
	boot.must("login", "file://"+a.backend)
	boot.must("stack", "init", "dev")
	boot.must("config", "set", "accountId", testAccount, "-s", "dev")
	boot.must("config", "set", "repository", "example/ds-pipeline", "-s", "dev")
	boot.must("config", "set", "budgetEmails", "you@example.com", "-s", "dev")
	boot.must("preview", "-s", "dev")
	boot.must("up", "--yes", "-s", "dev")
	boot.must("stack", "output", "-s", "dev")
	made := boot.outputs("dev")
	url, secrets := made["backendUrl"].(string), made["secretsProvider"].(string)

	file := filepath.Join(t.TempDir(), "bootstrap.json")
	boot.must("stack", "export", "-s", "dev", "--file", file)
	boot.must("login", url)
	boot.must("stack", "init", "dev", "--secrets-provider", secrets)
	boot.must("stack", "import", "-s", "dev", "--file", file)
	boot.must("preview", "--expect-no-changes", "-s", "dev")
	if got := boot.outputs("dev"); got["deployRoleArn"] != made["deployRoleArn"] || got["deployRoleArn"] == nil {
		t.Errorf("got outputs %v after the move, want %v", got, made)
	}
	// Without the passphrase of the local backend, which nobody needs to keep.
	a.env = append(a.env, "PULUMI_CONFIG_PASSPHRASE=")
	boot.must("preview", "--expect-no-changes", "-s", "dev")

	ours := a.ours(stack.Deploy)
	ours.must("stack", "init", "dev", "--secrets-provider", secrets)
	ours.must("config", "set", "accountId", testAccount, "-s", "dev")
	ours.must("config", "set", "permissionsBoundaryArn", made["permissionsBoundaryArn"].(string), "-s", "dev")
	ours.must("config", "set", "--secret", "notificationEmail", "ops@example.com", "-s", "dev")

	a.ranAll(t, "docs/accounts.md")

	preview, deploy := a.rights(t, "access-preview-"), a.rights(t, "access-deploy-")
	b.take()
	ours.must("preview", "-s", "dev")
	within(t, "a preview", b.take(), preview)
	ours.must("up", "--yes", "-s", "dev")
	within(t, "a deployment", b.take(), deploy)
	ours.must("preview", "--expect-no-changes", "-s", "dev")
	within(t, "a second preview", b.take(), preview)
	ours.must("stack", "output", "-s", "dev")
	b.take()

	// As .github/workflows/drift.yml looks for drift.
	look := []string{"refresh", "-s", "dev", "--preview-only", "--expect-no-changes", "--diff", "--non-interactive", "--suppress-outputs"}
	ours.must(look...)
	within(t, "a look for drift", b.take(), preview)
	const logGroup, logs = "aws:cloudwatch/logGroup:LogGroup", "/ecs/ds-preprocessing-dev"
	change := func(days any) {
		if err := a.cloud.Change(logGroup, logs, "retentionInDays", days); err != nil {
			t.Fatal(err)
		}
	}
	props, _ := a.cloud.Properties(logGroup, logs)
	change(1)
	if found := ours.fails(look...); !strings.Contains(found, "retentionInDays") || !strings.Contains(found, "processing-logs") {
		t.Errorf("the drift is not told: %s", found)
	}
	// As docs/previews.md says: without --refresh nothing is seen, with it things are put back.
	ours.must("preview", "--expect-no-changes", "-s", "dev")
	ours.must("up", "--yes", "--refresh", "-s", "dev")
	if now, _ := a.cloud.Properties(logGroup, logs); now["retentionInDays"] != props["retentionInDays"] {
		t.Errorf("got %v days after a deployment that looked, want %v", now["retentionInDays"], props["retentionInDays"])
	}
	ours.must(look...)
	b.take()
	ours.must("refresh", "--yes", "-s", "dev")
	within(t, "a refresh", b.take(), deploy)
	ours.must("destroy", "--yes", "-s", "dev")
	within(t, "a destruction", b.take(), deploy)
}

// ranAll expects that every command of pulumi in a page's blocks was run: with all
// its words, and perhaps others such as --yes. A file may be in another folder.
func (a *account) ranAll(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, page))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(line, "    pulumi ")
		if !ok {
			continue
		}
		shown++
		words := strings.Fields(strings.ReplaceAll(command, "'", ""))
		if !slices.ContainsFunc(a.ran, func(args []string) bool {
			return !slices.ContainsFunc(words, func(word string) bool {
				return !slices.ContainsFunc(args, func(arg string) bool {
					// The home directory of whoever runs this test is theirs.
					return arg == word || strings.HasSuffix(arg, "/"+word) || word == "--local" && strings.HasPrefix(arg, "file://")
				})
			})
		}) {
			t.Errorf("%s says pulumi %s, which was not run", page, strings.TrimSpace(command))
		}
	}
	if shown < 15 {
		t.Errorf("%s shows %d commands", page, shown)
	}
}

// rights are what the policies with a name allow, as actions and patterns.
func (a *account) rights(t *testing.T, prefix string) map[string][]string {
	t.Helper()
	rights := map[string][]string{}
	for _, id := range a.cloud.IDs("aws:iam/policy:Policy") {
		props, _ := a.cloud.Properties("aws:iam/policy:Policy", id)
		name, _ := props["name"].(string)
		if !strings.HasPrefix(name, strings.Replace(prefix, "access-", "ds-", 1)) {
			continue
		}
		var policy struct {
			Statement []struct {
				Effect           string
				Action, Resource []string
			}
		}
		if err := json.Unmarshal([]byte(props["policy"].(string)), &policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			for _, action := range s.Action {
				if s.Effect == "Allow" {
					rights[action] = append(rights[action], s.Resource...)
				}
			}
		}
	}
	return rights
}

// within expects that all requests are allowed.
func within(t *testing.T, what string, requests []string, rights map[string][]string) {
	t.Helper()
	if len(requests) < 3 {
		t.Errorf("%s asked only for %v: is the backend another one?", what, requests)
	}
	for _, request := range requests {
		action, object, _ := strings.Cut(request, " ")
		allowed := slices.ContainsFunc(rights[action], func(pattern string) bool {
			if object == "key" { // there is one
				return strings.Contains(pattern, ":key/") && !strings.HasSuffix(pattern, "*")
			}
			re := "^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(pattern, "arn:aws:s3:::")), `\*`, ".*") + "$"
			return regexp.MustCompile(re).MatchString(object)
		})
		if !allowed {
			t.Errorf("%s asks for %s, which its role may not: got %v", what, request, rights[action])
		}
	}
}

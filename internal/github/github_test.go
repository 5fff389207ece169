package github

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	testToken = "ghs_test"
	sha       = "0123456789abcdef0123456789abcdef01234567"
	marker    = "<!-- mark -->"
)

// fake behaves as GitHub's API does, as far as its documentation says.
type fake struct {
	t        *testing.T
	posts    map[string][]map[string]any // by list: "issues/7/comments", "issues"
	pulls    []map[string]any
	artifact []byte
	size     int64
	log      []string                                                 // what was asked
	before   func(w http.ResponseWriter, r *http.Request) (done bool) // answers instead
	after    func(r *http.Request) (status int)                       // answers so after it was done
	next     int64
	blobs    *httptest.Server
}

func (f *fake) client() (*Client, *[]time.Duration) {
	f.t.Helper()
	server := httptest.NewServer(f)
	f.t.Cleanup(server.Close)
	f.blobs = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			f.t.Errorf("the token goes to another host: %q", got)
		}
		_, _ = w.Write(f.artifact)
	}))
	f.t.Cleanup(f.blobs.Close)
	c, err := New(server.URL, "example/ds-pipeline", testToken)
	if err != nil {
		f.t.Fatal(err)
	}
	var slept []time.Duration
	c.Sleep = func(_ context.Context, d time.Duration) error {
		slept = append(slept, d)
		return nil
	}
	c.Now = func() time.Time { return time.Unix(1000, 0) }
	return c, &slept
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/repos/example/ds-pipeline/")
	f.log = append(f.log, r.Method+" "+path)
	refuse := func(status int, message string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
	}
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		refuse(http.StatusUnauthorized, "Bad credentials")
		return
	}
	if r.Header.Get("X-GitHub-Api-Version") != apiVersion || r.Header.Get("Accept") != "application/vnd.github+json" {
		f.t.Errorf("%s %s: headers %v", r.Method, path, r.Header)
	}
	if f.before != nil && f.before(w, r) {
		return
	}
	var answer any
	status := http.StatusOK
	switch {
	case r.Method == http.MethodGet && path == "pulls":
		if r.URL.Query().Get("head") != "someone:feature" || r.URL.Query().Get("state") != "open" {
			f.t.Errorf("asks for the pull requests of %s", r.URL.RawQuery)
		}
		answer = f.page(r, f.pulls)
	case r.Method == http.MethodGet && path == "actions/runs/42/artifacts":
		answer = map[string]any{"total_count": 3, "artifacts": []map[string]any{
			{"id": 1, "name": "plans", "size_in_bytes": f.size}, {"id": 9, "name": "others"}, {"id": 5, "name": "plans", "size_in_bytes": f.size}, {"id": 8, "name": "plans", "expired": true},
		}}
	case r.Method == http.MethodGet && path == "actions/artifacts/5/zip":
		http.Redirect(w, r, strings.Replace(f.blobs.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		return
	case r.Method == http.MethodGet && (path == "issues" || strings.HasSuffix(path, "/comments")):
		list := f.posts[path]
		if path == "issues" {
			if q := r.URL.Query(); q.Get("state") != "open" || q.Get("creator") != Bot {
				f.t.Errorf("asks for the issues of %s", r.URL.RawQuery)
			}
			list = slices.DeleteFunc(slices.Clone(list), func(p map[string]any) bool { return p["state"] == "closed" })
		}
		answer = f.page(r, list)
	case r.Method == http.MethodPost && (path == "issues" || strings.HasSuffix(path, "/comments")):
		answer, status = f.add(path, Bot, f.read(r)), http.StatusCreated
	case r.Method == http.MethodPatch && strings.HasPrefix(path, "issues/"):
		id := path[strings.LastIndex(path, "/")+1:]
		found := f.find(id)
		if found == nil {
			refuse(http.StatusNotFound, "Not Found")
			return
		}
		for k, v := range f.read(r) {
			found[k] = v
		}
		answer = found
	default:
		f.t.Errorf("unexpected %s %s", r.Method, r.URL)
		refuse(http.StatusNotFound, "Not Found")
		return
	}
	if f.after != nil {
		if s := f.after(r); s != 0 {
			refuse(s, "Server Error")
			return
		}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fake) page(r *http.Request, list []map[string]any) []map[string]any {
	per, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	page, err2 := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || err2 != nil || per > 100 {
		f.t.Errorf("asks for a page with %s", r.URL.RawQuery)
	}
	from := min((page-1)*per, len(list))
	return append([]map[string]any{}, list[from:min(from+per, len(list))]...)
}

func (f *fake) read(r *http.Request) map[string]any {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		f.t.Error(err)
	}
	return in
}

func (f *fake) add(list, login string, post map[string]any) map[string]any {
	if f.posts == nil {
		f.posts = map[string][]map[string]any{}
	}
	f.next++
	post["id"], post["number"], post["user"] = f.next, f.next, map[string]any{"login": login}
	f.posts[list] = append(f.posts[list], post)
	return post
}

func (f *fake) find(id string) map[string]any {
	for _, list := range f.posts {
		for _, p := range list {
			if fmt.Sprint(p["id"]) == id {
				return p
			}
		}
	}
	return nil
}

func (f *fake) bodies(list string) (bodies []string) {
	for _, p := range f.posts[list] {
		bodies = append(bodies, p["body"].(string))
	}
	return bodies
}

const comments = "issues/7/comments"

func TestComment_isCreatedOnceAndUpdated(t *testing.T) {
	f := &fake{t: t}
	c, _ := f.client()
	for _, body := range []string{"one", "two", "two"} {
		if err := c.Comment(t.Context(), 7, marker, marker+body); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.bodies(comments); !slices.Equal(got, []string{marker + "two"}) {
		t.Errorf("got %q", got)
	}
	want := []string{"GET " + comments, "POST " + comments, "GET " + comments, "PATCH issues/comments/1", "GET " + comments}
	if !slices.Equal(f.log, want) {
		t.Errorf("got %q, want %q", f.log, want)
	}
	if err := c.Comment(t.Context(), 7, marker, "two"); err == nil {
		t.Error("a comment that would not be found again was taken")
	}
}

func TestComment_isFoundOnALaterPage(t *testing.T) {
	f := &fake{t: t}
	c, _ := f.client()
	for i := range 230 {
		f.add(comments, "someone", map[string]any{"body": fmt.Sprint(i)})
	}
	f.add(comments, Bot, map[string]any{"body": marker + "old"})
	if err := c.Comment(t.Context(), 7, marker, marker+"new"); err != nil {
		t.Fatal(err)
	}
	if got := f.bodies(comments); len(got) != 231 || got[230] != marker+"new" {
		t.Errorf("got %d comments, the last %q", len(got), got[len(got)-1])
	}
}

// Whoever writes our marker into a comment must not have it changed by us, nor
// keep us from telling.
func TestComment_leavesThoseOfOthers(t *testing.T) {
	f := &fake{t: t}
	c, _ := f.client()
	f.add(comments, "someone", map[string]any{"body": marker + "theirs"})
	f.add(comments, Bot, map[string]any{"body": "another tool's " + marker})
	if err := c.Comment(t.Context(), 7, marker, marker+"ours"); err != nil {
		t.Fatal(err)
	}
	if got := f.bodies(comments); !slices.Equal(got, []string{marker + "theirs", "another tool's " + marker, marker + "ours"}) {
		t.Errorf("got %q", got)
	}
}

func TestComment_isNotWrittenTwiceWhenGitHubFailsAfterwards(t *testing.T) {
	f := &fake{t: t}
	failed := false
	f.after = func(r *http.Request) int {
		if r.Method == http.MethodPost && !failed {
			failed = true
			return http.StatusBadGateway
		}
		return 0
	}
	c, _ := f.client()
	if err := c.Comment(t.Context(), 7, marker, marker+"x"); err != nil {
		t.Fatal(err)
	}
	if got := f.bodies(comments); !slices.Equal(got, []string{marker + "x"}) || !failed {
		t.Errorf("got %q", got)
	}
}

func TestComment_isWrittenAgainWhenSomebodyDeletedIt(t *testing.T) {
	f := &fake{t: t}
	f.add(comments, Bot, map[string]any{"body": marker + "old"})
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			f.posts[comments] = nil
		}
		return false
	}
	c, _ := f.client()
	if err := c.Comment(t.Context(), 7, marker, marker+"new"); err != nil {
		t.Fatal(err)
	}
	if got := f.bodies(comments); !slices.Equal(got, []string{marker + "new"}) {
		t.Errorf("got %q", got)
	}
}

func TestCall_waitsAsGitHubAsks(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		header map[string]string
		want   time.Duration
	}{
		"too often":       {http.StatusForbidden, map[string]string{"Retry-After": "30"}, 30 * time.Second},
		"too many":        {http.StatusForbidden, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1090"}, 90 * time.Second},
		"no hint":         {http.StatusTooManyRequests, nil, time.Minute},
		"in the past":     {http.StatusTooManyRequests, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}, time.Second},
		"GitHub is ill":   {http.StatusServiceUnavailable, nil, 2 * time.Second},
		"now":             {http.StatusForbidden, map[string]string{"Retry-After": "0"}, time.Second},
		"for a long time": {http.StatusForbidden, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4600"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{t: t}
			first := true
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !first {
					return false
				}
				first = false
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`<html>`))
				return true
			}
			c, slept := f.client()
			err := c.Comment(t.Context(), 7, marker, marker)
			if tt.want == 0 {
				if err == nil || !strings.Contains(err.Error(), "it asks to wait for 1h0m0s") || len(*slept) > 0 {
					t.Errorf("got %v after %v", err, *slept)
				}
				return
			}
			if err != nil || !slices.Equal(*slept, []time.Duration{tt.want}) {
				t.Errorf("slept %v, want %v; %v", *slept, tt.want, err)
			}
		})
	}
}

func TestCall_givesUp(t *testing.T) {
	f := &fake{t: t}
	f.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}
	c, slept := f.client()
	_, err := c.call(t.Context(), http.MethodGet, "/x", nil)
	if err == nil || err.Error() != "GitHub answered 500 to GET /x" || len(f.log) != tries || !slices.Equal(*slept, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}) {
		t.Errorf("got %v after %v", err, *slept)
	}
}

func TestCall_saysWhatIsWrongWithAToken(t *testing.T) {
	f := &fake{t: t}
	c, _ := f.client()
	c.Token = "expired"
	err := c.Comment(t.Context(), 7, marker, marker)
	if want := "GitHub answered 401 to GET /repos/example/ds-pipeline/issues/7/comments?page=1&per_page=100: Bad credentials; want a GITHUB_TOKEN that has not expired"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	f.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"Resource not accessible by integration"}`))
		return true
	}
	c.Token = testToken
	f.log = nil
	err = c.Comment(t.Context(), 7, marker, marker)
	if err == nil || !strings.Contains(err.Error(), "Resource not accessible by integration; want a GITHUB_TOKEN whose job has the permissions") || len(f.log) != 1 {
		t.Errorf("got %v after %v", err, f.log)
	}
}

func TestNew_reportsAllThatIsMissing(t *testing.T) {
	_, err := New("http://api.github.com", "name", "")
	for _, want := range []string{"GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestIssue_isOpenOnceAndClosed(t *testing.T) {
	f := &fake{t: t}
	c, _ := f.client()
	f.add("issues", "someone", map[string]any{"body": marker + "theirs", "title": "theirs"})
	f.add("issues", Bot, map[string]any{"body": marker + "a pull request", "title": "p", "pull_request": map[string]any{}})
	for _, body := range []string{"one", "two"} {
		if err := c.Issue(t.Context(), marker, "Drift", marker+body); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.bodies("issues"); !slices.Equal(got[2:], []string{marker + "two"}) {
		t.Errorf("got %q", got)
	}
	for range 2 {
		if err := c.CloseIssue(t.Context(), marker); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.find("3"); got["state"] != "closed" || f.find("1")["state"] != nil || f.find("2")["state"] != nil {
		t.Errorf("got %v", f.posts)
	}
	// The closed one stays; another drift is another issue.
	if err := c.Issue(t.Context(), marker, "Drift", marker+"three"); err != nil || len(f.posts["issues"]) != 4 {
		t.Errorf("%v, got %q", err, f.bodies("issues"))
	}
	if err := c.Issue(t.Context(), marker, "Drift", "three"); err == nil {
		t.Error("an issue that would not be found again was taken")
	}
}

func event(run map[string]any) string {
	text, err := json.Marshal(map[string]any{"workflow_run": run})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func goodRun() map[string]any {
	return map[string]any{"id": 42, "event": "pull_request", "head_sha": sha, "head_branch": "feature",
		"head_repository": map[string]any{"full_name": "someone/ds-pipeline", "owner": map[string]any{"login": "someone"}}}
}

func TestPulls_areThoseWhoseHeadItStillIs(t *testing.T) {
	run, err := ReadEvent(strings.NewReader(event(goodRun())))
	if err != nil {
		t.Fatal(err)
	}
	pull := func(number int, sha string, repo any) map[string]any {
		return map[string]any{"number": number, "head": map[string]any{"sha": sha, "repo": repo}}
	}
	theirs := map[string]any{"full_name": "someone/ds-pipeline"}
	f := &fake{t: t, pulls: []map[string]any{
		pull(7, sha, theirs), pull(8, strings.Repeat("0", 40), theirs), pull(9, sha, map[string]any{"full_name": "else/ds-pipeline"}), pull(10, sha, nil), pull(11, sha, theirs),
	}}
	c, _ := f.client()
	got, err := c.Pulls(t.Context(), run)
	if err != nil || !slices.Equal(got, []int{7, 11}) {
		t.Errorf("got %v, %v, want 7 and 11", got, err)
	}
}

func TestReadEvent_takesNothingElse(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(map[string]any)
		want  string
	}{
		"a push":       {func(r map[string]any) { r["event"] = "push" }, `got a run for "push", want one for pull_request`},
		"no commit":    {func(r map[string]any) { r["head_sha"] = "main" }, "want id, head_sha, head_branch and head_repository"},
		"no branch":    {func(r map[string]any) { delete(r, "head_branch") }, "want id"},
		"deleted fork": {func(r map[string]any) { r["head_repository"] = nil }, "want id"},
	} {
		run := goodRun()
		tt.spoil(run)
		if _, err := ReadEvent(strings.NewReader(event(run))); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	for text, want := range map[string]string{`{"pull_request":{}}`: "want one of workflow_run", "x": "event: invalid"} {
		if _, err := ReadEvent(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArtifact_isTheNewestAndReadInMemory(t *testing.T) {
	f := &fake{t: t, artifact: packed(t, map[string]string{"../../etc/passwd": "{}"})}
	c, _ := f.client()
	run := &Run{ID: 42}
	got, err := c.Artifact(t.Context(), run, "plans", 100)
	if err != nil || !reflect.DeepEqual(got, [][]byte{[]byte("{}")}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := c.Artifact(t.Context(), run, "nothing", 100); got != nil || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestArtifact_isLimited(t *testing.T) {
	many := map[string]string{}
	for i := range maxFiles + 1 {
		many[fmt.Sprint(i)] = "x"
	}
	for name, tt := range map[string]struct {
		artifact []byte
		size     int64
		want     string
	}{
		"announced": {nil, maxArtifact + 1, "8388609 bytes, want 8388608 at most"},
		"packed":    {bytes.Repeat([]byte("x"), maxArtifact+1), 1, "8388609 bytes, want 8388608 at most"},
		"unpacked":  {packed(t, map[string]string{"bomb": strings.Repeat("0", 1<<20)}), 1, "file 1: more than 100 bytes"},
		"files":     {packed(t, many), 1, "21 files, want 20 at most"},
		"no zip":    {[]byte("PK"), 1, "not a valid zip file"},
	} {
		f := &fake{t: t, artifact: tt.artifact, size: tt.size}
		c, _ := f.client()
		if _, err := c.Artifact(t.Context(), &Run{ID: 42}, "plans", 100); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func FuzzUnpack_keepsToItsLimits(f *testing.F) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.Create("dev.json")
	if err != nil {
		f.Fatal(err)
	}
	_, _ = file.Write([]byte("{}"))
	_ = w.Close()
	f.Add(b.Bytes())
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := unpack(data, 1000)
		if err == nil && len(files) > maxFiles {
			t.Errorf("%d files", len(files))
		}
		for _, text := range files {
			if len(text) > 1000 {
				t.Errorf("a file of %d bytes", len(text))
			}
		}
	})
}

package github

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
)

// Limits of an artifact, which the code of a pull request wrote.
const (
	maxArtifact = 8 << 20 // bytes, packed
	maxFiles    = 20
)

// Run is a run of another workflow that has ended, as the event workflow_run
// tells. All of it is GitHub's word.
type Run struct {
	ID             int64  `json:"id"`
	Event          string `json:"event"`
	HeadSHA        string `json:"head_sha"`
	HeadBranch     string `json:"head_branch"`
	HeadRepository struct {
		FullName string `json:"full_name"`
		Owner    struct {
			Login string `json:"login"`
		} `json:"owner"`
	} `json:"head_repository"`
}

var shaPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// ReadEvent reads the event workflow_run from the file that GITHUB_EVENT_PATH
// names.
func ReadEvent(r io.Reader) (*Run, error) {
	var event struct {
		Run *Run `json:"workflow_run"`
	}
	if err := json.NewDecoder(r).Decode(&event); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	switch run := event.Run; {
	case run == nil:
		return nil, errors.New("event: want one of workflow_run")
	case run.Event != "pull_request":
		return nil, fmt.Errorf("event: got a run for %q, want one for pull_request", run.Event)
	case run.ID == 0 || !shaPattern.MatchString(run.HeadSHA) || run.HeadBranch == "" || run.HeadRepository.FullName == "" || run.HeadRepository.Owner.Login == "":
		return nil, errors.New("event: want id, head_sha, head_branch and head_repository of the run")
	default:
		return run, nil
	}
}

// Pulls are the numbers of the open pull requests whose head is still what the run
// ran for. Nothing that the run wrote says which they are.
func (c *Client) Pulls(ctx context.Context, run *Run) ([]int, error) {
	type head struct {
		SHA  string `json:"sha"`
		Repo *struct {
			FullName string `json:"full_name"`
		} `json:"repo"`
	}
	var numbers []int
	query := url.Values{"state": {"open"}, "head": {run.HeadRepository.Owner.Login + ":" + run.HeadBranch}}
	_, _, err := find(ctx, c, "/repos/"+c.Repository+"/pulls", query, func(p struct {
		Number int  `json:"number"`
		Head   head `json:"head"`
	}) bool {
		if p.Head.SHA == run.HeadSHA && p.Head.Repo != nil && p.Head.Repo.FullName == run.HeadRepository.FullName {
			numbers = append(numbers, p.Number)
		}
		return false
	})
	return numbers, err
}

// Artifact returns the files of an artifact of a run, of maxFile bytes each at
// most, or nil if the run has none of the name. Their names mean nothing.
func (c *Client) Artifact(ctx context.Context, run *Run, name string, maxFile int64) ([][]byte, error) {
	type artifact struct {
		ID      int64  `json:"id"`
		Name    string `json:"name"`
		Size    int64  `json:"size_in_bytes"`
		Expired bool   `json:"expired"`
	}
	list, err := ask[struct{ Artifacts []artifact }](ctx, c, http.MethodGet,
		fmt.Sprintf("/repos/%s/actions/runs/%d/artifacts?name=%s&per_page=%d", c.Repository, run.ID, url.QueryEscape(name), perPage), nil)
	if err != nil {
		return nil, err
	}
	var newest artifact // a run that was repeated has several
	for _, a := range list.Artifacts {
		if a.Name == name && !a.Expired && a.ID > newest.ID {
			newest = a
		}
	}
	if newest.ID == 0 {
		return nil, nil
	}
	if newest.Size > maxArtifact {
		return nil, fmt.Errorf("artifact %q: %d bytes, want %d at most", name, newest.Size, maxArtifact)
	}
	// GitHub redirects to another host, which does not get the token.
	packed, err := c.call(ctx, http.MethodGet, "/repos/"+c.Repository+"/actions/artifacts/"+strconv.FormatInt(newest.ID, 10)+"/zip", nil)
	if err != nil {
		return nil, err
	}
	files, err := unpack(packed, maxFile)
	if err != nil {
		return nil, fmt.Errorf("artifact %q: %w", name, err)
	}
	return files, nil
}

// unpack reads an archive in memory, whatever the sizes that it claims.
func unpack(packed []byte, maxFile int64) ([][]byte, error) {
	if len(packed) > maxArtifact {
		return nil, fmt.Errorf("%d bytes, want %d at most", len(packed), maxArtifact)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, err
	}
	if n := len(archive.File); n > maxFiles {
		return nil, fmt.Errorf("%d files, want %d at most", n, maxFiles)
	}
	var files [][]byte
	for i, f := range archive.File {
		if !f.Mode().IsRegular() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", i+1, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("file %d: %w", i+1, err)
		}
		if int64(len(text)) > maxFile {
			return nil, fmt.Errorf("file %d: more than %d bytes", i+1, maxFile)
		}
		files = append(files, text)
	}
	return files, nil
}

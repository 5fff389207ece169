// Package github is the little of GitHub's API that our workflows need: one
// comment on a pull request, one issue, and the artifact of another run.
package github

import (
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
	"strings"
	"time"
)

const (
	// apiVersion is that of https://docs.github.com/rest.
	apiVersion = "2022-11-28"

	maxResponse = 32 << 20 // bytes
	tries       = 4
	perPage     = 100
	maxPages    = 100
	longestWait = 2 * time.Minute
)

// Client asks GitHub about one repository.
type Client struct {
	API        string // https://api.github.com
	Repository string // owner/name
	Token      string
	HTTP       *http.Client
	// Sleep waits, or returns the context's error.
	Sleep func(context.Context, time.Duration) error
	Now   func() time.Time
}

var repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)

// New checks what a workflow gives. api is an address such as
// https://api.github.com, repository is owner/name.
func New(api, repository, token string) (*Client, error) {
	var errs []error
	u, err := url.Parse(api)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
		errs = append(errs, fmt.Errorf("GITHUB_API_URL: got %q, want an address such as https://api.github.com", api))
	}
	if !repositoryPattern.MatchString(repository) {
		errs = append(errs, fmt.Errorf("GITHUB_REPOSITORY: got %q, want <owner>/<name>", repository))
	}
	if token == "" {
		errs = append(errs, errors.New("GITHUB_TOKEN: missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Client{
		API: strings.TrimSuffix(api, "/"), Repository: repository, Token: token,
		HTTP: &http.Client{Timeout: time.Minute}, Sleep: sleep, Now: time.Now,
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Error is an answer of GitHub that is none of success.
type Error struct {
	Method, Path string
	Status       int
	Message      string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("GitHub answered %d to %s %s", e.Status, e.Method, e.Path)
	if e.Message != "" {
		text += ": " + e.Message
	}
	switch e.Status {
	case http.StatusUnauthorized:
		text += "; want a GITHUB_TOKEN that has not expired"
	case http.StatusForbidden, http.StatusNotFound:
		text += "; want a GITHUB_TOKEN whose job has the permissions that .github/workflows gives it"
	}
	return text
}

// status is that of an answer of GitHub's, or 0.
func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// call asks until GitHub answers. What may be done twice is repeated when GitHub
// or the network fails, and everything when GitHub says that it was too much.
func (c *Client) call(ctx context.Context, method, path string, in any) ([]byte, error) {
	var text []byte
	if in != nil {
		var err error
		if text, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	for try := 1; ; try++ {
		body, wait, err := c.once(ctx, method, path, text)
		twice := method != http.MethodPost && (status(err) == 0 || status(err) >= 500)
		if err == nil || ctx.Err() != nil || try == tries || wait == 0 && !twice {
			return body, err
		}
		if wait > longestWait {
			return nil, fmt.Errorf("%w; it asks to wait for %s", err, wait.Round(time.Second))
		}
		if wait == 0 {
			wait = time.Second << try
		}
		if slept := c.Sleep(ctx, wait); slept != nil {
			return nil, errors.Join(err, slept)
		}
	}
}

// once asks once. wait is how long GitHub wants to be left alone, when that is why
// it refused.
func (c *Client) once(ctx context.Context, method, path string, body []byte) (answer []byte, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.API+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("X-GitHub-Api-Version", apiVersion)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, 0, err
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, 0, err
	}
	if len(answer) > maxResponse {
		return nil, 0, fmt.Errorf("GitHub's answer to %s %s has more than %d bytes", method, path, maxResponse)
	}
	if response.StatusCode/100 == 2 {
		return answer, 0, nil
	}
	failed := &Error{Method: method, Path: path, Status: response.StatusCode}
	var said struct{ Message string }
	if json.Unmarshal(answer, &said) == nil { // a proxy answers in HTML
		failed.Message = said.Message
	}
	return nil, c.limited(response), failed
}

// limited is how long to wait after too many requests, and 0 after anything else.
func (c *Client) limited(r *http.Response) time.Duration {
	if r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && after >= 0 {
		return max(time.Duration(after)*time.Second, time.Second)
	}
	if reset, err := strconv.ParseInt(r.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && r.Header.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Unix(reset, 0).Sub(c.Now()), time.Second)
	}
	if r.StatusCode == http.StatusTooManyRequests {
		return time.Minute
	}
	return 0
}

// ask decodes the answer to a call.
func ask[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	body, err := c.call(ctx, method, path, in)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("GitHub's answer to %s %s: %w", method, path, err)
	}
	return out, nil
}

// find returns the first element of a list, page by page, that is the one.
func find[T any](ctx context.Context, c *Client, path string, query url.Values, isIt func(T) bool) (found T, ok bool, err error) {
	query.Set("per_page", strconv.Itoa(perPage))
	for page := 1; page <= maxPages; page++ {
		query.Set("page", strconv.Itoa(page))
		list, err := ask[[]T](ctx, c, http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return found, false, err
		}
		for _, one := range list {
			if isIt(one) {
				return one, true, nil
			}
		}
		if len(list) < perPage {
			return found, false, nil
		}
	}
	return found, false, fmt.Errorf("%s has more than %d entries", path, maxPages*perPage)
}

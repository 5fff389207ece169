package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bot is who acts with the token of a workflow.
const Bot = "github-actions[bot]"

// post is a comment or an issue.
type post struct {
	ID     int64  `json:"id"`
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	User   struct {
		Login string `json:"login"`
	} `json:"user"`
	PullRequest *struct{} `json:"pull_request"`
}

// ours tells whether the bot wrote a post that begins with the marker. Anybody can
// write the marker.
func (p post) ours(marker string) bool {
	return p.User.Login == Bot && strings.HasPrefix(p.Body, marker)
}

// Comment makes body, which begins with marker, the comment of that marker on a
// pull request: it updates the one that there is, or creates it.
func (c *Client) Comment(ctx context.Context, pull int, marker, body string) error {
	if !strings.HasPrefix(body, marker) {
		return fmt.Errorf("comment: want it to begin with %q", marker)
	}
	return c.again(ctx, func() error {
		comments := fmt.Sprintf("/repos/%s/issues/%d/comments", c.Repository, pull)
		have, found, err := find(ctx, c, comments, url.Values{}, func(p post) bool { return p.ours(marker) })
		text := map[string]string{"body": body}
		switch {
		case err != nil:
			return err
		case !found:
			_, err = c.call(ctx, http.MethodPost, comments, text)
		case have.Body != body:
			_, err = c.call(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/issues/comments/%d", c.Repository, have.ID), text)
		}
		return err
	})
}

// Issue makes title and body, which begins with marker, the open issue of that
// marker.
func (c *Client) Issue(ctx context.Context, marker, title, body string) error {
	if !strings.HasPrefix(body, marker) {
		return fmt.Errorf("issue: want it to begin with %q", marker)
	}
	return c.again(ctx, func() error {
		have, found, err := c.openIssue(ctx, marker)
		text := map[string]string{"title": title, "body": body}
		switch {
		case err != nil:
			return err
		case !found:
			_, err = c.call(ctx, http.MethodPost, "/repos/"+c.Repository+"/issues", text)
		case have.Title != title || have.Body != body:
			_, err = c.call(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/issues/%d", c.Repository, have.Number), text)
		}
		return err
	})
}

// CloseIssue closes the open issue of a marker, if there is one.
func (c *Client) CloseIssue(ctx context.Context, marker string) error {
	return c.again(ctx, func() error {
		have, found, err := c.openIssue(ctx, marker)
		if err != nil || !found {
			return err
		}
		_, err = c.call(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/issues/%d", c.Repository, have.Number),
			map[string]string{"state": "closed", "state_reason": "completed"})
		return err
	})
}

func (c *Client) openIssue(ctx context.Context, marker string) (post, bool, error) {
	return find(ctx, c, "/repos/"+c.Repository+"/issues", url.Values{"state": {"open"}, "creator": {Bot}}, func(p post) bool {
		return p.PullRequest == nil && p.ours(marker)
	})
}

// again looks again when GitHub failed without saying whether it did something,
// or when somebody deleted what was found.
func (c *Client) again(ctx context.Context, do func() error) error {
	err := do()
	if s := status(err); s >= 500 || s == http.StatusNotFound || s == http.StatusGone {
		if slept := c.Sleep(ctx, 5*time.Second); slept != nil {
			return slept
		}
		err = do()
	}
	return err
}

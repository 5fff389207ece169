// Package report looks at the report's page in a real browser: Debian's
// chromium, driven over the DevTools protocol on two pipes.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// browser is a running chromium with one page.
type browser struct {
	t       *testing.T
	to      io.WriteCloser
	replies chan message
	session string
	last    int
	events  []message // all since the start
}

type message struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

const browserTimeout = time.Minute

// openBrowser starts chromium with an empty profile and ends it with the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; `make setup` installs it")
	}
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank"}
	if os.Getuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // chromium's sandbox refuses root
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()

	b := &browser{t: t, to: ourOut, replies: make(chan message, 1000)}
	go b.read(ourIn)
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil, nil)
		done := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		_, _ = ourOut.Close(), ourIn.Close()
	})

	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read passes on the messages, each ended by a zero byte.
func (b *browser) read(from io.Reader) {
	defer close(b.replies)
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) == nil {
			b.replies <- m
		}
	}
}

// call runs a command and decodes its result, keeping the events that come
// before it.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	if params == nil {
		params = struct{}{}
	}
	text, err := json.Marshal(map[string]any{"id": b.last, "method": method, "params": params, "sessionId": b.session})
	if b.session == "" {
		text, err = json.Marshal(map[string]any{"id": b.last, "method": method, "params": params})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatalf("chromium: %s: %v", method, err)
	}
	for {
		m := b.next(method)
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("chromium: %s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("chromium: %s: %v", method, err)
			}
		}
		return
	}
}

// next is the next message; events are kept.
func (b *browser) next(doing string) message {
	b.t.Helper()
	select {
	case m, open := <-b.replies:
		if !open {
			b.t.Fatalf("chromium ended during %s", doing)
		}
		if m.Method != "" {
			b.events = append(b.events, m)
		}
		return m
	case <-time.After(browserTimeout):
		b.t.Fatalf("chromium: no answer to %s in %v", doing, browserTimeout)
	}
	return message{}
}

// open loads a page and waits until it has loaded.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	for seen := 0; ; {
		for ; seen < len(b.events); seen++ {
			if b.events[seen].Method == "Page.loadEventFired" {
				b.events[seen].Method = "" // once
				return
			}
		}
		b.next("loading " + url)
	}
}

// view sets the size of the window in CSS pixels and the color scheme.
func (b *browser) view(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// eval runs a script in the page, outside its content security policy.
func (b *browser) eval(script string, result any) {
	b.t.Helper()
	var reply struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &reply)
	if e := reply.ExceptionDetails; e != nil {
		b.t.Fatalf("script: %s %s", e.Text, e.Exception.Description)
	}
	if result != nil {
		if err := json.Unmarshal(reply.Result.Value, result); err != nil {
			b.t.Fatalf("script: %v", err)
		}
	}
}

// screenshot writes the whole page, at most 12,000 pixels of it, to a file.
func (b *browser) screenshot(file string) {
	b.t.Helper()
	var size struct{ Width, Height float64 }
	b.eval(`({Width: innerWidth, Height: Math.min(document.documentElement.scrollHeight, 12000)})`, &size)
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": map[string]any{"x": 0, "y": 0, "width": size.Width, "height": size.Height, "scale": 1}}, &shot)
	if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("see %s (%d KB)", file, len(shot.Data)/1000)
}

// requests are the addresses the page has asked for, but for data: ones.
func (b *browser) requests() []string {
	var urls []string
	for _, e := range b.events {
		if e.Method != "Network.requestWillBeSent" {
			continue
		}
		var p struct{ Request struct{ URL string } }
		if err := json.Unmarshal(e.Params, &p); err != nil {
			b.t.Fatal(err)
		}
		if p.Request.URL != "data:," {
			urls = append(urls, p.Request.URL)
		}
	}
	return urls
}

// complaints are what the browser wrote to its console.
func (b *browser) complaints() []string {
	var texts []string
	for _, e := range b.events {
		if e.Method == "Log.entryAdded" || e.Method == "Runtime.exceptionThrown" || e.Method == "Runtime.consoleAPICalled" {
			texts = append(texts, fmt.Sprintf("%s: %s", e.Method, e.Params))
		}
	}
	return texts
}

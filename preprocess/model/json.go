package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// document is the JSON form of a model.
type document struct {
	// Format is 1.
	Format int `json:"format"`
	// Version is the scikit-learn version that the model was fitted with.
	Version string `json:"sklearn_version,omitempty"`
	Model   Box    `json:"model"`
}

// Bounds of a model in JSON. A step is decoded once per level above it, so
// that the work is the length times the depth.
const (
	maxJSONWork  = 500 << 20
	maxJSONBytes = 16 << 20
	maxJSONDepth = 400
)

// MarshalJSON writes the model in the form that Load reads back.
func (m *Model) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{Format: 1, Version: m.version, Model: Box{m.root}})
}

// isJSON says whether the bytes start as a JSON object does. No pickle does.
func isJSON(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] == '{'
}

func loadJSON(data []byte) (*Model, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) > maxJSONBytes {
		return nil, fmt.Errorf("the model has %d bytes of JSON, want at most %d", len(data), maxJSONBytes)
	}
	if d := jsonDepth(data); d > maxJSONDepth || d*len(data) > maxJSONWork {
		return nil, fmt.Errorf("the model is nested %d deep in %d bytes, want at most %d deep, and less the longer it is", d, len(data), maxJSONDepth)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return nil, jsonError(data, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("model: something follows the JSON object")
	}
	if doc.Format != 1 {
		return nil, fmt.Errorf("format: got %d, want 1", doc.Format)
	}
	if doc.Model.step == nil {
		return nil, errors.New("model: missing")
	}
	if n, err := whole(doc.Model.step); err != nil {
		return nil, err
	} else if n > maxSteps {
		return nil, fmt.Errorf("the model has %d steps, want at most %d", n, maxSteps)
	}
	m := &Model{root: doc.Model.step, version: doc.Version}
	return m, m.check()
}

// checkKeys refuses what encoding/json would accept in silence: a key in
// another case, a key twice (the last would win), and bytes that are not UTF-8
// (each would become U+FFFD, in categories too). No key of the form depends on
// the data.
func checkKeys(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("model: the JSON is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	var open []map[string]bool // keys so far of each object; nil of an array
	isKey := false             // whether a text, if next, is a key
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return jsonError(data, err)
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if !isKey {
				break
			}
			if err := checkKey(token, open[len(open)-1]); err != nil {
				line := 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n"))
				return fmt.Errorf("model: line %d: %w", line, err)
			}
			isKey = false
			continue
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// checkKey checks one key after those seen of the same object.
func checkKey(key string, seen map[string]bool) error {
	if lower := strings.ToLower(key); lower != key {
		return fmt.Errorf("unknown key %q; did you mean %q?", key, lower)
	}
	if seen[key] {
		return fmt.Errorf("%q occurs twice", key)
	}
	seen[key] = true
	return nil
}

// jsonError says where a JSON error is.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset <= int64(len(data)) {
		line := 1 + bytes.Count(data[:syntax.Offset], []byte("\n"))
		return fmt.Errorf("model: line %d: %w", line, err)
	}
	return fmt.Errorf("model: %w", err)
}

// jsonDepth is how deep brackets nest.
func jsonDepth(data []byte) int {
	depth, deepest := 0, 0
	inText := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// whole makes sure that no step is left out in a document, and counts them.
func whole(s step) (steps int, err error) {
	var inner []Named
	switch s := s.(type) {
	case *Pipeline:
		inner = s.Steps
	case *FeatureUnion:
		for _, p := range s.Transformers {
			inner = append(inner, Named{p.Name, p.Step})
		}
	case *ColumnTransformer:
		for _, br := range s.Transformers {
			inner = append(inner, Named{br.Name, br.Step})
		}
	}
	for _, n := range inner {
		if n.Step.step == nil {
			return 0, errNamed(n.Name, errNoStep)
		}
		k, err := whole(n.Step.step)
		if err != nil {
			return 0, errNamed(n.Name, err)
		}
		steps += k
	}
	return steps + 1, nil
}

package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"gopkg.in/yaml.v3"
)

// isYAML says whether the bytes start as a model in YAML does: with one of its
// keys, a comment or a document mark. No pickle does.
func isYAML(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.TrimLeft(data, " \t\r\n")
	for _, start := range []string{"format:", "sklearn_version:", "model:", "#", "---"} {
		if bytes.HasPrefix(data, []byte(start)) {
			return true
		}
	}
	return false
}

// maxYAMLBytes bounds a model in YAML, of which every value takes much memory.
const maxYAMLBytes = 2 << 20

// loadYAML reads the same document as loadJSON, written as YAML. Anchors and
// aliases are refused: they can make a small file huge.
func loadYAML(data []byte) (*Model, error) {
	if len(data) > maxYAMLBytes {
		return nil, fmt.Errorf("the model has %d bytes of YAML, want at most %d; JSON may be longer", len(data), maxYAMLBytes)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("model: want one YAML document")
	}
	var b bytes.Buffer
	if err := appendJSON(&b, doc.Content[0]); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return loadJSON(b.Bytes())
}

func appendJSON(b *bytes.Buffer, n *yaml.Node) error {
	fault := func(what string) error { return fmt.Errorf("line %d: %s", n.Line, what) }
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return fault("anchors and aliases are not supported")
	}
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		seen := make(map[string]bool)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
				return fault("a key is not text")
			}
			if err := checkKey(key.Value, seen); err != nil {
				return fmt.Errorf("line %d: %w", key.Line, err)
			}
			if i > 0 {
				b.WriteByte(',')
			}
			if err := appendText(b, key.Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := appendJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := appendJSON(b, c); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case yaml.ScalarNode:
		return appendScalar(b, n, fault)
	default:
		return fault("want a mapping, a list or a value")
	}
	return nil
}

func appendText(b *bytes.Buffer, s string) error {
	text, err := json.Marshal(s)
	b.Write(text)
	return err
}

func appendScalar(b *bytes.Buffer, n *yaml.Node, fault func(string) error) error {
	switch n.ShortTag() {
	case "!!str":
		return appendText(b, n.Value)
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return fault(err.Error())
		}
		b.WriteString(strconv.FormatBool(v))
	case "!!int":
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			return nil
		}
		var v int64
		if err := n.Decode(&v); err != nil {
			return fault(err.Error())
		}
		b.WriteString(strconv.FormatInt(v, 10))
	case "!!float":
		var v float64
		if err := n.Decode(&v); err != nil {
			return fault(err.Error())
		}
		switch {
		case math.IsNaN(v):
			b.WriteString(`"nan"`)
		case math.IsInf(v, 1):
			b.WriteString(`"inf"`)
		case math.IsInf(v, -1):
			b.WriteString(`"-inf"`)
		default:
			b.Write(strconv.AppendFloat(nil, v, 'g', -1, 64))
		}
	default:
		return fault(fmt.Sprintf("%s is not supported", n.ShortTag()))
	}
	return nil
}

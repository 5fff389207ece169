package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Box holds a step of any class, so that JSON can.
type Box struct{ step }

var errNoStep = errors.New("step: missing")

func quote(s string) string { return strconv.Quote(s) }

func errNamed(name string, err error) error { return fmt.Errorf("%q: %w", name, err) }

// MarshalJSON writes the step with its class.
func (b Box) MarshalJSON() ([]byte, error) { return json.Marshal(b.step) }

// UnmarshalJSON reads a step of the class that it names.
func (b *Box) UnmarshalJSON(data []byte) error {
	var h struct {
		Class string `json:"class"`
	}
	if err := json.Unmarshal(data, &h); err != nil {
		return err
	}
	var s step
	info, known := classes[h.Class]
	switch {
	case known:
		s = info.make()
	case h.Class == "passthrough":
		s = newPassthrough()
	case h.Class == "":
		return errors.New("class: missing; want one of passthrough, " + supported())
	default:
		return fmt.Errorf("class %q is not supported; want one of passthrough, %s", h.Class, supported())
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return fmt.Errorf("%s: %w", h.Class, err)
	}
	b.step = s
	return nil
}

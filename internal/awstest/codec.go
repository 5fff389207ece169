package awstest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The SDK's own types of requests and answers say what a message may hold: they
// are read and written by reflection, as each protocol names their members.

// timeType is written as seconds since 1970 in JSON and as ISO 8601 in XML.
var timeType = reflect.TypeFor[time.Time]()

// decodeJSON reads a request of the protocol awsJson into the SDK's type. A member
// that the type does not have is an error.
func decodeJSON(data []byte, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	dec.DisallowUnknownFields() // members differ from fields by the case of their first letter at most
	return dec.Decode(into)
}

// encodeJSON writes an answer of the protocol awsJson or restJson. camel makes the
// first letter of each member small.
func encodeJSON(v any, camel bool) ([]byte, error) {
	return json.Marshal(plain(reflect.ValueOf(v), camel))
}

// plain is a value as encoding/json should see it.
func plain(v reflect.Value, camel bool) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem(), camel)
	case reflect.Struct:
		if v.Type() == timeType {
			t := v.Interface().(time.Time)
			return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
		}
		m := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			if value := plain(v.Field(i), camel); value != nil {
				m[memberName(f.Name, camel)] = value
			}
		}
		return m
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i), camel)
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[k.String()] = plain(v.MapIndex(k), camel)
		}
		return m
	case reflect.String:
		if v.String() == "" && v.Type() != reflect.TypeFor[string]() {
			return nil // an enum that is not set
		}
		return v.String()
	}
	return v.Interface()
}

func memberName(field string, camel bool) string {
	if camel {
		return string(unicode.ToLower(rune(field[0]))) + field[1:]
	}
	return field
}

// decodeQuery reads a request of the protocols awsQuery and ec2Query into the
// SDK's type. Lists are Name.member.1 or, of ec2Query, by the names in lists.
func decodeQuery(form url.Values, into any, lists map[string]string) error {
	v := reflect.ValueOf(into).Elem()
	used := map[string]bool{"Action": true, "Version": true}
	if err := fillStruct(form, "", v, lists, used); err != nil {
		return err
	}
	for name := range form {
		if !used[name] {
			return fmt.Errorf("%s has no member %s", v.Type(), name)
		}
	}
	return nil
}

func fillStruct(form url.Values, prefix string, v reflect.Value, lists map[string]string, used map[string]bool) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && f.Name != "ResultMetadata" {
			if err := fill(form, prefix+f.Name, v.Field(i), lists, used); err != nil {
				return err
			}
		}
	}
	return nil
}

func fill(form url.Values, name string, v reflect.Value, lists map[string]string, used map[string]bool) error {
	if v.Kind() == reflect.Slice {
		last := name[strings.LastIndexByte(name, '.')+1:]
		item := name + ".member."
		if wire, ok := lists[last]; ok {
			item = strings.TrimSuffix(name, last) + wire + "."
		}
		for n := 1; hasPrefix(form, item+strconv.Itoa(n)); n++ {
			e := reflect.New(v.Type().Elem()).Elem()
			var err error
			if e.Kind() == reflect.Struct {
				err = fillStruct(form, item+strconv.Itoa(n)+".", e, lists, used)
			} else {
				err = fill(form, item+strconv.Itoa(n), e, lists, used)
			}
			if err != nil {
				return err
			}
			v.Set(reflect.Append(v, e))
		}
		return nil
	}
	if !form.Has(name) {
		return nil
	}
	used[name] = true
	text := form.Get(name)
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
	default:
		err = fmt.Errorf("%s: %s is not read", name, v.Type())
	}
	return err
}

func hasPrefix(form url.Values, name string) bool {
	for key := range form {
		if key == name || strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

// encodeXML writes the members of an answer. item is the name of a list's items;
// lists are the wire names of lists whose names differ, and camel makes first
// letters small.
func encodeXML(w io.Writer, v any, item string, lists map[string]string, camel bool) error {
	e := &xmlEncoder{w: w, item: item, lists: lists, camel: camel}
	e.members(reflect.ValueOf(v).Elem())
	return e.err
}

type xmlEncoder struct {
	w     io.Writer
	item  string
	lists map[string]string
	camel bool
	err   error
}

func (e *xmlEncoder) write(text string) {
	if e.err == nil {
		_, e.err = io.WriteString(e.w, text)
	}
}

func (e *xmlEncoder) members(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		name := memberName(f.Name, e.camel)
		if wire, ok := e.lists[f.Name]; ok {
			name = wire
		}
		e.element(name, v.Field(i))
	}
}

func (e *xmlEncoder) element(name string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.Slice && v.Len() == 0, v.Kind() == reflect.String && v.String() == "", v.Kind() == reflect.Map:
		return
	}
	e.write("<" + name + ">")
	switch {
	case v.Type() == timeType:
		e.write(v.Interface().(time.Time).UTC().Format(time.RFC3339))
	case v.Kind() == reflect.Struct:
		e.members(v)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			e.element(e.item, v.Index(i))
		}
	default:
		var b strings.Builder
		if err := xml.EscapeText(&b, fmt.Append(nil, v.Interface())); err != nil && e.err == nil {
			e.err = err
		}
		e.write(b.String())
	}
	e.write("</" + name + ">")
}

package model

import "ds-pipeline/preprocess/pickle"

// whereabouts finds where each of the names first stands in a model, as the
// path of the object that holds it: Pipeline "scale". It is "" for the model
// itself.
func whereabouts(root pickle.Value, names []pickle.Global) map[pickle.Global]string {
	found := make(map[pickle.Global]string)
	wanted := make(map[pickle.Global]bool)
	for _, g := range names {
		wanted[g] = true
	}
	seen := make(map[pickle.Value]bool)
	note := func(g pickle.Global, path string) {
		if _, ok := found[g]; wanted[g] && !ok {
			found[g] = path
		}
	}
	var walk func(v pickle.Value, path string)
	each := func(vs []pickle.Value, path string) {
		for _, v := range vs {
			walk(v, path)
		}
	}
	walk = func(v pickle.Value, path string) {
		switch v := v.(type) {
		case pickle.Global:
			note(v, path)
			return
		case *pickle.Object, *pickle.Dict, *pickle.List, *pickle.Tuple, *pickle.Array:
			if seen[v] {
				return
			}
			seen[v] = true
		}
		switch v := v.(type) {
		case *pickle.Object:
			note(v.Class, path)
			own := join(path, v.Class.Name)
			for _, name := range v.Attrs() {
				value, _ := v.Attr(name)
				switch name {
				case "steps", "transformers_", "transformer_list":
				default:
					walk(value, own+" "+name)
					continue
				}
				steps, _ := pickle.Items(value)
				for _, st := range steps {
					t, _ := pickle.Items(st)
					if len(t) < 2 {
						continue
					}
					name, _ := pickle.Text(t[0])
					each(t[1:], own+" "+quote(name))
				}
			}
			each(v.Args, own)
		case *pickle.Dict:
			for _, it := range v.Items() {
				walk(it.Key, path)
				walk(it.Value, path)
			}
		case *pickle.List:
			each(v.Items, path)
		case *pickle.Tuple:
			each(v.Items, path)
		case *pickle.Array:
			if v.DType.Kind == 'O' {
				if vs, err := v.Values(); err == nil {
					each(vs, path)
				}
			}
		}
	}
	walk(root, "")
	return found
}

// join is the path of a step of that class.
func join(path, class string) string {
	if path == "" {
		return class
	}
	return path + ": " + class
}

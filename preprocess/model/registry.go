package model

import "ds-pipeline/preprocess/pickle"

// classes are the steps, by class name: one line per class. It is filled in
// init because reading a step reads further steps.
var classes map[string]classInfo

func init() {
	classes = map[string]classInfo{
		"Binarizer":           entry[Binarizer]("sklearn.preprocessing._data"),
		"ColumnTransformer":   entry[ColumnTransformer]("sklearn.compose._column_transformer"),
		"FeatureUnion":        entry[FeatureUnion]("sklearn.pipeline"),
		"FunctionTransformer": entry[FunctionTransformer]("sklearn.preprocessing._function_transformer"),
		"MaxAbsScaler":        entry[MaxAbsScaler]("sklearn.preprocessing._data"),
		"MinMaxScaler":        entry[MinMaxScaler]("sklearn.preprocessing._data"),
		"Normalizer":          entry[Normalizer]("sklearn.preprocessing._data"),
		"OneHotEncoder":       entry[OneHotEncoder]("sklearn.preprocessing._encoders"),
		"OrdinalEncoder":      entry[OrdinalEncoder]("sklearn.preprocessing._encoders"),
		"Pipeline":            entry[Pipeline]("sklearn.pipeline"),
		"RobustScaler":        entry[RobustScaler]("sklearn.preprocessing._data"),
		"SimpleImputer":       entry[SimpleImputer]("sklearn.impute._base"),
		"StandardScaler":      entry[StandardScaler]("sklearn.preprocessing._data"),
	}
}

// inert are names that a model may hold beside its steps. They are never run:
// types, functions that were used in fitting, and parts that do not matter to
// transform.
var inert = func() map[pickle.Global]bool {
	m := make(map[pickle.Global]bool)
	for module, names := range map[string][]string{
		"builtins": {"float", "int", "bool", "str", "object"},
		"numpy": {"float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8",
			"bool_", "bool", "object_", "str_", "float_", "int_", "number", "nan"},
		"sklearn.impute._base":                {"MissingIndicator"},
		"sklearn.compose._column_transformer": {"make_column_selector", "_RemainderColsList"},
		"sklearn.utils._bunch":                {"Bunch"},
		"sklearn.utils":                       {"Bunch"},
	} {
		for _, n := range names {
			m[pickle.Global{Module: module, Name: n}] = true
		}
	}
	for _, module := range ufuncModules {
		for n := range ufuncs {
			m[pickle.Global{Module: module, Name: n}] = true
		}
	}
	return m
}()

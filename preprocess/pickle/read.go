package pickle

import "errors"

// Read reads one pickle, plain or as joblib writes it, compressed or not.
//
// allow says which names beyond the constructors of builtins, numpy and pandas may occur;
// nil allows none. The error is an *Error.
func Read(data []byte, allow func(Global) bool, lim Limits) (Value, error) {
	return nil, errors.New("todo")
}

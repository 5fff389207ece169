package model

import "ds-pipeline/preprocess/pickle"

// classes are the steps, by class name: one line per class. It is filled in
// init because reading a step reads further steps.
var classes map[string]classInfo

func init() {
	classes = map[string]classInfo{
		"Binarizer":                 entry[Binarizer]("sklearn.preprocessing._data"),
		"ColumnTransformer":         entry[ColumnTransformer]("sklearn.compose._column_transformer"),
		"FeatureAgglomeration":      entry[FeatureAgglomeration]("sklearn.cluster._agglomerative"),
		"FeatureUnion":              entry[FeatureUnion]("sklearn.pipeline"),
		"FunctionTransformer":       entry[FunctionTransformer]("sklearn.preprocessing._function_transformer"),
		"GaussianRandomProjection":  entry[GaussianRandomProjection]("sklearn.random_projection"),
		"GenericUnivariateSelect":   entry[GenericUnivariateSelect]("sklearn.feature_selection._univariate_selection"),
		"IncrementalPCA":            entry[IncrementalPCA]("sklearn.decomposition._incremental_pca"),
		"KBinsDiscretizer":          entry[KBinsDiscretizer]("sklearn.preprocessing._discretization"),
		"MaxAbsScaler":              entry[MaxAbsScaler]("sklearn.preprocessing._data"),
		"MinMaxScaler":              entry[MinMaxScaler]("sklearn.preprocessing._data"),
		"MissingIndicator":          entry[MissingIndicator]("sklearn.impute._base"),
		"Normalizer":                entry[Normalizer]("sklearn.preprocessing._data"),
		"OneHotEncoder":             entry[OneHotEncoder]("sklearn.preprocessing._encoders"),
		"OrdinalEncoder":            entry[OrdinalEncoder]("sklearn.preprocessing._encoders"),
		"PCA":                       entry[PCA]("sklearn.decomposition._pca"),
		"Pipeline":                  entry[Pipeline]("sklearn.pipeline"),
		"PolynomialFeatures":        entry[PolynomialFeatures]("sklearn.preprocessing._polynomial", "sklearn.preprocessing._data"),
		"PowerTransformer":          entry[PowerTransformer]("sklearn.preprocessing._data"),
		"QuantileTransformer":       entry[QuantileTransformer]("sklearn.preprocessing._data"),
		"RFE":                       entry[RFE]("sklearn.feature_selection._rfe"),
		"RFECV":                     entry[RFECV]("sklearn.feature_selection._rfe"),
		"RobustScaler":              entry[RobustScaler]("sklearn.preprocessing._data"),
		"SelectFdr":                 entry[SelectFdr]("sklearn.feature_selection._univariate_selection"),
		"SelectFpr":                 entry[SelectFpr]("sklearn.feature_selection._univariate_selection"),
		"SelectFromModel":           entry[SelectFromModel]("sklearn.feature_selection._from_model"),
		"SelectFwe":                 entry[SelectFwe]("sklearn.feature_selection._univariate_selection"),
		"SelectKBest":               entry[SelectKBest]("sklearn.feature_selection._univariate_selection"),
		"SelectPercentile":          entry[SelectPercentile]("sklearn.feature_selection._univariate_selection"),
		"SequentialFeatureSelector": entry[SequentialFeatureSelector]("sklearn.feature_selection._sequential"),
		"SimpleImputer":             entry[SimpleImputer]("sklearn.impute._base"),
		"SparseRandomProjection":    entry[SparseRandomProjection]("sklearn.random_projection"),
		"SplineTransformer":         entry[SplineTransformer]("sklearn.preprocessing._polynomial"),
		"StandardScaler":            entry[StandardScaler]("sklearn.preprocessing._data"),
		"TargetEncoder":             entry[TargetEncoder]("sklearn.preprocessing._target_encoder"),
		"TruncatedSVD":              entry[TruncatedSVD]("sklearn.decomposition._truncated_svd"),
		"VarianceThreshold":         entry[VarianceThreshold]("sklearn.feature_selection._variance_threshold"),
	}
}

// cythonLosses are the compiled parts of losses, and the functions that unpickle
// them.
var cythonLosses = func() (names []string) {
	for _, n := range []string{"AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss", "HalfPoissonLoss",
		"HalfSquaredError", "HuberLoss", "PinballLoss"} {
		names = append(names, "Cy"+n, "__pyx_unpickle_Cy"+n)
	}
	return names
}()

// inert are names that a model may hold beside its steps. They are never run:
// types, functions that were used in fitting, and parts that do not matter to
// transform.
var inert = func() map[pickle.Global]bool {
	m := make(map[pickle.Global]bool)
	for module, names := range map[string][]string{
		"builtins": {"float", "int", "bool", "str", "object"},
		"numpy": {"float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8",
			"bool_", "bool", "object_", "str_", "float_", "int_", "number", "nan", "asarray"},
		"sklearn.feature_selection._univariate_selection": {"f_classif", "f_regression", "chi2", "r_regression", "f_oneway"},
		"sklearn.feature_selection._mutual_info":          {"mutual_info_classif", "mutual_info_regression"},
		// Models that selectors were fitted with.
		"sklearn.linear_model._base":               {"LinearRegression"},
		"sklearn.linear_model._logistic":           {"LogisticRegression", "LogisticRegressionCV"},
		"sklearn.linear_model._ridge":              {"Ridge", "RidgeCV", "RidgeClassifier", "RidgeClassifierCV"},
		"sklearn.linear_model._coordinate_descent": {"ElasticNet", "ElasticNetCV", "Lasso", "LassoCV", "MultiTaskElasticNet", "MultiTaskLasso"},
		"sklearn.linear_model._least_angle":        {"Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC"},
		"sklearn.linear_model._bayes":              {"ARDRegression", "BayesianRidge"},
		"sklearn.linear_model._huber":              {"HuberRegressor"},
		"sklearn.linear_model._omp":                {"OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"},
		"sklearn.linear_model._perceptron":         {"Perceptron"},
		"sklearn.discriminant_analysis":            {"LinearDiscriminantAnalysis"},
		// How they were fitted.
		"sklearn.model_selection._split": {"GroupKFold", "KFold", "LeaveOneOut", "RepeatedKFold", "RepeatedStratifiedKFold",
			"ShuffleSplit", "StratifiedGroupKFold", "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit"},
		"numpy.random._pickle":              {"__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"},
		"numpy.random._mt19937":             {"MT19937"},
		"numpy.random._pcg64":               {"PCG64", "PCG64DXSM"},
		"numpy.random._philox":              {"Philox"},
		"numpy.random._sfc64":               {"SFC64"},
		"numpy.random.bit_generator":        {"SeedSequence", "__pyx_unpickle_SeedSequence"},
		"joblib.memory":                     {"Memory"},
		"joblib._store_backends":            {"FileSystemStoreBackend"},
		"sklearn.svm._classes":              {"LinearSVC", "LinearSVR", "SVC", "SVR"},
		"sklearn.neighbors._classification": {"KNeighborsClassifier"},
		"sklearn.neighbors._regression":     {"KNeighborsRegressor"},
		"sklearn.tree._classes":             {"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"},
		treeClass.Module:                    {treeClass.Name},
		"sklearn.ensemble._forest":          {"RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"},
		"sklearn.ensemble._gb":              {"GradientBoostingClassifier", "GradientBoostingRegressor"},
		"sklearn.ensemble._weight_boosting": {"AdaBoostClassifier", "AdaBoostRegressor"},
		"sklearn.ensemble._bagging":         {"BaggingClassifier", "BaggingRegressor"},
		"sklearn.ensemble._iforest":         {"IsolationForest"},
		"sklearn.ensemble._hist_gradient_boosting.gradient_boosting": {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"},
		"sklearn.ensemble._hist_gradient_boosting.binning":           {"_BinMapper"},
		"sklearn.ensemble._hist_gradient_boosting.predictor":         {"TreePredictor"},
		"sklearn.dummy":                {"DummyClassifier", "DummyRegressor"},
		"sklearn.preprocessing._label": {"LabelEncoder"},
		// What boosting made smaller: until 1.0, until 1.3 and since.
		"sklearn.ensemble._hist_gradient_boosting.loss": {"BinaryCrossEntropy", "CategoricalCrossEntropy", "LeastAbsoluteDeviation", "LeastSquares", "Poisson"},
		"sklearn.ensemble._gb_losses": {"BinomialDeviance", "ExponentialLoss", "HuberLossFunction", "LeastAbsoluteError", "LeastSquaresError",
			"MultinomialDeviance", "QuantileLossFunction"},
		"sklearn._loss.loss": {"AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss", "HalfPoissonLoss",
			"HalfSquaredError", "HuberLoss", "PinballLoss"},
		"sklearn._loss.link":                  {"HalfLogitLink", "IdentityLink", "Interval", "LogLink", "LogitLink", "MultinomialLogit"},
		"sklearn._loss._loss":                 cythonLosses,
		"sklearn.compose._column_transformer": {"make_column_selector", "_RemainderColsList"},
		"scipy.interpolate._bsplines":         {"BSpline"},
		// Held by a BSpline of a recent scipy.
		"scipy._lib.array_api_compat.numpy._aliases":      {"asarray"},
		"scipy._lib.array_api_compat.numpy":               {"asarray"},
		"scipy._external.array_api_compat.numpy._aliases": {"asarray"},
		"scipy._external.array_api_compat.numpy":          {"asarray"},
		"scipy.interpolate.bsplines":                      {"BSpline"},
		"sklearn.utils._bunch":                            {"Bunch"},
		"sklearn.utils":                                   {"Bunch"},
	} {
		for _, n := range names {
			m[pickle.Global{Module: module, Name: n}] = true
		}
	}
	m[pandasNA] = true
	for _, module := range ufuncModules {
		for n := range ufuncs {
			m[pickle.Global{Module: module, Name: n}] = true
		}
		for n := range ofTwo {
			m[pickle.Global{Module: module, Name: n}] = true
		}
		m[pickle.Global{Module: module, Name: "true_divide"}] = true
	}
	for _, n := range pythonFunctions {
		m[pickle.Global{Module: "numpy", Name: n}] = true
	}
	m[partialClass] = true
	for n := range poolings {
		m[pickle.Global{Module: "numpy", Name: n}] = true
	}
	for g := range csrClasses {
		m[g] = true
	}
	return m
}()

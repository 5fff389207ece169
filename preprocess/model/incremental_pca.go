package model

// IncrementalPCA applies as PCA does.
// See sklearn.decomposition.IncrementalPCA.
type IncrementalPCA struct{ PCA }

package model_test

import (
	"io/fs"
	"math/rand/v2"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// BenchmarkApply measures the arithmetic alone, per batch of 1,000 rows.
func BenchmarkApply(b *testing.B) {
	dir := openRelease(b, "1.2.1")
	for _, id := range []string{"std_mean1_std1", "ct_typical", "oh_unknown_ignore", "ord_unknown", "pow_yj", "q_normal_60", "pca_2"} {
		b.Run(id, func(b *testing.B) { benchmark(b, dir, id) })
	}
}

func benchmark(b *testing.B, dir fs.FS, id string) {
	var data []byte
	for _, ext := range []string{"pkl", "joblib"} {
		if d, err := fs.ReadFile(dir, "models/"+id+"."+ext); err == nil {
			data = d
		}
	}
	m, err := model.Load(data)
	if err != nil {
		b.Fatal(err)
	}
	header, _ := m.Features()
	bind, err := m.Bind(header)
	if err != nil {
		b.Fatal(err)
	}
	const rows = 1000
	r := rand.New(rand.NewPCG(3, 4))
	texts := [][]byte{[]byte("gas"), []byte("oil"), []byte("wood"), []byte("heat pump"), []byte("North"), []byte("Old Town")}
	var kinds []frame.Kind
	var cols []frame.Column
	for _, in := range bind.Inputs() {
		k := map[model.Want]frame.Kind{model.Number: frame.Float, model.Bool: frame.Bool, model.Texts: frame.Text, model.Infer: frame.Float}[in.Want]
		c := frame.Column{Kind: k}
		for range rows {
			c.Floats = append(c.Floats, 20+10*r.NormFloat64())
			c.Ints = append(c.Ints, r.Int64N(2))
			c.Texts = append(c.Texts, texts[r.IntN(len(texts))])
		}
		kinds, cols = append(kinds, k), append(cols, c)
	}
	p, err := bind.Compile(kinds)
	if err != nil {
		b.Fatal(err)
	}
	w := p.NewWorker()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Apply(cols, rows); err != nil {
			b.Fatal(err)
		}
	}
	cells := float64(rows * len(cols))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/cells, "ns/cell")
}

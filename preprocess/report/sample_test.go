package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"ds-pipeline/preprocess/frame"
)

// sampleReport is a run with every kind of column, drift of every size and
// hostile names, the same every time.
func sampleReport(t testing.TB, showValues bool) *Report {
	t.Helper()
	const rows = 20_000
	random := rand.New(rand.NewPCG(7, 11))
	fact := func(v float64, step string) *Fact { return &Fact{Value: v, Step: step} }

	area := frame.Column{Kind: frame.Float}
	rooms := frame.Column{Kind: frame.Int}
	price := frame.Column{Kind: frame.Float}
	temperature := frame.Column{Kind: frame.Float}
	heating := frame.Column{Kind: frame.Text}
	note := frame.Column{Kind: frame.Text}
	garden := frame.Column{Kind: frame.Bool}
	empty := frame.Column{Kind: frame.Float}
	far := frame.Column{Kind: frame.Float}
	district := frame.Column{Width: 30}
	kinds := []string{"gas", "oil", "electric", "district heating"}
	for range rows {
		a := 61 + 10*random.NormFloat64()
		if random.IntN(40) == 0 {
			a = math.NaN()
		}
		area.Floats = append(area.Floats, a)
		rooms.Ints = append(rooms.Ints, int64(1+random.IntN(4)+random.IntN(4)))
		price.Floats = append(price.Floats, math.Exp(12+random.NormFloat64()))
		temperature.Floats = append(temperature.Floats, 12+6.4*random.NormFloat64())
		kind := kinds[min(random.IntN(5), random.IntN(4))%4]
		if random.IntN(20) == 0 {
			kind = "heat pump"
		}
		heating.Texts = append(heating.Texts, []byte(kind))
		note.Texts = append(note.Texts, fmt.Appendf(nil, "<script>alert(%d)</script>", random.IntN(5000)))
		garden.Ints = append(garden.Ints, int64(random.IntN(3)-1))
		empty.Floats = append(empty.Floats, math.NaN())
		f := random.Float64()
		if random.IntN(5000) == 0 {
			f = math.Inf(1)
		} else if random.IntN(3000) == 0 {
			f = 999999
		}
		far.Floats = append(far.Floats, f)
		district.Hot = append(district.Hot, int32(min(random.IntN(31), random.IntN(31))-1))
	}
	in := []frame.Column{area, rooms, price, temperature, heating, note, garden, empty, far}
	out := []frame.Column{area, price, far, district, rooms}
	names := []string{"num__area", "num__price", "num__</style><script>alert(1)</script>"}
	for i := range 30 {
		names = append(names, fmt.Sprintf("cat__district_%c & <b>%d</b>", 'A'+i%26, i))
	}
	c := NewCollector(Config{
		Input: []InputColumn{
			{"area", &Reference{Mean: fact(50.1, "num > StandardScaler"), StdDev: fact(9.91, "num > StandardScaler"), Fill: fact(50.1, "num > SimpleImputer"), Rows: 12000}},
			{"rooms", &Reference{Categories: &Categories{Numbers: []float64{1, 2, 3, 4, 5, 6, 7}, Step: "ord > OrdinalEncoder"}}},
			{"price", &Reference{Median: fact(160000, "price > RobustScaler"), Range: &QuantileRange{Fact: *fact(230000, "price > RobustScaler"), Low: 0.25, High: 0.75}}},
			{"temperature", &Reference{Min: fact(-12, "MinMaxScaler"), Max: fact(30, "MinMaxScaler"), Mean: fact(10.2, "StandardScaler"), StdDev: fact(6.2, "StandardScaler"),
				Bins: &Bins{Edges: []float64{-12, 6, 9, 12, 16, 30}, Below: even(5), Step: "KBinsDiscretizer"}}},
			{"heating", &Reference{Categories: &Categories{Texts: kinds, Step: "cat > OneHotEncoder"}, NeverMissing: "cat > OneHotEncoder"}},
			{`note "><img src=x onerror=alert(1)>`, nil},
			{"garden", nil},
			{"a_very_long_column_name_without_any_space_in_it_as_exports_of_old_systems_have_them", nil},
			{"far", nil},
		},
		OutputNames: append(names, "rooms"),
		ShowValues:  showValues,
	})
	p := c.NewPartial()
	if err := p.AddInput(in, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.AddOutput(out, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
	return c.Report(Run{
		Period: "2026-11", Input: "s3://ds-input-dev-123456789012-eu-central-1/raw/monthly_data.csv", Model: "s3://ds-artifacts-dev-123456789012-eu-central-1/models/preprocessing_model.pkl",
		Output: "s3://ds-output-dev-123456789012-eu-central-1/processed/data.csv", RowsIn: rows + 3, RowsOut: rows, Rejected: 3, Rejects: "rejects.csv", Bytes: 4_200_000, Seconds: 0.0312,
		Finished: time.Date(2026, 11, 15, 9, 2, 11, 0, time.UTC), Versions: []NamedString{{"scikit-learn", "1.4.2"}, {"model sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},
		Warnings: []string{"the model was written by scikit-learn 1.4.2 <and> read as such"},
	})
}

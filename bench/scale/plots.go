package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// picture is one file of docs.
type picture struct {
	file, title, x, y string
	curves            []curve
	band              [2]float64 // of y, shaded
	least, most       float64    // of y; 0 for what the curves need
	legend            vg.Length  // from the left
}

// curve is a line through points; low and high are how far they scatter. All of
// it is drawn as powers of ten, since the library leaves the label of a
// logarithmic axis too much room.
type curve struct {
	name   string
	points plotter.XYs
	low    []float64
	high   []float64
	dashed bool
}

// The colors of Okabe and Ito, which people who do not see all colors can tell
// apart.
var palette = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {0, 0, 0, 255}}

func line(name string, rows []row, x, y func(row) float64) curve {
	c := curve{name: name}
	for _, r := range rows {
		c.points = append(c.points, plotter.XY{X: math.Log10(x(r)), Y: math.Log10(y(r))})
	}
	return c
}

func gb(r row) float64      { return r.gb }
func batch(r row) float64   { return float64(r.perTask) }
func at(r row) float64      { return float64(r.atOnce) }
func minutes(r row) float64 { return r.seconds / 60 }
func usd(r row) float64     { return r.USD() }

// plots are what docs/scale.md shows.
func plots(rows []row) []picture {
	cost := picture{file: "scale-cost.svg", title: "Cost of a TB: within the band it is within 5 % of linear", x: "GB of input, in objects of 1 GB", y: "US dollars for a TB", least: 1, most: 10, legend: 10 * vg.Centimeter}
	time := picture{file: "scale-time.svg", title: "Time of a run, with its 5th and 95th percentile", x: "GB of input, in objects of 1 GB", y: "minutes", legend: vg.Millimeter}
	for _, variant := range []string{"one task", "10 at once", "50 at once", "50 at once, Spot"} {
		some := of(rows, "data", variant)
		cost.curves = append(cost.curves, line(variant, some, gb, row.usdPerTB))
		if variant == "50 at once, Spot" {
			continue
		}
		c := line(variant, some, gb, minutes)
		for _, r := range some {
			c.low, c.high = append(c.low, math.Log10(r.fast/60)), append(c.high, math.Log10(r.slow/60))
		}
		time.curves = append(time.curves, c)
	}
	_, reference := linear(of(rows, "data", "50 at once"), tolerance)
	cost.band = [2]float64{math.Log10(reference.usdPerTB() * (1 - tolerance)), math.Log10(reference.usdPerTB() * (1 + tolerance))}

	batches := picture{file: "scale-batch.svg", title: "Ten thousand objects in batches, 50 tasks at once", x: "objects a task", y: "US dollars (dashed: minutes)", least: 0.1, most: 500, legend: 9.5 * vg.Centimeter}
	for _, mb := range []int{1, 10, 100} {
		name := fmt.Sprintf("objects of %d MB", mb)
		some := of(rows, "batch", name)
		batches.curves = append(batches.curves, line(name, some, batch, usd))
		took := line("", some, batch, minutes)
		took.dashed = true
		batches.curves = append(batches.curves, took)
	}
	many := picture{file: "scale-concurrency.svg", title: "1 TB in 1,000 objects, one a task", x: "tasks at once", y: "minutes (dashed: US dollars)", least: 1, most: 2000, legend: 8.5 * vg.Centimeter}
	for _, name := range []string{"one prefix", "a prefix split in ten"} {
		some := of(rows, "concurrency", name)
		many.curves = append(many.curves, line(name, some, at, minutes))
		costs := line("", some, at, usd)
		costs.dashed = true
		many.curves = append(many.curves, costs)
	}
	return []picture{cost, time, batches, many}
}

const width, height = 16 * vg.Centimeter, 9 * vg.Centimeter

// draw makes an SVG on a light ground of its own, so that it is as readable on a
// dark page.
func (p picture) draw() ([]byte, error) {
	plain := font.Font{Typeface: "Liberation", Variant: "Sans"}
	plot.DefaultFont, plotter.DefaultFont = plain, plain
	sheet := plot.New()
	sheet.Title.Text, sheet.X.Label.Text, sheet.Y.Label.Text = p.title, p.x, p.y
	sheet.BackgroundColor = color.White
	sheet.X.Tick.Marker, sheet.Y.Tick.Marker = ticks{}, ticks{}
	sheet.X.Padding, sheet.Y.Padding = 0, 0
	// Whatever font there is, the names begin beside their lines.
	sheet.Legend.Top, sheet.Legend.Left, sheet.Legend.Padding, sheet.Legend.XOffs = true, true, vg.Points(2), p.legend
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	sheet.Add(grid)

	if p.band[1] > 0 {
		from, to := p.curves[0].points[0].X, p.curves[len(p.curves)-1].points[len(p.curves[len(p.curves)-1].points)-1].X
		band, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: p.band[0]}, {X: to, Y: p.band[0]}, {X: to, Y: p.band[1]}, {X: from, Y: p.band[1]}})
		if err != nil {
			return nil, err
		}
		band.Color, band.Width = color.RGBA{220, 220, 220, 255}, 0
		sheet.Add(band)
	}
	named := -1
	for _, c := range p.curves {
		if c.name != "" {
			named++
		}
		tint := palette[named%len(palette)]
		if len(c.low) > 0 {
			var around plotter.XYs
			for i, xy := range c.points {
				around = append(around, plotter.XY{X: xy.X, Y: c.low[i]})
			}
			for i := len(c.points) - 1; i >= 0; i-- {
				around = append(around, plotter.XY{X: c.points[i].X, Y: c.high[i]})
			}
			area, err := plotter.NewPolygon(around)
			if err != nil {
				return nil, err
			}
			area.Color, area.Width = color.NRGBA{tint.R, tint.G, tint.B, 60}, 0
			sheet.Add(area)
		}
		drawn, points, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return nil, err
		}
		drawn.Color, drawn.Width = tint, vg.Points(1.5)
		points.Color, points.Radius = tint, vg.Points(2)
		if c.dashed {
			drawn.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		sheet.Add(drawn, points)
		if c.name != "" {
			sheet.Legend.Add(c.name, drawn)
		}
	}
	if p.most > 0 {
		sheet.Y.Min, sheet.Y.Max = math.Log10(p.least), math.Log10(p.most)
	}
	canvas := vgsvg.New(width, height)
	sheet.Draw(draw.Crop(draw.New(canvas), 0, -vg.Centimeter/2, 0, -vg.Millimeter))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	// Not everybody has the font whose widths were reckoned with.
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// ticks are at 1, 2 and 5 of each power of ten, with numbers as people write them.
type ticks struct{}

func (ticks) Ticks(low, high float64) []plot.Tick {
	var all []plot.Tick
	for power := -6; power <= 9; power++ {
		for _, n := range []float64{1, 2, 5} {
			v := n * math.Pow10(power)
			if at := math.Log10(v); at >= low && at <= high {
				label := ""
				if n == 1 || high-low < 2.3 {
					label = strconv.FormatFloat(v, 'g', 3, 64)
					if v >= 1000 {
						label = fmt.Sprintf("%.0f", v)
					}
				}
				all = append(all, plot.Tick{Value: at, Label: label})
			}
		}
	}
	return all
}

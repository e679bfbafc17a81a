package main

import (
	"bytes"
	"fmt"
	"math"
)

// The plot's size and margins in pixels.
const (
	width, height           = 760, 460
	left, right, top, below = 64, 150, 40, 48
)

// plot draws, on logarithmic axes, how long each page takes on books of each size, as an SVG that needs nothing else.
func plot(all []figures) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="20" font-size="14">Milliseconds a page (warm, median), by stored comments</text>`+"\n", width, height, left)
	low, high := 1.0, 1000.0
	for _, f := range all {
		for _, s := range series(f) {
			low, high = min(low, s.value), max(high, s.value)
		}
	}
	low, high = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	first, last := math.Log10(float64(all[0].Comments)), math.Log10(float64(all[len(all)-1].Comments))
	x := func(comments float64) float64 {
		return left + (math.Log10(comments)-first)/max(last-first, 1)*(width-left-right)
	}
	y := func(ms float64) float64 {
		return height - below - (math.Log10(ms)-low)/(high-low)*(height-top-below)
	}
	for e := low; e <= high; e++ {
		ms := math.Pow(10, e)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left, width-right, y(ms), y(ms), left-8, y(ms)+4, ms)
	}
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#b00" stroke-dasharray="4 4"/><text x="%d" y="%.1f" fill="#b00" text-anchor="end">aim: 100 ms</text>`+"\n",
		left, width-right, y(100), y(100), width-right-4, y(100)-5)
	for _, f := range all {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">10^%.3g</text>`+"\n", x(float64(f.Comments)), height-below+20, math.Log10(float64(f.Comments)))
	}
	colours := []string{"#1b6ca8", "#2a9d5c", "#c77800", "#7a3fa0", "#b0305a", "#00808a", "#8a6d00", "#3d5a3d", "#d05ce3", "#666", "#000", "#e63946", "#7b3f00"}
	for i, s := range series(all[0]) {
		colour := colours[i%len(colours)]
		var points bytes.Buffer
		for _, f := range all {
			v := max(series(f)[i].value, math.Pow(10, low))
			fmt.Fprintf(&points, "%.1f,%.1f ", x(float64(f.Comments)), y(v))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(float64(f.Comments)), y(v), colour)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", points.String(), colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", width-right+12, top+20+18*i, colour, s.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// point is one figure of one size.
type point struct {
	name  string
	value float64
}

func series(f figures) []point {
	var all []point
	for _, p := range f.Pages {
		all = append(all, point{p.Name, p.MedianMS})
	}
	return append(all, point{"start-up", f.StartMS}, point{"memory, MB", f.MemoryMB})
}

// Package named helps with names that people type: of one that is not there it
// says what they may have meant.
package named

import "strings"

// Nearest is the candidate most like a name, or "" if none is close. Whether
// letters are capital does not count.
func Nearest(name string, candidates []string) string {
	best, at := nearest(name, candidates)
	if at > 1+len(name)/3 {
		return ""
	}
	return best
}

// Any is the candidate most like a name, however much they differ; "" if there are
// none.
func Any(name string, candidates []string) string {
	best, _ := nearest(name, candidates)
	return best
}

func nearest(name string, candidates []string) (best string, at int) {
	for i, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); i == 0 || d < at {
			best, at = c, d
		}
	}
	return best, at
}

// distance is Levenshtein's: the number of bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

package parquet

import "io"

// window reads a stretch of a file from its start to its end, in pieces. Where
// ahead is set, the next piece is fetched while the last one is used, so that a
// slow service answers for all columns at once.
type window struct {
	r       io.ReaderAt
	at, end int64  // of what was not asked for yet
	size    int    // of a piece
	buf     []byte // what was read and not taken
	base    []byte // memory of the last piece
	flying  chan piece
}

type piece struct {
	data []byte
	err  error
}

func newWindow(r io.ReaderAt, start, end int64, size int, ahead bool) *window {
	w := &window{r: r, at: start, end: end, size: size}
	if ahead {
		w.flying = make(chan piece, 1)
		w.fetch(nil)
	}
	return w
}

// fetch starts to read the next piece into buf or new memory.
func (w *window) fetch(buf []byte) {
	n := int(min(int64(w.size), w.end-w.at))
	buf = grow(buf, n)
	at := w.at
	w.at += int64(n)
	go func() {
		w.flying <- piece{buf, readAt(w.r, buf, at)}
	}()
}

// next is the next piece, in place of the last one. It is empty at the end.
func (w *window) next() ([]byte, error) {
	if w.flying == nil {
		w.base = grow(w.base, int(min(int64(w.size), w.end-w.at)))
		err := readAt(w.r, w.base, w.at)
		w.at += int64(len(w.base))
		return w.base, err
	}
	p := <-w.flying
	if p.err != nil {
		w.flying <- p // for whoever asks again
		return nil, p.err
	}
	w.fetch(w.base)
	w.base = p.data
	return p.data, nil
}

// peek makes at least n bytes available, or all that there are.
func (w *window) peek(n int) ([]byte, error) {
	for len(w.buf) < n {
		rest := append([]byte(nil), w.buf...)
		p, err := w.next()
		if err != nil {
			return nil, err
		}
		w.buf = p
		if len(rest) > 0 {
			rest = append(rest, p...)
			w.buf = rest
		}
		if len(p) == 0 {
			break
		}
	}
	return w.buf, nil
}

func (w *window) discard(n int) { w.buf = w.buf[n:] }

// take is the next n bytes, valid until the window is used again. It may be in
// scratch, which is grown if need be.
func (w *window) take(n int, scratch *[]byte) ([]byte, error) {
	if n <= len(w.buf) {
		b := w.buf[:n]
		w.buf = w.buf[n:]
		return b, nil
	}
	*scratch = grow(*scratch, n)
	got := copy(*scratch, w.buf)
	w.buf = nil
	for got < n {
		if w.flying == nil && n-got >= w.size && w.end-w.at >= int64(n-got) { // past the window
			err := readAt(w.r, (*scratch)[got:], w.at)
			w.at += int64(n - got)
			return *scratch, err
		}
		p, err := w.next()
		if err != nil {
			return nil, err
		}
		if len(p) == 0 {
			return nil, damaged("its pages end too early")
		}
		m := copy((*scratch)[got:], p)
		got += m
		w.buf = p[m:]
	}
	return *scratch, nil
}

// left is how many bytes there are at most.
func (w *window) left() int64 {
	n := int64(len(w.buf)) + w.end - w.at
	if w.flying != nil {
		n += int64(w.size)
	}
	return n
}

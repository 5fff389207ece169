package parquet

import "io"

// window reads a stretch of a file from its start to its end, in pieces. Where
// ahead is set, the next piece is fetched while the last one is used, so that a
// slow service answers for all columns at once.
type window struct {
	r       io.ReaderAt
	at, end int64  // of what was not asked for yet
	pos     int64  // in the file of what was not taken yet
	size    int    // of a piece
	buf     []byte // what was read and not taken
	base    []byte // memory of the last piece
	flying  chan piece
	turns   chan struct{} // has room for as many as may be fetched at once
}

type piece struct {
	data []byte
	err  error
}

// newWindow fetches ahead if turns is not nil.
func newWindow(r io.ReaderAt, start, end int64, size int, turns chan struct{}) *window {
	w := &window{r: r, at: start, end: end, pos: start, size: size, turns: turns}
	if turns != nil {
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
		w.turns <- struct{}{}
		err := readAt(w.r, buf, at)
		<-w.turns
		w.flying <- piece{buf, err}
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

func (w *window) discard(n int) {
	w.buf = w.buf[n:]
	w.pos += int64(n)
}

// fill makes at least a byte available.
func (w *window) fill() error {
	if len(w.buf) > 0 {
		return nil
	}
	p, err := w.next()
	if err == nil && len(p) == 0 {
		err = damaged("its pages end too early")
	}
	w.buf = p
	return err
}

// skip goes on after n bytes.
func (w *window) skip(n int64) error {
	for n > 0 {
		if len(w.buf) == 0 && w.flying == nil {
			n = min(n, w.end-w.at)
			w.at += n
			w.pos += n
			return nil
		}
		if err := w.fill(); err != nil {
			return err
		}
		some := min(n, int64(len(w.buf)))
		w.discard(int(some))
		n -= some
	}
	return nil
}

// take is the next n bytes, valid until the window is used again. It may be in
// scratch, which is grown if need be.
func (w *window) take(n int, scratch *[]byte) ([]byte, error) {
	w.pos += int64(n)
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

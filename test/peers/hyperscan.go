//go:build hyperscan

package main

/*
#cgo pkg-config: libhs
#include <stdlib.h>
#include <hs.h>

typedef struct {
	unsigned int id;
	unsigned long long to;
} peers_match;

typedef struct {
	peers_match *list;
	size_t count, room;
} peers_matches;

static int peers_on_match(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags, void *context) {
	peers_matches *m = context;
	if (m->count == m->room) {
		size_t room = m->room ? 2 * m->room : 1024;
		peers_match *list = realloc(m->list, room * sizeof *list);
		if (!list) {
			return 1;
		}
		m->list = list;
		m->room = room;
	}
	m->list[m->count].id = id;
	m->list[m->count].to = to;
	m->count++;
	return 0;
}

static int peers_scan(const hs_database_t *db, const char *text, unsigned int length, hs_scratch_t *scratch, peers_matches *found) {
	found->count = 0;
	return hs_scan(db, text, length, 0, scratch, peers_on_match, found);
}
*/
import "C"

import (
	"fmt"
	"regexp"
	"sort"
	"unsafe"
)

// hyperscan scans each line, or all lines as one text. What it finds is confirmed by regexp: it has no captures, and in a chunk a match may
// reach over a line end.
type hyperscan struct {
	lines   [][]byte
	chunk   []byte // nil: each line is scanned on its own
	ends    []int  // of the lines in chunk
	db      *C.hs_database_t
	scratch *C.hs_scratch_t
	found   *C.peers_matches
	res     []*regexp.Regexp
	refused map[int]bool
	seen    []int // rule → line that it was tried on last
}

func newHyperscan(chunk bool) func([]string, [][]byte) (matcher, error) {
	return func(exprs []string, lines [][]byte) (matcher, error) {
		res, err := compileAll(exprs)
		if err != nil {
			return nil, err
		}
		h := &hyperscan{lines: lines, res: res, refused: map[int]bool{}, seen: make([]int, len(exprs))}
		flags := C.uint(C.HS_FLAG_SINGLEMATCH | C.HS_FLAG_ALLOWEMPTY)
		if chunk {
			flags = C.HS_FLAG_MULTILINE | C.HS_FLAG_ALLOWEMPTY
			h.chunk = joined(lines)
			for _, l := range lines {
				h.ends = append(h.ends, len(l)+1)
			}
			for i := 1; i < len(h.ends); i++ {
				h.ends[i] += h.ends[i-1]
			}
		}
		if err := h.compile(exprs, flags); err != nil {
			return nil, err
		}
		if rc := C.hs_alloc_scratch(h.db, &h.scratch); rc != C.HS_SUCCESS {
			return nil, fmt.Errorf("hs_alloc_scratch: %d", int(rc))
		}
		h.found = (*C.peers_matches)(C.calloc(1, C.size_t(unsafe.Sizeof(C.peers_matches{}))))
		return h, nil
	}
}

// compile makes the database of all expressions that Hyperscan takes.
func (h *hyperscan) compile(exprs []string, flags C.uint) error {
	var texts []*C.char
	var ids, allFlags []C.uint
	for id, e := range exprs {
		text := C.CString(e)
		defer C.free(unsafe.Pointer(text))
		var db *C.hs_database_t
		var problem *C.hs_compile_error_t
		if C.hs_compile(text, flags, C.HS_MODE_BLOCK, nil, &db, &problem) != C.HS_SUCCESS {
			C.hs_free_compile_error(problem)
			h.refused[id] = true
			continue
		}
		C.hs_free_database(db)
		texts, ids, allFlags = append(texts, text), append(ids, C.uint(id)), append(allFlags, flags)
	}
	if len(texts) == 0 {
		return fmt.Errorf("hyperscan takes none of the rules")
	}
	var problem *C.hs_compile_error_t
	if C.hs_compile_multi(&texts[0], &allFlags[0], &ids[0], C.uint(len(texts)), C.HS_MODE_BLOCK, nil, &h.db, &problem) != C.HS_SUCCESS {
		defer C.hs_free_compile_error(problem)
		return fmt.Errorf("hs_compile_multi: %s", C.GoString(problem.message))
	}
	return nil
}

var _ choosy = (*hyperscan)(nil)

func (h *hyperscan) refuses(rule int) bool { return h.refused[rule] }
func (h *hyperscan) refusals() int         { return len(h.refused) }

func (h *hyperscan) pass(hit func(line, rule int)) {
	for id := range h.seen {
		h.seen[id] = -1
	}
	if h.chunk != nil {
		h.passChunk(hit)
		return
	}
	for i, line := range h.lines {
		if len(line) == 0 {
			line = []byte{0}[:0:1]
		}
		h.scan(line)
		for _, m := range unsafe.Slice(h.found.list, h.found.count) {
			if h.res[m.id].Match(line) {
				hit(i, int(m.id))
			}
		}
	}
}

func (h *hyperscan) scan(text []byte) {
	if rc := C.peers_scan(h.db, (*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.uint(len(text)), h.scratch, h.found); rc != C.HS_SUCCESS {
		panic(fmt.Sprintf("hs_scan: %d", int(rc)))
	}
}

func (h *hyperscan) passChunk(hit func(line, rule int)) {
	h.scan(h.chunk)
	for _, m := range unsafe.Slice(h.found.list, h.found.count) {
		i := sort.SearchInts(h.ends, int(m.to))
		// A match that ends with a line end may be one of the line before that end as well as of the one behind it.
		for _, line := range []int{i, i + 1} {
			if line < len(h.lines) && (line == i || int(m.to) == h.ends[i]) && h.seen[m.id] != line {
				h.seen[m.id] = line
				if h.res[m.id].Match(h.lines[line]) {
					hit(line, int(m.id))
				}
			}
		}
	}
}

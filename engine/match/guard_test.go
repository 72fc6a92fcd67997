//go:build linux

package match

import (
	"os"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// guarded gives memory between two pages that must not be touched.
func guarded(t *testing.T, pages int) []byte {
	t.Helper()
	page := os.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, (pages+2)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, guard := range [][]byte{mem[:page], mem[(pages+1)*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return mem[page : (pages+1)*page : (pages+1)*page]
}

// TestNothingOutsideTheLineIsRead: lines that end where their page ends, or begin where it begins.
func TestNothingOutsideTheLineIsRead(t *testing.T) {
	mem := guarded(t, 3)
	for i := range mem {
		mem[i] = sampleText[i%len(sampleText)]
	}
	rules := matchtest.Rules(150)
	for _, opt := range variants {
		s, err := Compile(rules, opt)
		if err != nil {
			t.Fatal(err)
		}
		m := s.NewMatcher()
		for n := 0; n <= len(mem); n++ {
			if n > 300 && n%97 != 0 && n != len(mem) && (n < maxBlocks*blockSize-2 || n > maxBlocks*blockSize+blockRead+2) {
				continue
			}
			if opt.NoDFA && n > 70 {
				break // the plain loop has nothing to show
			}
			m.Match(mem[len(mem)-n:], nil, nil)
			m.Match(mem[:n], nil, nil)
		}
	}
}

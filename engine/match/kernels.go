package match

import "math/bits"

// The assembly kernels test 32 positions at a time and know a block's bytes only: the code below cuts a line into
// blocks so that nothing behind its end is ever read. Lines shorter than a block, and positions too near the end, are
// left to plain Go.

const (
	blockSize = 32
	blockRead = blockSize + 3 // bytes that a block reads
	maxBlocks = 64            // of one call
	chunkRead = maxBlocks*blockSize + 3
)

// blocks is the output of a kernel.
type blocks [maxBlocks]uint32

// scanLiteralsFast is scanLiterals by the kernel; line has blockRead bytes at least.
func (m *Matcher) scanLiteralsFast() {
	g, line := m.set.grams, m.line
	for base := 0; ; base += maxBlocks * blockSize {
		base = min(base, len(line)-blockRead)
		chunk := line[base:min(len(line), base+chunkRead)]
		last := len(chunk) - blockRead
		gramBlocks(&chunk[0], last, g.stride, &g.bitmap, &m.blocks[0])
		for i, w := range m.blocks[:blockCount(last)] {
			for ; w != 0; w &= w - 1 {
				k := bits.TrailingZeros32(w)
				m.literalsAt(base + min(i*blockSize, last) + k>>3*g.stride + k&7*4)
			}
		}
		if base+len(chunk) == len(line) {
			return
		}
	}
}

// scanWindowsFast is scanWindows by the kernel; line has blockRead bytes at least.
func (m *Matcher) scanWindowsFast() {
	x, line := m.set.windows, m.line
	for k := range x.groups {
		g := &x.groups[k]
		done := 0 // positions before are tested
		for base := 0; ; base += maxBlocks * blockSize {
			base = min(base, len(line)-blockRead)
			chunk := line[base:min(len(line), base+chunkRead)]
			last := len(chunk) - blockRead
			windowBlocks(&chunk[0], last, &g.nibbles, &m.blocks[0])
			for i, w := range m.blocks[:blockCount(last)] {
				at := base + min(i*blockSize, last)
				w &= ^uint32(0) << max(0, done-at)
				for ; w != 0; w &= w - 1 {
					m.windowsAt(g, at+bits.TrailingZeros32(w))
				}
				done = at + blockSize
			}
			if base+len(chunk) == len(line) {
				break
			}
		}
		for ; done < len(line); done++ {
			m.windowsAt(g, done)
		}
	}
}

// blockCount is how many blocks a kernel writes: at 0, 32, ... and at last.
func blockCount(last int) int { return (last+blockSize-1)/blockSize + 1 }

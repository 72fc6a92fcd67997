package match

// The assembly kernels test 32 positions at a time and know a block's bytes only: the matcher cuts a line into
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

// blockCount is how many blocks a kernel writes: at 0, 32, ... and at last.
func blockCount(last int) int { return (last+blockSize-1)/blockSize + 1 }

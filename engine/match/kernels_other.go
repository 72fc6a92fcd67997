//go:build !amd64 || noasm

package match

// haveKernels: there is no assembly for this machine.
func haveKernels() bool { return false }

func gramBlocks(*byte, int, int, *gramBitmap, *uint32) { panic("match: no assembly here") }

func windowBlocks(*byte, int, *nibbleTables, *uint32) { panic("match: no assembly here") }

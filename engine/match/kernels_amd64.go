//go:build !noasm

package match

import "golang.org/x/sys/cpu"

// haveKernels: this machine runs the assembly.
func haveKernels() bool { return cpu.X86.HasAVX2 }

// gramBlocks looks up the grams of text in steps of stride (1, 2 or 4). Bit 8·o+l of a block's word is the gram
// at o·stride+4·l.
//
//go:noescape
func gramBlocks(text *byte, last, stride int, bitmap *gramBitmap, out *uint32)

// windowBlocks applies nibble tables. Bit k of a block's word is position k.
//
//go:noescape
func windowBlocks(text *byte, last int, tables *nibbleTables, out *uint32)

//go:build !noasm

#include "textflag.h"

// Both kernels walk a text in blocks of 32 positions, at 0, 32, 64, ..., and a last one at offset `last`, which may
// overlap the one before. The block at i reads the bytes i to i+34 and no others. For each block they write 32 bits to out.

DATA fold<>+0(SB)/4, $0x20202020
GLOBL fold<>(SB), RODATA|NOPTR, $4
DATA low5<>+0(SB)/4, $0x1f
GLOBL low5<>(SB), RODATA|NOPTR, $4
DATA factor<>+0(SB)/4, $0x9E3779B1
GLOBL factor<>(SB), RODATA|NOPTR, $4
DATA nibble<>+0(SB)/1, $0x0f
GLOBL nibble<>(SB), RODATA|NOPTR, $1

// PROBE looks up the eight grams at SI+AX+off, +4, ... in the bitmap: fold, multiply, 18 bits of hash; the word of 32
// bits by its upper 13, the bit by its lower 5, moved to the sign.
#define PROBE(off, result) \
	VMOVDQU off(SI)(AX*1), Y0 \
	VPOR Y15, Y0, Y0 \
	VPMULLD Y14, Y0, Y0 \
	VPSRLD $14, Y0, Y1 \
	VPSRLD $19, Y0, Y2 \
	VPCMPEQD Y3, Y3, Y3 \
	VPXOR Y4, Y4, Y4 \
	VPGATHERDD Y3, (R8)(Y2*4), Y4 \
	VPANDN Y13, Y1, Y1 \
	VPSLLVD Y1, Y4, Y4 \
	VMOVMSKPS Y4, result

// NEXT goes to the next block, the last one, or falls through.
#define NEXT(loop) \
	ADDQ $4, DI \
	CMPQ AX, DX \
	JGE 5(PC) \
	ADDQ $32, AX \
	CMPQ AX, DX \
	CMOVQGT DX, AX \
	JMP loop

// func gramBlocks(text *byte, last, stride int, bitmap *gramBitmap, out *uint32)
TEXT ·gramBlocks(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ last+8(FP), DX
	MOVQ stride+16(FP), BX
	MOVQ bitmap+24(FP), R8
	MOVQ out+32(FP), DI
	VPBROADCASTD fold<>(SB), Y15
	VPBROADCASTD factor<>(SB), Y14
	VPBROADCASTD low5<>(SB), Y13
	XORL AX, AX
	CMPQ BX, $2
	JLT one
	JEQ two

four:
	PROBE(0, R9)
	MOVL R9, (DI)
	NEXT(four)
	VZEROUPPER
	RET

two:
	PROBE(0, R9)
	PROBE(2, R10)
	SHLL $8, R10
	ORL R10, R9
	MOVL R9, (DI)
	NEXT(two)
	VZEROUPPER
	RET

one:
	PROBE(0, R9)
	PROBE(1, R10)
	PROBE(2, R11)
	PROBE(3, R12)
	SHLL $8, R10
	SHLL $16, R11
	SHLL $24, R12
	ORL R10, R9
	ORL R12, R11
	ORL R11, R9
	MOVL R9, (DI)
	NEXT(one)
	VZEROUPPER
	RET

// CLASS gives in result the buckets that take the bytes at SI+AX+off, by the tables lo and hi.
#define CLASS(off, lo, hi, temp, result) \
	VMOVDQU off(SI)(AX*1), result \
	VPSRLW $4, result, temp \
	VPAND Y15, result, result \
	VPAND Y15, temp, temp \
	VPSHUFB result, lo, result \
	VPSHUFB temp, hi, temp \
	VPAND temp, result, result

// func windowBlocks(text *byte, last int, tables *nibbleTables, out *uint32)
TEXT ·windowBlocks(SB), NOSPLIT, $0-32
	MOVQ text+0(FP), SI
	MOVQ last+8(FP), DX
	MOVQ tables+16(FP), BX
	MOVQ out+24(FP), DI
	VPBROADCASTB nibble<>(SB), Y15
	VPXOR Y14, Y14, Y14
	VMOVDQU 0(BX), Y0
	VMOVDQU 32(BX), Y1
	VMOVDQU 64(BX), Y2
	VMOVDQU 96(BX), Y3
	VMOVDQU 128(BX), Y4
	VMOVDQU 160(BX), Y5
	VMOVDQU 192(BX), Y6
	VMOVDQU 224(BX), Y7
	XORL AX, AX

block:
	CLASS(0, Y0, Y1, Y12, Y8)
	CLASS(1, Y2, Y3, Y13, Y9)
	VPAND Y9, Y8, Y8
	CLASS(2, Y4, Y5, Y12, Y10)
	CLASS(3, Y6, Y7, Y13, Y11)
	VPAND Y11, Y10, Y10
	VPAND Y10, Y8, Y8
	VPCMPEQB Y14, Y8, Y8
	VPMOVMSKB Y8, R9
	NOTL R9
	MOVL R9, (DI)
	NEXT(block)
	VZEROUPPER
	RET

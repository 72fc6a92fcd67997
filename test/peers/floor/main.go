// The floor is a plugin in Go that does nothing with its chunks, or reads each of their bytes once: no plugin in Go can cost less, and none that looks at
// the lines less than the second.
package main

import "C"

import (
	"bytes"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

// reads is whether the bytes of a chunk are read.
var reads bool

// found keeps the compiler from leaving the reading out.
var found int

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return output.FLBPluginRegister(def, "floor", "Nothing")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	reads = output.FLBPluginConfigKey(plugin, "read") == "on"
	return output.FLB_OK
}

//export FLBPluginFlush
func FLBPluginFlush(data unsafe.Pointer, length C.int, _ *C.char) int {
	if reads {
		found += bytes.Count(unsafe.Slice((*byte)(data), int(length)), []byte{0})
	}
	return output.FLB_OK
}

//export FLBPluginExit
func FLBPluginExit() int { return output.FLB_OK }

func main() {}

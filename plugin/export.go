package main

/*
#include <signal.h>
#include <stdlib.h>
#include <string.h>

// The handlers of the Go runtime, which turn a bad memory access or a division by zero in Go code into a panic that can be recovered.
// Fluent Bit puts its own in their place whenever it handles SIGHUP or SIGCONT, and the next nil dereference would end the process.
static const int trigger_signals[2] = {SIGSEGV, SIGFPE};
static struct sigaction trigger_go_handlers[2];

static inline void trigger_save_handlers(void) {
	for (int i = 0; i < 2; i++) {
		sigaction(trigger_signals[i], NULL, &trigger_go_handlers[i]);
	}
}

static inline void trigger_restore_handlers(void) {
	for (int i = 0; i < 2; i++) {
		struct sigaction now;
		if (sigaction(trigger_signals[i], NULL, &now) == 0 && now.sa_sigaction != trigger_go_handlers[i].sa_sigaction) {
			sigaction(trigger_signals[i], &trigger_go_handlers[i], NULL);
		}
	}
}
*/
import "C"

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"

	"github.com/tinyforge/fluentbit-trigger/internal/fault"
)

// The exported functions are called by Fluent Bit; docs/decisions describes its guarantees for each. Every one of them restores the
// runtime's signal handlers, recovers panics, converts its arguments and delegates to the host.

//export FLBPluginPreRegister
func FLBPluginPreRegister(hotReload C.int) (rc C.int) {
	defer plugin.enter("FLBPluginPreRegister", func() { rc = rcOK })()
	fault.Inject("preregister")
	plugin.preRegister(hotReload != 0)
	return rcOK
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) (rc C.int) {
	defer plugin.enter("FLBPluginRegister", func() { rc = rcError })()
	fault.Inject("register")
	return C.int(output.FLBPluginRegister(def, "trigger", "Alerts straight from container logs"))
}

//export FLBPluginInit
func FLBPluginInit(instance unsafe.Pointer) (rc C.int) {
	defer plugin.enter("FLBPluginInit", func() { rc = plugin.failedInit() })()
	fault.Inject("init")
	key, ok := plugin.init(func(name string) string { return output.FLBPluginConfigKey(instance, name) })
	if !ok {
		return rcError
	}
	// fluent-bit-go never forgets a context, so it is given a number, and the instance behind it is forgotten at exit.
	output.FLBPluginSetContext(instance, key)
	return rcOK
}

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) (rc C.int) {
	// After a panic the chunk is not handed over again: part of it may have been evaluated, and no line may count twice.
	defer plugin.enter("FLBPluginFlushCtx", func() { rc = rcOK })()
	fault.Inject("flush")
	key, ok := output.FLBPluginGetContext(ctx).(instanceKey)
	if !ok || data == nil || length <= 0 {
		return rcOK
	}
	if plugin.flush(key, unsafe.Slice((*byte)(data), int(length)), C.GoString(tag)) {
		return rcOK
	}
	return output.FLB_RETRY
}

//export FLBPluginOutputPreExit
func FLBPluginOutputPreExit(hotReload C.int) (rc C.int) {
	defer plugin.enter("FLBPluginOutputPreExit", func() { rc = rcOK })()
	fault.Inject("preexit")
	return rcOK
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) (rc C.int) {
	defer plugin.enter("FLBPluginExitCtx", func() { rc = rcOK })()
	fault.Inject("exit")
	// A dry run exits without Init: there is no context then.
	if key, ok := output.FLBPluginGetContext(ctx).(instanceKey); ok {
		plugin.exit(key)
	}
	return rcOK
}

//export FLBPluginExit
func FLBPluginExit() (rc C.int) {
	defer plugin.enter("FLBPluginExit", func() { rc = rcOK })()
	fault.Inject("exit")
	plugin.exitAll()
	return rcOK
}

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) {
	defer plugin.enter("FLBPluginUnregister", func() {})()
	fault.Inject("unregister")
	output.FLBPluginUnregister(def)
}

type cInt = C.int

const (
	rcOK    cInt = output.FLB_OK
	rcError cInt = output.FLB_ERROR
)

func saveHandlers() { C.trigger_save_handlers() }

func restoreHandlers() { C.trigger_restore_handlers() }

// main is never called: Fluent Bit loads this package as a shared object.
func main() {}

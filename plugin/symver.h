// Included before each C file of the shared object, those of Go's runtime among them (Makefile, test/pluginhost).
//
// glibc moved pthreads into libc in 2.32 and 2.34 and gave the functions a new version each. A linker takes the newest, and the object then loads on no
// older system, although it needs nothing that came later. These lines ask for the first version, which every glibc still has. test/artifacts reads what
// is built and fails if anything above GLIBC_2.17 is asked for. See docs/decisions/0038-artifacts.md.

#if defined(__linux__) && !defined(__ASSEMBLER__)

// features.h counts what is defined when it is first read. Go's files define this one, without a value, but only after this file.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <features.h>

// musl has no versions, and other architectures began later.
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__ILP32__)
#define FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__GLIBC__) && defined(__aarch64__) && !defined(__ILP32__)
#define FIRST_GLIBC "GLIBC_2.17"
#endif

#ifdef FIRST_GLIBC
#define PIN(name) __asm__(".symver " #name "," #name "@" FIRST_GLIBC)
PIN(pthread_attr_getstack);
PIN(pthread_attr_getstacksize);
PIN(pthread_create);
PIN(pthread_detach);
PIN(pthread_getattr_np);
PIN(pthread_key_create);
PIN(pthread_setspecific);
PIN(pthread_sigmask);
#undef PIN
#undef FIRST_GLIBC
#endif

#endif

// Package artifacts tests what is handed out: the shared object as a loader sees it, and what "make dist" made.
package artifacts

// Package browser drives the page of the administration in a headless Chromium, by its keyboard, as people do. It is a module of its own, so that what
// speaks to the browser is no dependency of the program.
package browser

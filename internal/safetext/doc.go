// Package safetext cleans untrusted text (log lines, names, labels, responses of receivers), the same way everywhere.
//
//   - Line returns the text of a line for rules: without its line end and without terminal sequences. All code that turns lines into records uses
//     it, so a line hits the same rules in the plugin, in the standalone mode, in a backtest, in a test and in explain.
//   - Visible returns a text that is safe to show on a terminal, on a page or in a log: it escapes characters that would move, hide, recolour or
//     reorder other text.
//
// It imports no other package of this project and has no state.
package safetext

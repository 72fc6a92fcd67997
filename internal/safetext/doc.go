// Package safetext makes text from outside (log lines, names, labels, answers of receivers) fit for use, the same way everywhere.
//
//   - Line gives the text of a line as rules see it: without its line end and without terminal sequences. Every path that makes records of lines
//     uses it, so a line hits the same rules in the plugin, in the standalone mode, in a backtest, in a test and in an explanation.
//   - Visible gives a text as a terminal, a page or a log may show it: whatever would move, hide, recolour or reorder other text is written out.
//
// It imports nothing of ours and keeps no state.
package safetext

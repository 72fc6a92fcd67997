// Package starter makes a first configuration. It looks at the containers of an engine and at the last lines of their logs, chooses rule packs by both, and
// writes a document with comments: a trigger, the packs, and the most frequent lines as rules that are commented out.
//
// Names and lines of containers are hostile: in the document they are visible texts in comments, and secrets in them are masked. The document holds no
// secret of the trigger; these are in files of their own, which the caller writes.
package starter

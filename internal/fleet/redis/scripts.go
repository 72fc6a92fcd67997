package redis

import (
	"crypto/sha1" //nolint:gosec // the protocol names scripts by it
	"embed"
	"encoding/hex"
	"fmt"
)

//go:embed lua/*.lua
var files embed.FS

// script is a script with its name on the server, which follows from its text: servers of two versions side by side hold both.
type script struct {
	name, text, hash string
}

// compile returns a script of its parts, which follow the prelude.
func compile(prelude string, parts ...string) (*script, error) {
	text := prelude
	for _, part := range parts {
		source, err := files.ReadFile("lua/" + part + ".lua")
		if err != nil {
			return nil, err
		}
		text += string(source)
	}
	sum := sha1.Sum([]byte(text)) //nolint:gosec // as above
	return &script{parts[len(parts)-1], text, hex.EncodeToString(sum[:])}, nil
}

// scripts are all there are.
type scripts struct {
	claim, give, take, settle, renew, view, closeWindow        *script
	due, list, account, mark, see, seeImage                    *script
	tally, cross                                               *script
	hear, takeAbsence, settleAbsence                           *script
	step, follow, wait, takeWait, settleWait                   *script
	note, end, index, indexed                                  *script
	beat, nodes, keeper, pull, putSilence, dropSilence, closed *script
}

func newScripts() (*scripts, error) {
	source, err := files.ReadFile("lua/prelude.lua")
	if err != nil {
		return nil, err
	}
	return newScriptsWith(string(source))
}

func newScriptsWith(prelude string) (*scripts, error) {
	var s scripts
	for to, parts := range map[**script][]string{
		&s.claim: {"length", "window", "incident", "claim"}, &s.give: {"length", "window", "give"}, &s.take: {"length", "window", "take"},
		&s.settle: {"length", "window", "incident", "settle"}, &s.renew: {"length", "window", "renew"}, &s.view: {"length", "window", "view"},
		&s.note: {"length", "window", "incident", "note"}, &s.end: {"length", "window", "end"}, &s.index: {"index"}, &s.indexed: {"indexed"},
		&s.closeWindow: {"length", "window", "close"}, &s.due: {"due"}, &s.list: {"list"}, &s.account: {"account"}, &s.mark: {"length", "mark"},
		&s.tally: {"tally"}, &s.cross: {"length", "cross"},
		&s.see: {"see"}, &s.seeImage: {"seeimage"}, &s.hear: {"absence", "hear"}, &s.takeAbsence: {"absence", "takeabsence"}, &s.settleAbsence: {"absence", "settleabsence"},
		&s.step: {"sequence", "step"}, &s.follow: {"follow"}, &s.wait: {"sequence", "wait"}, &s.takeWait: {"sequence", "takewait"},
		&s.settleWait: {"sequence", "settlewait"}, &s.beat: {"beat"}, &s.nodes: {"nodes"}, &s.keeper: {"keeper"}, &s.pull: {"shared", "pull"}, &s.putSilence: {"shared", "putsilence"},
		&s.dropSilence: {"shared", "dropsilence"}, &s.closed: {"shared", "closed"},
	} {
		compiled, err := compile(prelude, parts...)
		if err != nil {
			return nil, fmt.Errorf("script: %w", err)
		}
		*to = compiled
	}
	return &s, nil
}

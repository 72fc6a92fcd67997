//go:build !hyperscan

package main

import "fmt"

func newHyperscan(bool) func([]string, [][]byte) (matcher, error) {
	return func([]string, [][]byte) (matcher, error) {
		return nil, fmt.Errorf("%w: built without the tag hyperscan, which needs libhyperscan-dev", errAbsent)
	}
}

// Package problems groups stored alerts by the problem that they are about: alerts with the same key.
//
// An Index reads each alert of the store once, and keeps a few words of it: the last 5,000 alerts, whatever their number of problems. It decides
// nothing about alerts, and an alert that the store forgets first is left out.
package problems

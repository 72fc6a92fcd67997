// Package nodes tests nodes of one fleet as a whole: the pipeline, with its store and its triggers, over the engine in memory and a real Redis.
package nodes

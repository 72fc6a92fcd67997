// Package chunk turns the chunks that Fluent Bit hands over into records for the engine.
package chunk

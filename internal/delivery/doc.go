// Package delivery takes alerts and sees to it that they reach their triggers.
//
// It promises:
//
//   - An alert that Accept took is delivered at least once to each of its triggers, with one id, or it becomes a dead letter, or a bound
//     drops it; each of these is counted. After a delivery was recorded, its id is not sent to that trigger again.
//   - Accept never waits for the network. While the store does not work, alerts are kept in bounded memory, and Room refuses new ones.
//   - A trigger never delays another: each has its own worker, concurrency, rate, backoff and hold.
//   - Stop ends within the time of its context, and loses nothing that the store had taken.
//   - No panic of a sender leaves its attempt.
package delivery

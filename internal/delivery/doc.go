// Package delivery stores alerts and sends them to the receivers of their triggers.
//
// It promises:
//
//   - An accepted alert is sent at least once for each of its triggers, under one id; or it becomes a dead letter, or a bound drops it. Each of
//     these is counted. After a delivery was recorded, its id is not sent to that trigger again.
//   - Accept never waits for the network. While the store fails, alerts are kept in bounded memory, and Room refuses new ones.
//   - A trigger never delays another: each has its own worker, concurrency, rate, backoff and hold.
//   - Stop returns within the time of its context and loses no alert that is in the store.
//   - A panic of a sender ends only its attempt.
package delivery

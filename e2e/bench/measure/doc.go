// Package measure is the vocabulary of comparisons: what a process and a machine have spent, how two sides are timed
// beside each other, and how many figures become one.
//
// Source. Machines are noisy, above all shared ones: the same work takes half as long again a minute later. So both
// sides of a comparison run in the same run, in turns, each round in the other order, and what is told is the median of
// the rounds' ratios. CPU time comes from the kernel's own accounting, which other processes disturb least.
//
// Guarantees. Nothing here changes what is measured beyond reading a file of /proc or a counter of the runtime.
// Percentiles are values that were measured, never made up between two.
//
// Not guaranteed. That a ratio is right to the percent. CPU of other processes comes in steps of 10 ms, so less than a
// second of work is told roughly.
//
// Concurrency. Functions are safe for any number of goroutines; a Durations is its owner's alone.
//
// Bounds. A Durations holds every value that it was given, 8 bytes each.
package measure

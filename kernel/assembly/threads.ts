/*
 * How the threads of one operation keep step. Every thread runs the same exported function on the same shared memory; a phase hands
 * out its tasks by a counter, so that a thread which the machine slows down takes fewer, and ends at a barrier. Which thread does a
 * task never changes what it computes. Each word has a cache line of its own. The caller zeroes the first 256 bytes before it starts.
 */

const ARRIVED: usize = 0;
const GENERATION: usize = 64;
const NEXT_TASK: usize = 128;
const STATUS: usize = 192;

/** About 20 microseconds: longer than a barrier usually takes, shorter than to be put to sleep and woken. */
const SPINS: i32 = 2000;

export function nextTask(): i32 {
  return atomic.add<i32>(NEXT_TASK, 1);
}

/** The lowest code stays, so that the same failure is reported whichever thread is first. */
export function fail(code: i32): void {
  let known = atomic.load<i32>(STATUS);
  while (known === 0 || code < known) {
    const found = atomic.cmpxchg<i32>(STATUS, known, code);
    if (found === known) return;
    known = found;
  }
}

export function failed(): bool {
  return atomic.load<i32>(STATUS) !== 0;
}

/** Ends a phase: waits for all threads and starts the counter of tasks anew. */
export function barrier(threads: i32): void {
  const generation = atomic.load<i32>(GENERATION);
  if (atomic.add<i32>(ARRIVED, 1) === threads - 1) {
    atomic.store<i32>(ARRIVED, 0);
    atomic.store<i32>(NEXT_TASK, 0);
    atomic.add<i32>(GENERATION, 1);
    if (threads > 1) atomic.notify(GENERATION, threads);
    return;
  }
  for (let spin = 0; spin < SPINS; spin++) {
    if (atomic.load<i32>(GENERATION) !== generation) return;
  }
  while (atomic.load<i32>(GENERATION) === generation) atomic.wait<i32>(GENERATION, generation, -1);
}

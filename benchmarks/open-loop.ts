/** Latencies in ms, of requests that were sent on time whatever became of those before. */
export interface Latencies {
  readonly sorted: Float64Array;
  readonly failures: number;
}

export function percentile({ sorted }: Latencies, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function pooled(parts: readonly Latencies[]): Latencies {
  return {
    sorted: Float64Array.from(parts.flatMap(({ sorted }) => [...sorted])).sort(),
    failures: parts.reduce((sum, { failures }) => sum + failures, 0),
  };
}

/**
 * Sends requests at random moments (a Poisson process, as visitors come) at a mean rate, and counts each from the moment that it was due:
 * a server that stalls makes those behind it wait too, which a loop that waits for each answer would never see ("coordinated omission").
 */
export async function openLoop(
  ratePerSecond: number,
  seconds: number,
  random: () => number,
  send: () => Promise<unknown>,
): Promise<Latencies> {
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  let failures = 0;
  const began = performance.now();
  let due = began;
  while (due < began + 1000 * seconds) {
    const moment = due;
    const wait = moment - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // Timers are up to a millisecond or two late by themselves: that is not the server's.
    const counted = Math.min(performance.now(), moment + 2);
    const one = send()
      .then(() => void latencies.push(performance.now() - counted))
      .catch(() => {
        failures += 1;
      })
      .finally(() => void open.delete(one));
    open.add(one);
    due += (-Math.log(1 - random()) * 1000) / ratePerSecond;
  }
  await Promise.all(open);
  return { sorted: Float64Array.from(latencies).sort(), failures };
}

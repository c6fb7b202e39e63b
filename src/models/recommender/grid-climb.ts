/** Values of each option, in an order in which the score has one peak (about). */
export type Axes = Readonly<Record<string, readonly number[]>>;

export interface Climbed {
  readonly point: Readonly<Record<string, number>>;
  readonly score: number;
  /** Points that were scored. */
  readonly tried: number;
}

/**
 * The best point of a grid by going along one axis at a time, from `start` uphill, until a round over all axes changes nothing. Scores
 * each point once. On a grid with one peak that no diagonal hides this is the best; it asks for a tenth of the points.
 * @param start a value of each axis
 */
export async function climbGrid(
  axes: Axes,
  start: Readonly<Record<string, number>>,
  score: (point: Readonly<Record<string, number>>) => Promise<number>,
): Promise<Climbed> {
  const names = Object.keys(axes);
  const known = new Map<string, number>();
  const ask = async (at: Readonly<Record<string, number>>): Promise<number> => {
    const key = names.map((name) => at[name]).join('|');
    const value = known.get(key) ?? (await score(toPoint(at)));
    known.set(key, value);
    return value;
  };
  const toPoint = (at: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, axes[name]![at[name]!]!]));
  let at: Record<string, number> = Object.fromEntries(
    names.map((name) => [name, axes[name]!.indexOf(start[name]!)]),
  );
  let best = await ask(at);
  for (let moved = true; moved; ) {
    moved = false;
    for (const name of names) {
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
  return { point: Object.freeze(toPoint(at)), score: best, tried: known.size };
}

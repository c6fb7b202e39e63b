import { AppError } from '../errors.ts';
import { type SelectionOptions, type SelectionRecord, selectSimplest } from './selection.ts';

/** What each candidate said at a past cut-off, from what came before it, and what came then. */
export interface JudgedWindow<Name extends string = string> {
  /** By candidate, from the simplest; one value a customer. */
  readonly predicted: ReadonlyMap<Name, Float64Array>;
  readonly outcome: Uint8Array;
  /** Whose row it is. */
  readonly customers: Int32Array;
}

function joined<To extends Float64Array | Uint8Array | Uint32Array>(
  into: To,
  parts: readonly ArrayLike<number>[],
): To {
  let offset = 0;
  for (const part of parts) {
    into.set(part, offset);
    offset += part.length;
  }
  return into;
}

/**
 * Chooses by several windows instead of one, which is a noisy judge: rows of all of them together, those of one customer drawn together.
 * The newest window says who the candidates are; older ones are heard as long as they have judged all of these.
 * @param windows newest first
 * @throws AppError MODEL_BAD_INPUT for no windows and what `selectSimplest` refuses.
 */
export function selectOverWindows(
  windows: readonly JudgedWindow[],
  options: Omit<SelectionOptions, 'groups'> = {},
): SelectionRecord {
  const [newest] = windows;
  if (!newest) throw new AppError('MODEL_BAD_INPUT', 'There is no past window to choose by.');
  const names = [...newest.predicted.keys()];
  const silent = windows.findIndex(({ predicted }) => names.some((name) => !predicted.has(name)));
  const heard = silent === -1 ? windows : windows.slice(0, silent);
  const rows = heard.reduce((sum, { outcome }) => sum + outcome.length, 0);
  const candidates = names.map((name) => ({
    name,
    predicted: joined(
      new Float64Array(rows),
      heard.map(({ predicted }) => predicted.get(name)!),
    ),
  }));
  const outcome = joined(
    new Uint8Array(rows),
    heard.map((window) => window.outcome),
  );
  const groups = joined(
    new Uint32Array(rows),
    heard.map(({ customers }) => customers),
  );
  return selectSimplest(candidates, outcome, { ...options, groups });
}

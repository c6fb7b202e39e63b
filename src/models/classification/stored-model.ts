import { AppError } from '../../errors.ts';
import { readModelJson } from '../model-json.ts';

interface Limits {
  min?: number;
  max?: number;
  integer?: boolean;
  length?: number;
}

/** Reads fields of a stored model one by one; each throws AppError MODEL_BAD_INPUT for what is not as asked. */
export interface StoredModel<Diagnostics> {
  readonly diagnostics: Diagnostics;
  number(field: string, limits?: Limits): number;
  numbers(field: string, limits?: Limits): Float64Array;
  /** A list of lists of numbers, the limits being those of each inner list. */
  lists(field: string, length: number, limits?: Limits): Float64Array[];
  names(field: string): readonly string[];
  fail(what: string): never;
}

function isWithin(
  value: unknown,
  { min = -Infinity, max = Infinity, integer = false }: Limits,
): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return value >= min && value <= max && (!integer || Number.isInteger(value));
}

/**
 * Opens `{model, version, parameters, diagnostics}` whose parameters are arrays (readModelJson knows single numbers).
 * @throws AppError MODEL_BAD_INPUT for another model or version.
 */
export function openStoredModel<Diagnostics extends object>(
  json: unknown,
  model: string,
  version: number,
): StoredModel<Diagnostics> {
  const { diagnostics } = readModelJson<Record<never, never>, Diagnostics>(json, model, version, {});
  const { parameters } = json as { parameters: Record<string, unknown> };
  const fail = (what: string): never => {
    throw new AppError('MODEL_BAD_INPUT', `Not a stored ${model} model of version ${version}: ${what}.`, {
      details: { model, version },
      hint: 'Fit the model again with this version of the program.',
    });
  };
  const toNumbers = (field: string, value: unknown, limits: Limits): Float64Array => {
    if (!Array.isArray(value) || !value.every((item) => isWithin(item, limits))) {
      return fail(`parameter ${field} is no list of numbers within its limits`);
    }
    if (limits.length !== undefined && value.length !== limits.length) {
      return fail(`parameter ${field} has ${value.length} values instead of ${limits.length}`);
    }
    return Float64Array.from(value);
  };
  return {
    diagnostics,
    fail,
    number: (field, limits = {}) => {
      const value = parameters[field];
      return isWithin(value, limits) ? value : fail(`parameter ${field} is ${JSON.stringify(value)}`);
    },
    numbers: (field, limits = {}) => toNumbers(field, parameters[field], limits),
    lists: (field, length, limits = {}) => {
      const value = parameters[field];
      if (!Array.isArray(value) || value.length !== length)
        return fail(`parameter ${field} is no list of ${length}`);
      return value.map((list) => toNumbers(field, list, limits));
    },
    names: (field) => {
      const value = parameters[field];
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
        return fail(`parameter ${field} is no list of names`);
      }
      return Object.freeze([...value]);
    },
  };
}

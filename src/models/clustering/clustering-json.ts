import { AppError } from '../../errors.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The array of `length` finite numbers under a name. @throws AppError MODEL_BAD_INPUT */
export function readNumbers(json: Record<string, unknown>, name: string, length: number): number[] {
  const values = json[name];
  if (!Array.isArray(values) || values.length !== length || !values.every(Number.isFinite)) {
    throw new AppError(
      'MODEL_BAD_INPUT',
      `Not a stored clustering: ${name} must be ${length} finite numbers.`,
      {
        hint: 'Fit the model again with this version of the program.',
      },
    );
  }
  return values;
}

/** The finite number under a name. @throws AppError MODEL_BAD_INPUT */
export function readNumber(json: Record<string, unknown>, name: string): number {
  const value = json[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new AppError('MODEL_BAD_INPUT', `Not a stored clustering: ${name} is ${JSON.stringify(value)}.`, {
      hint: 'Fit the model again with this version of the program.',
    });
  }
  return value;
}

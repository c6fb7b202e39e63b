import { AppError } from '../errors.ts';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What each stored parameter has to be. */
type ParameterDomains<Parameters> = { readonly [Name in keyof Parameters]: 'positive' | 'real' };

function inDomain(value: unknown, domain: 'positive' | 'real'): value is number {
  return typeof value === 'number' && Number.isFinite(value) && (domain === 'real' || value > 0);
}

/**
 * Reads `{model, version, parameters, diagnostics}` and checks that it is the model and version asked for and that
 * every parameter lies in its domain.
 * @throws AppError MODEL_BAD_INPUT
 */
export function readModelJson<Parameters extends object, Diagnostics extends object>(
  json: unknown,
  model: string,
  version: number,
  domains: ParameterDomains<Parameters>,
): { parameters: Parameters; diagnostics: Diagnostics } {
  const fail = (what: string): never => {
    throw new AppError('MODEL_BAD_INPUT', `Not a stored ${model} model of version ${version}: ${what}.`, {
      details: { model, version },
      hint: 'Fit the model again with this version of the program.',
    });
  };
  if (!isRecord(json)) return fail('it is no object');
  if (json['model'] !== model) return fail(`its model is ${JSON.stringify(json['model'])}`);
  if (json['version'] !== version) return fail(`its version is ${JSON.stringify(json['version'])}`);
  const { parameters: stored, diagnostics } = json;
  if (!isRecord(stored) || !isRecord(diagnostics)) return fail('parameters or diagnostics are missing');
  const parameters: Record<string, number> = {};
  for (const [name, domain] of Object.entries<'positive' | 'real'>(domains)) {
    const value = stored[name];
    if (!inDomain(value, domain)) return fail(`parameter ${name} is ${JSON.stringify(value)}`);
    parameters[name] = value;
  }
  return { parameters: parameters as Parameters, diagnostics: { ...diagnostics } as Diagnostics };
}

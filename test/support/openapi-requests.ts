import fc from 'fast-check';
import type { InjectOptions } from 'fastify';

export interface JsonSchema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
}

/** What has broken servers before: quotes of SQL, NUL, halves of surrogate pairs, format strings, numbers at the edges, paths. */
const hostileText = fc.oneof(
  fc.constantFrom(
    "' OR 1=1 --",
    "'; DROP TABLE app_schema.users; --",
    '$$',
    '\u0000',
    '\ud800',
    '%',
    '\\',
    '_',
    '../../etc/passwd',
    '{"a":',
    '{"__proto__":{"x":1}}',
    '%s%n',
    '-0',
    'NaN',
    'Infinity',
    '1e308',
    '9999999999999999999',
    '-9223372036854775809',
    '0000-01-01',
    '9999-12-31',
    '10000-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '0001-01-01T00:00:00Z',
    '٣',
    '\u202e',
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ maxLength: 3000 }),
);
const hostileJson = fc.oneof(hostileText, fc.jsonValue({ maxDepth: 4 }), fc.double(), fc.maxSafeInteger());

function valid(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(valid));
  switch (schema.type) {
    case 'integer':
      return fc.oneof(
        fc.integer({
          min: Math.max(schema.minimum ?? -1000, -1000),
          max: Math.min(schema.maximum ?? 1000, 1000),
        }),
        fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 0),
      );
    case 'number':
      return fc
        .double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true })
        .map((x) => Number(x.toFixed(4)));
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valid(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 5 });
    case 'object':
      return object(schema, valid);
    case 'string':
      return validText(schema);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function validText({ format, pattern, minLength, maxLength }: JsonSchema): fc.Arbitrary<string> {
  const moments = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  if (format === 'date') return moments.map((moment) => moment.toISOString().slice(0, 10));
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return moments.map((moment) => moment.toISOString());
  // What node:crypto would take a tenth of a second for stays rare: most passwords here are too short.
  const plain = fc.string({ minLength: minLength ?? 0, maxLength: Math.min(maxLength ?? 20, 20) });
  // fast-check makes no text from a pattern with classes of Unicode.
  if (pattern?.includes('\\p{')) return fc.oneof(fc.constantFrom('shop', 'Магазин-1', 'my shop.2'), plain);
  return pattern && pattern !== '^[^\\u0000]*$'
    ? fc.oneof(
        fc.stringMatching(new RegExp(pattern.replace('{0,99}', '{0,9}').replace('{1,400}', '{1,40}'), 'u')),
        plain,
      )
    : plain;
}

function object(schema: JsonSchema, value: (schema: JsonSchema) => fc.Arbitrary<unknown>) {
  const properties = Object.entries(schema.properties ?? {}).map(([name, each]) => [name, value(each)]);
  return fc.record(Object.fromEntries(properties), { requiredKeys: (schema.required ?? []) as never[] });
}

/** Most of the request is right and some of it is not: what is wrong altogether never gets past the door. */
function mixed(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: valid(schema) }, { weight: 1, arbitrary: hostileJson });
}

/** A text that holds JSON says so to people only. */
function asked(name: string, schema: JsonSchema): fc.Arbitrary<unknown> {
  const json = fc.constantFrom('{}', '{"country":"DE"}', '{"a":[1,{"b":null}]}');
  return name === 'profile' ? fc.oneof(json, mixed(schema)) : mixed(schema);
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

/** encodeURIComponent throws for half a surrogate pair; a client that writes bytes does not. */
function encode(text: string): string {
  return /\p{Surrogate}/u.test(text) ? '%ed%a0%80' : encodeURIComponent(text);
}

function bodyOf(operation: Operation): fc.Arbitrary<Pick<InjectOptions, 'payload' | 'headers'>> {
  const schema = operation.requestBody?.content['application/json']?.schema;
  if (!schema) return fc.constant({});
  const json = fc.oneof(
    { weight: 6, arbitrary: valid(schema) },
    { weight: 3, arbitrary: object(schema, mixed) },
    { weight: 1, arbitrary: hostileJson },
  );
  const payload = fc.oneof(
    { weight: 20, arbitrary: json.map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: hostileText },
  );
  const type = fc.oneof(
    { weight: 20, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'application/xml', 'application/json; charset=utf-16'),
    },
  );
  return fc.record({ payload, headers: type.map((each) => ({ 'content-type': each })) });
}

/** Requests to one operation of an OpenAPI document, from its schemas: valid ones, hostile ones, and such that are a bit of both. */
export function requestsOf(method: string, path: string, operation: Operation): fc.Arbitrary<InjectOptions> {
  const parameters = operation.parameters ?? [];
  const of = (place: string) => parameters.filter((each) => each.in === place);
  const params = fc.record(Object.fromEntries(of('path').map(({ name, schema }) => [name, mixed(schema)])));
  // Few at a time: each of a dozen at once, one would always be wrong.
  const query = fc
    .subarray(of('query'), { maxLength: Math.min(3, of('query').length) })
    .chain((some) =>
      fc.record(Object.fromEntries(some.map(({ name, schema }) => [name, asked(name, schema)]))),
    );
  const extra = fc.oneof(
    { weight: 14, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('x', 'limit', '__proto__', 'a[b]'), hostileText) },
  );
  return fc.tuple(params, query, extra, bodyOf(operation)).map(([values, given, more, body]) => {
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encode(asText(values[name])) || '%20');
    const pairs = [...Object.entries(given), ...(more ? [more] : [])];
    const search = pairs.map(([name, value]) => `${encode(name)}=${encode(asText(value))}`).join('&');
    return { method: method.toUpperCase() as 'GET', url: search ? `${url}?${search}` : url, ...body };
  });
}

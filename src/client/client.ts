import type { Operations } from './api-types.ts';

type Route = keyof Operations & string;
type Given<R extends Route, Part extends string> = Part extends keyof Operations[R]
  ? Operations[R][Part]
  : undefined;
/** A part that is there is asked for; one that is not cannot be given. */
type Part<R extends Route, Name extends 'params' | 'query' | 'body'> =
  Given<R, Name> extends undefined
    ? { [K in Name]?: undefined }
    : Record<string, never> extends Given<R, Name>
      ? { [K in Name]?: Given<R, Name> }
      : { [K in Name]: Given<R, Name> };
export type RequestOf<R extends Route> = Part<R, 'params'> & Part<R, 'query'> & Part<R, 'body'>;
export type AnswerOf<R extends Route> = Operations[R]['answer'];

/** What went wrong, as the server says it: RFC 9457. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;

  constructor(status: number, problem: { code?: string; detail?: string; hint?: string; instance?: string }) {
    super(problem.detail ?? `HTTP ${status}`);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = problem.code ?? 'INTERNAL';
    this.hint = problem.hint;
    this.requestId = problem.instance;
  }
}

export interface ClientOptions {
  /** Of a program. A page that logged in leaves it out: the browser sends the cookie. */
  key?: string;
  /** Of a page that logged in: `csrf_token` of GET /api/session, needed for changes. */
  csrfToken?: () => string | undefined;
  fetch?: typeof fetch;
}

interface Loose {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

function urlOf(base: string, path: string, { params, query }: Loose): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params?.[name])));
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const texts = given.map(([name, value]): [string, string] => [name, String(value)]);
  const search = new URLSearchParams(texts).toString();
  return `${base.replace(/\/$/, '')}${filled}${search ? `?${search}` : ''}`;
}

/**
 * A client whose routes, parameters and answers are those of the OpenAPI document: `call('GET /api/users/{id}', { params: { id: 4 } })`.
 * Runs in browsers and in Node. @throws ApiProblem for any answer but 2xx
 */
export function createClient(baseUrl: string, options: ClientOptions = {}) {
  const send = options.fetch ?? fetch;
  return async <R extends Route>(route: R, request: RequestOf<R>): Promise<AnswerOf<R>> => {
    const [method, path] = route.split(' ') as [string, string];
    const loose = request as Loose;
    const headers: Record<string, string> = {};
    if (options.key) headers['authorization'] = `Bearer ${options.key}`;
    const csrfToken = method === 'GET' ? undefined : options.csrfToken?.();
    if (csrfToken) headers['x-csrf-token'] = csrfToken;
    if (loose.body !== undefined) headers['content-type'] = 'application/json';
    const body = loose.body === undefined ? {} : { body: JSON.stringify(loose.body) };
    const response = await send(urlOf(baseUrl, path, loose), { method, headers, ...body });
    const text = await response.text();
    const isJson =
      /json/.test(response.headers.get('content-type') ?? '') &&
      !/ndjson/.test(response.headers.get('content-type') ?? '');
    const answer = isJson && text ? JSON.parse(text) : text;
    if (!response.ok) throw new ApiProblem(response.status, isJson ? answer : {});
    return (text === '' ? undefined : answer) as AnswerOf<R>;
  };
}

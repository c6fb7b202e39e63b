import swagger, { type SwaggerTransform } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { Type } from 'typebox';

const anyCredentials = [{ bearer: [] }, { basic: [] }, { session: [] }];

type Responses = Record<string, object>;

const problem = {
  description: 'A problem by RFC 9457',
  content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
};

/** Routes say only that there is a problem; of what type it comes is said once. */
function withProblemType(responses: Responses): Responses {
  const entries = Object.entries(responses).map(([status, each]) => [
    status,
    Number(status) >= 400 ? problem : each,
  ]);
  return Object.fromEntries(entries);
}

/** What holds for every route of a kind stands at none of them: 400, 401, 403, 413, 415, 429 and the security requirement. */
const describeAccess: SwaggerTransform = ({ schema, url, route }) => {
  const scope = route.config?.scope;
  if (!schema || schema.hide) return { schema, url };
  const closed = scope === 'none' ? {} : { 401: problem, 403: problem };
  const withParams = schema.params ? { 414: problem } : {};
  const withBody = schema.body ? { 413: problem, 415: problem } : {};
  const needed = Array.isArray(scope) ? scope.join(' or ') : scope;
  const described: FastifySchema = {
    ...schema,
    security: scope === 'none' ? [] : anyCredentials,
    response: {
      ...withProblemType(schema.response as Responses),
      400: problem,
      ...closed,
      ...withBody,
      ...withParams,
      429: problem,
    },
    description: [schema.description, scope === 'none' ? undefined : `Scope: ${needed}.`]
      .filter(Boolean)
      .join(' '),
  };
  return { schema: described, url };
};

/** /docs for people, /openapi.json for programs: both from the schemas that validate. */
export async function registerDocumentation(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Customer Analyzer',
        version,
        description:
          'Segments, lifetime values, churn, purchase probabilities and recommendations, each with its reason.',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'A key: customer-analyzer keys create' },
          basic: { type: 'http', scheme: 'basic', description: 'The key as user name, no password' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: 'ca_session',
            description: 'A login; changes also need the header X-CSRF-Token',
          },
        },
      },
    },
    transform: describeAccess,
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (json['$id'] as string | undefined) ?? `def-${i}`,
    },
  });
  await app.register(async (scope) => {
    // The page's own files are open: they say nothing that the source code does not.
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, scope: 'none', rateLimit: false };
    });
    // Not the plugin's own policy (staticCSP): its upgrade-insecure-requests leaves the page blank over plain HTTP from another machine, and
    // it lets in a foreign validator. BaseLayout is the page without a bar that loads other documents.
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'Customer Analyzer: HTTP API' },
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, docExpansion: 'list' },
    });
  });
  app.get('/openapi.json', { config: { scope: 'none' }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-cache');
    return app.swagger();
  });
}

/** TypeScript from our OpenAPI document. Handles what the document has, and throws for what it has not: openapi-typescript needs the compiler's API, which TypeScript 7 no longer has. */

interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
}
interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
}

const key = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`);

function fields(properties: Record<string, Schema>, required: readonly string[], indent: string): string {
  const lines = Object.entries(properties).map(
    ([name, schema]) =>
      `${indent}  ${key(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema, `${indent}  `)};\n`,
  );
  return lines.length === 0 ? 'Record<string, never>' : `{\n${lines.join('')}${indent}}`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each, indent)).join(' | ');
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return `Array<${typeOf(schema.items ?? {}, indent)}>`;
    case 'object':
      return schema.properties
        ? fields(schema.properties, schema.required ?? [], indent)
        : 'Record<string, unknown>';
    case undefined:
      if (!schema.$ref) return 'unknown';
  }
  throw new Error(`no type for ${JSON.stringify(schema)}`);
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function answerOf(operation: Operation): string {
  const [, success] = Object.entries(operation.responses).find(([status]) => status.startsWith('2')) ?? [];
  const [content] = Object.values(success?.content ?? {});
  const type = content ? typeOf(content.schema, '    ') : 'undefined';
  return type === 'null' ? 'undefined' : type;
}

function operationOf(operation: Operation): string {
  const part = (place: string) => {
    const given = (operation.parameters ?? []).filter((each) => each.in === place);
    const properties = Object.fromEntries(given.map(({ name, schema }) => [name, schema]));
    const required = given.filter((each) => each.required).map(({ name }) => name);
    return given.length === 0 ? undefined : fields(properties, required, '    ');
  };
  const body = operation.requestBody?.content['application/json'];
  const parts = {
    params: part('path'),
    query: part('query'),
    body: body && typeOf(body.schema, '    '),
    answer: answerOf(operation),
  };
  const lines = Object.entries(parts).flatMap(([name, type]) => (type ? [`    ${name}: ${type};\n`] : []));
  return `{\n${lines.join('')}  }`;
}

export function clientTypes(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) =>
        `  /** ${operation.summary} */\n  '${method.toUpperCase()} ${path}': ${operationOf(operation)};\n`,
    ),
  );
  return `// Generated from the OpenAPI document: UPDATE_CLIENT=1 npx vitest run test/client.test.ts\n\nexport interface Operations {\n${operations.join('')}}\n`;
}

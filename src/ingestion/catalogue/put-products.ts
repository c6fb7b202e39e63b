import type pg from 'pg';
import { AppError } from '../../errors.ts';
import { withConnections } from '../connections.ts';
import { parseDecimal } from '../decimal.ts';
import { parseExactObject, stringifyExact } from '../exact-json.ts';
import type { ProductRow } from '../formats/format.ts';
import { readSettings } from '../queries.ts';
import { CatalogueLoader } from './loader.ts';
import { settleProducts } from './settle.ts';

/** What is left out stays as it is; `attributes` are merged into what is there. */
export interface ProductChange {
  product_id: string;
  name?: string;
  category?: string;
  price?: number;
  description?: string;
  stock?: number;
  is_merchandise?: boolean;
  attributes?: Record<string, unknown>;
}

export interface PutReport {
  accepted: number;
  unchanged: number;
  rejected: { index: number; code: string; reason: string }[];
}

/** @throws VALIDATION for attributes that PostgreSQL cannot store */
function attributesText(change: ProductChange, index: number): string | null {
  if (change.attributes === undefined) return null;
  const exact = exactObject(change.attributes);
  if (exact) return stringifyExact(exact);
  throw new AppError('VALIDATION', `items/${index}/attributes is nothing that PostgreSQL can store`, {
    hint: 'No NUL, no half of a surrogate pair, no deep nesting.',
  });
}

function exactObject(attributes: Record<string, unknown>): ReturnType<typeof parseExactObject> {
  try {
    return parseExactObject(JSON.stringify(attributes));
  } catch {
    // Nested so deep that there is no stack to write it.
    return null;
  }
}

function toRow(change: ProductChange, index: number): ProductRow {
  const price = change.price === undefined ? null : parseDecimal(String(change.price));
  return {
    externalId: change.product_id,
    name: change.name ?? null,
    category: change.category ?? null,
    price,
    description: change.description ?? null,
    stock: change.stock === undefined ? null : String(change.stock),
    isMerchandise: change.is_merchandise === undefined ? null : String(change.is_merchandise),
    attributes: attributesText(change, index),
  };
}

/** Adds or changes products by the source's own ids, as the import of a file does. Idempotent. One bad item stops none of the others. */
export async function putProducts(
  pool: pg.Pool,
  source: string,
  changes: readonly ProductChange[],
): Promise<PutReport> {
  const report: PutReport = { accepted: 0, unchanged: 0, rejected: [] };
  await withConnections(pool, 1, async ([client]) => {
    const { timeZone } = await readSettings(client as pg.PoolClient);
    const loader = new CatalogueLoader(
      { source, timeZone, settle: settleProducts, jsonField: 'attributes', dryRun: false },
      client as pg.PoolClient,
      {
        stored: (accepted, duplicates) => {
          report.accepted += accepted;
          report.unchanged += duplicates;
        },
        refused: ({ code, reason }, index) => void report.rejected.push({ index, code, reason }),
      },
    );
    for (const [index, change] of changes.entries()) {
      const row = toRow(change, index);
      if (change.price !== undefined && row.price === null)
        throw new AppError('VALIDATION', `items/${index}/price has more digits than are kept`);
      loader.add(row, index, '');
    }
    await loader.finish();
  });
  report.rejected.sort((a, b) => a.index - b.index);
  return report;
}

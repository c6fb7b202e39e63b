import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

export interface ProductState {
  readonly place: number;
  readonly productId: number;
  readonly name: string;
  readonly category: string | null;
  readonly price: string | null;
  /** What the values were read from; null where the shop set them. */
  readonly nameStamp: string | null;
  readonly categoryStamp: string | null;
  readonly priceStamp: string | null;
}

export async function findProductStates(
  client: Client,
  sources: readonly string[],
  externalIds: readonly string[],
): Promise<ProductState[]> {
  const result = await client.query({
    name: 'live-products',
    text: `SELECT g.place::integer - 1 AS place, p.product_id AS "productId", p.name, p.category, p.price::text,
        p.attributes ->> 'name_at' AS "nameStamp", p.attributes ->> 'category_at' AS "categoryStamp",
        p.attributes ->> 'price_at' AS "priceStamp"
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (source, external_id, place)
      JOIN app_schema.product_identities i ON i.source = g.source AND i.external_id = g.external_id
      JOIN app_schema.products p ON p.product_id = i.product_id`,
    values: [sources, externalIds],
  });
  return result.rows;
}

export interface ProductNews {
  readonly productId: number;
  /** Each null where nothing is news; the stamps say since when. */
  readonly name: string | null;
  readonly category: string | null;
  readonly price: string | null;
  readonly nameStamp: string;
  readonly categoryStamp: string;
  readonly priceStamp: string;
}

/** Each field is asked again whether it is news: another group may have been here since it was read. Locked first, in one order everywhere. */
export async function updateProducts(client: Client, news: readonly ProductNews[]): Promise<void> {
  const ids = news.map((row) => row.productId);
  const locked = client.query(
    'SELECT FROM app_schema.products WHERE product_id = ANY ($1::integer[]) ORDER BY product_id FOR NO KEY UPDATE',
    [ids],
  );
  const updated = client.query(
    `UPDATE app_schema.products p
     SET name = CASE WHEN w.name THEN w.new_name ELSE p.name END,
       category = CASE WHEN w.category THEN w.new_category ELSE p.category END,
       price = CASE WHEN w.price THEN w.new_price ELSE p.price END,
       attributes = coalesce(p.attributes, '{}')
         || CASE WHEN w.name THEN jsonb_build_object('name_at', w.name_stamp) ELSE '{}' END
         || CASE WHEN w.category THEN jsonb_build_object('category_at', w.category_stamp) ELSE '{}' END
         || CASE WHEN w.price THEN jsonb_build_object('price_at', w.price_stamp) ELSE '{}' END
     FROM (
       SELECT g.*, g.new_name IS NOT NULL AND CASE WHEN o.attributes ? 'name_at'
           THEN (g.name_stamp COLLATE "C", g.new_name COLLATE "C") > (o.attributes ->> 'name_at', o.name::text)
           -- The outside id served as name.
           ELSE EXISTS (SELECT FROM app_schema.product_identities i WHERE i.product_id = o.product_id AND i.external_id = o.name) END AS name,
         g.new_category IS NOT NULL AND CASE WHEN o.attributes ? 'category_at'
           THEN (g.category_stamp COLLATE "C", g.new_category COLLATE "C") > (o.attributes ->> 'category_at', o.category::text)
           ELSE o.category IS NULL END AS category,
         g.new_price IS NOT NULL AND CASE WHEN o.attributes ? 'price_at'
           THEN (g.price_stamp COLLATE "C", g.new_price) > (o.attributes ->> 'price_at', o.price)
           ELSE o.price IS NULL END AS price
       FROM unnest($1::integer[], $2::text[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::text[])
         AS g (product_id, new_name, new_category, new_price, name_stamp, category_stamp, price_stamp)
       JOIN app_schema.products o USING (product_id)
     ) w
     WHERE p.product_id = w.product_id AND (w.name OR w.category OR w.price)`,
    [
      ids,
      news.map((row) => row.name),
      news.map((row) => row.category),
      news.map((row) => row.price),
      news.map((row) => row.nameStamp),
      news.map((row) => row.categoryStamp),
      news.map((row) => row.priceStamp),
    ],
  );
  await Promise.all([locked, updated]);
}

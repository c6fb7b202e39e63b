export interface ProductContent {
  readonly name: string;
  readonly category: string | null;
  readonly price: number | null;
  readonly description: string | null;
  /** The product's JSON: scalars and arrays of scalars count, `brand` among them; what is deeper does not. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Terms by number, ascending, with weights of a vector of length 1. */
export interface SparseVector {
  readonly terms: Int32Array;
  readonly weights: Float32Array;
}

const WEIGHTS = { name: 1, description: 0.3, category: 1.5, attribute: 1, price: 0.5 };

/** Words that say nothing of a product; of both languages that shops here are written in. */
const stopWords = new Set(
  'the a an of and or for with in on to from by set и в во на с со для из от по к не или набор'.split(' '),
);

/** Endings of Russian nouns and adjectives, longest first: enough that красная and красный meet. */
const russianEnding =
  /(иями|ями|ами|ыми|ими|ого|его|ому|ему|иях|ией|ая|яя|ое|ее|ые|ие|ый|ий|ой|ых|их|ую|юю|ов|ев|ам|ям|ах|ях|ом|ем|ей|а|я|о|е|ы|и|у|ю|ь)$/;

/** Lower case, ё as е, plural and case endings off words that stay three letters long. */
export function normaliseWord(word: string): string {
  const lower = word.toLowerCase().replaceAll('ё', 'е');
  const stem = /[а-я]/.test(lower)
    ? lower.replace(russianEnding, '')
    : lower.replace(/(?:(?<=s|x|ch|sh)es|(?<!s)s)$/, '');
  return stem.length >= 3 ? stem : lower;
}

function wordsOf(text: string): string[] {
  return (text.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? [])
    .filter((word) => !stopWords.has(word.toLowerCase()))
    .map(normaliseWord)
    .filter((word) => word.length > 1);
}

/** A band is a factor of about 1.6: neighbours within a band or two cost about the same. */
function priceBand(price: number): number {
  return Math.round(2 * Math.log(price));
}

function termsOf(product: ProductContent): Map<string, number> {
  const terms = new Map<string, number>();
  const add = (term: string, weight: number) => terms.set(term, (terms.get(term) ?? 0) + weight);
  for (const word of wordsOf(product.name)) add(word, WEIGHTS.name);
  for (const word of wordsOf(product.description ?? '')) add(word, WEIGHTS.description);
  // Each level of a path like electronics.audio.headphone: the nearer two products stand, the more they share.
  const levels = (product.category ?? '')
    .toLowerCase()
    .split(/[./>|]+/)
    .map((level) => level.trim())
    .filter(Boolean);
  for (const depth of levels.keys())
    add(`category:${levels.slice(0, depth + 1).join('>')}`, WEIGHTS.category);
  if (product.price !== null && product.price > 0) {
    const band = priceBand(product.price);
    add(`price:${band}`, WEIGHTS.price);
    add(`price:${band + 1}`, WEIGHTS.price / 2);
  }
  for (const [key, value] of Object.entries(product.attributes)) {
    for (const each of Array.isArray(value) ? value : [value])
      if (['string', 'number', 'boolean'].includes(typeof each))
        add(`${key.toLowerCase()}=${String(each).toLowerCase().trim()}`, WEIGHTS.attribute);
  }
  return terms;
}

/** What more products than this have in common tells none of them apart; alone in a name it would make all of them the same. */
const TELLING_SHARE = 0.9;

/** TF-IDF vectors of length 1; the weight of a term is damped by a logarithm of its count. A product that says nothing has none. */
export function contentVectors(products: readonly ProductContent[]): SparseVector[] {
  const all = products.map(termsOf);
  const numbers = new Map<string, number>();
  const frequency: number[] = [];
  for (const terms of all) {
    for (const term of terms.keys()) {
      const number = numbers.get(term) ?? numbers.size;
      numbers.set(term, number);
      frequency[number] = (frequency[number] ?? 0) + 1;
    }
  }
  return all.map((terms) => {
    const entries = [...terms]
      .filter(([term]) => frequency[numbers.get(term)!]! <= TELLING_SHARE * products.length)
      .map(([term, count]): [number, number] => {
        const number = numbers.get(term)!;
        return [number, Math.log1p(count) * Math.log((products.length + 1) / frequency[number]!)];
      })
      .sort(([a], [b]) => a - b);
    const norm = Math.sqrt(entries.reduce((sum, [, weight]) => sum + weight * weight, 0)) || 1;
    return {
      terms: Int32Array.from(entries, ([number]) => number),
      weights: Float32Array.from(entries, ([, weight]) => weight / norm),
    };
  });
}

/** What share of a product's similarity comes from content: 1 with no history, a half at `halfAtUsers` customers, then towards 0. */
export function contentShare(users: number, halfAtUsers = 10): number {
  return halfAtUsers / (halfAtUsers + Math.max(0, users));
}

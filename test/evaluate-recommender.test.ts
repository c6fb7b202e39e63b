import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { evaluateFiles } from '../src/recommendations/evaluate-files.ts';
import { readRatings } from '../src/recommendations/rating-file.ts';
import { runCli } from './support/cli.ts';

/** Even users take even items, odd ones odd: each has seven of ten in the first file and two of the other three in the second. */
function checkerboard(): { train: string[]; test: string[] } {
  const [train, test] = [['user,item,rating,timestamp'], ['user,item,rating,timestamp']];
  for (let user = 0; user < 60; user++) {
    for (let k = 0; k < 9; k++) {
      const item = 2 * ((k + user) % 10) + (user % 2);
      (k < 7 ? train : test).push(`u${user},i${item},${1 + (k % 5)},${86_400 * (100 * user + k)}`);
    }
  }
  return { train, test };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-ratings-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const evaluate = (train: string, test: string, more: object = {}) =>
  evaluateFiles({ train, test, k: 3, repeats: false, algebra: plainLinearAlgebra, clock: () => 0, ...more });

describe('customer-analyzer evaluate recommender --train --test', () => {
  it('prints every model, the chosen one and the seconds as JSON, and needs no database', async () => {
    const { train, test } = checkerboard();
    const paths = [write('a.csv', train.join('\n')), write('b.csv', test.join('\n'))] as const;
    const args = ['evaluate', 'recommender', '--train', paths[0], '--test', paths[1], '--k', '3', '--json'];
    const { code, stdout, stderr } = await runCli(args, {
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    });
    expect(code, stderr).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer.k).toBe(3);
    expect(Object.keys(answer.models)).toEqual(Object.keys(answer.trainSeconds));
    expect(Object.keys(answer.models)).toContain(answer.chosen);
    for (const name of ['ease', 'sparse-ridge', 'als', 'item-knn', 'sar', 'ease+als']) {
      expect(answer.models[name].recall).toBe(1);
      expect(answer.models[name].ndcg).toBeGreaterThan(0.7);
    }
    expect(answer.models.popularity.recall).toBeLessThan(0.9);
  });

  it('gives the same answer for tabs, CRLF, a byte order mark, quotes, any order of columns and repeated lines', async () => {
    const { train, test } = checkerboard();
    const plain = await evaluate(write('c.csv', train.join('\n')), write('d.csv', test.join('\n')));
    const swapped = train.map((line) => {
      const [user, item, rating, time] = line.split(',');
      return [time, item, `"${user}"`, rating].join('\t');
    });
    swapped[0] = 'Timestamp\tITEM\tUser\trating';
    const odd = write('e.tsv', `\ufeff${[...swapped, swapped.at(-1)!].join('\r\n')}\r\n`);
    const same = await evaluate(odd, write('f.csv', [...test, test.at(-1)!].join('\n')));
    expect(same.models['ease']).toEqual(plain.models['ease']);
    expect(same.users).toBe(60);
  });

  it('gives an unknown user what is popular, and counts an unknown item as one that was missed', async () => {
    const train = write('g.csv', 'user,item\na,x\nb,x\nb,y\nc,x\nc,y\nd,x\nd,z\n');
    const known = await evaluate(train, write('h.csv', 'user,item\nstranger,x\n'), { k: 1 });
    for (const metrics of Object.values(known.models)) expect(metrics.ndcg).toBe(1);
    const half = await evaluate(train, write('i.csv', 'user,item\nstranger,x\nstranger,never\n'), { k: 2 });
    for (const metrics of Object.values(half.models)) expect(metrics.recall).toBe(0.5);
  });

  it('neither recommends nor asks for what a user has, but for --repeats', async () => {
    const train = write(
      'j.csv',
      'user,item,timestamp\na,x,1\na,x,100000\nb,x,5\nb,y,200000\nc,y,300000\nc,x,400000\n',
    );
    const test = write('k.csv', 'user,item,timestamp\na,x,500000\n');
    expect((await evaluate(train, test)).users).toBe(0);
    const repeats = await evaluate(train, test, { repeats: true });
    expect(repeats.models['buy-again']!.hitRate).toBe(1);
    expect(repeats.models['hybrid']).toBeDefined();
  });

  it.each([
    ['no item', 'user,product\na,b\n', 'IMPORT_HEADER', /no column item/],
    ['a column that it does not know', 'user,item,price\na,b,1\n', 'IMPORT_HEADER', /"price"/],
    ['semicolons', 'user;item\na;b\n', 'IMPORT_HEADER', /no column user and item/],
    ['nothing', '', 'IMPORT_FILE', /empty/],
    ['a header alone', 'user,item\n', 'IMPORT_FILE', /no rows/],
    ['a rating that is no number', 'user,item,rating\na,b,1\na,c,NaN\n', 'VALIDATION', /line 3.*"NaN"/],
    ['an empty rating', 'user,item,rating\na,b,\n', 'VALIDATION', /line 2/],
    ['a field too few', 'user,item,rating\na,b,1\n\na,b\n', 'VALIDATION', /line 4: 2 fields/],
    ['an empty user', 'user,item\n,b\n', 'VALIDATION', /line 2: the user is empty/],
    ['a missing item', 'user,item\na,nan\n', 'VALIDATION', /line 2: the item is nan/],
    ['an id without end', `user,item\na,${'9'.repeat(600)}\n`, 'VALIDATION', /line 2: the item is longer/],
    ['no moment', 'user,item,timestamp\na,b,yesterday\n', 'VALIDATION', /line 2.*yesterday/],
  ])('refuses a file with %s', async (_what, text, code, message) => {
    await expect(readRatings(write('bad.csv', text))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('takes ids of any length up to 500 as text: 01 is not 1, nor is a number beyond 2^53 its neighbour', async () => {
    const { rows } = await readRatings(
      write('l.csv', 'user,item,timestamp\n01,9007199254740993,2011-12-09 10:00:00\n1,9007199254740992,0\n'),
    );
    expect(new Set(rows.map(({ user }) => user)).size).toBe(2);
    expect(new Set(rows.map(({ item }) => item)).size).toBe(2);
    expect(rows[0]!.days).toBeCloseTo(Date.UTC(2011, 11, 9, 10) / 86_400_000, 9);
  });

  it('says what --validation temporal needs', async () => {
    const file = write('m.csv', 'user,item\na,b\n');
    await expect(evaluate(file, file, { validation: 'temporal' })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

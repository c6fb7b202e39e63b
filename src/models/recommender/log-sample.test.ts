import { expect, it } from 'vitest';
import { headOfLog, sampleCustomers } from './log-sample.ts';

const log = {
  itemCount: 9,
  offsets: Int32Array.of(0, 2, 2, 5, 6),
  items: Int32Array.of(0, 1, 2, 3, 4, 5),
  days: Float64Array.of(10, 11, 12, 13, 14, 15),
  kinds: Uint8Array.of(0, 2, 0, 0, 2, 1),
};

it('is the log itself where that is small enough', () => {
  expect(sampleCustomers(log, 6)).toBe(log);
});

it('takes every n-th customer with all of their history', () => {
  const { items, days, kinds, offsets, itemCount } = sampleCustomers(log, 3);
  expect(itemCount).toBe(9);
  expect([...offsets]).toEqual([0, 2, 5]);
  expect([...items]).toEqual([0, 1, 2, 3, 4]);
  expect([...days]).toEqual([10, 11, 12, 13, 14]);
  expect([...kinds]).toEqual([0, 2, 0, 0, 2]);
});

it('takes the first items, and of customers who touched none of them an empty row', () => {
  expect(headOfLog(log, 9)).toBe(log);
  const { items, days, kinds, offsets, itemCount } = headOfLog(log, 3);
  expect(itemCount).toBe(3);
  expect([...offsets]).toEqual([0, 2, 2, 3, 3]);
  expect([...items]).toEqual([0, 1, 2]);
  expect([...days]).toEqual([10, 11, 12]);
  expect([...kinds]).toEqual([0, 2, 0]);
});

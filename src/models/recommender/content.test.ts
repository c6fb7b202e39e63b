import { describe, expect, it } from 'vitest';
import {
  contentNeighbours,
  contentShare,
  contentVectors,
  normaliseWord,
  type ProductContent,
} from './content.ts';

const product = (name: string, more: Partial<ProductContent> = {}): ProductContent => ({
  name,
  category: null,
  price: null,
  description: null,
  attributes: {},
  ...more,
});

describe('words', () => {
  it('lose plural, case and gender in English and in Russian', () => {
    expect(normaliseWord('Lanterns')).toBe(normaliseWord('LANTERN'));
    expect(normaliseWord('boxes')).toBe(normaliseWord('box'));
    expect(normaliseWord('glass')).toBe('glass');
    expect(normaliseWord('красная')).toBe(normaliseWord('Красные'));
    expect(normaliseWord('свечами')).toBe(normaliseWord('свеча'));
    expect(normaliseWord('ёлки')).toBe(normaliseWord('елка'));
    expect(normaliseWord('чай')).toBe('чай');
  });
});

describe('similar by content', () => {
  const products = [
    product('Red metal lantern', { category: 'home.light', price: 5 }),
    product('White metal lanterns', { category: 'home.light', price: 5.5 }),
    product('Красная кружка', { category: 'кухня', attributes: { brand: 'Лада' } }),
    product('Кружки красные большие', { category: 'кухня', attributes: { brand: 'лада' } }),
    product('Paper napkins', { category: 'party', price: 1 }),
    product('!!!'),
  ];
  const { ids, weights } = contentNeighbours(contentVectors(products), 3);

  it('finds the pair in each language first, symmetrically, and nothing for what says nothing', () => {
    expect(ids[0]![0]).toBe(1);
    expect(ids[1]![0]).toBe(0);
    expect(ids[2]![0]).toBe(3);
    expect(ids[3]![0]).toBe(2);
    expect(weights[0]![0]).toBeCloseTo(weights[1]![0]!, 6);
    expect([...ids[5]!]).toEqual([]);
    for (const list of weights) for (const value of list) expect(value > 0 && value < 1.0001).toBe(true);
  });

  it('gives identical products similarity 1, and bears none', () => {
    const twins = contentNeighbours(
      contentVectors([product('Tea pot'), product('tea pots'), product('Cake')]),
      2,
    );
    expect(twins.weights[0]![0]).toBeCloseTo(1, 6);
    expect(contentNeighbours(contentVectors([]), 3).ids).toEqual([]);
  });

  it('counts less the more customers a product has had', () => {
    expect(contentShare(0)).toBe(1);
    expect(contentShare(10)).toBe(0.5);
    expect(contentShare(1000)).toBeLessThan(0.01);
  });
});

import { expect, it } from 'vitest';
import type { ExplanationRow } from '../analytics/read.ts';
import { renderExplanation } from './explanation.ts';

const row = (given: Partial<ExplanationRow>): ExplanationRow => ({
  line: 1,
  score: 'purchase',
  status: 'ok',
  kind: 'summary',
  value: null,
  feature: null,
  effect: null,
  text: '',
  ...given,
});

it('sets each score apart, with its reasons below it', () => {
  const rows = [
    row({ score: null, status: null, kind: 'fact', text: 'As of today.' }),
    row({ text: 'Will buy.' }),
    row({ kind: 'for', effect: 0.84, text: 'Raises it.' }),
    row({ kind: 'against', effect: -12.5, text: 'Lowers it.' }),
    row({ kind: 'fact', text: 'A fact.' }),
    row({ score: 'churn', status: 'insufficient_data', text: 'No churn.' }),
    row({ score: 'churn', status: 'insufficient_data', kind: 'missing', text: 'Missing.' }),
  ];
  expect(renderExplanation(rows)).toBe(
    [
      'As of today.',
      '',
      'Will buy.',
      '  +0.8  Raises it.',
      ' -12.5  Lowers it.',
      '     ·  A fact.',
      '',
      'No churn.',
      '     !  Missing.',
    ].join('\n'),
  );
});

it('tells of scores that are not there in one breath', () => {
  const rows = ['One.', 'Two.'].map((text) => row({ status: 'not_scored', text }));
  expect(renderExplanation([row({ score: null, kind: 'fact', text: 'Why.' }), ...rows])).toBe(
    'Why.\n\nOne.\nTwo.',
  );
});

it('breaks long lines at 80 characters under their own beginning, and nothing that belongs together', () => {
  const words = `${'word '.repeat(14)}12\u00a0%`;
  expect(renderExplanation([row({ kind: 'for', effect: 1, text: words })]).split('\n')).toEqual([
    `  +1.0  ${'word '.repeat(14).trim()}`,
    '        12\u00a0%',
  ]);
});

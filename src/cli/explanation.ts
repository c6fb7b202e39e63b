import type { ExplanationRow } from '../analytics/read.ts';

const WIDTH = 80;
const INDENT = 8;

/** What stands left of a sentence: the effect in log-odds, or a sign for what has none. */
function mark({ kind, effect }: ExplanationRow): string {
  if (effect !== null) return `${effect > 0 ? '+' : ''}${effect.toFixed(1)}`;
  return kind === 'missing' ? '!' : '·';
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  // A blank that does not break is none of these: "12 %" stays whole.
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Each score in a paragraph of its own: the sentence, below it what it rests on. */
export function renderExplanation(rows: readonly ExplanationRow[]): string {
  return rows
    .flatMap((row, i) => {
      if (row.score === null) return wrap(row.text, WIDTH);
      if (row.kind === 'summary') {
        // Scores that are not there are told in one breath.
        const apart = row.status === 'ok' || rows[i - 1]?.kind !== 'summary';
        return [...(apart ? [''] : []), ...wrap(row.text, WIDTH)];
      }
      const margin = `${mark(row).padStart(INDENT - 2)}  `;
      return wrap(row.text, WIDTH - INDENT).map((line, j) => (j === 0 ? margin : ' '.repeat(INDENT)) + line);
    })
    .join('\n');
}

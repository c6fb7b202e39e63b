import type { Text } from './condition-words.ts';
import { featureWords } from './feature-words.ts';

/** From a short name to a longer one, in standard deviations from the mean, as long as two clusters share the shorter. */
const levels = [
  { least: 0.5, most: 3 },
  { least: 0.25, most: 4 },
  { least: 0.1, most: 6 },
] as const;

export const noiseName: Text = { en: 'Unlike the rest', ru: 'Не похожие на остальных' };
const middling: Text = { en: 'Average', ru: 'Средние' };

function capitalised(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The traits that stand out most, in the order of the features; a word that two features share comes once. */
function nameOf(names: readonly string[], profile: ArrayLike<number>, level: number): Text {
  const { least, most } = levels[level]!;
  const strongest = names
    .map((name, feature) => ({ name, feature, value: profile[feature]! }))
    .filter(({ value }) => Math.abs(value) >= least)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.feature - b.feature);
  const traits = new Map<string, { feature: number; words: Text }>();
  for (const { name, feature, value } of strongest) {
    const words = value > 0 ? featureWords(name).high : featureWords(name).low;
    if (traits.size < most && !traits.has(words.en)) traits.set(words.en, { feature, words });
  }
  const ordered = [...traits.values()].sort((a, b) => a.feature - b.feature).map(({ words }) => words);
  if (ordered.length === 0) return middling;
  return {
    en: capitalised(ordered.map(({ en }) => en).join(', ')),
    ru: capitalised(ordered.map(({ ru }) => ru).join(', ')),
  };
}

/** Places whose name another place has too. */
function sharedPlaces(texts: readonly Text[]): number[] {
  return [...texts.keys()].filter((i) =>
    texts.some((other, j) => i !== j && (other.en === texts[i]!.en || other.ru === texts[i]!.ru)),
  );
}

/** The first of a name keeps it, the others get numbers: their profiles are too much alike for words. */
function numbered(texts: readonly Text[]): Text[] {
  const taken = new Set<string>();
  return texts.map((words) => {
    let unique = words;
    for (let number = 2; taken.has(unique.en) || taken.has(unique.ru); number++) {
      unique = { en: `${words.en} ${number}`, ru: `${words.ru} ${number}` };
    }
    taken.add(unique.en).add(unique.ru);
    return unique;
  });
}

/**
 * A short name for each cluster, no two alike in either language, from where its mean lies.
 * @param names of the features @param profiles for each cluster its mean, in standard deviations from the overall mean
 */
export function nameClusters(names: readonly string[], profiles: readonly ArrayLike<number>[]): Text[] {
  const level = profiles.map(() => 0);
  for (;;) {
    const texts = profiles.map((profile, i) => nameOf(names, profile, level[i]!));
    const longer = sharedPlaces(texts).filter((i) => level[i]! < levels.length - 1);
    if (longer.length === 0) return numbered(texts);
    for (const i of longer) level[i]!++;
  }
}

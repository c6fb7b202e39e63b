/** Lowest and highest score, both included. */
type ScoreRange = readonly [number, number];

/** A box of the cube of recency, frequency and monetary scores, each 1 (worst) to 5 (best). */
interface RfmRule {
  readonly recency: ScoreRange;
  readonly frequency: ScoreRange;
  readonly monetary: ScoreRange;
}

export interface RfmSegment {
  /** Stable: stored in user_metrics.segment_id. Never renumber, never reuse. */
  readonly id: number;
  /** Stable name for programs. */
  readonly code: string;
  readonly name: { readonly en: string; readonly ru: string };
  readonly description: { readonly en: string; readonly ru: string };
  readonly rules: readonly RfmRule[];
}

const any: ScoreRange = [1, 5];

/**
 * The segments, best first. Their boxes cover each of the 125 cells exactly once. Names and shapes follow common use
 * in direct marketing (recency against frequency, after Hughes 1994, Strategic Database Marketing); money decides only
 * where it changes what one would do: who counts as a champion, and whom one must not lose.
 */
export const rfmSegments: readonly RfmSegment[] = [
  {
    id: 1,
    code: 'champions',
    name: { en: 'Champions', ru: 'Чемпионы' },
    description: {
      en: 'Bought lately, buy often and spend the most: thank them, show them what is new first.',
      ru: 'Купили недавно, покупают часто и тратят больше всех: благодарите и первыми показывайте новинки.',
    },
    rules: [{ recency: [4, 5], frequency: [4, 5], monetary: [4, 5] }],
  },
  {
    id: 2,
    code: 'loyal',
    name: { en: 'Loyal', ru: 'Лояльные' },
    description: {
      en: 'Buy often and not long ago: offer more of what they like, ask for their opinion.',
      ru: 'Покупают часто и были недавно: предлагайте больше любимого, спрашивайте их мнение.',
    },
    rules: [
      { recency: [4, 5], frequency: [4, 5], monetary: [1, 3] },
      { recency: [3, 3], frequency: [4, 5], monetary: any },
    ],
  },
  {
    id: 3,
    code: 'potential_loyal',
    name: { en: 'Potential loyal', ru: 'Потенциально лояльные' },
    description: {
      en: 'Bought lately, and more than once or twice: one more good purchase makes them loyal.',
      ru: 'Купили недавно и уже возвращались: ещё одна удачная покупка сделает их лояльными.',
    },
    rules: [{ recency: [4, 5], frequency: [2, 3], monetary: any }],
  },
  {
    id: 4,
    code: 'new',
    name: { en: 'New', ru: 'Новые' },
    description: {
      en: 'Bought lately for the first time or nearly so: help them to a second purchase.',
      ru: 'Недавно сделали первые покупки: помогите решиться на следующую.',
    },
    rules: [{ recency: [4, 5], frequency: [1, 1], monetary: any }],
  },
  {
    id: 5,
    code: 'needs_attention',
    name: { en: 'Need attention', ru: 'Требуют внимания' },
    description: {
      en: 'In the middle by recency and frequency: a timely offer decides which way they go.',
      ru: 'Середина по давности и частоте: своевременное предложение решит, останутся ли они.',
    },
    rules: [{ recency: [3, 3], frequency: [2, 3], monetary: any }],
  },
  {
    id: 6,
    code: 'about_to_sleep',
    name: { en: 'About to sleep', ru: 'Засыпающие' },
    description: {
      en: 'Bought rarely and some time ago: remind them before they forget the shop.',
      ru: 'Покупали редко и уже давно не были: напомните о себе, пока не забыли.',
    },
    rules: [{ recency: [3, 3], frequency: [1, 1], monetary: any }],
  },
  {
    id: 7,
    code: 'cannot_lose',
    name: { en: 'Cannot lose', ru: 'Нельзя потерять' },
    description: {
      en: 'Were among the best by frequency and money, and stay away: win them back in person.',
      ru: 'Были среди лучших по частоте и сумме, но перестали приходить: возвращайте лично.',
    },
    rules: [{ recency: [1, 2], frequency: [4, 5], monetary: [4, 5] }],
  },
  {
    id: 8,
    code: 'at_risk',
    name: { en: 'At risk', ru: 'В зоне риска' },
    description: {
      en: 'Bought regularly or for good money, but long ago: give them a reason to return.',
      ru: 'Покупали регулярно или на заметные суммы, но давно: дайте повод вернуться.',
    },
    rules: [
      { recency: [1, 2], frequency: [4, 5], monetary: [1, 3] },
      { recency: [1, 2], frequency: [3, 3], monetary: [3, 5] },
    ],
  },
  {
    id: 9,
    code: 'hibernating',
    name: { en: 'Hibernating', ru: 'Спящие' },
    description: {
      en: 'Bought seldom and long ago: only a cheap reminder pays.',
      ru: 'Покупали редко и давно: окупится только недорогое напоминание.',
    },
    rules: [
      { recency: [2, 2], frequency: [1, 2], monetary: any },
      { recency: [2, 2], frequency: [3, 3], monetary: [1, 2] },
    ],
  },
  {
    id: 10,
    code: 'lost',
    name: { en: 'Lost', ru: 'Потерянные' },
    description: {
      en: 'Stayed away the longest and never bought much: spend nothing on them.',
      ru: 'Не были дольше всех и покупали мало: не тратьте на них бюджет.',
    },
    rules: [
      { recency: [1, 1], frequency: [1, 2], monetary: any },
      { recency: [1, 1], frequency: [3, 3], monetary: [1, 2] },
    ],
  },
];

import { AppError } from '../../errors.ts';
import { type History, historyOf, type Interactions, userCount } from './interactions.ts';
import { type Recommender, scoreAll } from './recommender.ts';

/** Users whose scores tell a model's scale; spread evenly over all. */
const SCALE_USERS = 500;

/** The root mean square of a model's scores, above 0. */
export async function scaleOf(model: Recommender, data: Interactions): Promise<number> {
  const step = Math.max(1, Math.floor(userCount(data) / SCALE_USERS));
  const histories: History[] = [];
  for (let user = 0; user < userCount(data); user += step) histories.push(historyOf(data, user));
  const scores = await scoreAll(model, histories);
  let squares = 0;
  for (let at = 0; at < scores.length; at++) squares += scores[at]! ** 2;
  return squares > 0 ? Math.sqrt(squares / scores.length) : 1;
}

/**
 * The weighted mean of two models' scores, each divided by its root mean square over the customers of `data`: fixed numbers, so that the
 * blend of two item-item models is one too.
 * @param share of the second model, 0-1
 * @throws MODEL_BAD_INPUT
 */
export async function blendOf(
  first: Recommender,
  second: Recommender,
  share: number,
  data: Interactions,
): Promise<Recommender> {
  if (!(share >= 0 && share <= 1) || first.itemCount !== second.itemCount)
    throw new AppError(
      'MODEL_BAD_INPUT',
      'A blend needs two models of the same items and a share from 0 to 1.',
    );
  const one = (1 - share) / (await scaleOf(first, data));
  const other = share / (await scaleOf(second, data));
  const held = new Float32Array(first.itemCount);
  return Object.freeze({
    name: `${first.name}+${second.name}`,
    itemCount: first.itemCount,
    score(history: History, scores: Float32Array): void {
      first.score(history, scores);
      second.score(history, held);
      for (let item = 0; item < scores.length; item++)
        scores[item] = one * scores[item]! + other * held[item]!;
    },
    async scoreAll(histories: readonly History[]): Promise<Float32Array> {
      const [scores, others] = await Promise.all([scoreAll(first, histories), scoreAll(second, histories)]);
      for (let at = 0; at < scores.length; at++) scores[at] = one * scores[at]! + other * others[at]!;
      return scores;
    },
  });
}

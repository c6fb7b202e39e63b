import { AppError } from '../../errors.ts';
import type { FeatureMatrix } from '../classification/feature-matrix.ts';
import { nameClusters, noiseName } from './cluster-names.ts';
import { type ClusterRule, findClusterRules } from './cluster-rules.ts';
import type { Text } from './condition-words.ts';
import { featureWords } from './feature-words.ts';
import type { FittedStandardiseLog } from './standardise-log.ts';

/** Below this precision the words would claim more than holds, and say so; below half "mostly" would be untrue too. */
const plainPrecision = 0.8;
const mostlyPrecision = 0.5;

interface ClusterExplanation {
  /** 0 is noise. */
  readonly cluster: number;
  readonly rows: number;
  readonly share: number;
  /** No two clusters of one run have the same, in either language. */
  readonly name: Text;
  /** The rule in words: "bought in the last 30 days, more than 5 orders, spends over 500". */
  readonly description: Text;
  readonly rule: ClusterRule;
  /** For each feature the cluster's mean in standard deviations of the logarithm, and the value that stands for. */
  readonly profile: readonly {
    readonly feature: string;
    readonly deviation: number;
    readonly typical: number;
  }[];
}

export interface ClusterExplanations {
  /** Ascending by cluster. */
  readonly clusters: readonly ClusterExplanation[];
  /** Share of customers whom one tree of depth 3 puts where the clustering does: how simple the clusters are. */
  readonly treeAccuracy: number;
}

function describe(rule: ClusterRule, share: number): Text {
  if (rule.cluster === 0) return { en: 'fit no group', ru: 'не подходят ни к одной группе' };
  if (rule.conditions.length === 0) {
    if (share === 1) return { en: 'all customers', ru: 'все покупатели' };
    return { en: 'no simple rule sets them apart', ru: 'простого правила для них нет' };
  }
  const parts = rule.conditions.map(({ feature, above, atMost }) =>
    featureWords(feature).range(above, atMost),
  );
  const en = parts.map((part) => part.en).join(', ');
  const ru = parts.map((part) => part.ru).join(', ');
  if (rule.precision >= plainPrecision) return { en, ru };
  if (rule.precision >= mostlyPrecision) return { en: `mostly: ${en}`, ru: `в основном: ${ru}` };
  return { en: `no simple rule, nearest: ${en}`, ru: `простого правила нет, ближе всего: ${ru}` };
}

/** For each of the clusters its size and mean standardised features. */
function profiles(
  matrix: FeatureMatrix,
  clusters: Int32Array,
  standardisation: FittedStandardiseLog,
): Map<number, { rows: number; means: Float64Array }> {
  const { dimensions, values } = standardisation.transform(matrix);
  const all = new Map<number, { rows: number; means: Float64Array }>();
  clusters.forEach((cluster, row) => {
    let one = all.get(cluster);
    if (!one) {
      one = { rows: 0, means: new Float64Array(dimensions) };
      all.set(cluster, one);
    }
    one.rows++;
    for (let d = 0; d < dimensions; d++) one.means[d]! += values[row * dimensions + d]!;
  });
  for (const one of all.values()) {
    for (let d = 0; d < dimensions; d++) one.means[d] = one.means[d]! / one.rows;
  }
  return all;
}

/**
 * Puts each cluster that has rows into words, English and Russian: a name from its profile, a rule on the features as
 * they are, with the precision and recall of that rule.
 * @param clusters for each row its cluster, 0 for noise, as `Clustering.assign` gives
 * @throws AppError MODEL_BAD_INPUT
 */
export function explainClusters(
  matrix: FeatureMatrix,
  clusters: Int32Array,
  standardisation: FittedStandardiseLog,
): ClusterExplanations {
  if (clusters.length !== matrix.rows || clusters.some((cluster) => cluster < 0)) {
    throw new AppError('MODEL_BAD_INPUT', 'Each row needs one cluster of 0 or more.', {
      details: { rows: matrix.rows, clusters: clusters.length },
    });
  }
  const { rules, treeAccuracy } = findClusterRules(matrix, clusters, (name) => featureWords(name).inDays);
  const byCluster = profiles(matrix, clusters, standardisation);
  const real = rules.filter(({ cluster }) => cluster !== 0);
  const names = nameClusters(
    matrix.names,
    real.map(({ cluster }) => byCluster.get(cluster)!.means),
  );
  const nameOf = new Map(real.map(({ cluster }, i) => [cluster, names[i]!]));
  const explanations = rules.map((rule): ClusterExplanation => {
    const { rows, means } = byCluster.get(rule.cluster)!;
    const share = rows / matrix.rows;
    return {
      cluster: rule.cluster,
      rows,
      share,
      name: nameOf.get(rule.cluster) ?? noiseName,
      description: describe(rule, share),
      rule,
      profile: matrix.names.map((feature, d) => ({
        feature,
        deviation: means[d]!,
        typical: standardisation.inverse(d, means[d]!),
      })),
    };
  });
  return { clusters: explanations, treeAccuracy };
}

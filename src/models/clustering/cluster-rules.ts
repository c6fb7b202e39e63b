import type { FeatureMatrix } from '../classification/feature-matrix.ts';
import { type BinnedFeatures, binFeatures } from './binned-features.ts';
import { fitSurrogateTree, type Rule, type RuleCondition } from './surrogate-tree.ts';

const maxDepth = 3;
/** A shorter rule is taken where its F1 is at most this much below the best one's. */
const briefnessBonus = 0.02;

/** Who a cluster holds, as conditions on the features, and how well they say it. */
export interface ClusterRule {
  readonly cluster: number;
  readonly conditions: readonly RuleCondition[];
  /** Share of the rows that satisfy the conditions that are in the cluster. */
  readonly precision: number;
  /** Share of the cluster's rows that satisfy the conditions. */
  readonly recall: number;
}

export interface ClusterRules {
  /** One for each cluster with rows, ascending. */
  readonly rules: readonly ClusterRule[];
  /** Share of rows that one tree of depth 3 for all clusters together puts where the clustering does. */
  readonly treeAccuracy: number;
}

/** The rule of best F1 for one label; a shorter one that is nearly as good before it. */
function bestRule(rules: readonly Rule[], label: number, labelRows: number): Rule {
  // F1 of precision and recall is 2 hits / (rows of the rule + rows of the label).
  const f1 = (rule: Rule) => (2 * rule.labelRows[label]!) / (rule.rows + labelRows);
  // The root says nothing: it is the rule only where nothing can be split.
  const saying = rules.filter(({ conditions }) => conditions.length > 0);
  if (saying.length === 0) return rules[0]!;
  const best = Math.max(...saying.map(f1));
  return saying
    .filter((rule) => f1(rule) >= best - briefnessBonus)
    .reduce((chosen, rule) => {
      const shorter = rule.conditions.length - chosen.conditions.length;
      return shorter < 0 || (shorter === 0 && f1(rule) > f1(chosen)) ? rule : chosen;
    });
}

function ruleFor(
  data: BinnedFeatures,
  clusters: Int32Array,
  cluster: number,
  shared: readonly Rule[],
): ClusterRule {
  // One tree has 8 leaves and spends them on the large clusters; a tree of its own gives each cluster its say.
  const isMember = clusters.map((label) => (label === cluster ? 1 : 0));
  const own = fitSurrogateTree(data, isMember, { classes: 2, maxDepth });
  const size = own.rules[0]!.labelRows[1]!;
  const candidates = shared.map((rule) => {
    const hits = rule.labelRows[cluster]!;
    return { ...rule, labelRows: Float64Array.of(rule.rows - hits, hits) };
  });
  const { conditions, rows, labelRows } = bestRule([...candidates, ...own.rules], 1, size);
  return { cluster, conditions, precision: labelRows[1]! / rows, recall: labelRows[1]! / size };
}

/**
 * For each cluster the list of conditions on the original features that says best who is in it, out of the nodes of two
 * surrogate trees of depth 3: one that tells all clusters apart and one for this cluster against the rest. Precision and
 * recall are counted on all rows with the thresholds as given.
 * @param clusters for each row its cluster, 0 or more
 * @param inDays which features are counted in days, for round thresholds
 * @throws AppError MODEL_BAD_INPUT
 */
export function findClusterRules(
  matrix: FeatureMatrix,
  clusters: Int32Array,
  inDays: (name: string) => boolean,
): ClusterRules {
  const data = binFeatures(matrix, inDays);
  const classes = clusters.reduce((most, cluster) => Math.max(most, cluster), 0) + 1;
  const shared = fitSurrogateTree(data, clusters, { classes, maxDepth });
  const sizes = shared.rules[0]!.labelRows;
  const rules = Array.from(sizes.keys())
    .filter((cluster) => sizes[cluster]! > 0)
    .map((cluster) => ruleFor(data, clusters, cluster, shared.rules));
  return { rules, treeAccuracy: shared.accuracy };
}

import type { FeatureMatrix } from '../models/classification/feature-matrix.ts';
import type { FeatureColumn, Population } from './features.ts';

/** Counts, days and money are skewed: on a log scale one step is one doubling, for the linear model and for the reader. */
const log = (value: number): number => Math.log1p(Math.max(0, value));
const EDGE = 1e-6;

function logit(probability: number): number {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, probability));
  return Math.log(inside / (1 - inside));
}

/** What both kinds of customers have. */
const behaviour: FeatureColumn[] = [
  'tenure_days',
  'inactive_days',
  'active_days_90',
  'views_7',
  'views_30',
  'views_90',
  'carts_7',
  'carts_30',
  'carts_90',
  'bot_events_30',
];

const purchases: FeatureColumn[] = [
  'frequency',
  't_days',
  'orders',
  'purchase_days_30',
  'purchase_days_90',
  'purchase_days_365',
  'season_days_30',
  'season_days_90',
  'gap_deviation_days',
  'refund_events',
];

function logColumn(population: Population, name: FeatureColumn): Float64Array {
  return population.column(name).map((value) => log(Number.isNaN(value) ? 0 : value));
}

/** Days since the last purchase against the usual gap: 0 where somebody is due today, above it overdue; who bought once waits since then. */
function overdue(population: Population): Float64Array {
  const t = population.column('t_days');
  const recency = population.column('recency_days');
  const gap = population.column('gap_mean_days');
  return t.map((value, i) => log(value - recency[i]!) - log(Number.isNaN(gap[i]!) ? value : gap[i]!));
}

function sinceLastPurchase(population: Population): Float64Array {
  const recency = population.column('recency_days');
  return population.column('t_days').map((t, i) => log(t - recency[i]!));
}

function orderValue(population: Population): Float64Array {
  const orders = population.column('orders');
  return population.column('gross_revenue').map((gross, i) => log(gross / Math.max(1, orders[i]!)));
}

/**
 * What the classifiers see of the buyers; the purchase model's own forecast is one of the features, so that a classifier has to find only
 * what that model misses. `forecast` is its probability for each row.
 */
export function buyersMatrix(population: Population, forecast: Float64Array): FeatureMatrix {
  const named: [string, Float64Array][] = [
    ['purchase_model', forecast.map(logit)],
    ['since_last_purchase', sinceLastPurchase(population)],
    ['overdue', overdue(population)],
    ['order_value', orderValue(population)],
    ...[...purchases, ...behaviour].map((name): [string, Float64Array] => [
      name,
      logColumn(population, name),
    ]),
  ];
  return {
    names: named.map(([name]) => name),
    rows: population.size,
    columns: named.map(([, column]) => column),
  };
}

export function visitorsMatrix(population: Population): FeatureMatrix {
  return {
    names: behaviour,
    rows: population.size,
    columns: behaviour.map((name) => logColumn(population, name)),
  };
}

/** One matrix under the other; the names are the same. */
export function stackMatrices(matrices: readonly FeatureMatrix[]): FeatureMatrix {
  const [first] = matrices as [FeatureMatrix];
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const columns = first.names.map((_, j) => {
    const column = new Float64Array(rows);
    let offset = 0;
    for (const matrix of matrices) {
      column.set(matrix.columns[j]!, offset);
      offset += matrix.rows;
    }
    return column;
  });
  return { names: first.names, rows, columns };
}

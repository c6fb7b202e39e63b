import { candidateNames } from '../scoring/candidates.ts';
import type { Metrics } from '../scoring/status.ts';
import { type Column, renderTable } from './table.ts';

/** How one model did on one task: a score, or a cut-off. */
export interface MetricRow {
  readonly task: string;
  readonly model: string;
  readonly metrics: Metrics;
}

/** A stored evaluation comes back from jsonb with its keys in another order: as it was made they run from the simplest. */
const modelOrder: readonly string[] = ['same-again', ...candidateNames, 'bg-nbd', 'mbg-nbd', 'pareto-nbd'];
const metricOrder = [
  'auc',
  'ap',
  'brier',
  'logLoss',
  'ece',
  'spearman',
  'gini',
  'topDecileShare',
  'totalRatio',
  'mae',
];

/** Known names first, in their order, then the others as they come. */
function inOrder<Entry>(entries: readonly [string, Entry][], order: readonly string[]): [string, Entry][] {
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return entries.toSorted(([one], [other]) => rank(one) - rank(other));
}

/** A row for each model; the star marks the one that was chosen. */
export function metricRows(
  task: string,
  models: Readonly<Record<string, Metrics>>,
  chosen: unknown,
): MetricRow[] {
  return inOrder(Object.entries(models), modelOrder).map(([model, metrics]) => ({
    task,
    model: model === chosen ? `${model} *` : model,
    metrics: Object.fromEntries(inOrder(Object.entries(metrics), metricOrder)),
  }));
}

/** Models down, metrics across; `heading` names the tasks. */
export function renderMetrics<Row extends MetricRow>(
  heading: string,
  rows: readonly Row[],
  further: readonly Column<Row>[] = [],
): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  return renderTable(rows, [
    { heading, cell: (row) => row.task },
    { heading: 'model', cell: (row) => row.model },
    ...names.map((name) => ({
      heading: name,
      cell: (row: Row) => row.metrics[name]?.toFixed(4),
      align: 'right' as const,
    })),
    ...further,
  ]);
}

import type { Metrics } from '../scoring/status.ts';
import { type Column, renderTable } from './table.ts';

/** How one model did on one task: a score, or a cut-off. */
export interface MetricRow {
  readonly task: string;
  readonly model: string;
  readonly metrics: Metrics;
}

/** A row for each model; the star marks the one that was chosen. */
export function metricRows(
  task: string,
  models: Readonly<Record<string, Metrics>>,
  chosen: unknown,
): MetricRow[] {
  return Object.entries(models).map(([model, metrics]) => ({
    task,
    model: model === chosen ? `${model} *` : model,
    metrics,
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

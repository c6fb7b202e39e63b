import type { AmountBin } from '../models/regression-metrics.ts';
import type { ReliabilityBin } from '../models/reliability.ts';
import type { LifetimeValueEvaluation } from '../scoring/evaluate-lifetime-value.ts';
import type { Calibration, OutcomeEvaluation } from '../scoring/evaluate-outcome.ts';
import type { SegmentsEvaluation } from '../scoring/evaluate-segments.ts';
import type { JudgedSegment } from '../scoring/segmentation-trial.ts';
import type { Language } from './arguments.ts';
import { type MetricRow, metricRows, renderMetrics } from './metrics-table.ts';
import { type Column, day, money, percent, renderTable } from './table.ts';

const BAR_WIDTH = 30;

/** A cut-off is the moment after a day ends; the day itself is what a person calls it. */
function lastDayBefore(cutoff: Date): string {
  return day(new Date(cutoff.getTime() - 1)) ?? '';
}

/** What came as a bar, what was said as a mark on it or beyond it. */
function bar(came: number, said: number, longest: number): string {
  const place = (value: number): number => Math.round((BAR_WIDTH * Math.max(0, value)) / longest);
  const cells = [...'█'.repeat(place(came)).padEnd(place(said))];
  cells[Math.max(0, place(said) - 1)] = '┃';
  return cells.join('');
}

/** Rows with the share of all customers down to each: with ties a bin is no tenth. */
function withReach<Bin extends { readonly customers: number }>(
  bins: readonly Bin[],
): (Bin & { readonly reach: number })[] {
  const all = bins.reduce((sum, { customers }) => sum + customers, 0);
  let seen = 0;
  return bins.map((bin) => {
    seen += bin.customers;
    return { ...bin, reach: seen / all };
  });
}

function reachColumns<Bin extends { readonly customers: number }>(): Column<Bin & { reach: number }>[] {
  return [
    { heading: 'top', cell: ({ reach }) => `${Math.round(100 * reach)}%`, align: 'right' },
    { heading: 'customers', cell: ({ customers }) => customers, align: 'right' },
  ];
}

function renderCalibration(bins: readonly ReliabilityBin[]): string {
  const longest = Math.max(...bins.flatMap(({ said, came }) => [said, came]));
  return renderTable(withReach(bins), [
    ...reachColumns<ReliabilityBin>(),
    { heading: 'said', cell: (bin) => percent(bin.said), align: 'right' },
    { heading: 'came', cell: (bin) => percent(bin.came), align: 'right' },
    { heading: '±', cell: (bin) => percent(bin.standardError), align: 'right' },
    { heading: 'lift', cell: (bin) => bin.lift?.toFixed(2), align: 'right' },
    { heading: 'captured', cell: (bin) => percent(bin.captured), align: 'right' },
    { heading: '█ came  ┃ said', cell: (bin) => bar(bin.came, bin.said, longest) },
  ]);
}

function band(calibration: Calibration | undefined): string | null {
  const limits = calibration?.eceBand;
  return limits ? `${limits.low.toFixed(4)}-${limits.high.toFixed(4)}` : null;
}

type OutcomeRow = MetricRow & { readonly band: string | null };

function outcomeRows(
  task: string,
  judged: OutcomeEvaluation | OutcomeEvaluation['cutoffs'][number],
): OutcomeRow[] {
  const bands = Object.keys(judged.models).map((name) => band(judged.calibration[name]));
  return metricRows(task, judged.models, judged.chosen).map((row, i) => ({ ...row, band: bands[i] ?? null }));
}

/** Metrics of every model, then what the chosen one said by tenths of its customers. */
export function renderOutcome(kind: 'purchase' | 'churn', result: OutcomeEvaluation): string {
  const single = result.cutoffs.flatMap((cut) => outcomeRows(lastDayBefore(cut.cutoff), cut));
  const together = result.cutoffs.length < 2 ? [] : outcomeRows('all', result);
  const which = kind === 'churn' ? 'did not buy' : 'bought';
  return [
    renderMetrics(
      'cut-off',
      [...single, ...together],
      [{ heading: 'ece if true', cell: (row) => row.band, align: 'right' }],
    ),
    `* chosen on what was known before the cut-off: ${result.chosen} at the last one`,
    ...(together.length > 0
      ? ['all: the cut-offs at which each of these models could be judged, taken together']
      : []),
    'ece if true: where 95 of 100 errors would fall if what the model says were true. An ece above it is more than chance.',
    '',
    `What ${result.chosen} said of the ${result.horizonDays} days after ${together.length > 0 ? 'these cut-offs' : 'the cut-off'}, and how many ${which}; from the highest down:`,
    renderCalibration(result.calibration[result.chosen]?.bins ?? []),
  ].join('\n');
}

function renderDeciles(bins: readonly AmountBin[]): string {
  const longest = Math.max(1e-9, ...bins.flatMap((bin) => [bin.predictedMean, bin.actualMean]));
  return renderTable(withReach(bins), [
    ...reachColumns<AmountBin>(),
    { heading: 'predicted mean', cell: (bin) => money(bin.predictedMean), align: 'right' },
    { heading: 'actual mean', cell: (bin) => money(bin.actualMean), align: 'right' },
    { heading: 'of revenue', cell: (bin) => percent(bin.share), align: 'right' },
    { heading: '█ actual  ┃ predicted', cell: (bin) => bar(bin.actualMean, bin.predictedMean, longest) },
  ]);
}

export function renderLifetimeValue(result: LifetimeValueEvaluation): string {
  const { chosen, cutoffs, horizonDays } = result;
  const last = cutoffs.at(-1)!.cutoff;
  return [
    renderMetrics(
      'cut-off',
      cutoffs.flatMap((cut) => metricRows(lastDayBefore(cut.cutoff), cut.models, cut.chosen)),
    ),
    `* chosen on what was known before the cut-off: ${chosen} at the last one`,
    '',
    `Revenue of ${horizonDays} days by ${chosen} after ${lastDayBefore(last)}, a customer; from the highest forecast down:`,
    renderDeciles(result.deciles[chosen] ?? []),
  ].join('\n');
}

function renderSegmentsOf(segments: readonly JudgedSegment[], language: Language): string {
  const longest = Math.max(...segments.flatMap((each) => [each.bought, each.boughtBefore ?? 0]));
  return renderTable(segments, [
    { heading: 'segment', cell: (each) => each.name[language] },
    { heading: 'customers', cell: (each) => each.customers, align: 'right' },
    { heading: 'share', cell: (each) => percent(each.share), align: 'right' },
    { heading: 'before', cell: (each) => percent(each.boughtBefore), align: 'right' },
    { heading: 'bought', cell: (each) => percent(each.bought), align: 'right' },
    { heading: 'revenue each', cell: (each) => money(each.revenue), align: 'right' },
    { heading: '█ bought  ┃ before', cell: (each) => bar(each.bought, each.boughtBefore ?? 0, longest) },
  ]);
}

/** What a terminal has room for; --json has the rest. */
const SEGMENT_METRICS = ['logLoss', 'boughtR2', 'revenueR2', 'stability', 'silhouette', 'fidelity'];

type SegmentsRow = MetricRow & { readonly segments: number };

function segmentsRows(task: string, judged: Pick<SegmentsEvaluation, 'models' | 'chosen'>): SegmentsRow[] {
  return metricRows(task, judged.models, judged.chosen).map((row) => ({
    ...row,
    segments: row.metrics['segments'] ?? 0,
    metrics: Object.fromEntries(SEGMENT_METRICS.map((name) => [name, row.metrics[name] ?? null])),
  }));
}

/** Every way to part the customers, then what came of each segment of the one in force. */
export function renderSegments(result: SegmentsEvaluation, language: Language): string {
  const { chosen, cutoffs, horizonDays } = result;
  const last = cutoffs.at(-1)!;
  const single = cutoffs.flatMap((cut) => segmentsRows(lastDayBefore(cut.cutoff), cut));
  const together = cutoffs.length < 2 ? [] : segmentsRows('mean', result);
  return [
    renderMetrics(
      'cut-off',
      [...single, ...together],
      [{ heading: 'segments', cell: ({ segments }) => Number(segments.toFixed(1)), align: 'right' }],
    ),
    '* in force at the cut-off. boughtR2, revenueR2: what knowing the segment saves of the squared error, learned in the window before.',
    '',
    `${horizonDays} days after ${lastDayBefore(last.cutoff)}, by the segment of that day (${chosen}); before: the ${horizonDays} days up to it:`,
    renderSegmentsOf(last.segments[chosen] ?? [], language),
  ].join('\n');
}

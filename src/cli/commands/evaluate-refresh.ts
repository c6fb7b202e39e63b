import type { RefreshTrial } from '../../recommendations/evaluate-refresh.ts';
import { day, renderTable } from '../table.ts';

const titles = {
  next: 'the next purchases',
  fresh: 'new to the customer',
  arrived: 'new to the shop',
};

export function renderRefreshTrial({
  asOf,
  trainedAsOf,
  horizonDays,
  k,
  tasks,
  seconds,
}: RefreshTrial): string {
  const share = (value: number): string => value.toFixed(4);
  const lastDay = (moment: Date) => day(new Date(moment.getTime() - 1));
  const rows = (['next', 'fresh', 'arrived'] as const).flatMap((task) => {
    const { users, ndcg, refreshedLessStale, refreshedLessTrained } = tasks[task];
    return Object.entries({
      ...ndcg,
      'refreshed - stale': refreshedLessStale,
      'refreshed - trained': refreshedLessTrained,
    }).map(([name, interval]) => ({ task: titles[task], users, name, ...interval }));
  });
  return [
    renderTable(rows, [
      { heading: 'asked for', cell: (row) => row.task },
      { heading: 'customers', cell: (row) => row.users, align: 'right' },
      { heading: 'version', cell: (row) => row.name },
      { heading: `nDCG@${k}`, cell: (row) => share(row.mean), align: 'right' },
      { heading: '95 %', cell: (row) => `${share(row.low)} to ${share(row.high)}` },
    ]),
    `stale: trained at the end of ${lastDay(trainedAsOf)}. refreshed: the same, refreshed at the end of ${lastDay(asOf)}. trained: anew at that moment. What came in the ${horizonDays} days after it.`,
    `Reading and fitting: refresh ${seconds.refresh.toFixed(1)} s, training ${seconds.training.toFixed(1)} s.`,
  ].join('\n');
}

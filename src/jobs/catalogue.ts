import { AppError } from '../errors.ts';

/** Commands of the program, one after another: what a job does is what somebody could do at a terminal. */
export interface JobDefinition {
  readonly description: string;
  readonly steps: readonly (readonly string[])[];
  /** Errors that say that there is nothing to do here, as no data or no programs: recorded as skipped, not tried again. */
  readonly skipOn: readonly string[];
}

const noData = ['SCORING_NO_DATA', 'SCORING_STALE', 'MODEL_BAD_INPUT'];

/** Names are those of the queues and schedules that migrations make. */
const catalogue = {
  score: {
    description: 'Scores every customer and trains the recommendations',
    steps: [['score', '--unless-stale', '--json']],
    skipOn: noData,
  },
  train: {
    description: 'Fits and judges the models anew, promotes those that are not worse',
    steps: [['train', '--json']],
    skipOn: noData,
  },
  recommendations: {
    description: 'Trains the recommendations on the latest events',
    steps: [['train', 'recommendations', '--json']],
    skipOn: noData,
  },
  refresh: {
    description: 'Fits the recommendations again on the latest events, as the last training chose',
    steps: [['recommendations', 'refresh', '--json']],
    skipOn: noData,
  },
  evaluate: {
    description: 'Judges the probabilities and the lifetime value at moments in the past',
    steps: [
      ['evaluate', 'purchase', '--json'],
      ['evaluate', 'churn', '--json'],
      ['evaluate', 'ltv', '--json'],
    ],
    skipOn: noData,
  },
  'user-days': {
    description: 'Folds new events into days of customers, so that the next scoring reads less',
    steps: [['db', 'refresh-days', '--json']],
    skipOn: [],
  },
  backup: {
    description: 'Backs the database up',
    steps: [['backup', '--quiet']],
    skipOn: ['BACKUP_UNAVAILABLE'],
  },
  'backup-drill': {
    description: 'Restores the newest backup into a scratch database, compares, drops it',
    steps: [['backup', 'drill']],
    skipOn: ['BACKUP_UNAVAILABLE'],
  },
  'clean-up': {
    description: 'Removes history of jobs that nobody needs any more',
    steps: [['db', 'clean-up', '--json']],
    skipOn: [],
  },
} as const satisfies Record<string, JobDefinition>;

export type JobName = keyof typeof catalogue;

export const jobNames = Object.keys(catalogue) as JobName[];

export const jobDefinition = (name: JobName): JobDefinition => catalogue[name];

/** @throws JOB_UNKNOWN naming those that there are */
export function parseJobName(text: string): JobName {
  if (Object.hasOwn(catalogue, text)) return text as JobName;
  throw new AppError('JOB_UNKNOWN', `there is no job ${JSON.stringify(text)}`, {
    details: { job: text },
    hint: `Choose one of ${jobNames.join(', ')}.`,
  });
}

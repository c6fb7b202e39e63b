import { type Command, InvalidArgumentError, Option } from 'commander';
import { listSegments, type SegmentRow } from '../../analytics/read.ts';
import type { Database } from '../../database/open-database.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { promoteSegmentation } from '../../scoring/promote-segmentation.ts';
import {
  type SegmentationOptions,
  type SegmentFeature,
  segmentFeatures,
} from '../../scoring/segmentation.ts';
import { type Language, languageOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, money, percent, renderTable } from '../table.ts';
import { VERSION } from '../version.ts';
import { scoreAll } from './score.ts';

function segmentColumns(language: Language): Column<SegmentRow>[] {
  return [
    { heading: 'code', cell: (s) => s.code },
    { heading: 'segment', cell: (s) => (language === 'ru' ? s.name_ru : s.name_en) },
    { heading: 'customers', cell: (s) => s.customers, align: 'right' },
    { heading: 'share', cell: (s) => percent(s.share), align: 'right' },
    { heading: 'mean LTV', cell: (s) => money(s.mean_ltv), align: 'right' },
    { heading: 'churn', cell: (s) => percent(s.mean_churn_probability), align: 'right' },
    { heading: 'buys in 30 d', cell: (s) => percent(s.mean_purchase_probability_30d), align: 'right' },
  ];
}

interface ListFlags {
  language: Language;
  json?: boolean;
}

async function list(cli: CliContext, { appPool }: Database, { language, json }: ListFlags): Promise<void> {
  const items = await listSegments(appPool);
  if (json) cli.output.json({ items });
  else cli.output.line(renderTable(items, segmentColumns(language)));
}

function parseFeatures(text: string): SegmentFeature[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !segmentFeatures.some((feature) => feature === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `There is no feature "${unknown}". Choose of ${segmentFeatures.join(', ')}.`,
    );
  return [...new Set(names)] as SegmentFeature[];
}

interface FitFlags extends ListFlags {
  algorithm: SegmentationOptions['algorithm'];
  features: SegmentFeature[];
  clusters?: number;
  seed: number;
  asOf?: string;
}

async function fitSegments(cli: CliContext, database: Database, flags: FitFlags): Promise<void> {
  const { algorithm, features, clusters, seed } = flags;
  const asOf = flags.asOf === undefined ? new Date() : await parseAsOf(database.appPool, flags.asOf);
  const progress = cli.output.progress('fitting segments');
  const stored = await promoteSegmentation(database.mlPool, database.appPool, asOf, VERSION, {
    algorithm,
    features,
    clusters,
    seed,
  });
  progress.done(algorithm === 'rfm' ? 'the RFM rules' : `${stored.segments.length} segments`);
  await scoreAll(cli, database, asOf);
  await list(cli, database, flags);
  if (flags.json) return;
  for (const { name, description } of stored.segments)
    cli.output.line(`${name[flags.language]}: ${description[flags.language]}`);
}

export function registerSegments(program: Command, cli: CliContext): void {
  const segments = program
    .command('segments')
    .description('Segments with size and mean scores')
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((flags: ListFlags) => cli.withDatabase((database) => list(cli, database, flags)));
  segments
    .command('fit')
    .description('Fit segments to the customers, promote them and score: all customers get their new segment')
    .addOption(
      new Option('--algorithm <name>', 'rfm is the rules that hold from the start')
        .choices(['k-means', 'dbscan', 'rfm'])
        .default('k-means'),
    )
    .option('--features <names>', 'what to look at, separated by commas', parseFeatures, segmentFeatures)
    .option('--clusters <n>', 'how many, of k-means; default: by silhouette', wholeNumber(1, 50))
    .option('--seed <n>', 'the same seed gives the same segments', wholeNumber(0, 2 ** 31), 1)
    .option('--as-of <moment>', 'use only what happened before; default: now')
    .action((_: unknown, command: Command) =>
      cli.withDatabase((database) => fitSegments(cli, database, command.optsWithGlobals<FitFlags>())),
    );
}

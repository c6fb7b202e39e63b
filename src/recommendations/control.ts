import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';

export const ruleActions = ['exclude', 'include', 'boost', 'pin', 'buy_again', 'buy_once'] as const;

/** What a rule says; it is about the products that all of its product_id, category, min_price and max_price fit. */
export interface RuleContent {
  action: (typeof ruleActions)[number];
  product_id?: number | null | undefined;
  category?: string | null | undefined;
  min_price?: number | null | undefined;
  max_price?: number | null | undefined;
  /** Of boost: times the score. */
  factor?: number | null | undefined;
  /** Of pin: the place in the list. */
  position?: number | null | undefined;
  /** Of buy_again. */
  interval_days?: number | null | undefined;
  note?: string | null | undefined;
}

export interface Rule extends RuleContent {
  rule_id: number;
  created_at: Date;
}

export interface Experiment {
  experiment_id: number;
  name: string;
  control_run: number;
  treatment_run: number;
  share: number;
  started_at: Date;
  stopped_at: Date | null;
}

export interface RecommendationRate {
  model_run_id: number | null;
  kind: string | null;
  reason_code: string | null;
  lists: number;
  shown: number;
  clicks: number;
  click_rate: number;
  purchases: number;
  purchase_rate: number;
}

/** Which constraint a rule broke says what it lacks. */
const complaints: Record<string, string> = {
  recommendation_rules_says_what: 'a rule names a product, a category or prices',
  recommendation_rules_factor: 'boost, and nothing else, needs a factor above 0',
  recommendation_rules_position: 'pin, and nothing else, needs a position from 1 to 100',
  recommendation_rules_pin: 'pin needs a product',
  recommendation_rules_interval: 'buy_again, and nothing else, needs an interval in days above 0',
  recommendation_rules_repeat: 'buy_again and buy_once need a product or a category, and take no prices',
  recommendation_rules_product_id_fkey: 'there is no such product',
};

async function ask<Row>(pool: pg.Pool, sql: string, values: unknown[] = []): Promise<Row[]> {
  try {
    return (await pool.query(sql, values)).rows;
  } catch (error) {
    const complaint = complaints[(error as { constraint?: string }).constraint ?? ''];
    if (complaint)
      throw new AppError('VALIDATION', complaint, {
        hint: 'customer-analyzer recommendations rules add --help has examples.',
      });
    throw databaseError(error);
  }
}

export const listRules = (pool: pg.Pool): Promise<Rule[]> => ask(pool, queries.LIST_RULES);

/** In force with the next list that is read; @throws VALIDATION */
export async function addRule(pool: pg.Pool, rule: RuleContent): Promise<Rule> {
  const { action, product_id, category, min_price, max_price, factor, position, interval_days, note } = rule;
  const values = [action, product_id, category, min_price, max_price, factor, position, interval_days, note];
  return (await ask<Rule>(pool, queries.ADD_RULE, values))[0] as Rule;
}

/** @throws NOT_FOUND */
export async function removeRule(pool: pg.Pool, ruleId: number): Promise<void> {
  try {
    if ((await pool.query(queries.REMOVE_RULE, [ruleId])).rowCount) return;
  } catch (error) {
    throw databaseError(error);
  }
  throw new AppError('NOT_FOUND', `there is no rule ${ruleId}`, {
    hint: 'customer-analyzer recommendations rules list shows them.',
  });
}

export const listExperiments = (pool: pg.Pool): Promise<Experiment[]> => ask(pool, queries.LIST_EXPERIMENTS);

/** Gives `share` of the customers the treatment run, the others the control run; @throws VALIDATION */
export async function startExperiment(
  pool: pg.Pool,
  experiment: { name: string; controlRun: number; treatmentRun: number; share: number },
): Promise<number> {
  const { name, controlRun, treatmentRun, share } = experiment;
  const rows = await ask<{ experiment_id: number }>(pool, queries.START_EXPERIMENT, [
    name,
    controlRun,
    treatmentRun,
    share,
  ]);
  return rows[0]!.experiment_id;
}

/** @returns the name of the one that ran, null where none did */
export async function stopExperiment(pool: pg.Pool): Promise<string | null> {
  return (await ask<{ name: string | null }>(pool, queries.STOP_EXPERIMENT))[0]!.name;
}

/** Of the lists served on these days, both included; @throws PERIOD_REVERSED, VALIDATION */
export function recommendationRates(
  pool: pg.Pool,
  period: { start_date: string; end_date: string },
  by: string,
): Promise<RecommendationRate[]> {
  return ask(pool, queries.GET_RECOMMENDATION_RATES, [period.start_date, period.end_date, by]);
}

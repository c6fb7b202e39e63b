import { type CandidateName, type FittedCandidate, fitCandidates } from './candidates.ts';
import { type Cut, type KnownOutcome, knownOutcome, type Question, type Sight, sightOf } from './cut.ts';
import { type History, remember } from './history.ts';
import { daysBefore, outcomesOf } from './snapshot.ts';

/** Forecasts made at one moment from what came before it. */
export interface Forecasts {
  readonly sight: Sight;
  /** Cut-offs whose outcomes trained the classifiers, newest first. */
  readonly fit: readonly Cut[];
  /** In order of simplicity. Where history is too short for a candidate, it is not among them. */
  readonly candidates: readonly FittedCandidate[];
  readonly probabilities: ReadonlyMap<CandidateName, Float64Array>;
}

/** Cut-offs that can be learnt from stand so far apart: a month is what shops count in, and long windows overlap. */
export const STEP_DAYS = 30;
/** Three lose a little on both public data sets, nine gain on one what they lose on the other. */
const MAX_FIT_CUTS = 6;
/** A year of windows says how much the level strays, seasons included. */
const MAX_LEVEL_CUTS = 12;

/** Asks one question at several moments. Serving, selection and backtest meet at the same moments: each is worked out once. */
export class Forecaster {
  readonly history: History;
  readonly question: Question;
  readonly #outcomes = new Map<number, Promise<KnownOutcome | undefined>>();
  readonly #forecasts = new Map<number, Promise<Forecasts>>();

  constructor(history: History, question: Question) {
    this.history = history;
    this.question = question;
  }

  /** What came of the customers of a moment; `undefined` where too few did one thing or the other. */
  outcomeAt(moment: Date): Promise<KnownOutcome | undefined> {
    return remember(this.#outcomes, moment.getTime(), async () => {
      const { population, horizonDays, minOutcomes } = this.question;
      const { userId } = (await this.history.populations(moment))[population];
      const outcomes = await this.history.outcomes(moment, horizonDays);
      return knownOutcome(outcomesOf(userId, outcomes, 'bought'), minOutcomes);
    });
  }

  /** All forecasts that can be made at `target` from what came before it: windows of outcomes that had ended by then. */
  forecastAt(target: Date): Promise<Forecasts> {
    return remember(this.#forecasts, target.getTime(), async () => {
      const sight = await this.#sightAt(target, target);
      const cuts = await this.#cutsBefore(target);
      const fit = cuts.slice(0, MAX_FIT_CUTS);
      const overlap = Math.max(1, this.question.horizonDays / STEP_DAYS);
      const candidates = fitCandidates(sight, { fit, level: cuts, overlap });
      return {
        sight,
        fit,
        candidates,
        probabilities: new Map(candidates.map((candidate) => [candidate.name, candidate.predict(sight)])),
      };
    });
  }

  /**
   * Customers of a moment as the purchase model of a later one sees them. Its four parameters are those that will forecast: fitted at each
   * cut-off anew, they would show the errors of younger fits, and where a cohort ages those say nothing of the present one.
   */
  async #sightAt(moment: Date, target: Date): Promise<Sight> {
    const { population } = this.question;
    const model = population === 'buyers' ? await this.history.purchaseModel(target) : undefined;
    return sightOf(await this.history.populations(moment), this.question, model);
  }

  /** Cut-offs whose outcome windows had ended by `target`, newest first. */
  async #cutsBefore(target: Date): Promise<Cut[]> {
    const cuts: Cut[] = [];
    for (let back = 0; back < MAX_LEVEL_CUTS; back++) {
      const moment = daysBefore(target, this.question.horizonDays + back * STEP_DAYS);
      const known = await this.outcomeAt(moment);
      if (!known) break;
      cuts.push({ ...(await this.#sightAt(moment, target)), ...known });
    }
    return cuts;
  }
}

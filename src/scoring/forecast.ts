import { type CandidateName, type FittedCandidate, fitCandidates } from './candidates.ts';
import { type Cut, type Question, type Sight, sightOf, withOutcome } from './cut.ts';
import { type History, remember } from './history.ts';
import { daysBefore, outcomesOf } from './snapshot.ts';

/** Forecasts made at one moment from what came before it. */
export interface Forecasts {
  readonly sight: Sight;
  /** Cut-offs whose outcomes trained the classifiers. */
  readonly fittedAt: readonly Date[];
  /** In order of simplicity. Where history is too short for a candidate, it is not among them. */
  readonly candidates: readonly FittedCandidate[];
  readonly probabilities: ReadonlyMap<CandidateName, Float64Array>;
}

/** Each more cut-off to fit on says less than the one before; three horizons back is also where seasons begin to differ. */
const MAX_FIT_CUTS = 3;

/** Asks one question at several moments. Serving, selection and backtest meet at the same cut-offs: each is worked out once. */
export class Forecaster {
  readonly history: History;
  readonly question: Question;
  readonly #cuts = new Map<number, Promise<Cut | undefined>>();
  readonly #forecasts = new Map<number, Promise<Forecasts>>();

  constructor(history: History, question: Question) {
    this.history = history;
    this.question = question;
  }

  /** `undefined` where too few did one thing or the other. */
  cutAt(moment: Date): Promise<Cut | undefined> {
    return remember(this.#cuts, moment.getTime(), async () => {
      const { horizonDays, minOutcomes } = this.question;
      const sight = await this.#sightAt(moment);
      const outcomes = await this.history.outcomes(moment, horizonDays);
      return withOutcome(sight, outcomesOf(sight.population.userId, outcomes, 'bought'), minOutcomes);
    });
  }

  /**
   * All forecasts that can be made at `target` from what came before it. With h the horizon: the classifiers learn from outcomes that ended
   * at target - h or earlier, every candidate is calibrated on the outcomes from target - h to target.
   */
  forecastAt(target: Date): Promise<Forecasts> {
    return remember(this.#forecasts, target.getTime(), async () => {
      const sight = await this.#sightAt(target);
      const calibration = await this.cutAt(daysBefore(target, this.question.horizonDays));
      const cuts = calibration ? await this.#fitCuts(target) : [];
      const seesPurchases = sight.purchaseForecast.length > 0;
      const candidates = fitCandidates(calibration, cuts).filter(
        ({ name }) => seesPurchases || !name.endsWith('purchase-model'),
      );
      return {
        sight,
        fittedAt: cuts.map((cut) => cut.population.moment),
        candidates,
        probabilities: new Map(candidates.map((candidate) => [candidate.name, candidate.predict(sight)])),
      };
    });
  }

  async #sightAt(moment: Date): Promise<Sight> {
    const { population } = this.question;
    const model = population === 'buyers' ? await this.history.purchaseModel(moment) : undefined;
    return sightOf(await this.history.populations(moment), this.question, model);
  }

  /** Cut-offs whose outcome windows ended before the calibration window begins, newest first. */
  async #fitCuts(target: Date): Promise<Cut[]> {
    const cuts: Cut[] = [];
    for (let back = 2; back < 2 + MAX_FIT_CUTS; back++) {
      const cut = await this.cutAt(daysBefore(target, back * this.question.horizonDays));
      if (!cut) break;
      cuts.push(cut);
    }
    return cuts;
  }
}

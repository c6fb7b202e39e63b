import { driftReferenceFromJSON, type FittedDriftReference, fitDriftReference } from '../models/drift.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { purchaseModelFromJSON } from '../models/purchase-models.ts';
import { candidateFromJSON, type FittedCandidate, type StoredCandidate } from './candidates.ts';
import { type PopulationName, type Sight, sightOf } from './cut.ts';
import type { Populations } from './features.ts';
import { watched } from './monitoring.ts';

interface Parts {
  readonly population: PopulationName;
  readonly horizonDays: number;
  readonly candidate: FittedCandidate;
  readonly purchaseModel: PurchaseModel | undefined;
  /** How each feature and the forecast were distributed among those it was trained for: drift is measured against it. */
  readonly reference: FittedDriftReference;
}

/** Answers one question, the probability of a purchase within a horizon, at any moment. Frozen; stored in model_runs. */
export interface ProbabilityModel extends Parts {
  /** The customers of a moment as this model sees them. */
  sightOf(populations: Populations): Sight;
  toJSON(): StoredProbabilityModel;
}

interface StoredProbabilityModel {
  readonly population: PopulationName;
  readonly horizonDays: number;
  readonly candidate: StoredCandidate;
  readonly purchaseModel: unknown;
  readonly reference: unknown;
}

function create(parts: Parts): ProbabilityModel {
  const { population, horizonDays, candidate, purchaseModel, reference } = parts;
  return Object.freeze<ProbabilityModel>({
    ...parts,
    sightOf: (populations) => sightOf(populations, { population, horizonDays }, purchaseModel),
    toJSON: () => ({
      population,
      horizonDays,
      candidate: candidate.toJSON(),
      purchaseModel: purchaseModel?.toJSON() ?? null,
      reference: reference.toJSON(),
    }),
  });
}

/** `sight` is what the model is trained for: the customers of the moment of training. */
export function createProbabilityModel(
  horizonDays: number,
  candidate: FittedCandidate,
  purchaseModel: PurchaseModel | undefined,
  sight: Sight,
): ProbabilityModel {
  const reference = fitDriftReference(watched(sight, candidate.predict(sight)));
  return create({ population: sight.kind, horizonDays, candidate, purchaseModel, reference });
}

/** Restores a model from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else */
export function probabilityModelFromJSON(json: unknown): ProbabilityModel {
  const stored = json as StoredProbabilityModel;
  return create({
    population: stored.population,
    horizonDays: stored.horizonDays,
    candidate: candidateFromJSON(stored.candidate),
    purchaseModel: stored.purchaseModel === null ? undefined : purchaseModelFromJSON(stored.purchaseModel),
    reference: driftReferenceFromJSON(stored.reference),
  });
}

import { AppError } from '../errors.ts';
import { bgNbdFromJSON, fitBgNbd } from './bg-nbd.ts';
import { fitMbgNbd, mbgNbdFromJSON } from './mbg-nbd.ts';
import { fitParetoNbd, paretoNbdFromJSON } from './pareto-nbd.ts';
import type { PurchaseFitOptions, PurchaseHistories, PurchaseModel } from './purchase-model.ts';

interface PurchaseModelFamily {
  readonly model: string;
  /** As it stands in the literature. */
  readonly title: string;
  fit(data: PurchaseHistories, options?: PurchaseFitOptions): PurchaseModel;
  fromJSON(json: unknown): PurchaseModel;
}

/** Every purchase model that can be chosen, the simplest to compute first. All have four parameters. */
export const purchaseModels: readonly PurchaseModelFamily[] = [
  { model: 'bg-nbd', title: 'BG/NBD', fit: fitBgNbd, fromJSON: bgNbdFromJSON },
  { model: 'mbg-nbd', title: 'MBG/NBD', fit: fitMbgNbd, fromJSON: mbgNbdFromJSON },
  { model: 'pareto-nbd', title: 'Pareto/NBD', fit: fitParetoNbd, fromJSON: paretoNbdFromJSON },
];

/** Restores whichever model the stored form names. @throws AppError MODEL_BAD_INPUT for anything else. */
export function purchaseModelFromJSON(json: unknown): PurchaseModel {
  const name = typeof json === 'object' && json !== null && 'model' in json ? json.model : undefined;
  const family = purchaseModels.find(({ model }) => model === name);
  if (family) return family.fromJSON(json);
  throw new AppError('MODEL_BAD_INPUT', `Not a stored purchase model: ${JSON.stringify(name)}.`, {
    details: { known: purchaseModels.map(({ model }) => model) },
    hint: 'Fit the model again with this version of the program.',
  });
}

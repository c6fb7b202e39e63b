import type { Recommender } from './recommender.ts';
import type { Material } from './trial-models.ts';

interface Fittable {
  readonly name: string;
  readonly fit: (material: Material, shelf: ModelShelf) => Promise<Recommender> | Recommender;
}

/** Models fitted on one material, each once: a blend's parts are contenders themselves. A blend's seconds contain its parts'. */
export class ModelShelf {
  readonly #clock: () => number;
  readonly #models = new Map<string, Recommender>();
  readonly #seconds = new Map<string, number>();
  /** Of parts that were taken ready-made while a model was fitted. */
  #saved = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async get(model: Fittable, material: Material): Promise<Recommender> {
    const ready = this.#models.get(model.name);
    if (ready !== undefined) {
      this.#saved += this.seconds(model.name);
      return ready;
    }
    const savedBefore = this.#saved;
    const started = this.#clock();
    const fitted = await model.fit(material, this);
    this.#seconds.set(model.name, (this.#clock() - started) / 1000 + this.#saved - savedBefore);
    this.#models.set(model.name, fitted);
    return fitted;
  }

  seconds(name: string): number {
    return this.#seconds.get(name) ?? 0;
  }
}

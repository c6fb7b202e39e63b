import { AppError } from '../../errors.ts';
import type { LiveLimits } from './limits.ts';

/** Room for one request. It is given back when the last holder lets go: the answer is sent, and nothing of it is queued any more. */
export interface Room {
  hold(): void;
  release(): void;
}

/**
 * The bound in front of the queue: what is being read, waits or is written counts, so that memory stays flat whatever comes. A client
 * that sends and hangs up holds its room until its events are written.
 */
export class Intake {
  readonly #limits: LiveLimits;
  #bytes = 0;
  #requests = 0;

  constructor(limits: LiveLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get requests(): number {
    return this.#requests;
  }

  /** @throws INGEST_OVERLOADED before anything of the request is read */
  enter(bytes: number): Room {
    const { intakeBytes, intakeRequests } = this.#limits;
    if (this.#bytes + bytes > intakeBytes || this.#requests >= intakeRequests) {
      throw new AppError('INGEST_OVERLOADED', 'the queue of events is full', {
        hint: 'Send it again after the seconds that Retry-After names; nothing of this request was taken.',
      });
    }
    this.#bytes += bytes;
    this.#requests += 1;
    let holders = 1;
    return {
      hold: () => {
        holders += 1;
      },
      release: () => {
        holders -= 1;
        if (holders !== 0) return;
        this.#bytes -= bytes;
        this.#requests -= 1;
      },
    };
  }
}

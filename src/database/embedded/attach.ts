import { AppError } from '../../errors.ts';
import { lockHolder, tryLock } from './lock.ts';
import { type Context, type Owned, own } from './own.ts';

const watchMs = 500;
const retryAfterFailureMs = 5_000;

export interface StandBy {
  /** The server, once this process has taken it over from an owner that ended. */
  owned(): Owned | undefined;
  end(): Promise<void>;
}

/** Waits beside a server of another process, and takes it over (or starts it again) when its owner has ended. */
export function standBy(context: Context, lockFile: string): StandBy {
  let owned: Owned | undefined;
  let busy: Promise<void> | undefined;
  let notBefore = 0;
  const timer = setInterval(() => {
    if (!owned && !busy && Date.now() >= notBefore)
      busy = takeOver().finally(() => {
        busy = undefined;
      });
  }, watchMs);
  timer.unref();

  async function takeOver(): Promise<void> {
    try {
      if (await lockHolder(lockFile)) return;
      const { lock } = await tryLock(lockFile);
      if (!lock) return;
      owned = await own(context, lock);
      clearInterval(timer);
    } catch (error) {
      notBefore = Date.now() + retryAfterFailureMs;
      const reason = error instanceof AppError ? error.message : String(error);
      context.notice(`The owner of PostgreSQL has ended, and it could not be taken over: ${reason}`);
    }
  }

  return {
    owned: () => owned,
    async end() {
      clearInterval(timer);
      await busy;
    },
  };
}

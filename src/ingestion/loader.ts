import type { Reject } from './rejects.ts';

/** What a loader tells about rows that it was given: each row is told of exactly once. */
export interface LoaderSink {
  stored(accepted: number, duplicates: number): void;
  refused(reason: Reject, line: number, raw: string): void;
}

/** The part of an import that knows the database. Rows are given to it synchronously; `drain` holds the reader back. */
export interface Loader {
  start(): Promise<void>;
  drain(): Promise<void>;
  finish(): Promise<void>;
  /** Also after a failure: what is under way ends, what is not committed is dropped. */
  close(): Promise<void>;
}

/** What one request, the whole intake and a visitor may bring. Bytes count after decompression. */
export interface LiveLimits {
  /** Of one event, as compact JSON. Segment's limit is the same. */
  readonly eventBytes: number;
  /** Of one request; an NDJSON stream may be longer, each of its portions not. */
  readonly batchBytes: number;
  readonly batchEvents: number;
  /** Requests' bytes that may be read, queued or written at one time; who comes above is told to come again. */
  readonly intakeBytes: number;
  readonly intakeRequests: number;
  /** Sales that come with a public key are taken (visitor.ts). */
  readonly publicSales: boolean;
}

export const defaultLimits: LiveLimits = Object.freeze({
  eventBytes: 32 * 1024,
  batchBytes: 512_000,
  batchEvents: 2_500,
  intakeBytes: 8 * 1024 * 1024,
  intakeRequests: 1_000,
  publicSales: false,
});

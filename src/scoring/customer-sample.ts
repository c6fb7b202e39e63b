/** On so many customers drift is measured: noise of about 0.002 in an index of which 0.1 is the first that counts. */
const MAX_WATCHED_CUSTOMERS = 10_000;

/**
 * Those of the ids that are drawn by Knuth's multiplicative hash of the id, which parts neighbours; all of a small shop. The same customers
 * whoever was scored just now, so that what is measured on them does not depend on it. FORMAT_FEATURES draws those to train on by the same
 * hash, from its other end: in a large shop nobody is compared with themselves.
 */
export function drawCustomers(userId: Int32Array): Int32Array {
  const share = Math.min(1, MAX_WATCHED_CUSTOMERS / Math.max(1, userId.length));
  const from = (1 - share) * 2 ** 32;
  return userId.filter((id) => Math.imul(id, 2654435761) >>> 0 >= from);
}

import { type Points, squaredDistance, takeRows } from './points.ts';

/** Below this a plain scan is faster than another split. */
const leafRows = 16;

/** Nodes in order of creation. */
interface Nodes<Whole, Real> {
  /** The rows of a node stand together, from `start` to `end`. */
  readonly start: Whole;
  readonly end: Whole;
  /** Children; -1 for a leaf. */
  readonly left: Whole;
  readonly right: Whole;
  /** Bounding boxes, `dimensions` numbers a node. */
  readonly low: Real;
  readonly high: Real;
}
type GrowingNodes = Nodes<number[], number[]>;

function addNode(
  nodes: GrowingNodes,
  points: Points,
  order: Uint32Array,
  start: number,
  end: number,
): number {
  const { dimensions, values } = points;
  const node = nodes.start.length;
  nodes.start.push(start);
  nodes.end.push(end);
  nodes.left.push(-1);
  nodes.right.push(-1);
  let widest = 0;
  let width = 0;
  for (let d = 0; d < dimensions; d++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) {
      const value = values[order[i]! * dimensions + d]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    nodes.low.push(low);
    nodes.high.push(high);
    if (high - low > width) [width, widest] = [high - low, d];
  }
  if (end - start <= leafRows || width === 0) return node;
  const valueAt = (row: number) => values[row * dimensions + widest]!;
  order.subarray(start, end).sort((i, j) => valueAt(i) - valueAt(j) || i - j);
  const middle = (start + end) >> 1;
  nodes.left[node] = addNode(nodes, points, order, start, middle);
  nodes.right[node] = addNode(nodes, points, order, middle, end);
  return node;
}

/** A k-d tree (Bentley, CACM 18(9), 1975) with bounding boxes. Answers are places of the points it was built from. */
export class KdTree {
  /** In the order of the tree: `places` leads back. */
  private readonly points: Points;
  private readonly places: Uint32Array;
  private readonly positions: Uint32Array;
  private readonly nodes: Nodes<Int32Array, Float64Array>;
  /** Points of a node that were not removed. */
  private readonly remaining: Int32Array;

  /** @param points one at least */
  constructor(points: Points) {
    const nodes: GrowingNodes = { start: [], end: [], left: [], right: [], low: [], high: [] };
    this.places = Uint32Array.from({ length: points.rows }, (_, i) => i);
    addNode(nodes, points, this.places, 0, points.rows);
    this.points = takeRows(points, this.places);
    this.positions = new Uint32Array(points.rows);
    this.places.forEach((place, position) => {
      this.positions[place] = position;
    });
    this.nodes = {
      start: Int32Array.from(nodes.start),
      end: Int32Array.from(nodes.end),
      left: Int32Array.from(nodes.left),
      right: Int32Array.from(nodes.right),
      low: Float64Array.from(nodes.low),
      high: Float64Array.from(nodes.high),
    };
    this.remaining = this.nodes.end.map((end, node) => end - this.nodes.start[node]!);
  }

  /** Takes a point out, once: boxes of which nothing remains are passed over. The last of a box may still be visited. */
  remove(place: number): void {
    const position = this.positions[place]!;
    for (let node = 0; node >= 0; ) {
      this.remaining[node]!--;
      const right = this.nodes.right[node]!;
      node = right >= 0 && position >= this.nodes.start[right]! ? right : this.nodes.left[node]!;
    }
  }

  /**
   * Visits points about a query, nearer boxes first. `visit` gets a place and the squared distance, and returns the
   * squared radius from there on: points and boxes beyond it are passed over.
   */
  search(
    query: Float64Array,
    offset: number,
    squaredRadius: number,
    visit: (place: number, squared: number) => number,
  ): void {
    this.searchNode(0, query, offset, squaredRadius, visit);
  }

  private squaredBoxDistance(node: number, query: Float64Array, offset: number): number {
    const { dimensions } = this.points;
    let sum = 0;
    for (let d = 0; d < dimensions; d++) {
      const value = query[offset + d]!;
      const below = this.nodes.low[node * dimensions + d]! - value;
      const above = value - this.nodes.high[node * dimensions + d]!;
      if (below > 0) sum += below * below;
      else if (above > 0) sum += above * above;
    }
    return sum;
  }

  private searchNode(
    node: number,
    query: Float64Array,
    offset: number,
    squaredRadius: number,
    visit: (place: number, squared: number) => number,
  ): number {
    if (this.remaining[node] === 0) return squaredRadius;
    const left = this.nodes.left[node]!;
    if (left < 0) return this.searchLeaf(node, query, offset, squaredRadius, visit);
    const right = this.nodes.right[node]!;
    const leftDistance = this.squaredBoxDistance(left, query, offset);
    const rightDistance = this.squaredBoxDistance(right, query, offset);
    const [near, far] = leftDistance <= rightDistance ? [left, right] : [right, left];
    let radius = squaredRadius;
    if (Math.min(leftDistance, rightDistance) <= radius) {
      radius = this.searchNode(near, query, offset, radius, visit);
    }
    if (Math.max(leftDistance, rightDistance) <= radius) {
      radius = this.searchNode(far, query, offset, radius, visit);
    }
    return radius;
  }

  private searchLeaf(
    node: number,
    query: Float64Array,
    offset: number,
    squaredRadius: number,
    visit: (place: number, squared: number) => number,
  ): number {
    const { dimensions, values } = this.points;
    let radius = squaredRadius;
    for (let i = this.nodes.start[node]!; i < this.nodes.end[node]!; i++) {
      const squared = squaredDistance(query, offset, values, i * dimensions, dimensions);
      if (squared <= radius) radius = visit(this.places[i]!, squared);
    }
    return radius;
  }
}

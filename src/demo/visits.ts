import type { Random } from '../models/random.ts';
import { drawBasket, drawProductFor, type Occasion, type Shopper } from './basket.ts';
import type { Catalogue } from './catalogue.ts';
import type { DemoBehaviour } from './parameters.ts';

type DemoEventType = 'view' | 'add_to_cart' | 'purchase' | 'refund' | 'bot_command';

export interface DemoEvent {
  type: DemoEventType;
  /** Milliseconds of Unix time, whole seconds. */
  at: number;
  /** Index in the catalogue, or -1 for none. */
  product: number;
  properties: Record<string, string | number>;
}

export interface Visit {
  /** The moment of the order; of a visit without one, the moment of its first page. Milliseconds of Unix time. */
  at: number;
  sessionId: string;
  /** Present where the visit ends in an order. */
  order?: { id: string; value: number };
}

interface Scene {
  random: Random;
  catalogue: Catalogue;
  behaviour: DemoBehaviour;
  shopper: Shopper;
  /** Refunds that would come after this moment do not come. Milliseconds of Unix time. */
  endsAt: number;
}

const second = 1000;
const day = 86_400_000;

/** Seconds that a visitor stays on a page: half a minute or so, never so long that a visit outlasts the order's hour. */
function drawPause(random: Random): number {
  return Math.min(150, 5 + Math.floor(random.exponential(1 / 30))) * second;
}

function occasionOf({ random, shopper, behaviour }: Scene, moment: number): Occasion {
  return {
    moment,
    taste: random.categorical(shopper.tasteWeights),
    priceElasticity: behaviour.priceElasticity,
  };
}

/** Looks at some products, and now and then leaves one in the cart. */
export function browse(scene: Scene, visit: Visit): DemoEvent[] {
  const { random } = scene;
  const occasion = occasionOf(scene, visit.at);
  const events: DemoEvent[] = [];
  const pages = 1 + random.poisson(1.8);
  let at = visit.at;
  for (let page = 0; page < pages; page++) {
    const product = drawProductFor(random, scene.catalogue, occasion);
    events.push({ type: 'view', at, product, properties: { session_id: visit.sessionId } });
    at += drawPause(random);
    if (random.bernoulli(0.08)) {
      events.push({
        type: 'add_to_cart',
        at,
        product,
        properties: { session_id: visit.sessionId, quantity: 1 },
      });
      at += drawPause(random);
    }
  }
  return events;
}

/** The visit that leads to an order: each line is viewed, then put into the cart, then bought, in this order of time. */
export function shop(scene: Scene, visit: Visit, order: { id: string; value: number }): DemoEvent[] {
  const { random, catalogue, shopper } = scene;
  const occasion = occasionOf(scene, visit.at);
  const lines = drawBasket(random, catalogue, shopper, occasion, order.value);
  const session_id = visit.sessionId;
  const before: Omit<DemoEvent, 'at'>[] = [];
  const look = (product: number) => before.push({ type: 'view', product, properties: { session_id } });
  for (const { product, quantity } of lines) {
    for (let extra = random.poisson(0.9); extra > 0; extra--)
      look(drawProductFor(random, catalogue, occasion));
    if (product !== catalogue.giftWrapping) look(product);
    before.push({ type: 'add_to_cart', product, properties: { session_id, quantity } });
  }
  let at = visit.at;
  const events: DemoEvent[] = before.reverse().map((event) => {
    at -= drawPause(random);
    return { ...event, at };
  });
  events.reverse();
  for (const { product, quantity, unitPrice, listPrice } of lines) {
    const properties = {
      order_id: order.id,
      session_id,
      quantity,
      unit_price: unitPrice,
      list_price: listPrice,
    };
    events.push({ type: 'purchase', at: visit.at, product, properties });
  }
  return events;
}

/** Some lines come back some days later, whole, at the price that was paid. */
export function sendBack(scene: Scene, purchases: DemoEvent[]): DemoEvent[] {
  const { random, behaviour, endsAt, catalogue } = scene;
  const refunds: DemoEvent[] = [];
  for (const { type, at: boughtAt, product, properties } of purchases) {
    if (type !== 'purchase' || product === catalogue.giftWrapping || !random.bernoulli(behaviour.refundShare))
      continue;
    const at = boughtAt + (2 + random.integer(19)) * day + random.integer(1800) * second;
    if (at >= endsAt) continue;
    const { order_id, quantity, unit_price } = properties as Record<string, number>;
    refunds.push({
      type: 'refund',
      at,
      product,
      properties: { order_id, quantity, unit_price } as DemoEvent['properties'],
    });
  }
  return refunds;
}

const commands = ['/catalog', '/recommend', '/orders', '/help'];
const commandWeights = [5, 4, 2, 1];

/** /start when the account comes, then a command now and then until `until` (both milliseconds of Unix time). */
export function talkToBot(random: Random, from: number, until: number): DemoEvent[] {
  const say = (command: string, at: number): DemoEvent => ({
    type: 'bot_command',
    at: Math.floor(at / second) * second,
    product: -1,
    properties: { command },
  });
  const events = [say('/start', from)];
  for (
    let at = from + random.exponential(1 / (42 * day));
    at < until;
    at += random.exponential(1 / (42 * day))
  ) {
    events.push(say(commands[random.categorical(commandWeights)] as string, at));
  }
  return events;
}

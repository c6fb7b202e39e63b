import { describe, expect, it } from 'vitest';
import { Random } from '../models/random.ts';
import { priceAt } from './catalogue.ts';
import { drawOrders, drawOrderValues } from './order-process.ts';
import { type DemoOptions, defaultBehaviour, endOfLastDay } from './parameters.ts';
import type { DemoPerson } from './people.ts';
import { type DemoShop, openDemoShop } from './simulate.ts';
import type { DemoEvent } from './visits.ts';

const options: DemoOptions = { customers: 600, products: 300, days: 540, seed: 42, lastDay: '2026-06-30' };
const shop = openDemoShop(options);

function everybody(of: DemoShop): { person: DemoPerson; events: DemoEvent[] }[] {
  return Array.from({ length: of.peopleCount }, (_, index) => {
    const person = of.person(index);
    return { person, events: of.history(person) };
  });
}

const people = everybody(shop);
const all = people.flatMap(({ events }) => events);
const dayOf = (at: number) => Math.floor((at - shop.startsAt) / 86_400_000);
const number = (event: DemoEvent, name: string) => event.properties[name] as number;

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

describe('a shop', () => {
  it('is the same for the same options, in whatever order people are asked for', () => {
    const again = openDemoShop(options);
    expect(again.id).toBe(shop.id);
    expect(again.catalogue.products).toEqual(shop.catalogue.products);
    for (const index of [599, 0, 680, 5]) {
      const person = again.person(index);
      expect({ person, events: again.history(person) }).toEqual(people[index]);
    }
  });

  it.each([{ seed: 43 }, { days: 541 }, { products: 299 }, { customers: 601 }, { lastDay: '2026-07-01' }])(
    'has another id and other events with %o',
    (change) => {
      const other = openDemoShop({ ...options, ...change });
      expect(other.id).not.toBe(shop.id);
      expect(other.history(other.person(0))).not.toEqual(people[0]!.events);
    },
  );

  it('has about 100,000 events at the size of the first start', () => {
    const first = openDemoShop({ ...options, customers: 2000 });
    let events = 0;
    for (let i = 0; i < first.peopleCount; i++) events += first.history(first.person(i)).length;
    expect(events).toBeGreaterThan(90_000);
    expect(events).toBeLessThan(115_000);
  });

  it.each([
    [{ customers: 0 }, /customers/],
    [{ products: 1.5 }, /products/],
    [{ days: -1 }, /days/],
    [{ seed: -1 }, /seed/],
    [{ lastDay: '2026-02-30' }, /not a date/],
    [{ lastDay: 'yesterday' }, /not a date/],
  ])('refuses %o', (change, message) => {
    expect(() => openDemoShop({ ...options, ...change })).toThrow(message);
  });

  it.each([
    { customers: 1, products: 1, days: 1 },
    { customers: 30, products: 2, days: 900 },
    { customers: 30, products: 20, days: 2 },
  ])('works at the smallest size: %o', (size) => {
    const small = openDemoShop({ ...options, ...size });
    const bought = everybody(small).flatMap(({ events }) => events.filter(({ type }) => type === 'purchase'));
    expect(new Set(bought.map((e) => e.properties['order_id'])).size).toBeGreaterThanOrEqual(size.customers);
    for (const event of bought) {
      expect(number(event, 'unit_price')).toBeGreaterThan(0);
      expect(number(event, 'quantity')).toBeGreaterThan(0);
    }
  });
});

describe('the catalogue', () => {
  const { products, giftWrapping } = shop.catalogue;

  it('has the products asked for, with names of their own in both languages, also beyond the vocabulary', () => {
    const large = openDemoShop({ ...options, products: 4000, customers: 1 }).catalogue.products;
    for (const list of [products, large]) {
      expect(new Set(list.map(({ name }) => name[0])).size).toBe(list.length);
      expect(new Set(list.map(({ name }) => name[1])).size).toBe(list.length);
      for (const { name, category } of list) {
        expect(name[0]).toMatch(/^[A-Z][\w' -]+$/);
        expect(name[1]).toMatch(/^[А-ЯЁ][а-яё ]+( «[А-ЯЁ][а-яё ]+»( \d)?)?$/);
        expect(category[1]).toMatch(/^[А-ЯЁ][а-яё ]+$/);
      }
    }
    expect(products).toHaveLength(300);
  });

  it('changes prices at the days it says', () => {
    expect(products.filter(({ prices }) => prices.length > 1).length).toBeGreaterThan(200);
    for (const product of products) {
      product.priceFrom.forEach((from, i) => {
        if (product.priceFrom[i + 1] === from) return; // two steps on one day: the last one holds
        expect(priceAt(product, from)).toBe(product.prices[i]);
        if (i > 0) expect(from % 86_400_000).toBe(0);
      });
      for (const price of product.prices) expect(price).toBeGreaterThan(0);
    }
  });

  it('has consumables, things bought once, and one service that is no merchandise', () => {
    expect(products.filter(({ isMerchandise }) => !isMerchandise)).toEqual([products[giftWrapping]]);
    const consumables = products.filter(({ consumable }) => consumable).length;
    expect(consumables).toBeGreaterThan(60);
    expect(consumables).toBeLessThan(240);
  });
});

describe('people', () => {
  it('have Telegram ids that Telegram never gives, or none', () => {
    const ids = people.map(({ person }) => person.telegramId).filter((id) => id !== null);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length / people.length).toBeGreaterThan(0.15);
    expect(ids.length / people.length).toBeLessThan(0.35);
    for (const id of ids) expect(id >= 2 ** 52 && Number.isSafeInteger(id)).toBe(true);
  });

  it('register before all that they do', () => {
    for (const { person, events } of people) {
      expect(person.registeredAt).toBeGreaterThanOrEqual(shop.startsAt);
      for (const event of events) expect(event.at).toBeGreaterThanOrEqual(person.registeredAt);
    }
  });

  it('either buy or only look', () => {
    for (const { person, events } of people) {
      expect(events.some(({ type }) => type === 'purchase')).toBe(person.buys);
      expect(events.length).toBeGreaterThan(0);
    }
    expect(people.filter(({ person }) => !person.buys)).toHaveLength(90);
  });
});

describe('events', () => {
  it('lie in the window, on whole seconds, in order of time', () => {
    expect(shop.endsAt).toBe(Date.UTC(2026, 6, 1));
    expect(endOfLastDay('2024-02-29')).toBe(Date.UTC(2024, 2, 1));
    for (const { events } of people) {
      events.forEach(({ at }, i) => {
        expect(at >= shop.startsAt && at < shop.endsAt && at % 1000 === 0).toBe(true);
        if (i > 0) expect(at).toBeGreaterThanOrEqual(events[i - 1]!.at);
      });
    }
  });

  it('view before they put into the cart, and put into the cart before they buy, within one session', () => {
    const bySession = groupBy(
      all.filter((event) => event.properties['session_id']),
      (event) => event.properties['session_id'],
    );
    let purchases = 0;
    for (const events of bySession.values()) {
      const first = (type: string, product: number) =>
        events.findIndex((event) => event.type === type && event.product === product);
      events.forEach((event, i) => {
        if (event.type !== 'purchase') return;
        purchases += 1;
        const cart = first('add_to_cart', event.product);
        expect(cart).toBeGreaterThanOrEqual(0);
        expect(cart).toBeLessThan(i);
        if (event.product === shop.catalogue.giftWrapping) return;
        const view = first('view', event.product);
        expect(view).toBeGreaterThanOrEqual(0);
        expect(view).toBeLessThan(cart);
      });
    }
    expect(purchases).toBeGreaterThan(3000);
  });

  it('follow BG/NBD on the day and Gamma-Gamma in the value of each order', () => {
    for (const { person, events } of people.filter((each) => each.person.buys)) {
      const drawn = drawOrders(
        Random.fromSeed(42, `orders ${person.index}`),
        defaultBehaviour.orders,
        person.entry,
        options.days,
      );
      const orders = groupBy(
        events.filter(({ type }) => type === 'purchase'),
        (event) => event.properties['order_id'],
      );
      const days = [...orders.values()].map((lines) => dayOf(lines[0]!.at));
      expect(days).toEqual(drawn.times.map(Math.floor));
      expect(days[0]).toBe(Math.floor(person.entry));
      const spending = Random.fromSeed(42, `spend ${person.index}`);
      const values = drawOrderValues(spending, defaultBehaviour.spend, orders.size);
      [...orders].forEach(([id, lines]) => {
        const place = Number(String(id).split('-')[2]) - 1;
        const pieces = lines.reduce((sum, line) => sum + number(line, 'quantity'), 0);
        const paid = lines.reduce(
          (sum, line) => sum + number(line, 'quantity') * number(line, 'unit_price'),
          0,
        );
        expect(Math.abs(paid - values[place]!)).toBeLessThan(0.005 * pieces + 0.006);
      });
    }
  });

  it('sell each thing to a customer once, save what is used up, and never above its price', () => {
    let repeats = 0;
    for (const { events } of people) {
      const bought = groupBy(
        events.filter(({ type }) => type === 'purchase'),
        ({ product }) => product,
      );
      for (const [index, lines] of bought) {
        const product = shop.catalogue.products[index]!;
        if (!product.consumable) expect(lines).toHaveLength(1);
        else repeats += lines.length - 1;
        for (const line of lines) {
          expect(number(line, 'list_price')).toBe(priceAt(product, line.at));
          expect(number(line, 'unit_price')).toBeLessThanOrEqual(number(line, 'list_price'));
        }
      }
    }
    expect(repeats).toBeGreaterThan(500);
  });

  it('send back what was bought, later, once, at the price that was paid', () => {
    const key = (event: DemoEvent) => `${event.properties['order_id']} ${event.product}`;
    const bought = groupBy(
      all.filter(({ type }) => type === 'purchase'),
      key,
    );
    const refunds = all.filter(({ type }) => type === 'refund');
    expect(refunds.length).toBeGreaterThan(20);
    expect(new Set(refunds.map(key)).size).toBe(refunds.length);
    for (const refund of refunds) {
      const line = bought.get(key(refund))![0]!;
      expect(refund.at).toBeGreaterThan(line.at);
      expect(refund.properties).toEqual({
        order_id: line.properties['order_id'],
        quantity: line.properties['quantity'],
        unit_price: line.properties['unit_price'],
      });
    }
  });

  it('have bot commands of those with Telegram alone, /start first', () => {
    for (const { person, events } of people) {
      const commands = events
        .filter(({ type }) => type === 'bot_command')
        .map((e) => e.properties['command']);
      if (person.telegramId === null) expect(commands).toEqual([]);
      else expect(commands[0]).toBe('/start');
    }
  });
});

describe('what there is to find in the events', () => {
  const views = all.filter(({ type }) => type === 'view');

  it('tastes: a customer keeps buying from few categories', () => {
    const category = (event: DemoEvent) => shop.catalogue.products[event.product]!.category[0];
    const pairs: [string, string][] = [];
    for (const { events } of people) {
      const lines = events.filter(({ type }) => type === 'purchase');
      for (let i = 1; i < lines.length; i++) {
        const [one, other] = [lines[i - 1]!, lines[i]!];
        if (one.properties['order_id'] !== other.properties['order_id'])
          pairs.push([category(one), category(other)]);
      }
    }
    const same = pairs.filter(([one, other]) => one === other).length / pairs.length;
    // By chance alone two orders agree as often as two purchases of anybody.
    const shares = [...groupBy(pairs, ([one]) => one).values()].map((group) => group.length / pairs.length);
    const byChance = shares.reduce((sum, share) => sum + share * share, 0);
    expect(same / byChance).toBeGreaterThan(1.8);
  });

  it('seasons: winter things are looked at in winter, garden things in spring', () => {
    const perMonth = (name: string, months: number[]) => {
      const inMonths = views.filter(({ at }) => months.includes(new Date(at).getUTCMonth()));
      const hits = inMonths.filter(({ product }) => shop.catalogue.products[product]!.category[0] === name);
      return hits.length / inMonths.length;
    };
    const [winter, spring, summer] = [
      [10, 11, 0],
      [2, 3, 4],
      [5, 6, 7],
    ];
    expect(perMonth('Candles & scents', winter!) / perMonth('Candles & scents', summer!)).toBeGreaterThan(
      1.4,
    );
    expect(perMonth('Plants & garden', spring!) / perMonth('Plants & garden', winter!)).toBeGreaterThan(1.4);
  });
});

describe('the value of orders', () => {
  it('stays a sum of money at the edge of the distribution', () => {
    const values = drawOrderValues(Random.fromSeed(1), { p: 0.01, q: 0.01, gamma: 1 }, 1000);
    for (const value of values) expect(value >= 0.01 && value <= 1e7).toBe(true);
  });
});

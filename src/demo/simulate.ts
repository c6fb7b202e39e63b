import { createHash } from 'node:crypto';
import { Random } from '../models/random.ts';
import { drawShopper } from './basket.ts';
import { type Catalogue, drawCatalogue } from './catalogue.ts';
import { drawOrders, drawOrderValues, type OrderHistory } from './order-process.ts';
import {
  type DemoBehaviour,
  type DemoOptions,
  defaultBehaviour,
  endOfLastDay,
  millisecondsPerDay,
  validateDemoOptions,
} from './parameters.ts';
import { countPeople, type DemoPerson, drawPerson } from './people.ts';
import { browse, type DemoEvent, sendBack, shop, talkToBot, type Visit } from './visits.ts';

export interface DemoShop {
  /** Six letters and digits out of options and behaviour: two shops can live side by side in one database. */
  id: string;
  options: DemoOptions;
  behaviour: DemoBehaviour;
  catalogue: Catalogue;
  peopleCount: number;
  /** The window, milliseconds of Unix time, end excluded. */
  startsAt: number;
  endsAt: number;
  /** The person of an index of 0 … peopleCount - 1, and what that person did, in order of time. */
  person(index: number): DemoPerson;
  history(person: DemoPerson): DemoEvent[];
}

/** Hours of the day in which people shop, from 7 on, with their weights: a small peak at noon, a large one in the evening. */
const firstHour = 7;
const hourWeights = [1, 2, 3, 4, 5, 6, 5, 4, 4, 4, 5, 7, 9, 10, 9, 6, 3];
/** How lively each month is for those who only look; the months of orders are left to the order process. */
const livelyMonths = [0.8, 0.8, 0.85, 0.85, 0.85, 0.8, 0.75, 0.8, 0.9, 0.95, 1.15, 1.2];
const liveliest = 1.2;

/**
 * Opens a shop that is simulated person by person: each has random streams of their own, so that memory holds the
 * catalogue and one person, whatever the number of events, and people can be asked for in any order.
 *
 * Exact: the day of each order (BG/NBD) and the value of each order (Gamma-Gamma, to half a cent a piece). Approximate:
 * the time within the day follows shopping hours instead of the process, and all else (what is looked at, put into
 * carts and bought, visits, refunds) is made around the orders: tastes, seasons and prices bend what is chosen, never
 * when an order happens.
 */
export function openDemoShop(options: DemoOptions, behaviour: DemoBehaviour = defaultBehaviour): DemoShop {
  validateDemoOptions(options);
  const digest = createHash('sha256').update(
    JSON.stringify([options.customers, options.products, options.days]),
  );
  digest.update(JSON.stringify([options.seed, options.lastDay, behaviour]));
  const hex = digest.digest('hex');
  const shopNumber = Number.parseInt(hex.slice(0, 7), 16);
  const endsAt = endOfLastDay(options.lastDay);
  const demoShop: DemoShop = {
    id: BigInt(`0x${hex}`).toString(36).slice(0, 6),
    options,
    behaviour,
    catalogue: drawCatalogue(options),
    peopleCount: countPeople(options, behaviour),
    startsAt: endsAt - options.days * millisecondsPerDay,
    endsAt,
    person: (index) => drawPerson(options, behaviour, shopNumber, index),
    history: (person) => drawHistory(demoShop, person),
  };
  return demoShop;
}

function drawHistory(demoShop: DemoShop, person: DemoPerson): DemoEvent[] {
  const { options, behaviour, catalogue, startsAt, endsAt } = demoShop;
  const stream = (name: string) => Random.fromSeed(options.seed, `${name} ${person.index}`);
  const orders = person.buys
    ? drawOrders(stream('orders'), behaviour.orders, person.entry, options.days)
    : undefined;
  const random = stream('history');
  const scene = {
    random,
    catalogue,
    behaviour,
    endsAt,
    shopper: drawShopper(random, catalogue.byTaste.length),
  };
  const events: DemoEvent[] = [];
  for (const visit of drawVisits(demoShop, person, orders, random)) {
    if (visit.order === undefined) events.push(...browse(scene, visit));
    else {
      const bought = shop(scene, visit, visit.order);
      events.push(...bought, ...sendBack(scene, bought));
    }
  }
  if (person.telegramId !== null) {
    const lostAt = orders === undefined ? person.registeredAt : startsAt + orders.lostAt * millisecondsPerDay;
    events.push(...talkToBot(stream('bot'), person.registeredAt, Math.min(lostAt, endsAt)));
  }
  return events.filter((event) => event.at < endsAt).sort((x, y) => x.at - y.at);
}

/** All visits of one person in order of time, those that end in an order among them. */
function drawVisits(
  { id, behaviour, startsAt, options }: DemoShop,
  person: DemoPerson,
  orders: OrderHistory | undefined,
  random: Random,
): Visit[] {
  const times = orders?.times ?? [];
  const spending = Random.fromSeed(options.seed, `spend ${person.index}`);
  const values = drawOrderValues(spending, behaviour.spend, times.length);
  const visits: Omit<Visit, 'sessionId'>[] = orderMoments(random, times, startsAt).map((at, i) => ({
    at,
    order: { id: `${id}-${person.key}-${i + 1}`, value: values[i] as number },
  }));
  const registered = (person.registeredAt - startsAt) / millisecondsPerDay;
  const lost = orders === undefined ? person.entry + 1 : Math.min(orders.lostAt, options.days);
  const perWeek = behaviour.visitsPerWeek + behaviour.visitsPerOrder * 7 * (orders?.ratePerDay ?? 0);
  const looking = [
    ...(orders === undefined ? [person.entry] : []),
    ...poissonTimes(random, perWeek / 7, registered, lost),
    ...poissonTimes(random, (perWeek / 7) * behaviour.visitsAfterLoss, lost, options.days),
  ];
  for (const time of looking) {
    const at = startsAt + Math.floor(time) * millisecondsPerDay + drawTimeOfDay(random);
    const lively = livelyMonths[new Date(at).getUTCMonth()] as number;
    if (orders === undefined || random.bernoulli(lively / liveliest)) visits.push({ at });
  }
  visits.sort((x, y) => x.at - y.at);
  return visits.map((visit, i) => ({ ...visit, sessionId: `${id}-${person.key}-s${i + 1}` }));
}

function poissonTimes(random: Random, ratePerDay: number, from: number, until: number): number[] {
  const times: number[] = [];
  if (!(ratePerDay > 0)) return times;
  for (
    let time = from + random.exponential(ratePerDay);
    time < until;
    time += random.exponential(ratePerDay)
  ) {
    times.push(time);
  }
  return times;
}

function drawTimeOfDay(random: Random): number {
  return ((firstHour + random.categorical(hourWeights)) * 3600 + random.integer(3600)) * 1000;
}

/** Keeps each order's day and gives it an hour; orders of one day stay apart and in their order, within that day. */
function orderMoments(random: Random, times: number[], startsAt: number): number[] {
  const moments = times.map(
    (time) => startsAt + Math.floor(time) * millisecondsPerDay + drawTimeOfDay(random),
  );
  return moments.sort((x, y) => x - y);
}

import { Random } from '../models/random.ts';
import { type DemoBehaviour, type DemoOptions, endOfLastDay, millisecondsPerDay } from './parameters.ts';
import {
  englishFirstNames,
  englishLastNames,
  englishSpeakingCities,
  russianFirstNames,
  russianLastNames,
  russianSpeakingCities,
} from './people-names.ts';

export interface DemoPerson {
  index: number;
  /** `c1`, `c2`, … for those who buy, `v1`, … for those who only look. */
  key: string;
  buys: boolean;
  /** First order, or first visit of those who never buy: days since the start of the window. */
  entry: number;
  /** Milliseconds of Unix time; not after the entry. */
  registeredAt: number;
  telegramId: number | null;
  firstName: string;
  lastName: string;
  username: string | null;
  profile: Record<string, unknown>;
}

/** Entries fall into the first part of the window, so that most customers have a long history behind them. */
const entryShare = 0.6;

/**
 * Telegram promises ids of at most 52 significant bits (Bot API, type User). Ours begin above, so that the bot can
 * never write to a stranger: 28 bits of the shop and 24 of the person.
 */
const firstTelegramId = 2 ** 52;

export function countPeople(options: DemoOptions, behaviour: DemoBehaviour): number {
  return options.customers + Math.round(options.customers * behaviour.visitorShare);
}

/** One person, the same each time it is asked for: nobody has to keep all people in memory. */
export function drawPerson(
  options: DemoOptions,
  behaviour: DemoBehaviour,
  shopNumber: number,
  index: number,
): DemoPerson {
  const random = Random.fromSeed(options.seed, `person ${index}`);
  const buys = index < options.customers;
  const entry = random.uniform() * options.days * (buys ? entryShare : 1);
  const lead = Math.min(entry, random.exponential(1 / 4));
  const start = endOfLastDay(options.lastDay) - options.days * millisecondsPerDay;
  const hasTelegram = random.bernoulli(behaviour.telegramShare);
  return {
    index,
    key: buys ? `c${index + 1}` : `v${index - options.customers + 1}`,
    buys,
    entry,
    // The day's first hours are left out, since an order's visit begins before the order.
    registeredAt: start + Math.floor(entry - lead) * millisecondsPerDay + random.integer(4 * 3600) * 1000,
    telegramId: hasTelegram ? firstTelegramId + (shopNumber % 2 ** 28) * 2 ** 24 + index : null,
    ...drawIdentity(random, options.lastDay, index, hasTelegram),
  };
}

type Identity = Pick<DemoPerson, 'firstName' | 'lastName' | 'username' | 'profile'>;

function drawIdentity(random: Random, lastDay: string, index: number, hasTelegram: boolean): Identity {
  const speaksRussian = random.bernoulli(0.55);
  const [firstName, latin, lastName] = speaksRussian ? drawRussianName(random) : drawEnglishName(random);
  const [city, country] = random.pick(speaksRussian ? russianSpeakingCities : englishSpeakingCities);
  const channels = ['search', 'friends', 'social', 'newsletter', 'advertising'];
  return {
    firstName,
    lastName,
    username: hasTelegram ? `${latin}_demo${index + 1}` : null,
    profile: {
      language: speaksRussian ? 'ru' : 'en',
      country,
      city,
      birth_year: Number(lastDay.slice(0, 4)) - 19 - random.integer(50),
      channel: hasTelegram ? 'telegram' : random.pick(channels),
      newsletter: random.bernoulli(0.4),
    },
  };
}

function drawRussianName(random: Random): [first: string, latin: string, last: string] {
  const isWoman = random.bernoulli(0.6);
  const [first, latin] = random.pick(isWoman ? russianFirstNames.female : russianFirstNames.male);
  const [ofMan, ofWoman] = random.pick(russianLastNames);
  return [first, latin, isWoman ? ofWoman : ofMan];
}

function drawEnglishName(random: Random): [first: string, latin: string, last: string] {
  const [first, latin] = random.pick(englishFirstNames);
  return [first, latin, random.pick(englishLastNames)];
}

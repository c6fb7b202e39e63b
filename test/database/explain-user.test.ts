import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addEvent, addUser, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

interface Row {
  line: number;
  score: string | null;
  status: string | null;
  kind: string;
  value: number | null;
  feature: string | null;
  effect: number | null;
  text: string;
}

/** Keeps a Russian number and its percent sign on one line. */
const NB = '\u00a0';

let database: TestDatabase;
let user: number;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  await database.clear();
  await database.adminPool.query(
    'TRUNCATE app_schema.user_score_details, app_schema.user_metrics, app_schema.model_runs, app_schema.segments CASCADE',
  );
  await setTimeZone(database.appPool, 'UTC');
  user = await addUser(database.appPool);
});

interface Scores {
  statuses?: [ltv: string, churn: string, purchase: string];
  metrics?: [ltv: number | null, churn: number | null, purchase: number | null];
  asOf?: string;
  parameters?: unknown;
  evaluation?: unknown;
}

const RUN = {
  parameters: {
    ltv: { horizonDays: 365, refundShare: 0, extrapolated: false },
    purchase: { chosen: 'logistic' },
    churn: { chosen: 'boosted-trees' },
  },
  evaluation: {
    purchase: { horizonDays: 30 },
    churn: { horizonDays: 90 },
    firstPurchase: { horizonDays: 30 },
  },
};

async function addRun(
  asOf: string,
  parameters: unknown = RUN.parameters,
  evaluation: unknown = RUN.evaluation,
): Promise<number> {
  const run = await database.appPool.query(
    `INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation)
     VALUES ('scoring', $1, 'test', $2, $3) RETURNING model_run_id`,
    [asOf, JSON.stringify(parameters), JSON.stringify(evaluation)],
  );
  return run.rows[0].model_run_id;
}

async function publish(explanation: unknown, scores: Scores = {}): Promise<void> {
  const [ltv, churn, purchase] = scores.metrics ?? [185.95, 0.69, 0.234];
  const run = await addRun(scores.asOf ?? '2026-01-10T00:00:00Z', scores.parameters, scores.evaluation);
  await database.appPool.query(
    `INSERT INTO app_schema.user_metrics (user_id, ltv, churn_probability, purchase_probability_30d) VALUES ($1, $2, $3, $4)`,
    [user, ltv, churn, purchase],
  );
  await database.appPool.query('INSERT INTO app_schema.user_score_details VALUES ($1, $2, $3, $4, $5, $6)', [
    user,
    run,
    ...(scores.statuses ?? ['ok', 'ok', 'ok']),
    JSON.stringify(explanation),
  ]);
}

async function explain(language: string | null = 'en', userId: number | null = user): Promise<Row[]> {
  const sql = 'SELECT * FROM app_schema.explain_user($1, $2)';
  return (await database.mlPool.query<Row>(sql, [userId, language])).rows;
}

const textsOf = (rows: Row[], score: string | null): string[] =>
  rows.filter((row) => row.score === score).map((row) => row.text);
const story = async (score: string, language = 'en'): Promise<string[]> =>
  textsOf(await explain(language), score);

const PURCHASES = {
  orders: 4,
  repeat_purchase_days: 3,
  days_since_first_purchase: 314,
  days_since_last_purchase: 42,
  historic_revenue: 121.75,
  probability_alive: 0.84,
};
const FORECAST = {
  expected_purchases: 3.2,
  expected_spend: 20.1,
  predicted_revenue: 64.2,
  ltv_low: 131.75,
  ltv_high: 261.75,
};
const REASONS = {
  purchase_because: [
    { feature: 'since_last_purchase', effect: -0.82, value: 42 },
    { feature: 'active_days_90', effect: 0.41, value: 4 },
    { feature: 'purchase_model', effect: 0.12, value: 0.18 },
  ],
  no_churn_because: [
    { feature: 'orders', effect: 1.2, value: 4 },
    { feature: 'purchase_model', effect: -0.3, value: 0.45 },
  ],
};

describe('a customer with all scores', () => {
  beforeEach(async () => {
    await database.appPool.query(
      `INSERT INTO app_schema.segments VALUES (1, 'loyal', 'Loyal', 'Лояльные', 'Buy often.', 'Покупают часто.')`,
    );
    await publish({ ...PURCHASES, ...FORECAST, ...REASONS });
    await database.appPool.query('UPDATE app_schema.user_metrics SET segment_id = 1');
  });

  it('is told from top to bottom in English', async () => {
    const rows = await explain();
    expect(rows.map((row) => [row.line, row.score, row.kind, row.text])).toEqual([
      [1, null, 'fact', 'As of 2026-01-09; days count back from there.'],
      [2, 'segment', 'summary', 'Loyal. Buy often.'],
      [
        3,
        'ltv',
        'summary',
        'Is worth 185.95 USD, counting what came so far and what we expect within 365 days.',
      ],
      [
        4,
        'ltv',
        'fact',
        'Has brought 121.75 USD in 4 orders since 2025-03-01, on average every 91 days, the last time 42 days ago.',
      ],
      [5, 'ltv', 'fact', 'By this rhythm, still a customer with a probability of 84%.'],
      [
        6,
        'ltv',
        'fact',
        'We expect 3.2 more purchases of 20.10 USD on average within 365 days: 64.20 USD (in 8 of 10 cases between 10 and 140).',
      ],
      [7, 'purchase', 'summary', 'Will buy within 30 days with a probability of 23%.'],
      [8, 'purchase', 'against', 'Lowers it strongly: last bought 42 days ago.'],
      [9, 'purchase', 'for', 'Raises it somewhat: 4 active days in the last 90 days.'],
      [10, 'purchase', 'for', 'Raises it slightly: by the purchases alone it would be 18%.'],
      [11, 'churn', 'summary', 'Will buy nothing within 90 days with a probability of 69%.'],
      [12, 'churn', 'against', 'Lowers it strongly: 4 orders.'],
      [13, 'churn', 'for', 'Raises it somewhat: by the purchases alone it would be 55%.'],
    ]);
  });

  it('is told in Russian', async () => {
    expect((await explain('ru')).map((row) => row.text)).toEqual([
      'По данным на 09.01.2026, дни отсчитаны от этой даты.',
      'Лояльные. Покупают часто.',
      'Ценность (LTV) — 185,95 USD: уже полученное и ожидаемое в течение 365 дней.',
      'Покупки принесли 121,75 USD: 4 заказа с 01.03.2025, в среднем раз в 91 день, последний раз 42 дня назад.',
      `Судя по этому ритму, остаётся покупателем с вероятностью 84${NB}%.`,
      'Ожидаем ещё 3,2 покупки в среднем на 20,10 USD в течение 365 дней: 64,20 USD (в 8 случаях из 10 — от 10 до 140).',
      `Купит в течение 30 дней с вероятностью 23${NB}%.`,
      'Сильно снижает: последняя покупка 42 дня назад.',
      'Заметно повышает: 4 активных дня за последние 90 дней.',
      `Немного повышает: по одним только покупкам было бы 18${NB}%.`,
      `Ничего не купит в течение 90 дней с вероятностью 69${NB}%.`,
      'Сильно снижает: 4 заказа.',
      `Заметно повышает: по одним только покупкам было бы 55${NB}%.`,
    ]);
  });

  it('has numbers beside the words: the score, the value, the effect on the probability that is explained', async () => {
    const rows = await explain();
    expect(rows[2]).toMatchObject({ score: 'ltv', status: 'ok', value: 185.95, feature: null, effect: null });
    expect(rows[6]).toMatchObject({ score: 'purchase', value: 0.234 });
    expect(rows[7]).toMatchObject({ feature: 'since_last_purchase', value: 42, effect: -0.82 });
    expect(rows[10]).toMatchObject({ score: 'churn', status: 'ok', value: 0.69 });
    // Stored is what speaks for a purchase; here it is about churn.
    expect(rows[11]).toMatchObject({ feature: 'orders', value: 4, effect: -1.2 });
    expect(rows[12]).toMatchObject({ feature: 'purchase_model', value: 0.55, effect: 0.3 });
  });

  it('is told in English unless a language is asked for, and in no third one', async () => {
    const { rows } = await database.mlPool.query('SELECT * FROM app_schema.explain_user($1)', [user]);
    expect(rows).toEqual(await explain('en'));
    expect(await explain(null)).toEqual(rows);
    await expect(explain('de')).rejects.toMatchObject({
      code: 'CA002',
      message: 'language must be en or ru, not "de"',
    });
  });

  it.each(['en', 'ru'])('is the same for every role and every session, in %s', async (language) => {
    const expected = await explain(language);
    const client = await database.appPool.connect();
    try {
      await client.query(
        "SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'German'; SET search_path = pg_catalog",
      );
      const { rows } = await client.query('SELECT * FROM app_schema.explain_user($1, $2)', [user, language]);
      expect(rows).toEqual(expected);
    } finally {
      client.release(true);
    }
  });

  it("takes its days from the shop's time zone and its money in the shop's currency", async () => {
    await database.appPool.query("UPDATE app_schema.settings SET currency = 'GBP'");
    await setTimeZone(database.appPool, 'Asia/Tokyo');
    try {
      expect(textsOf(await explain(), null)).toEqual(['As of 2026-01-10; days count back from there.']);
      expect((await story('ltv'))[0]).toContain('185.95 GBP');
    } finally {
      await database.appPool.query("UPDATE app_schema.settings SET currency = 'USD'");
    }
  });
});

it('has no row for an unknown customer', async () => {
  expect(await explain('en', 999)).toEqual([]);
  expect(await explain('ru', null)).toEqual([]);
});

describe('the story behind a lifetime value', () => {
  const once = {
    ...PURCHASES,
    orders: 1,
    repeat_purchase_days: 0,
    days_since_last_purchase: 314,
    historic_revenue: 20,
  };

  it('of one order, of some on one day, of one gap', async () => {
    await publish(once);
    expect((await story('ltv'))[1]).toBe('Has brought 20 USD in 1 order on 2025-03-01, 314 days ago.');
    expect((await story('ltv', 'ru'))[1]).toBe(
      'Покупки принесли 20 USD: 1 заказ 01.03.2025, 314 дней назад.',
    );
    await change({ ...once, orders: 5 });
    expect((await story('ltv', 'ru'))[1]).toBe(
      'Покупки принесли 20 USD: 5 заказов 01.03.2025, 314 дней назад.',
    );
    await change({ ...PURCHASES, orders: 21, repeat_purchase_days: 1, days_since_last_purchase: 1 });
    expect((await story('ltv'))[1]).toBe(
      'Has brought 121.75 USD in 21 orders since 2025-03-01, the last time yesterday.',
    );
    expect((await story('ltv', 'ru'))[1]).toBe(
      'Покупки принесли 121,75 USD: 21 заказ с 01.03.2025, последний раз вчера.',
    );
  });

  it('does not speak of the rhythm of those who have none', async () => {
    await publish({ ...once, probability_alive: 1 });
    expect(await story('ltv')).toHaveLength(2);
  });

  it('names refunds, what comes later, and a forecast longer than the history', async () => {
    await publish(
      { ...PURCHASES, ...FORECAST, ltv_low: 123.15, ltv_high: 128.5, discounted_revenue: 58.1 },
      {
        parameters: {
          ltv: {
            horizonDays: 91,
            discountHorizonDays: 1095,
            discountRate: 0.1,
            refundShare: 0.0512,
            extrapolated: true,
          },
        },
      },
    );
    const facts = (rows: string[]): string[] => rows.slice(3);
    expect(facts(await story('ltv'))).toEqual([
      'We expect 3.2 more purchases of 20.10 USD on average within 91 days, less the usual refunds (5.1%): 64.20 USD (in 8 of 10 cases between 1.40 and 6.75).',
      'What comes within 1,095 days is worth 58.10 USD today (discounted by 10% a year).',
      "The shop's history is shorter than that: no forecast so far ahead could be checked.",
    ]);
    expect(facts(await story('ltv', 'ru'))[0]).toContain(
      `в течение 91 дня, за вычетом обычных возвратов (5,1${NB}%): `,
    );
  });

  it('of next to nothing', async () => {
    await publish({
      ...PURCHASES,
      expected_purchases: 0.0004,
      expected_spend: 20.1,
      predicted_revenue: 0.01,
    });
    expect((await story('ltv')).at(-1)).toBe('We expect less than 0.01 purchases within 365 days: 0.01 USD.');
    expect((await story('ltv', 'ru')).at(-1)).toBe(
      'Ожидаем меньше 0,01 покупки в течение 365 дней: 0,01 USD.',
    );
  });

  it('leaves out what an older row does not have', async () => {
    await publish({}, { parameters: {}, evaluation: {} });
    expect((await explain()).map((row) => row.text)).toEqual([
      'As of 2026-01-09; days count back from there.',
      'No segment yet.',
      'Is worth 185.95 USD, counting what came so far and what we expect.',
      'Will buy within 30 days with a probability of 23%.',
      'Will buy nothing within the churn horizon with a probability of 69%.',
    ]);
  });
});

async function change(explanation: unknown): Promise<void> {
  await database.appPool.query('UPDATE app_schema.user_score_details SET explanation = $1', [
    JSON.stringify(explanation),
  ]);
}

describe('the reasons of a probability', () => {
  const because = async (reasons: unknown[], language = 'en'): Promise<string[]> => {
    await change({ purchase_because: reasons });
    return (await story('purchase', language)).slice(1).map((text) => text.replace(/^(.*?): |\.$/g, ''));
  };
  const reason = (feature: string, value?: number | null) => ({
    feature,
    effect: 1,
    ...(value === undefined ? {} : { value }),
  });
  beforeEach(() => publish({}));

  it('are strong from .7, noticeable from .3, slight below', async () => {
    await change({
      purchase_because: [0.7, -0.699, 0.3, -0.299].map((effect) => ({ feature: 'orders', effect, value: 2 })),
    });
    expect((await story('purchase')).slice(1)).toEqual([
      'Raises it strongly: 2 orders.',
      'Lowers it somewhat: 2 orders.',
      'Raises it somewhat: 2 orders.',
      'Lowers it slightly: 2 orders.',
    ]);
  });

  it('count in the forms of each language', async () => {
    const counts = [0, 1, 2, 5, 11, 21, 22, 25, 101, 112, 1234];
    expect(
      await because(
        counts.map((n) => reason('views_30', n)),
        'ru',
      ),
    ).toEqual(
      [
        'ни одного просмотра',
        '1 просмотр',
        '2 просмотра',
        '5 просмотров',
        '11 просмотров',
        '21 просмотр',
        '22 просмотра',
        '25 просмотров',
        '101 просмотр',
        '112 просмотров',
        `1${NB}234 просмотра`,
      ].map((words) => `${words} за последние 30 дней`),
    );
    expect(await because([0, 1, 2, 1234].map((n) => reason('views_30', n)))).toEqual(
      ['no views', '1 view', '2 views', '1,234 views'].map((words) => `${words} in the last 30 days`),
    );
  });

  it.each([
    ['since_last_purchase', 0, 'last bought today', 'последняя покупка сегодня'],
    ['since_last_purchase', 12, 'last bought 12 days ago', 'последняя покупка 12 дней назад'],
    ['inactive_days', 1, 'last seen yesterday', 'последняя активность вчера'],
    ['tenure_days', 21, 'first seen 21 days ago', 'первая активность 21 день назад'],
    ['t_days', 100, 'first bought 100 days ago', 'первая покупка 100 дней назад'],
    [
      'overdue',
      2.34,
      '2.3 times the usual gap has passed since the last purchase',
      'с последней покупки прошло 2,3 обычного промежутка',
    ],
    [
      'overdue',
      null,
      'bought on one day only, no usual gap yet',
      'покупки были лишь в один день, обычного промежутка ещё нет',
    ],
    ['usual_gap', 30.5, 'usually 31 days between purchases', 'обычно 31 день между покупками'],
    ['usual_gap', 2.5, 'usually 2.5 days between purchases', 'обычно 2,5 дня между покупками'],
    ['usual_gap', undefined, 'the usual gap between purchases', 'обычный промежуток между покупками'],
    ['gap_deviation_days', 0, 'even gaps between purchases', 'ровные промежутки между покупками'],
    ['order_value', 1234.5, 'average order 1,234.50 USD', `средний чек 1${NB}234,50 USD`],
    ['frequency', 0, 'no repeat purchases', 'ни одной повторной покупки'],
    ['frequency', 3, '3 repeat purchases', '3 повторные покупки'],
    ['refund_events', 1, '1 refund', '1 возврат'],
    [
      'purchase_days_365',
      2,
      '2 purchase days in the last 365 days',
      '2 дня с покупками за последние 365 дней',
    ],
    [
      'season_days_30',
      1,
      '1 purchase day in the 30 days after this date last year',
      '1 день с покупками за 30 дней после этой даты год назад',
    ],
    [
      'season_days_90',
      0,
      'no purchases in the 90 days after this date last year',
      'ни одной покупки за 90 дней после этой даты год назад',
    ],
    [
      'purchase_days_30',
      undefined,
      'the number of purchase days in the last 30 days',
      'число дней с покупками за последние 30 дней',
    ],
    [
      'carts_7',
      0,
      'nothing put into the cart in the last 7 days',
      'ничего не добавлено в корзину за последние 7 дней',
    ],
    ['bot_events_30', 5, '5 bot commands in the last 30 days', '5 команд боту за последние 30 дней'],
    [
      'purchase_model',
      0.18,
      'by the purchases alone it would be 18%',
      `по одним только покупкам было бы 18${NB}%`,
    ],
    ['moon_phase', 0.3333333, 'moon_phase = 0.333', 'moon_phase = 0,333'],
    ['moon_phase_30', null, 'moon_phase_30', 'moon_phase_30'],
  ])('%s %s: %s', async (feature, value, en, ru) => {
    expect(await because([reason(feature, value)])).toEqual([en]);
    expect(await because([reason(feature, value)], 'ru')).toEqual([ru]);
  });

  it('has words in both languages for every feature', async () => {
    const { rows } = await database.mlPool.query('SELECT * FROM app_schema.feature_words()');
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
      expect(row.words_en && row.words_ru && row.name_en && row.name_ru, row.feature).toBeTruthy();
      expect([row.zero_en === null, row.none_en === null]).toEqual([
        row.zero_ru === null,
        row.none_ru === null,
      ]);
      expect(row.forms?.split('|').length ?? 5, row.feature).toBe(5);
    }
  });

  it('says so where nothing stands out', async () => {
    await change({ purchase_because: [] });
    expect(await story('purchase')).toEqual([
      'Will buy within 30 days with a probability of 23%.',
      'Nothing sets this customer apart enough to speak of.',
    ]);
  });
});

describe('a probability that no classifier made', () => {
  const chosen = (name: string) => ({
    parameters: { purchase: { chosen: name }, churn: { chosen: 'purchase-model' } },
  });

  it('rests on the purchases', async () => {
    await publish(PURCHASES, chosen('calibrated-purchase-model'));
    expect((await story('purchase'))[1]).toBe(
      'Only the purchases count: 4 purchase days, the first 314 days ago, the last 42 days ago.',
    );
    expect((await story('churn', 'ru'))[1]).toBe(
      'Учтена только история покупок: 4 дня с покупками, первый 314 дней назад, последний 42 дня назад.',
    );
    await change({ ...PURCHASES, repeat_purchase_days: 0, days_since_last_purchase: 314 });
    expect((await story('churn', 'ru'))[1]).toBe('Учтена только история покупок: один день, 314 дней назад.');
  });

  it('or on the last of them alone', async () => {
    await publish(PURCHASES, chosen('recency'));
    expect((await story('purchase'))[1]).toBe('Only the time since the last purchase counts: 42 days.');
    expect((await story('purchase', 'ru'))[1]).toBe('Учтено только время с последней покупки: 42 дня.');
  });
});

it.each([
  [0, 'less than 0.1%', `меньше 0,1${NB}%`],
  [0.0123, '1.2%', `1,2${NB}%`],
  [0.0996, '10%', `10${NB}%`],
  [0.5, '50%', `50${NB}%`],
  [0.955, '95.5%', `95,5${NB}%`],
  [1, 'more than 99.9%', `больше 99,9${NB}%`],
])('a probability of %d is %s', async (probability, en, ru) => {
  await publish({}, { metrics: [1, 0.5, probability] });
  expect((await story('purchase'))[0]).toBe(`Will buy within 30 days with a probability of ${en}.`);
  expect((await story('purchase', 'ru'))[0]).toBe(`Купит в течение 30 дней с вероятностью ${ru}.`);
});

it('reads the horizons from the run', async () => {
  await publish(PURCHASES, {
    parameters: { ltv: { horizonDays: 181 } },
    evaluation: { purchase: { horizonDays: 1 }, churn: { horizonDays: 61 }, ltv: { horizonDays: 90 } },
  });
  const summaries = async (language: string): Promise<string[]> =>
    (await explain(language)).filter((row) => row.kind === 'summary').map((row) => row.text);
  expect((await summaries('en')).slice(1)).toEqual([
    'Is worth 185.95 USD, counting what came so far and what we expect within 181 days.',
    'Will buy within 1 day with a probability of 23%.',
    'Will buy nothing within 61 days with a probability of 69%.',
  ]);
  expect((await summaries('ru')).slice(1)).toEqual([
    'Ценность (LTV) — 185,95 USD: уже полученное и ожидаемое в течение 181 дня.',
    `Купит в течение 1 дня с вероятностью 23${NB}%.`,
    `Ничего не купит в течение 61 дня с вероятностью 69${NB}%.`,
  ]);
});

it('says what is missing, and tells all the same what is known', async () => {
  const outcome = (verb: string) => ({
    what: `customers who ${verb} in the last 30 days, of those who had bought before`,
    have: 12,
    need: 100,
  });
  await publish(
    {
      ...PURCHASES,
      missing: {
        ltv: [
          { what: 'customers who bought', have: 1200, need: 5000 },
          { what: 'days since the first purchase', have: 20, need: 182 },
          { what: 'purchases that BG/NBD can be fitted to', have: 0, need: 1 },
        ],
        purchase: [outcome('bought'), outcome('did not buy')],
        churn: [
          { what: 'days of history before the cut-off 90 days ago', have: 0, need: 90 },
          { what: 'luck', have: 0, need: 7 },
        ],
      },
    },
    {
      statuses: ['insufficient_data', 'insufficient_data', 'insufficient_data'],
      metrics: [null, null, null],
      evaluation: { purchase: { missing: [] }, churn: { missing: [] } },
      parameters: { ltv: {}, purchase: {}, churn: {} },
    },
  );
  expect(textsOf(await explain(), 'ltv')).toEqual([
    'No lifetime value yet: too little data.',
    'Has brought 121.75 USD in 4 orders since 2025-03-01, on average every 91 days, the last time 42 days ago.',
    'By this rhythm, still a customer with a probability of 84%.',
    'Customers who bought: 1,200 so far, at least 5,000 are needed.',
    'Days since the first purchase: 20 so far, at least 182 are needed.',
    'Missing: purchases that BG/NBD can be fitted to.',
  ]);
  expect(await story('purchase', 'ru')).toEqual([
    'Вероятность покупки пока не посчитать: мало данных.',
    'Купивших за последние 30 дн. из тех, кто покупал раньше: есть 12, нужно не меньше 100.',
    'Не купивших за последние 30 дн. из тех, кто покупал раньше: есть 12, нужно не меньше 100.',
  ]);
  expect(await story('churn', 'ru')).toEqual([
    'Вероятность оттока пока не посчитать: мало данных.',
    'Дней истории раньше, чем за 90 дн. до расчёта: есть 0, нужно не меньше 90.',
    'Luck: есть 0, нужно не меньше 7.',
  ]);
  expect((await explain('ru')).filter((row) => row.kind === 'missing').map((row) => row.value)).toEqual([
    1200, 20, 0, 12, 12, 0, 0,
  ]);
  expect((await explain('ru')).map((row) => row.text).join()).toContain(
    'Не хватает: покупок, к которым подходит модель BG/NBD.',
  );
});

describe('a visitor', () => {
  const scored: Scores = { statuses: ['never_bought', 'never_bought', 'ok'], metrics: [null, null, 0.03] };

  it('will perhaps buy for the first time', async () => {
    await publish(
      {
        days_since_first_seen: 30,
        days_since_last_seen: 2,
        purchase_because: [{ feature: 'carts_7', effect: 0.9, value: 2 }],
      },
      scored,
    );
    const rows = await explain();
    expect(rows.slice(1).map((row) => [row.score, row.status, row.text])).toEqual([
      ['segment', 'never_bought', 'No segment before the first purchase.'],
      ['ltv', 'never_bought', 'No lifetime value before the first purchase.'],
      ['purchase', 'ok', 'Will make a first purchase within 30 days with a probability of 3.0%.'],
      ['purchase', 'ok', 'Nothing bought yet; first seen 30 days ago, last seen 2 days ago.'],
      ['purchase', 'ok', 'Raises it strongly: 2 cart additions in the last 7 days.'],
      ['churn', 'never_bought', 'No churn before the first purchase.'],
    ]);
    expect((await explain('ru')).slice(1).map((row) => row.text)).toEqual([
      'До первой покупки сегмента нет.',
      'До первой покупки ценности (LTV) нет.',
      `Сделает первую покупку в течение 30 дней с вероятностью 3,0${NB}%.`,
      'Ещё ничего не куплено; первая активность 30 дней назад, последняя 2 дня назад.',
      'Сильно повышает: 2 добавления в корзину за последние 7 дней.',
      'До первой покупки об оттоке говорить рано.',
    ]);
  });

  it('of an older run has no reasons', async () => {
    await publish({ days_since_first_seen: 1, days_since_last_seen: 0 }, scored);
    expect((await story('purchase')).slice(1)).toEqual([
      'Nothing bought yet; first seen yesterday, last seen today.',
    ]);
  });
});

describe('a customer without scores is told why', () => {
  const why = async (language = 'en'): Promise<string | undefined> =>
    textsOf(await explain(language), null)[0];

  it('before the first scoring', async () => {
    expect((await explain()).map((row) => [row.score, row.status, row.kind, row.text])).toEqual([
      [null, null, 'fact', 'Not scored: no scoring has run yet.'],
      ['segment', 'not_scored', 'summary', 'No segment yet.'],
      ['ltv', 'not_scored', 'summary', 'No lifetime value yet.'],
      ['purchase', 'not_scored', 'summary', 'No probability of a purchase yet.'],
      ['churn', 'not_scored', 'summary', 'No probability of churn yet.'],
    ]);
    expect(await why('ru')).toBe('Оценок нет: расчёт ещё не запускали.');
  });

  it('by what was known at the last one', async () => {
    const { appPool } = database;
    await addRun('2026-01-10T00:00:00Z', {}, { firstPurchase: { missing: [{}] } });
    await addEvent(appPool, { user, type: 'view', at: '2026-01-10T00:00:00Z' });
    expect(await why()).toBe('Not scored: no event before the last scoring.');
    await addEvent(appPool, { user, type: 'view', at: '2026-01-09T23:59:59Z' });
    expect(await why()).toBe(
      "Not scored: has bought nothing yet, and too little is known of other visitors' first purchases.",
    );
    await addEvent(appPool, { user, type: 'purchase', at: '2026-01-09T23:59:59Z' });
    expect(await why()).toBe(
      'Not scored: the events came in after the last scoring, the next one will count them.',
    );
    expect(await why('ru')).toBe(
      'Оценок нет: события загружены после последнего расчёта, следующий их учтёт.',
    );
  });
});

import {
  type CountedNoun,
  counted,
  countRange,
  day,
  measureRange,
  type RangeWords,
  recencyRange,
  type Text,
} from './condition-words.ts';

/** How people speak of a feature. */
export interface FeatureWords {
  readonly range: RangeWords;
  /** Of a group that lies above or below the mean, for its name. */
  readonly high: Text;
  readonly low: Text;
  readonly inDays: boolean;
}

function text(en: string, ru: string): Text {
  return { en, ru };
}

/** Puts the range into a sentence at "{}". */
function framed(range: RangeWords, en: string, ru: string): RangeWords {
  return (above, atMost) => {
    const words = range(above, atMost);
    return text(en.replace('{}', words.en), ru.replace('{}', words.ru));
  };
}

const order: CountedNoun = { en: ['order', 'orders'], ru: ['заказ', 'заказа', 'заказов', 'заказа'] };
const repeatPurchase: CountedNoun = {
  en: ['repeat purchase', 'repeat purchases'],
  ru: ['повторная покупка', 'повторные покупки', 'повторных покупок', 'повторной покупки'],
};
const item: CountedNoun = { en: ['item', 'items'], ru: ['товар', 'товара', 'товаров', 'товара'] };
const product: CountedNoun = {
  en: ['different product', 'different products'],
  ru: ['разный товар', 'разных товара', 'разных товаров', 'разного товара'],
};
const category: CountedNoun = {
  en: ['category', 'categories'],
  ru: ['категория', 'категории', 'категорий', 'категории'],
};
const view: CountedNoun = { en: ['view', 'views'], ru: ['просмотр', 'просмотра', 'просмотров', 'просмотра'] };
const cart: CountedNoun = {
  en: ['cart addition', 'cart additions'],
  ru: ['добавление в корзину', 'добавления в корзину', 'добавлений в корзину', 'добавления в корзину'],
};
const refund: CountedNoun = {
  en: ['refund', 'refunds'],
  ru: ['возврат', 'возврата', 'возвратов', 'возврата'],
};
const botCommand: CountedNoun = {
  en: ['bot command', 'bot commands'],
  ru: ['команда боту', 'команды боту', 'команд боту', 'команды боту'],
};

const frequent = { high: text('frequent', 'частые'), low: text('infrequent', 'редкие'), inDays: false };
const spending = {
  high: text('high value', 'с большими тратами'),
  low: text('low value', 'с небольшими тратами'),
  inDays: false,
};
const returning = {
  high: text('returning goods', 'возвращают товары'),
  low: text('keeping goods', 'без возвратов'),
  inDays: false,
};

const recency: FeatureWords = {
  range: recencyRange,
  high: text('lapsed', 'давно не покупали'),
  low: text('recent', 'недавние'),
  inDays: true,
};
const tenure: FeatureWords = {
  range: framed(countRange(day), 'customer for {}', 'с нами {}'),
  high: text('long-standing', 'давние'),
  low: text('new', 'новые'),
  inDays: true,
};
const gap: FeatureWords = {
  range: framed(countRange(day), '{} between purchases', '{} между покупками'),
  high: text('with long pauses', 'с большими перерывами'),
  low: text('with short pauses', 'с короткими перерывами'),
  inDays: true,
};
const orders: FeatureWords = { range: countRange(order), ...frequent };
const spend: FeatureWords = { range: framed(measureRange, 'spends {}', 'тратят {}'), ...spending };
const basket: FeatureWords = {
  range: framed(measureRange, 'average order {}', 'средний чек {}'),
  high: text('big baskets', 'с высоким чеком'),
  low: text('small baskets', 'с низким чеком'),
  inDays: false,
};
const carts: FeatureWords = {
  range: countRange(cart),
  high: text('filling carts', 'часто кладут в корзину'),
  low: text('few carts', 'редко кладут в корзину'),
  inDays: false,
};
const botCommands: FeatureWords = {
  range: countRange(botCommand),
  high: text('active in the bot', 'активны в боте'),
  low: text('quiet in the bot', 'редко пишут боту'),
  inDays: false,
};

/** By the name of the feature, without the window that may end it (`_30d`). */
const dictionary = new Map<string, FeatureWords>([
  ['recency_days', recency],
  ['days_since_last_purchase', recency],
  ['orders', orders],
  ['purchases', orders],
  ['frequency', { range: countRange(repeatPurchase), ...frequent }],
  ['monetary', spend],
  ['revenue', spend],
  ['gross_revenue', spend],
  ['net_revenue', spend],
  ['spend', spend],
  [
    'monetary_value',
    { range: framed(measureRange, 'spends {} a purchase', 'тратят {} за покупку'), ...spending },
  ],
  ['average_order_value', basket],
  ['tenure_days', tenure],
  ['t_days', tenure],
  ['mean_gap_days', gap],
  [
    'items',
    {
      range: countRange(item),
      high: text('many items', 'много товаров'),
      low: text('few items', 'мало товаров'),
      inDays: false,
    },
  ],
  [
    'products',
    {
      range: countRange(product),
      high: text('varied', 'с разными товарами'),
      low: text('narrow', 'с одними и теми же товарами'),
      inDays: false,
    },
  ],
  [
    'categories',
    {
      range: countRange(category),
      high: text('many categories', 'из многих категорий'),
      low: text('few categories', 'из немногих категорий'),
      inDays: false,
    },
  ],
  [
    'views',
    {
      range: countRange(view),
      high: text('browsing much', 'много смотрят'),
      low: text('browsing little', 'мало смотрят'),
      inDays: false,
    },
  ],
  ['carts', carts],
  ['cart_additions', carts],
  ['refund_count', { range: countRange(refund), ...returning }],
  ['refunds', { range: framed(measureRange, 'refunds {}', 'возвраты {}'), ...returning }],
  ['bot_commands', botCommands],
]);

function unknownFeature(name: string): FeatureWords {
  const plain = name.replaceAll('_', ' ');
  return {
    range: framed(measureRange, `${plain} {}`, `${plain} {}`),
    high: text(`high ${plain}`, `с высоким «${plain}»`),
    low: text(`low ${plain}`, `с низким «${plain}»`),
    inDays: name.endsWith('_days'),
  };
}

/** The words for a feature; `views_30d` is `views` within 30 days. A feature nobody put in words goes by its name. */
export function featureWords(name: string): FeatureWords {
  const known = dictionary.get(name);
  if (known) return known;
  const [, base, window] = /^(.+)_(\d+)d$/.exec(name) ?? [];
  const words = base === undefined ? undefined : dictionary.get(base);
  if (!words) return unknownFeature(name);
  const days = Number(window);
  const accusative = days === 1 ? 'день' : counted(days, day).ru;
  return {
    ...words,
    range: framed(words.range, `{} in ${counted(days, day).en}`, `{} за ${accusative}`),
  };
}

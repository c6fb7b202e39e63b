/** The demonstration shop's words. A pair is [English, Russian]. Everything here is invented or everyday. */
export type Bilingual = readonly [en: string, ru: string];

/** What draws a customer to a product: the latent factors of the simulation, never written to the database. */
export const tastes = [
  'slow mornings',
  'cooking',
  'green home',
  'cosy evenings',
  'desk and paper',
  'outdoors',
  'self-care',
  'little ones',
] as const;

type Taste = (typeof tastes)[number];

/** [English, Russian, typical price, bought repeatedly] */
export type Noun = readonly [en: string, ru: string, price: number, consumable: boolean];

export interface Category {
  name: Bilingual;
  /** The taste that most of its products serve, and the second one. */
  tastes: readonly [Taste, Taste];
  /** Demand by month, January first; 1 is an ordinary month. */
  season: readonly number[];
  nouns: readonly Noun[];
}

const even = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.1, 1.2];
const winter = [1.2, 1.1, 0.9, 0.8, 0.7, 0.6, 0.6, 0.7, 1, 1.3, 1.6, 1.8];
const spring = [0.6, 0.9, 1.5, 1.8, 1.7, 1.3, 1, 0.9, 0.8, 0.6, 0.5, 0.5];
const summer = [0.5, 0.5, 0.7, 1.1, 1.5, 1.8, 1.8, 1.5, 1, 0.7, 0.6, 0.7];
const gifts = [0.7, 0.8, 0.9, 0.9, 0.9, 1, 0.9, 0.9, 0.9, 1, 1.5, 1.8];
const school = [1.1, 0.9, 0.9, 0.8, 0.8, 0.7, 0.9, 1.7, 1.6, 1, 1, 1.2];

export const categories: readonly Category[] = [
  {
    name: ['Coffee & tea', 'Кофе и чай'],
    tastes: ['slow mornings', 'cooking'],
    season: even,
    nouns: [
      ['coffee beans', 'Кофе в зёрнах', 14, true],
      ['ground coffee', 'Молотый кофе', 12, true],
      ['green tea', 'Зелёный чай', 9, true],
      ['herbal tea', 'Травяной чай', 8, true],
      ['mug', 'Кружка', 16, false],
      ['teapot', 'Чайник', 38, false],
      ['pour-over set', 'Набор для пуровера', 46, false],
    ],
  },
  {
    name: ['Kitchen', 'Кухня'],
    tastes: ['cooking', 'slow mornings'],
    season: gifts,
    nouns: [
      ['cutting board', 'Разделочная доска', 32, false],
      ['frying pan', 'Сковорода', 54, false],
      ["chef's knife", 'Поварской нож', 62, false],
      ['baking dish', 'Форма для запекания', 29, false],
      ['serving bowl', 'Салатник', 24, false],
      ['olive oil', 'Оливковое масло', 15, true],
      ['spice blend', 'Смесь специй', 7, true],
    ],
  },
  {
    name: ['Home textiles', 'Домашний текстиль'],
    tastes: ['cosy evenings', 'green home'],
    season: winter,
    nouns: [
      ['throw', 'Плед', 48, false],
      ['cushion', 'Подушка', 26, false],
      ['linen towel', 'Льняное полотенце', 18, false],
      ['bed linen', 'Постельное бельё', 84, false],
      ['tablecloth', 'Скатерть', 36, false],
    ],
  },
  {
    name: ['Candles & scents', 'Свечи и ароматы'],
    tastes: ['cosy evenings', 'self-care'],
    season: winter,
    nouns: [
      ['candle', 'Свеча', 17, true],
      ['reed diffuser', 'Диффузор', 28, false],
      ['incense', 'Благовония', 8, true],
      ['linen spray', 'Спрей для белья', 13, true],
      ['candle holder', 'Подсвечник', 21, false],
    ],
  },
  {
    name: ['Books & paper', 'Книги и бумага'],
    tastes: ['desk and paper', 'slow mornings'],
    season: school,
    nouns: [
      ['notebook', 'Блокнот', 11, true],
      ['fountain pen', 'Перьевая ручка', 42, false],
      ['ink', 'Чернила', 12, true],
      ['pencil set', 'Набор карандашей', 9, true],
      ['desk lamp', 'Настольная лампа', 58, false],
      ['planner', 'Ежедневник', 19, false],
    ],
  },
  {
    name: ['Plants & garden', 'Растения и сад'],
    tastes: ['green home', 'outdoors'],
    season: spring,
    nouns: [
      ['plant pot', 'Кашпо', 19, false],
      ['watering can', 'Лейка', 27, false],
      ['potting soil', 'Грунт', 8, true],
      ['plant food', 'Удобрение', 9, true],
      ['herb seeds', 'Семена трав', 4, true],
      ['pruning shears', 'Секатор', 33, false],
    ],
  },
  {
    name: ['Skincare', 'Уход за кожей'],
    tastes: ['self-care', 'cosy evenings'],
    season: gifts,
    nouns: [
      ['hand cream', 'Крем для рук', 12, true],
      ['cleansing balm', 'Очищающий бальзам', 22, true],
      ['body oil', 'Масло для тела', 26, true],
      ['soap', 'Мыло', 7, true],
      ['bath salt', 'Соль для ванны', 14, true],
    ],
  },
  {
    name: ['Outdoors', 'На природе'],
    tastes: ['outdoors', 'little ones'],
    season: summer,
    nouns: [
      ['thermos', 'Термос', 34, false],
      ['picnic blanket', 'Плед для пикника', 39, false],
      ['enamel cup', 'Эмалированная кружка', 14, false],
      ['backpack', 'Рюкзак', 72, false],
      ['lantern', 'Фонарь', 31, false],
      ['trail mix', 'Ореховая смесь', 8, true],
    ],
  },
  {
    name: ['Games & toys', 'Игры и игрушки'],
    tastes: ['little ones', 'cosy evenings'],
    season: gifts,
    nouns: [
      ['wooden blocks', 'Деревянные кубики', 29, false],
      ['jigsaw puzzle', 'Пазл', 18, false],
      ['soft bear', 'Плюшевый мишка', 23, false],
      ['board game', 'Настольная игра', 37, false],
      ['crayons', 'Восковые мелки', 8, true],
      ['kite', 'Воздушный змей', 25, false],
    ],
  },
  {
    name: ['For pets', 'Для питомцев'],
    tastes: ['outdoors', 'green home'],
    season: even,
    nouns: [
      ['pet bed', 'Лежанка', 49, false],
      ['leash', 'Поводок', 22, false],
      ['treats', 'Лакомство', 7, true],
      ['feeding bowl', 'Миска', 15, false],
      ['pet shampoo', 'Шампунь для питомца', 12, true],
    ],
  },
];

/** A series gives a product its name: "Alder mug", «Кружка „Ольха“». */
export const seriesNames: readonly Bilingual[] = [
  ['Alder', 'Ольха'],
  ['Fjord', 'Фьорд'],
  ['Harbour', 'Гавань'],
  ['Meadow', 'Луг'],
  ['Frost', 'Иней'],
  ['Ember', 'Уголёк'],
  ['Juniper', 'Можжевельник'],
  ['Heron', 'Цапля'],
  ['Linden', 'Липа'],
  ['Quiet Lake', 'Тихое озеро'],
  ['First Snow', 'Первый снег'],
  ['Clover', 'Клевер'],
  ['Driftwood', 'Плавник'],
  ['Rowan', 'Рябина'],
  ['Tide', 'Прилив'],
  ['Morning Mist', 'Утренний туман'],
  ['Birch', 'Берёза'],
  ['Lighthouse', 'Маяк'],
  ['Cinnamon', 'Корица'],
  ['Wild Mint', 'Дикая мята'],
  ['Orchard', 'Яблоневый сад'],
  ['Cloudberry', 'Морошка'],
  ['Swift', 'Стриж'],
  ['North Wind', 'Северный ветер'],
  ['Amber', 'Янтарь'],
  ['Moss', 'Мох'],
  ['Starling', 'Скворец'],
  ['Hearth', 'Очаг'],
  ['Lavender', 'Лаванда'],
  ['Long Shadow', 'Долгая тень'],
];

export const colors: readonly Bilingual[] = [
  ['sage', 'шалфей'],
  ['sand', 'песочный'],
  ['ink blue', 'чернильный'],
  ['oat', 'овсяный'],
  ['terracotta', 'терракотовый'],
  ['charcoal', 'угольный'],
  ['milk', 'молочный'],
  ['moss green', 'зелёный мох'],
];

export const brands = [
  'Velora',
  'Nordhus',
  'Lipa & Stone',
  'Mirkova',
  'Pelagia',
  'Sottovento',
  'Aurika',
] as const;

export const giftWrapping = {
  name: ['Gift wrapping', 'Подарочная упаковка'],
  category: ['Services', 'Услуги'],
  price: 3,
} as const satisfies { name: Bilingual; category: Bilingual; price: number };

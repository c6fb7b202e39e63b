/** The same words in both languages of the people who read them. */
export interface Text {
  readonly en: string;
  readonly ru: string;
}

/** Turns the range above < value <= atMost into words; at least one end is given. */
export type RangeWords = (above: number | null, atMost: number | null) => Text;

/** Forms after a number: en "1 order, 2 orders"; ru "1 заказ, 2 заказа, 5 заказов", and "больше 1 заказа". */
export interface CountedNoun {
  readonly en: readonly [one: string, many: string];
  readonly ru: readonly [one: string, few: string, many: string, genitive: string];
}

export const day: CountedNoun = { en: ['day', 'days'], ru: ['день', 'дня', 'дней', 'дня'] };

const numbers = {
  en: new Intl.NumberFormat('en', { maximumFractionDigits: 12 }),
  ru: new Intl.NumberFormat('ru', { maximumFractionDigits: 12 }),
};
const russianPlural = new Intl.PluralRules('ru');

function numberText(value: number): Text {
  return { en: numbers.en.format(value), ru: numbers.ru.format(value) };
}

/** "5 orders", "5 заказов". */
export function counted(value: number, noun: CountedNoun): Text {
  const { en, ru } = numberText(value);
  const form = { one: 0, few: 1, many: 2 }[russianPlural.select(value) as 'one' | 'few' | 'many'] ?? 3;
  return { en: `${en} ${noun.en[value === 1 ? 0 : 1]}`, ru: `${ru} ${noun.ru[form as 0 | 1 | 2 | 3]}` };
}

/** "(больше) 5 заказов": the genitive, which is singular after 1, 21, 101 and after fractions. */
function genitive(value: number, noun: CountedNoun): string {
  const singular = !Number.isInteger(value) || russianPlural.select(value) === 'one';
  return `${numberText(value).ru} ${noun.ru[singular ? 3 : 2]}`;
}

function countBetween(above: number, atMost: number, noun: CountedNoun): Text {
  const whole = Number.isInteger(above) && Number.isInteger(atMost);
  if (whole && above + 1 === atMost) return counted(atMost, noun);
  if (!whole) {
    const [from, to] = [numberText(above), counted(atMost, noun)];
    return {
      en: `more than ${from.en} and at most ${to.en}`,
      ru: `больше ${from.ru}, но не больше ${genitive(atMost, noun)}`,
    };
  }
  const from = numberText(above + 1);
  return {
    en: `${from.en} to ${counted(atMost, noun).en}`,
    ru: `от ${from.ru} до ${genitive(atMost, noun)}`,
  };
}

/** "more than 5 orders", for what is counted in whole numbers from 0 on. */
export function countRange(noun: CountedNoun): RangeWords {
  return (above, atMost) => {
    if (atMost === 0) return { en: `no ${noun.en[1]}`, ru: `без ${noun.ru[2]}` };
    if (above !== null && atMost !== null) return countBetween(above, atMost, noun);
    if (atMost !== null) {
      return { en: `at most ${counted(atMost, noun).en}`, ru: `не больше ${genitive(atMost, noun)}` };
    }
    if (above === 0) return { en: `at least ${counted(1, noun).en}`, ru: `не меньше ${genitive(1, noun)}` };
    return { en: `more than ${counted(above!, noun).en}`, ru: `больше ${genitive(above!, noun)}` };
  };
}

/** "over 500", for money and other measures. */
export const measureRange: RangeWords = (above, atMost) => {
  const [from, to] = [numberText(above ?? 0), numberText(atMost ?? 0)];
  if (above === null) return { en: `at most ${to.en}`, ru: `не больше ${to.ru}` };
  if (atMost === null) return { en: `over ${from.en}`, ru: `больше ${from.ru}` };
  return { en: `${from.en} to ${to.en}`, ru: `от ${from.ru} до ${to.ru}` };
};

function lastDays(days: number): Text {
  if (days === 0) return { en: 'bought today', ru: 'покупали сегодня' };
  if (days === 1) return { en: 'bought in the last day', ru: 'покупали в последний день' };
  const { en, ru } = counted(days, day);
  const singular = russianPlural.select(days) === 'one';
  return {
    en: `bought in the last ${en}`,
    ru: `покупали в ${singular ? 'последний' : 'последние'} ${ru}`,
  };
}

/** Days since the last purchase: "bought in the last 30 days". */
export const recencyRange: RangeWords = (above, atMost) => {
  if (above === null) return lastDays(atMost!);
  if (atMost === null) {
    return {
      en: `no purchase for more than ${counted(above, day).en}`,
      ru: `не покупали больше ${genitive(above, day)}`,
    };
  }
  const { en, ru } = countBetween(above, atMost, day);
  return { en: `last bought ${en} ago`, ru: `последняя покупка ${ru} назад` };
};

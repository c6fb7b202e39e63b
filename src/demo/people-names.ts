/** Everyday names for the demonstration shop's customers. [shown, Latin letters for a user name] */
type Name = readonly [shown: string, latin: string];

export const russianFirstNames: Record<'female' | 'male', readonly Name[]> = {
  female: [
    ['Анна', 'anna'],
    ['Мария', 'maria'],
    ['Елена', 'elena'],
    ['Ольга', 'olga'],
    ['Дарья', 'darya'],
    ['Софья', 'sofya'],
    ['Наталья', 'natalya'],
    ['Вера', 'vera'],
    ['Полина', 'polina'],
    ['Ирина', 'irina'],
    ['Алина', 'alina'],
    ['Юлия', 'yulia'],
  ],
  male: [
    ['Алексей', 'alexey'],
    ['Михаил', 'mikhail'],
    ['Иван', 'ivan'],
    ['Дмитрий', 'dmitry'],
    ['Сергей', 'sergey'],
    ['Павел', 'pavel'],
    ['Артём', 'artyom'],
    ['Николай', 'nikolay'],
    ['Тимур', 'timur'],
    ['Глеб', 'gleb'],
  ],
};

/** [of a man, of a woman] */
export const russianLastNames: readonly (readonly [string, string])[] = [
  ['Соколов', 'Соколова'],
  ['Морозов', 'Морозова'],
  ['Лебедев', 'Лебедева'],
  ['Орлов', 'Орлова'],
  ['Зайцев', 'Зайцева'],
  ['Белов', 'Белова'],
  ['Громов', 'Громова'],
  ['Воронцов', 'Воронцова'],
  ['Журавлёв', 'Журавлёва'],
  ['Калинин', 'Калинина'],
  ['Полевой', 'Полевая'],
  ['Серебряков', 'Серебрякова'],
  ['Тихомиров', 'Тихомирова'],
  ['Ясенев', 'Ясенева'],
];

export const englishFirstNames: readonly Name[] = [
  ['Alice', 'alice'],
  ['Ben', 'ben'],
  ['Clara', 'clara'],
  ['Daniel', 'daniel'],
  ['Edith', 'edith'],
  ['Finn', 'finn'],
  ['Grace', 'grace'],
  ['Henry', 'henry'],
  ['Isla', 'isla'],
  ['Jonas', 'jonas'],
  ['Kate', 'kate'],
  ['Leo', 'leo'],
  ['Maya', 'maya'],
  ['Noah', 'noah'],
  ['Orla', 'orla'],
  ['Rosa', 'rosa'],
  ['Sam', 'sam'],
  ['Theo', 'theo'],
];

export const englishLastNames = [
  'Archer',
  'Bennett',
  'Carter',
  'Dunn',
  'Ellis',
  'Fletcher',
  'Greene',
  'Hayes',
  'Irwin',
  'Lowell',
  'Marsh',
  'Novak',
  'Parrish',
  'Reid',
  'Sandberg',
  'Thorne',
  'Underhill',
  'Whitlock',
] as const;

/** [city, country (ISO 3166-1)] */
export const russianSpeakingCities: readonly (readonly [string, string])[] = [
  ['Москва', 'RU'],
  ['Санкт-Петербург', 'RU'],
  ['Казань', 'RU'],
  ['Екатеринбург', 'RU'],
  ['Новосибирск', 'RU'],
  ['Минск', 'BY'],
  ['Алматы', 'KZ'],
  ['Ереван', 'AM'],
];

export const englishSpeakingCities: readonly (readonly [string, string])[] = [
  ['London', 'GB'],
  ['Edinburgh', 'GB'],
  ['Bristol', 'GB'],
  ['Dublin', 'IE'],
  ['Galway', 'IE'],
  ['Amsterdam', 'NL'],
  ['Berlin', 'DE'],
  ['Tallinn', 'EE'],
];

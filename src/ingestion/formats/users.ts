import { excerpt, maxIdLength, Reject, reject, wrongCount } from '../rejects.ts';
import { parseTimestamp } from '../timestamps.ts';
import { type ColumnMap, optional, required, type UserFormat, type UserRow } from './format.ts';
import { bagText, extraColumns, readBag } from './own-columns.ts';

/** Our own format for customers, CSV or NDJSON, an upsert: docs/import-formats.md describes it. */
export const users: UserFormat = {
  name: 'users',
  kind: 'users',
  defaultSource: 'shop',
  columns: {
    user_id: required('userid', 'customerid', 'id'),
    telegram_id: optional('telegramid'),
    first_name: optional('firstname'),
    last_name: optional('lastname'),
    username: optional('username'),
    registration_date: optional('registrationdate', 'registeredat'),
    profile: optional('profile', 'profiledata'),
  },
  bind(columns: ColumnMap, header, context) {
    const extras = extraColumns(columns, header);
    return (fields) => {
      if (fields.length !== header.length) return wrongCount(fields.length, header.length);
      const text = (column: string): string | null => {
        const at = columns[column] as number;
        return at < 0 ? null : (fields[at] as string).trim() || null;
      };
      const externalId = text('user_id');
      if (externalId === null) return reject('missing_value', 'the user_id is empty');
      if (externalId.length > maxIdLength) return reject('value_too_long', 'the user_id is too long');
      const telegramId = text('telegram_id');
      // Telegram's own ids are positive and have at most 52 bits; the negative ones are our placeholders.
      if (telegramId !== null && !/^[1-9]\d{0,15}$/.test(telegramId)) {
        return reject('number', `telegram_id ${excerpt(telegramId)} is no id of Telegram`);
      }
      const registered = text('registration_date');
      const registrationDate = registered === null ? null : parseTimestamp(registered, context.slashOrder);
      if (registered !== null && registrationDate === null) {
        return reject('timestamp', `registration_date ${excerpt(registered)} is no moment`);
      }
      const bag = readBag(fields, columns['profile'] as number, extras);
      if (bag instanceof Reject) return bag;
      return {
        externalId,
        telegramId,
        firstName: text('first_name'),
        lastName: text('last_name'),
        username: text('username'),
        registrationDate,
        profile: bagText(bag),
      } satisfies UserRow;
    };
  },
};

import type { UserRow } from '../analytics/read.ts';
import type { Language } from './arguments.ts';

export function displayName(user: UserRow): string {
  return [user.first_name, user.last_name].filter(Boolean).join(' ') || user.username || `#${user.user_id}`;
}

export function segmentName(user: UserRow, language: Language): string | null {
  return language === 'ru' ? user.segment_name_ru : user.segment_name_en;
}

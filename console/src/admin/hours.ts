// Working hours as one line a day, and back. Monday is first.
import type { Value } from './draft';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];
export type Week = Record<Day, string>;
export const USUAL: Week = { mon: '08:00-17:00', tue: '08:00-17:00', wed: '08:00-17:00', thu: '08:00-17:00', fri: '08:00-17:00', sat: '', sun: '' };
export const AROUND = 'around the clock';

/** What the file says, a line a day: "08:00-12:00, 13:00-17:00". Null: around the clock. */
export function weekOf(value: Value | undefined): Week | null {
  if (value === undefined || value === null) return { ...USUAL };
  if (typeof value === 'string') return null;
  const week: Week = { mon: '', tue: '', wed: '', thu: '', fri: '', sat: '', sun: '' };
  if (typeof value !== 'object' || Array.isArray(value)) return week;
  for (const [days, hours] of Object.entries(value)) {
    const text = Array.isArray(hours) ? hours.join(', ') : String(hours);
    for (const day of span(days)) week[day] = text;
  }
  return week;
}

function span(days: string): Day[] {
  const [first = '', last = first] = days.trim().toLowerCase().split('-');
  const start = DAYS.indexOf(first as Day);
  const end = DAYS.indexOf(last as Day);
  return start < 0 || end < start ? [] : DAYS.slice(start, end + 1);
}

/** As the file has it: days with the same hours that follow each other are one. */
export function valueOf(week: Week | null): Value {
  if (week === null) return AROUND;
  const found: Record<string, Value> = {};
  let first = 0;
  DAYS.forEach((day, number) => {
    const next = DAYS[number + 1];
    if (next !== undefined && week[next].trim() === week[day].trim()) return;
    const start = DAYS[first] ?? day;
    if (week[day].trim()) found[start === day ? day : `${start}-${day}`] = week[day].split(',').map((text) => text.trim()).filter(Boolean);
    first = number + 1;
  });
  return found;
}

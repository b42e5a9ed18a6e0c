// Instants in words. Milliseconds since 1970 in UTC; `zone` is an IANA name.
import { locale, t } from './words.svelte';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, zone: string): Intl.DateTimeFormat {
  const key = `${locale()} ${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale(), { ...options, timeZone: zone });
    formats.set(key, found);
  }
  return found;
}

/** An instant as the API writes it; NaN where it is none. */
export function instant(text: string | null | undefined): number {
  return text ? Date.parse(text) : Number.NaN;
}

/** "09:41". */
export function clockTime(at: number, zone: string): string {
  return format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, zone).format(at);
}

/** "Mon 23 Nov". */
export function dayOf(at: number, zone: string): string {
  return format({ weekday: 'short', day: 'numeric', month: 'short' }, zone).format(at);
}

/** "09:41" today, "tomorrow 09:41", "Mon 23 Nov 09:41" otherwise. */
export function when(at: number, now: number, zone: string): string {
  const days = dayNumber(at, zone) - dayNumber(now, zone);
  if (days === 0) return clockTime(at, zone);
  if (days === 1) return `${t('time.tomorrow')} ${clockTime(at, zone)}`;
  return `${dayOf(at, zone)} ${clockTime(at, zone)}`;
}

/** Whole minutes from now until then, rounded up, so that "1 min" stands until it is there; 0 when it is. */
export function minutesUntil(at: number, now: number): number {
  return Math.max(0, Math.ceil((at - now) / 60_000));
}

/** "35 min", "2 h". */
export function lasting(minutes: number): string {
  if (minutes < 90) return t('time.minutes', { count: minutes });
  return t('time.hours', { count: Math.round(minutes / 60) });
}

/** "143 h 37 min" of 143.62 hours, "3 h", "0 min". */
export function hoursAndMinutes(hours: number): string {
  const minutes = Math.round(hours * 60);
  const whole = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const parts = [whole > 0 ? t('time.hours', { count: whole }) : '', rest > 0 || whole === 0 ? t('time.minutes', { count: rest }) : ''];
  return parts.filter(Boolean).join(' ');
}

/** "2026-11-23" there. */
export function dateOf(at: number, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return parts.format(at);
}

function dayNumber(at: number, zone: string): number {
  return Date.parse(`${dateOf(at, zone)}T00:00:00Z`) / 86_400_000;
}

/** Local midnight of the day `days` after the one that `at` falls on, there. A day is 23 to 25 hours long. */
export function midnight(at: number, zone: string, days = 0): number {
  const wanted = dayNumber(at, zone) + days;
  let guess = wanted * 86_400_000 - offset(wanted * 86_400_000, zone);
  guess = wanted * 86_400_000 - offset(guess, zone);
  while (dayNumber(guess, zone) < wanted) guess += 900_000; // where clocks are set forward at midnight
  return guess;
}

/** What clocks there are ahead of UTC at an instant, in milliseconds. */
export function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return local - Math.floor(at / 1000) * 1000;
}

/** The instant at which clocks there show a date ("2026-11-23") and a time ("09:41"). */
export function at(date: string, time: string, zone: string): number {
  const local = Date.parse(`${date}T${time}:00Z`);
  return local - offset(local - offset(local, zone), zone);
}

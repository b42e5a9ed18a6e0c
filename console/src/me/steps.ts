// Times of day in steps of five minutes, as whoever refers themselves chooses them: minutes since midnight, 0 to 1435.
import { at, clockTime, dateOf, midnight } from '../lib/time';

export const STEP = 5;
export const DAY = 1440;
const MINUTE = 60_000;

/** A time of day that many minutes later or earlier, round the clock. */
export function moved(time: number, minutes: number): number {
  return (((time + minutes) % DAY) + DAY) % DAY;
}

/** The next time that lies on a step, `time` itself where it does. */
export function roundedUp(time: number, step = STEP): number {
  return moved(Math.ceil(time / step) * step, 0);
}

/** One step onwards or back, onto a step: from 13:02 that is 13:05 and 13:00. */
export function stepped(time: number, steps: number, step = STEP): number {
  const from = steps > 0 ? Math.floor(time / step) : Math.ceil(time / step);
  return moved((from + steps) * step, 0);
}

/** "13:05". */
export function clockText(time: number): string {
  return `${String(Math.floor(time / 60)).padStart(2, '0')}:${String(time % 60).padStart(2, '0')}`;
}

/** The time of day that clocks in a zone show at an instant. */
export function timeOfDay(instant: number, zone: string): number {
  const [hours, minutes] = clockTime(instant, zone).split(':').map(Number) as [number, number];
  return hours * 60 + minutes;
}

/** The time of day so many minutes from now, on a step, never sooner. */
export function inMinutes(minutes: number, now: number, zone: string): number {
  const then = now + minutes * MINUTE;
  const step = STEP * MINUTE;
  return timeOfDay(Math.ceil(then / step) * step, zone);
}

/** The first instant after now at which clocks in the zone show the time: today, else tomorrow. */
export function nextInstant(time: number, now: number, zone: string): number {
  const today = at(dateOf(now, zone), clockText(time), zone);
  if (today > now) return today;
  return at(dateOf(midnight(now, zone, 1), zone), clockText(time), zone);
}

/** How long it is until an instant, in whole minutes and none too many: what is chosen to the minute is told so. */
export function minutesTo(instant: number, now: number): number {
  return Math.max(0, Math.round((instant - now) / MINUTE));
}

/** What somebody typed as a time: "930", "9:30", "0930", "9.30" or "14"; null where it is none. */
export function typed(text: string): number | null {
  const found = /^\s*(\d{1,2})(?:[:. ]?(\d{2}))?\s*$/.exec(text);
  if (found === null) return null;
  const [hours, minutes] = [Number(found[1]), Number(found[2] ?? '0')];
  return hours < 24 && minutes < 60 ? hours * 60 + minutes : null;
}

/** The date ("2026-11-24") of the day so many days from now, there. */
export function dateIn(days: number, now: number, zone: string): string {
  return dateOf(midnight(now, zone, days) + 12 * 60 * MINUTE, zone);
}

/** Days until the next Monday: 1 to 7. */
export function daysToMonday(now: number, zone: string): number {
  const weekday = new Date(`${dateOf(now, zone)}T12:00:00Z`).getUTCDay();
  return ((8 - weekday) % 7) || 7;
}

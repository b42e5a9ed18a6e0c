// Instants in words, in the zone that they are meant in.
import { beforeAll, describe, expect, it } from 'vitest';
import { at, clockTime, dateOf, dayOf, hoursAndMinutes, instant, lasting, midnight, minutesUntil, offset, when } from '../src/lib/time';
import { daysFrom, stretches, type StretchJson } from '../src/console/week';
import { chooseLanguage } from '../src/lib/words.svelte';

const STOCKHOLM = 'Europe/Stockholm';
const NINE = instant('2026-11-23T08:00:00Z');
const HOUR = 3_600_000;

beforeAll(async () => {
  Object.assign(globalThis, { document: { documentElement: {} } });
  await chooseLanguage('en');
});

it('shows times and days there', () => {
  expect(clockTime(NINE, STOCKHOLM)).toBe('09:00');
  expect(clockTime(NINE, 'Asia/Kolkata')).toBe('13:30');
  expect(clockTime(instant('2026-11-22T23:00:00Z'), STOCKHOLM)).toBe('00:00');
  expect(dayOf(NINE, STOCKHOLM)).toBe('Mon 23 Nov');
  expect(dateOf(instant('2026-11-22T23:30:00Z'), STOCKHOLM)).toBe('2026-11-23');
  expect(instant(null)).toBeNaN();
});

it('names the day only where it is another one', () => {
  expect(when(NINE + 2 * HOUR, NINE, STOCKHOLM)).toBe('11:00');
  expect(when(NINE + 24 * HOUR, NINE, STOCKHOLM)).toBe('tomorrow 09:00');
  expect(when(NINE + 72 * HOUR, NINE, STOCKHOLM)).toBe('Thu 26 Nov 09:00');
  expect(when(NINE - 24 * HOUR, NINE, STOCKHOLM)).toBe('Sun 22 Nov 09:00');
});

it('says hours as hours and minutes', () => {
  expect([143.62, 3, 0.25, 0, 0.999, 0.002].map(hoursAndMinutes)).toEqual(['143 h 37 min', '3 h', '15 min', '0 min', '1 h', '0 min']);
});

it('counts minutes up, so that it is not there before it is', () => {
  expect(minutesUntil(NINE + 60_000, NINE)).toBe(1);
  expect(minutesUntil(NINE + 60_001, NINE)).toBe(2);
  expect(minutesUntil(NINE + 1, NINE)).toBe(1);
  expect(minutesUntil(NINE, NINE)).toBe(0);
  expect(minutesUntil(NINE, NINE + HOUR)).toBe(0);
  expect([lasting(1), lasting(89), lasting(120)]).toEqual(['1 min', '89 min', '2 h']);
});

describe('days', () => {
  it.each([
    ['2026-03-29T10:00:00Z', 23],
    ['2026-10-25T10:00:00Z', 25],
    ['2026-11-23T10:00:00Z', 24],
  ])('of %s are %d hours long', (text, hours) => {
    const start = midnight(instant(text), STOCKHOLM);
    expect(clockTime(start, STOCKHOLM)).toBe('00:00');
    expect((midnight(instant(text), STOCKHOLM, 1) - start) / HOUR).toBe(hours);
  });

  it('begin at the first instant there is where clocks are set forward at midnight', () => {
    expect(clockTime(midnight(instant('2026-09-06T12:00:00Z'), 'America/Santiago'), 'America/Santiago')).toBe('01:00');
  });

  it('are eight in a row without a gap', () => {
    const days = daysFrom(instant('2026-10-23T22:30:00Z'), STOCKHOLM);
    expect(days).toHaveLength(8);
    expect(days[0]?.label).toBe('Sat 24 Oct');
    for (const [i, day] of days.entries()) if (i > 0) expect(day.start).toBe(days[i - 1]?.end);
  });
});

it('finds the instant at which clocks show a time', () => {
  expect(at('2026-11-23', '09:00', STOCKHOLM)).toBe(NINE);
  expect(at('2026-07-01', '09:00', STOCKHOLM)).toBe(instant('2026-07-01T07:00:00Z'));
  expect(at('2026-03-29', '03:30', STOCKHOLM)).toBe(instant('2026-03-29T01:30:00Z'));
  expect(offset(NINE + 999, 'Asia/Kolkata')).toBe(5.5 * HOUR);
});

describe('stretches', () => {
  const stretch = (start: string, end: string | null, more: Partial<StretchJson['availability']>): StretchJson => ({
    start,
    end,
    availability: {
      state: 'referred',
      reason: 'meeting',
      words: 'In a meeting',
      until: null,
      back_at: null,
      note: null,
      by_hand: false,
      informing: [],
      upcoming: null,
      ...more,
    },
  });
  const T8 = '2026-11-23T08:00:00Z';
  const T9 = '2026-11-23T09:00:00Z';
  const T10 = '2026-11-23T10:00:00Z';

  it('are referrals and what informs, not who is simply there', () => {
    const informing = [{ words: 'Visit', note: 'Acme', until: null }];
    const found = stretches([
      stretch(T8, T9, { state: 'available', words: 'Available' }),
      stretch(T9, T10, { state: 'available', words: 'Available', informing }),
      stretch(T10, null, { by_hand: true, note: 'x' }),
    ]);
    expect(found).toEqual([
      { from: instant(T9), to: instant(T10), kind: 'informing', words: 'Visit · Acme' },
      { from: instant(T10), to: Number.POSITIVE_INFINITY, kind: 'hand', words: 'In a meeting · x' },
    ]);
  });

  it('that touch and say the same are one', () => {
    expect(stretches([stretch(T8, T9, {}), stretch(T9, T10, {})])).toHaveLength(1);
    expect(stretches([stretch(T8, T9, {}), stretch(T9, T10, { by_hand: true })])).toHaveLength(2);
  });
});

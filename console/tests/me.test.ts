// What /me reckons with: times in steps, how it stands with the connection, what is kept, days, reasons.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { because } from '../src/me/because';
import { forget, keep, OLDEST, recall, type Kept } from '../src/me/kept';
import { mayAct, next, STARTING, type Link, type Said } from '../src/me/link';
import { daysOf, drawn, piecesOf } from '../src/me/plan';
import { keepUses, loadUses, offered, used, ways, type Uses } from '../src/me/reasons';
import { clockText, dateIn, daysToMonday, inMinutes, minutesTo, moved, nextInstant, roundedUp, stepped, timeOfDay, typed } from '../src/me/steps';
import type { Availability, Reason, Shown, Stretch } from '../src/me/types';

const ZONE = 'Europe/Stockholm';
const utc = (text: string): number => Date.parse(`${text}Z`);
const NINE = utc('2026-11-23T08:24:30'); // a Monday, 09:24:30 there

function storage(): Storage & { full: boolean } {
  const held = new Map<string, string>();
  return {
    full: false,
    get length() {
      return held.size;
    },
    clear: () => held.clear(),
    key: (n) => [...held.keys()][n] ?? null,
    getItem: (key) => held.get(key) ?? null,
    removeItem: (key) => void held.delete(key),
    setItem(key, value) {
      if (this.full) throw new DOMException('full', 'QuotaExceededError');
      held.set(key, value);
    },
  };
}

describe('steps of five minutes', () => {
  it('go onto a step, and round the clock', () => {
    expect(stepped(13 * 60 + 2, 1)).toBe(13 * 60 + 5);
    expect(stepped(13 * 60 + 2, -1)).toBe(13 * 60);
    expect(stepped(13 * 60 + 5, 1)).toBe(13 * 60 + 10);
    expect(stepped(13 * 60 + 5, -2)).toBe(12 * 60 + 55);
    expect(stepped(23 * 60 + 57, 1)).toBe(0);
    expect(stepped(0, -1)).toBe(23 * 60 + 55);
    expect(moved(23 * 60 + 30, 60)).toBe(30);
    expect(moved(15, -60)).toBe(23 * 60 + 15);
    expect(roundedUp(721)).toBe(725);
    expect(roundedUp(725)).toBe(725);
    expect(roundedUp(1438)).toBe(0);
  });
  it('reach every step and come back', () => {
    for (let time = 0; time < 1440; time += 5) expect(stepped(stepped(time, 1), -1)).toBe(time);
  });
  it('are never sooner than was asked for', () => {
    expect(clockText(inMinutes(30, NINE, ZONE))).toBe('09:55');
    expect(clockText(inMinutes(60, NINE, ZONE))).toBe('10:25');
    expect(clockText(inMinutes(5, utc('2026-11-23T08:25:00'), ZONE))).toBe('09:30');
    expect(clockText(inMinutes(60, utc('2026-11-23T22:31:00'), ZONE))).toBe('00:35');
  });
  it('mean the next such time, today or tomorrow', () => {
    expect(nextInstant(10 * 60, NINE, ZONE)).toBe(utc('2026-11-23T09:00:00'));
    expect(nextInstant(9 * 60, NINE, ZONE)).toBe(utc('2026-11-24T08:00:00'));
    expect(nextInstant(9 * 60 + 24, NINE, ZONE), 'it is past by half a minute').toBe(utc('2026-11-24T08:24:00'));
  });
  it('hold on days on which clocks are changed', () => {
    const summer = utc('2027-03-28T00:30:00'); // 01:30, half an hour before clocks go to 03:00
    expect(nextInstant(3 * 60, summer, ZONE)).toBe(utc('2027-03-28T01:00:00'));
    const winter = utc('2026-10-24T20:00:00');
    expect(nextInstant(8 * 60, winter, ZONE)).toBe(utc('2026-10-25T07:00:00'));
    expect(timeOfDay(utc('2026-10-25T07:00:00'), ZONE)).toBe(8 * 60);
  });
  it('tell how long it is', () => {
    expect(minutesTo(nextInstant(10 * 60 + 25, NINE, ZONE), NINE)).toBe(61);
    expect(minutesTo(NINE - 1, NINE)).toBe(0);
  });
  it.each([
    ['930', 570],
    ['9:30', 570],
    ['0930', 570],
    ['9.30', 570],
    [' 14 ', 840],
    ['0', 0],
    ['2359', 1439],
    ['2400', null],
    ['1260', null],
    ['', null],
    ['99', null],
    ['-1', null],
    ['12345', null],
    ['１２', null],
  ])('are read from %j', (text, time) => {
    expect(typed(text)).toBe(time);
  });
  it('days to come', () => {
    expect(dateIn(1, NINE, ZONE)).toBe('2026-11-24');
    expect(daysToMonday(NINE, ZONE)).toBe(7);
    expect(daysToMonday(utc('2026-11-29T22:59:00'), ZONE)).toBe(1);
    expect(dateIn(1, utc('2026-11-23T23:30:00'), ZONE), 'it is the 24th there').toBe('2026-11-25');
  });
});

describe('the connection', () => {
  const after = (...said: Said[]): Link => said.reduce(next, STARTING);
  const KNOWN = { event: 'remembered', knownAt: 100 } as const;
  const LOADED = { event: 'loaded' } as const;

  it('is live once the state was read', () => {
    expect(after()).toEqual({ is: 'starting' });
    expect(after(LOADED)).toEqual({ is: 'live' });
    expect(after(KNOWN, LOADED)).toEqual({ is: 'live' });
  });
  it('says at once that it is lost, and since when', () => {
    expect(after(LOADED, { event: 'lost', at: 200 })).toEqual({ is: 'offline', knownAt: 200 });
  });
  it('does not take what is old for newer by losing it again', () => {
    expect(after(LOADED, { event: 'lost', at: 200 }, { event: 'lost', at: 900 })).toEqual({ is: 'offline', knownAt: 200 });
    expect(after(KNOWN, { event: 'lost', at: 900 }, { event: 'failed' })).toEqual({ is: 'offline', knownAt: 100 });
  });
  it('says so where nothing was ever known', () => {
    expect(after({ event: 'failed' })).toEqual({ is: 'offline', knownAt: Number.NaN });
  });
  it('comes back', () => {
    expect(after(LOADED, { event: 'lost', at: 200 }, LOADED)).toEqual({ is: 'live' });
  });
  it('is never made old by what was kept', () => {
    expect(after(LOADED, KNOWN)).toEqual({ is: 'live' });
  });
  it('lets nothing be done but while it is live', () => {
    const every: Said[] = [KNOWN, LOADED, { event: 'lost', at: 3 }, { event: 'failed' }];
    for (const a of every) for (const b of every) for (const c of every) {
      const link = after(a, b, c);
      expect(mayAct(link)).toBe(link.is === 'live');
      if (c.event === 'lost' || c.event === 'failed') expect(mayAct(link) && c.event === 'lost').toBe(false);
    }
    expect(mayAct(STARTING)).toBe(false);
  });
});

const AVAILABLE: Availability = {
  state: 'available', reason: null, words: 'Available', until: null, back_at: null, note: null, by_hand: false,
  informing: [], upcoming: null,
}; // prettier-ignore
const away = (reason: string, more: Partial<Availability> = {}): Availability => ({ ...AVAILABLE, state: 'referred', reason, ...more });
const stretch = (start: string, end: string | null, availability: Availability): Stretch => ({
  start: `2026-11-${start}Z`, end: end === null ? null : `2026-11-${end}Z`, availability,
}); // prettier-ignore

describe('what is kept', () => {
  const shown = { person: { id: 7, name: 'Anna', extension: '101', zone: ZONE, language: 'sv' }, availability: AVAILABLE } as unknown as Shown;
  const state: Kept = { at: 1000, organisation: 'Acme', shown, stretches: [], reasons: [] };

  it('comes back as it was', () => {
    const place = storage();
    keep(place, state);
    expect(recall(place, 2000)).toMatchObject(state);
    forget(place);
    expect(recall(place, 2000)).toBeNull();
  });
  it('is nothing once it is old, or of a time to come', () => {
    const place = storage();
    keep(place, state);
    expect(recall(place, 1000 + OLDEST)).toBeNull();
    expect(recall(place, 999)).toBeNull();
  });
  it.each(['', '{', 'null', '[]', '{"version":1}', '{"version":2,"at":1,"shown":{"person":{"id":1}},"stretches":[]}', '{"version":1,"at":1500,"shown":{}}'])(
    'is nothing where it is %j', (text) => {
      const place = storage();
      place.setItem('backsoon.me.last', text);
      expect(recall(place, 2000)).toBeNull();
    },
  ); // prettier-ignore
  it('leaves nothing old behind where there is no room', () => {
    const place = storage();
    keep(place, state);
    place.full = true;
    keep(place, { ...state, at: 1500 });
    expect(recall(place, 2000)).toBeNull();
  });
});

describe('a timeline as days', () => {
  const meeting = away('meeting', { note: 'Budget' });
  it('joins what only goes on', () => {
    const coming = { ...AVAILABLE, upcoming: {} as never };
    const pieces = piecesOf([
      stretch('23T08:00:00', '23T09:00:00', meeting),
      stretch('23T09:00:00', '23T10:00:00', { ...meeting, upcoming: {} as never }),
      stretch('23T10:00:00', '23T11:00:00', coming),
      stretch('23T11:00:00', '23T12:00:00', meeting),
      stretch('23T12:00:00', null, away('sick', { by_hand: true })),
    ]);
    expect(pieces.map((one) => [one.reason, one.kind, new Date(one.from).getUTCHours(), one.to === Infinity ? null : new Date(one.to).getUTCHours()])).toEqual([
      ['meeting', 'calendar', 8, 10],
      ['meeting', 'calendar', 11, 12],
      ['sick', 'hand', 12, null],
    ]);
  });
  it('tells what differs apart', () => {
    const pieces = piecesOf([
      stretch('23T08:00:00', '23T09:00:00', meeting),
      stretch('23T09:00:00', '23T10:00:00', { ...meeting, note: 'Other' }),
      stretch('23T10:00:00', '23T11:00:00', { ...meeting, note: 'Other', by_hand: true }),
    ]);
    expect(pieces).toHaveLength(3);
  });
  it('keeps what only informs, though another changes beside it', () => {
    const desk = { reason: 'meeting', words: '', until: null, note: 'Desk' };
    const pieces = piecesOf([
      stretch('23T08:00:00', '23T09:00:00', { ...AVAILABLE, informing: [desk] }),
      stretch('23T09:00:00', '23T10:00:00', { ...AVAILABLE, informing: [{ ...desk, note: '' }, desk] }),
    ]);
    expect(pieces.map((one) => [one.kind, one.note, one.to - one.from])).toEqual([
      ['informing', 'Desk', 7_200_000],
      ['informing', '', 3_600_000],
    ]);
  });
  it('puts each piece on every day that it touches', () => {
    const days = daysOf(piecesOf([stretch('23T20:00:00', '25T10:00:00', meeting)]), NINE, ZONE, 4);
    expect(days.map((one) => [one.date, one.pieces.length])).toEqual([
      ['2026-11-23', 1], ['2026-11-24', 1], ['2026-11-25', 1], ['2026-11-26', 0],
    ]); // prettier-ignore
    expect(days[1]!.start).toBe(days[0]!.end);
  });
  it('leaves out slips that were undone, and what they interrupted is one piece', () => {
    const lunch = away('lunch', { by_hand: true });
    const slip = [
      stretch('23T06:00:00', '23T07:30:10', meeting),
      stretch('23T07:30:10', '23T07:30:15', lunch),
      stretch('23T07:30:15', '23T09:00:00', meeting),
    ];
    const read = (now: number) => daysOf(piecesOf(slip), now, ZONE, 1)[0]!.pieces.map((one) => [one.reason, (one.to - one.from) / 60_000]);
    expect(read(NINE)).toEqual([['meeting', 180]]);
    expect(read(utc('2026-11-23T07:30:12')).map(([reason]) => reason), 'while it lasts').toContain('lunch');
  });
  it('draws the hours in which people are about, and all of a day where something is beyond them', () => {
    const day = (...stretches: Stretch[]) => daysOf(piecesOf(stretches), NINE, ZONE, 1)[0]!;
    expect(drawn(day(stretch('23T08:00:00', '23T09:00:00', meeting)), NINE, ZONE).hours).toEqual([6, 10, 14, 18, 22]);
    expect(drawn(day(stretch('22T08:00:00', '25T09:00:00', meeting)), NINE, ZONE).hours, 'all day').toEqual([6, 10, 14, 18, 22]);
    expect(drawn(day(stretch('23T20:00:00', '23T22:00:00', meeting)), NINE, ZONE).hours).toEqual([0, 6, 12, 18, 24]);
    expect(drawn(day(), utc('2026-11-23T04:00:00'), ZONE).hours, 'now is five').toEqual([0, 6, 12, 18, 24]);
    const { start, end } = drawn(day(), NINE, ZONE);
    expect((end - start) / 3_600_000).toBe(16);
  });
});

describe('reasons', () => {
  const reason = (code: string, lifetime: Reason['lifetime'] = 'minutes'): Reason => ({ code, words: code, sensitive: false, priority: 1, lifetime, minutes: 60 });
  const all = ['zebra', 'sick', 'busy', 'lunch', 'aardvark', 'meeting', 'out_of_office', 'holiday'].map((code) => reason(code));
  const codes = (uses: Uses): string[] => offered(all, uses).map((one) => one.code);

  it('come in the usual order, those of the house after them, and none that only calendars give', () => {
    expect(codes({})).toEqual(['lunch', 'meeting', 'holiday', 'sick', 'aardvark', 'zebra']);
  });
  it('that somebody uses come first', () => {
    let uses: Uses = {};
    for (const code of ['zebra', 'holiday', 'zebra']) uses = used(code, uses);
    expect(codes(uses).slice(0, 3)).toEqual(['zebra', 'holiday', 'lunch']);
  });
  it('that were used long ago fade', () => {
    let uses: Uses = used('zebra', {});
    for (let n = 0; n < 200; n += 1) uses = used('lunch', uses);
    expect(uses['zebra']).toBeUndefined();
    expect(uses['lunch']).toBeLessThan(40);
  });
  it('ask for what fits them, the likely thing first', () => {
    expect(ways(reason('lunch'))[0]).toBe('time');
    expect(ways(reason('holiday', 'next_working_morning'))).toEqual(['usual', 'day', 'time']);
    expect(ways(reason('sick', 'until_taken_back'))[0]).toBe('usual');
  });
  it('are remembered on this browser, whatever stands there', () => {
    const place = storage();
    keepUses(place, { lunch: 2 });
    expect(loadUses(place)).toEqual({ lunch: 2 });
    for (const text of ['{', '[1]', '"x"', 'null', '{"lunch":"many"}']) {
      place.setItem('backsoon.me.used', text);
      expect(Object.values(loadUses(place)).every(Number.isFinite)).toBe(true);
    }
    place.full = true;
    expect(() => keepUses(place, {})).not.toThrow();
  });
});

describe('why an entry does what it does', () => {
  it.each([
    ['keyword `m`', 'me.because_keyword'],
    ['no keyword', 'me.because_none'],
    ['keyword `m` is not first', 'me.because_not_first'],
    ['keyword `m` has no mark (: or ;)', 'me.because_no_mark'],
    ['shown as busy', 'me.because_shown_busy'],
    ['shown as out of office', 'me.because_shown_busy'],
    ['shown as free', 'me.because_free'],
    ['shown as working elsewhere', 'me.because_elsewhere'],
    ['a working location', 'me.because_elsewhere'],
    ['automatic reply', 'me.because_reply'],
    ['an automatic reply', 'me.because_reply'],
    ['cancelled', 'me.because_cancelled'],
    ['declined', 'me.because_declined'],
    ['has no length', 'me.because_no_length'],
    ['ends before it starts', 'me.because_reversed'],
    ['tentative or not answered yet', 'me.because_tentative'],
  ])('%s', (said, key) => {
    expect(because(said)).toBe(key); // no catalogue is loaded here: a key stands for its words
  });
  it('is left as it is said where it is not known', () => {
    expect(because('RRULE is too costly')).toBeNull();
    expect(because('keyword `m`; what follows `>` is not a number to divert to')).toBeNull();
  });
});

describe('what the API may say of an entry', () => {
  it('is known here, so that it is told in the reader’s language', () => {
    const source = readFileSync(join(import.meta.dirname, '../../src/backsoon/domain/entries.py'), 'utf8');
    const said = [...source.matchAll(/(?:Ignored|Refused)\("([^"]+)"\)/g)].map((found) => found[1]!);
    expect(said.length).toBeGreaterThan(6);
    expect(said.filter((one) => because(one) === null)).toEqual([]);
  });
});

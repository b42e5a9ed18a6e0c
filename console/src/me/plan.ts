// A timeline as days: what is drawn as bars, and read as lists.
import type { Stretch as Bar } from '../lib/TimeBar.svelte';
import { at, dateOf, instant, midnight } from '../lib/time';
import type { Stretch } from './types';

const MINUTE = 60_000;

/** One thing that refers, or informs: `end` Infinity where none is known. */
export interface Piece {
  from: number;
  to: number;
  kind: Bar['kind'];
  reason: string;
  note: string;
}
export interface Day {
  date: string;
  start: number;
  end: number;
  pieces: Piece[];
}

/** What refers or informs, in order; what only goes on is one piece. */
export function piecesOf(stretches: readonly Stretch[]): Piece[] {
  const found: Piece[] = [];
  for (const one of stretches) {
    for (const piece of piecesIn(one)) {
      const before = found.findLast((each) => each.to === piece.from && same(each, piece));
      if (before === undefined) found.push(piece);
      else before.to = piece.to;
    }
  }
  return found;
}

function same(a: Piece, b: Piece): boolean {
  return a.kind === b.kind && a.reason === b.reason && a.note === b.note;
}

function piecesIn({ start, end, availability }: Stretch): Piece[] {
  const [from, to] = [instant(start), end === null ? Number.POSITIVE_INFINITY : instant(end)];
  if (availability.state === 'referred') {
    const kind = availability.by_hand ? 'hand' : 'calendar';
    return [{ from, to, kind, reason: availability.reason ?? '', note: availability.note ?? '' }];
  }
  return availability.informing.map((one) => ({ from, to, kind: 'informing', reason: one.reason, note: one.note ?? '' }));
}

/** What of a day is drawn: the hours in which people are about, or all of it where something is beyond them. */
export function drawn(day: Day, now: number, zone: string): { start: number; end: number; hours: number[] } {
  const [start, end] = [at(day.date, '06:00', zone), at(day.date, '22:00', zone)];
  const edges = day.pieces.flatMap((one) => [one.from, one.to]).filter((edge) => edge > day.start && edge < day.end);
  if (now >= day.start && now < day.end) edges.push(now);
  if (edges.every((edge) => edge >= start && edge <= end)) return { start, end, hours: [6, 10, 14, 18, 22] };
  return { start: day.start, end: day.end, hours: [0, 6, 12, 18, 24] };
}

/** Without what was over within a minute, as slips are that were undone; what it interrupted is one piece again. */
function withoutSlips(pieces: readonly Piece[], now: number): Piece[] {
  const found: Piece[] = [];
  for (const one of pieces) {
    if (one.to <= now && one.to - one.from < MINUTE) continue;
    const before = found.findIndex((each) => one.from >= each.to && one.from - each.to < MINUTE && same(each, one));
    if (before < 0) found.push(one);
    else found[before] = { ...one, from: found[before]!.from };
  }
  return found;
}

/** So many days from the one that `now` falls on, each with what touches it. */
export function daysOf(pieces: readonly Piece[], now: number, zone: string, count: number): Day[] {
  const lasting = withoutSlips(pieces, now);
  return Array.from({ length: count }, (_, n) => {
    const [start, end] = [midnight(now, zone, n), midnight(now, zone, n + 1)];
    return { date: dateOf(start, zone), start, end, pieces: lasting.filter((one) => one.to > start && one.from < end) };
  });
}

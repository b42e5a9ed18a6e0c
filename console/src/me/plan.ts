// A timeline as days: what is drawn as bars, and read as lists.
import type { Stretch as Bar } from '../lib/TimeBar.svelte';
import { dateOf, instant, midnight } from '../lib/time';
import type { Stretch } from './types';

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

/** So many days from the one that `now` falls on, each with what touches it. */
export function daysOf(pieces: readonly Piece[], now: number, zone: string, count: number): Day[] {
  return Array.from({ length: count }, (_, n) => {
    const [start, end] = [midnight(now, zone, n), midnight(now, zone, n + 1)];
    return { date: dateOf(start, zone), start, end, pieces: pieces.filter((one) => one.to > start && one.from < end) };
  });
}

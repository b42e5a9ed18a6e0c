// Today and the next seven days, as bars.
import type { Stretch } from '../lib/TimeBar.svelte';
import { plain } from '../lib/text';
import { dayOf, instant, midnight } from '../lib/time';
import type { AvailabilityJson } from './rows';

export const DAYS = 8;

export interface StretchJson {
  start: string;
  end: string | null;
  availability: AvailabilityJson;
}

export interface Day {
  start: number;
  end: number;
  label: string;
}

/** The local days from the one that `now` is in: each from midnight to midnight there. */
export function daysFrom(now: number, zone: string): Day[] {
  const edges = Array.from({ length: DAYS + 1 }, (_, i) => midnight(now, zone, i));
  return edges.slice(0, DAYS).map((start, i) => ({ start, end: edges[i + 1] ?? start, label: dayOf(start, zone) }));
}

/** What is to be seen of a timeline: referrals, and what only informs. One that is cut into pieces is one again. */
export function stretches(timeline: readonly StretchJson[]): Stretch[] {
  const found: Stretch[] = [];
  for (const { start, end, availability } of timeline) {
    const one = stretch(instant(start), end === null ? Number.POSITIVE_INFINITY : instant(end), availability);
    const last = found.at(-1);
    if (one === null) continue;
    if (last !== undefined && last.to === one.from && last.kind === one.kind && last.words === one.words) last.to = one.to;
    else found.push(one);
  }
  return found;
}

function stretch(from: number, to: number, availability: AvailabilityJson): Stretch | null {
  const note = plain(availability.note, 100);
  if (availability.state === 'referred') {
    const words = [plain(availability.words, 100), note].filter(Boolean).join(' · ');
    return { from, to, kind: availability.by_hand === true ? 'hand' : 'calendar', words };
  }
  const informing = availability.informing[0];
  if (informing === undefined) return null;
  return { from, to, kind: 'informing', words: [informing.words, informing.note].map((one) => plain(one, 100)).filter(Boolean).join(' · ') };
}

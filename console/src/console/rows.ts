// How people stand, as rows of the board and events have it, down to what a row shows.
import type { LampCode } from '../lib/Lamp.svelte';
import { plain } from '../lib/text';
import { instant } from '../lib/time';

export interface Coming {
  words: string;
  note: string;
  /** Milliseconds. */
  start: number;
}

export interface Row {
  lamp: LampCode;
  words: string;
  note: string;
  referred: boolean;
  byHand: boolean;
  informing: readonly { words: string; note: string }[];
  upcoming: Coming | null;
  /** "not confirmed since 09:12"; "" it is confirmed. */
  unconfirmed: string;
  /** What is wrong with their calendar; "" nothing. */
  problem: string;
}

export interface AvailabilityJson {
  state: 'available' | 'referred';
  reason: string | null;
  words: string;
  until: string | null;
  back_at: string | null;
  note: string | null;
  by_hand: boolean | null;
  informing: { words: string; note: string | null; until: string | null }[];
  upcoming: { words: string; note: string | null; start: string; end: string | null } | null;
}

export interface PersonJson {
  id: number;
  extension: string;
  name: string;
  email?: string | null;
  department?: string | null;
  title?: string | null;
  competences?: string[];
}

/** A row of the board, or an event `availability`: fields about the age may be missing in the latter. */
export interface StateJson {
  person: PersonJson;
  lamp?: LampCode;
  availability: AvailabilityJson;
  unconfirmed?: string | null;
  problem?: string | null;
}

const NOTE = 300;

/** What a row shows. `before`: what was known, for what an event leaves out. */
export function rowOf(state: StateJson, before?: Row): Row {
  const { availability } = state;
  const upcoming = availability.upcoming;
  return {
    lamp: state.lamp ?? lampOf(availability, before),
    words: plain(availability.words, NOTE),
    note: plain(availability.note, NOTE),
    referred: availability.state === 'referred',
    byHand: availability.by_hand === true,
    informing: availability.informing.map((one) => ({ words: plain(one.words, NOTE), note: plain(one.note, NOTE) })),
    upcoming:
      upcoming === null
        ? null
        : { words: plain(upcoming.words, NOTE), note: plain(upcoming.note, NOTE), start: instant(upcoming.start) },
    unconfirmed: state.unconfirmed === undefined ? (before?.unconfirmed ?? '') : plain(state.unconfirmed, NOTE),
    problem: state.problem === undefined ? (before?.problem ?? '') : plain(state.problem, NOTE),
  };
}

/** Where the server leaves it out, for it cannot tell how old the knowledge is: what was not confirmed is not now. */
function lampOf(availability: AvailabilityJson, before: Row | undefined): LampCode {
  if (availability.state === 'referred') return availability.by_hand === true ? 'h' : 'r';
  if (before?.unconfirmed) return 'u';
  if (availability.upcoming !== null) return 's';
  return availability.informing.length > 0 ? 'i' : 'a';
}

/** The epoch and number of an event's id; null where it is none. */
export function markOf(id: string): { epoch: string; number: number } | null {
  const at = id.lastIndexOf('-');
  const number = Number(id.slice(at + 1));
  return at > 0 && Number.isSafeInteger(number) ? { epoch: id.slice(0, at), number } : null;
}

/** Whether an event came after an id of the same run of the server. */
export function isLater(id: string, than: string): boolean {
  const [a, b] = [markOf(id), markOf(than)];
  return a !== null && b !== null && a.epoch === b.epoch && a.number > b.number;
}

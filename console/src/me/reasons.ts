// Which reasons are offered first, and what is asked about each.
import type { Reason } from './types';

/** How long a referral is to last: a time of day, a day, or as the reason has it by itself. */
export type Way = 'usual' | 'time' | 'day';

const USUAL = ['lunch', 'meeting', 'back_at', 'gone_for_the_day', 'holiday', 'business_travel', 'course', 'sick', 'leave', 'part_time'];
const NOT_BY_HAND = new Set(['busy', 'out_of_office']); // what calendars say of untagged entries
const KEPT = 'backsoon.me.used';
/** What was used counts half after so many other uses. */
const HALF = 20;

export type Uses = Record<string, number>;

/** The reasons in the order in which they are likely to be wanted: those that this person uses, then the usual ones. */
export function offered(reasons: readonly Reason[], uses: Uses): Reason[] {
  const rank = (reason: Reason): number => {
    const found = USUAL.indexOf(reason.code);
    return found < 0 ? USUAL.length : found;
  };
  return reasons
    .filter((one) => !NOT_BY_HAND.has(one.code))
    .map((reason) => ({ reason, used: uses[reason.code] ?? 0, rank: rank(reason) }))
    .sort((a, b) => b.used - a.used || a.rank - b.rank || a.reason.words.localeCompare(b.reason.words))
    .map((one) => one.reason);
}

/** The uses after one more: what was used long ago counts less. */
export function used(code: string, uses: Uses): Uses {
  const fade = 0.5 ** (1 / HALF);
  const faded = Object.entries(uses).map(([name, count]): [string, number] => [name, count * fade]);
  const kept = Object.fromEntries(faded.filter(([, count]) => count > 0.05));
  return { ...kept, [code]: (kept[code] ?? 0) + 1 };
}

/** The ways in which an end can be given, the likely one first. */
export function ways(reason: Reason): Way[] {
  return reason.lifetime === 'minutes' ? ['time', 'day'] : reason.code === 'gone_for_the_day' ? ['usual', 'day'] : ['usual', 'day', 'time'];
}

/** What was used on this browser. */
export function loadUses(storage: Pick<Storage, 'getItem'>): Uses {
  try {
    const found: unknown = JSON.parse(storage.getItem(KEPT) ?? '{}');
    const entries = Object.entries(found ?? {}).filter((one): one is [string, number] => Number.isFinite(one[1]));
    return Object.fromEntries(entries.slice(0, 100));
  } catch {
    return {};
  }
}

/** Remember it. */
export function keepUses(storage: Pick<Storage, 'setItem'>, uses: Uses): void {
  try {
    storage.setItem(KEPT, JSON.stringify(uses));
  } catch {
    // then the usual order comes again
  }
}

// The last state, kept on this device so that there is something to see without a network. No messages, no subjects.
import type { Reason, Shown, Stretch } from './types';

const KEY = 'backsoon.me.last';
const VERSION = 1;
/** Older than this it says nothing any more, in milliseconds. */
export const OLDEST = 7 * 86_400_000;

export interface Kept {
  /** When it was known to hold, in milliseconds. */
  at: number;
  organisation: string;
  shown: Shown;
  stretches: Stretch[];
  reasons: Reason[];
}
type Place = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** What was kept; null where there is nothing that can be shown. */
export function recall(place: Place, now: number): Kept | null {
  try {
    const found = JSON.parse(place.getItem(KEY) ?? 'null') as (Kept & { version?: number }) | null;
    if (found === null || found.version !== VERSION || !(found.at <= now && found.at > now - OLDEST)) return null;
    return typeof found.shown?.person?.id === 'number' && Array.isArray(found.stretches) ? found : null;
  } catch {
    return null;
  }
}

/** Keep it in place of what was kept. */
export function keep(place: Place, state: Kept): void {
  try {
    place.setItem(KEY, JSON.stringify({ ...state, version: VERSION }));
  } catch {
    forget(place); // rather nothing than something old
  }
}

/** Whoever signs out, or somebody else who signs in, leaves nothing here. */
export function forget(place: Place): void {
  try {
    place.removeItem(KEY);
  } catch {
    // there is nothing to forget
  }
}

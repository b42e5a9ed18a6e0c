// What a key means, wherever the focus is.

export type Act = 'refer' | 'back' | 'message' | 'star' | 'undo' | 'help';
export type Press =
  | { is: 'act'; act: Act }
  | { is: 'move'; by: number; pages: boolean }
  | { is: 'enter' | 'escape' | 'swap' | 'type' };

/** Where the focus may be, and what the keys mean there. */
export interface Place {
  query: string;
  search: HTMLElement | undefined;
  grid: HTMLElement | undefined;
  undoable: boolean;
}

/** The part of a KeyboardEvent that counts. */
export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  isComposing: boolean;
  target: EventTarget | null;
}

const ACTS: Record<string, Act> = { F1: 'help', F2: 'refer', F4: 'back', F8: 'message', F9: 'star' };
const FAR = 1_000_000_000;
const MOVES: Record<string, [number, boolean]> = {
  ArrowDown: [1, false],
  ArrowUp: [-1, false],
  PageDown: [1, true],
  PageUp: [-1, true],
};
const EDITED = 'input, select, textarea, [contenteditable]';
const PRESSED = 'button, a, [role="button"], summary';

/** What a key means; null: what it means to the browser. */
export function meant(key: Key, place: Place): Press | null {
  if (key.isComposing) return null;
  const act = ACTS[key.key];
  if (act !== undefined && !key.ctrlKey && !key.altKey && !key.metaKey) return { is: 'act', act };
  if (key.key === 'Escape') return { is: 'escape' };
  if (key.key === 'F6') return { is: 'swap' };
  const typing = key.target === place.search;
  const elsewhere = !typing && is(key.target, EDITED);
  if (elsewhere || key.altKey) return null;
  if (key.ctrlKey || key.metaKey) return held(key, place);
  return travelling(key, typing, place) ?? lettering(key, typing, place);
}

function held(key: Key, place: Place): Press | null {
  if (key.key.toLowerCase() === 'z' && !key.shiftKey && place.undoable) return { is: 'act', act: 'undo' };
  if (key.key === 'Home') return { is: 'move', by: -FAR, pages: false };
  if (key.key === 'End') return { is: 'move', by: FAR, pages: false };
  return null;
}

function travelling(key: Key, typing: boolean, place: Place): Press | null {
  const inList = typing || key.target === place.grid || !is(key.target, `${PRESSED}, aside *`);
  if (!inList) return null;
  const move = MOVES[key.key];
  if (move !== undefined) return { is: 'move', by: move[0], pages: move[1] };
  if (key.key === 'Enter') return { is: 'enter' };
  if (key.target === place.grid && (key.key === 'Home' || key.key === 'End')) {
    return { is: 'move', by: key.key === 'Home' ? -FAR : FAR, pages: false };
  }
  return null;
}

function lettering(key: Key, typing: boolean, place: Place): Press | null {
  if (key.key === '?' && (!typing || place.query === '')) return { is: 'act', act: 'help' };
  if (typing || [...key.key].length !== 1 || key.key === ' ') return null;
  return { is: 'type' };
}

function is(target: EventTarget | null, selector: string): boolean {
  return target !== null && 'matches' in target && (target as Element).matches(selector);
}

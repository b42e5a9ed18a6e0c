// What was done, said in a corner for a while and to those who hear the page; acts can be undone from there.
import { inWords } from './api';

export interface Toast {
  id: number;
  text: string;
  detail: string;
  bad: boolean;
  /** Whom an act was about: the next one about them takes its place. "" nobody. */
  about: string;
  /** Until when it can be undone (performance clock, milliseconds), and how. */
  undo: { until: number; run: () => Promise<void> } | null;
}

const state = $state<{ toasts: Toast[] }>({ toasts: [] });
const timers = new Map<number, ReturnType<typeof setTimeout>>();
let next = 1;

/** Those to be seen now. */
export function toasts(): readonly Toast[] {
  return state.toasts;
}

/**
 * Say what was done. With `undo` it stays as long as that is possible (10 s unless `seconds` says otherwise).
 * What was said before of the same `about` goes: it could not be undone any more.
 */
export function say(text: string, undo: (() => Promise<void>) | null = null, seconds = undo === null ? 6 : 10, about = ''): number {
  const until = performance.now() + seconds * 1000;
  if (about !== '') state.toasts.filter((one) => one.about === about).forEach((one) => dismiss(one.id));
  return show({ id: 0, text, detail: '', bad: false, about, undo: undo === null ? null : { until, run: undo } }, seconds);
}

/** Say what went wrong. */
export function complain(error: unknown): number {
  const { text, detail, remedy } = inWords(error);
  return show({ id: 0, text, detail: [detail, remedy].filter(Boolean).join(' '), bad: true, about: '', undo: null }, 12);
}

/** Take one away. */
export function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  state.toasts = state.toasts.filter((one) => one.id !== id);
}

/** Undo what a toast is about, and take it away. Never raises: what goes wrong is said. */
export async function undo(toast: Toast): Promise<void> {
  dismiss(toast.id);
  try {
    await toast.undo?.run();
  } catch (error) {
    complain(error);
  }
}

/** The last one that can be undone. */
export function lastUndo(): Toast | undefined {
  return state.toasts.findLast((one) => one.undo !== null);
}

function show(toast: Toast, seconds: number): number {
  const id = next++;
  state.toasts = [...state.toasts.slice(-3), { ...toast, id }];
  timers.set(
    id,
    setTimeout(() => dismiss(id), seconds * 1000),
  );
  return id;
}

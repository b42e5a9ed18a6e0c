// What was done is said for a while, and can be undone from there.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { complain, dismiss, lastUndo, say, toasts, undo } from '../src/lib/toasts.svelte';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
});
const texts = (): string[] => toasts().map((one) => one.text);

it('stands for ten seconds where it can be undone, else for six', () => {
  say('done');
  say('can be undone', async () => undefined);
  vi.advanceTimersByTime(6100);
  expect(texts()).toEqual(['can be undone']);
  vi.advanceTimersByTime(4000);
  expect(texts()).toEqual([]);
  expect(lastUndo()).toBeUndefined();
});

it('undoes the last act, once', async () => {
  const undone: string[] = [];
  say('first', async () => void undone.push('first'));
  say('second', async () => void undone.push('second'));
  say('only said');
  const last = lastUndo();
  if (last !== undefined) await undo(last);
  expect(undone).toEqual(['second']);
  expect(texts()).toEqual(['first', 'only said']);
});

it('says what went wrong while undoing', async () => {
  say('act', () => Promise.reject(new Error('no')));
  const last = lastUndo();
  if (last !== undefined) await undo(last);
  expect(toasts().map((one) => one.bad)).toEqual([true]);
});

it('shows the last four, and none that was taken away', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'].map((text) => say(text));
  expect(texts()).toEqual(['b', 'c', 'd', 'e']);
  dismiss(ids[2] ?? 0);
  complain(new Error('x'));
  expect(toasts()).toHaveLength(4);
  expect(toasts().at(-1)?.bad).toBe(true);
});

it('lets the last act about somebody take the place of those before', () => {
  say('Bo: At lunch', async () => undefined, 10, 'bo');
  say('Anna: At lunch', async () => undefined, 10, 'anna');
  say('only said');
  say('Bo: Available', async () => undefined, 10, 'bo');
  expect(texts()).toEqual(['Anna: At lunch', 'only said', 'Bo: Available']);
  expect(lastUndo()?.text).toBe('Bo: Available');
});

import { expect, test } from 'vitest';
import { leave } from '../src/lib/leaving';
import { keep, recall, type Kept } from '../src/me/kept';

/** As far as a browser's storage is asked. */
class Place {
  readonly kept = new Map<string, string>();
  get length(): number {
    return this.kept.size;
  }
  key = (index: number): string | null => [...this.kept.keys()][index] ?? null;
  getItem = (key: string): string | null => this.kept.get(key) ?? null;
  setItem = (key: string, value: string): unknown => this.kept.set(key, value);
  removeItem = (key: string): unknown => this.kept.delete(key);
}

test('whoever signs out leaves nothing of theirs, and what the device looks like stays', () => {
  const place = new Place();
  const last = { at: 5, organisation: 'Acme', shown: { person: { id: 1 } }, stretches: [], reasons: [] };
  keep(place, last as unknown as Kept);
  expect(recall(place, 6)).not.toBeNull();
  place.setItem('backsoon.me.used', '{"sick":3}');
  place.setItem('backsoon.theme', 'dark');
  leave(place);
  expect(recall(place, 6)).toBeNull();
  expect([...place.kept]).toEqual([['backsoon.theme', 'dark']]);
});

test('a browser that keeps nothing is no fault', () => {
  const closed = {
    get length(): number {
      throw new Error('SecurityError');
    },
    key: () => null,
    removeItem: () => undefined,
  };
  expect(() => leave(closed)).not.toThrow();
});

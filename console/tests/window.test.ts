// Which rows are drawn, and where the keyboard takes the list.
import { describe, expect, it } from 'vitest';
import { revealing, windowOf } from '../src/console/window';

describe('windowOf', () => {
  it('draws what is in sight and some more', () => {
    expect(windowOf(0, 360, 36, 1000, 5)).toEqual({ first: 0, last: 15 });
    expect(windowOf(3600, 360, 36, 1000, 5)).toEqual({ first: 95, last: 115 });
    expect(windowOf(3610, 360, 36, 1000, 0)).toEqual({ first: 100, last: 111 });
  });

  it('ends with the list', () => {
    expect(windowOf(36 * 990, 360, 36, 1000, 5)).toEqual({ first: 985, last: 1000 });
    expect(windowOf(0, 360, 36, 3, 5)).toEqual({ first: 0, last: 3 });
    expect(windowOf(0, 360, 36, 0, 5)).toEqual({ first: 0, last: 0 });
  });

  it('draws something where the list has become shorter than what is scrolled to', () => {
    expect(windowOf(500_000, 360, 36, 20, 5)).toEqual({ first: 5, last: 20 });
    expect(windowOf(-50, 360, 36, 20, 0)).toEqual({ first: 0, last: 10 });
  });

  it.each([0, 17, 36, 12_345, 719_000])('never leaves a gap at %d', (top) => {
    const { first, last } = windowOf(top, 700, 36, 20_000, 0);
    expect(first * 36).toBeLessThanOrEqual(top);
    expect(last * 36).toBeGreaterThanOrEqual(Math.min(20_000 * 36, top + 700));
  });
});

describe('revealing', () => {
  it('scrolls no more than it must', () => {
    expect(revealing(5, 0, 360, 36)).toBe(0);
    expect(revealing(10, 0, 360, 36)).toBe(36);
    expect(revealing(2, 360, 360, 36)).toBe(72);
  });
});

// Which reason a key chooses in the dialog that refers somebody.
import { describe, expect, it } from 'vitest';
import { Choosing, type Choice } from '../src/console/choosing';

const REASONS: Choice[] = [
  { code: 'back_soon', words: 'Back soon', digit: '0' },
  { code: 'travel', words: 'Travelling on business', digit: '4' },
  { code: 'part_time', words: 'Off today (part-time)', digit: '5' },
  { code: 'leave', words: 'On leave', digit: '7' },
  { code: 'lunch', words: 'At lunch', digit: null },
  { code: 'dentist', words: 'Hos tandläkaren', digit: '41' },
  { code: 'abroad', words: 'Övrigt', digit: null },
];
/** What is chosen after each of some keys, pressed `apart` milliseconds after each other. */
function pressed(keys: string, apart = 100): string[] {
  const choosing = new Choosing();
  let chosen = 'back_soon';
  return [...keys].map((key, i) => (chosen = choosing.press(key, REASONS, chosen, i * apart) ?? chosen));
}

describe('digits', () => {
  it('choose what they are dialled for', () => {
    expect(pressed('7')).toEqual(['leave']);
    expect(pressed('9')).toEqual(['back_soon']);
  });
  it('are one number where they come together', () => {
    expect(pressed('41')).toEqual(['travel', 'dentist']);
    expect(pressed('741')).toEqual(['leave', 'travel', 'dentist']);
    expect(pressed('45')).toEqual(['travel', 'part_time']);
    expect(pressed('4l1')).toEqual(['travel', 'leave', 'leave']);
  });
  it('are several where they do not', () => {
    expect(pressed('41', 2000)).toEqual(['travel', 'travel']);
  });
});

describe('letters', () => {
  it('choose by any word, each time the next', () => {
    expect(pressed('lll')).toEqual(['leave', 'lunch', 'leave']);
    expect(pressed('P')).toEqual(['part_time']);
    expect(pressed('ö')).toEqual(['abroad']);
    expect(pressed('T')).toEqual(['travel']);
  });
  it('that begin nothing choose nothing, and no other key does', () => {
    expect(pressed('x(.- ')).toEqual(Array(5).fill('back_soon'));
    expect(new Choosing().press('ArrowDown', REASONS, 'leave', 0)).toBeNull();
    expect(new Choosing().press('Tab', REASONS, 'leave', 0)).toBeNull();
  });
});

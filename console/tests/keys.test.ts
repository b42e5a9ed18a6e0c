// What keys mean, wherever the focus is.
import { describe, expect, it } from 'vitest';
import { meant, type Key, type Place } from '../src/console/keys';

/** Something that has the focus: it matches the selectors that name its kind. */
function element(kind: string): HTMLElement {
  const matches = (selector: string): boolean => selector.split(',').some((one) => one.trim() === kind);
  return { matches } as unknown as HTMLElement;
}
const search = element('input');
const grid = element('div');
const body = element('body');
const place = (more: Partial<Place> = {}): Place => ({ query: '', search, grid, undoable: false, ...more });
const key = (name: string, more: Partial<Key> = {}): Key => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  target: body,
  ...more,
});

describe('a letter', () => {
  it.each(['a', 'Å', '7', '+', '字'])('%s goes to the search from anywhere', (name) => {
    expect(meant(key(name), place())).toEqual({ is: 'type' });
    expect(meant(key(name, { target: element('button') }), place())).toEqual({ is: 'type' });
    expect(meant(key(name, { target: grid }), place())).toEqual({ is: 'type' });
  });

  it('is left alone where something is written or chosen', () => {
    expect(meant(key('a', { target: search }), place())).toBeNull();
    expect(meant(key('a', { target: element('textarea') }), place())).toBeNull();
    expect(meant(key('a', { target: element('select') }), place())).toBeNull();
    expect(meant(key('a', { isComposing: true }), place())).toBeNull();
  });

  it('is left alone with Ctrl, Alt and the command key, and so is a space', () => {
    for (const held of ['ctrlKey', 'altKey', 'metaKey']) expect(meant(key('r', { [held]: true }), place())).toBeNull();
    expect(meant(key(' '), place())).toBeNull();
    expect(meant(key('Tab'), place())).toBeNull();
  });
});

it('a question mark asks for help, but is a letter within a search', () => {
  expect(meant(key('?'), place())).toEqual({ is: 'act', act: 'help' });
  expect(meant(key('?', { target: search }), place())).toEqual({ is: 'act', act: 'help' });
  expect(meant(key('?', { target: search }), place({ query: 'a' }))).toBeNull();
});

it.each([
  ['F1', 'help'],
  ['F2', 'refer'],
  ['F4', 'back'],
  ['F8', 'message'],
  ['F9', 'star'],
])('%s is %s, also while writing; not with Alt, which closes windows', (name, act) => {
  expect(meant(key(name, { target: search }), place())).toEqual({ is: 'act', act });
  expect(meant(key(name, { altKey: true }), place())).toBeNull();
});

it('moves in the list from the search, the list and nowhere, not from what has arrows of its own', () => {
  for (const target of [search, grid, body]) {
    expect(meant(key('ArrowDown', { target }), place())).toEqual({ is: 'move', by: 1, pages: false });
    expect(meant(key('PageUp', { target }), place())).toEqual({ is: 'move', by: -1, pages: true });
    expect(meant(key('Enter', { target }), place())).toEqual({ is: 'enter' });
  }
  expect(meant(key('ArrowDown', { target: element('select') }), place())).toBeNull();
  expect(meant(key('Enter', { target: element('button') }), place())).toBeNull();
});

it('goes to the ends of the list', () => {
  expect(meant(key('Home', { target: search }), place())).toBeNull();
  expect(meant(key('Home', { target: grid }), place())).toMatchObject({ is: 'move', by: -1_000_000_000 });
  expect(meant(key('End', { target: search, ctrlKey: true }), place())).toMatchObject({ is: 'move', by: 1_000_000_000 });
});

it('undoes an act where one was done last; else the browser undoes typing', () => {
  const press = key('z', { ctrlKey: true, target: search });
  expect(meant(press, place({ undoable: true }))).toEqual({ is: 'act', act: 'undo' });
  expect(meant(press, place())).toBeNull();
  expect(meant({ ...press, shiftKey: true }, place({ undoable: true }))).toBeNull();
});

it('leaves from anywhere', () => {
  expect(meant(key('Escape', { target: element('select') }), place())).toEqual({ is: 'escape' });
  expect(meant(key('F6', { target: search }), place())).toEqual({ is: 'swap' });
});

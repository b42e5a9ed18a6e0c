// Everybody in columns, what is searched, and which of them are listed.
import { describe, expect, it } from 'vitest';
import { People, type IndexRow } from '../src/console/people';
import { search, terms } from '../src/console/search';
import { EVERYBODY, View } from '../src/console/view';
import { folded, plain } from '../src/lib/text';

const ROWS: IndexRow[] = [
  [1, '2001', 'Anna Berg', 'Finance', 'Controller', ['SAP', 'invoices'], 'a'],
  [3, '2003', 'Berit Ek', 'Sales', 'Team lead', ['Norwegian'], 's'],
  [4, '2015', 'Jean-Luc Östberg', 'Support', '', ['printers'], 'h'],
  [5, '3001', 'Zoë Ibsen', 'Support', 'Annoying title', [], 'u'],
  [2, '2002', 'Åsa Öberg', 'Sales', '', [], 'r'],
];
const people = (): People => new People(ROWS);
const found = (query: string, all = people()): number[] => search(all, all.order, query).map((slot) => all.ids[slot] ?? 0);

describe('search', () => {
  it.each([
    ['anna', [1]],
    ['asa', [2]],
    ['ÅSA', [2]],
    ['oberg', [2]],
    ['berg', [1, 4, 2]], // beginnings of a name, then what is inside a word, each by name
    ['sales', [3, 2]],
    ['norw', [3]],
    ['sap fin', [1]],
    ['anna sales', []],
    ['ann', [1, 5]], // a name before a title
    ['luc', [4]],
    ['zoe', [5]],
    ['200', [1, 3, 2]],
    ['20 15', [4]],
    ['2015', [4]],
    ['015', [4]],
    ['  ', [1, 3, 4, 5, 2]],
    ['xyz', []],
  ])('%j finds %j', (query, ids) => {
    expect(found(query)).toEqual(ids);
  });

  it('puts whose name begins so before others, and an exact extension before all', () => {
    const all = new People([
      [1, '40', 'Gustav Ivarsson', '', '', [], 'a'],
      [2, '41', 'Ivar Kling', '', '', [], 'a'],
      [3, '4', 'Olof Palm', '', '', [], 'a'],
    ]);
    expect(found('ivar', all)).toEqual([2, 1]);
    expect(found('4', all)).toEqual([3, 1, 2]);
  });

  it('takes markup for letters', () => {
    expect(terms('<b>.* $')).toEqual(['<b>.*', '$']);
    expect(found('.*')).toEqual([]);
  });

  it('folds letters of many countries', () => {
    expect(folded('  Łódź  Ærø STRASSE Straße ﬁ ')).toBe('lodz aero strasse strasse fi');
  });
});

describe('People', () => {
  it('knows how each stands', () => {
    const all = people();
    expect(all.order.map((slot) => all.lamp(slot))).toEqual(['a', 's', 'h', 'u', 'r']);
    expect(all.order.map((slot) => all.isFree(slot))).toEqual([true, true, false, false, false]);
  });

  it('tells whether a lamp has changed', () => {
    const all = people();
    expect(all.light(1, 'r')).toBe(true);
    expect(all.light(1, 'r')).toBe(false);
    expect(all.light(99, 'r')).toBe(false);
    expect(all.light(1, 'x' as never)).toBe(false);
    expect(all.lamp(0)).toBe('r');
  });

  it('takes in many, each at their place among the names', () => {
    const all = people();
    for (let id = 100; id < 400; id += 1) all.add([id, String(id), `Bo ${id}`, 'New', '', [], 'a']);
    expect(all.size).toBe(305);
    const names = all.order.map((slot) => (all.names[slot] ?? '').toLowerCase());
    expect(names).toEqual([...names].sort());
    expect(all.everyDepartment()).toContain('New');
    expect(all.lamp(all.slotOf(399) ?? -1)).toBe('a');
  });

  it('has somebody once who has changed, under the new name only', () => {
    const all = people();
    all.add([1, '2001', 'Cecilia Berg', 'Finance', '', [], 'h']);
    expect(all.size).toBe(5);
    expect(found('anna', all)).toEqual([]);
    expect(found('cecilia', all)).toEqual([1]);
  });

  it('no longer finds who has gone, and lights them no more', () => {
    const all = people();
    all.remove(1);
    all.remove(77);
    expect(found('anna', all)).toEqual([]);
    expect(all.light(1, 'a')).toBe(false);
    expect(all.lamp(0)).toBeNull();
    all.add(ROWS[0] as IndexRow);
    expect(found('anna', all)).toEqual([1]);
  });
});

describe('View', () => {
  const ids = (view: View, all: People): number[] => view.slots.map((slot) => all.ids[slot] ?? 0);

  it('lists by department, favourites and whether a call can be put through', () => {
    const all = people();
    const none = new Set<number>();
    expect(ids(new View(all, EVERYBODY, none), all)).toEqual([1, 3, 4, 5, 2]);
    expect(ids(new View(all, { ...EVERYBODY, department: 'Support' }, none), all)).toEqual([4, 5]);
    expect(ids(new View(all, { ...EVERYBODY, favourites: true }, new Set([5, 2])), all)).toEqual([5, 2]);
    expect(ids(new View(all, { ...EVERYBODY, available: true }, none), all)).toEqual([1, 3]);
    expect(ids(new View(all, { query: 'e', department: 'Sales', favourites: true, available: true }, new Set([3])), all)).toEqual([3]);
  });

  it('stays as it is while states change, and counts whom it would list', () => {
    const all = people();
    const view = new View(all, { ...EVERYBODY, available: true }, new Set());
    all.light(1, 'r');
    all.light(2, 'a');
    all.light(4, 'i');
    expect(ids(view, all)).toEqual([1, 3]);
    expect([view.holds(0), view.holds(1)]).toEqual([false, true]);
    expect(view.missing()).toBe(2);
    expect(ids(new View(all, view.filter, new Set()), all)).toEqual([3, 4, 2]);
  });

  it('keeps who has gone in place, and counts who has come', () => {
    const all = people();
    const view = new View(all, EVERYBODY, new Set());
    all.remove(2);
    all.add([9, '1', 'Aaron', '', '', [], 'a']);
    expect(ids(view, all)).toEqual([1, 3, 4, 5, 2]);
    expect(view.holds(all.slotOf(2) ?? -1)).toBe(false);
    expect(view.missing()).toBe(1);
    expect(view.indexOf(all.slotOf(9) ?? -1)).toBe(-1);
    expect(view.indexOf(all.slotOf(2) ?? -1)).toBe(4);
  });
});

describe('plain', () => {
  it('takes out what turns directions, and controls', () => {
    expect(plain('a\u202eb\u2066c\u0000d\u200fe')).toBe('abcde');
    expect(plain('line\nline\ttab')).toBe('line\nline\ttab');
    expect(plain(null)).toBe('');
  });

  it('cuts what nobody would read', () => {
    expect(plain('x'.repeat(64_000), 10)).toBe('xxxxxxxxxx…');
  });
});

import { describe, expect, it } from 'vitest';
import {
  changed,
  faultOf,
  freeName,
  goodName,
  key,
  keys,
  parts,
  present,
  tableOf,
  wishes,
  type Changes,
  type SettingsFile,
} from '../src/admin/draft';
import { USUAL, valueOf, weekOf } from '../src/admin/hours';

const file: SettingsFile = {
  etag: 'x',
  path: '/etc/backsoon.toml',
  writable: true,
  why_not: null,
  remedy: null,
  at: { organisation: 'organisation', calendars: 'calendars', switchboards: 'switchboards', directories: 'directories' },
  fields: {
    'organisation.name': 'Acme',
    'organisation.warn_before_minutes': 60,
    'organisation.working_hours.mon-thu': ['08:00-17:00'],
    'organisation.working_hours.fri': ['08:00-15:00'],
    'calendars.main.kind': 'caldav',
    'calendars.main.url': 'https://a.example/',
  },
  secrets: { 'calendars.main.password': { reference: 'file:x', set: true } },
  fixed: {},
  unapplied: [],
  faults: [],
};

describe('changes', () => {
  const after = (...sets: [string, unknown][]): Changes =>
    sets.reduce<Changes>((changes, [field, value]) => changed(file, changes, field, value as never), {});

  it('are what differs from the file, and no more', () => {
    expect(after(['organisation.name', 'B'])).toEqual({ 'organisation.name': 'B' });
    expect(after(['organisation.name', 'B'], ['organisation.name', 'Acme'])).toEqual({});
    expect(after(['organisation.zone', ''])).toEqual({});
    expect(after(['organisation.name', ''])).toEqual({ 'organisation.name': null });
    expect(after(['organisation.warn_before_minutes', 60])).toEqual({});
    expect(after(['organisation.warn_before_minutes', '60'])).not.toEqual({});
  });

  it('of a secret always count', () => {
    expect(after(['calendars.main.password', 'new'])).toEqual({ 'calendars.main.password': 'new' });
    expect(after(['calendars.main.password', ''])).toEqual({ 'calendars.main.password': null });
  });

  it('take a whole part out, and what was changed in it', () => {
    expect(after(['calendars.main.url', 'x'], ['calendars.main', null])).toEqual({ 'calendars.main': null });
    expect(after(['calendars.new.url', 'x'], ['calendars.new', null])).toEqual({});
  });

  it('that take something out are said first', () => {
    const said = wishes({ 'calendars.main.kind': 'ics', 'calendars.main': null });
    expect(said.map((one) => one.field)).toEqual(['calendars.main', 'calendars.main.kind']);
  });

  it('are seen where the field is', () => {
    expect(present(file, {}, 'organisation.working_hours')).toEqual({ 'mon-thu': ['08:00-17:00'], fri: ['08:00-15:00'] });
    expect(present(file, { 'organisation.name': null }, 'organisation.name')).toBeUndefined();
    expect(present(file, { 'calendars.main': null }, 'calendars.main.url')).toBeUndefined();
    expect(present(file, { 'organisation.working_hours': { mon: ['1'] } }, 'organisation.working_hours.mon')).toEqual(['1']);
  });
});

describe('parts', () => {
  it('are those of the file, new ones, and none that is taken out', () => {
    expect(parts(file, {}, 'calendars')).toEqual(['main']);
    expect(parts(file, { 'calendars.new.kind': 'ics' }, 'calendars')).toEqual(['main', 'new']);
    expect(parts(file, { 'calendars.main': null }, 'calendars')).toEqual([]);
    expect(parts(file, {}, 'switchboards')).toEqual([]);
  });

  it('get a name that is free', () => {
    expect(freeName([])).toBe('main');
    expect(freeName(['main', 'main2'])).toBe('main3');
    expect(['a', 'a-b_9'].every(goodName)).toBe(true);
    expect(['', 'A', 'å', 'a.b', '-a', 'a'.repeat(40)].some(goodName)).toBe(false);
  });
});

it('names are taken apart as they are put together', () => {
  expect(key('å')).toBe('"å"');
  expect(keys('organisation.keywords."å"')).toEqual(['organisation', 'keywords', 'å']);
  expect(keys('a."b.c".d')).toEqual(['a', 'b.c', 'd']);
  expect(tableOf({ 'a.b."å"': 'x', 'a.c': 'y' }, 'a.b')).toEqual({ å: 'x' });
});

it('faults stand beside the field that they are of', () => {
  const faults = [
    { field: 'a.hours.mon', what: 'are no hours', remedy: 'write some' },
    { field: 'a.zone', what: 'is missing', remedy: '' },
  ];
  expect(faultOf(faults, 'a.hours')).toBe('are no hours; write some');
  expect(faultOf(faults, 'a.zone')).toBe('is missing');
  expect(faultOf(faults, 'a.zo')).toBe('');
});

describe('working hours', () => {
  it('are read and written as they were', () => {
    const value = { 'mon-thu': ['08:00-12:00', '13:00-17:00'], fri: ['08:00-15:00'] };
    expect(valueOf(weekOf(value))).toEqual(value);
    expect(weekOf(undefined)).toEqual(USUAL);
    expect(weekOf('around the clock')).toBeNull();
    expect(valueOf(null)).toBe('around the clock');
  });

  it('of days that are free are not written', () => {
    expect(valueOf({ ...USUAL, wed: '' })).toEqual({ 'mon-tue': ['08:00-17:00'], 'thu-fri': ['08:00-17:00'] });
    expect(weekOf({ nonsense: ['x'], 'fri-mon': ['x'] })).toEqual({ mon: '', tue: '', wed: '', thu: '', fri: '', sat: '', sun: '' });
  });
});

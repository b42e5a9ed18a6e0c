import { expect, it } from 'vitest';
import { faultsOf } from '../src/admin/desk.svelte';
import { codeOf, keywordField, keywordsOf, newCodes, type Reason } from '../src/admin/reasons';
import { KINDS } from '../src/admin/kinds';
import { Problem } from '../src/lib/api';
import en from '../src/words/en.json';

const known = [
  { keyword: 'm', reason: 'meeting' },
  { keyword: 'l', reason: 'lunch' },
];
const lunch: Reason = {
  code: 'lunch',
  words: 'At lunch',
  labels: {},
  outside: null,
  sensitive: false,
  priority: 50,
  lifetime: 'minutes',
  minutes: 60,
  digit: null,
};

it('keywords are those in force with what was changed', () => {
  const changes = { 'organisation.keywords."å"': 'lunch', 'organisation.keywords.m': false, 'organisation.name': 'x' };
  expect(keywordsOf(known, changes, 'organisation')).toEqual({ lunch: ['l', 'å'] });
  expect(keywordsOf(known, { 'organisation.keywords.l': null }, 'organisation')).toEqual({ meeting: ['m'] });
  expect(keywordField('organisations.acme', 'å')).toBe('organisations.acme.keywords."å"');
});

it('new reasons are those that nobody knows yet', () => {
  const changes = { 'organisation.reasons.dentist.labels.en': 'x', 'organisation.reasons.lunch.digit': '5', 'organisation.reasons.gone': false };
  expect(newCodes([lunch], changes, 'organisation')).toEqual(['dentist']);
});

it('a code is made of a name', () => {
  expect(codeOf('Hos tandläkaren')).toBe('hos_tandlakaren');
  expect(codeOf('  2 Days! ')).toBe('days');
  expect(codeOf('日本')).toBe('');
});

it('faults are taken from an answer, whatever it holds', () => {
  const problem = (faults: unknown): Problem => new Problem(409, '', '', '', 0, { faults });
  expect(faultsOf(problem([{ field: 'a', what: 'b' }]))).toEqual([{ field: 'a', what: 'b', remedy: '' }]);
  expect(faultsOf(problem('x'))).toEqual([]);
  expect(faultsOf(new Error('x'))).toEqual([]);
});

it('every field of every kind has a word', () => {
  const words = en.admin as Record<string, unknown>;
  const fields = Object.values(KINDS).flatMap((kinds) => Object.values(kinds).flatMap((list) => list.map((one) => one.key)));
  expect([...new Set(fields)].filter((field) => words[`field_${field}`] === undefined)).toEqual([]);
  const kinds = Object.values(KINDS).flatMap((some) => Object.keys(some));
  expect(kinds.filter((kind) => words[`option_${kind}`] === undefined)).toEqual([]);
});

// Every language says everything, with the same placeholders.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fill, languages, pick, type Catalogue } from '../src/lib/words.svelte';

const folder = join(import.meta.dirname, '../src/words');
const read = (code: string): Catalogue => JSON.parse(readFileSync(join(folder, `${code}.json`), 'utf8')) as Catalogue;
const english = read('en');

type Said = string | Record<string, string>;
function keys(catalogue: Catalogue): string[] {
  return Object.entries(catalogue).flatMap(([section, said]) => Object.keys(said).map((key) => `${section}.${key}`));
}
function said(catalogue: Catalogue, key: string): Said {
  const [section, name] = key.split('.') as [string, string];
  return catalogue[section]?.[name] ?? '';
}
function placeholders(text: Said): string[] {
  const all = typeof text === 'string' ? text : (text['other'] ?? '');
  return [...new Set(all.match(/\{\w+\}/g) ?? [])].sort();
}

it('finds each language by its file alone', () => {
  const files = readdirSync(folder).map((name) => name.replace('.json', ''));
  expect(languages).toEqual(files.sort());
  expect(languages).toContain('sv');
});

describe.each(languages.filter((code) => code !== 'en'))('%s', (code) => {
  const other = read(code);

  it('has the keys that English has', () => {
    expect(keys(other).sort()).toEqual(keys(english).sort());
  });

  it.each(keys(english))('says %s with the same placeholders', (key) => {
    expect(placeholders(said(other, key))).toEqual(placeholders(said(english, key)));
  });

  it('has a form for every plural that the language has', () => {
    const categories = new Intl.PluralRules(code).resolvedOptions().pluralCategories;
    for (const key of keys(english).filter((one) => typeof said(english, one) === 'object')) {
      expect(Object.keys(said(other, key)).sort(), key).toEqual([...categories].sort());
    }
  });

  it('leaves nothing empty', () => {
    const texts = keys(other).flatMap((key) => {
      const found = said(other, key);
      return typeof found === 'string' ? [found] : Object.values(found);
    });
    expect(texts.filter((text) => text.trim() === '')).toEqual([]);
  });
});

describe('filling in', () => {
  const catalogue: Catalogue = { a: { b: 'Hello {name}, {name}', n: { one: '{count} call', other: '{count} calls' } } };

  it('puts values where they belong, and leaves what is missing', () => {
    expect(fill(catalogue, 'en', 'a.b', { name: '<b>$&' })).toBe('Hello <b>$&, <b>$&');
    expect(fill(catalogue, 'en', 'a.b', {})).toBe('Hello {name}, {name}');
  });

  it('chooses the plural', () => {
    expect(fill(catalogue, 'en', 'a.n', { count: 1 })).toBe('1 call');
    expect(fill(catalogue, 'en', 'a.n', { count: 0 })).toBe('0 calls');
  });

  it('shows a key without words as itself', () => {
    expect(fill(catalogue, 'en', 'a.c', {})).toBe('a.c');
  });
});

it('picks the nearest language', () => {
  const there = ['en', 'pt-BR', 'sv'];
  expect(pick(['sv-FI', 'en'], there)).toBe('sv');
  expect(pick(['pt-br'], there)).toBe('pt-BR');
  expect(pick(['fi', 'de'], there)).toBe('en');
});

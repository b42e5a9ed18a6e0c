// What people read. One catalogue a language in src/words; a language is found by its file alone.
import type en from '../words/en.json';

type Sections = typeof en;
export type Key = { [S in keyof Sections & string]: `${S}.${keyof Sections[S] & string}` }[keyof Sections & string];
export type Catalogue = Record<string, Record<string, string | Record<string, string>>>;
export type Values = Record<string, string | number>;

const files = import.meta.glob<Catalogue>('../words/*.json', { import: 'default' });
const CHOSEN = 'backsoon.language';
const FALLBACK = 'en';

/** The languages there are, by their codes (BCP 47). */
export const languages: readonly string[] = Object.keys(files)
  .map((path) => path.replace(/^.*\/(.+)\.json$/, '$1'))
  .sort();

let accounts: string | null = null;
const words = $state<{ language: string; catalogue: Catalogue }>({ language: FALLBACK, catalogue: {} });

/** The first of the wanted languages that there is; "sv-FI" is content with "sv". */
export function pick(wanted: readonly string[], there: readonly string[]): string {
  for (const each of wanted) {
    const code = each.toLowerCase();
    const found = there.find((one) => one.toLowerCase() === code) ?? there.find((one) => one === code.split('-')[0]);
    if (found !== undefined) return found;
  }
  return FALLBACK;
}

/** Load the words: in the language chosen on this browser, else the browser's own, else `proposed` (the account's). */
export async function loadWords(proposed: string | null = null): Promise<void> {
  const chosen = read(CHOSEN);
  accounts = proposed ?? accounts;
  const wanted = [...(chosen ? [chosen] : []), ...navigator.languages, ...(accounts ? [accounts] : [])];
  await use(pick(wanted, languages));
}

/** Change the language, and remember it on this browser. */
export async function chooseLanguage(code: string): Promise<void> {
  await use(pick([code], languages));
  try {
    localStorage.setItem(CHOSEN, words.language);
  } catch {
    // a browser that keeps nothing asks again next time
  }
}

async function use(code: string): Promise<void> {
  const load = files[`../words/${code}.json`];
  if (load === undefined) return;
  words.catalogue = await load();
  words.language = code;
  document.documentElement.lang = code;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** The language in use. */
export function language(): string {
  return words.language;
}

/** For Intl: English with the 24-hour clock and the day before the month. */
export function locale(): string {
  return words.language === 'en' ? 'en-GB' : words.language;
}

/** What a language calls itself. */
export function nameOfLanguage(code: string): string {
  const name = new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code;
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}

/** The words for a key, with `{placeholders}` filled in; `count` chooses among plural forms. */
export function t(key: Key, values: Values = {}): string {
  return fill(words.catalogue, words.language, key, values);
}

/** As `t`, of a catalogue. A key without words is shown as itself. */
export function fill(catalogue: Catalogue, code: string, key: string, values: Values): string {
  const dot = key.indexOf('.');
  const found = catalogue[key.slice(0, dot)]?.[key.slice(dot + 1)];
  const text = typeof found === 'object' ? plural(found, code, Number(values['count'] ?? 0)) : found;
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

function plural(forms: Record<string, string>, code: string, count: number): string | undefined {
  return forms[new Intl.PluralRules(code).select(count)] ?? forms['other'];
}

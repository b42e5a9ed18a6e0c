// Keywords and reasons as they would be: what is in force, with what was changed. Pure.
import { key, keys, type Changes } from './draft';

export interface Reason {
  code: string;
  words: string;
  labels: Record<string, string>;
  outside: Record<string, string> | null;
  sensitive: boolean | null;
  priority: number | null;
  lifetime: string | null;
  minutes: number | null;
  digit: string | null;
}

/** The keywords by reason. `known` are those in force. */
export function keywordsOf(known: readonly { keyword: string; reason: string }[], changes: Changes, own: string): Record<string, string[]> {
  const all = new Map(known.map((one) => [one.keyword, one.reason]));
  const start = `${own}.keywords.`;
  for (const [field, value] of Object.entries(changes)) {
    const word = field.startsWith(start) ? keys(field.slice(start.length))[0] : undefined;
    if (word === undefined) continue;
    if (typeof value === 'string') all.set(word.toLowerCase(), value);
    else all.delete(word.toLowerCase());
  }
  const found: Record<string, string[]> = {};
  for (const [word, reason] of [...all].sort()) (found[reason] ??= []).push(word);
  return found;
}

/** The codes of reasons that are new among the changes. */
export function newCodes(known: readonly Reason[], changes: Changes, own: string): string[] {
  const start = `${own}.reasons.`;
  const named = Object.entries(changes).flatMap(([field, value]) => (field.startsWith(start) && value !== null && value !== false ? [keys(field.slice(start.length))[0] ?? ''] : []));
  return [...new Set(named)].filter((code) => code !== '' && !known.some((one) => one.code === code));
}

/** A code for a reason that has only a name: "Hos tandläkaren" is `hos_tandlakaren`. */
export function codeOf(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, '_').replace(/^[^a-z]+|_+$/g, '').slice(0, 32);
}

/** The field of a keyword. */
export function keywordField(own: string, word: string): string {
  return `${own}.keywords.${key(word)}`;
}

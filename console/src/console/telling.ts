// What a row says of somebody now.
import type { LampCode } from '../lib/Lamp.svelte';
import { t } from '../lib/words.svelte';
import type { Row } from './rows';

const NAMES = {
  a: 'lamp.available',
  i: 'lamp.available',
  s: 'lamp.available',
  r: 'lamp.referred',
  h: 'lamp.by_hand',
  u: 'lamp.unconfirmed',
} as const;

/** The words for the present state, and what stands more quietly beside them. */
export function now(row: Row | undefined, lamp: LampCode): { words: string; more: string } {
  if (row === undefined) return { words: t(NAMES[lamp]), more: '' };
  const beside = [row.note, ...row.informing.map((one) => one.note)]; // what informs is in the words
  if (!row.referred && row.unconfirmed !== '') return { words: capital(row.unconfirmed), more: joined(beside) };
  return { words: row.words, more: joined(row.referred ? [...beside, row.unconfirmed] : beside) };
}

/** What is wrong with their calendar, where nothing more pressing is to be said. */
export function notNow(row: Row): string {
  return row.problem !== '' && row.unconfirmed === '' ? t('console.calendar_problem') : '';
}

function joined(texts: readonly string[]): string {
  return texts.filter(Boolean).join(' · ');
}

/** The server's words begin in lower case, for they may stand in the middle of a line. */
export function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

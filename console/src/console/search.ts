// Who is meant by what is typed: each word must begin a word of theirs, or at least be somewhere in one.
import { folded } from '../lib/text';
import type { People } from './people';

/** How well somebody fits, the best first. */
const BEGINS = 0; // their name begins so
const NAMED = 1; // each begins a word of their name
const OTHERWISE = 2; // each begins a word of anything of theirs
const WITHIN = 3; // each is somewhere
const NOT = 4;

/** What is looked for. A number may be typed with spaces in it. */
export function terms(query: string): string[] {
  const text = folded(query);
  if (text === '') return [];
  return /^[\d\s+().-]+$/.test(text) ? [text.replace(/[^\d+]/g, '')].filter(Boolean) : text.split(' ');
}

function fit(text: string, nameEnd: number, wanted: readonly string[], starts: readonly string[]): number {
  let worst = NAMED;
  for (let i = 0; i < wanted.length; i += 1) {
    const at = text.indexOf(starts[i] as string);
    const found = at >= 0 ? (at < nameEnd ? NAMED : OTHERWISE) : text.includes(wanted[i] as string) ? WITHIN : NOT;
    if (found === NOT) return NOT;
    if (found > worst) worst = found;
  }
  return worst === NAMED && text.startsWith(starts.join('')) ? BEGINS : worst;
}

/** The slots of those among `slots` who fit, the best first, each kind in the order that they came in. */
export function search(people: People, slots: readonly number[], query: string): number[] {
  const wanted = terms(query);
  if (wanted.length === 0) return [...slots];
  const starts = wanted.map((term) => ` ${term}`);
  const found: [number[], number[], number[], number[]] = [[], [], [], []];
  const { texts, nameEnds } = people;
  for (const slot of slots) {
    const how = fit(texts[slot] as string, nameEnds[slot] as number, wanted, starts);
    if (how !== NOT) found[how as 0 | 1 | 2 | 3].push(slot);
  }
  return exactFirst(people, found.flat(), wanted);
}

/** Whose extension is exactly what was typed comes first. */
function exactFirst(people: People, slots: number[], wanted: readonly string[]): number[] {
  if (wanted.length !== 1) return slots;
  const exact = slots.filter((slot) => people.extensions[slot] === wanted[0]);
  return exact.length === 0 ? slots : exact.concat(slots.filter((slot) => !exact.includes(slot)));
}

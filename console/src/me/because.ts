// Why an entry does what it does, in the reader's language. The API says it in a few English phrases.
import { t, type Key } from '../lib/words.svelte';

const KNOWN: readonly [RegExp, Key][] = [
  [/^keyword `(?<keyword>[^`]+)`$/, 'me.because_keyword'],
  [/^no keyword$/, 'me.because_none'],
  [/^keyword `(?<keyword>[^`]+)` is not first$/, 'me.because_not_first'],
  [/^keyword `(?<keyword>[^`]+)` has no mark/, 'me.because_no_mark'],
  [/^shown as (busy|out of office)$/, 'me.because_shown_busy'],
  [/^shown as free$/, 'me.because_free'],
  [/^shown as working elsewhere$|^a working location$/, 'me.because_elsewhere'],
  [/^(an )?automatic reply$/, 'me.because_reply'],
  [/^cancelled$/, 'me.because_cancelled'],
  [/^declined$/, 'me.because_declined'],
  [/^has no length$/, 'me.because_no_length'],
  [/^ends before it starts$/, 'me.because_reversed'],
  [/^tentative or not answered yet$/, 'me.because_tentative'],
];

/** The reason; null where it is none that is known: then what the API said is shown as it is. */
export function because(said: string): string | null {
  for (const [pattern, key] of KNOWN) {
    const found = pattern.exec(said);
    if (found !== null) return t(key, { ...found.groups });
  }
  return null;
}

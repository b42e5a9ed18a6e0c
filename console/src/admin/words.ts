// Words whose key is put together: of fields, codes, states. What has no word is shown as itself.
import { t, type Key, type Values } from '../lib/words.svelte';

/** The word of a field, a code, a state; `usual` where there is none. */
export function word(kind: string, name: string, usual: string = name, values: Values = {}): string {
  const whole = `admin.${kind}_${name.replace(/[^a-z0-9]+/gi, '_')}`;
  const found = t(whole as Key, values);
  return found === whole ? usual : found;
}

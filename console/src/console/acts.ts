// What an attendant does about somebody; each act is said in the corner and can be undone from there for ten seconds.
import { Problem, type Api } from '../lib/api';
import { plain } from '../lib/text';
import { complain, say } from '../lib/toasts.svelte';
import { t } from '../lib/words.svelte';
import type { AvailabilityJson } from './rows';

export interface Referral {
  reason: string;
  note: string;
  divert_to: string;
  until?: string;
  seconds?: number;
}

interface Done {
  availability: AvailabilityJson;
  undo: { id: string; until: string } | null;
}

interface Message {
  id: number;
}

/** Whom an act is about. */
export interface Subject {
  id: number;
  name: string;
}

const override = (person: Subject): string => `/people/id:${person.id}/override`;

/** Refer somebody. Raises `Problem`. */
export async function refer(api: Api, person: Subject, referral: Referral, language: string): Promise<void> {
  const path = `${override(person)}?language=${encodeURIComponent(language)}`;
  const done = await api.put<Done>(path, { ...referral, through: 'console' });
  say(t('console.did_refer', { name: person.name, words: plain(done.availability.words) }), undoing(api, person, done), undefined, standing(person));
}

/** Make somebody available. What goes wrong is said. */
export async function back(api: Api, person: Subject): Promise<void> {
  try {
    const done = await api.delete<Done>(`${override(person)}?through=console`);
    say(t('console.did_back', { name: person.name }), undoing(api, person, done), undefined, standing(person));
  } catch (error) {
    complain(error);
  }
}

/** Leave somebody a message. Raises `Problem`. */
export async function leave(api: Api, person: Subject, text: string, caller: string): Promise<void> {
  const path = `/people/id:${person.id}/messages`;
  const message = await api.post<Message>(path, { text, caller });
  say(t('console.did_leave', { name: person.name }), async () => {
    await api.delete(`${path}/${message.id}`);
    say(t('console.did_undo', { name: person.name }));
  });
}

/** How somebody stands, as what an act is about; a message to them is another matter. */
const standing = (person: Subject): string => `standing of ${person.id}`;

function undoing(api: Api, person: Subject, { undo }: Done): (() => Promise<void>) | null {
  if (undo === null) return null;
  return async () => {
    try {
      await api.post(`${override(person)}/undo`, { id: undo.id, through: 'console' });
      say(t('console.did_undo', { name: person.name }), null, undefined, standing(person));
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 409) throw error;
      say(t('console.undo_late', { name: person.name }));
    }
  };
}

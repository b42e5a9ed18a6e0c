// Who is signed in.
import { Api, Problem, type Role } from './api';
import { leave } from './leaving';
import { loadWords } from './words.svelte';

export interface Session {
  name: string;
  user: string;
  organisation: string;
  roles: Role[];
  person: { id: number; extension: string; name: string } | null;
  language: string | null;
  zone: string;
  ends_at: string;
  local: boolean;
}

export interface WaysIn {
  local: boolean;
  issuers: { name: string; label: string }[];
  organisation: string;
}

type Standing = { is: 'loading' } | { is: 'out'; ended: boolean } | { is: 'in'; session: Session } | { is: 'failed'; error: unknown };

const state = $state<{ now: Standing }>({ now: { is: 'loading' } });
const nobody = new Api(null);

/** How the sign-in stands. */
export function standing(): Standing {
  return state.now;
}

/** Ask who is signed in. Never raises: see `standing`. */
export async function loadSession(): Promise<void> {
  try {
    await signedIn(await nobody.get<Session>('/session'));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) state.now = { is: 'out', ended: false };
    else state.now = { is: 'failed', error };
  }
}

async function signedIn(session: Session): Promise<void> {
  await loadWords(session.language);
  state.now = { is: 'in', session };
}

/** Sign in with a local account. Raises `Problem`: 401 wrong, 429 too many tries. */
export async function signIn(user: string, password: string): Promise<void> {
  await signedIn(await nobody.post<Session>('/session', { user, password }));
}

/** Change one's own password; everywhere else one is signed out then. Raises `Problem`: 403 where `old` is another one. */
export async function changePassword(old: string, fresh: string): Promise<void> {
  try {
    await nobody.put('/session/password', { old, new: fresh });
  } catch (error) {
    if (error instanceof Problem && error.status === 401) ended();
    throw error;
  }
}

/** Sign out, here and at the server. Raises `Problem`. */
export async function signOut(): Promise<void> {
  await nobody.delete('/session');
  leave(localStorage);
  state.now = { is: 'out', ended: false };
}

/** The server says that nobody is signed in any more. */
export function ended(): void {
  if (state.now.is === 'in') state.now = { is: 'out', ended: true };
}

/** Whether whoever is signed in still has a role; where not, the page hears of it. Never raises. */
async function lookAgain(role: Role): Promise<void> {
  if (state.now.is !== 'in' || !state.now.session.roles.includes(role)) return;
  try {
    const session = await nobody.get<Session>('/session');
    if (!session.roles.includes(role)) state.now = { is: 'in', session };
  } catch (error) {
    if (error instanceof Problem && error.status === 401) ended();
  }
}

/** How one can sign in here. Raises `Problem`. */
export function waysIn(): Promise<WaysIn> {
  return nobody.get<WaysIn>('/sign-in');
}

/** Asks as a role of whoever is signed in. */
export function apiAs(role: Role): Api {
  return new Api(role, ended, undefined, () => void lookAgain(role));
}

// Asking the API: JSON, the one role that this page asks as, and errors that can be shown.
import { t } from './words.svelte';

export type Role = 'attendant' | 'person' | 'administrator';
export type Json = Record<string, unknown>;

/** An answer that is an error (RFC 9457), or no answer at all (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly remedy: string = '',
    readonly retryAfter: number = 0,
    readonly body: Json = {},
  ) {
    super(detail || title);
    this.name = 'Problem';
  }
}

export interface Asking {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/**
 * Asks as one role. `signedOut` is called when an answer says that the sign-in has ended, `forbidden` when one says that
 * this may not be: the role may have been taken away.
 */
export class Api {
  constructor(
    readonly role: Role | null,
    private readonly signedOut: () => void = () => undefined,
    private readonly fetching: typeof fetch = (input, init) => fetch(input, init),
    private readonly forbidden: () => void = () => undefined,
  ) {}

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.ask<T>(path, signal === undefined ? {} : { signal });
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.ask<T>(path, { method: 'POST', body });
  }

  put<T>(path: string, body: unknown = {}): Promise<T> {
    return this.ask<T>(path, { method: 'PUT', body });
  }

  patch<T>(path: string, body: unknown = {}): Promise<T> {
    return this.ask<T>(path, { method: 'PATCH', body });
  }

  delete<T>(path: string): Promise<T> {
    return this.ask<T>(path, { method: 'DELETE' });
  }

  /** The JSON of an answer (null where there is none). Raises `Problem`. */
  async ask<T>(path: string, asking: Asking = {}): Promise<T> {
    const answer = await this.fetch(path, asking);
    const text = await answer.text();
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  /** An answer that is no error, its body unread. Raises `Problem`. */
  async fetch(path: string, { method = 'GET', body, signal, headers = {} }: Asking = {}): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: { Accept: 'application/json', ...this.said(body), ...headers },
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
    };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal !== undefined) init.signal = signal;
    const answer = await this.fetching(`/api/v1${path}`, init).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new Problem(0, 'offline', '');
    });
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.status === 401 && this.role !== null) this.signedOut();
    if (problem.status === 403 && this.role !== null) this.forbidden();
    throw problem;
  }

  /** Whether the server answers at all. Raises `Problem`. */
  async alive(signal: AbortSignal): Promise<void> {
    const answer = await this.fetching('/healthz', { cache: 'no-store', credentials: 'omit', signal });
    if (!answer.ok) throw new Problem(answer.status, '', '');
  }

  private said(body: unknown): Record<string, string> {
    return {
      ...(this.role === null ? {} : { 'Backsoon-Role': this.role }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    };
  }
}

/** What an answer that is an error says. */
export async function problemOf(answer: Response): Promise<Problem> {
  const body: Json = await answer.json().then(
    (found: unknown) => (typeof found === 'object' && found !== null ? (found as Json) : {}),
    () => ({}),
  );
  const text = (name: string): string => (typeof body[name] === 'string' ? body[name] : '');
  const wait = Number(answer.headers.get('Retry-After') ?? 0);
  return new Problem(answer.status, text('title'), text('detail'), text('remedy'), wait || 0, body);
}

/** An error in words: what it means in the reader's language, and what the API said about it (English). */
export function inWords(error: unknown): { text: string; detail: string; remedy: string } {
  if (!(error instanceof Problem)) return { text: t('problem.other'), detail: String(error), remedy: '' };
  if (error.status === 0) return { text: t('problem.offline'), detail: '', remedy: t('problem.offline_remedy') };
  return { text: ofStatus(error), detail: error.detail, remedy: error.remedy };
}

function ofStatus(error: Problem): string {
  switch (error.status) {
    case 401:
      return t('problem.signed_out');
    case 403:
      return t('problem.forbidden');
    case 404:
      return t('problem.not_found');
    case 409:
      return t('problem.conflict');
    case 422:
      return t('problem.invalid');
    case 429:
      return t('problem.too_many', { count: error.retryAfter });
    case 502:
    case 503:
    case 504:
      return t('problem.unavailable');
    default:
      return t('problem.other');
  }
}

// Server-sent events (WHATWG HTML section 9.2) by `fetch`, because a browser's EventSource sends no header of ours.
import { Problem } from './api';

export interface SseEvent {
  id: string;
  event: string;
  data: string;
}

/** Takes a stream apart, however it is cut into pieces. */
export class Parser {
  /** The id heard last, also of comments-only blocks ("" none yet). */
  lastId = '';
  /** Milliseconds that the server wants between tries. */
  retry: number | null = null;
  private rest = '';
  private first = true;
  private event = '';
  private data: string[] = [];
  private id = '';

  /** The events that a piece completes. */
  feed(piece: string): SseEvent[] {
    let text = this.rest + piece;
    if (this.first && text !== '') {
      this.first = false;
      if (text.startsWith('\ufeff')) text = text.slice(1);
    }
    const found: SseEvent[] = [];
    let at = 0;
    for (;;) {
      const end = endOfLine(text, at);
      if (end === null) break;
      const done = this.line(text.slice(at, end.from));
      if (done !== null) found.push(done);
      at = end.to;
    }
    this.rest = text.slice(at);
    return found;
  }

  private line(line: string): SseEvent | null {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.data.push(value);
    else if (name === 'event') this.event = value;
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return null;
  }

  private dispatch(): SseEvent | null {
    this.lastId = this.id;
    const { event, data } = this;
    this.event = '';
    this.data = [];
    return data.length === 0 ? null : { id: this.id, event: event || 'message', data: data.join('\n') };
  }
}

function endOfLine(text: string, at: number): { from: number; to: number } | null {
  for (let i = at; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 10) return { from: i, to: i + 1 };
    if (code === 13) {
      if (i + 1 === text.length) return null; // the line feed may be in the next piece
      return { from: i, to: text.charCodeAt(i + 1) === 10 ? i + 2 : i + 1 };
    }
  }
  return null;
}

export type Connection = 'connecting' | 'open' | 'lost';

export interface Following {
  /** Opens the stream, e.g. `(headers, signal) => api.fetch('/events', {headers, signal})`. Raises `Problem`. */
  open(headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** Everything that one piece of the stream brought. */
  events(events: SseEvent[]): void;
  /** How the connection does. */
  state(state: Connection): void;
  /** The id after which to begin. */
  after?: string;
  /** Called with each sign of life, also where there is nothing to tell. */
  alive?: () => void;
  /** Asks for any sign of life, e.g. `(signal) => api.alive(signal)`: where it rejects the connection counts as lost. */
  probe?: (signal: AbortSignal) => Promise<unknown>;
  /** After how many seconds without a byte that is asked. */
  quiet?: number;
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  random?: () => number;
}

const LONGEST = 15_000;
const PATIENCE = 4000;

/** How long to wait before try number `tries` (from 1), in milliseconds: twice as long each time, spread. */
export function backOff(tries: number, retry: number, random: number): number {
  return Math.min(LONGEST, retry * 2 ** (tries - 1)) * (0.5 + random / 2);
}

/** Listen until `signal` says so; come again by itself with the id heard last. Ends only then, or when signed out. */
export async function follow(following: Following, signal: AbortSignal): Promise<void> {
  const { wait = pause, random = Math.random } = following;
  let lastId = following.after ?? '';
  let retry = 1000;
  let tries = 0;
  while (!signal.aborted) {
    following.state('connecting');
    const parser = new Parser();
    try {
      await listen(following, parser, lastId, signal, () => {
        tries = 0;
      });
    } catch (error) {
      if (error instanceof Problem && (error.status === 401 || error.status === 403)) return;
    }
    if (signal.aborted) return;
    lastId = parser.lastId || lastId;
    retry = parser.retry ?? retry;
    tries += 1;
    following.state('lost');
    await wait(backOff(tries, retry, random()), signal);
  }
}

async function listen(
  following: Following,
  parser: Parser,
  lastId: string,
  signal: AbortSignal,
  opened: () => void,
): Promise<void> {
  const cut = new AbortController();
  const both = AbortSignal.any([signal, cut.signal]);
  const { probe = () => Promise.reject(new Error('quiet')), quiet = following.probe === undefined ? 25 : 6 } = following;
  const watch = watchdog(quiet * 1000, () => probe(AbortSignal.any([both, AbortSignal.timeout(PATIENCE)])).then(following.alive), () => cut.abort());
  const gone = (): void => cut.abort();
  globalThis.addEventListener?.('offline', gone);
  try {
    const headers = { Accept: 'text/event-stream', ...(lastId === '' ? {} : { 'Last-Event-ID': lastId }) };
    const answer = await following.open(headers, both);
    const decoder = new TextDecoder();
    const reader = answer.body?.getReader();
    if (reader === undefined) return;
    following.state('open');
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      opened();
      watch.fed();
      following.alive?.();
      const found = parser.feed(decoder.decode(value, { stream: true }));
      if (found.length > 0) following.events(found);
    }
  } finally {
    globalThis.removeEventListener?.('offline', gone);
    watch.stop();
    cut.abort();
  }
}

/** Asks after each `milliseconds` without being fed; barks where that fails. */
function watchdog(milliseconds: number, ask: () => Promise<unknown>, bark: () => void): { fed(): void; stop(): void } {
  const asking = (): void => {
    ask().then(fed, bark);
  };
  let stopped = false;
  let timer = setTimeout(asking, milliseconds);
  function fed(): void {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(asking, milliseconds);
  }
  return {
    fed,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Wait, but no longer than until `signal`, or until the browser says that the network is there again. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      globalThis.removeEventListener?.('online', over);
      done();
    };
    const timer = setTimeout(over, milliseconds);
    signal.addEventListener('abort', over);
    globalThis.addEventListener?.('online', over);
  });
}

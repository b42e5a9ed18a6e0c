// Everybody's lamps and the rows in sight, kept as they are at the server: read once, then by events.
import { Problem, type Api } from '../lib/api';
import type { LampCode } from '../lib/Lamp.svelte';
import { backOff, follow, type Connection, type SseEvent } from '../lib/sse';
import { People, type IndexRow } from './people';
import { isLater, rowOf, type Row, type StateJson } from './rows';

/** The most that the server takes into sight. */
const MOST = 500;
const SETTLE = 60;

export type Standing = 'loading' | 'live' | 'catching-up' | 'lost';

/** What whoever shows it is told. */
export interface Told {
  /** How somebody stands, or several. Comes often. */
  changed(ids: ReadonlySet<number>): void;
  /** Everybody has been read: `people` is another one. */
  listed(): void;
  standing(standing: Standing): void;
}

interface PersonNews {
  what: 'added' | 'changed' | 'removed';
  person: { id: number };
  row: StateJson | null;
}

export class Live {
  people = new People();
  /** How those in sight stand; of others it is not kept, for it would grow old. */
  readonly rows = new Map<number, Row>();
  /** When the server was last heard of, by this computer's clock. */
  heardAt = Date.now();
  private readonly heard = new Map<number, string>();
  private sight: readonly number[] = [];
  private wanted: readonly number[] | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private waiting: SseEvent[] | null = null;
  private connection: Connection = 'connecting';
  private current = false;
  /** Nothing is asked any more: the sign-in has ended, or whoever shows it has gone. */
  private over = false;

  constructor(
    private readonly api: Api,
    private readonly language: string,
    private readonly told: Told,
    private readonly name: string = crypto.randomUUID(),
  ) {}

  /** Read and listen until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.end());
    this.told.standing('loading');
    const after = await this.readEverybody(signal);
    if (after === null) return;
    const query = `sight=${this.name}&language=${encodeURIComponent(this.language)}`;
    await follow(
      {
        after,
        open: (headers, either) => this.api.fetch(`/events?${query}&after=${after}`, { headers, signal: either }),
        alive: () => (this.heardAt = Date.now()),
        probe: (either) => this.api.alive(either),
        events: (events) => this.take(events, signal),
        state: (state) => this.connected(state),
      },
      signal,
    );
  }

  /** These are in sight from now on. */
  see(ids: readonly number[]): void {
    const next = ids.slice(0, MOST);
    const last = this.wanted ?? this.sight;
    if (next.length === last.length && next.every((id, i) => id === last[i])) return;
    this.wanted = next;
    this.askSoon(this.sight.length === 0 ? 0 : SETTLE);
  }

  // -- sight ----------------------------------------------------------------------------------------------------------

  private askSoon(milliseconds: number): void {
    if (!this.over) this.timer ??= setTimeout(() => void this.askSight(), milliseconds);
  }

  private end(): void {
    this.over = true;
    clearTimeout(this.timer);
  }

  private async askSight(): Promise<void> {
    this.timer = undefined;
    if (this.asking) return;
    const ids = this.wanted ?? this.sight;
    this.wanted = null;
    this.asking = true;
    try {
      const people = { people: ids };
      const path = `/events/sight/${this.name}?language=${encodeURIComponent(this.language)}`;
      this.seen(ids, await this.api.put<{ listen_after: string; rows: StateJson[] }>(path, people));
    } catch (error) {
      this.refused(error, ids);
    } finally {
      this.asking = false;
      if (this.wanted !== null) this.askSoon(0);
    }
  }

  private seen(ids: readonly number[], answer: { listen_after: string; rows: StateJson[] }): void {
    this.sight = ids;
    const wanted = new Set(ids);
    for (const id of this.rows.keys()) if (!wanted.has(id)) this.forget(id);
    for (const state of answer.rows) {
      const heard = this.heard.get(state.person.id);
      if (heard === undefined || !isLater(heard, answer.listen_after)) this.stands(state, answer.listen_after);
    }
    if (this.wanted === null) this.current = true;
    this.tellStanding();
    this.told.changed(wanted);
  }

  private forget(id: number): void {
    this.rows.delete(id);
    this.heard.delete(id);
  }

  private refused(error: unknown, ids: readonly number[]): void {
    this.wanted ??= ids;
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) this.end();
    else this.askSoon(1000);
  }

  // -- events ---------------------------------------------------------------------------------------------------------

  private connected(state: Connection): void {
    const opened = state === 'open' && this.connection !== 'open';
    this.connection = state;
    if (state !== 'open') this.current = false;
    this.tellStanding();
    if (opened && this.sight.length > 0) {
      this.wanted ??= this.sight;
      this.askSoon(0);
    } else if (opened && this.wanted === null) {
      this.current = true; // nobody is in sight
      this.tellStanding();
    }
  }

  private tellStanding(): void {
    const lost = this.connection === 'lost' || (this.connection === 'connecting' && !this.current);
    if (this.connection === 'open') this.told.standing(this.current ? 'live' : 'catching-up');
    else if (lost) this.told.standing('lost');
  }

  private take(events: SseEvent[], signal: AbortSignal): void {
    if (this.waiting !== null) {
      this.waiting.push(...events);
      return;
    }
    const changed = new Set<number>();
    for (const [i, event] of events.entries()) {
      if (event.event === 'restart') {
        this.waiting = events.slice(i + 1);
        void this.again(signal);
        break;
      }
      this.hear(event, changed);
    }
    if (changed.size > 0) this.told.changed(changed);
  }

  private hear(event: SseEvent, changed: Set<number>): void {
    if (event.event === 'lamps') {
      const { lamps } = JSON.parse(event.data) as { lamps: Record<string, LampCode> };
      for (const [id, lamp] of Object.entries(lamps)) if (this.people.light(Number(id), lamp)) changed.add(Number(id));
    } else if (event.event === 'availability') {
      const state = JSON.parse(event.data) as StateJson;
      this.stands(state, event.id);
      changed.add(state.person.id);
    } else if (event.event === 'person') {
      this.known(JSON.parse(event.data) as PersonNews, event.id);
      changed.add((JSON.parse(event.data) as PersonNews).person.id);
    }
  }

  private stands(state: StateJson, id: string): void {
    const { id: person } = state.person;
    const row = rowOf(state, this.rows.get(person));
    this.rows.set(person, row);
    this.heard.set(person, id);
    this.people.light(person, row.lamp);
  }

  private known(news: PersonNews, id: string): void {
    if (news.row === null) {
      this.people.remove(news.person.id);
      this.forget(news.person.id);
      return;
    }
    const { person } = news.row;
    const { lamp } = rowOf(news.row);
    const words = person.competences ?? [];
    this.people.add([person.id, person.extension, person.name, person.department ?? '', person.title ?? '', words, lamp]);
    this.stands(news.row, id);
  }

  /** Something was missed: everybody is read again, and what is heard meanwhile counts after that. */
  private async again(signal: AbortSignal): Promise<void> {
    this.current = false;
    this.tellStanding();
    await this.readEverybody(signal);
    const events = this.waiting ?? [];
    this.waiting = null;
    if (signal.aborted) return;
    this.wanted ??= this.sight;
    this.askSoon(0);
    this.take(events, signal);
  }

  /** Where events go on; null where nobody may know, or `signal` came. */
  private async readEverybody(signal: AbortSignal): Promise<string | null> {
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        const index = await this.api.get<{ listen_after: string; people: IndexRow[] }>('/people/index', signal);
        this.people = new People(index.people);
        this.told.listed();
        return index.listen_after;
      } catch (error) {
        if (signal.aborted || (error instanceof Problem && (error.status === 401 || error.status === 403))) return null;
        this.told.standing('lost');
        await new Promise((done) => setTimeout(done, backOff(tries, 1000, Math.random())));
      }
    }
    return null;
  }
}

// All that the page knows of one person, kept up to date, and what the person does about it.
import { Problem, type Api } from '../lib/api';
import { follow, type SseEvent } from '../lib/sse';
import { standing, type Session } from '../lib/session.svelte';
import { instant, midnight } from '../lib/time';
import { say } from '../lib/toasts.svelte';
import { language, t } from '../lib/words.svelte';
import { keep, type Kept } from './kept';
import { mayAct, next, STARTING, type Link, type Said } from './link';
import { keepUses, loadUses, used } from './reasons';
import type { Acted, CalendarState, Here, Keywords, Message, PhoneCode, Preview, Reason, Shown, Stretch } from './types';

/** How far ahead is looked, in days: the most that one answer holds. */
export const DAYS = 28;
const FRESH = 60_000; // milliseconds after which it is read again
const PATIENCE = 12_000; // milliseconds for which an answer is waited for: who holds a telephone goes on

/** Keep something of whoever is signed in: what arrives when they have signed out already is kept nowhere. */
function onThisDevice(write: (place: Storage) => void): void {
  if (standing().is === 'in') write(localStorage);
}

export class Mine {
  link = $state.raw<Link>(STARTING);
  now = $state(Date.now());
  shown = $state.raw<Shown | null>(null);
  stretches = $state.raw<Stretch[]>([]);
  reasons = $state.raw<Reason[]>([]);
  organisation = $state('');
  messages = $state.raw<Message[] | null>(null);
  keywords = $state.raw<Keywords | null>(null);
  codes = $state.raw<PhoneCode[] | null>(null);
  calendars = $state.raw<CalendarState[] | null>(null);
  /** What is being done just now: buttons wait for it. */
  doing = $state('');
  /** What was used before this page was opened: buttons stay where they are while it is. */
  readonly uses = loadUses(localStorage);
  private readonly here: string;
  private readonly name = `me-${crypto.randomUUID()}`;
  private skew = 0;
  private readAt = 0;
  private loading: Promise<void> | null = null;
  private again = false;

  /** `api` null: only what is remembered is shown. */
  constructor(
    private readonly api: Api | null,
    private readonly id: number,
    kept: Kept | null,
  ) {
    this.here = `/people/id:${id}`;
    if (kept !== null && kept.shown.person.id === id) this.remember(kept);
  }

  get zone(): string {
    return this.shown?.person.zone || 'UTC';
  }

  get mayAct(): boolean {
    return mayAct(this.link) && this.doing === '' && this.api !== null;
  }

  get unread(): number {
    return (this.messages ?? []).filter((one) => one.read_at === null).length;
  }

  // -- coming to know --------------------------------------------------------------------------------------------

  /** Stay up to date until `signal` says so. */
  async live(session: Session, signal: AbortSignal): Promise<void> {
    this.organisation = session.organisation;
    const ticking = setInterval(() => this.tick(), 5000);
    const gone = (): void => this.said({ event: 'lost', at: Date.now() });
    const seen = (): void => this.refresh();
    globalThis.addEventListener('offline', gone);
    document.addEventListener('visibilitychange', seen);
    try {
      await follow(
        {
          open: (headers, aborted) => this.open(headers, aborted),
          events: (events) => this.heard(events),
          state: (state) => {
            if (state === 'open') void this.load();
            if (state === 'lost') this.lost();
          },
        },
        signal,
      );
    } finally {
      clearInterval(ticking);
      globalThis.removeEventListener('offline', gone);
      document.removeEventListener('visibilitychange', seen);
    }
  }

  /** Only oneself is in sight. It is said each time: a sight is forgotten soon after its stream has ended. */
  private async open(headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    await this.asked().put(`/events/sight/${this.name}`, { people: [this.id] });
    return this.asked().fetch(`/events?sight=${this.name}`, { headers, signal });
  }

  private asked(): Api {
    if (this.api === null) throw new Problem(0, 'offline', '');
    return this.api;
  }

  private heard(events: readonly SseEvent[]): void {
    const mine = events.filter((one) => one.event === 'restart' || this.isAboutMe(one));
    const names = new Set(mine.map((one) => one.event));
    const ignored = (): undefined => undefined; // what is lost is said by the stream
    if (names.has('message') || names.has('restart')) void this.loadMessages().catch(ignored);
    if (names.has('availability') || names.has('person') || names.has('restart')) void this.load();
    if (names.has('person') && this.keywords !== null) void this.loadKeywords().catch(ignored);
  }

  private isAboutMe({ event, data }: SseEvent): boolean {
    if (event !== 'availability' && event !== 'person' && event !== 'message') return false;
    return (JSON.parse(data) as { person?: { id?: number } }).person?.id === this.id;
  }

  private lost(): void {
    this.said({ event: 'lost', at: Date.now() });
    if (this.shown === null) this.said({ event: 'failed' });
  }

  private said(said: Said): void {
    this.link = next(this.link, said);
  }

  private tick(): void {
    this.now = Date.now() + this.skew;
    const change = instant(this.shown?.next_change);
    const due = change <= this.now && change > this.now - 15_000; // the event may be on its way
    if (due || Date.now() - this.readAt > FRESH) this.refresh();
  }

  /** Read it again where somebody looks: of plans for later days no event tells. */
  refresh(): void {
    if (document.visibilityState === 'visible' && this.link.is === 'live') void this.load();
  }

  /** Read how I stand, and what is coming. What changes while it is read is read again. Never raises. */
  async load(): Promise<void> {
    if (this.loading !== null) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.read();
    await this.loading.finally(() => {
      this.loading = null;
    });
    if (this.again) {
      this.again = false;
      await this.load();
    }
  }

  private async read(): Promise<void> {
    try {
      const [shown, here] = await Promise.all([this.get<Shown>(this.here), this.get<Here>('/here')]);
      this.skew = instant(here.now) - Date.now();
      this.organisation = here.organisation.name;
      this.reasons = here.reasons;
      await this.took(shown);
      if (this.messages === null) await this.loadMessages();
      this.said({ event: 'loaded' });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.lost();
    }
  }

  private async took(shown: Shown): Promise<void> {
    this.shown = shown;
    this.now = Date.now() + this.skew;
    this.readAt = Date.now();
    const start = midnight(this.now, this.zone);
    const [from, to] = [start, midnight(this.now, this.zone, DAYS)].map((at) => new Date(at).toISOString());
    this.stretches = (await this.get<{ stretches: Stretch[] }>(`${this.here}/timeline?start=${from}&end=${to}`)).stretches;
    const { organisation, stretches, reasons } = this;
    onThisDevice((place) => keep(place, { at: Date.now(), organisation, shown, stretches, reasons }));
  }

  private remember(kept: Kept): void {
    this.shown = kept.shown;
    this.stretches = kept.stretches;
    this.reasons = kept.reasons;
    this.organisation = kept.organisation;
    this.said({ event: 'remembered', knownAt: kept.at });
  }

  get<T>(path: string): Promise<T> {
    const worded = `${path}${path.includes('?') ? '&' : '?'}language=${language()}`;
    return this.asked().get<T>(worded, AbortSignal.timeout(PATIENCE)).catch(inTime);
  }

  // -- what is looked at on request ------------------------------------------------------------------------------

  async loadMessages(): Promise<void> {
    this.messages = (await this.get<{ messages: Message[] }>(`${this.here}/messages`)).messages;
  }

  async loadKeywords(): Promise<void> {
    this.keywords = await this.get<Keywords>('/keywords');
  }

  async loadRest(): Promise<void> {
    const [codes, calendars] = await Promise.all([
      this.get<{ codes: PhoneCode[] }>('/phone-codes'),
      this.get<{ calendars: CalendarState[] }>('/calendars'),
      this.loadKeywords(),
    ]);
    this.codes = codes.codes;
    this.calendars = calendars.calendars;
  }

  async why(): Promise<string[]> {
    const found = await this.get<{ chain: { words: string }[] }>(`${this.here}/why`);
    return found.chain.map((one) => one.words);
  }

  /** What each entry does, read from the calendars now: that may take a while. */
  preview(days: number): Promise<Preview> {
    return this.asked().get<Preview>(`${this.here}/preview?days=${days}&language=${language()}`);
  }

  // -- acting ----------------------------------------------------------------------------------------------------

  /** Refer me until an instant (null: as long as the reason lasts by itself). Raises `Problem`. */
  async refer(reason: string, until: number | null, note: string): Promise<void> {
    const body = { reason, note, through: 'app', ...(until === null ? {} : { until: new Date(until).toISOString() }) };
    await this.act('refer', async () => {
      await this.done(await this.asked().put<Acted>(`${this.here}/override?language=${language()}`, body));
      onThisDevice((place) => keepUses(place, used(reason, loadUses(place))));
    });
  }

  /** I am available: what was set by hand ends, and the meeting that runs does not count. Raises `Problem`. */
  async back(): Promise<void> {
    await this.act('back', async () => {
      await this.done(await this.asked().delete<Acted>(`${this.here}/override?through=app&language=${language()}`));
    });
  }

  private async done(acted: Acted): Promise<void> {
    const { undo } = acted;
    const taken = undo === null ? null : (): Promise<void> => this.undo(undo.id);
    const seconds = undo === null ? 6 : Math.max(2, (instant(undo.until) - instant(acted.at)) / 1000 - 0.5);
    say(t('me.done', { words: acted.availability.words }), taken, seconds, 'me');
    await this.took(acted).catch(() => this.load());
  }

  private async undo(id: string): Promise<void> {
    const shown = await this.asked().post<Shown>(`${this.here}/override/undo?language=${language()}`, { id, through: 'app' });
    say(t('me.undone', { words: shown.availability.words }), null, 6, 'me');
    await this.took(shown).catch(() => this.load());
  }

  private async act(name: string, work: () => Promise<void>): Promise<void> {
    if (!this.mayAct) return;
    this.doing = name;
    try {
      await work();
    } finally {
      this.doing = '';
    }
  }

  /** Replace my own keywords. Raises `Problem`. */
  async setKeywords(keywords: Record<string, string>): Promise<void> {
    this.keywords = await this.asked().put<Keywords>(`${this.here}/keywords?language=${language()}`, { keywords });
  }

  async readMessage(id: number, read: boolean): Promise<void> {
    await this.asked().put(`${this.here}/messages/${id}`, { read });
    await this.loadMessages();
  }

  async removeMessage(id: number): Promise<void> {
    await this.asked().delete(`${this.here}/messages/${id}`);
    await this.loadMessages();
  }
}

function inTime(error: unknown): never {
  if (error instanceof DOMException && error.name === 'TimeoutError') throw new Problem(0, 'offline', '');
  throw error;
}

// What the attendant's page shows and does: the list, who is chosen, the time.
import type { Api } from '../lib/api';
import type { LampCode } from '../lib/Lamp.svelte';
import type { Session } from '../lib/session.svelte';
import { instant } from '../lib/time';
import { complain } from '../lib/toasts.svelte';
import { language } from '../lib/words.svelte';
import { Favourites } from './kept';
import { Live, type Standing } from './live';
import { People } from './people';
import type { Row } from './rows';
import { EVERYBODY, View, type Filter } from './view';

export interface Reason {
  code: string;
  words: string;
  digit: string | null;
  lifetime: string | null;
  minutes: number | null;
}

export interface Here {
  organisation: { id: string; name: string; zone: string; language: string };
  warn_before_minutes: number;
  reasons: Reason[];
  now: string;
}

/** One who is listed, as far as is known without asking. */
export interface Listed {
  id: number;
  slot: number;
  name: string;
  extension: string;
  department: string;
  title: string;
  /** null: has gone. */
  lamp: LampCode | null;
  /** Whether the filter would still list them. */
  holds: boolean;
  favourite: boolean;
  row: Row | undefined;
}

const RECOUNT = 1000;

export class Board {
  here = $state.raw<Here | null>(null);
  standing = $state<Standing>('loading');
  /** When the server was heard of last, by its clock, where the connection is lost. */
  lostAt = $state(0);
  /** Grows with each frame in which something changed. */
  version = $state(0);
  /** Grows when the opened person has changed. */
  openedVersion = $state(0);
  view: View = $state.raw(new View(new People(), EVERYBODY, new Set()));
  /** How many are not listed who would be. */
  missing = $state(0);
  /** Where in the list the keyboard is; -1 nowhere. */
  active = $state(-1);
  /** Whose details are open: an id. */
  opened = $state<number | null>(null);
  departments = $state.raw<readonly string[]>([]);
  favourites = $state.raw<ReadonlySet<number>>(new Set());
  /** The server's time, in milliseconds. */
  now = $state(Date.now());
  /** Grows when the list begins at its top again. */
  anew = $state(0);
  readonly live: Live;
  private readonly kept: Favourites;
  private ahead = 0;
  private frame = false;
  private recount: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly session: Session,
    readonly api: Api,
  ) {
    this.kept = new Favourites(session.organisation, session.user);
    this.favourites = this.kept.read();
    this.live = new Live(api, language(), {
      changed: (ids) => this.changed(ids),
      listed: () => this.listed(),
      standing: (standing) => this.stands(standing),
    });
  }

  get zone(): string {
    return this.here?.organisation.zone ?? this.session.zone;
  }

  /** Begin; what it returns ends it. */
  start(): () => void {
    const ending = new AbortController();
    const ticking = setInterval(() => (this.now = Date.now() + this.ahead), 1000);
    void this.live.run(ending.signal);
    void this.readHere();
    return () => {
      ending.abort();
      clearInterval(ticking);
      clearTimeout(this.recount);
    };
  }

  private async readHere(): Promise<void> {
    try {
      const before = Date.now();
      const here = await this.api.get<Here>(`/here?language=${encodeURIComponent(language())}`);
      this.ahead = instant(here.now) - (before + Date.now()) / 2;
      this.now = Date.now() + this.ahead;
      this.here = here;
    } catch (error) {
      if (this.standing !== 'lost') complain(error);
    }
  }

  // -- what comes from the server -------------------------------------------------------------------------------------

  private stands(standing: Standing): void {
    if (standing === this.standing) return;
    if (standing === 'lost') this.lostAt = this.live.heardAt + this.ahead;
    if (standing === 'live' || this.here === null) void this.readHere(); // a clock may have been set meanwhile
    this.standing = standing;
  }

  private listed(): void {
    const chosen = this.chosen?.id;
    this.departments = this.live.people.everyDepartment();
    this.list(this.view.filter);
    const slot = chosen === undefined ? undefined : this.live.people.slotOf(chosen);
    this.active = slot === undefined ? -1 : this.view.indexOf(slot);
  }

  private changed(ids: ReadonlySet<number>): void {
    if (this.opened !== null && ids.has(this.opened)) this.openedVersion += 1;
    this.recount ??= setTimeout(() => {
      this.recount = undefined;
      this.missing = this.view.missing();
    }, RECOUNT);
    if (this.frame) return;
    this.frame = true;
    const draw = (): void => {
      this.frame = false;
      this.version += 1;
    };
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  // -- the list -------------------------------------------------------------------------------------------------------

  /** Whom the list shows at a place. */
  at(index: number): Listed | undefined {
    void this.version;
    const slot = this.view.slots[index];
    return slot === undefined ? undefined : this.told(slot);
  }

  /** Where the keyboard is. */
  get chosen(): Listed | undefined {
    return this.at(this.active);
  }

  /** Whom an act is about: where the keyboard is, else whose details are open. */
  get subject(): Listed | undefined {
    return this.chosen ?? this.person(this.opened);
  }

  /** Somebody, listed or not. */
  person(id: number | null): Listed | undefined {
    void this.version;
    const slot = id === null ? undefined : this.live.people.slotOf(id);
    return slot === undefined ? undefined : this.told(slot);
  }

  private told(slot: number): Listed {
    const { people, rows } = this.live;
    const id = people.ids[slot] ?? 0;
    return {
      id,
      slot,
      name: people.names[slot] ?? '',
      extension: people.extensions[slot] ?? '',
      department: people.departments[slot] ?? '',
      title: people.titles[slot] ?? '',
      lamp: people.lamp(slot),
      holds: this.view.holds(slot),
      favourite: this.favourites.has(id),
      row: rows.get(id),
    };
  }

  /** Set the filter anew, or a part of it; the list begins at its top. */
  filter(part: Partial<Filter>): void {
    const filter = { ...this.view.filter, ...part };
    this.list(filter);
    this.active = filter.query.trim() !== '' && this.view.slots.length > 0 ? 0 : -1;
    this.anew += 1;
  }

  private list(filter: Filter): void {
    this.view = new View(this.live.people, filter, this.favourites);
    this.missing = 0;
  }

  /** List those who would be listed now; whoever the keyboard is at stays chosen. */
  refresh(): void {
    const chosen = this.chosen?.slot;
    this.list(this.view.filter);
    this.active = chosen === undefined ? -1 : this.view.indexOf(chosen);
  }

  /** Move the keyboard's place by some rows. */
  move(by: number): void {
    const last = this.view.slots.length - 1;
    if (last < 0) return;
    this.active = Math.min(last, Math.max(0, this.active < 0 && by > 0 ? by - 1 : this.active + by));
    if (this.opened !== null) this.opened = this.chosen?.id ?? null;
  }

  open(index: number): void {
    const found = this.at(index);
    if (found === undefined) return;
    this.active = index;
    this.opened = found.id;
  }

  star(id: number): void {
    const next = new Set(this.favourites);
    if (!next.delete(id)) next.add(id);
    this.favourites = next;
    this.kept.write(next);
  }
}

// The settings file on the page, with what was changed and not saved. Faults come from the server as one types.
import type { Api } from '../lib/api';
import { Problem } from '../lib/api';
import {
  changed,
  faultOf,
  parts,
  present,
  wishes,
  type Changes,
  type Difference,
  type Fault,
  type Group,
  type SettingsFile,
  type Value,
} from './draft';

export interface Tried {
  what: string;
  level: 'ok' | 'warning' | 'error';
  text: string;
  remedy: string;
}
const PAUSE = 500;

/** The faults that an error of the API names. */
export function faultsOf(error: unknown): Fault[] {
  const found = error instanceof Problem ? error.body['faults'] : undefined;
  if (!Array.isArray(found)) return [];
  return found.map((one: Partial<Fault>) => ({ field: one.field ?? '', what: one.what ?? '', remedy: one.remedy ?? '' }));
}

export class Desk {
  file = $state.raw<SettingsFile | null>(null);
  failed = $state.raw<unknown>(null);
  changes = $state.raw<Changes>({});
  faults = $state.raw<Fault[]>([]);
  differences = $state.raw<Difference[]>([]);
  checking = $state(false);
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly api: Api) {}

  async load(): Promise<void> {
    try {
      this.file = await this.api.get<SettingsFile>('/settings');
      this.failed = null;
      this.faults = this.file.faults;
    } catch (error) {
      this.failed = error;
    }
  }

  get count(): number {
    return Object.keys(this.changes).length;
  }

  /** A field below the organisation. */
  own(field: string): string {
    return `${this.file?.at.organisation ?? 'organisation'}.${field}`;
  }

  value(field: string): Value | undefined {
    return this.file === null ? undefined : present(this.file, this.changes, field);
  }

  set(field: string, value: Value | undefined): void {
    if (this.file === null) return;
    this.changes = changed(this.file, this.changes, field, value);
    this.#later();
  }

  /** Leave a field as it is in the file after all. */
  keep(field: string): void {
    this.changes = Object.fromEntries(Object.entries(this.changes).filter(([one]) => one !== field));
    this.#later();
  }

  fault(field: string): string {
    return faultOf(this.faults, field);
  }

  /** Why a field is not changed here; "" it may be. */
  fixed(field: string): string {
    return this.file?.fixed[field] ?? '';
  }

  names(group: Group): string[] {
    return this.file === null ? [] : parts(this.file, this.changes, group);
  }

  /** Those that are in the file, whatever was changed here since. */
  saved(group: Group): string[] {
    return this.file === null ? [] : parts(this.file, {}, group);
  }

  forget(): void {
    this.changes = {};
    this.faults = this.file?.faults ?? [];
    this.differences = [];
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), PAUSE);
  }

  /** Ask what is wrong with the changes. Never raises. */
  async check(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.file === null) return;
    const turn = ++this.#turn;
    if (this.count === 0) {
      this.forget();
      return;
    }
    this.checking = true;
    try {
      const body = { etag: this.file.etag, changes: wishes(this.changes) };
      const found = await this.api.post<{ faults: Fault[]; differences: Difference[] }>('/settings/check', body);
      if (turn === this.#turn) Object.assign(this, found);
    } catch (error) {
      if (turn === this.#turn) {
        if (error instanceof Problem && error.status === 409) await this.load();
        this.faults = faultsOf(error);
      }
    } finally {
      if (turn === this.#turn) this.checking = false;
    }
  }

  /** Write the changes, and have them in force. Raises `Problem`; faults are beside their fields then. */
  async save(): Promise<void> {
    if (this.file === null) return;
    try {
      await this.api.put('/settings', { etag: this.file.etag, changes: wishes(this.changes) });
      this.changes = {};
      this.differences = [];
      await this.load();
    } catch (error) {
      const found = faultsOf(error);
      if (found.length > 0) this.faults = found;
      else await this.load();
      throw error;
    }
  }

  /** Try a part with what is not saved. Raises `Problem`. */
  async tryPart(what: string, mailbox = ''): Promise<Tried[]> {
    try {
      const body = { what, changes: wishes(this.changes), mailbox };
      return (await this.api.post<{ tried: Tried[] }>('/settings/try', body)).tried;
    } catch (error) {
      const found = faultsOf(error);
      if (found.length > 0) this.faults = found;
      throw error;
    }
  }
}

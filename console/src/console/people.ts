// Everybody, in columns: 20,000 people are a handful of arrays, not 20,000 objects.
import type { LampCode } from '../lib/Lamp.svelte';
import { folded } from '../lib/text';

/** As `GET /people/index` has them: id, extension, name, department, title, competences, lamp. */
export type IndexRow = [number, string, string, string, string, string[], LampCode];

const LAMPS = 'aisrhu';
/** Whether a call can be put through: not where that is not confirmed. */
const FREE = LAMPS.split('').map((lamp) => 'ais'.includes(lamp));
const GONE = 255;

/** People by slot: a slot is somebody's for good, also once they have gone. */
export class People {
  readonly ids: number[] = [];
  readonly extensions: string[] = [];
  readonly names: string[] = [];
  readonly departments: string[] = [];
  readonly titles: string[] = [];
  /** What is searched: each word with a space before it; the name first, up to `nameEnds`. */
  readonly texts: string[] = [];
  readonly nameEnds: number[] = [];
  /** Slots of those who are there, by name. */
  order: number[] = [];
  private lamps: Uint8Array = new Uint8Array(0);
  private readonly slots = new Map<number, number>();
  private readonly shared = new Map<string, string>();

  constructor(rows: readonly IndexRow[] = []) {
    this.lamps = new Uint8Array(Math.max(64, rows.length + 64)).fill(GONE);
    for (const row of rows) this.order.push(this.put(row));
  }

  get size(): number {
    return this.order.length;
  }

  slotOf(id: number): number | undefined {
    return this.slots.get(id);
  }

  /** How somebody stands; null where they have gone. */
  lamp(slot: number): LampCode | null {
    return (LAMPS[this.lamps[slot] ?? GONE] as LampCode | undefined) ?? null;
  }

  isFree(slot: number): boolean {
    return FREE[this.lamps[slot] ?? GONE] ?? false;
  }

  isHere(slot: number): boolean {
    return this.lamps[slot] !== GONE;
  }

  /** Whether anything has changed by it. */
  light(id: number, lamp: LampCode): boolean {
    const slot = this.slots.get(id);
    const code = LAMPS.indexOf(lamp);
    if (slot === undefined || code < 0 || this.lamps[slot] === code || this.lamps[slot] === GONE) return false;
    this.lamps[slot] = code;
    return true;
  }

  /** Somebody who is new or has changed, at their place among the names. */
  add(row: IndexRow): void {
    const known = this.slots.get(row[0]);
    if (known !== undefined) this.order = this.order.filter((slot) => slot !== known);
    const slot = this.put(row);
    this.order.splice(this.place(row[2]), 0, slot);
  }

  /** Somebody who has gone: what is shown of them can stay to be seen, greyed. */
  remove(id: number): void {
    const slot = this.slots.get(id);
    if (slot === undefined) return;
    this.lamps[slot] = GONE;
    this.order = this.order.filter((one) => one !== slot);
  }

  /** The departments that there are, by name. */
  everyDepartment(): string[] {
    const found = new Set(this.order.map((slot) => this.departments[slot] ?? ''));
    found.delete('');
    return [...found].sort((a, b) => a.localeCompare(b));
  }

  private put([id, extension, name, department, title, competences, lamp]: IndexRow): number {
    const slot = this.slots.get(id) ?? this.ids.length;
    this.slots.set(id, slot);
    const named = words(name);
    this.ids[slot] = id;
    this.extensions[slot] = extension;
    this.names[slot] = name;
    this.departments[slot] = this.once(department);
    this.titles[slot] = this.once(title);
    this.nameEnds[slot] = named.length;
    this.texts[slot] = [named, words(extension), words(department), words(title), ...competences.map(words)].join('');
    this.room(slot);
    this.lamps[slot] = Math.max(0, LAMPS.indexOf(lamp));
    return slot;
  }

  private room(slot: number): void {
    if (slot < this.lamps.length) return;
    const more = new Uint8Array(this.lamps.length * 2).fill(GONE);
    more.set(this.lamps);
    this.lamps = more;
  }

  /** The same text for the same words: there are few departments and titles. */
  private once(text: string): string {
    const found = this.shared.get(text);
    if (found !== undefined) return found;
    this.shared.set(text, text);
    return text;
  }

  private place(name: string): number {
    const wanted = name.toLowerCase();
    let low = 0;
    let high = this.order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.names[this.order[middle] ?? 0] ?? '').toLowerCase() <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Folded, each word with a space before it; the parts of "Anna-Lena" are words too. */
function words(text: string): string {
  const plain = folded(text);
  if (plain === '') return '';
  const parts = plain.split(/[^\p{L}\p{N}@+]+/u).filter(Boolean);
  const whole = ` ${plain}`;
  return parts.length > plain.split(' ').length ? `${whole} ${parts.join(' ')}` : whole;
}

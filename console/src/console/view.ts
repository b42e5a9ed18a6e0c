// Which people are listed. What is listed stays as it is until the filter is set anew: nobody's position jumps.
import type { People } from './people';
import { search } from './search';

export interface Filter {
  query: string;
  /** "" all of them. */
  department: string;
  favourites: boolean;
  available: boolean;
}

export const EVERYBODY: Filter = { query: '', department: '', favourites: false, available: false };

/** Those listed by a filter at one instant. */
export class View {
  readonly slots: readonly number[];
  private readonly listed: Uint8Array;

  constructor(
    private readonly people: People,
    readonly filter: Filter,
    private readonly favourites: ReadonlySet<number>,
  ) {
    const fitting = this.fitting();
    this.slots = filter.available ? fitting.filter((slot) => people.isFree(slot)) : fitting;
    this.listed = new Uint8Array(people.ids.length);
    for (const slot of this.slots) this.listed[slot] = 1;
  }

  /** Where somebody is in the list; -1 nowhere. */
  indexOf(slot: number): number {
    return this.listed[slot] === 1 ? this.slots.indexOf(slot) : -1;
  }

  /** Whether somebody who is listed would be listed still. */
  holds(slot: number): boolean {
    return this.people.isHere(slot) && (!this.filter.available || this.people.isFree(slot));
  }

  /** How many would be listed who are not. */
  missing(): number {
    const { available } = this.filter;
    const wanted = this.fitting();
    let count = 0;
    for (const slot of wanted) {
      if (this.listed[slot] !== 1 && (!available || this.people.isFree(slot))) count += 1;
    }
    return count;
  }

  private fitting(): number[] {
    const { people, filter } = this;
    let slots: readonly number[] = people.order;
    if (filter.favourites) slots = slots.filter((slot) => this.favourites.has(people.ids[slot] ?? 0));
    if (filter.department !== '') slots = slots.filter((slot) => people.departments[slot] === filter.department);
    return search(people, slots, filter.query);
  }
}

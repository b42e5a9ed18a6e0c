// What an administrator has changed and not saved: pure, so that it can be tested. Fields are dotted as in the file.

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export interface Fault {
  field: string;
  what: string;
  remedy: string;
}
export interface Difference {
  field: string;
  before: string;
  after: string;
}
export interface SettingsFile {
  etag: string;
  path: string;
  writable: boolean;
  why_not: string | null;
  remedy: string | null;
  at: { organisation: string; calendars: string; switchboards: string; directories: string };
  fields: Record<string, Value>;
  secrets: Record<string, { reference: string; set: boolean }>;
  fixed: Record<string, string>;
  unapplied: Difference[];
  faults: Fault[];
}
export type Changes = Readonly<Record<string, Value>>;
export type Group = 'calendars' | 'switchboards' | 'directories';

const BARE = /^[A-Za-z0-9_-]+$/;

/** A key as it stands in a dotted name. */
export function key(text: string): string {
  return BARE.test(text) ? text : `"${text}"`;
}

/** A dotted name taken apart; quotes around a key are not part of it. */
export function keys(field: string): string[] {
  return [...field.matchAll(/"([^"]*)"|[^.]+/g)].map((found) => found[1] ?? found[0]);
}

function same(one: Value | undefined, other: Value | undefined): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}

function below(field: string, table: string): boolean {
  return field.startsWith(`${table}.`);
}

/** A table of the file as one value: working hours, labels. Undefined where nothing stands there. */
export function tableOf(fields: Readonly<Record<string, Value>>, table: string): Record<string, Value> | undefined {
  const inside = Object.entries(fields).filter(([field]) => below(field, table));
  if (inside.length === 0) return undefined;
  return Object.fromEntries(inside.map(([field, value]) => [keys(field.slice(table.length + 1))[0] ?? '', value]));
}

/** What stands in the file. */
export function stored(file: SettingsFile, field: string): Value | undefined {
  return file.fields[field] ?? tableOf(file.fields, field);
}

/** What stands there as it would be saved. */
export function present(file: SettingsFile, changes: Changes, field: string): Value | undefined {
  if (field in changes) return changes[field] ?? undefined;
  const table = Object.keys(changes).find((one) => below(field, one));
  if (table !== undefined) {
    const found = changes[table];
    const inner = typeof found === 'object' && found !== null && !Array.isArray(found) ? found : {};
    return inner[keys(field.slice(table.length + 1))[0] ?? ''];
  }
  return stored(file, field);
}

/** The changes with one more: what is as the file has it is no change. */
export function changed(file: SettingsFile, changes: Changes, field: string, value: Value | undefined): Changes {
  const rest = Object.fromEntries(Object.entries(changes).filter(([one]) => one !== field && !below(one, field)));
  const secret = field in file.secrets;
  const removed = Object.keys(rest).some((one) => rest[one] === null && below(field, one));
  if (value === undefined || value === null || value === '') {
    const there = secret || stored(file, field) !== undefined || Object.keys(file.fields).some((one) => below(one, field));
    return there && !removed ? { ...rest, [field]: null } : rest;
  }
  if (!secret && !removed && same(stored(file, field), value)) return rest;
  return { ...rest, [field]: value };
}

/** As the API takes them. What is taken out comes first, so that something may stand in its place. */
export function wishes(changes: Changes): { field: string; value: Value }[] {
  const all = Object.entries(changes).map(([field, value]) => ({ field, value }));
  return [...all.filter((one) => one.value === null), ...all.filter((one) => one.value !== null)];
}

/** The names of parts (calendars, switchboards, directories), new ones last; those that are taken out are not there. */
export function parts(file: SettingsFile, changes: Changes, group: Group): string[] {
  const start = file.at[group];
  const named = (field: string): string | undefined =>
    below(field, start) ? keys(field.slice(start.length + 1))[0] : undefined;
  const all = [...Object.keys(file.fields), ...Object.keys(file.secrets), ...Object.keys(changes)].map(named);
  const names = [...new Set(all)].filter((name) => name !== undefined);
  return names.filter((name) => changes[`${start}.${key(name)}`] !== null || Object.keys(changes).some((f) => below(f, `${start}.${key(name)}`)));
}

/** What is wrong with a field, in words; "" nothing. Faults of a table belong to the fields in it that show it. */
export function faultOf(faults: readonly Fault[], field: string): string {
  return faults
    .filter((one) => one.field === field || below(one.field, field))
    .map((one) => [one.what, one.remedy].filter(Boolean).join('; '))
    .join('. ');
}

/** A name for a new part that no other one has. */
export function freeName(names: readonly string[]): string {
  if (!names.includes('main')) return 'main';
  for (let number = 2; ; number++) if (!names.includes(`main${number}`)) return `main${number}`;
}

/** A name that a part may have: small letters, digits, - and _. */
export function goodName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,31}$/.test(name);
}

// What the API answers, as far as this page reads it.
export interface Upcoming {
  reason: string;
  words: string;
  start: string;
  end: string | null;
  minutes: number;
  note: string | null;
}
export interface Availability {
  state: 'available' | 'referred';
  reason: string | null;
  words: string;
  until: string | null;
  back_at: string | null;
  note: string | null;
  by_hand: boolean | null;
  informing: { reason: string; words: string; until: string | null; note: string | null }[];
  upcoming: Upcoming | null;
}
export interface Person {
  id: number;
  extension: string;
  name: string;
  zone: string;
  language: string;
}
export interface Shown {
  person: Person;
  at: string;
  availability: Availability;
  next_change: string | null;
  follows: { at: string; state: string; reason: string | null; words: string } | null;
  divert_to: string | null;
  override: { since: string; until: string | null; by: string | null; through: string | null } | null;
  calendars: number | null;
  confirmed_at: string | null;
  unconfirmed_since: string | null;
  unconfirmed: string | null;
  problems: string[];
}
export interface Acted extends Shown {
  undo: { id: string; until: string } | null;
}
export interface Stretch {
  start: string;
  end: string | null;
  availability: Availability;
}
export interface Reason {
  code: string;
  words: string;
  sensitive: boolean | null;
  priority: number | null;
  lifetime: 'minutes' | 'next_working_morning' | 'until_taken_back' | null;
  minutes: number | null;
}
export interface Here {
  organisation: { id: string; name: string; zone: string; language: string };
  warn_before_minutes: number;
  reasons: Reason[];
  now: string;
}
export interface Message {
  id: number;
  at: string;
  text: string;
  caller: string | null;
  by: string | null;
  read_at: string | null;
}
export interface Keyword {
  keyword: string;
  reason: string;
  words: string;
}
export interface Keywords {
  keywords: Keyword[];
  own: Keyword[];
}
export interface PhoneCode {
  dial: string;
  means: string;
  argument: string | null;
  reason: string | null;
}
export interface CalendarState {
  id: number;
  connection: string;
  confirmed_at: string | null;
  since: string | null;
  problem: string | null;
  remedy: string | null;
  warnings: string[];
  rejected: { resource: string; because: string }[];
}
export interface PreviewRow {
  uid: string;
  start: string | null;
  end: string | null;
  all_day: boolean | null;
  outcome: 'referral' | 'ignored' | 'rejected';
  reason: string | null;
  phone: string | null;
  because: string;
  subject: string | null;
}
export interface Preview {
  start: string;
  end: string;
  zone: string;
  rows: PreviewRow[];
  left_out: number;
  warnings: string[];
}

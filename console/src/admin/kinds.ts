// Which fields each kind of calendar, switchboard and directory has; what each field means stands in the words.
import type { Group } from './draft';

export interface FieldKind {
  key: string;
  is: 'text' | 'number' | 'flag' | 'secret' | 'choice' | 'file' | 'list';
  /** Of a choice. */
  options?: readonly string[];
  /** What counts where nothing is written. */
  usual?: string | number | boolean;
  needed?: boolean;
  /** Among those that most people leave as they are. */
  rare?: boolean;
}

const text = (key: string, more: Partial<FieldKind> = {}): FieldKind => ({ key, is: 'text', ...more });
const secret = (key: string, more: Partial<FieldKind> = {}): FieldKind => ({ key, is: 'secret', ...more });
const flag = (key: string, usual: boolean, more: Partial<FieldKind> = {}): FieldKind => ({ key, is: 'flag', usual, ...more });
const number = (key: string, usual: number | undefined, more: Partial<FieldKind> = {}): FieldKind => ({
  key,
  is: 'number',
  ...(usual === undefined ? {} : { usual }),
  ...more,
});
const choice = (key: string, options: readonly string[], more: Partial<FieldKind> = {}): FieldKind => ({
  key,
  is: 'choice',
  options,
  usual: options[0] ?? '',
  ...more,
});
const rare = { rare: true };
const needed = { needed: true };

const POLL = [number('poll_min_minutes', 2, rare), number('poll_max_minutes', 15, rare)];
const PEOPLE = choice('people', ['everybody', 'named'], rare);
const CA = { key: 'ca_file', is: 'file', rare: true } as const;
const SUBSCRIBED = [
  text('username'),
  secret('password'),
  choice('sign_in', ['auto', 'basic', 'digest'], rare),
  choice('people', ['', 'everybody', 'named'], rare),
  ...POLL,
  number('max_mib', 16, rare),
  CA,
];
const MAILBOXES = [
  text('mailbox', { usual: '{email}', rare: true }),
  PEOPLE,
  flag('automatic_replies', true),
  flag('push', true),
  ...POLL,
  number('at_once', undefined, rare),
  CA,
];
const APPLICATION = [
  text('tenant', needed),
  text('client_id', needed),
  secret('client_secret'),
  { key: 'certificate', is: 'file' } as const,
  choice('cloud', ['global', 'us_gov', 'us_dod', 'china'], rare),
];

export const KINDS: Record<Group, Record<string, readonly FieldKind[]>> = {
  switchboards: {
    asterisk: [
      text('host', { usual: '127.0.0.1' }),
      number('port', 5038),
      text('username', needed),
      secret('secret', needed),
      flag('tls', false),
      CA,
      text('extensions', { usual: '[0-9]{2,8}', rare: true }),
      number('lamps_per_second', 1000, rare),
    ],
    sip_presence: [
      text('host', { usual: '127.0.0.1' }),
      number('port', 5060),
      choice('transport', ['udp', 'tcp', 'tls']),
      text('domain'),
      text('username'),
      secret('password'),
      text('presentity', { usual: 'sip:{extension}@{domain}', rare: true }),
      text('own', rare),
      number('expires', 3600, rare),
      choice('available', ['open', 'withdraw'], rare),
      number('publishes_per_second', 1000, rare),
      CA,
    ],
    webhook: [
      text('url', needed),
      secret('secret', needed),
      secret('secret_before', rare),
      { key: 'internal_hosts', is: 'list', rare: true },
      number('at_once', 8, rare),
      CA,
    ],
  },
  calendars: {
    caldav: [text('url', needed), ...SUBSCRIBED],
    ics: [text('url', needed), ...SUBSCRIBED],
    graph: [...APPLICATION, text('outside'), ...MAILBOXES],
    google: [
      { key: 'credentials', is: 'file', needed: true },
      choice('access', ['shared', 'delegation']),
      number('requests_per_minute', 600, rare),
      ...MAILBOXES,
    ],
    ews: [
      text('url'),
      choice('sign_in', ['auto', 'basic', 'ntlm', 'oauth']),
      text('username'),
      secret('password'),
      choice('access', ['impersonation', 'delegate']),
      choice('version', ['auto', '2007_sp1', '2010', '2010_sp1', '2010_sp2', '2013', '2013_sp1', '2016', '2019', 'se'], rare),
      ...MAILBOXES,
    ],
  },
  directories: {
    ldap: [
      text('url', needed),
      text('base', needed),
      text('username'),
      secret('password'),
      flag('start_tls', true, rare),
      text('filter', rare),
      text('extension', { usual: '[0-9]{2,8}', rare: true }),
      number('page_size', 500, rare),
      CA,
    ],
  },
};

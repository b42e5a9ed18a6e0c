// What is shown stays what the server says, in whatever order answers and events come in.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Live, type Standing } from '../src/console/live';
import type { IndexRow } from '../src/console/people';
import { isLater, markOf, rowOf, type StateJson } from '../src/console/rows';
import { Api } from '../src/lib/api';

type LampLetter = 'a' | 'r' | 'h' | 'u' | 's' | 'i';
const state = (id: number, lamp: LampLetter, words: string, more: Partial<StateJson> = {}): StateJson => ({
  person: { id, extension: `20${id}`, name: `Person ${id}` },
  lamp,
  availability: {
    state: lamp === 'r' || lamp === 'h' ? 'referred' : 'available',
    reason: null,
    words,
    until: null,
    back_at: null,
    note: null,
    by_hand: lamp === 'h',
    informing: [],
    upcoming: null,
  },
  unconfirmed: null,
  problem: null,
  ...more,
});
const index = (...ids: number[]): IndexRow[] => ids.map((id) => [id, `20${id}`, `Person ${id}`, 'Sales', '', [], 'a']);
const event = (id: string, name: string, data: unknown): string => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** A server that says what the test says, when the test says it. */
class Server {
  people: IndexRow[] = index(1, 2, 3);
  after = 'e-10';
  sights: { ids: number[]; answer: (body: unknown, status?: number) => void }[] = [];
  streams: { last: string | null; say: (text: string) => void; cut: () => void }[] = [];
  reading = 0;
  held: (() => void) | null = null;
  hold = false;

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const path = String(input);
    if (path === '/api/v1/people/index') return this.everybody();
    if (path.startsWith('/api/v1/events/sight/')) return this.sight(init);
    return this.stream(init);
  };

  private async everybody(): Promise<Response> {
    this.reading += 1;
    const body = JSON.stringify({ listen_after: this.after, people: this.people });
    if (this.hold) await new Promise<void>((done) => (this.held = done));
    return new Response(body);
  }

  private sight(init: RequestInit): Promise<Response> {
    const { people } = JSON.parse(String(init.body)) as { people: number[] };
    return new Promise((done) => {
      const answer = (body: unknown, status = 200): void => done(new Response(JSON.stringify(body), { status }));
      this.sights.push({ ids: people, answer });
    });
  }

  private stream(init: RequestInit): Response {
    const headers = new Headers(init.headers);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const say = (text: string): void => controller.enqueue(new TextEncoder().encode(text));
        say(`retry: 2000\nid: ${headers.get('Last-Event-ID') ?? this.after}\n\n`);
        this.streams.push({ last: headers.get('Last-Event-ID'), say, cut: () => controller.close() });
      },
    });
    return new Response(body);
  }
}

let server: Server;
let live: Live;
let standings: Standing[];
let ending: AbortController;
const settled = (): Promise<void> => vi.advanceTimersByTimeAsync(100).then(() => undefined);

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  standings = [];
  ending = new AbortController();
  const api = new Api('attendant', () => undefined, server.fetch as typeof fetch);
  live = new Live(api, 'sv', { changed: () => undefined, listed: () => undefined, standing: (one) => standings.push(one) }, 'me');
  void live.run(ending.signal);
  await settled();
});
afterEach(() => {
  ending.abort();
  vi.useRealTimers();
});

async function look(...ids: number[]): Promise<void> {
  live.see(ids);
  await settled();
}
async function answer(after: string, ...rows: StateJson[]): Promise<void> {
  server.sights.at(-1)?.answer({ listen_after: after, rows });
  await settled();
}
async function say(text: string): Promise<void> {
  server.streams.at(-1)?.say(text);
  await settled();
}

describe('Live', () => {
  it('reads everybody, listens after that, and is live once those in sight are known', async () => {
    expect(live.people.size).toBe(3);
    expect(server.streams.at(-1)?.last).toBe('e-10');
    await look(1, 2);
    expect(server.sights.at(-1)?.ids).toEqual([1, 2]);
    await answer('e-10', state(1, 'r', 'In a meeting'), state(2, 'a', 'Available'));
    expect(live.rows.get(1)?.words).toBe('In a meeting');
    expect(live.people.lamp(0)).toBe('r');
    expect(standings.at(-1)).toBe('live');
  });

  it('does not let an answer undo an event that came after it', async () => {
    await look(1);
    await say(event('e-12', 'availability', state(1, 'r', 'newer')));
    await answer('e-11', state(1, 'a', 'older'));
    expect(live.rows.get(1)?.words).toBe('newer');
    await look(1, 2);
    await answer('e-13', state(1, 'a', 'newest'), state(2, 'a', ''));
    expect(live.rows.get(1)?.words).toBe('newest');
  });

  it('lights the lamps of those who are not in sight, and keeps no rows of them', async () => {
    await look(1);
    await answer('e-10', state(1, 'a', ''));
    await say('event: lamps\ndata: {"lamps":{"2":"r","3":"u","99":"a"}}\n\nid: e-20\n\n');
    expect([live.people.lamp(1), live.people.lamp(2)]).toEqual(['r', 'u']);
    expect(live.rows.has(2)).toBe(false);
  });

  it('forgets rows that went out of sight: they would grow old', async () => {
    await look(1, 2);
    await answer('e-10', state(1, 'a', 'one'), state(2, 'a', 'two'));
    await look(2, 3);
    await answer('e-10', state(2, 'a', 'two'), state(3, 'a', 'three'));
    expect([...live.rows.keys()].sort()).toEqual([2, 3]);
  });

  it('asks for one sight at a time, and then for the last that was wanted', async () => {
    await look(1);
    await look(2);
    await look(3);
    expect(server.sights).toHaveLength(1);
    await answer('e-10', state(1, 'a', ''));
    expect(server.sights.map((one) => one.ids)).toEqual([[1], [3]]);
    await answer('e-10', state(3, 'a', ''));
    await look(3);
    expect(server.sights).toHaveLength(2);
    expect(standings.at(-1)).toBe('live');
  });

  it('asks again where an answer fails', async () => {
    await look(1);
    server.sights[0]?.answer({ title: 'Store unavailable' }, 503);
    await vi.advanceTimersByTimeAsync(1100);
    expect(server.sights[1]?.ids).toEqual([1]);
  });

  it.each([401, 403])('asks for no sight any more once that is answered with %i', async (status) => {
    await look(1);
    server.sights[0]?.answer({ title: 'Nobody is signed in' }, status);
    await vi.advanceTimersByTimeAsync(30_000);
    await look(2);
    await look(3);
    expect(server.sights).toHaveLength(1);
  });

  it('asks for nothing once nobody shows it', async () => {
    await look(1);
    live.see([2]);
    ending.abort();
    server.sights[0]?.answer({ title: 'Store unavailable' }, 503);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(server.sights).toHaveLength(1);
  });

  it('says at once that the connection is lost, and live only when those in sight are known again', async () => {
    await look(1);
    await answer('e-10', state(1, 'a', 'before'));
    await say('id: e-15\n\n');
    server.streams[0]?.cut();
    await vi.advanceTimersByTimeAsync(1);
    expect(standings.at(-1)).toBe('lost');
    await vi.advanceTimersByTimeAsync(2500);
    expect(server.streams.at(-1)?.last).toBe('e-15');
    expect(standings.at(-1)).toBe('catching-up');
    await answer('e-16', state(1, 'r', 'after'));
    expect(live.rows.get(1)?.words).toBe('after');
    expect(standings.at(-1)).toBe('live');
  });

  it('reads everybody anew where something was missed, and what is heard meanwhile counts', async () => {
    await look(1);
    await answer('e-10', state(1, 'a', ''));
    server.hold = true;
    server.after = 'e-50';
    server.people = index(1, 2, 4);
    await say(event('e-50', 'restart', { because: 'too_slow', listen_after: 'e-50' }));
    await say('event: lamps\ndata: {"lamps":{"4":"h"}}\n\nid: e-51\n\n');
    expect(live.people.slotOf(4)).toBeUndefined();
    expect(standings.at(-1)).toBe('catching-up');
    server.held?.();
    await settled();
    expect(live.people.lamp(live.people.slotOf(4) ?? -1)).toBe('h');
    expect(server.reading).toBe(2);
    expect(server.sights.at(-1)?.ids).toEqual([1]);
  });

  it('takes in who has come, changed or gone', async () => {
    await say(event('e-11', 'person', { what: 'added', person: { id: 7 }, row: { ...state(7, 'h', 'Lunch'), person: { id: 7, extension: '207', name: 'Aa', department: 'New', title: '', competences: ['x'] } } }));
    expect(live.people.order.map((slot) => live.people.ids[slot])).toEqual([7, 1, 2, 3]);
    await say(event('e-12', 'person', { what: 'removed', person: { id: 2 }, row: null }));
    expect(live.people.order.map((slot) => live.people.ids[slot])).toEqual([7, 1, 3]);
    expect(live.people.lamp(1)).toBeNull();
  });
});

describe('rowOf', () => {
  it('keeps what an event leaves out about the age, and never calls it available then', () => {
    const before = rowOf(state(1, 'u', 'Available', { unconfirmed: 'not confirmed since 09:12' }));
    const { person, availability } = state(1, 'a', 'Available');
    expect(rowOf({ person, availability }, before)).toMatchObject({ lamp: 'u', unconfirmed: 'not confirmed since 09:12' });
    expect(rowOf({ person, availability }).lamp).toBe('a');
    expect(rowOf({ person, availability: { ...availability, state: 'referred', by_hand: true } }, before).lamp).toBe('h');
  });

  it('takes texts for texts', () => {
    const row = rowOf(state(1, 'r', '\u202e<b>', { problem: 'x'.repeat(9999) }));
    expect(row.words).toBe('<b>');
    expect(row.problem).toHaveLength(301);
  });
});

it('compares ids of one run of the server only', () => {
  expect(markOf('0a-17')).toEqual({ epoch: '0a', number: 17 });
  expect([markOf('17'), markOf('a-'), markOf('a-x')]).toEqual([null, { epoch: 'a', number: 0 }, null]);
  expect(isLater('a-10', 'a-9')).toBe(true);
  expect(isLater('a-9', 'a-10')).toBe(false);
  expect(isLater('b-10', 'a-9')).toBe(false);
});

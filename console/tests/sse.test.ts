// The stream of events: taken apart however it is cut, listened to again where it ends.
import { describe, expect, it, vi } from 'vitest';
import { Problem } from '../src/lib/api';
import { Parser, backOff, follow, type Connection, type SseEvent } from '../src/lib/sse';

const STREAM =
  '\ufeffretry: 2000\nid: e-1\n\n: quiet\nid: e-2\n\nevent: lamps\ndata: {"lamps":\ndata: {}}\n\r\nid: e-3\r\nevent:availability\r\ndata:a\r\rdata\n\nid\n\n';

describe('Parser', () => {
  it('reads what a stream says', () => {
    const parser = new Parser();
    expect(parser.feed(STREAM)).toEqual([
      { id: 'e-2', event: 'lamps', data: '{"lamps":\n{}}' },
      { id: 'e-3', event: 'availability', data: 'a' },
      { id: 'e-3', event: 'message', data: '' },
    ]);
    expect(parser.retry).toBe(2000);
    expect(parser.lastId).toBe('');
  });

  it.each([1, 2, 3, 5, 7])('reads the same in pieces of %d characters', (size) => {
    const parser = new Parser();
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    expect(pieces.flatMap((piece) => parser.feed(piece))).toEqual(new Parser().feed(STREAM));
  });

  it('keeps an id for later only once its block has ended', () => {
    const parser = new Parser();
    parser.feed('id: e-1\n\nid: e-2\ndata: half of');
    expect(parser.lastId).toBe('e-1');
  });

  it('ignores an id with a NUL, a retry that is no number, and fields that it does not know', () => {
    const parser = new Parser();
    expect(parser.feed('id: a\0b\nretry: 1s\nfoo: bar\ndata: x\n\n')).toEqual([{ id: '', event: 'message', data: 'x' }]);
    expect(parser.retry).toBeNull();
  });
});

it('waits twice as long each time, spread, and never longer than a quarter of a minute', () => {
  expect([1, 2, 3].map((tries) => backOff(tries, 1000, 1))).toEqual([1000, 2000, 4000]);
  expect(backOff(1, 1000, 0)).toBe(500);
  expect(backOff(30, 1000, 1)).toBe(15_000);
});

/** What a server says to each try; `null`: it hangs afterwards. */
class Server {
  readonly asked: Record<string, string>[] = [];
  readonly states: Connection[] = [];
  readonly heard: SseEvent[] = [];
  readonly waited: number[] = [];
  private readonly ending = new AbortController();

  constructor(private readonly answers: (string | Error | null)[]) {}

  async run(more: { after?: string; probe?: () => Promise<unknown> } = {}): Promise<void> {
    await follow(
      {
        ...more,
        quiet: 0.01,
        open: async (headers, signal) => {
          this.asked.push(headers);
          const answer = this.answers.shift();
          if (answer === undefined) {
            this.ending.abort();
            throw new Error('nothing more');
          }
          if (answer instanceof Error) throw answer;
          return new Response(answer === null ? hanging(signal) : answer);
        },
        events: (events) => this.heard.push(...events),
        state: (state) => this.states.push(state),
        wait: async (milliseconds) => {
          this.waited.push(milliseconds);
        },
        random: () => 1,
      },
      this.ending.signal,
    );
  }
}

function hanging(signal: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('id: e-9\n\n'));
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
}

describe('follow', () => {
  it('comes again with the id heard last, which it has from the address at first', async () => {
    const server = new Server(['retry: 3000\nid: e-5\n\ndata: a\n\n', 'data: b\n\n']);
    await server.run({ after: 'e-1' });
    expect(server.asked.map((headers) => headers['Last-Event-ID'])).toEqual(['e-1', 'e-5', 'e-5']);
    expect(server.heard.map((event) => event.data)).toEqual(['a', 'b']);
    expect(server.states).toEqual(['connecting', 'open', 'lost', 'connecting', 'open', 'lost', 'connecting']);
    expect(server.waited).toEqual([3000, 3000]);
  });

  it('backs off while nobody answers', async () => {
    const server = new Server([new Problem(0, '', ''), new Problem(503, '', ''), new TypeError('network')]);
    await server.run();
    expect(server.waited).toEqual([1000, 2000, 4000]);
    expect(server.states.filter((state) => state === 'open')).toEqual([]);
  });

  it('ends where the sign-in has', async () => {
    const server = new Server([new Problem(401, '', ''), 'data: never\n\n']);
    await server.run();
    expect(server.asked).toHaveLength(1);
    expect(server.heard).toEqual([]);
  });

  it('counts a stream as lost that is quiet while the server does not answer', async () => {
    const probe = vi.fn(() => Promise.reject(new Error('no answer')));
    const server = new Server([null, 'data: b\n\n']);
    await server.run({ probe });
    expect(probe).toHaveBeenCalledOnce();
    expect(server.asked[1]).toMatchObject({ 'Last-Event-ID': 'e-9' });
    expect(server.heard.map((event) => event.data)).toEqual(['b']);
  });

  it('keeps one that is quiet while the server does answer', async () => {
    let probes = 0;
    const probe = (): Promise<unknown> => ((probes += 1) < 3 ? Promise.resolve() : Promise.reject(new Error('no more')));
    const server = new Server([null]);
    await server.run({ probe });
    expect(probes).toBe(3);
    expect(server.states).toEqual(['connecting', 'open', 'lost', 'connecting']);
  });

  it('reads letters that are cut in two', async () => {
    const bytes = new TextEncoder().encode('data: Åsa\n\n');
    const ending = new AbortController();
    const heard: SseEvent[] = [];
    await follow(
      {
        open: async () =>
          new Response(
            new ReadableStream({
              start(controller) {
                controller.enqueue(bytes.slice(0, 7));
                controller.enqueue(bytes.slice(7));
                controller.close();
              },
            }),
          ),
        events: (events) => heard.push(...events),
        state: (state) => state === 'lost' && ending.abort(),
      },
      ending.signal,
    );
    expect(heard[0]?.data).toBe('Åsa');
  });
});

// Asking the API: the role that a page asks as, and errors that can be shown.
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Api, Problem, inWords } from '../src/lib/api';
import { chooseLanguage } from '../src/lib/words.svelte';

const answering = (body: string, init: ResponseInit = {}) =>
  vi.fn<typeof fetch>(() => Promise.resolve(new Response(init.status === 204 ? null : body, init)));
const refused = async (asked: Promise<unknown>): Promise<Problem> => {
  const error: unknown = await asked.then(
    () => undefined,
    (one: unknown) => one,
  );
  if (!(error instanceof Problem)) throw new Error(`no problem: ${String(error)}`);
  return error;
};

beforeAll(async () => {
  Object.assign(globalThis, { document: { documentElement: {} } });
  await chooseLanguage('en');
});

describe('a request', () => {
  it('says as what it asks, and sends JSON', async () => {
    const fetching = answering('{"a": 1}');
    expect(await new Api('attendant', undefined, fetching).put('/people/id:1/override', { reason: 'lunch' })).toEqual({ a: 1 });
    const [path, init] = fetching.mock.calls[0] ?? [];
    expect(path).toBe('/api/v1/people/id:1/override');
    expect(init).toMatchObject({ method: 'PUT', body: '{"reason":"lunch"}', cache: 'no-store', redirect: 'error' });
    expect(init?.headers).toMatchObject({ 'Backsoon-Role': 'attendant', 'Content-Type': 'application/json' });
  });

  it('says nothing of a role where nobody is signed in, and no type where there is no body', async () => {
    const fetching = answering('', { status: 204 });
    expect(await new Api(null, undefined, fetching).delete('/session')).toBeNull();
    expect(Object.keys(fetching.mock.calls[0]?.[1]?.headers ?? {})).toEqual(['Accept']);
  });
});

describe('an error', () => {
  it('is what the server says about it', async () => {
    const body = JSON.stringify({ title: 'No such reason', detail: 'there is no nap', remedy: 'take another', people: [] });
    const problem = await refused(new Api('person', undefined, answering(body, { status: 409 })).get('/x'));
    expect(problem).toMatchObject({ status: 409, title: 'No such reason', detail: 'there is no nap', remedy: 'take another' });
    expect(problem.body['people']).toEqual([]);
    expect(inWords(problem)).toEqual({ text: 'That does not fit what there is now.', detail: 'there is no nap', remedy: 'take another' });
  });

  it.each(['<html>Bad gateway', '', '[1]', 'null', '{"title": 5}'])('may come from elsewhere: %j', async (body) => {
    const problem = await refused(new Api('person', undefined, answering(body, { status: 502 })).get('/x'));
    expect([problem.title, problem.detail, inWords(problem).text]).toEqual(['', '', 'Backsoon cannot reach its store just now.']);
  });

  it('is that nobody answers', async () => {
    const problem = await refused(new Api('person', undefined, () => Promise.reject(new TypeError('network'))).get('/x'));
    expect(problem.status).toBe(0);
    expect(inWords(problem).text).toBe('Backsoon does not answer.');
  });

  it('says how long to wait', async () => {
    const answer = answering('{}', { status: 429, headers: { 'Retry-After': '7' } });
    expect(inWords(await refused(new Api(null, undefined, answer).get('/session'))).text).toBe('Too many tries. Wait 7 seconds.');
  });

  it('is none where the page itself has given up', async () => {
    const ending = new AbortController();
    ending.abort();
    const fetching = (() => Promise.reject(new DOMException('gone', 'AbortError'))) as typeof fetch;
    await expect(new Api('person', undefined, fetching).get('/x', ending.signal)).rejects.toThrow('gone');
  });
});

it('tells whoever wants to know that the sign-in has ended, but not where there was none', async () => {
  const ended = vi.fn();
  await refused(new Api('person', ended, answering('{}', { status: 401 })).get('/x'));
  expect(ended).toHaveBeenCalledOnce();
  await refused(new Api(null, ended, answering('{}', { status: 401 })).get('/session'));
  await refused(new Api('person', ended, answering('{}', { status: 403 })).get('/x'));
  expect(ended).toHaveBeenCalledOnce();
});

it('tells whoever wants to know that something was forbidden to its role', async () => {
  const forbidden = vi.fn();
  const asking = (role: 'person' | null, status: number): Promise<unknown> =>
    refused(new Api(role, undefined, answering('{}', { status }), forbidden).get('/x'));
  await asking('person', 401);
  await asking(null, 403);
  expect(forbidden).not.toHaveBeenCalled();
  await asking('person', 403);
  expect(forbidden).toHaveBeenCalledOnce();
});

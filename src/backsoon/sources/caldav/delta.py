"""What changed in one collection: by the server's sync token (RFC 6578), or by comparing ETags where it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from backsoon.sources.base import SourceBroken, SourceTooLarge
from backsoon.sources.caldav import bodies
from backsoon.sources.caldav.dav import Dav, Refused
from backsoon.sources.caldav.discovery import Collection
from backsoon.sources.caldav.fetch import GONE, TRUNCATED, Fetch, members
from backsoon.sources.caldav.token import State, digest, short

# RFC 6578 says 403 with a condition; servers say these as well, with it or without.
_STALE: Final = frozenset({403, 409, 410, 412})
_UNSUPPORTED: Final = frozenset({400, 405, 415, 422, 501})


class Stale(Exception):
    """The collection has to be read whole. `distrusted`: its sync tokens are of no use, compare ETags from now on."""

    def __init__(self, *, distrusted: bool = False) -> None:
        self.distrusted = distrusted
        super().__init__()


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed in one collection, and what is remembered of it from now on."""

    state: State
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


async def since(dav: Dav, state: State, seen: Collection) -> Delta:
    """What changed in a collection since `state`; `seen` is what the server says of it now. Raises `Stale`."""
    if state.sync:
        if seen.sync_token == state.sync:
            return Delta(state, frozenset(state.again))
        return await _by_sync_token(dav, state, seen.href)
    if seen.ctag and seen.ctag == state.ctag:
        return Delta(state, frozenset(state.again))
    return await _by_etags(dav, state, seen)


async def _by_sync_token(dav: Dav, state: State, collection: str) -> Delta:
    changed, removed, token = set(state.again), set[str](), state.sync
    for _ in range(dav.limits.pages):
        try:
            page = await dav.report(collection, 0, bodies.sync_collection(token))
        except Refused as error:
            raise _stale(error) from None
        for answer in members(page.answers, collection):
            into, out = (removed, changed) if answer.status in GONE else (changed, removed)
            into.add(answer.path)
            out.discard(answer.path)
        if not page.sync_token or len(changed) + len(removed) > dav.limits.items:
            raise SourceBroken("a sync report without a token, or without an end")
        more = any(answer.status == TRUNCATED for answer in page.answers)
        if more and page.sync_token == token:
            raise SourceBroken("a sync report that goes round in a circle")
        token = page.sync_token
        if not more:
            return Delta(State(sync=token), frozenset(changed), frozenset(removed))
    raise SourceTooLarge(f"a sync report of more than {dav.limits.pages} pages")


def _stale(error: Refused) -> Exception:
    if error.status in _UNSUPPORTED:
        return Stale(distrusted=True)
    if error.status in _STALE:
        # Without the condition it may mean "not here", and would mean it after the next complete read again.
        return Stale(distrusted=bodies.VALID_SYNC_TOKEN not in error.conditions)
    return error


async def _by_etags(dav: Dav, state: State, seen: Collection) -> Delta:
    versions = await Fetch(dav).versions(seen.href)
    now = _shortened(versions, seen.href)
    if state.etags is None:
        if digest(now) != state.digest:
            raise Stale
        return Delta(msgspec.structs.replace(state, ctag=seen.ctag), frozenset(state.again))
    before = state.etags
    changed = {seen.href + name for name, etag in now.items() if etag == NO_ETAG or before.get(name) != etag}
    removed = {seen.href + name for name in before.keys() - now.keys()}
    again = set(state.again) - removed
    return Delta(_state(dav, seen, now), frozenset(changed | again), frozenset(removed))


async def first_state(dav: Dav, seen: Collection, *, distrusted: bool) -> State:
    """What is remembered of a collection that is about to be read whole: what was true *before* its data are read."""
    if seen.sync_token and not distrusted:
        return State(sync=seen.sync_token)
    return _state(dav, seen, _shortened(await Fetch(dav).versions(seen.href), seen.href))


def _state(dav: Dav, seen: Collection, etags: dict[str, str]) -> State:
    if len(etags) > dav.limits.etags:
        return State(ctag=seen.ctag, digest=digest(etags))
    return State(ctag=seen.ctag, etags=etags)


NO_ETAG: Final = short("")


def _shortened(versions: dict[str, str], collection: str) -> dict[str, str]:
    return {path.removeprefix(collection): short(etag) for path, etag in versions.items()}

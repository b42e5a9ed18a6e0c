"""What Graph answers of one mailbox: calendarView, its delta, single events, automatic replies, who it is."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tests.simulators.graph.events import CHANGING, EPOCH, IMMUTABLE, Teller, in_order, selected
from tests.simulators.graph.protocol import Answer, Asked, Refused, instant_of, timed
from tests.simulators.model import Mailbox, Occurrence, Stored

UNTRACKED: Final = ("$select", "$filter", "$orderby", "$expand", "$search")
WIDEST: Final = timedelta(days=1825)
DEFAULT_PAGE, LARGEST_PAGE = 10, 1000
REPLY_TEXT = "ZQ-CANARY-REPLY I am at the sea"


@dataclass
class Behaviour:
    """What differs between tenants and days."""

    repeat_in_delta: bool = False
    """Every page of a delta tells its first entity again at its end."""
    generation: int = 0
    """Tokens of an earlier one have expired."""
    largest_page: int = LARGEST_PAGE
    """Pages are no larger than this, whatever is asked for."""


@dataclass(frozen=True)
class _Token:
    """Where a delta round stands: the window and the last version told.

    `began` is the mailbox's version when the first round began, -1 in later ones: what had gone by then, or was not in
    the window, is not told as removed.
    """

    mailbox: str
    start: str
    end: str
    began: int
    told: int
    generation: int

    def text(self) -> str:
        packed = json.dumps([self.mailbox, self.start, self.end, self.began, self.told, self.generation])
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> _Token:
        try:
            return cls(*json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        except (ValueError, TypeError, binascii.Error) as error:
            raise Refused(400, "SyncStateInvalid", "the token is none") from error


def calendar_view(asked: Asked, mailbox: Mailbox, behaviour: Behaviour) -> Answer:
    """Occurrences that overlap the window, series expanded, by start, in pages."""
    start, end = _window(asked)
    for option in ("$filter", "$search", "$expand"):
        if asked.option(option):
            raise Refused(501, "NotImplemented", f"this simulator knows no {option}")
    names = frozenset(each.strip().lower() for each in (asked.option("$select") or "").split(",") if each.strip())
    size = min(_number(asked, "$top", _page(asked)), behaviour.largest_page)
    skipped = _number(asked, "$skip", 0)
    found = in_order(mailbox.occurrences(start, end))
    teller = _teller(asked, mailbox)
    value = [selected(teller.occurrence(*each), names) for each in found[skipped : skipped + size]]
    body = {"@odata.context": _context(asked, mailbox, "calendarView"), "value": value}
    if len(found) > skipped + size:
        body["@odata.nextLink"] = _link(asked, {"$skip": str(skipped + size)})
    return _honoured(asked, Answer(200, body))


def instances(asked: Asked, mailbox: Mailbox, event_id: str, behaviour: Behaviour) -> Answer:
    """The occurrences of one series that overlap the window, in pages."""
    stored = mailbox.items.get(event_id.removeprefix(IMMUTABLE).removeprefix(CHANGING))
    if stored is None:
        raise Refused(404, "ErrorItemNotFound", "the object was not found in the store")
    if stored.meeting.repeats is None:
        raise Refused(400, "ErrorInvalidRequest", "only a series has instances")
    alone = Mailbox(mailbox.address, mailbox.zone, items={stored.id: stored})
    return calendar_view(asked, alone, behaviour)


def delta(asked: Asked, mailbox: Mailbox, behaviour: Behaviour) -> Answer:
    """What has changed in the window since the token, in pages; the series of a page is never cut in two."""
    if refused := [each for each in UNTRACKED if asked.option(each) is not None]:
        raise Refused(400, "ErrorInvalidUrlQuery", f"not supported with change tracking: {', '.join(refused)}")
    token = _token(asked, mailbox, behaviour)
    start, end = instant_of(token.start), instant_of(token.end)
    size = min(_page(asked), behaviour.largest_page)
    value: list[dict[str, Any]] = []
    told = token.told
    teller = _teller(asked, mailbox)
    pending = _changed(mailbox, token)
    for version, stored_id in pending:
        value += _entities(teller, mailbox, stored_id, start, end, initial=version <= token.began)
        told = version
        if len(value) >= size:
            break
    if value and behaviour.repeat_in_delta:
        value.append(value[0])
    body = {"@odata.context": _context(asked, mailbox, "event"), "value": value}
    more = any(version > told for version, _ in pending)
    following = replace(token, told=told) if more else replace(token, told=max(told, token.began), began=-1)
    body["@odata.nextLink" if more else "@odata.deltaLink"] = _link(
        asked, {"$skiptoken" if more else "$deltatoken": following.text()}, only=True
    )
    return _honoured(asked, Answer(200, body))


def event(asked: Asked, mailbox: Mailbox, event_id: str) -> Answer:
    """One meeting, series or occurrence by its id, of either kind."""
    names = frozenset(each.strip().lower() for each in (asked.option("$select") or "").split(",") if each.strip())
    teller = _teller(asked, mailbox)
    plain = event_id.removeprefix(IMMUTABLE).removeprefix(CHANGING)
    stored = mailbox.items.get(plain.partition(".OC.")[0].partition(".EX.")[0])
    if stored is None:
        raise Refused(404, "ErrorItemNotFound", "the object was not found in the store")
    if stored.meeting.repeats is not None and plain == stored.id:
        return _honoured(asked, Answer(200, selected(teller.master(stored), names)))
    for each, occurrence in mailbox.occurrences(EPOCH - WIDEST, EPOCH + 2 * WIDEST):
        told = teller.occurrence(each, occurrence) if each is stored else {}
        if told.get("id", "")[4:] == plain:
            return _honoured(asked, Answer(200, selected(told, names)))
    raise Refused(404, "ErrorItemNotFound", "the object was not found in the store")


def automatic_replies(asked: Asked, mailbox: Mailbox) -> Answer:
    """The automatic reply; Graph always tells its texts as well."""
    reply = mailbox.reply
    start, end = reply.start or EPOCH, reply.end or EPOCH + timedelta(days=1)
    context = f"{asked.base}/$metadata#users('{quote(mailbox.address)}')/mailboxSettings/automaticRepliesSetting"
    told: dict[str, Any] = {
        "status": reply.state,
        "externalAudience": "all",
        "internalReplyMessage": REPLY_TEXT,
        "externalReplyMessage": REPLY_TEXT,
        "scheduledStartDateTime": timed(start, asked.zone()),
        "scheduledEndDateTime": timed(end, asked.zone()),
    }
    names = {each.strip() for each in (asked.option("$select") or "").split(",") if each.strip()}
    return Answer(200, {"@odata.context": context} | {k: v for k, v in told.items() if not names or k in names})


def mailbox_settings(asked: Asked, mailbox: Mailbox) -> Answer:
    """All settings; `$select` may ask for some of them."""
    whole = automatic_replies(Asked("GET", asked.path, {}, asked.headers, base=asked.base), mailbox).body
    whole.pop("@odata.context")
    told: dict[str, Any] = {
        "automaticRepliesSetting": whole,
        "timeZone": mailbox.zone,
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
    }
    names = {each.strip() for each in (asked.option("$select") or "").split(",") if each.strip()}
    return Answer(200, {k: v for k, v in told.items() if not names or k in names})


def calendar(asked: Asked, mailbox: Mailbox) -> Answer:
    """The mailbox's own calendar."""
    owner = {"name": mailbox.address, "address": mailbox.address}
    return Answer(
        200,
        {
            "@odata.context": f"{asked.base}/$metadata#users('{quote(mailbox.address)}')/calendar/$entity",
            "id": IMMUTABLE + "calendar",
            "name": "Calendar",
            "color": "auto",
            "changeKey": "1",
            "canEdit": False,
            "canShare": False,
            "canViewPrivateItems": True,
            "isDefaultCalendar": True,
            "owner": owner,
        },
    )


def _entities(
    teller: Teller, mailbox: Mailbox, stored_id: str, start: datetime, end: datetime, *, initial: bool
) -> Iterator[dict[str, Any]]:
    """All that a delta tells of a meeting or series: removed where it is gone or (later on) not in the window."""
    stored = mailbox.items.get(stored_id)
    found = [] if stored is None else in_order(each for each in _of(mailbox, stored, start, end))
    if stored is None or (not found and not initial):
        yield {
            "@odata.type": "#microsoft.graph.event",
            "id": teller.id(stored_id),
            "@removed": {"reason": "deleted"},
        }
    elif found:
        if stored.meeting.repeats is not None:
            yield {key: value for key, value in teller.master(stored).items() if key != "cancelledOccurrences"}
        for each in found:
            yield teller.sent(*each)


def _of(mailbox: Mailbox, stored: Stored, start: datetime, end: datetime) -> Iterator[tuple[Stored, Occurrence]]:
    alone = Mailbox(mailbox.address, mailbox.zone, items={stored.id: stored})
    return alone.occurrences(start, end)


def _changed(mailbox: Mailbox, token: _Token) -> list[tuple[int, str]]:
    """Versions after the last one told, with what changed, in order. At first: what is there, and what goes then."""
    gone = [(version, id) for id, version in mailbox.gone.items() if version > max(token.told, token.began)]
    return sorted([(s.version, s.id) for s in mailbox.items.values() if s.version > token.told] + gone)


def _token(asked: Asked, mailbox: Mailbox, behaviour: Behaviour) -> _Token:
    text = asked.option("$skiptoken") or asked.option("$deltatoken")
    if text is None:
        start, end = _window(asked)
        return _Token(mailbox.address, start.isoformat(), end.isoformat(), mailbox.version, 0, behaviour.generation)
    token = _Token.read(text)
    if token.mailbox != mailbox.address:
        raise Refused(400, "SyncStateInvalid", "the token is another mailbox's")
    if token.generation != behaviour.generation:
        raise expired(asked)
    return token


def expired(asked: Asked) -> Refused:
    """The answer to a token that is not known any more."""
    where = f"{asked.base}{asked.path}?$deltatoken="
    return Refused(410, "SyncStateNotFound", "the sync state was not found; begin anew", Location=where)


def _window(asked: Asked) -> tuple[datetime, datetime]:
    told = asked.option("startDateTime"), asked.option("endDateTime")
    if told[0] is None or told[1] is None:
        raise Refused(400, "ErrorInvalidRequest", "startDateTime and endDateTime are required")
    start, end = instant_of(told[0], asked.zone()), instant_of(told[1], asked.zone())
    if end < start:
        raise Refused(400, "ErrorInvalidParameter", "the window ends before it starts")
    if end - start > WIDEST:
        raise Refused(400, "ErrorCalendarViewRangeTooBig", "the window is wider than 1825 days")
    return start, end


def _page(asked: Asked) -> int:
    return min(LARGEST_PAGE, max(1, int(asked.preferences().get("odata.maxpagesize", DEFAULT_PAGE))))


def _number(asked: Asked, option: str, default: int) -> int:
    text = asked.option(option)
    if text is None:
        return default
    if not text.isdigit() or (option == "$top" and not 1 <= int(text) <= LARGEST_PAGE):
        raise Refused(400, "ErrorInvalidUrlQuery", f"{option} is none")
    return int(text)


def _teller(asked: Asked, mailbox: Mailbox) -> Teller:
    return Teller(mailbox, asked.zone(), asked.immutable(), EPOCH)


def _link(asked: Asked, more: dict[str, str], *, only: bool = False) -> str:
    """The address of this request with other options, encoded as Graph encodes them."""
    kept = {} if only else {k: v for k, v in asked.query.items() if k.lower() not in more}
    options = "&".join(f"{quote(k, safe='$')}={quote(v, safe='')}" for k, v in {**kept, **more}.items())
    return f"{asked.base}{quote(asked.path, safe='/@()')}?{options}"


def _context(asked: Asked, mailbox: Mailbox, what: str) -> str:
    if what == "event":
        return f"{asked.base}/$metadata#Collection(event)"
    return f"{asked.base}/$metadata#users('{quote(mailbox.address)}')/{what}"


def _honoured(asked: Asked, answer: Answer) -> Answer:
    kept = [f'{key}="{value}"' for key, value in asked.preferences().items() if key in ("outlook.timezone", "idtype")]
    return answer.also(Preference_Applied=", ".join(kept)) if kept else answer

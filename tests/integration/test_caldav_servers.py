"""CalDAV on real servers: discovery, service accounts, homes that change, and events that spoil things."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.domain.model import Response
from backsoon.sources.base import SourceDenied, SourceError, SourceMissing, SourceUnavailable
from backsoon.sources.caldav import CalDavSource, discover
from backsoon.sources.ical.worker import Reader
from backsoon.testing.events import MONDAY, WINDOW, Event, Stored, facts
from backsoon.wire.auth import Credentials
from backsoon.wire.http import Http
from tests.faulty_proxy import Fault, proxying
from tests.inline_reader import InlineReader
from tests.peers import require_peer
from tests.servers import SERVICE, USERS, DavServer, make_radicale, make_xandikos

OFFICE = Event("office")
LUNCH = Event("lunch", start=MONDAY + timedelta(days=1))
THIRD = Event("third", start=MONDAY + timedelta(days=2))
TASK_LIST = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>
</D:prop></D:set></C:mkcalendar>"""


@dataclass
class Person:
    """Somebody on a server of the test's own, and what is stored of their calendars."""

    server: DavServer
    http: Http
    user: str
    calendars: list[str] = field(default_factory=list)

    def account(self, name: str | None = None) -> Credentials:
        return Credentials(name or self.user, self.server.users[name or self.user])

    def source(self, path: str, *, account: str | None = None) -> CalDavSource:
        url = self.server.url.rstrip("/") + path
        return CalDavSource(self.http, InlineReader(), url, zone="Europe/Oslo", credentials=self.account(account))

    def calendar(self, name: str, *events: Event) -> str:
        path = self.server.make_calendar(f"/{self.user}/{name}/", self.user)
        self.calendars.append(path)
        for event in events:
            self.server.put(f"{path}{event.uid}.ics", event.ics(), self.user)
        return path


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(deadline=20) as http:
        yield http


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    """A Radicale of this module's own: homes are listed here, and what others leave there would show."""
    server = make_radicale(require_peer("caldav"), tmp_path_factory.mktemp("radicale"), USERS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bo(server: DavServer, http: Http) -> Iterator[Person]:
    """Bo, who has no calendar yet."""
    person = Person(server, http, "bo")
    yield person
    for path in person.calendars:
        with suppress(RuntimeError):  # the test took it away
            server.delete(path, "bo")


class TestRadicale:
    @pytest.mark.parametrize("address", ["", "/", "/bo/", "/bo"])
    async def test_each_address_leads_to_the_calendars(self, bo: Person, address: str) -> None:
        bo.calendar("work")
        bo.calendar("home")
        assert bo.server.request("MKCALENDAR", "/bo/tasks/", TASK_LIST, "bo")[0] == 201
        bo.calendars.append("/bo/tasks/")
        url = bo.server.url.rstrip("/") + address
        calendars = await discover(bo.http, url, bo.account())
        assert {c.href: c.because for c in calendars} == {
            "/bo/work/": "",
            "/bo/home/": "",
            "/bo/tasks/": "it holds no events",
        }

    async def test_a_wrong_password_is_denied(self, bo: Person) -> None:
        with pytest.raises(SourceDenied):
            await discover(bo.http, bo.server.url, Credentials("bo", "wrong"))

    async def test_somebody_elses_calendars_are_denied(self, bo: Person) -> None:
        bo.calendar("work", OFFICE)
        for path in ("/bo/", "/bo/work/"):
            with pytest.raises(SourceDenied):
                await bo.source(path, account="anna").changes(WINDOW, None)

    @pytest.mark.parametrize("path", ["/bo/", "/bo/work/"])
    async def test_a_service_account_reads_by_each_address(self, bo: Person, path: str) -> None:
        bo.calendar("work", OFFICE)
        stored, source = Stored(), bo.source(path, account=SERVICE)
        stored.apply(await source.changes(WINDOW, None))
        bo.server.put("/bo/work/lunch.ics", LUNCH.ics(), "bo")
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(OFFICE, LUNCH)

    async def test_calendars_that_come_and_go(self, bo: Person) -> None:
        bo.calendar("work", OFFICE)
        stored, source = Stored(), bo.source("/bo/")
        stored.apply(await source.changes(WINDOW, None))
        home = bo.calendar("home", LUNCH)
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(OFFICE, LUNCH)
        bo.server.delete(home, "bo")
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(OFFICE)
        bo.server.delete("/bo/work/", "bo")
        with pytest.raises(SourceError):
            await source.changes(WINDOW, stored.token)

    async def test_a_calendar_that_is_gone_is_missing(self, bo: Person) -> None:
        path = bo.calendar("work", OFFICE)
        source = bo.source(path)
        token = (await source.changes(WINDOW, None)).sync_token
        bo.server.delete(path, "bo")
        for known in (token, None):
            with pytest.raises(SourceMissing):
                await source.changes(WINDOW, known)

    async def test_a_server_that_stops_and_starts_again(self, bo: Person) -> None:
        bo.calendar("work", OFFICE)
        stored, source = Stored(), bo.source("/bo/")
        stored.apply(await source.changes(WINDOW, None))
        bo.server.stop()
        for token in (stored.token, None):
            with pytest.raises(SourceUnavailable):
                await source.changes(WINDOW, token)
        bo.server.start()
        bo.server.put("/bo/work/lunch.ics", LUNCH.ics(), "bo")
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(OFFICE, LUNCH)

    async def test_an_event_that_spoils_the_xml_of_all(self, bo: Person) -> None:
        """Some servers hand out control characters that no XML may hold; the other events are read all the same."""
        path = bo.calendar("work", OFFICE)

        def spoil(_request: web.BaseRequest, status: int, body: bytes) -> web.Response | None:
            return web.Response(status=status, body=body.replace(b"Bell", b"B\x07ll")) if b"Bell" in body else None

        async with proxying(bo.server.url.rstrip("/")) as proxy:
            proxy.spoil = spoil
            source = CalDavSource(bo.http, InlineReader(), proxy.url + path, zone="UTC", credentials=bo.account())
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            bo.server.put(f"{path}third.ics", THIRD.ics(), "bo")
            bo.server.put(f"{path}lunch.ics", LUNCH.but(subject="Bell").ics(), "bo")
            for token in (stored.token, None):
                changes = stored.apply(await source.changes(WINDOW, token))
                assert {uid for uid, *_ in stored.facts} == {"office", "lunch", "third"}
                assert changes.rejected == ()

    async def test_the_owners_answer_is_read(self, bo: Person) -> None:
        attendee = "ORGANIZER:mailto:a@x.example\r\nATTENDEE;PARTSTAT=DECLINED:mailto:bo@x.example\r\nSUMMARY"
        path = bo.calendar("work")
        bo.server.put(f"{path}x.ics", OFFICE.ics().replace("SUMMARY", attendee), "bo")
        url = bo.server.url.rstrip("/") + path
        owner = frozenset({"bo@x.example"})
        source = CalDavSource(bo.http, InlineReader(), url, zone="UTC", owner=owner, credentials=bo.account())
        [entry] = (await source.changes(WINDOW, None)).entries
        assert entry.response is Response.DECLINED


async def test_reading_through_the_worker_process(bo: Person) -> None:
    """As it is in production: the calendar's bytes are expanded elsewhere."""
    path = bo.calendar("work", OFFICE, Event("series", count=200))
    async with Reader() as reader:
        url = bo.server.url.rstrip("/") + path
        source = CalDavSource(bo.http, reader, url, zone="Europe/Oslo", credentials=bo.account())
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        assert stored.facts == facts(OFFICE, Event("series", count=200))
        assert len(stored.facts) == 31


class TestXandikos:
    @pytest.mark.parametrize("address", ["", "/user/", "/user/calendars/"])
    async def test_each_address_leads_to_the_calendars(self, xandikos: DavServer, http: Http, address: str) -> None:
        calendars = await discover(http, xandikos.url + address.lstrip("/"), None)
        assert "/user/calendars/calendar/" in [c.href for c in calendars if not c.because]

    async def test_an_event_with_a_rule_that_never_ends_is_left_out(self, tmp_path: Path, http: Http) -> None:
        """On a server of its own, for the rule may hang the server too."""
        server = make_xandikos(require_peer("caldav"), tmp_path)
        server.start()
        try:
            path = "/user/calendars/calendar/"
            server.put(f"{path}office.ics", OFFICE.ics())
            source, stored = CalDavSource(http, InlineReader(), server.url.rstrip("/") + path, zone="UTC"), Stored()
            stored.apply(await source.changes(WINDOW, None))
            bomb = LUNCH.ics().replace("SUMMARY", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30\r\nSUMMARY")
            server.put(f"{path}bomb.ics", bomb)
            changes = stored.apply(await source.changes(WINDOW, stored.token))
            assert [(r.resource, r.uid) for r in changes.rejected] == [(f"{path}bomb.ics", "lunch")]
            assert stored.facts == facts(OFFICE)
        finally:
            server.stop()


@pytest.mark.parametrize("fault", list(Fault))
async def test_nothing_is_removed_whatever_a_real_calendar_answers(bo: Person, fault: Fault) -> None:
    """The fault begins in the middle of a read: at each request in turn."""
    bo.calendar("work", OFFICE)
    bo.calendar("home", LUNCH)
    async with proxying(bo.server.url.rstrip("/")) as proxy:
        source = CalDavSource(bo.http, InlineReader(), f"{proxy.url}/bo/", zone="UTC", credentials=bo.account())
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        for after in range(4):
            bo.server.put("/bo/work/office.ics", OFFICE.but(minutes=30 + after).ics(), "bo")
            proxy.fail_after(after, fault)
            try:
                stored.apply(await source.changes(WINDOW, stored.token))
            except SourceError:
                assert proxy.fault is fault
            assert {uid for uid, *_ in stored.facts} == {"office", "lunch"}, after
            proxy.fail_after(None, None)
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(OFFICE.but(minutes=30 + after), LUNCH)

"""From an address to the calendars behind it, on servers of every habit."""

import pytest
from aiohttp import web

from backsoon.sources.base import SourceBroken, SourceDenied, SourceError, SourceMissing, SourceUnavailable
from backsoon.sources.caldav import Collection, discover
from backsoon.wire.http import Http
from tests.hostile import serving
from tests.unit.caldav.scripted import CALENDAR, HOME, IS_CALENDAR, IS_COLLECTION, Scripted, multistatus, response

PRINCIPAL = "/dav/principals/anna/"
WELL_KNOWN = "/.well-known/caldav"
EVENTS = '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
TASKS = '<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>'
OURS = f"<owner><href>{PRINCIPAL}</href></owner>"
MAY_READ = "<current-user-privilege-set><privilege><read/></privilege></current-user-privilege-set>"
MAY_SEE_BUSY = "<current-user-privilege-set><privilege><C:read-free-busy/></privilege></current-user-privilege-set>"


def whose(path: str, properties: str = "", principal: str = PRINCIPAL) -> web.Response:
    """What is at an address, and whose account asks."""
    return multistatus(
        response(path, f"{properties}<current-user-principal><href>{principal}</href></current-user-principal>")
    )


def homes(*paths: str) -> str:
    """The property of a principal."""
    return f"<C:calendar-home-set>{''.join(f'<href>{path}</href>' for path in paths)}</C:calendar-home-set>"


def server() -> Scripted:
    """Anna has a calendar home with two calendars and an inbox; the server's root is at /dav/."""
    script = Scripted()
    script.replies["where", "/dav/"] = whose("/dav/", IS_COLLECTION)
    script.replies["collections", "/dav/"] = multistatus(response("/dav/", IS_COLLECTION))
    script.replies["where", PRINCIPAL] = whose(PRINCIPAL, homes(HOME))
    script.replies["where", HOME] = whose(HOME, IS_COLLECTION)
    script.replies["where", CALENDAR] = whose(CALENDAR, IS_CALENDAR)
    script.replies["collections", CALENDAR] = multistatus(
        response(CALENDAR, f"{IS_CALENDAR}<displayname>Work</displayname>")
    )
    script.replies["collections", HOME] = multistatus(
        response(HOME, IS_COLLECTION + OURS),
        response(CALENDAR, f"{IS_CALENDAR}<displayname>Work</displayname>{EVENTS}{OURS}{MAY_READ}"),
        response(f"{HOME}inbox/", "<resourcetype><collection/><C:schedule-inbox/></resourcetype>"),
        response(f"{HOME}private", IS_CALENDAR),
    )
    return script


async def found(script: Scripted, address: str) -> list[Collection]:
    async with serving(script) as url, Http(deadline=5) as http:
        return await discover(http, url + address, None)


@pytest.mark.parametrize("address", ["/dav/", PRINCIPAL, HOME, "/dav/anna"])
async def test_root_principal_and_home_lead_to_the_same_calendars(address: str) -> None:
    script = server()
    script.replies["where", "/dav/anna"] = script.replies["where", HOME]
    calendars = await found(script, address)
    assert [(c.href, c.name, c.because) for c in calendars] == [(CALENDAR, "Work", ""), (f"{HOME}private/", "", "")]


async def test_one_calendar_is_that_calendar() -> None:
    assert [(c.href, c.name) for c in await found(server(), CALENDAR)] == [(CALENDAR, "Work")]


@pytest.mark.parametrize("address", ["", "/"])
async def test_a_host_is_asked_for_its_well_known_path_first(address: str) -> None:
    script = server()
    script.replies["where", WELL_KNOWN] = web.Response(status=301, headers={"Location": "/dav/"})
    assert len(await found(script, address)) == 2
    assert [asked for asked in script.asked[:2]] == [("where", WELL_KNOWN), ("where", "/dav/")]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=404),
        web.Response(status=403),
        web.Response(status=405),
        web.Response(text="<html>Welcome</html>"),
        web.Response(status=207, text="<html>"),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["404", "403", "405", "page", "no xml", "elsewhere"],
)
async def test_a_host_without_a_well_known_path_is_asked_at_its_root(answer: web.Response) -> None:
    script = server()
    script.replies["where", WELL_KNOWN] = answer
    script.replies["where", "/"] = whose("/", IS_COLLECTION)
    script.replies["collections", "/"] = multistatus(response("/", IS_COLLECTION))
    assert len(await found(script, "/")) == 2


async def test_a_host_that_is_busy_is_not_asked_elsewhere() -> None:
    script = server()
    script.replies["where", WELL_KNOWN] = web.Response(status=503)
    script.replies["where", "/"] = web.Response(status=503)
    with pytest.raises(SourceUnavailable):
        await found(script, "/")


async def test_a_well_known_path_that_leads_to_another_host_says_where() -> None:
    script = Scripted()
    script.replies["where", WELL_KNOWN] = web.Response(status=301, headers={"Location": "https://dav.example/x"})
    with pytest.raises(SourceBroken, match=r"https://dav\.example"):
        await found(script, "/")


async def test_a_home_on_another_host_says_where() -> None:
    script = server()
    script.replies["where", PRINCIPAL] = whose(PRINCIPAL, homes("https://p34-caldav.example/1/calendars/"))
    with pytest.raises(SourceBroken, match=r"p34-caldav\.example"):
        await found(script, PRINCIPAL)


async def test_several_homes_are_united() -> None:
    script = server()
    script.replies["where", PRINCIPAL] = whose(PRINCIPAL, homes(HOME, "/dav/shared/"))
    script.replies["collections", "/dav/shared/"] = multistatus(
        response("/dav/shared/", IS_COLLECTION), response("/dav/shared/team/", IS_CALENDAR)
    )
    assert [c.href for c in await found(script, PRINCIPAL)] == [CALENDAR, f"{HOME}private/", "/dav/shared/team/"]


@pytest.mark.parametrize(
    ("properties", "because"),
    [
        (IS_CALENDAR + TASKS, "no events"),
        (IS_CALENDAR + MAY_SEE_BUSY, "may not read"),
        (IS_CALENDAR + "<owner><href>/dav/principals/bo/</href></owner>", "somebody else"),
        ("<resourcetype><collection/><C:calendar/><S:subscribed/></resourcetype>", "subscription"),
    ],
)
async def test_calendars_that_are_not_read_say_why(properties: str, because: str) -> None:
    script = server()
    script.replies["collections", HOME] = multistatus(
        response(HOME, IS_COLLECTION + OURS), response(CALENDAR, IS_CALENDAR + OURS), response(f"{HOME}x/", properties)
    )
    [work, other] = await found(script, HOME)
    assert work.because == ""
    assert because in other.because


async def test_another_accounts_empty_home_is_not_mistaken_for_ones_own() -> None:
    """A service account that asks for Bo's home must never end in its own."""
    script = server()
    script.replies["where", "/dav/bo/"] = whose("/dav/bo/", IS_COLLECTION)
    script.replies["collections", "/dav/bo/"] = multistatus(response("/dav/bo/", IS_COLLECTION))
    with pytest.raises(SourceMissing):
        await found(script, "/dav/bo/")


async def test_no_calendar_to_read_is_an_error_and_not_an_empty_calendar() -> None:
    script = server()
    script.replies["collections", HOME] = multistatus(
        response(HOME, IS_COLLECTION), response(f"{HOME}tasks/", IS_CALENDAR + TASKS)
    )
    with pytest.raises(SourceMissing):
        await found(script, HOME)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(status=401), SourceDenied),
        (
            multistatus(response("/dav/", "<current-user-principal><unauthenticated/></current-user-principal>")),
            SourceDenied,
        ),
        (multistatus(response("/a/", IS_CALENDAR), response("/b/", IS_CALENDAR)), SourceBroken),
    ],
)
async def test_what_leads_nowhere_is_an_error(answer: web.Response, error: type[SourceError]) -> None:
    script = server()
    script.replies["where", "/dav/"] = answer
    with pytest.raises(error):
        await found(script, "/dav/")


async def test_a_name_is_cut_and_cleaned() -> None:
    script = server()
    name = "W&#13;&#10;&#x202e;ork" + "x" * 5_000
    script.replies["collections", CALENDAR] = multistatus(
        response(CALENDAR, f"{IS_CALENDAR}<displayname>{name}</displayname>")
    )
    [calendar] = await found(script, CALENDAR)
    assert calendar.name == "Work" + "x" * 196

"""Everybody's page, on a telephone: what somebody sees of themselves, and does about it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from backsoon.commands.demoing.company import PEOPLE
from tests.browser.cable import Cable, cable_to
from tests.browser.conftest import Opening, accessible
from tests.browser.house import House, furnished, until
from tests.browser.watching import Watched
from tests.midday import HERE
from tests.peers import require_peer

TELEPHONE, SMALL = (360, 740), (320, 568)
HOSTILE = "<img src=x onerror=alert(1)><svg onload=alert(2)>javascript:alert(3)"
SHELL = r"/(me|manifest\.webmanifest|icon[\w-]*\.\w+|assets/.+)"
TARGETS = ".me :is(button, a, select, summary, input:not([type=radio]), [role=spinbutton])"
OFFLINE = [r"ERR_(FAILED|CONNECTION|EMPTY|INTERNET|NETWORK|INCOMPLETE|SOCKET)", r"Failed to load resource"]


@dataclass
class Through(House):
    """The house as it is found at the other end of a cable."""

    cable: Cable | None = None

    @property
    def url(self) -> str:
        assert self.cable is not None
        return self.cable.url


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company of these tests' own: everybody in it is changed here."""
    require_peer("chromium")
    with furnished(require_peer("caldav"), tmp_path_factory.mktemp("me")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def cabled(mine: House) -> AsyncIterator[Through]:
    """The same by way of a cable."""
    async with cable_to(mine.port) as cable:
        given = {name: getattr(mine, name) for name in ("folder", "radicale", "port", "more", "tokens", "sessions")}
        yield Through(**given, cable=cable)


@pytest.fixture(autouse=True)
def _clean(mine: House) -> None:
    """Bo and Erik begin available, with empty calendars and no messages."""
    for user in ("bo", "erik"):
        mine.available(user)


def cancelled(house: House, user: str, path: str) -> None:
    """Take an entry out of somebody's calendar, and wait until nothing of it is left."""
    house.unbook(path)
    extension = PEOPLE[user][0]

    def gone() -> bool:
        now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        start, end = (f"{(now + lasting).isoformat()}Z" for lasting in (timedelta(seconds=2), timedelta(days=20)))
        query = urlencode({"start": start, "end": end})
        told = house.api("GET", f"/people/{extension}/timeline?{query}", role="attendant")
        return all(each["availability"]["state"] == "available" for each in told["stretches"])

    until(gone)


async def mine_on_a_telephone(opened: Opening, house: House, path: str = "/me", **more: Any) -> Watched:
    """Bo's page, signed in."""
    watched = await opened(path, **{"user": "bo", "at": house, "size": TELEPHONE, "touch": True, **more})
    if more.get("user", "bo") is not None:
        await expect(watched.page.get_by_role("navigation")).to_be_visible()
    return watched


def state(page: Page) -> Locator:
    """My state in one line."""
    return page.locator(".state")


def reason(page: Page, name: str) -> Locator:
    """The large button of a reason."""
    return page.locator("button.reason", has_text=name)


async def chosen(page: Page, name: str) -> Locator:
    """The sheet of a reason, opened by the first of two taps."""
    await reason(page, name).tap()
    return page.get_by_role("dialog", name=name)


# -- how I stand ---------------------------------------------------------------------------------------------------


async def test_my_state_in_one_line_as_my_calendar_has_it(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    await expect(state(page)).to_contain_text("Available")
    booked = mine.book("bo", "m: Budget // secret", -5, 30)
    await expect(state(page)).to_contain_text(re.compile(r"In a meeting\s*back \d\d:\d\d"))
    await expect(state(page)).to_contain_text("Budget")
    await expect(state(page)).to_contain_text("By your calendar")
    await expect(page.locator("body")).not_to_contain_text("secret")
    await page.get_by_role("button", name="Why?").tap()
    await expect(state(page).locator("li").first).to_be_visible()
    await page.get_by_role("button", name="My meeting is over").tap()
    await expect(state(page)).to_contain_text("Available")
    await page.get_by_role("button", name="Undo").tap()
    await expect(state(page)).to_contain_text("In a meeting")
    mine.unbook(booked)
    await expect(state(page)).to_contain_text("Available")


async def test_what_is_coming_is_said(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    booked = mine.book("bo", "m: Planning", 35, 65)
    await expect(watched.page.locator(".coming")).to_contain_text(re.compile(r"In a meeting in 3[45] min"))
    mine.unbook(booked)
    await expect(watched.page.locator(".coming")).to_have_count(0)


# -- referring myself ----------------------------------------------------------------------------------------------


async def test_two_taps_refer_me_and_two_more_take_it_back(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    sheet = await chosen(page, "At lunch")
    await sheet.get_by_role("button", name="Refer me").tap()
    await expect(state(page)).to_contain_text(re.compile(r"At lunch\s*back \d\d:\d\d"))
    await expect(state(page)).to_contain_text("Set by you")
    shown = mine.api("GET", "/people/2002", role="attendant")
    assert (shown["availability"]["reason"], shown["override"]["through"]) == ("lunch", "app")
    await page.get_by_role("button", name="Undo").tap()
    await expect(state(page)).to_contain_text("Available")
    sheet = await chosen(page, "Gone for the day")
    await sheet.get_by_role("button", name="Refer me").tap()
    await expect(state(page)).to_contain_text("Gone for the day")
    await page.get_by_role("button", name="I'm back").tap()
    await expect(state(page)).to_contain_text("Available")


async def test_the_time_goes_by_five_minutes_by_keyboard_and_by_touch(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    sheet = await chosen(page, "Back soon")
    hours, minutes = sheet.get_by_role("spinbutton", name="Hours"), sheet.get_by_role("spinbutton", name="Minutes")
    await minutes.focus()
    for key, wanted in (("ArrowUp", 5), ("PageUp", 60), ("ArrowDown", -5), ("PageDown", -60)):
        before = await shown_time(hours, minutes)
        await page.keyboard.press(key)
        assert (await shown_time(hours, minutes) - before) % 1440 == wanted % 1440, key
    await sheet.get_by_role("button", name="Minutes: later").tap()
    assert await shown_time(hours, minutes) % 5 == 0
    await page.keyboard.press("Home")
    await minutes.focus()
    await page.keyboard.type("2355")
    assert await shown_time(hours, minutes) == 23 * 60 + 55
    await expect(minutes).to_have_attribute("aria-valuetext", re.compile(r"^23:55, in "))
    await sheet.get_by_label("Note for the attendants").fill("Water leak")
    await page.keyboard.press("Enter")
    await expect(state(page)).to_contain_text("back 23:55")
    await expect(state(page)).to_contain_text("Water leak")


async def shown_time(hours: Locator, minutes: Locator) -> int:
    """What the wheels show, in minutes."""
    return int((await hours.inner_text()).strip()) * 60 + int((await minutes.inner_text()).strip())


async def test_a_holiday_lasts_to_a_day(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    sheet = await chosen(page, "On holiday")
    await sheet.get_by_text("To a day").tap()
    day = (datetime.now(HERE) + timedelta(days=9)).date()
    await sheet.get_by_label("Back on").fill("2020-01-01")
    await expect(sheet.get_by_role("button", name="Refer me")).to_be_disabled()
    await expect(sheet).to_contain_text("Choose a day that is to come")
    await sheet.get_by_label("Back on").fill(day.isoformat())
    await sheet.get_by_role("button", name="Refer me").tap()
    await expect(state(page)).to_contain_text("On holiday")
    until = mine.api("GET", "/people/2002", role="attendant")["override"]["until"]
    assert datetime.fromisoformat(until).astimezone(HERE).date() == day


# -- my calendar, messages, keywords -------------------------------------------------------------------------------


async def test_what_my_entries_do_and_why_with_hostile_subjects_as_text(opened: Opening, mine: House) -> None:
    booked = [
        mine.book("bo", "m: Rota", 60, 90),
        mine.book("bo", HOSTILE, 120, 150),
        mine.book("bo", "Budget m: x", 200, 230),
        mine.book("bo", f"\u202e{'W' * 3000}", 240, 250),
    ]
    watched = await mine_on_a_telephone(opened, mine, "/me#ahead")
    page = watched.page
    await page.get_by_role("button", name="Read my calendar").tap()
    await expect(page.get_by_role("status").filter(has_text="4 entries")).to_contain_text("1 of which refer you")
    rows = page.locator("li", has=page.locator(".because"))
    await expect(rows.filter(has_text="m: Rota")).to_contain_text("It begins with the keyword m.")
    await expect(rows.filter(has_text=HOSTILE)).to_contain_text("It has no keyword.")
    await expect(rows.filter(has_text="Budget m: x")).to_contain_text("The keyword m does not stand first.")
    assert await page.locator("main img, main svg[onload]").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert HOSTILE not in json.dumps(await kept_by(page))
    for each in booked:
        mine.unbook(each)


async def kept_by(page: Page) -> Any:
    """All that the browser keeps of the page: its storage, and the bodies of what its worker caches."""
    return await page.evaluate("""async () => {
        const found = {storage: {...localStorage}, session: {...sessionStorage}, cached: {}};
        for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const request of await cache.keys())
                found.cached[request.url] = await (await cache.match(request)).text();
        }
        return found;
    }""")


async def test_the_coming_weeks(opened: Opening, mine: House) -> None:
    booked = mine.book_days("bo", "h: Skiing", 9, 12)
    watched = await mine_on_a_telephone(opened, mine, "/me#ahead")
    days = watched.page.get_by_role("heading", level=2)
    await expect(watched.page.locator("main .what", has_text="On holiday")).to_have_count(3)
    first = datetime.now(HERE) + timedelta(days=9)
    await expect(days.filter(has_text=f"{first:%a} {first.day}")).to_be_visible()
    cancelled(mine, "bo", booked)
    await watched.page.get_by_role("link", name="Now").tap()
    await watched.page.get_by_role("link", name="Calendar").tap()
    await expect(watched.page.locator("main .what")).to_have_count(0)


async def test_a_message_is_there_at_once_and_read(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    text = f"\u202eCall back {HOSTILE}"
    mine.api("POST", "/people/2002/messages", {"text": text, "caller": "Olle <b>Ek</b>"}, role="attendant")
    await page.get_by_role("link", name=re.compile("^1 new message")).tap()
    left = page.locator("main li").first
    await expect(left).to_contain_text(f"Call back {HOSTILE}")
    await expect(left).to_contain_text("Olle <b>Ek</b>")
    await expect(left).to_contain_text("Left by tests-attendant")
    await left.get_by_role("button", name="I've read it").tap()
    await expect(left.get_by_role("button", name="Unread again")).to_be_visible()
    await expect(page.get_by_role("navigation")).not_to_contain_text("new message")
    await left.get_by_role("button", name="Remove").tap()
    await expect(page.locator("main")).to_contain_text("No messages.")


async def test_my_own_keyword_holds_at_once(opened: Opening, mine: House) -> None:
    booked = mine.book("bo", "Gym: legs", -5, 30)
    watched = await mine_on_a_telephone(opened, mine, "/me#yours")
    page = watched.page
    watched.expect("status of 409")
    await page.get_by_role("button", name="Change", exact=True).tap()
    dialog = page.get_by_role("dialog", name="My own")
    await dialog.get_by_label("Keyword 1", exact=True).fill("re")
    await dialog.get_by_role("button", name="Save").tap()
    await expect(dialog.get_by_role("alert")).to_contain_text("mail programs")
    await dialog.get_by_label("Keyword 1", exact=True).fill("Gym:")
    await dialog.get_by_label("Reason for keyword 1").select_option("dentist")
    await accessible(watched)
    await dialog.get_by_role("button", name="Save").tap()
    await expect(page.locator("main")).to_contain_text("gym:")
    await page.get_by_role("link", name="Now").tap()
    await expect(state(page)).to_contain_text("At the dentist")
    cancelled(mine, "bo", booked)
    mine.api("PUT", "/people/2002/keywords", {"keywords": {}})


async def test_my_calendars_health_and_my_phone_codes(opened: Opening, mine: House) -> None:
    mine.read("bo")
    watched = await mine_on_a_telephone(opened, mine, "/me#yours", language="sv-SE")
    main = watched.page.locator("main")
    await expect(main).to_contain_text(re.compile(r"main · senast bekräftad \d\d:\d\d"))
    await expect(main).to_contain_text("#23#")
    await main.get_by_text("Visa alla koder").tap()
    await expect(main).to_contain_text("På semester, åter den MMDD")


# -- without a network ---------------------------------------------------------------------------------------------


async def test_without_a_network_the_last_state_is_marked_and_nothing_can_be_done(
    opened: Opening, mine: House, cabled: Through
) -> None:
    assert cabled.cable is not None
    watched = await mine_on_a_telephone(opened, cabled)
    watched.expect(*OFFLINE)
    page = watched.page
    await expect(state(page)).to_contain_text("Available")
    await expect(reason(page, "At lunch")).to_be_enabled()
    cabled.cable.cut()
    banner = page.locator(".banner")
    await expect(banner).to_contain_text(re.compile(r"No connection\. What you see is from \d\d:\d\d\."))
    await expect(reason(page, "At lunch")).to_be_disabled()
    await expect(page.locator("main")).to_contain_text("Nothing can be changed without a connection")
    await accessible(watched)
    mine.refer("bo", reason="meeting")
    await expect(state(page)).to_contain_text("Available")
    asked = len(cabled.cable.asked)
    cabled.cable.mend()
    await expect(state(page)).to_contain_text("In a meeting")
    await expect(banner).to_have_count(0)
    await expect(reason(page, "At lunch")).to_be_enabled()
    heads = [head for head in cabled.cable.asked[asked:] if "/override" in head.split("\r\n")[0]]
    assert heads == [], "nothing was queued"


async def test_it_opens_without_a_network_and_says_from_when_it_is(
    opened: Opening, mine: House, cabled: Through
) -> None:
    assert cabled.cable is not None
    mine.refer("bo", reason="lunch")
    watched = await mine_on_a_telephone(opened, cabled)
    watched.expect(*OFFLINE)
    page = watched.page
    await expect(state(page)).to_contain_text("At lunch")
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    cabled.cable.cut()
    await page.reload()
    await expect(page.locator(".banner")).to_contain_text("No connection.")
    await expect(state(page)).to_contain_text(re.compile(r"At lunch\s*back"))
    await expect(page.get_by_role("button", name="I'm back")).to_be_disabled()
    cabled.cable.mend()
    await expect(page.locator(".banner")).to_have_count(0)
    await expect(page.get_by_role("button", name="I'm back")).to_be_enabled()


async def test_the_worker_keeps_the_shell_and_nothing_of_anybody(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    page = watched.page
    await expect(state(page)).to_contain_text("Available")
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await page.reload()
    await expect(state(page)).to_contain_text("Available")
    kept = (await kept_by(page))["cached"]
    paths = {url.removeprefix(mine.url) for url in kept}
    assert {"/me", "/manifest.webmanifest", "/icon.svg"} <= paths
    assert not [path for path in paths if not re.fullmatch(SHELL, path)]
    assert "Bo Ek" not in json.dumps(kept)
    assert len([path for path in paths if path.endswith(".css")]) >= 1


async def test_signing_out_leaves_nothing_on_the_device(opened: Opening, mine: House) -> None:
    mine.sessions.pop("erik", None)
    watched = await mine_on_a_telephone(opened, mine, "/me#yours", user="erik")
    page = watched.page
    await expect(page.locator("main")).to_contain_text("Signed in as Erik Gran")
    while "Erik" not in json.dumps(await kept_by(page)):  # once it was read as well; else the test's time ends it
        await asyncio.sleep(0.05)
    await page.get_by_role("button", name="Sign out").tap()
    await expect(page.get_by_label("User name")).to_be_visible()
    assert "Erik" not in json.dumps(await kept_by(page))
    mine.sessions.pop("erik", None)


async def test_what_arrives_after_signing_out_is_kept_nowhere(opened: Opening, mine: House) -> None:
    mine.sessions.pop("erik", None)
    watched = await mine_on_a_telephone(opened, mine, "/me#yours", user="erik")
    page = watched.page
    await expect(page.locator("main")).to_contain_text("Signed in as Erik Gran")
    await page.evaluate("""() => {
        const asking = window.fetch;
        window.asked = new Promise((asked) => {
            window.fetch = async (...what) => {
                const answer = await asking(...what);
                if (String(what[0]).includes('/timeline?')) {
                    asked();
                    await new Promise((let_go) => { window.let_go = let_go; });
                }
                return answer;
            };
        });
    }""")
    mine.api("PUT", "/people/2005/override", {"reason": "lunch"}, role="attendant")
    await page.evaluate("window.asked")
    watched.expect("status of 401")
    await page.get_by_role("button", name="Sign out").tap()
    await expect(page.get_by_label("User name")).to_be_visible()
    await page.evaluate("window.let_go()")
    await page.evaluate("new Promise((done) => setTimeout(done, 500))")
    assert "Erik" not in json.dumps(await kept_by(page))
    mine.sessions.pop("erik", None)
    mine.api("DELETE", "/people/2005/override", role="attendant")


# -- for everybody -------------------------------------------------------------------------------------------------


async def test_it_can_be_installed(opened: Opening, mine: House) -> None:
    watched = await mine_on_a_telephone(opened, mine)
    await watched.page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    session = await watched.context.new_cdp_session(watched.page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["start_url"] == "/me"
    for icon in json.loads(manifest["data"])["icons"]:
        answer = await watched.page.request.get(icon["src"])
        assert answer.ok
        assert answer.headers["content-type"] == icon["type"]
    found = await session.send("Page.getInstallabilityErrors")
    assert [each["errorId"] for each in found["installabilityErrors"]] in ([], ["in-incognito"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [SMALL, (1280, 800)])
async def test_axe_finds_nothing_and_thumbs_everything(
    opened: Opening, mine: House, theme: str, size: tuple[int, int]
) -> None:
    mine.api("POST", "/people/2005/messages", {"text": "Call back", "caller": "Olle"}, role="attendant")
    booked = mine.book("erik", "m: Rota", -5, 30)
    watched = await mine_on_a_telephone(opened, mine, user="erik", theme=theme, size=size)
    page = watched.page
    await expect(state(page)).to_contain_text("In a meeting")
    for tab in ("Now", "Calendar", "Messages", "Yours"):
        await page.get_by_role("navigation").get_by_role("link", name=tab).tap()
        await expect(page.get_by_role("heading", level=1)).to_be_attached()
        if tab == "Yours":
            await expect(page.locator("main")).to_contain_text("#23#")
        await accessible(watched)
        assert await too_small(page) == [], tab
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
    await page.get_by_role("navigation").get_by_role("link", name="Now").tap()
    for name in ("At lunch", "On holiday"):
        sheet = await chosen(page, name)
        await expect(sheet).to_be_visible()
        await accessible(watched)
        assert await too_small(page) == [], name
        await page.keyboard.press("Escape")
        await expect(reason(page, name)).to_be_focused()
    cancelled(mine, "erik", booked)
    for message in mine.api("GET", "/people/2005/messages", role="attendant")["messages"]:
        assert message["text"] == "Call back"


async def too_small(page: Page) -> list[str]:
    """Targets that a thumb does not hit: less than 44 pixels high or wide."""
    found: list[str] = await page.evaluate(
        """(targets) => [...document.querySelectorAll(targets)]
            .filter((one) => one.checkVisibility())
            .map((one) => [one, one.getBoundingClientRect()])
            .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
            .map(([one, box]) => `${one.outerHTML.slice(0, 120)} ${box.width}x${box.height}`)""",
        TARGETS,
    )
    return found


async def test_whoever_has_no_extension_is_told_so(opened: Opening, mine: House) -> None:
    body = {"user": "nomad", "name": "Nomad", "roles": ["attendant"], "password": "four good words here"}
    mine.api("POST", "/users", body)
    watched = await mine_on_a_telephone(opened, mine, user=None)
    page = watched.page
    await page.get_by_label("User name").fill("nomad")
    await page.get_by_label("Password").fill("four good words here")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Your account may not use this page")

"""`check` of an account: a few mailboxes, one that must be refused, what polling costs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backsoon.domain.organisation import Connection
from backsoon.sources.account import Finding
from backsoon.sources.base import SourceBusy, SourceError, SourceMissing, SourceUnavailable
from backsoon.trials.accounts import Checked, check_account, some
from backsoon.trials.polling import cost
from backsoon.trials.trying import Tried
from tests.unit.cli.accounts import Hooks, OneAccount, sources_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = "https://backsoon.example.com"


def connection(kind: str = "graph", **settings: Any) -> Connection:
    return Connection("acme", "main", kind, {"poll_min_minutes": 2, "poll_max_minutes": 15, **settings})


async def check(account: OneAccount, checked: Checked) -> list[Tried]:
    return [one async for one in check_account(sources_of(account), checked, NOW)]


def said(found: list[Tried], level: str) -> list[str]:
    return [one.text for one in found if one.level == level]


def test_a_few_from_the_first_to_the_last() -> None:
    everybody = [f"p{number}@example.com" for number in range(10_000)]
    tried = some(everybody)
    assert (tried[0], tried[-1], len(set(tried))) == (everybody[0], everybody[-1], 5)
    assert some(everybody[:3]) == everybody[:3]
    assert some([]) == []


async def test_it_says_how_many_were_tried_and_which() -> None:
    account = OneAccount(hooks=Hooks())
    mailboxes = [f"p{number}@example.com" for number in range(10_000)]
    found = await check(account, Checked(connection(), mailboxes, public=HERE))
    assert account.asked == [some(mailboxes)]
    (which,) = (text for text in said(found, "ok") if "were tried" in text)
    assert which.startswith("5 of 10000 mailboxes were tried: p0@example.com, ")
    assert "p9999@example.com" in which
    assert {one.what for one in found} == {"calendars main"}


async def test_those_that_are_named_are_tried_instead() -> None:
    account = OneAccount()
    await check(account, Checked(connection("ews"), ["a@example.com"], named=("b@example.com",)))
    assert account.asked == [["b@example.com"]]


async def test_findings_are_told_as_they_are() -> None:
    account = OneAccount(findings=(Finding("error", "consent is missing", "grant it"),), listens=True)
    found = await check(account, Checked(connection("ews"), ["a@example.com"]))
    assert found[0] == Tried("calendars main", "error", "consent is missing", "grant it")
    assert "no public address is needed" in found[1].text


async def test_many_words_are_said_once() -> None:
    steps = "in the shell of Exchange: " + "New-ThisAndThat; " * 20
    findings = (Finding("warning", "one", steps), Finding("warning", "two", f"name it; {steps}"))
    one, two = (await check(OneAccount(findings=findings, listens=True), Checked(connection("ews"), ["a@b"])))[:2]
    assert (one.remedy, two.remedy) == (steps, "name it; do as written above")


async def test_an_account_that_cannot_be_asked_is_an_error_with_its_remedy() -> None:
    found = await check(OneAccount(fails=SourceUnavailable("no answer")), Checked(connection("ews"), ["a@example.com"]))
    assert (found[0].level, found[0].text, found[0].remedy) == ("error", "no answer", SourceUnavailable.remedy)


async def test_before_anybody_is_taken_in_that_is_said() -> None:
    found = await check(OneAccount(), Checked(connection("google")))
    assert any("no person has a calendar there yet" in text for text in said(found, "warning"))


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "No such file"), ("{", "JSON"), ('{"type": "installed"}', "service_account, authorized_user")],
)
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, what: str) -> None:
    path = tmp_path / "google.json"
    if content is not None:
        path.write_text(content)
    account = OneAccount()
    (found,) = await check(account, Checked(connection("google", credentials=str(path)), ["a@example.com"]))
    assert found.level == "error"
    assert found.text.startswith(f"credentials = {path}: ")
    assert what in found.text
    assert found.remedy
    assert account.asked == []


async def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    (found,) = await check(OneAccount(), Checked(connection(certificate=str(path)), ["a@example.com"]))
    assert f"certificate = {path}: No such file" in found.text


# -- a mailbox outside -----------------------------------------------------------------------------------------------


async def test_a_mailbox_outside_is_proved_to_be_refused() -> None:
    found = await check(OneAccount(), Checked(connection("ews"), ["a@example.com"], outside="ceo@example.com"))
    assert "ceo@example.com is refused, as it shall be" in said(found, "ok")


async def test_a_mailbox_outside_that_can_be_read_is_an_error() -> None:
    account = OneAccount(readable=("ceo@example.com",))
    found = await check(account, Checked(connection("google"), ["a@example.com"], outside="ceo@example.com"))
    assert said(found, "error") == ["ceo@example.com can be read, and shall not be"]


@pytest.mark.parametrize(
    ("error", "level", "text"),
    [
        (SourceMissing("ErrorInvalidUser"), "warning", "ceo@example.com proves nothing: ErrorInvalidUser"),
        (SourceBusy("429"), "warning", "ceo@example.com could not be tried: 429"),
        (SourceUnavailable("503"), "error", "ceo@example.com could not be tried: 503"),
    ],
)
async def test_what_proves_nothing(error: SourceError, level: str, text: str) -> None:
    account = OneAccount(instead={"ceo@example.com": error})
    found = await check(account, Checked(connection("ews"), ["a@example.com"], outside="ceo@example.com"))
    assert said(found, level) == [text]


async def test_at_microsoft_365_the_account_itself_is_told_whom_to_try() -> None:
    account = OneAccount(readable=("ceo@example.com",))
    found = await check(account, Checked(connection(), ["a@example.com"], outside="ceo@example.com"))
    assert account.settings["outside"] == "ceo@example.com"
    assert not said(found, "error")


# -- notifications, or what it costs to have none --------------------------------------------------------------------


async def test_where_notifications_arrive_is_said() -> None:
    found = await check(OneAccount(hooks=Hooks()), Checked(connection(), ["a@example.com"], public=HERE))
    assert f"changes are told at {HERE}/hooks/graph" in said(found, "ok")


async def test_without_a_public_address_it_says_what_polling_costs() -> None:
    found = await check(OneAccount(hooks=Hooks()), Checked(connection(), ["a@example.com"]))
    (one,) = (f for f in found if "notifications have no address" in f.text)
    assert one.level == "warning"
    assert "every 2 to 15 minutes, 192 requests a day while it rests" in one.text
    assert "within 15 minutes" in one.text
    assert 'public = "https://HOST"' in one.remedy


async def test_polling_that_is_wanted_is_no_warning() -> None:
    found = await check(
        OneAccount(hooks=Hooks()), Checked(connection("ews", push=False), ["a@example.com"], public=HERE)
    )
    (text,) = (t for t in said(found, "ok") if "push is switched off" in t)
    assert "192 requests" in text


async def test_a_server_that_tells_of_nothing() -> None:
    found = await check(OneAccount(), Checked(connection("ews", automatic_replies=False), ["a@example.com"]))
    (text,) = (t for t in said(found, "ok") if "this server tells of no changes" in t)
    assert "96 requests" in text


def test_one_account_at_google_may_ask_only_so_often() -> None:
    shared = connection("google", access="shared", requests_per_minute=600)
    assert not cost(shared, 9_000).too_much
    found = cost(shared, 12_000)
    assert (found.late, "12000 mailboxes every 15 minutes are more than the 600" in found.too_much) == (20, True)
    delegated = connection("google", access="delegation")
    assert not cost(delegated, 10_000).too_much
    assert "1,920,000 requests a day" in cost(delegated, 20_000).too_much

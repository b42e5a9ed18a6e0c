"""Tokens and files of credentials: each typical mistake has its sentence, and no secret is in any of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.sources.base import SourceBusy, SourceDenied, SourceError, SourceUnavailable
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.sources.google.credentials import BadCredentials, Kind, read_credentials
from backsoon.sources.google.errors import (
    ClientRefused,
    ClockOff,
    ConsentGone,
    DelegationMissing,
    KeyRefused,
    NoSuchUser,
    ScopeMissing,
    SignInFailed,
)
from backsoon.sources.google.settings import CALENDAR_LIST, EVENTS
from backsoon.sources.google.tokens import KEPT, covers
from tests.simulators.google.signing import SERVICE, VOUCHED, Signing
from tests.simulators.model import Mailbox
from tests.unit.google.world import ANNA, BO, WINDOW, Office, meeting, office


@pytest.fixture
async def at_work() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


def as_user(at_work: Office) -> GoogleAccount:
    return GoogleAccount(GoogleSettings(at_work.simulator.authorised_user(), url=at_work.simulator.url), at_work.http)


async def read(account: GoogleAccount, address: str = ANNA) -> None:
    await account.source(address, zone="UTC", owner=frozenset()).changes(WINDOW, None)


class TestServiceAccount:
    async def test_a_token_serves_many_reads_and_many_at_once_ask_for_one(self, at_work: Office) -> None:
        await asyncio.gather(*(at_work.read() for _ in range(10)))
        assert at_work.simulator.count["token"] == 1

    async def test_a_key_is_read_once_however_many_are_in_a_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from google.oauth2 import service_account

        made, reading = service_account.Credentials.from_service_account_info, list[int]()

        def counted(info: dict[str, str]) -> object:
            reading.append(1)
            return made(info)

        monkeypatch.setattr(service_account.Credentials, "from_service_account_info", counted)
        async with office(access="delegation", role="none") as delegated:
            box = delegated.simulator.world.add
            people = [box(Mailbox(f"p{n}@example.com", zone="UTC", access="none")).address for n in range(20)]
            await asyncio.gather(*(delegated.read(address=who) for who in people))
            assert (delegated.simulator.count["token"], len(reading)) == (20, 1)

    async def test_one_that_is_taken_back_is_replaced(self, at_work: Office) -> None:
        await at_work.read()
        at_work.simulator.signing.expire()
        await at_work.read()
        assert at_work.simulator.count == {"token": 2, "events.list": 3}

    async def test_one_that_is_about_to_end_is_replaced_before(self, at_work: Office) -> None:
        at_work.simulator.signing.lasts = timedelta(seconds=121)
        await at_work.read()
        key = next(iter(at_work.account._api.tokens._held))
        bearer, until = at_work.account._api.tokens._held[key]
        assert until - asyncio.get_running_loop().time() <= 1.0
        at_work.account._api.tokens._held[key] = (bearer, 0.0)
        await at_work.read()
        assert at_work.simulator.count["token"] == 2

    @pytest.mark.parametrize("hours", [-3, 3])
    async def test_the_clock_is_off(self, at_work: Office, hours: int) -> None:
        at_work.simulator.signing.now = lambda: datetime.now(UTC) + timedelta(hours=hours)
        with pytest.raises(ClockOff) as caught:
            await at_work.read()
        assert "clock" in caught.value.remedy

    async def test_the_key_is_disabled(self, at_work: Office) -> None:
        at_work.simulator.signing.key_enabled = False
        with pytest.raises(KeyRefused, match="disabled or deleted"):
            await at_work.read()

    async def test_a_refusal_is_not_asked_for_by_every_mailbox(self, at_work: Office) -> None:
        at_work.simulator.signing.key_enabled = False
        for address in (ANNA, BO, ANNA):
            with pytest.raises(KeyRefused):
                await at_work.read(address=address)
        assert at_work.simulator.count["token"] == 1

    async def test_a_new_key_counts_at_once(self, at_work: Office, tmp_path: Path) -> None:
        file = tmp_path / "key.json"
        told = json.loads(at_work.simulator.service_account())
        file.write_text(json.dumps(told | {"client_email": "other@example.com"}))
        settings = GoogleSettings(str(file), url=at_work.simulator.url)
        account = GoogleAccount(settings, at_work.http)
        with pytest.raises(KeyRefused):
            await read(account)
        file.write_text(json.dumps(told))
        account._api.tokens._refused.clear()  # half a minute later
        await read(account)

    async def test_sign_in_that_does_not_answer(self, at_work: Office) -> None:
        at_work.simulator.sign_in_faults.add("hang")
        results = await asyncio.gather(*(at_work.read() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(each, SourceUnavailable) for each in results)
        assert at_work.simulator.count["token"] == 1  # whoever waits for one token learns of one failure
        at_work.account._api.tokens._refused.clear()  # five seconds later
        await at_work.read()

    async def test_whoever_gives_up_leaves_nothing_behind(self, at_work: Office) -> None:
        at_work.simulator.sign_in_faults.add("hang")
        reading = asyncio.create_task(at_work.read())
        while not at_work.simulator.count["token"]:
            await asyncio.sleep(0.01)
        before = asyncio.all_tasks()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        while any("request" in repr(task.get_coro()) for task in before - {reading} if not task.done()):
            await asyncio.sleep(0.01)
        await at_work.read()

    async def test_sign_in_that_answers_nonsense(self, at_work: Office) -> None:
        at_work.simulator.sign_in_faults.add("html")
        with pytest.raises(SignInFailed):
            await at_work.read()

    async def test_sign_in_that_asks_to_wait(self, at_work: Office) -> None:
        at_work.simulator.sign_in_faults.add("throttle", times=None, status=429)
        with pytest.raises(SourceBusy):
            await at_work.read()


class TestDelegation:
    @pytest.fixture
    async def at_work(self) -> AsyncIterator[Office]:
        async with office(access="delegation", role="none") as made:
            yield made

    async def test_each_mailbox_is_read_in_its_owners_name(self, at_work: Office) -> None:
        at_work.put(meeting(), BO)
        assert [each.uid for each in (await at_work.read(address=BO)).entries] == ["one"]
        assert (await at_work.read(address=ANNA)).entries == ()
        assert {grant.user for grant in at_work.simulator.signing.tokens.values()} == {ANNA, BO}
        for grant in at_work.simulator.signing.tokens.values():
            assert grant.scopes == {EVENTS}

    async def test_it_is_not_granted(self, at_work: Office) -> None:
        at_work.simulator.signing.delegated = frozenset()
        with pytest.raises(DelegationMissing) as caught:
            await at_work.read()
        assert EVENTS in caught.value.remedy
        assert "Domain-wide delegation" in caught.value.remedy

    async def test_a_mailbox_outside_the_domain(self, at_work: Office) -> None:
        with pytest.raises(NoSuchUser):
            await at_work.read(address="nobody@elsewhere.example")
        await at_work.read()

    async def test_only_a_service_account_with_a_key_may(self, at_work: Office) -> None:
        told = at_work.simulator.authorised_user()
        settings = GoogleSettings(told, url=at_work.simulator.url, access="delegation")
        with pytest.raises(BadCredentials, match="delegation"):
            await read(GoogleAccount(settings, at_work.http))

    async def test_tokens_of_so_many_mailboxes_are_kept_and_no_more(self, at_work: Office) -> None:
        tokens = at_work.account._api.tokens
        for number in range(KEPT):
            tokens._held[(EVENTS, f"{number}")] = ("x", float("inf"))
        await at_work.read()
        assert len(tokens._held) == KEPT
        assert (EVENTS, ANNA) in tokens._held


class TestUser:
    async def test_reads_with_a_refresh_token(self, at_work: Office) -> None:
        at_work.put(meeting())
        await read(as_user(at_work))
        assert [grant.user for grant in at_work.simulator.signing.tokens.values()] == ["switchboard@example.com"]

    @pytest.mark.parametrize(
        ("spoil", "expected"),
        [
            (lambda signing: setattr(signing, "refresh_valid", False), ConsentGone),
            (lambda signing: setattr(signing, "consented", frozenset({CALENDAR_LIST})), ScopeMissing),
        ],
    )
    async def test_consent(
        self, at_work: Office, spoil: Callable[[Signing], None], expected: type[SourceError]
    ) -> None:
        spoil(at_work.simulator.signing)
        with pytest.raises(expected) as caught:
            await read(as_user(at_work))
        assert "sign in again" in caught.value.remedy

    async def test_another_client_secret(self, at_work: Office) -> None:
        told = json.loads(at_work.simulator.authorised_user()) | {"client_secret": "old"}
        account = GoogleAccount(GoogleSettings(json.dumps(told), url=at_work.simulator.url), at_work.http)
        with pytest.raises(ClientRefused) as caught:
            await read(account)
        assert "old" not in str(caught.value)


class TestExternalAccount:
    async def test_another_identity_provider_vouches(self, at_work: Office, tmp_path: Path) -> None:
        """What vouches is a file here; the exchange of tokens is google-auth's, over our HTTP."""
        vouched = tmp_path / "vouched"
        vouched.write_text(VOUCHED)
        told = at_work.simulator.signing.external_account(at_work.simulator.origin, str(vouched))
        found = read_credentials(told)
        assert (found.kind, found.email) == (Kind.EXTERNAL_ACCOUNT, SERVICE)
        at_work.put(meeting())
        account = GoogleAccount(GoogleSettings(told, url=at_work.simulator.url), at_work.http)
        await read(account)
        assert {grant.user for grant in at_work.simulator.signing.tokens.values()} == {"federated", SERVICE}
        assert [each.level for each in await account.check([ANNA])] == ["ok"] * 4

    @pytest.mark.parametrize("content", ["somebody else", None])
    async def test_nobody_vouches(self, at_work: Office, tmp_path: Path, content: str | None) -> None:
        vouched = tmp_path / "vouched"
        if content is not None:
            vouched.write_text(content)
        told = at_work.simulator.signing.external_account(at_work.simulator.origin, str(vouched))
        account = GoogleAccount(GoogleSettings(told, url=at_work.simulator.url), at_work.http)
        with pytest.raises(SourceDenied) as caught:
            await read(account)
        assert VOUCHED not in str(caught.value)

    async def test_a_program_is_not_run(self) -> None:
        told = {"type": "external_account", "credential_source": {"executable": {"command": "/bin/true"}}}
        with pytest.raises(BadCredentials, match="runs a program"):
            read_credentials(json.dumps(told)).of_google(EVENTS, "")


@pytest.mark.parametrize(
    ("told", "because"),
    [
        ("{", "no JSON"),
        ("{}", "no known type"),
        ('{"type": "service_account"}', "lacks"),
        ('{"type": "authorized_user", "client_id": "x"}', "lacks"),
        ('{"installed": {"client_id": "x"}}', "calendars sign-in"),
        ('{"type": "service_account", "token_uri": "http://evil.example/token"}', "https"),
        ('{"type": "service_account", "token_uri": "//["}', "https"),
        ("/nowhere/key.json", "No such file"),
    ],
)
def test_files_that_are_no_credentials(told: str, because: str) -> None:
    with pytest.raises(BadCredentials, match=because) as caught:
        read_credentials(told)
    assert caught.value.remedy


def test_a_file_that_is_too_large_or_no_text(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(b"{" + b" " * 70_000)
    with pytest.raises(BadCredentials, match="too large"):
        read_credentials(str(file))
    file.write_bytes(b"\xff\xfe{")
    with pytest.raises(BadCredentials):
        read_credentials(str(file))


async def test_a_key_that_is_none(at_work: Office) -> None:
    told = json.loads(at_work.simulator.service_account()) | {"private_key": "-----BEGIN secret-----"}
    account = GoogleAccount(GoogleSettings(json.dumps(told), url=at_work.simulator.url), at_work.http)
    with pytest.raises(SourceDenied) as caught:
        await read(account)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_no_secret_is_shown() -> None:
    told = '{"type": "authorized_user", "client_id": "x", "client_secret": "hush", "refresh_token": "hush"}'
    assert "hush" not in repr(read_credentials(told))
    assert "hush" not in repr(GoogleSettings(told))


def test_a_wider_right_covers_a_narrower_one() -> None:
    whole = EVENTS.rpartition("/")[0] + "/calendar"
    assert covers(frozenset({EVENTS}), EVENTS)
    assert covers(frozenset({whole}), EVENTS)
    assert covers(frozenset({whole + ".events"}), EVENTS)
    assert not covers(frozenset({CALENDAR_LIST}), EVENTS)

"""What an account does beside reading: who is busy, notifications, checking, finding, signing in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from backsoon.domain.model import ShowAs
from backsoon.sources.account import Account, BusyTime
from backsoon.sources.base import (
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
    Window,
)
from backsoon.sources.graph.check import roles_in
from backsoon.sources.graph.signin import REFUSED_FOR
from tests.simulators.graph.signin import tls
from tests.simulators.model import Repeats
from tests.unit.graph.tenant import ANNA, BERIT, NOW, Tenant, meeting, tenant

TODAY = Window(datetime(2027, 3, 2, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC))


@pytest.fixture
async def made() -> AsyncIterator[Tenant]:
    async with tenant() as made:
        yield made


# -- who is busy -----------------------------------------------------------------------------------------------------


async def test_who_is_busy_when(made: Tenant) -> None:
    shows = ("busy", "tentative", "oof", "workingElsewhere", "free")
    for number, show_as in enumerate(shows):
        made.anna.put(meeting(show_as, 9 + number, show_as=show_as))
    found = await made.account.busy([ANNA.upper(), BERIT], TODAY)
    at = datetime(2027, 3, 2, 8, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert found[ANNA.upper()] == tuple(
        BusyTime(at + n * hour, at + (n + 1) * hour, show_as)
        for n, show_as in enumerate((ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OUT_OF_OFFICE, ShowAs.WORKING_ELSEWHERE))
    )
    assert found[BERIT] == ()


async def test_four_hundred_are_asked_about_in_one_request() -> None:
    people = [f"p{n}@example.com" for n in range(400)]
    async with tenant(people) as made:
        assert made.account.busy_at_once == 400
        made.sim.world[people[399]].put(meeting())
        found = await made.account.busy(people, TODAY)
        assert len(found) == 400
        assert [address for address, times in found.items() if times] == [people[399]]
        assert (made.sim.count["batch"], made.sim.count["getSchedule"]) == (1, 20)


async def test_one_that_refuses_does_not_keep_the_others_from_being_asked_about(made: Tenant) -> None:
    made.sim.world[ANNA].access = "none"
    made.sim.world[BERIT].put(meeting())
    found = await made.account.busy(["nobody@example.com", ANNA, BERIT], TODAY)
    assert isinstance(found["nobody@example.com"], SourceMissing)
    assert isinstance(found[ANNA], SourceError)
    assert len(found[BERIT]) == 1  # type: ignore[arg-type]


async def test_too_many_entries_for_one_answer_are_asked_for_in_halves(made: Tenant) -> None:
    start = datetime(2027, 3, 2)  # noqa: DTZ001 - wall-clock time
    for number in range(1500):
        at = start + timedelta(minutes=number * 40)
        made.anna.put(meeting(str(number), start=at, end=at + timedelta(minutes=20), zone="UTC"))
    month = Window(TODAY.start - timedelta(days=1), TODAY.start + timedelta(days=59))
    found = (await made.account.busy([ANNA, BERIT], month))[ANNA]
    assert not isinstance(found, SourceError)
    assert len(found) == 1500
    for number in range(1500, 2700):
        made.anna.put(meeting(str(number), 9))
    assert isinstance((await made.account.busy([ANNA], TODAY))[ANNA], SourceTooLarge)


async def test_nobody_is_asked_about(made: Tenant) -> None:
    assert await made.account.busy([], TODAY) == {}


async def test_it_is_an_account(made: Tenant) -> None:
    account: Account = made.account
    assert account.stream is None
    assert account.at_once == 128


async def test_a_policy_that_refuses_a_mailbox_is_enough() -> None:
    """Application access policies narrow what has been consented for the whole tenant."""
    async with tenant(outside=BERIT) as made:
        made.sim.world[BERIT].access = "none"
        found = await levels(made)
        assert level_of(found, f"{BERIT} is refused") == "ok"
        assert "warning" not in found.values()


# -- checking --------------------------------------------------------------------------------------------------------


async def levels(made: Tenant, *addresses: str) -> dict[str, str]:
    """What `check` finds: text to level."""
    return {finding.text: finding.level for finding in await made.account.check(addresses or (ANNA,))}


def level_of(found: dict[str, str], words: str) -> str:
    """The level of the finding with these words."""
    (level,) = {level for text, level in found.items() if words in text}
    return level


async def test_a_scope_that_holds_is_found_to_hold() -> None:
    async with tenant(outside=BERIT) as made:
        made.sim.world[BERIT].access = "none"
        made.sim.registration.roles = ()
        found = await levels(made)
        assert level_of(found, "only RBAC for Applications") == "ok"
        assert level_of(found, f"{BERIT} is refused") == "ok"


async def test_a_consent_for_the_whole_tenant_is_found_to_void_the_scope() -> None:
    async with tenant(outside=BERIT) as made:
        findings = await made.account.check([ANNA, BERIT])
        worst = next(f for f in findings if f.level == "error")
        assert f"can read {BERIT}" in worst.text
        assert "void" in worst.text
        assert "New-ManagementRoleAssignment" in worst.remedy
        assert sum(f"{BERIT} can be read" in f.text for f in findings) == 0


async def test_what_is_more_than_needed_is_named(made: Tenant) -> None:
    made.sim.registration.roles = ("Calendars.ReadWrite", "Mail.Read", "MailboxSettings.Read")
    found = await levels(made)
    assert level_of(found, "more than it needs: Calendars.ReadWrite, Mail.Read") == "warning"
    assert level_of(found, f"{ANNA} can be read") == "ok"
    assert level_of(found, "automatic replies can be read") == "ok"
    assert level_of(found, "it was not tried") == "warning"


async def test_each_mailbox_that_cannot_be_read_is_named_with_what_to_do(made: Tenant) -> None:
    made.sim.on_premises.add(BERIT)
    made.sim.world[ANNA].access = "none"
    findings = await made.account.check([ANNA, BERIT, "nobody@example.com"])
    errors = {f.text.split(":")[0]: f.remedy for f in findings if f.level == "error"}
    assert errors.keys() == {ANNA, BERIT, "nobody@example.com"}
    assert "Calendars.Read" in errors[ANNA]
    assert "licence" in errors[BERIT]


async def test_the_right_to_automatic_replies_may_be_missing(made: Tenant) -> None:
    made.sim.registration.roles = ("Calendars.Read",)
    assert level_of(await levels(made), "automatic replies cannot be read") == "warning"


async def test_a_proxys_page_is_no_calendar_that_can_be_read() -> None:
    async with tenant(outside=BERIT) as made:
        await made.read()
        made.sim.faults.add("html", times=None, match="calendarView")
        made.sim.faults.add("html", times=None, match="$batch")
        findings = await made.account.check([ANNA])
        said = {f.text.split(":")[0]: (f.level, f.remedy) for f in findings if "login page" in f.text}
        assert said[ANNA][0] == "error"
        assert said[f"whether {BERIT} is refused could not be seen"][0] == "warning"
        assert all("proxy" in remedy for _, remedy in said.values())
        assert not any(f"{ANNA} can be read" in f.text for f in findings)
        with pytest.raises(SourceBroken):
            await made.account.discover([ANNA])


async def test_being_asked_to_wait_is_no_fault_of_the_settings() -> None:
    async with tenant(outside=BERIT) as made:
        made.sim.faults.add("throttle", times=None, match="calendarView", seconds=30)
        findings = await made.account.check([ANNA])
        assert {f.level for f in findings if "wait" in f.text} == {"warning"}
        assert not any("error" in f.level or "name a mailbox" in f.remedy for f in findings)


async def test_a_refusal_is_asked_for_once_and_a_new_secret_is_read_anew() -> None:
    stored = {"client_secret": "expired"}
    async with tenant(client_secret="expired", anew=lambda name: stored[name]) as made:
        results = await asyncio.gather(*(made.read() for _ in range(20)), return_exceptions=True)
        assert all(isinstance(each, SourceDenied) for each in results)
        assert made.sim.count["token"] == 1
        stored["client_secret"] = made.sim.client_secret
        refusal = made.account._sign_in._refusal
        assert refusal is not None
        assert 0 < refusal[1] - asyncio.get_running_loop().time() <= REFUSED_FOR
        made.account._sign_in._refusal = refusal[0], 0.0  # half a minute later
        await made.read()


async def test_no_mailbox_at_all_is_said(made: Tenant) -> None:
    findings = await made.account.check([])
    assert any("no mailbox to try" in finding.text for finding in findings)


async def test_what_can_be_reached_is_found(made: Tenant) -> None:
    made.sim.world[BERIT].access = "none"
    assert [one.address for one in await made.account.discover([ANNA, BERIT, "nobody@example.com"])] == [ANNA]


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "..", "a.eyJyb2xlcyI6MX0.c"])
def test_a_token_that_is_none_names_no_rights(token: str) -> None:
    assert not roles_in(token)


# -- signing in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"client_secret": "wrong"}, "7000215"),
        ({"tenant": "00000000-0000-0000-0000-000000000000"}, "90002"),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, "700016"),
    ],
)
async def test_what_is_wrong_with_signing_in_is_said(settings: dict[str, Any], words: str) -> None:
    async with tenant(**settings) as made:
        with pytest.raises(SourceDenied) as caught:
            await made.read()
        assert words in str(caught.value)
        assert caught.value.remedy
        assert "wrong" not in str(caught.value) or "secret is wrong" in str(caught.value)
        (finding,) = await made.account.check([ANNA])
        assert (finding.level, finding.remedy) == ("error", caught.value.remedy)


@pytest.mark.parametrize(
    ("code", "words"), [("7000222", "expired"), ("700024", "clock"), ("500011", "Graph"), ("1234567", "AADSTS1234567")]
)
async def test_each_code_has_its_sentence(made: Tenant, code: str, words: str) -> None:
    made.sim.faults.add("vendor", times=None, match="/token", code=code)
    with pytest.raises(SourceDenied, match=words):
        await made.read()


async def test_sign_in_that_is_down_is_no_denial(made: Tenant) -> None:
    made.sim.faults.add("unavailable", times=None, match="/token")
    results = await asyncio.gather(*(made.read() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(each, SourceUnavailable) for each in results)
    assert made.sim.count["token"] <= 2, "one answer for all who wait, whatever msal does with it"


@pytest.mark.parametrize("kind", ["html", "redirect"])
async def test_a_place_that_gives_no_tokens_is_an_error(made: Tenant, kind: str) -> None:
    made.sim.faults.add(kind, match="/token")
    with pytest.raises(SourceError) as caught:
        await made.read()
    assert "not-a-secret" not in f"{caught.value!r}"


async def test_an_authority_that_is_not_trusted_is_not_signed_in_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        greeting = asyncio.create_task(asyncio.to_thread(_greet, listener))
        async with tenant(ca_file=None, sign_in_url=f"https://127.0.0.1:{listener.getsockname()[1]}") as made:
            with pytest.raises(SourceUnavailable) as caught:
                await made.read()
            assert "ca_file" in caught.value.remedy
        assert "UNKNOWN_CA" in (await greeting).upper().replace(" ", "_")


def _greet(listener: socket.socket) -> str:
    """Begin to speak TLS with whoever comes; how it ended."""
    connection, _ = listener.accept()
    with connection:
        try:
            tls().context.wrap_socket(connection, server_side=True).close()
        except OSError as error:
            return str(error)
    return "they trusted us"


async def test_nobody_is_there_to_sign_in_to() -> None:
    async with tenant(sign_in_url="http://127.0.0.1:9") as made:
        with pytest.raises(SourceUnavailable):
            await made.read()


async def test_signing_in_by_certificate(tmp_path: Path) -> None:
    certificate, key = _certificate()
    path = tmp_path / "app.pem"
    path.write_bytes(key + certificate)
    async with tenant(tls=True, client_secret="", certificate=str(path)) as made:
        with pytest.raises(SourceDenied):
            await made.read()
        made.sim.certify(certificate)
    async with tenant(tls=True, client_secret="", certificate=str(path)) as made:
        made.sim.certify(certificate)
        assert (await made.read()).complete


@pytest.mark.parametrize(
    "content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", b"\xff"]
)
async def test_a_certificate_that_is_none_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "app.pem"
    if content is not None:
        path.write_bytes(content)
    async with tenant(client_secret="", certificate=str(path)) as made:
        with pytest.raises(SourceError) as caught:
            await made.read()
        assert "PEM" in caught.value.remedy


async def test_many_readers_sign_in_once(made: Tenant) -> None:
    sources = [made.account.source(ANNA, zone="UTC", owner=frozenset()) for _ in range(8)]
    made.anna.put(meeting("s", repeats=Repeats()))
    await asyncio.gather(*(source.changes(TODAY, None) for source in sources))
    assert made.sim.count["token"] == 1


def _certificate() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Backsoon")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=365 * 5))
        .not_valid_after(NOW + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return made.public_bytes(pem), key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

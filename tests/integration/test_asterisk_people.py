"""Who there is at a real Asterisk, read with exactly the rights that docs/asterisk.md names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backsoon.domain.listing import Listing
from backsoon.switchboards.asterisk.driver import AsteriskSettings
from backsoon.switchboards.asterisk.people import AsteriskPeople, NoEndpoints
from backsoon.switchboards.base import SwitchboardDenied, SwitchboardError
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from tests.asterisk_server import ACCOUNT, LOGIN_ONLY
from tests.peers import require_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk

NOTHING = "[unused]\nexten => 1,1,Hangup()\n"
ACCOUNTS = {
    ACCOUNT.username: ManagerAccount(ACCOUNT.secret),
    LOGIN_ONLY.username: ManagerAccount(LOGIN_ONLY.secret, "system", "user"),
}


def endpoint(name: str, *options: str, aor: bool = True, auth: bool = True) -> str:
    """A telephone in pjsip.conf."""
    lines = [f"[{name}]", "type = endpoint", "context = unused", *options]
    if aor:
        lines += [f"aors = {name}", f"[{name}]", "type = aor", "max_contacts = 1"]
    if auth:
        lines[3:3] = [f"auth = {name}"]
        lines += [f"[{name}]", "type = auth", "auth_type = userpass", f"username = {name}", "password = so secret"]
    return "\n".join(lines) + "\n"


PJSIP = (
    endpoint("1001", 'callerid = "Somebody" <1001>')
    + endpoint("1002", "mailboxes = 77@sales")
    + endpoint("1003", 'callerid = "Carl Dahl" <1003>', "mailboxes = 1003@nowhere")
    + endpoint("1004")
    + endpoint("2001", "mailboxes = 1001@default")
    + endpoint("reception")
    + endpoint("3000", aor=False, auth=False)
    + "[provider]\ntype = auth\nauth_type = userpass\nusername = us\npassword = secret too\n"
    + endpoint("4000", "outbound_auth = provider", auth=False)
)
VOICEMAIL = """[general]
format = wav
[default]
1001 => 1234,Åsa Öhman,asa@example.com
9999 => 1234,Nobody,nobody@example.com
[sales]
77 => 1234,Bo Ek,bo@example.com|another@example.com,pager@example.com,attach=no
"""


@contextmanager
def running(pjsip: str, voicemail: str | None) -> Iterator[PrivateAsterisk]:
    settings = ServerSettings(NOTHING, ACCOUNTS, pjsip=pjsip, voicemail=voicemail)
    with PrivateAsterisk(require_peer("asterisk"), settings) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateAsterisk]:
    with running(PJSIP, VOICEMAIL) as made:
        yield made


def people_of(server: PrivateAsterisk, account: AmiAccount = ACCOUNT, **more: re.Pattern[str]) -> AsteriskPeople:
    return AsteriskPeople(AsteriskSettings(AmiAddress(port=server.ami_port), account), **more)


def told(found: Listing) -> dict[str, dict[str, str]]:
    return {one.label: dict(one.values) for one in found.people}


async def test_people_have_names_and_addresses_from_voicemail_else_from_their_caller_id(
    server: PrivateAsterisk,
) -> None:
    found = await people_of(server).people()
    assert told(found) == {
        "1001": {"extension": "1001", "name": "Åsa Öhman", "email": "asa@example.com"},
        "1002": {"extension": "1002", "name": "Bo Ek", "email": "bo@example.com"},
        "1003": {"extension": "1003", "name": "Carl Dahl"},
        "1004": {"extension": "1004"},
    }
    assert {one.label: one.because.partition(":")[0] for one in found.left_out} == {
        "2001": "has the mailbox 1001@default of 1001",
        "reception": "its name is no extension (`extensions` in the switchboard's settings says what is one)",
        "3000": "cannot be called",
        "4000": "is a trunk",
    }
    assert not found.notes
    assert not found.doubts


async def test_which_names_are_extensions_is_said_by_the_settings(server: PrivateAsterisk) -> None:
    found = await people_of(server, extensions=re.compile("1(00[12])|(reception)")).people()
    assert [dict(one.values)["extension"] for one in found.people] == ["001", "002", "reception"]


async def test_an_account_without_the_rights_is_no_empty_switchboard(server: PrivateAsterisk) -> None:
    with pytest.raises(SwitchboardDenied, match="PJSIPShowEndpoints") as caught:
        await people_of(server, LOGIN_ONLY).people()
    assert "rights" in caught.value.remedy
    with pytest.raises(SwitchboardDenied):
        await people_of(server, AmiAccount(ACCOUNT.username, "wrong")).people()


async def test_a_switchboard_that_goes_down_is_no_empty_switchboard() -> None:
    many = "".join(endpoint(str(number)) for number in range(1000, 3000))
    with running(many, VOICEMAIL) as server:
        reading = asyncio.ensure_future(people_of(server).people())
        await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        with pytest.raises(SwitchboardError):
            await reading
        with pytest.raises(SwitchboardError):
            await people_of(server).people()


async def test_without_voicemail_it_is_said_and_names_are_those_of_caller_ids() -> None:
    with running(PJSIP, None) as server:
        found = await people_of(server).people()
        assert told(found)["1001"] == {"extension": "1001", "name": "Somebody"}
        assert "2001" in told(found)
        assert "voicemail is not loaded" in found.notes[0]


async def test_no_mailbox_is_no_error_and_no_endpoint_is_one() -> None:
    with running(PJSIP, "[general]\nformat = wav\n[default]\n") as server:
        assert told(await people_of(server).people())["1003"] == {"extension": "1003", "name": "Carl Dahl"}
    with running("", VOICEMAIL) as server, pytest.raises(NoEndpoints):
        await people_of(server).people()

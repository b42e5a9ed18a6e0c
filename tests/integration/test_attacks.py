"""Attack strings from the calendar and the list of people to the call, through one whole Backsoon.

Each string stands in a note, in a number to divert to, in an untagged subject, and in a person's name; Asterisk, a
presence server and a receiver of webhooks are told, prompts are built, and calls are placed. What each of them was
told is compared with what may be left of the string; and nothing else has happened anywhere.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from backsoon.domain.spoken import name_key
from tests.attacked import AT, ATTACKS, PLAIN, UNTAGGED, Company, Found, asterisk_settings, attacked, webhooks
from tests.kamailio_server import kamailio_of
from tests.midday import HERE
from tests.peers import require_peer
from tools.peers.asterisk_server import PrivateAsterisk

pytestmark = pytest.mark.xdist_group("attacks")


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """What one whole Backsoon did."""
    chroot = require_peer("asterisk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backsoon-")))  # sockets' paths are short
        asterisk = stack.enter_context(PrivateAsterisk(chroot, asterisk_settings()))
        kamailio = stack.enter_context(kamailio_of())
        receiver = stack.enter_context(webhooks())
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        company = Company(folder, start)
        company.configure(asterisk, kamailio, receiver)
        yield attacked(company, asterisk, kamailio, receiver)


def key_of(found: Found, extension: str) -> str:
    return name_key(found.people[extension]["name"])


def away(found: Found) -> list[str]:
    """Those who are in a meeting: all but whose entry has no keyword, and who was not taken in."""
    return [PLAIN, *(e for (_, place), e in AT.items() if place != "untagged" and e not in found.rejected)]


class TestNothingElseHappened:
    """On the whole machine, as far as a test can see."""

    def test_no_shell_ran(self, found: Found) -> None:
        assert found.canaries == []

    def test_a_shell_would_have_left_its_mark(self, found: Found) -> None:
        """What the attacks ask for is there for a dialplan that asks for it."""
        assert found.sang

    def test_no_call_but_those_that_were_placed(self, found: Found) -> None:
        assert found.processed == len(found.calls)

    def test_whole_astdb(self, found: Found) -> None:
        """Each key and each value, but those of who diverts."""
        span = f"{found.start}:{found.end}:{found.end}:meeting:c:"
        lamp = base64.b64encode(text_of(found).encode()).decode()
        expected = {"/pbx/UUID": found.astdb["/pbx/UUID"]}
        for extension in away(found):
            divert = next((a.divert for n, a in ATTACKS.items() if AT[n, "divert"] == extension), "")
            expected[f"/backsoon/{extension}"] = f"1~en~{HERE}~{span}{divert}"
            expected[f"/backsoon-person/{extension}"] = f"1~en~{HERE}~{key_of(found, extension)}~~"
            expected[f"/CustomDevstate/backsoon-{extension}"] = "INUSE"
            expected[f"/CustomPresence/{extension}"] = f"dnd,bWVldGluZw==,{lamp},e"
        deputy = str(5000 + list(ATTACKS).index("option"))  # hyphens may be in an extension
        expected[f"/backsoon-person/{deputy}"] = f"1~en~{HERE}~{key_of(found, deputy)}~--help~"
        assert found.astdb == expected

    def test_asterisk_complains_of_nothing_but_telephones_that_are_not_there(self, found: Found) -> None:
        called = found.asterisk.partition("Unable to open key directory")[2]
        unknown = [line for line in called.splitlines() if "[" in line and not re.search(HARMLESS, line)]
        assert unknown == []

    def test_telephones_rang_of_none(self, found: Found) -> None:
        assert found.rung == [UNTAGGED[0]]

    def test_no_file_but_prompts(self, found: Found) -> None:
        assert found.files == set()
        assert all(re.fullmatch(r"en/backsoon/([a-z0-9-]+/)?[a-z0-9_-]+\.wav(16)?", name) for name in found.sounds)
        names = {name.partition("name/")[2].partition(".")[0] for name in found.sounds if "/name/" in name}
        assert names <= {name_key(one["name"]) for one in found.people.values()}

    def test_only_plain_words_were_spoken(self, found: Found) -> None:
        assert [text for text in found.spoken if not re.fullmatch(r"[\w .,'-]{1,200}\n?", text)] == []
        assert [text for text in found.spoken if text.startswith("-") or ".." in text] == []

    def test_nobody_else_is_told_of(self, found: Found) -> None:
        assert {e for e, data in found.webhook.items() if data["state"] != "available"} == set(away(found))
        assert {e for e, body in found.presence.items() if b"<r:meeting/>" in body} == set(away(found))


HARMLESS = (
    r"endpoint '20\d2' was not found|endpoint '20\d3' was not found|endpoint '21\d[23]' was not found|No route to"
    r"|queue reached \d+ scheduled tasks"  # a machine that is busy with other tests
)


def text_of(found: Found) -> str:
    """What colleagues read."""
    return f"In a meeting, back {datetime.fromtimestamp(found.end, HERE):%H:%M}"


@pytest.mark.parametrize("attack", ATTACKS)
class TestEach:
    """String by string."""

    def test_note_is_kept_as_one_plain_line(self, found: Found, attack: str) -> None:
        assert found.notes[AT[attack, "note"]] == ATTACKS[attack].note.strip()

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_webhook_is_told_exactly(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert extension not in found.webhook
            return
        data = found.webhook[extension]
        name = ATTACKS[attack].text if place == "name" else f"Person {extension}"
        assert (data["name"], data["text"]) == (name, text_of(found))
        assert data["divert_to"] == (ATTACKS[attack].divert if place == "divert" else "")
        assert data.keys() == found.webhook[PLAIN].keys()
        assert {k: data[k] for k in SAME} == {k: found.webhook[PLAIN][k] for k in SAME}

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_presence_is_that_of_everybody(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert found.presence[extension] == b""
            return
        assert elements(found.presence[extension], extension) == elements(found.presence[PLAIN], PLAIN)

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_callers_hear_what_everybody_hears(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert found.calls[extension] == (404, [])
            return
        status, heard = found.calls[extension]
        has_name = f"en/backsoon/name/{key_of(found, extension)}.wav" in found.sounds
        assert heard[0] == (f"en/name/{key_of(found, extension)}" if has_name else "en/person")
        assert (status, heard[1:]) == (200, found.calls[PLAIN][1][1:])

    def test_untagged_subject_leaves_no_trace(self, found: Found, attack: str) -> None:
        extension = AT[attack, "untagged"]
        assert extension not in found.webhook or found.webhook[extension]["state"] == "available"
        assert found.notes[extension] == ""
        assert not [key for key in found.astdb if key.endswith(extension)]

    def test_names_are_taken_whole_or_not_at_all(self, found: Found, attack: str) -> None:
        extension, text = AT[attack, "name"], ATTACKS[attack].text
        if text.isprintable() and len(text) <= 200:
            assert found.people[extension]["name"] == text
        else:
            assert found.rejected[extension] == "name: at most 200 printable characters may stand here"
            assert extension not in found.people

    def test_deputies_and_numbers_are_told_to_be_wrong(self, found: Found, attack: str) -> None:
        deputy, number = (str(start + list(ATTACKS).index(attack)) for start in (5000, 6000))
        assert found.rejected[number].startswith("ring_through: ")
        assert number not in found.people
        if attack == "option":
            assert found.people[deputy]["deputy"] == "--help"
        else:
            assert found.rejected[deputy].startswith("deputy: ")
            assert deputy not in found.people

    def test_log_has_no_line_of_it(self, found: Found, attack: str) -> None:
        """Debug messages included: one line of text could be taken for another message."""
        text = ATTACKS[attack].text
        assert text not in found.log
        assert ATTACKS[attack].note not in found.log


SAME = ("reason", "state", "told_callers", "since", "until", "back_at", "coming", "language", "zone", "email")


def elements(body: bytes, extension: str) -> list[tuple[str, str]]:
    """Each element and its text, with the person's own address and the instant left out."""
    root = etree.fromstring(body.replace(f"sip:{extension}@".encode(), b"sip:them@"))
    found = ((etree.QName(one).localname, (one.text or "").strip()) for one in root.iter())
    return [(tag, "" if tag == "timestamp" else text) for tag, text in found] + [("entity", root.get("entity") or "")]


def test_adding_somebody_by_hand_is_judged_alike(found: Found) -> None:
    assert found.added.err == "3000: name: at most 200 printable characters may stand here\n"
    assert "3000" not in found.people

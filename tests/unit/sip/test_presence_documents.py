"""What is published of somebody: as comparable text, and as a document."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from backsoon.domain.model import Phone
from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    PlannedReferral,
    Presentation,
    Rendered,
    SwitchboardError,
)
from backsoon.switchboards.sip_presence import Available, SipPresenceSettings
from backsoon.switchboards.sip_presence.pidf import ACTIVITIES, DATA_MODEL, PIDF, RPID, TIMED, document
from backsoon.switchboards.sip_presence.render import TEXT_BYTES, displayable, render, told
from backsoon.wire.sip_client import SipAccount, SipAddress

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)
SETTINGS = SipPresenceSettings(SipAddress(), "example.com")
WITHDRAW = replace(SETTINGS, available=Available.WITHDRAW)
ADDRESS = "sip:1001@example.com"
NAMES = {"p": PIDF, "d": DATA_MODEL, "r": RPID, "t": TIMED}
MEETING = PlannedReferral(NINE, TEN, TEN, "meeting")
LUNCH = PlannedReferral(NINE + timedelta(hours=3), NINE + timedelta(hours=4), None, "lunch")
INFORM = PlannedReferral(NINE + timedelta(hours=5), None, None, "busy", Phone.OPEN)
ANNA = Presentation("1001", Lamp("meeting", "I möte, åter 10:00"), (MEETING, LUNCH, INFORM), "sv", "Europe/Stockholm")


def published(
    presentation: Presentation, at: datetime = NINE, most: int | None = None, settings: SipPresenceSettings = SETTINGS
) -> etree._Element:
    return etree.fromstring(document(ADDRESS, told(render(presentation, settings)), at, most))


def one(root: etree._Element, path: str) -> etree._Element:
    (found,) = root.findall(path, NAMES)
    return found


class TestDocument:
    """PIDF, RPID and timed status, element by element."""

    def test_somebody_who_is_away(self) -> None:
        root = published(ANNA)
        assert root.get("entity") == ADDRESS
        assert one(root, "p:tuple/p:status/p:basic").text == "closed"
        for path in ("p:tuple/p:note", "d:person/d:note"):
            assert one(root, path).text == "I möte, åter 10:00"
            assert one(root, path).get("{http://www.w3.org/XML/1998/namespace}lang") == "sv"
        activities = one(root, "d:person/r:activities")
        assert dict(activities.attrib) == {"from": "2027-03-01T09:00:00Z", "until": "2027-03-01T10:00:00Z"}
        assert [child.tag for child in activities] == [f"{{{RPID}}}meeting"]
        assert one(root, "p:tuple/p:timestamp").text == "2027-03-01T09:00:00Z"

    def test_what_is_coming(self) -> None:
        lunch, busy = published(ANNA).findall("p:tuple/t:timed-status", NAMES)
        assert dict(lunch.attrib) == {"from": "2027-03-01T12:00:00Z", "until": "2027-03-01T13:00:00Z"}
        assert one(lunch, "t:basic").text == "closed"
        assert one(lunch, "r:activities/r:meal") is not None
        assert dict(busy.attrib) == {"from": "2027-03-01T14:00:00Z"}
        assert one(busy, "t:basic").text == "open"

    def test_somebody_who_is_available(self) -> None:
        root = published(Presentation("1001"))
        assert one(root, "p:tuple/p:status/p:basic").text == "open"
        assert root.findall("d:person", NAMES) == []
        assert root.findall(".//p:note", NAMES) == []

    def test_informing_leaves_the_phone_open(self) -> None:
        root = published(Presentation("1001", Lamp("lunch", "Lunch", Phone.OPEN)))
        assert one(root, "p:tuple/p:status/p:basic").text == "open"
        assert dict(one(root, "d:person/r:activities").attrib) == {}

    def test_times_are_those_of_the_part_that_runs(self) -> None:
        assert one(published(ANNA, LUNCH.start), "d:person/r:activities").get("until") == "2027-03-01T13:00:00Z"
        assert one(published(ANNA, TEN), "d:person/r:activities").get("until") is None
        assert "until" not in one(published(ANNA, INFORM.start), "d:person/r:activities").attrib

    @pytest.mark.parametrize(
        ("reason", "activity"),
        [("lunch", "meal"), ("holiday", "vacation"), ("business_travel", "travel"), ("sick", "away"), ("own", "away")],
    )
    def test_activities(self, reason: str, activity: str) -> None:
        root = published(Presentation("1001", Lamp(reason, "x")))
        assert [child.tag for child in one(root, "d:person/r:activities")] == [f"{{{RPID}}}{activity}"]

    @pytest.mark.parametrize("most", [1200, 900, 700, 600, 550])
    def test_what_does_not_fit_is_left_out_from_its_end(self, most: int) -> None:
        wordy = replace(ANNA, lamp=Lamp("meeting", "é" * 200))
        body = document(ADDRESS, told(render(wordy, SETTINGS)), NINE, most)
        assert len(body) <= most
        root = etree.fromstring(body)
        starts = [each.get("from") for each in root.findall("p:tuple/t:timed-status", NAMES)]
        assert starts == ["2027-03-01T12:00:00Z", "2027-03-01T14:00:00Z"][: len(starts)]
        assert (one(root, "p:tuple/p:note").text or "").startswith("é" * 30)

    @given(st.text(), st.text(), st.text(), st.integers(0, 2000))
    def test_no_text_becomes_anything_else(self, text: str, reason: str, language: str, most: int) -> None:
        nasty = Presentation("1001", Lamp(reason, text), (replace(MEETING, reason=reason, divert_to=text),), language)
        root = published(nasty, most=most)
        assert len(root.findall("p:tuple", NAMES)) == len(root.findall("d:person", NAMES)) == 1
        assert {child.tag for child in root.iter(f"{{{RPID}}}*")} <= {
            f"{{{RPID}}}{name}" for name in {"activities", "away", *ACTIVITIES.values()}
        }
        for note in root.iter(f"{{{PIDF}}}note"):
            assert (note.text or "").isprintable()


@pytest.fixture(scope="module")
def schemas() -> object:
    """The standards' own schemas, where somebody has them."""
    folder = os.environ.get("BACKSOON_DATA")
    path = Path(folder or ".") / "sip" / "pidf_validate.py"
    if not folder or not path.exists():
        pytest.skip("no schemas of PIDF and RPID: BACKSOON_DATA does not name a folder with them")
    spec = spec_from_file_location("pidf_validate", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_documents_are_valid(schemas: object) -> None:
    reasons, instants = [*ACTIVITIES, "sick", ""], [NINE, TEN, LUNCH.start, INFORM.start]
    lamps = [None, *(Lamp(reason, "In a meeting") for reason in reasons), Lamp("lunch", "", Phone.OPEN)]
    for lamp, at in product(lamps, instants):
        body = document(ADDRESS, told(render(replace(ANNA, lamp=lamp), SETTINGS)), at)
        assert schemas.check(body) == []  # type: ignore[attr-defined]


class TestRendering:
    """Comparable, small, and read back as it was."""

    def test_available(self) -> None:
        assert render(Presentation("1001"), WITHDRAW) == NOTHING
        assert render(Presentation("1001", language="sv"), SETTINGS) == render(Presentation("1002"), SETTINGS)
        assert render(Presentation("1001"), SETTINGS).lamp != ""
        assert render(replace(ANNA, lamp=None), WITHDRAW).lamp == ""

    def test_e_mail_only_where_addresses_are_made_of_it(self) -> None:
        anna = replace(ANNA, email="anna@example.com")
        assert "anna@example.com" not in render(anna, SETTINGS).lamp
        by_email = replace(SETTINGS, presentity="sip:{email}")
        assert told(render(anna, by_email)).email == "anna@example.com"
        assert told(render(replace(anna, lamp=None), replace(by_email, available=Available.WITHDRAW))).email != ""

    @pytest.mark.parametrize("email", ["", "anna", "anna@", "@example.com", "a@b@c", "anna@exa mple", "a\ud800@b.se"])
    def test_whoever_has_no_address_is_not_shown(self, email: str) -> None:
        assert render(replace(ANNA, email=email), replace(SETTINGS, presentity="sip:{email}")) == NOTHING

    def test_no_more_than_eight_are_coming(self) -> None:
        plan = tuple(replace(MEETING, start=NINE + timedelta(hours=n)) for n in range(12))
        assert len(told(render(replace(ANNA, plan=plan), SETTINGS)).plan.parts) == 8

    @pytest.mark.parametrize("odd", [Rendered("DEVICE presence", ""), Rendered("", "1~sv~"), Rendered("[1]", "[]")])
    def test_what_another_driver_told_is_none_of_ours(self, odd: Rendered) -> None:
        with pytest.raises(SwitchboardError):
            told(odd)

    @given(st.text(), st.integers(1, TEXT_BYTES))
    def test_displayable(self, text: str, most: int) -> None:
        shown = displayable(text, most)
        assert shown.isprintable()
        assert len(shown.encode()) <= most
        assert shown == displayable(shown, most)


class TestAddresses:
    """Templates of people's addresses."""

    @pytest.mark.parametrize(
        ("template", "address"),
        [
            ("sip:{extension}@{domain}", "sip:1001@example.com"),
            ("sips:{extension}@pbx.example.com;x=y", "sips:1001@pbx.example.com;x=y"),
            ("sip:{email}", "sip:Anna.Berg%2Fx+1@example.com"),
        ],
    )
    def test_good_ones(self, template: str, address: str) -> None:
        settings = replace(SETTINGS, presentity=template)
        assert settings.address_of("1001", "Anna.Berg/x+1@Example.com") == address

    @pytest.mark.parametrize("extension", ["", "10 01", "1001@x", "1;y", "1" * 33, "1\r\n"])
    def test_no_extension(self, extension: str) -> None:
        assert SETTINGS.address_of(extension, "") is None

    @pytest.mark.parametrize(
        "template", ["", "sip:a@b", "{extension}", "sip:{extension}@{name}", "sip:{extension} @x", "sip:{extension}>"]
    )
    def test_bad_ones(self, template: str) -> None:
        with pytest.raises(ValueError, match="presentity"):
            replace(SETTINGS, presentity=template)

    def test_ours(self) -> None:
        assert SETTINGS.own_address == "sip:backsoon@example.com"
        assert replace(SETTINGS, account=SipAccount("a b@realm", "x")).own_address == "sip:a%20b@example.com"
        assert replace(SETTINGS, own="sip:pa@x").own_address == "sip:pa@x"
        with pytest.raises(ValueError, match="domain"):
            replace(SETTINGS, domain="x y")

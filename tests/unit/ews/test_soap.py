"""Envelopes: what is asked, and what is made of answers, broken ones too."""

from __future__ import annotations

import importlib.util
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from backsoon.sources.base import SourceBroken, SourceBusy, SourceDenied, SourceMissing, SourceUnavailable, Window
from backsoon.sources.ews import requests, soap
from backsoon.sources.ews.busy import views
from backsoon.sources.ews.entries import read_items
from backsoon.sources.ews.failures import EwsFailure, known_code, source_error
from backsoon.sources.ews.settings import ORDER, BadSettings, EwsSettings, of_build
from backsoon.wire.xml import BadXml
from tests.unit.ews.server import ZONE

WINDOW = Window(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC))
DATA = os.environ.get("BACKSOON_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BACKSOON_DATA names no folder of test data")
SETS = {
    "Exchange2007_SP1": "Exchange2007_SP1",
    "Exchange2010_SP1": "Exchange2010_SP1",
    "Exchange2010_SP2": "Exchange2010_SP2",
    "Exchange2013_SP1": "Exchange2013_SP1",
    "Exchange2016": "Exchange2019_15.2.2562.17",
}
ODD = "o'br<i>en&co@example.com"


def bodies(version: str) -> list[str]:
    """Every request that may be made in a version."""
    found = [
        requests.find_items(WINDOW),
        requests.find_items(WINDOW, ODD),
        requests.sync_items(""),
        requests.sync_items("c3RhdGU=", ODD),
        requests.availability([ODD, "anna@example.com"], WINDOW, details=True),
        requests.availability(["anna@example.com"], WINDOW, details=False),
        requests.automatic_reply(ODD),
        requests.subscribe_pull(),
        requests.subscribe_pull(ODD),
        requests.pull_events("an id", "AAAA"),
        requests.unsubscribe("an id"),
    ]
    if ORDER.index(version) >= ORDER.index("Exchange2010_SP1"):
        found += [requests.subscribe_streaming(ODD), requests.streaming_events(["one", "two"])]
    return found


def validator() -> ModuleType:
    assert DATA
    spec = importlib.util.spec_from_file_location("ews_validate", Path(DATA) / "ews" / "ews_validate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_data
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("version", SETS)
@pytest.mark.parametrize("act_for", ["", ODD])
def test_every_request_is_valid_in_the_version_that_it_declares(version: str, act_for: str, tmp_path: Path) -> None:
    check = validator()
    schema = check.load(f"{DATA}/ews/schemas/{SETS[version]}")
    for number, body in enumerate(bodies(version)):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(soap.envelope(body, version=version, act_for=act_for))
        parts, errors = check.check(schema, str(path))
        headers = 1 + bool(act_for) + (version != "Exchange2007_SP1")
        assert (parts, errors) == (1 + headers, []), body


@needs_data
def test_recorded_calendars_are_read() -> None:
    assert DATA
    found = 0
    for path in sorted(Path(DATA).glob("ews/recorded/garethp-php-ews/*FindItemResponse.xml")):
        root = soap.parse(path.read_bytes())
        items = list(soap.only(soap.operation(root)).iter(f"{soap.T}CalendarItem"))
        if not items or items[0].find(f"{soap.T}Start") is None:
            continue
        wide = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        masters = [i for i in items if i.findtext(f"{soap.T}CalendarItemType") == "RecurringMaster"]
        if masters:
            continue
        read = read_items(items, wide, ZoneInfo(ZONE))
        assert not read.rejected
        assert soap.server_version(root) in ORDER
        found += len(read.entries)
    assert found > 5


@needs_data
@pytest.mark.parametrize(
    ("path", "code", "seconds"),
    [
        ("issue-excerpts/ErrorImpersonateUserDenied.fault.xml", "ErrorImpersonateUserDenied", None),
        ("kdepim-runtime/Fault.errorserverbusy.xml", "ErrorServerBusy", None),
        ("exchangelib/Fault.test_services.L111.xml", "ErrorServerBusy", 297.749),
        ("exchangelib/Fault.test_services.L140.xml", "ErrorSchemaValidation", None),
    ],
)
def test_recorded_faults_are_understood(path: str, code: str, seconds: float | None) -> None:
    assert DATA
    raw = (Path(DATA) / "ews" / "recorded" / path).read_bytes()
    with pytest.raises(EwsFailure) as caught:
        soap.operation(soap.parse(raw))
    assert caught.value.code == code
    if seconds is not None:
        assert caught.value.back_off == seconds


@needs_data
def test_the_documented_free_and_busy_times_are_read() -> None:
    assert DATA
    (path,) = Path(DATA).glob("ews/recorded/microsoft-docs/GetUserAvailabilityResponse.*.xml")
    view, _ = views(soap.operation(soap.parse(path.read_bytes())), 2)
    assert not isinstance(view, EwsFailure)
    assert view[0].when.start == datetime(2006, 10, 16, 13, tzinfo=UTC)
    assert view[0].when.end - view[0].when.start == timedelta(minutes=30)
    assert view[0].subject == "Meet with Contoso Account Executives"


def test_what_goes_into_a_request_is_escaped() -> None:
    raw = soap.envelope(requests.find_items(WINDOW, ODD), version="Exchange2013_SP1", act_for=ODD)
    root = etree.fromstring(raw)
    assert root.findtext(f".//{soap.T}PrimarySmtpAddress") == ODD
    assert root.findtext(f".//{soap.T}EmailAddress") == ODD


@pytest.mark.parametrize(
    ("build", "speaks"),
    [
        ((8, 1, 240), "Exchange2007_SP1"),
        ((14, 0, 639), "Exchange2010"),
        ((14, 1, 218), "Exchange2010_SP1"),
        ((14, 3, 123), "Exchange2010_SP2"),
        ((15, 0, 516), "Exchange2013"),
        ((15, 0, 1497), "Exchange2013_SP1"),
        ((15, 1, 225), "Exchange2016"),
        ((15, 2, 2562), "Exchange2016"),
        ((16, 0, 1), "Exchange2016"),
    ],
)
def test_builds(build: tuple[int, int, int], speaks: str) -> None:
    assert of_build(*build) == speaks


def enveloped(inner: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{soap.SOAP}" xmlns:t="{soap.TYPES}" xmlns:m="{soap.MESSAGES}">'
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


@pytest.mark.parametrize(
    "text", ["&#x1F;", "&#0;", "&#11;", "&#xD83D;&#xDE00;", "&#xFFFE;", "&#65535;", "\x0b", "\x00"]
)
def test_forbidden_characters_are_mended(text: str) -> None:
    root = soap.parse(enveloped(f"<m:x>a{text}b&#x41;&amp;c</m:x>"))
    found = soap.operation(root).text or ""
    assert found.startswith("a\ufffd")
    assert found.endswith("\ufffdbA&c")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"<!DOCTYPE html><html></html>",
        enveloped("<m:x>")[:-30],
        enveloped("<m:x>&#x1F;</m:y>"),
        enveloped(""),
        b"<s:Envelope xmlns:s='" + soap.SOAP.encode() + b"'/>",
    ],
)
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises((SourceBroken, BadXml)):
        soap.operation(soap.parse(raw))


def test_an_error_among_messages_is_one() -> None:
    raw = enveloped(
        '<m:FindItemResponse><m:ResponseMessages><m:FindItemResponseMessage ResponseClass="Error">'
        "<m:MessageText>CANARY</m:MessageText><m:ResponseCode>ErrorAccessDenied</m:ResponseCode>"
        "</m:FindItemResponseMessage></m:ResponseMessages></m:FindItemResponse>"
    )
    with pytest.raises(EwsFailure) as caught:
        soap.only(soap.operation(soap.parse(raw)))
    assert str(caught.value) == "ErrorAccessDenied"
    assert isinstance(caught.value.as_source_error(), SourceDenied)


@pytest.mark.parametrize("code", ["", None, "<b>", "Error Some", "x" * 65, "ErrorÄ"])
def test_a_code_that_is_none_is_not_repeated(code: str | None) -> None:
    assert known_code(code) == "an error without a name"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ErrorServerBusy", SourceBusy),
        ("ErrorNonExistentMailbox", SourceMissing),
        ("ErrorImpersonateUserDenied", SourceDenied),
        ("ErrorMailboxMoveInProgress", SourceUnavailable),
        ("ErrorOfTomorrow", SourceUnavailable),
    ],
)
def test_codes_become_errors(code: str, kind: type[Exception]) -> None:
    error = source_error(code)
    assert type(error) is kind
    assert code in error.detail
    assert error.remedy


def test_a_pause_has_a_bound() -> None:
    assert source_error("ErrorServerBusy", 1e9).retry_after == 3_600


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"username": "a", "sign_in": "kerberos"},
        {"username": "a", "access": "owner"},
        {"username": "a", "version": "5.5"},
        {"sign_in": "oauth"},
    ],
)
def test_settings_that_contradict_each_other(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSettings):
        EwsSettings(**wrong)  # type: ignore[arg-type]


def test_settings_show_no_secrets() -> None:
    shown = repr(EwsSettings(username="a", password="ZQ", client_secret="ZQ"))
    assert "ZQ" not in shown

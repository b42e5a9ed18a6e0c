"""Accounts that read many mailboxes: what the settings of Exchange, Microsoft 365 and Google become."""

from pathlib import Path
from typing import Any

import pytest

from backsoon.config import ConfigError, parse
from backsoon.domain.organisation import Connection

HERE = Path("/settings/backsoon.toml")
ID = "11111111-2222-3333-4444-555555555555"
URL = "https://mail.example.com/EWS/Exchange.asmx"
EWS = {"kind": "ews", "url": URL, "username": "ACME\\svc", "password": "env:P"}
APPLICATION = {"tenant": "acme.onmicrosoft.com", "client_id": ID, "certificate": "tls/app.pem"}
GRAPH = {"kind": "graph", **APPLICATION}
GOOGLE = {"kind": "google", "credentials": "google.json"}


def read(**fields: Any) -> Connection:
    values = {"organisation": {"name": "Acme", "zone": "UTC"}, "calendars": {"main": fields}}
    (one,) = parse(values, HERE).organisations[0].connections
    return one


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(**fields)
    found = caught.value.problems
    assert all(p.file == str(HERE) and p.remedy for p in found)
    assert len({p.field for p in found}) == len(found), "one fault a field"
    return {p.field.removeprefix("calendars.main."): f"{p.what}; {p.remedy}" for p in found}


EVERYBODYS = {
    "mailbox": "{email}",
    "people": "everybody",
    "automatic_replies": True,
    "push": True,
    "poll_min_minutes": 2,
    "poll_max_minutes": 15,
}


def test_the_least_that_exchange_needs() -> None:
    assert read(**EWS).settings == {
        **EVERYBODYS,
        "url": URL,
        "username": "ACME\\svc",
        "password": "env:P",
        "sign_in": "auto",
        "access": "impersonation",
        "version": "auto",
        "at_once": 24,
    }


def test_the_least_that_microsoft_365_needs() -> None:
    certificate = {**APPLICATION, "certificate": "/settings/tls/app.pem", "cloud": "global"}
    assert read(**GRAPH).settings == {**EVERYBODYS, **certificate, "at_once": 128}


def test_the_least_that_google_needs() -> None:
    assert read(**GOOGLE).settings == {
        **EVERYBODYS,
        "credentials": "/settings/google.json",
        "access": "shared",
        "requests_per_minute": 600,
        "at_once": 96,
    }


def test_everything_that_can_be_said() -> None:
    common = {
        "mailbox": "{user}@corp.example.com",
        "people": "named",
        "at_once": 3,
        "automatic_replies": False,
        "push": False,
        "poll_min_minutes": 5,
        "poll_max_minutes": 10,
        "ca_file": "/ca.pem",
    }
    exchange = {"access": "delegate", "sign_in": "ntlm"}
    assert read(**EWS, **common, **exchange, version="2010-SP1").settings == {
        **_without_kind(EWS),
        **common,
        **exchange,
        "version": "2010_sp1",
    }
    cloud = {"url": "http://127.0.0.1:8080", "sign_in_url": "http://[::1]:8080", "outside": "ceo@example.com"}
    secret = {"tenant": ID, "client_id": ID, "client_secret": "file:app.secret", "cloud": "us-gov"}
    found = read(kind="graph", **common, **cloud, **secret).settings
    assert found == {**common, **cloud, **secret, "cloud": "us_gov", "client_secret": "file:/settings/app.secret"}
    google = {"access": "delegation", "requests_per_minute": 1200, "url": "https://proxy.example.com"}
    found = read(**GOOGLE, **common, **google).settings
    assert found == {**common, **google, "credentials": "/settings/google.json"}


def _without_kind(fields: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if key != "kind"}


@pytest.mark.parametrize(("written", "version"), [("2019", "2016"), ("se", "2016"), ("2007-SP1", "2007_sp1")])
def test_versions_of_exchange_by_the_schema_that_is_spoken(written: str, version: str) -> None:
    assert read(**EWS, version=written).settings["version"] == version


def test_autodiscover_needs_a_domain_to_ask() -> None:
    found = {"kind": "ews", "username": "svc@example.com", "password": "env:P"}
    assert "url" not in read(**found).settings
    (what,) = faults(**{**found, "username": "ACME\\svc"}).values()
    assert "name@example.com" in what


def test_exchange_by_an_application() -> None:
    found = read(kind="ews", url=URL, sign_in="oauth", **APPLICATION).settings
    assert (found["sign_in"], found["tenant"], found["cloud"]) == ("oauth", "acme.onmicrosoft.com", "global")
    assert "username" not in found


def test_what_is_missing_is_told_at_once() -> None:
    assert faults(kind="ews").keys() == {"username", "password"}
    assert faults(kind="ews", sign_in="oauth").keys() == {"url", "tenant", "client_id", "certificate"}
    assert faults(kind="graph").keys() == {"tenant", "client_id", "certificate"}
    assert faults(kind="google").keys() == {"credentials"}


@pytest.mark.parametrize(
    ("written", "field", "what"),
    [
        (GRAPH | {"client_secret": "env:S"}, "certificate", "beside client_secret; write one of the two"),
        (
            {"kind": "graph", "tenant": ID, "client_id": ID, "client_secret": "s3cret~typed"},
            "client_secret",
            "never hold",
        ),
        (GRAPH | {"tenant": "common"}, "tenant", "no tenant: an application signs in to one"),
        (GRAPH | {"tenant": "Acme Ltd"}, "tenant", "is no tenant"),
        (GRAPH | {"tenant": 3}, "tenant", "a text"),
        (GRAPH | {"client_id": "s3cret~typed"}, "client_id", "no id of an application"),
        (GRAPH | {"cloud": "germany"}, "cloud", "known are china, global, us_dod, us_gov"),
        (GRAPH | {"outside": "the boss"}, "outside", "no address of a mailbox"),
        (GRAPH | {"username": "svc"}, "username", "is not a setting"),
        (GRAPH | {"sign_in_url": "http://login.example.com"}, "sign_in_url", "in the clear"),
        (GRAPH | {"mailbox": "{mail}"}, "mailbox", "did you mean 'email'?"),
        (GRAPH | {"mailbox": "{user}"}, "mailbox", "makes no addresses"),
        (GRAPH | {"mailbox": "info@example.com"}, "mailbox", "the same for everybody"),
        (GRAPH | {"at_once": 0}, "at_once", "from 1 to 500"),
        (GRAPH | {"poll_min_minutes": 20, "poll_max_minutes": 15}, "poll_max_minutes", "less than poll_min_minutes"),
        (EWS | {"url": "http://mail.example.com/EWS/Exchange.asmx"}, "url", "in the clear; write https://"),
        (EWS | {"url": "https://u:p@mail.example.com/EWS/Exchange.asmx"}, "url", "holds an account"),
        (EWS | {"url": "mail.example.com"}, "url", "autodiscover"),
        (EWS | {"password": "hunter2"}, "password", "never hold the secret"),
        (EWS | {"tenant": ID}, "tenant", 'write sign_in = "oauth"'),
        (EWS | {"version": "2003"}, "version", "did you mean '2013'?"),
        (EWS | {"access": "delegation"}, "access", "delegate"),
        ({"kind": "ews", "url": URL, "sign_in": "oauth", **APPLICATION, "username": "svc"}, "username", "of no use"),
        (GOOGLE | {"access": "everything"}, "access", "known are delegation, shared"),
        (GOOGLE | {"requests_per_minute": 0}, "requests_per_minute", "a whole number"),
        (GOOGLE | {"credentials": 3}, "credentials", "a text"),
        (GOOGLE | {"push": "no"}, "push", "true or false"),
    ],
)
def test_one_fault(written: dict[str, object], field: str, what: str) -> None:
    found = faults(**written)
    assert found.keys() == {field}
    assert what in found[field]
    assert "s3cret" not in found[field]
    assert "hunter2" not in found[field]


def test_mailboxes_by_name_need_no_template_of_ones_own() -> None:
    assert read(**GRAPH, people="named", mailbox="info@example.com").settings["mailbox"] == "info@example.com"


def test_a_known_kind_is_proposed() -> None:
    assert "did you mean 'google'?" in faults(kind="gogle")["kind"]

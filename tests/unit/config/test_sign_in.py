"""`[sign_in]`: issuers, and every fault of them at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.config import Config, ConfigError, parse
from backsoon.domain.signin import Issuer, SignIn

HERE = Path("/settings/backsoon.toml")
TENANT = "6f0c7c1e-28e2-4b57-9e5a-0a1d3f7f4b11"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
GOOGLE: dict[str, Any] = {"issuer": "https://accounts.google.com", "client_id": "c"}


def read(sign_in: Any, api: dict[str, Any] | None = None, several: bool = False) -> Config:
    one = {"name": "Acme", "zone": "UTC"}
    values: dict[str, Any] = {"organisations": {"acme": one, "other": one}} if several else {"organisation": one}
    return parse({**values, "api": api or {}, "sign_in": sign_in}, HERE)


def faults(sign_in: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(sign_in, **more)
    return {problem.field: problem.what for problem in caught.value.problems}


def test_where_nothing_is_said_there_are_passwords_and_no_issuer() -> None:
    assert parse({"organisation": {"name": "Acme", "zone": "UTC"}}, HERE).sign_in == SignIn(
        pages="http://127.0.0.1:8623"
    )


def test_everything_said() -> None:
    found = read(
        {
            "local": False,
            "idle_hours": 1,
            "longest_days": 2,
            "entra": {
                "issuer": ENTRA,
                "client_id": "c1",
                "client_secret": "file:secret",
                "label": "Microsoft",
                "trusted_domains": ["Example.com"],
                "ca_file": "ca.pem",
            },
            "google": GOOGLE,
        },
        {"pages": "https://backsoon.example.com/"},
    ).sign_in
    assert (found.local, found.idle, found.longest) == (False, timedelta(hours=1), timedelta(days=2))
    assert found.pages == "https://backsoon.example.com"
    entra, google = found.issuers
    assert entra == Issuer(
        "entra",
        "main",
        ENTRA,
        "c1",
        "file:/settings/secret",
        "Microsoft",
        frozenset({"example.com"}),
        "/settings/ca.pem",
    )
    assert entra.tenant == TENANT
    assert (google.label, google.client_secret, google.tenant) == ("Google", "", "")
    assert found.named("google") == google
    assert found.named("other") is None


@pytest.mark.parametrize(
    ("fields", "field", "what"),
    [
        ({"issuer": None}, "sign_in.x.issuer", "is missing"),
        ({"client_id": None}, "sign_in.x.client_id", "is missing"),
        ({"issuer": "http://issuer.example"}, "sign_in.x.issuer", "not https"),
        ({"issuer": "https://u:p@issuer.example"}, "sign_in.x.issuer", "account"),
        ({"issuer": "https://issuer.example?x=1"}, "sign_in.x.issuer", "no address"),
        ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "sign_in.x.issuer", "every tenant"),
        ({"issuer": "https://login.microsoftonline.com/organizations/v2.0"}, "sign_in.x.issuer", "every tenant"),
        ({"issuer": "https://login.microsoftonline.com/Consumers/v2.0"}, "sign_in.x.issuer", "every tenant"),
        ({"issuer": "https://login.microsoftonline.com/acme.onmicrosoft.com/v2.0"}, "sign_in.x.issuer", "one tenant"),
        ({"issuer": f"https://login.microsoftonline.com/{TENANT}"}, "sign_in.x.issuer", "one tenant"),
        ({"client_secret": "hunter2"}, "sign_in.x.client_secret", "never hold the secret"),
        ({"trusted_domains": "example.com"}, "sign_in.x.trusted_domains", "list"),
        ({"trusted_domains": []}, "sign_in.x.trusted_domains", "list"),
        ({"trusted_domains": ["@example.com"]}, "sign_in.x.trusted_domains", "no domain"),
        ({"trusted_domains": ["com"]}, "sign_in.x.trusted_domains", "no domain"),
        ({"organisation": "other"}, "sign_in.x.organisation", "no organisation"),
        ({"label": "x" * 41}, "sign_in.x.label", "cannot stand"),
        ({"lable": "x"}, "sign_in.x.lable", "not a setting"),
    ],
)
def test_faults_of_an_issuer(fields: dict[str, Any], field: str, what: str) -> None:
    issuer = {name: value for name, value in {**GOOGLE, **fields}.items() if value is not None}
    found = faults({"x": issuer})
    assert what in found[field]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("name", ["demo", "Big", "a b", "-x"])
def test_names_that_cannot_be(name: str) -> None:
    assert any("cannot be used" in what for what in faults({name: GOOGLE}).values())


def test_every_fault_at_once() -> None:
    found = faults({"idle_hours": 0, "longest_days": 1000, "local": "no", "x": {"issuer": "ftp://x"}, "y": 5})
    assert found.keys() == {
        "sign_in.idle_hours", "sign_in.longest_days", "sign_in.local", "sign_in.x.issuer", "sign_in.x.client_id",
        "sign_in.y",
    }  # fmt: skip


def test_issuers_need_to_know_where_the_pages_are() -> None:
    assert read({"x": GOOGLE}).sign_in.pages == "http://127.0.0.1:8623"
    nowhere: list[dict[str, Any]] = [
        {"listen": ""},
        {"listen": "0.0.0.0:443", "behind_proxy": True},
        {"listen": "[::1]:0"},
    ]
    for api in nowhere:
        assert "is missing" in faults({"x": GOOGLE}, api=api)["api.pages"]
        assert read({}, api).sign_in.pages == ""
        assert read({"x": GOOGLE}, {**api, "pages": "https://b.example"}).sign_in.pages == "https://b.example"


@pytest.mark.parametrize(
    ("pages", "what"),
    [("http://b.example", "not https"), ("https://b.example/x", "end with the host"), ("b.example", "no address")],
)
def test_pages_that_cannot_be(pages: str, what: str) -> None:
    assert what in faults({}, api={"pages": pages})["api.pages"]


def test_of_several_organisations_it_is_said_whose_people() -> None:
    assert "is missing" in faults({"x": GOOGLE}, several=True)["sign_in.x.organisation"]
    found = read({"x": {**GOOGLE, "organisation": "other"}}, several=True).sign_in
    assert found.issuers[0].organisation == "other"

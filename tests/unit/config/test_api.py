"""`[api]`: this machine only until somebody says otherwise, and then never in the clear."""

from pathlib import Path
from typing import Any

import pytest

from backsoon.config import Address, ApiConfig, ConfigError, parse

HERE = Path("/settings/backsoon.toml")


def read(environment: dict[str, str] | None = None, **api: Any) -> ApiConfig:
    values = {"organisation": {"name": "Acme", "zone": "UTC"}, "api": api}
    return parse(values, HERE, environment).api


def test_loopback_where_nothing_is_said() -> None:
    values = {"organisation": {"name": "Acme", "zone": "UTC"}}
    assert parse(values, HERE).api == ApiConfig(Address("127.0.0.1", 8623), pages="http://127.0.0.1:8623") == read()


def test_nowhere() -> None:
    assert read(listen="") == ApiConfig(None) == read({"BACKSOON_API__LISTEN": ""})


def test_everything_said() -> None:
    found = read(listen="192.0.2.7:443", lookup="[::1]:0", certificate="tls/cert.pem", key="/k.pem")
    assert found == ApiConfig(
        Address("192.0.2.7", 443), Address("::1", 0), Path("/settings/tls/cert.pem"), Path("/k.pem")
    )
    assert str(found.lookup) == "[::1]:0"
    assert read(listen="0.0.0.0:8623", behind_proxy=True).behind_proxy


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_loopback_needs_no_certificate(address: str) -> None:
    listen = read(listen=address).listen
    assert listen is not None
    assert listen.loopback


@pytest.mark.parametrize(
    ("api", "field", "what"),
    [
        ({"listen": "0.0.0.0:8623"}, "api.listen", "in the clear"),
        ({"listen": "[::]:8623"}, "api.listen", "in the clear"),
        ({"listen": "pbx.example.com:80"}, "api.listen", "in the clear"),
        ({"lookup": "192.0.2.7:8624"}, "api.lookup", "in the clear"),
        ({"listen": "8623"}, "api.listen", "no address"),
        ({"listen": 8623}, "api.listen", "no address"),
        ({"listen": "127.0.0.1:99999"}, "api.listen", "no address"),
        ({"listen": "[12:8623"}, "api.listen", "no address"),
        ({"listen": "[1:2]:8623"}, "api.listen", "no address"),
        ({"lookup": "127.0.0.1:8623"}, "api.lookup", "is that of listen"),
        ({"key": "k.pem"}, "api.key", "without a certificate"),
        ({"cert": "c.pem"}, "api.cert", "is not a setting"),
        ({"public": "http://backsoon.example.com"}, "api.public", "in the clear"),
        ({"public": "backsoon.example.com"}, "api.public", "no address"),
        ({"public": "https://x:99999999"}, "api.public", "no address"),
        ({"public": "https://x?y=1"}, "api.public", "no address"),
        ({"public": 3}, "api.public", "a text"),
        ({"public": "https://u:p@backsoon.example.com"}, "api.public", "holds an account"),
        ({"public": "https://backsoon.example.com/hooks"}, "api.public", "end with the host"),
        ({"public": "https://backsoon.example.com", "listen": ""}, "api.public", "nothing listens"),
        ({"behind_proxy": "yes"}, "api.behind_proxy", "true or false"),
    ],
)
def test_faults_name_the_field_and_what_to_write(api: dict[str, Any], field: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**api)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert what in problem.what
    assert problem.remedy


@pytest.mark.parametrize(
    ("written", "public"),
    [
        ("", ""),
        ("https://backsoon.example.com/", "https://backsoon.example.com"),
        ("https://backsoon.example.com:8443", "https://backsoon.example.com:8443"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_where_notifications_can_be_told(written: str, public: str) -> None:
    assert read(public=written).public == public
    assert read().public == ""

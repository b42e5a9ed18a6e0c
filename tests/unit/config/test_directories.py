"""Settings of directories, and of which endpoints are people's."""

import pytest

from backsoon.domain.organisation import DirectorySettings
from tests.unit.config.test_load import LEAST, PATH, faults, read

LDAP = LEAST + '[directories.main]\nkind = "ldap"\nbase = "dc=example,dc=com"\n'


def test_a_directory_becomes_plain_values_with_its_secret_by_reference() -> None:
    text = """url = "ldaps://ldap.example.com"
        username = "cn=backsoon,dc=example,dc=com"
        password = "file:ldap.secret"
        ca_file = "ca.pem"
        filter = "(&(objectClass=person)(!(cn=x)))"
        extension = '\\+468123([0-9]{4})'
        page_size = 100
        [directories.main.attributes]
        name = "cn"
        email = ["mail", "proxyAddresses"]
        """
    (one,) = read(LDAP + text).organisations
    assert one.directories == (
        DirectorySettings(
            "main",
            "main",
            "ldap",
            {
                "host": "ldap.example.com",
                "port": 636,
                "tls": True,
                "start_tls": False,
                "username": "cn=backsoon,dc=example,dc=com",
                "password": f"file:{PATH.parent}/ldap.secret",
                "ca_file": f"{PATH.parent}/ca.pem",
                "base": "dc=example,dc=com",
                "filter": "(&(objectClass=person)(!(cn=x)))",
                "extension": r"\+468123([0-9]{4})",
                "page_size": 100,
                "attributes": {"name": ["cn"], "email": ["mail", "proxyAddresses"]},
            },
        ),
    )


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "start_tls"),
    [
        ("ldaps://h", "h", 636, True, False),
        ("ldap://h", "h", 389, False, True),
        ("ldap://h:3389/", "h", 3389, False, True),
        ("ldap://127.0.0.1", "127.0.0.1", 389, False, False),
        ("ldap://localhost:1389", "localhost", 1389, False, False),
        ("ldap://[::1]", "::1", 389, False, False),
    ],
)
def test_without_a_word_nothing_is_said_in_the_clear(
    url: str, host: str, port: int, tls: bool, start_tls: bool
) -> None:
    (one,) = read(LDAP + f'url = "{url}"\n').organisations
    told = one.directories[0].settings
    assert (told["host"], told["port"], told["tls"], told["start_tls"]) == (host, port, tls, start_tls)


def test_who_reads_as_nobody_may_do_without_tls() -> None:
    (one,) = read(LDAP + 'url = "ldap://h"\nstart_tls = false\n').organisations
    assert one.directories[0].settings["start_tls"] is False


@pytest.mark.parametrize(
    ("text", "field", "because"),
    [
        ("", "url", "is missing; write ldaps://HOST"),
        ('url = "http://h"', "url", "no address of a directory"),
        ('url = "ldap://h/dc=x"', "url", "named by base and filter"),
        ('url = "ldap://a:b@h"', "url", "holds an account"),
        ('url = "ldap://h:x"', "url", "no address"),
        ('url = "ldaps://h"\nstart_tls = true', "start_tls", "take it out"),
        (
            'url = "ldap://h"\nstart_tls = false\nusername = "u"\npassword = "env:P"',
            "start_tls",
            "the password would be sent in the clear",
        ),
        ('url = "ldaps://h"\nusername = "u"', "password", "is missing"),
        ('url = "ldaps://h"\nusername = "u"\npassword = "hunter2"', "password", "never hold the secret"),
        ('url = "ldaps://h"\nfilter = "(cn=x"', "filter", "is no filter"),
        ('url = "ldaps://h"\nfilter = "cn=x"', "filter", "brackets"),
        ('url = "ldaps://h"\nextension = "["', "extension", "is no pattern"),
        ('url = "ldaps://h"\npage_size = 0', "page_size", "from 1 to 10000"),
        ('url = "ldaps://h"\nattributes = { email = 3 }', "attributes.email", "names no attributes"),
        ('url = "ldaps://h"\nattributes = { email = "a)(b" }', "attributes.email", "names no attributes"),
        ('url = "ldaps://h"\nattributes = { mail = "mail" }', "attributes.mail", "did you mean 'email'"),
        ('url = "ldaps://h"\nbind_dn = "x"', "bind_dn", "is not a setting"),
    ],
)
def test_one_fault_of_a_directory(text: str, field: str, because: str) -> None:
    ((where, said),) = faults(LDAP + text).items()
    assert where == f"directories.main.{field}"
    assert because in said
    assert "hunter2" not in said


def test_a_directory_needs_a_base_and_a_known_kind() -> None:
    assert set(faults(LEAST + '[directories.a]\nkind = "ldap"\nurl = "ldaps://h"\n')) == {"directories.a.base"}
    assert set(faults(LEAST + '[directories.a]\nkind = "nis"\n')) == {"directories.a.kind"}


def test_each_organisation_has_its_own() -> None:
    text = '[organisations.a]\nname = "A"\nzone = "UTC"\n[organisations.a.directories.d]\nkind = "ldap"\n'
    (one,) = read(text + 'url = "ldaps://h"\nbase = "dc=x"\n').organisations
    assert [(d.organisation, d.name) for d in one.directories] == [("a", "d")]
    assert "organisations" in faults(text + 'url = "ldaps://h"\nbase = "dc=x"\n[directories.e]\nkind = "ldap"\n')


def test_which_endpoints_are_peoples() -> None:
    board = LEAST + '[switchboards.main]\nkind = "asterisk"\nusername = "b"\nsecret = "env:S"\n'
    (one,) = read(board).organisations
    assert "extensions" not in one.switchboards[0].settings
    (one,) = read(board + "extensions = '1[0-9]{3}'\n").organisations
    assert one.switchboards[0].settings["extensions"] == "1[0-9]{3}"
    assert set(faults(board + "extensions = '('\n")) == {"switchboards.main.extensions"}

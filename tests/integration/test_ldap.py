"""People from a directory: a real slapd, and servers that answer as none should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from sansldap import ExtendedOperations, LDAPClient, LDAPResultCode, LDAPServer, PagedResultControl, PartialAttribute

from backsoon.directories.ldap import ATTRIBUTES, LdapPeople, LdapSettings
from backsoon.domain.listing import Listing
from backsoon.wire.ldap import (
    LdapAccount,
    LdapAddress,
    LdapDenied,
    LdapError,
    LdapExposed,
    LdapGarbled,
    LdapLost,
    LdapRefused,
    LdapSearch,
    LdapTimes,
    LdapUntrusted,
    search,
)
from backsoon.wire.tls import client_context
from tests.peers import require_peer
from tools.peers.slapd import PEOPLE, READER, READER_PASSWORD, SUFFIX, PrivateSlapd, person

MANY = 2500
ACCOUNT = LdapAccount(READER, READER_PASSWORD)
ODD = (
    person("two", "Two Numbers", telephoneNumber=["8801", "8802"]),
    person("none", "No Number"),
    person("long", "Long Number", telephoneNumber="+46 (8) 123-45 67"),
    person("ip", "Ip Phone", ipPhone="8810", telephoneNumber="+46 8 123 45 68"),
    person("cn", "Zed Last", cn=["Zed Last", "Alfa First"], ipPhone="8811"),
    person("binary", "Bin Ary", ipPhone="8812", audio=b"\xff\xfe", mail=["b@example.com", "a@example.com"]),
    person("lines", "Lin Es", ipPhone="8813", title="Head\r\n of\tsales"),
    person("control", "Con Trol", ipPhone="8814", title="bell\x07"),
    person("lang", "Lang Uage", ipPhone="8815", **{"title;lang-sv": "Chef"}),
)
REFERRAL = f"""
dn: ou=elsewhere,{SUFFIX}
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://192.0.2.1/ou=elsewhere,{SUFFIX}
"""


@pytest.fixture(scope="module")
def slapd() -> Iterator[PrivateSlapd]:
    """Everybody in one directory, for tests that leave it as it is."""
    yield from _slapd()


@pytest.fixture
def own_slapd() -> Iterator[PrivateSlapd]:
    """A directory for one test alone, which may end it."""
    yield from _slapd()


def _slapd() -> Iterator[PrivateSlapd]:
    many = (
        person(f"p{n}", f"Anna Åberg {n}", telephoneNumber=str(1000 + n), mail=f"p{n}@example.com") for n in range(MANY)
    )
    with PrivateSlapd(require_peer("ldap"), [*many, *ODD], REFERRAL) as server:
        yield server


def plain(server: PrivateSlapd) -> LdapSettings:
    titles = {**ATTRIBUTES, "title": ("title", "audio")}
    return LdapSettings(LdapAddress("127.0.0.1", server.port), PEOPLE, "(uid=*)", ACCOUNT, titles)


def start_tls(server: PrivateSlapd, ca_file: Path | None) -> LdapAddress:
    return LdapAddress("127.0.0.1", server.port, client_context(ca_file), start_tls=True)


async def listed(settings: LdapSettings) -> Listing:
    return await LdapPeople(settings).people()


# -- a real directory --------------------------------------------------------------------------------------------------


async def test_everybody_is_read_page_by_page_with_tls_and_without(slapd: PrivateSlapd) -> None:
    tls = client_context(slapd.ca_file)
    told: list[Listing] = []
    for address in (
        LdapAddress("127.0.0.1", slapd.port),
        start_tls(slapd, slapd.ca_file),
        LdapAddress("localhost", slapd.tls_port, tls),
    ):
        told.append(await listed(replace(plain(slapd), address=address)))
    told.append(await listed(replace(plain(slapd), page=7)))
    assert all(each == told[0] for each in told)
    by_label = {one.label: one.values for one in told[0].people}
    for n in (0, 1, 499, 500, 1000, MANY - 1):
        assert by_label[f"uid=p{n},{PEOPLE}"] == {
            "extension": str(1000 + n), "name": f"Anna Åberg {n}", "email": f"p{n}@example.com",
        }  # fmt: skip
    assert len(told[0].people) + len(told[0].left_out) == MANY + len(ODD)
    assert not told[0].doubts


async def test_who_is_nobody_is_left_out_and_what_is_no_text_is_passed_over(slapd: PrivateSlapd) -> None:
    found = await listed(plain(slapd))
    odd = {one.label.partition(",")[0][4:]: dict(one.values) for one in found.people if "uid=p" not in one.label}
    assert odd == {
        "ip": {"extension": "8810", "name": "Ip Phone"},
        "cn": {"extension": "8811", "name": "Alfa First"},
        "binary": {"extension": "8812", "name": "Bin Ary", "email": "a@example.com"},
        "lines": {"extension": "8813", "name": "Lin Es", "title": "Head of sales"},
        "control": {"extension": "8814", "name": "Con Trol", "title": "bell\x07"},  # its row is rejected later
        "lang": {"extension": "8815", "name": "Lang Uage", "title": "Chef"},
    }
    assert {one.label.partition(",")[0][4:]: one.because for one in found.left_out} == {
        "two": "has several extensions in telephoneNumber: 8801, 8802",
        "none": "has no number",
        "long": "telephoneNumber '+46 (8) 123-45 67' is no extension (see `extension` in the settings)",
    }


async def test_an_extension_is_cut_from_a_number(slapd: PrivateSlapd) -> None:
    settings = replace(
        plain(slapd), filter="(telephoneNumber=+46*)", extension=re.compile(r"\+468123(\d{4})"),
        attributes={"extension": ("telephoneNumber",), "name": ("displayName", "cn")},
    )  # fmt: skip
    found = await listed(settings)
    assert [dict(one.values) for one in found.people] == [
        {"extension": "4568", "name": "Ip Phone"},
        {"extension": "4567", "name": "Long Number"},
    ]


async def test_a_wrong_password_is_no_empty_directory(slapd: PrivateSlapd) -> None:
    with pytest.raises(LdapDenied, match="cn=backsoon") as caught:
        await listed(replace(plain(slapd), account=LdapAccount(READER, "wrong horse")))
    assert "wrong horse" not in f"{caught.value} {caught.value!r}"


async def test_a_limit_is_an_error_and_not_the_first_entries(slapd: PrivateSlapd) -> None:
    with pytest.raises(LdapRefused, match="does not give all entries: size_limit_exceeded"):
        await listed(replace(plain(slapd), account=None))


@pytest.mark.parametrize("wrong", [{"base": "ou=nobody,dc=example,dc=com"}, {"base": "dc=elsewhere"}])
async def test_a_base_that_is_not_there_is_an_error(slapd: PrivateSlapd, wrong: dict[str, str]) -> None:
    with pytest.raises(LdapRefused, match="no_such_object"):
        await listed(replace(plain(slapd), base=wrong["base"]))


async def test_referrals_are_not_followed_and_raise_a_doubt(slapd: PrivateSlapd) -> None:
    found = await listed(replace(plain(slapd), base=SUFFIX))
    assert len(found.people) > MANY
    assert found.doubts[0].startswith("1 referrals to other servers")


async def test_a_certificate_of_nobody_we_know(slapd: PrivateSlapd) -> None:
    for address in (start_tls(slapd, None), LdapAddress("127.0.0.1", slapd.tls_port, client_context())):
        with pytest.raises(LdapUntrusted, match="self-signed"):
            await listed(replace(plain(slapd), address=address))


async def test_a_password_is_not_said_where_others_can_read_along() -> None:
    settings = LdapSettings(LdapAddress("192.0.2.1"), PEOPLE, "(uid=*)", ACCOUNT)
    with pytest.raises(LdapExposed, match="without TLS"):  # at once: nobody was asked
        await listed(settings)


async def test_a_directory_that_is_down(own_slapd: PrivateSlapd) -> None:
    own_slapd.kill()
    with pytest.raises(LdapLost, match=r"127\.0\.0\.1"):
        await listed(plain(own_slapd))


# -- a directory that goes wrong in the middle -------------------------------------------------------------------------

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


@asynccontextmanager
async def cutting(port: int, after: int) -> AsyncIterator[int]:
    """Passes everything on, and cuts the connection after so many bytes of answers."""

    async def serve(reader: Reader, writer: Writer) -> None:
        upstream, down = await asyncio.open_connection("127.0.0.1", port)
        asking = asyncio.ensure_future(_pass_on(reader, down))
        left = after
        while left > 0 and (data := await upstream.read(min(4096, left))):
            left -= len(data)
            writer.write(data)
        asking.cancel()
        for end in (writer, down):
            end.close()

    async with listening(serve) as front:
        yield front


async def _pass_on(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(4096):
        writer.write(data)


@asynccontextmanager
async def listening(serve: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("after", [1, 20, 5_000, 100_000, 300_000])
async def test_a_connection_cut_anywhere_is_an_error(slapd: PrivateSlapd, after: int) -> None:
    async with cutting(slapd.port, after) as port:
        with pytest.raises(LdapLost, match="ended the connection"):
            await listed(replace(plain(slapd), address=LdapAddress("127.0.0.1", port)))


WANTED = LdapSearch(PEOPLE, "(uid=*)", ("cn",))
SHORT = LdapTimes(answer=0.2)
Answer = Callable[[LDAPServer, int], None]


@asynccontextmanager
async def scripted(
    *answers: bytes | Callable[[LDAPServer, int], None], tls: bool = False
) -> AsyncIterator[LdapAddress]:
    """A server that answers the first messages so, and is silent then."""

    async def serve(reader: Reader, writer: Writer) -> None:
        server, waiting = LDAPServer(), list(answers)
        while data := await reader.read(4096):
            for message in server.receive(data):
                answer = waiting.pop(0) if waiting else b""
                if not isinstance(answer, bytes):
                    answer(server, message.message_id)
                    answer = server.data_to_send()
                writer.write(answer)
        writer.close()

    async with listening(serve) as port:
        yield LdapAddress("127.0.0.1", port, client_context() if tls else None, start_tls=tls)


def entry(server: LDAPServer, number: int) -> None:
    server.search_result_entry(number, f"uid=a,{PEOPLE}", [PartialAttribute("cn", [b"A"])])


def done(server: LDAPServer, number: int) -> None:
    server.search_result_done(number)


def refused(code: LDAPResultCode) -> Answer:
    def answer(server: LDAPServer, number: int) -> None:
        entry(server, number)
        server.search_result_done(number, result_code=code, diagnostics_message="no\x1b[2J such luck")

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x80\x02\x01\x01\x00\x00",
        b"\x30\x0c\x02\x01\x63\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"\x30\x07\x02\x01\x01\x65\x02\x0a\x01",
        b"\x30\x84\x40\x00\x00\x00" + b"x" * (5 * 2**20),
        b"\x00" * 5000,
    ],
    ids=["http", "indefinite", "another message", "cut short", "endless", "zeros"],
)
async def test_nonsense_is_an_error(answer: bytes) -> None:
    async with scripted(answer) as address:
        with pytest.raises(LdapError):
            await search(address, None, WANTED, SHORT)


@pytest.mark.parametrize("answers", [(), (entry,)], ids=["nothing", "some entries"])
async def test_silence_is_an_error(answers: tuple[Answer, ...]) -> None:
    async with scripted(*answers) as address:
        with pytest.raises(LdapLost, match="was silent"):
            await search(address, None, WANTED, SHORT)


@pytest.mark.parametrize("code", [code for code in LDAPResultCode if code is not LDAPResultCode.SUCCESS])
async def test_any_other_result_than_success_is_an_error(code: LDAPResultCode) -> None:
    async with scripted(refused(code)) as address:
        with pytest.raises(LdapRefused) as caught:
            await search(address, None, WANTED, SHORT)
    assert caught.value.code == int(code)
    assert "\x1b" not in str(caught.value)


async def test_a_server_that_knows_no_pages_gives_everything_at_once() -> None:
    def all_of_it(server: LDAPServer, number: int) -> None:
        entry(server, number)
        done(server, number)

    async with scripted(all_of_it) as address:
        found = await search(address, None, WANTED, SHORT)
    assert [e.attributes for e in found.entries] == [{"cn": (b"A",)}]


async def test_pages_that_never_end_are_an_error() -> None:
    def again(server: LDAPServer, number: int) -> None:
        server.search_result_done(number, controls=[PagedResultControl(critical=False, size=0, cookie=b"again")])

    async with scripted(*[again] * 5) as address:
        with pytest.raises(LdapGarbled, match="no end"):
            await search(address, None, WANTED, SHORT)


async def test_a_server_without_tls_is_told_no_password() -> None:
    heard: list[object] = []

    def no_tls(server: LDAPServer, number: int) -> None:
        heard.append(number)
        server.extended_response(number, result_code=LDAPResultCode.PROTOCOL_ERROR)

    async with scripted(no_tls, tls=True) as address:
        with pytest.raises(LdapUntrusted, match="offers no TLS"):
            await search(address, ACCOUNT, WANTED, SHORT)
    assert heard == [1]  # the question for TLS, and nothing after it


async def test_nothing_said_before_tls_counts() -> None:
    def injected(server: LDAPServer, number: int) -> None:
        server.extended_response(number, name=ExtendedOperations.LDAP_START_TLS.value)
        server.receive(_asked_for(number + 1))
        entry(server, number + 1)
        done(server, number + 1)

    async with scripted(injected, tls=True) as address:
        with pytest.raises(LdapError, match=r"more before TLS|unexpected message"):
            await search(address, None, WANTED, SHORT)


def _asked_for(number: int) -> bytes:
    client = LDAPClient()
    for _ in range(number - 1):
        client.extended_request("1.2.3")
    client.data_to_send()
    client.search_request(PEOPLE)
    return client.data_to_send()

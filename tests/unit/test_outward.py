"""Where requests may go that somebody wrote into settings: see `backsoon.wire.outward`."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.wire.http import BadAddress, Cut, HttpError, TimedOut, Unreachable
from backsoon.wire.outward import Outward, Refused, is_named, permitted, system_resolve

NOBODY = ".".join("0000")
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
INTERNAL = ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
TEREDO = "2001:0:808:808::80ff:fffe"  # by way of 8.8.8.8 to 127.0.0.1
INTERNAL_WITHIN = ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "::127.0.0.1", TEREDO]
NEVER = [
    *(NOBODY, "0.1.2.3", "::", "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"),
    *(
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
    ),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:0.0.0.0", "fec0::1", "2001:db8::1"),
    *("2001:0:4136:e378:8000:63bf:5601:5601", "", "localhost", "127.1", "0x7f.1"),
]  # the Teredo address leads to 169.254.169.254


class TestAddresses:
    """What an address leads to decides."""

    @pytest.mark.parametrize("address", OUTSIDE)
    def test_outside(self, address: str) -> None:
        assert permitted(address)

    @pytest.mark.parametrize("address", INTERNAL + INTERNAL_WITHIN)
    def test_inside_only_where_the_host_was_named(self, address: str) -> None:
        assert not permitted(address)
        assert permitted(address, named=True)

    @pytest.mark.parametrize("address", ["64:ff9b:1:a00:1:200:808:808", "64:ff9b:1::808:808"])
    def test_a_network_s_own_translation_is_inside(self, address: str) -> None:
        """With the shortest prefix the first leads to 10.0.1.2, whatever its last 32 bits say."""
        assert not permitted(address)

    @pytest.mark.parametrize("address", NEVER)
    def test_never(self, address: str) -> None:
        assert not permitted(address)
        assert not permitted(address, named=True)

    @given(st.ip_addresses(v=4))
    def test_an_address_within_another_counts_as_itself(self, inner: ipaddress.IPv4Address) -> None:
        for named in (False, True):
            alone = permitted(str(inner), named=named)
            for outer in (f"::ffff:{inner}", f"64:ff9b::{inner}"):
                assert permitted(outer, named=named) == alone

    @given(st.ip_addresses())
    def test_what_is_permitted_to_nobody_in_particular_is_global(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        if permitted(str(address)) and isinstance(address, ipaddress.IPv4Address):
            assert address.is_global
        if permitted(str(address)):
            assert permitted(str(address), named=True)


@dataclass
class Listener:
    """A server that must get no connection, or does."""

    port: int = 0
    connections: int = 0


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Listener]:
    listener = Listener()
    under_way: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        under_way.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # it only looked whether we are here
            await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*(task for task in under_way if task))


def listening(answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> AbstractAsyncContextManager[Listener]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talking(talk)


class Names:
    """A resolver that answers differently each time, the last answer for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def outward(
    url: str, *, named: bool = False, resolve: Names | None = None, deadline: float = 5.0
) -> AsyncIterator[Outward]:
    made = Outward(url, named=named, resolve=resolve or system_resolve, deadline=deadline)
    try:
        yield made
    finally:
        await made.close()


def inside(server: Listener, scheme: str = "http", deadline: float = 5.0) -> AbstractAsyncContextManager[Outward]:
    return outward(f"{scheme}://127.0.0.1:{server.port}/", named=True, deadline=deadline)


LITERALS = [
    *("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", NOBODY, "127.0.0.1."),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "localhost", "localhost."),
    *("LOCALHOST", "ⓛocalhost".encode("idna").decode()),
]


class TestConnecting:
    """The local server gets no connection, however it is called."""

    @pytest.mark.parametrize("host", LITERALS)
    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_this_machine_in_any_notation(self, host: str, scheme: str) -> None:
        async with listening() as listener, outward(f"{scheme}://{host}:{listener.port}/x") as there:
            with pytest.raises(HttpError):
                await there.reach()
            with pytest.raises(HttpError):
                await there.post(b"{}", {})
            assert listener.connections == 0

    async def test_what_is_refused_is_named(self) -> None:
        async with listening() as listener, outward(f"http://127.0.0.1:{listener.port}/secret") as there:
            for attempt in (there.reach(), there.post(b"{}", {})):
                with pytest.raises(Refused) as refused:
                    await attempt
                assert refused.value.address == "127.0.0.1"
                assert "secret" not in str(refused.value)

    async def test_a_named_host_is_connected_to(self) -> None:
        async with listening() as listener, outward(f"http://127.0.0.1:{listener.port}/", named=True) as there:
            await there.reach()
            assert (await there.post(b"{}", {})).status == 204
            assert listener.connections == 2

    async def test_a_name_that_resolves_otherwise_the_next_time(self) -> None:
        """A check before, and another look-up when it connects, would let this through."""
        async with listening() as listener:
            names = Names(["93.184.216.34"], ["127.0.0.1"])
            async with outward(f"http://rebind.example:{listener.port}/", resolve=names, deadline=0.2) as there:
                with pytest.raises(HttpError):
                    await there.reach()  # to the first, which is not here
                for attempt in (there.reach(), there.post(b"{}", {}), there.post(b"{}", {})):
                    with pytest.raises(Refused):
                        await attempt
            assert names.asked == 4
            assert listener.connections == 0

    async def test_of_several_addresses_only_those_outside(self) -> None:
        async with outward("http://mixed.example/", resolve=Names(["127.0.0.1", "8.8.8.8", "::1"])) as there:
            assert await there.addresses("mixed.example", 80) == ["8.8.8.8"]

    async def test_a_named_host_that_turns_link_local(self) -> None:
        async with outward("http://inside.example/", named=True, resolve=Names(["169.254.169.254"])) as there:
            for attempt in (there.reach(), there.post(b"{}", {})):
                with pytest.raises(Refused, match=r"169\.254\.169\.254"):
                    await attempt

    async def test_the_socket_is_checked_last(self) -> None:
        """Whatever a resolver says: aiohttp opens sockets through this."""
        async with outward("http://x.example/") as there:
            with pytest.raises(OSError, match="127"):
                there._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
            there._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 80))).close()

    async def test_no_proxy_of_the_environment_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with listening() as proxy, listening() as listener:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            async with outward(f"http://127.0.0.1:{listener.port}/", named=True) as there:
                assert (await there.post(b"{}", {})).status == 204
            assert (proxy.connections, listener.connections) == (0, 1)


class TestAnswers:
    """Bounded, and never believed."""

    async def test_a_redirect_is_an_answer(self) -> None:
        async with listening() as other:
            moved = f"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
            async with listening(moved.encode()) as first, inside(first) as there:
                assert (await there.post(b"{}", {})).status == 307
            assert other.connections == 0

    async def test_a_body_without_end_is_cut(self) -> None:
        endless = b"HTTP/1.1 200 x\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 300_000
        async with listening(endless) as listener, inside(listener) as there:
            assert (await there.post(b"{}", {})).status == 200

    async def test_no_http(self) -> None:
        async with listening(b"220 mail.example ESMTP\r\n\r\n") as listener, inside(listener) as there:
            with pytest.raises(Cut):
                await there.post(b"{}", {})

    async def test_no_answer(self) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with talking(silent) as server, inside(server, deadline=0.1) as there:
            with pytest.raises(TimedOut):
                await there.post(b"{}", {})

    async def test_nobody_there(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            async with outward(f"http://127.0.0.1:{probe.getsockname()[1]}/", named=True) as there:
                for attempt in (there.reach(), there.post(b"{}", {})):
                    with pytest.raises(Unreachable):
                        await attempt

    async def test_a_name_that_nobody_has(self) -> None:
        async with outward("http://nobody.invalid/") as there:
            for attempt in (there.reach(), there.post(b"{}", {})):
                with pytest.raises(Unreachable, match="does not resolve"):
                    await attempt

    async def test_tls_where_there_is_none(self) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            await reader.read(1)

        async with talking(plain) as server, inside(server, "https") as there:
            for attempt in (there.reach(), there.post(b"{}", {})):
                with pytest.raises(Unreachable, match="TLS"):
                    await attempt


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x.example/", "file:///etc/passwd", "gopher://x/", "//x.example/", "x.example", "", "http://"),
        *("https://user@x.example/", "https://ok@evil.example/", "https://user:pw@x.example/", "https://x.example:a/"),
        *("https://x.example/\r\nHost: y", "https://x .example/", "https://ö.example/"),
    ],
)
def test_no_address(url: str) -> None:
    with pytest.raises(BadAddress):
        Outward(url)


@pytest.mark.parametrize(
    ("url", "hosts", "named"),
    [
        ("https://Switch.Office.example./x", ["switch.office.example"], True),
        ("https://[::1]:8443/", ["[::1]"], True),
        ("https://[::1]/", ["::1"], True),
        ("https://switch.office.example.evil.example/", ["switch.office.example"], False),
        ("https://evil.example/?switch.office.example", ["switch.office.example"], False),
        ("https://x.example/", [], False),
    ],
)
def test_which_hosts_are_named(url: str, hosts: list[str], named: bool) -> None:
    assert is_named(url, hosts) is named

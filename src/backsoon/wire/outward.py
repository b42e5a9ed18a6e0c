"""Requests to addresses that somebody wrote into settings: only ever outwards.

What is checked is the address that is connected to, at the moment when it is: names are resolved here, and the socket
is opened to what was checked. So a name that resolves otherwise the next time (DNS rebinding), a number in an odd
notation or an IPv4 address in an IPv6 one changes nothing. Redirects are not followed, and no proxy is asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from backsoon.wire.http import HttpError, TimedOut, Unreachable, _translated, parse_address
from backsoon.wire.tls import client_context

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as texts. Raises `OSError`."""

_NAMED: Final = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"),
    )
)
"""Where a host may be that the administrator named: this machine, private networks (RFC 1918, 4193), RFC 6598."""
_METADATA: Final = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
"""Where clouds tell machines their secrets; no host is that."""
_GLOBAL_V6: Final = ip_network("2000::/3")
_NAT64: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))
"""RFC 6052 and 8215; with the longest prefix the last 32 bits are the IPv4 address."""
_LOCAL_NAT64: Final = _NAT64[1]
"""Where in it the IPv4 address is, each network decides for itself: nobody can tell from outside what it leads to."""
_COMPATIBLE: Final = ip_network("::/96")
_ANSWER_BYTES: Final = 65_536


class NotOutside(OSError):
    """The address is not one of the public internet, and nobody named its host."""


class Refused(HttpError):
    """The host is at an address that is not connected to. `address` is that."""

    def __init__(self, origin: str, address: str) -> None:
        self.address = address
        super().__init__(origin, f"{address} is no address outside, and is not connected to")


def permitted(address: str, *, named: bool = False) -> bool:
    """Whether the address may be connected to. `named`: the administrator named its host as an internal one.

    Addresses within addresses (IPv4-mapped and -compatible, NAT64, 6to4, Teredo) count as what they lead to. Link-local
    ones, those of nobody (0.0.0.0, ::), multicast and reserved ones are never permitted.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if found in _LOCAL_NAT64 and not named:
        return False
    return all(_one_permitted(each, named) for each in _within(found) or (found,))


def _one_permitted(address: IPv4Address | IPv6Address, named: bool) -> bool:
    if address in _METADATA or address.is_link_local or address.is_multicast:
        return False
    if named and any(address.version == network.version and address in network for network in _NAMED):
        return True
    if isinstance(address, IPv6Address):
        return address.is_global and address in _GLOBAL_V6
    return address.is_global and not address.is_reserved


def _within(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    if address.teredo is not None:
        return list(address.teredo)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return [inner]
    nested = any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1)
    return [IPv4Address(int(address) & 0xFFFFFFFF)] if nested else []


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """As the machine resolves names. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_named(url: str, hosts: Collection[str]) -> bool:
    """Whether the host of the address is among the hosts. Raises `BadAddress`."""
    return _host(parse_address(url)) in {host.lower().strip("[]").rstrip(".") for host in hosts}


def _host(url: URL) -> str:
    return (url.raw_host or "").lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request; its body is read and thrown away. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]


class Outward:
    """Connections to one address, kept alive. Close it.

    `named`: its host may be at internal addresses. `tls` verifies it (`backsoon.wire.tls.client_context`); `deadline`
    is in seconds, for one whole request. Raises `BadAddress`.
    """

    def __init__(
        self,
        url: str,
        *,
        named: bool = False,
        tls: ssl.SSLContext | None = None,
        deadline: float = 10.0,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._url = parse_address(url)
        self.origin = str(self._url.origin())
        """Scheme, host and port: the path may be a secret."""
        self._named = named
        self._tls = tls
        self._deadline = deadline
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send this once, and hand back whatever status came; redirects are answers. Raises `HttpError`."""
        async with self._deadline_kept():
            try:
                return await self._post(body, headers)
            except (aiohttp.ClientError, ValueError) as error:
                raise self._told(error) from None

    async def reach(self) -> None:
        """Make one connection, TLS included, and close it again. Raises `HttpError`."""
        async with self._deadline_kept():
            try:
                await self._reach()
            except NotOutside as error:
                raise Refused(self.origin, str(error)) from None
            except socket.gaierror:
                raise Unreachable(self.origin, "the host name does not resolve") from None
            except ssl.SSLCertVerificationError:
                raise Unreachable(self.origin, "the server's certificate is not to be trusted") from None
            except (OSError, ValueError) as error:
                tls = isinstance(error, ssl.SSLError)
                raise Unreachable(self.origin, "TLS could not be set up" if tls else "no connection") from None

    @asynccontextmanager
    async def _deadline_kept(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError:
            raise TimedOut(self.origin, f"no whole answer within {self._deadline:g} s") from None

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
            read = 0
            async for piece in answer.content.iter_any():
                read += len(piece)
                if read > _ANSWER_BYTES:
                    answer.close()
                    break
            fields = {name.lower(): ", ".join(answer.headers.getall(name)) for name in answer.headers}
            return Answer(answer.status, fields)

    async def _reach(self) -> None:
        host, port = _host(self._url), self._url.port or 0
        tls = self._context() if self._url.scheme == "https" else None
        name = None if tls is None else host
        failed: OSError | None = None
        for address in await self.addresses(host, port):
            try:
                _, writer = await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)
            except OSError as error:
                failed = error
            else:
                writer.transport.abort()
                return
        raise failed or OSError("no address")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where the host is, as far as that may be connected to. Raises `NotOutside`, `OSError`."""
        found = await self._resolve(host, port)
        good = [address for address in found if permitted(address, named=self._named)]
        if found and not good:
            raise NotOutside(found[0])
        return good

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """The socket to an address that is to be connected to: here it is checked last, however it was come by."""
        family, kind, protocol, _, address = info
        if not permitted(str(address[0]), named=self._named):
            raise NotOutside(str(address[0]))
        return socket.socket(family, kind, protocol)

    def _told(self, error: Exception) -> HttpError:
        cause = getattr(error, "os_error", None)
        if isinstance(cause, NotOutside):
            return Refused(self.origin, str(cause))
        return _translated(error, self.origin)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_context()
        return self._tls

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._context() if self._url.scheme == "https" else True,
                limit=0,
                use_dns_cache=False,
                resolver=_Resolver(self),
                socket_factory=self._socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # `post` has the deadline
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


class _Resolver(AbstractResolver):
    def __init__(self, outward: Outward) -> None:
        self._outward = outward

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [_result(host, port, address) for address in await self._outward.addresses(host, port)]

    async def close(self) -> None:
        pass


def _result(host: str, port: int, address: str) -> ResolveResult:
    six = ipaddress.ip_address(address).version == 6
    family = socket.AF_INET6 if six else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)

"""A client of directories (LDAPv3, RFC 4511) that reads one search to its end, page by page (RFC 2696).

The connection is ours: TLS is checked with the same context as everywhere, a password is never said where others could
read along, and every wait has an end. The messages are `sansldap`'s. Referrals are not followed (a password would be
told to whatever server they name), but counted: what lies behind them is missing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from sansldap import (
    BindResponse,
    ExtendedOperations,
    ExtendedResponse,
    LDAPClient,
    LDAPError,
    LDAPFilter,
    LDAPMessage,
    LDAPResult,
    LDAPResultCode,
    PagedResultControl,
    ProtocolError,
    SearchResultDone,
    SearchResultEntry,
    SearchResultReference,
)

from backsoon.domain.address import this_machine
from backsoon.domain.errors import BacksoonError

SLICE = 8192
"""Bytes made into messages at once: some milliseconds of work, in which nothing else goes on."""
MAX_MESSAGE = 4 * 2**20
"""The most bytes of one message before it is taken for nonsense."""
MAX_BYTES = 256 * 2**20
MAX_ENTRIES = 200_000
"""The most of one search: beyond it something is wrong, and it is an error."""


class LdapError(BacksoonError):
    """The directory could not be read."""

    remedy = "see whether the directory answers at its address from this machine"


class LdapLost(LdapError):
    """The directory could not be reached, went silent, or ended the connection before the end."""


class LdapGarbled(LdapError):
    """What answers is no directory, or it no longer makes sense."""

    remedy = "see whether `url` names a directory: port 389 for ldap://, 636 for ldaps://"


class LdapUntrusted(LdapError):
    """The directory's certificate cannot be trusted, or it offers no TLS."""

    remedy = "name its authority as `ca_file`, and the host in `url` as its certificate names it"


class LdapDenied(LdapError):
    """The directory refused the login."""

    remedy = "check `username` (a distinguished name) and `password`"


class LdapExposed(LdapError):
    """The password would be said where others could read along. It was not."""

    remedy = "write ldaps:// in `url`, or start_tls = true"


class LdapRefused(LdapError):
    """The directory answered with an error. `code` is its result code (RFC 4511 appendix A)."""

    def __init__(self, what: str, result: LDAPResult, remedy: str = "") -> None:
        self.code = int(result.result_code)
        self.remedy = remedy or "check base, filter and rights of the account"
        said = _printable(result.diagnostics_message)
        super().__init__(f"{what}: {result.result_code.name.lower()} ({self.code})" + (f", {said}" if said else ""))


@dataclass(frozen=True, slots=True)
class LdapAddress:
    """Where the directory listens. `tls` checks its certificate (None: without); `start_tls`: only after asking."""

    host: str
    port: int = 389
    tls: ssl.SSLContext | None = None
    start_tls: bool = False

    @property
    def private(self) -> bool:
        """Whether a password may be said there: nobody between here and there can read it."""
        return self.tls is not None or this_machine(self.host)


@dataclass(frozen=True, slots=True)
class LdapAccount:
    """Who reads it: a distinguished name, or what the server takes in its place."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LdapTimes:
    """Patience, in seconds: until connected, and for each answer."""

    connect: float = 10.0
    answer: float = 60.0
    close: float = 1.0


@dataclass(frozen=True, slots=True)
class LdapSearch:
    """What is looked for below `base`, by a filter (RFC 4515); a page has so many entries."""

    base: str
    filter: str
    attributes: tuple[str, ...]
    page: int = 500


@dataclass(frozen=True, slots=True)
class LdapEntry:
    """One entry: its distinguished name, and values as bytes by the attribute's name in small letters."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]


@dataclass(slots=True)
class LdapFound:
    """All entries of a search, and how many referrals elsewhere were not followed."""

    entries: list[LdapEntry] = field(default_factory=list)
    referrals: int = 0


def check_filter(text: str) -> str | None:
    """Why a text is no filter (RFC 4515); None where it is one."""
    try:
        LDAPFilter.from_string(text)
    except (ValueError, LDAPError) as error:
        return _printable(str(error))
    return None


async def search(
    address: LdapAddress, account: LdapAccount | None, wanted: LdapSearch, times: LdapTimes | None = None
) -> LdapFound:
    """Connect, log in (None: as nobody) and read the search to its end. Raises `LdapError`: never a part of it."""
    if account is not None and not address.private:
        raise LdapExposed(f"{address.host}: a password is not sent without TLS")
    async with _connection(address, times or LdapTimes()) as connection:
        if address.start_tls and address.tls is not None:
            await connection.start_tls(address.tls)
        if account is not None:
            await connection.bind(account)
        return await connection.search(wanted)


class _Stream(asyncio.Protocol):
    """What arrived and was not read yet. Kept here, so that nothing from before TLS is taken for said within it."""

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()
        self._wake = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        self._wake.set()
        if len(self.arrived) > MAX_MESSAGE and self.transport is not None:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._wake.set()

    async def some(self) -> bytes:
        """The next bytes, at most `SLICE`; b"" at the end."""
        await asyncio.sleep(0)  # others have their turn between two slices, however much has arrived
        while not self.arrived and not self.gone.is_set():
            self._wake.clear()
            await self._wake.wait()
        data = bytes(self.arrived[:SLICE])
        del self.arrived[:SLICE]
        if self.transport is not None and not self.gone.is_set() and len(self.arrived) < SLICE:
            self.transport.resume_reading()
        return data


class _Connection:
    def __init__(self, stream: _Stream, host: str, times: LdapTimes) -> None:
        self._stream = stream
        self._host = host
        self._times = times
        self._client = LDAPClient()
        self._waiting: list[LDAPMessage] = []
        self._unread = 0
        self._received = 0

    async def start_tls(self, tls: ssl.SSLContext) -> None:
        """TLS from here on (RFC 4511 section 4.14). Raises `LdapUntrusted`."""
        self._client.extended_request(ExtendedOperations.LDAP_START_TLS.value)
        answer = await self._answer()
        if not isinstance(answer, ExtendedResponse) or answer.result.result_code != LDAPResultCode.SUCCESS:
            raise LdapUntrusted(f"{self._host} offers no TLS on this port")
        if self._waiting or self._unread or self._stream.arrived or self._stream.transport is None:
            raise LdapGarbled(f"{self._host} said more before TLS than it may")
        loop = asyncio.get_running_loop()
        with _connecting(self._host, self._times):
            async with asyncio.timeout(self._times.connect):
                self._stream.transport = await loop.start_tls(
                    self._stream.transport, self._stream, tls, server_hostname=self._host
                )
        self._client = LDAPClient()  # nothing that was said before counts

    async def bind(self, account: LdapAccount) -> None:
        """Log in by name and password (RFC 4513 section 5.1.3). Raises `LdapDenied`, `LdapRefused`."""
        self._client.bind_simple(account.name, account.password)
        answer = await self._answer()
        if not isinstance(answer, BindResponse):
            raise LdapGarbled(f"{self._host} answered the login with something else")
        if answer.result.result_code == LDAPResultCode.INVALID_CREDENTIALS:
            raise LdapDenied(f"{self._host} refused the account {account.name!r}")
        if answer.result.result_code != LDAPResultCode.SUCCESS:
            raise LdapRefused(f"{self._host} refused the login", answer.result, LdapDenied.remedy)

    async def search(self, wanted: LdapSearch) -> LdapFound:
        """All pages. Raises `LdapError`."""
        found, cookie, told = LdapFound(), b"", -1
        while cookie or told < 0:
            if len(found.entries) == told:
                raise LdapGarbled(f"{self._host} gives pages without entries and no end")
            told = len(found.entries)
            cookie = await self._page(wanted, cookie, found)
        return found

    async def _page(self, wanted: LdapSearch, cookie: bytes, found: LdapFound) -> bytes:
        """Read one page; the cookie of the next one, b"" after the last."""
        # Not critical: a server that knows no pages gives everything, or says that there is more than it gives.
        self._client.search_request(
            wanted.base,
            filter=LDAPFilter.from_string(wanted.filter),
            attributes=list(wanted.attributes),
            controls=[PagedResultControl(critical=False, size=wanted.page, cookie=cookie)],
        )
        while True:
            message = await self._answer()
            if isinstance(message, SearchResultEntry):
                found.entries.append(_entry(message))
            elif isinstance(message, SearchResultReference):
                found.referrals += 1
            elif isinstance(message, SearchResultDone):
                return _next_page(message, self._host)
            else:
                raise LdapGarbled(f"{self._host} answered the search with something else")
            if len(found.entries) > MAX_ENTRIES or self._received > MAX_BYTES:
                raise LdapGarbled(f"{self._host} gives more than {MAX_ENTRIES} entries or {MAX_BYTES} bytes")

    async def _answer(self) -> LDAPMessage:
        """The next message. Raises `LdapLost`, `LdapGarbled`."""
        self._send()
        try:
            async with asyncio.timeout(self._times.answer):
                while not self._waiting:
                    data = await self._stream.some()
                    if not data:
                        raise LdapLost(f"{self._host} ended the connection before the end")
                    self._take(data)
        except TimeoutError:
            raise LdapLost(f"{self._host} was silent for {self._times.answer:g} s") from None
        return self._waiting.pop(0)

    def _send(self) -> None:
        data = self._client.data_to_send()
        if data and self._stream.transport is not None:
            self._stream.transport.write(data)

    def _take(self, data: bytes) -> None:
        self._received += len(data)
        self._unread += len(data)
        try:
            messages = self._client.receive(data)
        except ProtocolError as error:
            raise LdapGarbled(f"{self._host}: {_printable(str(error))}") from None
        except Exception as error:  # whatever a hostile answer does to the decoder, it is no answer
            raise LdapGarbled(f"{self._host} sends what cannot be read ({type(error).__name__})") from None
        if messages:
            self._unread = 0
        if self._unread > MAX_MESSAGE:
            raise LdapGarbled(f"{self._host} sends a message of more than {MAX_MESSAGE} bytes")
        self._waiting += messages

    async def close(self) -> None:
        """Say goodbye and close; return when the connection is gone."""
        transport = self._stream.transport
        if transport is None:
            return
        with suppress(LDAPError, OSError, RuntimeError):
            self._client.unbind()
            self._send()
        transport.close()
        try:
            async with asyncio.timeout(self._times.close):
                await self._stream.gone.wait()
        except TimeoutError:
            transport.abort()


def _entry(message: SearchResultEntry) -> LdapEntry:
    values: dict[str, tuple[bytes, ...]] = {}
    for attribute in message.attributes:
        name = attribute.name.partition(";")[0].lower()  # without options such as ;lang-sv (RFC 4512 section 2.5)
        values[name] = values.get(name, ()) + tuple(bytes(value) for value in attribute.values)
    return LdapEntry(message.object_name, values)


def _next_page(done: SearchResultDone, host: str) -> bytes:
    code = done.result.result_code
    if code in (LDAPResultCode.SIZE_LIMIT_EXCEEDED, LDAPResultCode.ADMIN_LIMIT_EXCEEDED):
        remedy = "raise the limit for Backsoon's account at the directory, or make page_size smaller"
        raise LdapRefused(f"{host} does not give all entries", done.result, remedy)
    if code != LDAPResultCode.SUCCESS:
        raise LdapRefused(f"{host} refused the search", done.result)
    return next((c.cookie for c in done.controls or () if isinstance(c, PagedResultControl)), b"")


@asynccontextmanager
async def _connection(address: LdapAddress, times: LdapTimes) -> AsyncIterator[_Connection]:
    loop = asyncio.get_running_loop()
    make: Callable[[], _Stream] = _Stream
    with _connecting(address.host, times):
        async with asyncio.timeout(times.connect):
            _, stream = await loop.create_connection(
                make, address.host, address.port, ssl=None if address.start_tls else address.tls
            )
    connection = _Connection(stream, address.host, times)
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def _connecting(host: str, times: LdapTimes) -> Iterator[None]:
    """What goes wrong while connecting, as our errors."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise LdapUntrusted(f"{host}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise LdapUntrusted(f"{host}: no TLS ({error.reason or 'the connection ended'})") from None
    except TimeoutError:
        raise LdapLost(f"{host} did not answer in {times.connect:g} s") from None
    except OSError as error:
        raise LdapLost(f"{host}: {error.strerror or 'the connection ended while it was made'}") from None


def _printable(text: str) -> str:
    """One line of what a server says, at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()

"""Signing in: Basic, NTLM (which signs in a connection, not a request) and bearer tokens."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from asyncio import BaseTransport
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import spnego
from aiohttp import web
from spnego.exceptions import SpnegoError

from tests.simulators.ews.exchange import Exchange

_OFFERED = {"ntlm": "NTLM", "basic": 'Basic realm="exchange.example.com"', "bearer": "Bearer"}


class Gate:
    """Who comes in."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._handshakes: dict[BaseTransport, spnego.ContextProxy] = {}
        self._known: set[BaseTransport] = set()
        self.handshakes = 0
        """NTLM sign-ins begun."""
        self._folder = tempfile.TemporaryDirectory(prefix="backsoon-ntlm-")

    def close(self) -> None:
        """Forget the users."""
        self._folder.cleanup()

    def signed_out(self) -> None:
        """Whoever is signed in has to do so again."""
        self._known.clear()

    def admitted(self, request: web.Request) -> web.Response | None:
        """None: signed in; else the answer to give."""
        transport = request.transport
        if transport is None:
            return self.refusal()
        kind, _, told = request.headers.get("Authorization", "").partition(" ")
        kind = kind.lower()
        if transport in self._known and kind != "ntlm":
            return None
        if kind == "ntlm" and "ntlm" in self._exchange.sign_in:
            return self._ntlm(transport, told)
        if kind in self._exchange.sign_in and kind != "ntlm":
            good = self._basic(told) if kind == "basic" else told in self._exchange.tokens
            return None if good else self.refusal()
        return self.refusal()

    def refusal(self, *more: str) -> web.Response:
        """401."""
        response = web.Response(status=401, text="<html><body>401</body></html>", content_type="text/html")
        for each in more or [_OFFERED[kind] for kind in ("ntlm", "basic", "bearer") if kind in self._exchange.sign_in]:
            response.headers.add("WWW-Authenticate", each)
        return response

    def _basic(self, told: str) -> bool:
        try:
            name, _, password = base64.b64decode(told, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return name.lower() in self._names() and password == self._exchange.password

    def _names(self) -> set[str]:
        account = self._exchange.account.lower()
        return {account, f"example\\{account.partition('@')[0]}"}

    def _ntlm(self, transport: BaseTransport, told: str) -> web.Response | None:
        self._forget()
        try:
            with self._users():
                context = self._handshakes.get(transport)
                if context is None:
                    context = self._handshakes[transport] = spnego.server(protocol="ntlm")
                    self.handshakes += 1
                answer = context.step(base64.b64decode(told))
        except (SpnegoError, ValueError):
            self._handshakes.pop(transport, None)
            return self.refusal()
        if not context.complete:
            return self.refusal(f"NTLM {base64.b64encode(answer or b'').decode()}")
        del self._handshakes[transport]
        self._known.add(transport)
        return None

    @contextmanager
    def _users(self) -> Iterator[None]:
        """The account as the library wants to know it: by a file that the environment names."""
        local, password = self._exchange.account.partition("@")[0], self._exchange.password
        path = Path(self._folder.name) / "users"
        path.write_text(f"EXAMPLE:{local}:{password}\n:{self._exchange.account}:{password}\n")
        before = os.environ.get("NTLM_USER_FILE")
        os.environ["NTLM_USER_FILE"] = str(path)
        try:
            yield
        finally:
            del os.environ["NTLM_USER_FILE"]
            if before is not None:
                os.environ["NTLM_USER_FILE"] = before

    def _forget(self) -> None:
        self._known = {each for each in self._known if not each.is_closing()}
        self._handshakes = {each: c for each, c in self._handshakes.items() if not each.is_closing()}

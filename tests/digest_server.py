"""A server that asks for Digest (RFC 7616), written apart from the client and checked against others' clients.

Each nonce serves `uses` requests with an `nc` that grows by one; after that it is stale.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from aiohttp import web

REALM = 'calendar "room"'


@dataclass
class DigestServer:
    """The handler of one server; `asked` counts its challenges, `served` what it let through."""

    user: str
    password: str
    algorithm: str = "SHA-256"
    uses: int = 1_000_000
    also: tuple[str, ...] = ()
    qop: str = "auth, auth-int"
    asked: int = 0
    served: list[str] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve, or ask."""
        given = dict(self._fields(request.headers.get("Authorization", "")))
        if not given or given.get("response") != self._expected(request, given):
            return self._ask(stale=False)
        used = self._used.get(given["nonce"])
        if used is None or used >= self.uses:
            return self._ask(stale=True)
        if int(given["nc"], 16) != used + 1:
            return web.Response(status=400, text="nc does not grow by one")
        self._used[given["nonce"]] = used + 1
        self.served.append(f"{request.method} {request.raw_path}")
        return web.Response(text="in")

    def _ask(self, *, stale: bool) -> web.Response:
        self.asked += 1
        nonce = secrets.token_urlsafe()
        self._used[nonce] = 0
        answer = web.Response(status=401)
        for also in self.also:
            answer.headers.add("WWW-Authenticate", also)
        realm = REALM.replace('"', '\\"')
        answer.headers.add(
            "WWW-Authenticate",
            f'Digest realm="{realm}", qop="{self.qop}", algorithm={self.algorithm}, '
            f'nonce="{nonce}", opaque="o,p=q", stale={str(stale).lower()}',
        )
        return answer

    def _fields(self, header: str) -> list[tuple[str, str]]:
        if not header.startswith("Digest "):
            return []
        found = re.findall(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|([^",\s]+))', header)
        return [(name, re.sub(r"\\(.)", r"\1", quoted) or plain) for name, quoted, plain in found]

    def _expected(self, request: web.BaseRequest, given: dict[str, str]) -> str:
        first = self._hash(f"{self.user}:{REALM}:{self.password}")
        second = self._hash(f"{request.method}:{request.raw_path}")
        if given.get("username") != self.user or given.get("opaque") != "o,p=q" or given.get("qop") != "auth":
            return "never"
        return self._hash(f"{first}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{second}")

    def _hash(self, text: str) -> str:
        return hashlib.new(self.algorithm.replace("-", "").lower(), text.encode()).hexdigest()

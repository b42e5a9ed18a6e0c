"""A manager interface that misbehaves as a test tells it to, for what a real Asterisk cannot be made to do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backsoon.wire.ami_client import AmiAddress

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED = b"Event: FullyBooted\r\nStatus: Fully Booted\r\nUptime: 500\r\n\r\n"

Action = dict[str, str]
Reply = Callable[["FakeAmi", Action], Iterable[bytes]]


def frame(**headers: str) -> bytes:
    """A response or an event."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"


def success(action: Action, **more: str) -> bytes:
    """The plain answer to an action."""
    return frame(Response="Success", ActionID=action.get("ActionID", ""), **more)


def refusal(action: Action, said: str) -> bytes:
    """An error in answer to an action."""
    return frame(Response="Error", ActionID=action.get("ActionID", ""), Message=said)


def polite(_ami: "FakeAmi", action: Action) -> Iterable[bytes]:
    """What a real one answers, as far as logging in goes; success to everything else."""
    if action["Action"] == "Challenge":
        yield success(action, Challenge="4711")
        return
    yield success(action)
    if action["Action"] == "Login":
        yield BOOTED


@dataclass
class FakeAmi:
    """What it got, and its connections."""

    reply: Reply
    greeting: bytes
    port: int = 0
    actions: list[Action] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> AmiAddress:
        """Where it listens."""
        return AmiAddress("127.0.0.1", self.port)

    def names(self) -> list[str]:
        """The actions it got, pings apart."""
        return [action["Action"] for action in self.actions if action["Action"] != "Ping"]

    def say(self, data: bytes) -> None:
        """Send to everybody who is connected."""
        for writer in self.writers:
            writer.write(data)

    def hang_up(self) -> None:
        """Cut everybody off at once."""
        for writer in self.writers:
            writer.transport.abort()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of our own, which the fixture waits for."""
        self.serving.add(asyncio.ensure_future(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.writers.append(writer)
        writer.write(self.greeting)
        try:
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in block.split("\r\n") if line)
                self.actions.append(action)
                for data in self.reply(self, action):
                    writer.write(data)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def fake_ami(reply: Reply = polite, greeting: bytes = GREETING) -> AsyncIterator[FakeAmi]:
    """One that listens on a free port of 127.0.0.1."""
    fake = FakeAmi(reply, greeting)
    server = await asyncio.start_server(fake.connected, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        # Whoever closed in good order is read to the end first.
        await asyncio.sleep(0)
        if fake.serving:
            await asyncio.wait(fake.serving, timeout=1)
            fake.hang_up()
            await asyncio.gather(*fake.serving)

"""Two organisations full of canaries: each text says whose it is and what, so that it is known wherever it turns up.

In each: Anna is in a meeting and has another one coming, Bo is away for a sensitive reason, Cia was referred by hand,
Dan is available with something coming, Eva is away for a reason that callers know by other words, Fia is switched off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from backsoon.domain.access import Role
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.hours import WorkingHours
from backsoon.domain.messages import message
from backsoon.domain.model import Reason, Rules
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.engine.publisher import Publisher
from backsoon.store.base import Account, AccountState
from backsoon.testing import MemorySource, MemorySwitchboard
from tests.unit.engine.world import World, at, entry, world

NAMES = ("Anna", "Bo", "Cia", "Dan", "Eva", "Fia")
SUBJECTS: dict[str, list[tuple[str, float, float]]] = {
    "Anna": [("m: {note}now", 8, 10), ("{c}untagged", 8, 10), ("m: {note}later", 14, 15), ("x m: {c}second", 8, 10)],
    "Bo": [("q: {note}ill", 8, 17)],
    "Dan": [("u: {note}coming", 9.5, 11)],
    "Eva": [("d: {note}tooth", 8, 12)],
}


def canary(organisation: str, what: str) -> str:
    """The text that says whose it is, and what."""
    return f"zq{organisation}{what}"


@dataclass
class Company:
    """One organisation: its people by first name, its tokens' texts by who they are."""

    name: str
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def text(self, what: str) -> str:
        """One of its canaries."""
        return canary(self.name, what)


def organisation(name: str) -> Organisation:
    """With reasons and keywords of its own."""

    def text(what: str) -> str:
        return canary(name, what)

    reasons = {
        text("hidden"): Reason(text("hidden"), {"en": text("hiddenlabel")}, priority=90, sensitive=True),
        text("coming"): Reason(text("coming"), {"en": text("cominglabel")}),
        "dentist": Reason("dentist", {"en": text("insidelabel")}, {"en": text("outsidelabel")}),
    }
    keywords = {"q": text("hidden"), "u": text("coming"), "d": "dentist"}
    rules = Rules({**KEYWORDS, **keywords}, {**REASONS, **reasons})
    return Organisation(name, text("company"), rules, hours=WorkingHours())


@asynccontextmanager
async def companies(folder: Path) -> AsyncIterator[tuple[World, Company, Company]]:
    """A world with the two."""
    async with world(folder, organisation=organisation("acme")) as made:
        ours, others = Company("acme"), Company("other")
        for number, company in enumerate((ours, others)):
            await _settle_in(made, company, 100 + 100 * number)
        await made.directory.refresh()
        yield made, ours, others


async def _settle_in(made: World, company: Company, first: int) -> None:
    store = made.store
    await store.save_organisation(organisation(company.name))
    await made.directory.refresh()
    await store.save_connections(company.name, [Connection(company.name, company.text("c"), "memory")])
    board = SwitchboardSettings(company.name, company.text("s"), "memory")
    await store.save_switchboards(company.name, [board])
    publisher = Publisher(board, MemorySwitchboard(), store, made.clock, made.settler.settle_everybody)
    made.publishers[company.name] = [publisher]
    for number, name in enumerate(NAMES):
        company.people[name] = await _person(made, company, str(first + number), name)
    await made.service.refer(
        company.people["Cia"], "lunch", note=company.text("notehand"), divert_to=str(first), by=company.text("by"),
        through="zqthrough",
    )  # fmt: skip
    await _make_tokens(made, company)
    await _make_accounts(made, company)
    for by in (company.text("tokenattendant"), company.text("else")):
        left = message(company.people["Anna"].id, made.clock.now(), f"{company.text('message')}{by}", by=by)
        await store.save_message(left)


async def _person(made: World, company: Company, extension: str, name: str) -> Person:
    person = Person(
        company.name,
        extension,
        f"{name} {company.text(f'name{name.lower()}')}",
        f"{name.lower()}@{company.text('mail')}.example",
        zone="Europe/Vaduz",
        keywords={company.text("key")[:16]: "lunch"},
        department=company.text("department"),
        title=company.text("title"),
        competences=(company.text("competence"),),
        active=name != "Fia",
    )
    (person,) = await made.store.save_people([person])
    places = [Calendar(person.id, company.name, company.text("c"), f"memory:{extension}")]
    (calendar,) = await made.store.save_calendars(places)
    made.calendars[calendar.id] = source = MemorySource()
    for number, (subject, start, end) in enumerate(SUBJECTS.get(name, [])):
        text = subject.format(note=company.text("note"), c=company.text("secret"))
        uid = company.text(f"uid{name.lower()}{number}")
        source.put(uid, entry(uid, text, _hour(start), _hour(end)))
    source.reject(company.text("resource"), "RRULE is too costly")
    if person.active:
        await made.read(person)
    return person


def _hour(number: float) -> datetime:
    return at(0) + timedelta(hours=number)


async def _make_accounts(made: World, company: Company) -> None:
    """One that may come in, and one that waits."""
    name, now = company.text("account"), made.clock.now()
    known = Account(company.name, name, frozenset({Role.ATTENDANT}), now, user=company.text("user"))
    waits = Account(
        company.name, company.text("claimed"), frozenset(), now, AccountState.PENDING,
        issuer="https://issuer.example", subject=company.text("subject"), email=company.text("claimedmail"),
    )  # fmt: skip
    for account in (known, waits):
        await made.store.save_account(account)


async def _make_tokens(made: World, company: Company) -> None:
    from backsoon.engine.tokens import Tokens

    tokens = Tokens(made.store, made.clock)
    for role in (Role.ATTENDANT, Role.ADMINISTRATOR, Role.SWITCHBOARD):
        name = company.text(f"token{role}")
        company.tokens[role] = (await tokens.issue(company.name, name, role)).text
    for name in ("Anna", "Dan"):
        issued = await tokens.issue(company.name, f"{name}'s", Role.PERSON, person=company.people[name])
        company.tokens[name] = issued.text
    soon = made.clock.now() + timedelta(seconds=1)
    issued = await tokens.issue(company.name, company.text("tokenover"), Role.ADMINISTRATOR, expires_at=soon)
    company.tokens["expired"] = issued.text
    issued = await tokens.issue(company.name, company.text("tokengone"), Role.ADMINISTRATOR)
    await tokens.revoke(company.name, issued.token.id)
    company.tokens["revoked"] = issued.text

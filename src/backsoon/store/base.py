"""The contract of the store: what every kind of database must keep.

Asynchronous throughout; several nodes may share one store, so nothing here may rest on being the only writer.
Instants are
datetimes in UTC, kept to the microsecond. What somebody was told is saved (`save_override`, `save_people`, `hint`,
...) survives a power cut when the call returns; what can be read again from calendars may be lost and is then read
again.
No text of an untagged entry can be stored: there is no place for it.

Every method may raise `StoreError` and `StoreUnavailable`; then nothing of the call was kept, and the store goes on
working. A call is one transaction unless it says otherwise. NUL and halves of surrogate pairs in text are replaced
by U+FFFD. Ids that are not stored are passed over, except where `NotStored` is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from backsoon.domain.model import CalendarReferral, Override
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.store.accounts import Account as Account
from backsoon.store.accounts import Accounts as Accounts
from backsoon.store.accounts import AccountState as AccountState
from backsoon.store.accounts import AuditEntry as AuditEntry
from backsoon.store.accounts import Session as Session
from backsoon.store.messages import Messages
from backsoon.store.subscriptions import Subscriptions
from backsoon.store.values import BEGINNING as BEGINNING
from backsoon.store.values import AvailabilityChange as AvailabilityChange
from backsoon.store.values import CalendarHealth as CalendarHealth
from backsoon.store.values import CalendarProblem as CalendarProblem
from backsoon.store.values import Claims as Claims
from backsoon.store.values import ConnectionHealth as ConnectionHealth
from backsoon.store.values import Freshness as Freshness
from backsoon.store.values import Grounds as Grounds
from backsoon.store.values import KnownOverride as KnownOverride
from backsoon.store.values import KnownReferral as KnownReferral
from backsoon.store.values import Lane as Lane
from backsoon.store.values import NotStored as NotStored
from backsoon.store.values import PersonState as PersonState
from backsoon.store.values import ReadCalendar as ReadCalendar
from backsoon.store.values import ReferralChanges as ReferralChanges
from backsoon.store.values import StoreConflict as StoreConflict
from backsoon.store.values import StoreError as StoreError
from backsoon.store.values import StoreUnavailable as StoreUnavailable
from backsoon.store.values import Subscription as Subscription
from backsoon.store.values import Token as Token
from backsoon.store.values import Told as Told
from backsoon.store.values import Trigger as Trigger


class Store(Subscriptions, Messages, Accounts, Protocol):
    """Everything that Backsoon remembers."""

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        ...

    # -- settings ---------------------------------------------------------------------------------------------

    async def organisations(self) -> tuple[Organisation, ...]: ...

    async def save_organisation(self, organisation: Organisation) -> None:
        """Insert or replace by id."""
        ...

    async def connections(self, organisation: str | None = None) -> tuple[Connection, ...]: ...

    async def save_connections(self, organisation: str, connections: Sequence[Connection]) -> None:
        """Make these the organisation's connections; calendars of connections that are gone go too.

        People who lose referrals by that become due at once. Raises `NotStored` for an unknown organisation.
        """
        ...

    async def switchboards(self, organisation: str | None = None) -> tuple[SwitchboardSettings, ...]: ...

    async def save_switchboards(self, organisation: str, switchboards: Sequence[SwitchboardSettings]) -> None:
        """Make these the organisation's switchboards; what those that are gone were told is forgotten.

        Raises `NotStored` for an unknown organisation.
        """
        ...

    # -- people ----------------------------------------------------------------------------------------------

    async def save_people(self, people: Sequence[Person], *, at: datetime | None = None) -> tuple[Person, ...]:
        """Insert (id 0) or replace (by id), all or none; the people with their ids.

        `at` is when, for `held_since` of extensions that are new to somebody; None: since the beginning.
        Raises `StoreConflict`, `NotStored`.

        A person whose extension changes keeps id, override and referrals; people may swap theirs in one call.
        Extensions and e-mail addresses are compared casefolded. Nobody moves to another organisation (`NotStored`).
        Everybody saved becomes due at once (at `BEGINNING`), whether decided about before or not.
        """
        ...

    async def people(self, ids: Iterable[int]) -> dict[int, Person]:
        """Those of the ids that are stored."""
        ...

    async def page_people(
        self, organisation: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> tuple[Person, ...]:
        """People in order of id, from the first id greater than `after`."""
        ...

    async def find_people(self, organisation: str | None, text: str, limit: int = 20) -> tuple[Person, ...]:
        """An extension or e-mail address that equals `text` first, then names that contain it (case folded).

        Within each the names are in order.
        """
        ...

    async def search_people(
        self,
        organisation: str | None = None,
        text: str = "",
        *,
        department: str = "",
        by_email: bool = True,
        after: int = 0,
        limit: int = 1000,
    ) -> tuple[Person, ...]:
        """People in order of id, from the first id greater than `after`, whose name, extension or (`by_email`) e-mail
        address or one of whose competences holds the text, and whose department is the one named ("": any); case is
        folded."""
        ...

    async def departments(self, organisation: str) -> tuple[str, ...]:
        """The departments of active people, each as it is written, in order."""
        ...

    async def by_extension(self, organisation: str, extension: str) -> Person | None:
        """Who has the extension (compared casefolded), by index."""
        ...

    async def first_claim(
        self, organisation: str, extension: str, at: datetime
    ) -> tuple[Person, datetime | None] | None:
        """Who has the extension, and when the first of their claims that end after the instant starts (None: there is
        none), by index: who has none before then is surely available until then. None where nobody has it."""
        ...

    async def held_since(self, organisation: str, extension: str) -> datetime | None:
        """Since when the person who has the extension has had it; None where nobody has it.

        What somebody dialled from it before concerns somebody else.
        """
        ...

    async def remove_people(self, ids: Iterable[int]) -> None:
        """Take people out with their calendars, referrals, override, state, history and tokens."""
        ...

    async def count_people(self, organisation: str | None = None) -> int: ...

    # -- calendars -------------------------------------------------------------------------------------------

    async def save_calendars(self, calendars: Sequence[Calendar]) -> tuple[Calendar, ...]:
        """Insert those with id 0 that are new by (person, connection, address), replace by id; with their ids.

        One that is replaced by another person, connection or address loses token and health, keeps its referrals
        until it is read, and makes those whom it touches due at once. Raises `NotStored` for an unknown id, and for
        a person or connection that its organisation does not have; `StoreConflict` if another one is the same.
        """
        ...

    async def remove_calendars(self, ids: Iterable[int]) -> frozenset[int]:
        """Take calendars out with their referrals; the people whom that touches.

        For `grounds` the referrals were known until the calendar was last read whole; so too where a connection goes,
        or a calendar passes to another person.
        """
        ...

    async def calendars(
        self, *, person: int | None = None, after: int = 0, limit: int = 1000
    ) -> tuple[ReadCalendar, ...]:
        """Calendars in order of id, from the first id greater than `after`; their `next_due` is None."""
        ...

    async def owned(self, calendar: int) -> tuple[Calendar, Person] | None:
        """A calendar and the person whose it is, by index; None where it is not stored."""
        ...

    async def calendars_due(
        self,
        now: datetime,
        limit: int,
        *,
        without: Iterable[tuple[str, str]] = (),
        beyond: datetime | None = None,
        but: Iterable[int] = (),
    ) -> tuple[ReadCalendar, ...]:
        """Calendars of active people whose `next_read` is None or not after `now`: the lowest lane first, within it the
        most overdue. However many are due, no more than `limit` of each connection and lane are looked at.

        `without`: those at these (organisation, connection) are passed over; so are, though they count for `limit`, the
        calendars `but`. `beyond` (None: `now`) is the instant
        after which their `next_due` is.
        """
        ...

    async def next_read(self, *, without: Iterable[tuple[str, str]] = ()) -> datetime | None:
        """The earliest `next_read` of active people's calendars but for those at `without`; None where there is none.

        Of one that has None it is `BEGINNING`.
        """
        ...

    async def freshness(self, people: Sequence[int]) -> dict[int, Freshness]:
        """How fresh these people's calendars are, in one statement; whoever has none is left out."""
        ...

    async def confirmed_between(
        self, after: datetime, until: datetime, limit: int = 1000, *, beyond: int = 0
    ) -> tuple[tuple[int, int], ...]:
        """(calendar, person) of active people whose calendar was last read whole in `(after, until]`, by index, in
        order of the calendar's id from the first one greater than `beyond`."""
        ...

    async def connections_health(self, organisation: str, confirmed_before: datetime) -> tuple[ConnectionHealth, ...]:
        """How calendars do, by connection, in order of names, in one statement; connections without calendars are left
        out. Unconfirmed is what was last read whole before the instant."""
        ...

    async def calendar_problems(self, organisation: str, limit: int) -> tuple[CalendarProblem, ...]:
        """What is wrong with active people's calendars, the most frequent first, in one statement."""
        ...

    async def remarkable_calendars(self, organisation: str, limit: int) -> tuple[ReadCalendar, ...]:
        """Active people's calendars of which there is something to say: a problem, a warning, items left out.

        The first ones by id; their `next_due` is None.
        """
        ...

    async def referrals_of(self, calendar: int) -> tuple[CalendarReferral, ...]:
        """All stored referrals of a calendar."""
        ...

    async def save_read(self, calendar: int, changes: ReferralChanges, health: CalendarHealth) -> frozenset[int]:
        """Store a read in one transaction with its token; the people whose referrals it changed, *by removals too*.

        They become due at once: whoever dies before it decides about them does so at its next start.
        What it changes or removes is kept for `grounds`, known until `health.confirmed_at`, the instant of the read
        (None: it is not kept). A read that brings what is stored already touches nobody. Of two referrals of one
        resource with one (uid, recurrence_id) the last counts; two resources may hold copies of one entry. Raises
        `NotStored` if the calendar was taken out meanwhile, `StoreError` if a referral is another calendar's.

        A calendar that was hinted after `health.hinted_at` stays due as the hint has made it, unless that is later.
        """
        ...

    async def save_health(self, calendar: int, health: CalendarHealth) -> None:
        """Store how reading goes where no referral changed; of a calendar taken out meanwhile nothing is kept.

        Of one that was hinted meanwhile as `save_read` says.
        """
        ...

    async def read_soon(self, calendars: Iterable[int] | None = None, *, whole: bool = False) -> int:
        """Make calendars (None: all) due for reading now; `whole` forgets their tokens. How many there are.

        Some are asked for: their lane is CHANGED at most. All are not urgent: theirs is RECONCILE at least.
        """
        ...

    async def confirm(self, calendars: Iterable[int], at: datetime) -> int:
        """Note that what is stored of these is known to be so at an instant, though they were not read: whoever would
        tell of a change has not. Those that were never read, have a problem or are due by then (somebody may have
        told) are left as they are; how many were not."""
        ...

    async def hint(self, calendars: Iterable[int], lane: Lane, now: datetime) -> int:
        """Make calendars due for reading at `now` in that lane; how many of them there are.

        One that is due sooner stays so, and one that is due within five minutes in a lower lane is read in that one;
        one that was never read stays among those for `Lane.RECONCILE`.
        Durable when it returns: whoever told us is told that we have it. A read that is under way does not undo it.
        """
        ...

    async def calendars_at(
        self, organisation: str, connection: str, *, after: int = 0, limit: int = 1000
    ) -> tuple[ReadCalendar, ...]:
        """Calendars of active people at a connection in order of id, from the first id greater than `after`; their
        `next_due` is None."""
        ...

    # -- overrides -------------------------------------------------------------------------------------------

    async def save_override(self, person: int, override: Override) -> None:
        """The person's one override; replaces the one before. Durable when it returns. Raises `NotStored`.

        The one before is kept for `grounds`, replaced at the start of this one, by and through the same. The person
        becomes due at once.
        """
        ...

    async def restore_override(
        self, person: int, override: Override, at: datetime, *, by: str = "", through: str = ""
    ) -> None:
        """The same with one that was the person's already: the one in its place was so until `at`, and gave way by and
        through these. Raises `NotStored`."""
        ...

    async def remove_override(self, person: int, at: datetime, *, by: str = "", through: str = "") -> None:
        """Take the override back at an instant; nothing happens where there is none. Durable when it returns.

        It is kept for `grounds`. The person becomes due at once.
        """
        ...

    async def grounds(self, person: int, at: datetime) -> Grounds:
        """What was known at the instant (of one that is to come: what is known now) and covers it.

        Reaches back as far as `forget` leaves it.
        """
        ...

    async def overrides_since(self, person: int, since: datetime) -> tuple[KnownOverride, ...]:
        """All overrides that were set or still in force after the instant, the oldest first."""
        ...

    # -- deciding --------------------------------------------------------------------------------------------

    async def claims(self, people: Sequence[int], since: datetime, most: int | None = None) -> dict[int, Claims]:
        """For each person the referrals that end after `since` (order does not matter) and the override.

        `most`: of each person only so many, those that start first. Whoever covers `since` is among them.
        The override is there even if it is over. Someone who is not stored has no claims.
        """
        ...

    async def states(self, people: Sequence[int]) -> dict[int, PersonState]:
        """What was decided last; people never decided about are left out."""
        ...

    async def due(
        self, before: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> tuple[tuple[datetime, int], ...]:
        """(due, person) of active people in order, due earlier than `before`, from the first greater than `after`."""
        ...

    async def save_states(self, states: Sequence[PersonState], changes: Sequence[AvailabilityChange] = ()) -> None:
        """Store decisions and the changes they made, in bulk, in one transaction.

        What concerns people taken out meanwhile is left out. Of two decisions about one person the last counts.
        """
        ...

    async def history(
        self, person: int, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[AvailabilityChange, ...]:
        """Changes with `since <= at < until`, at most `limit`, the oldest first.

        Before them comes the last one before `since`, where there is one.
        """
        ...

    async def forget(self, before: datetime) -> int:
        """Delete changes, referrals, overrides, what was told, tokens and sessions that ended before the instant, and
        accounts that have waited for approval since; how many rows.

        A change ends when the next one of the same person begins: the one that still holds stays. Several
        transactions, so that nobody waits long.
        """
        ...

    # -- what switchboards were told -------------------------------------------------------------------------

    async def told(
        self, organisation: str, switchboard: str, extensions: Sequence[str] | None = None
    ) -> Mapping[str, Told]:
        """What the switchboard was told last about these extensions (None: about all of which it holds something)."""
        ...

    async def extensions_told(self, organisation: str, switchboard: str) -> frozenset[str]:
        """The extensions of which the switchboard holds something, as far as it was told."""
        ...

    async def save_told(self, organisation: str, switchboard: str, told: Sequence[Told]) -> None:
        """Store what was acknowledged, in bulk; an empty lamp and plan deletes the row.

        Of each lamp of somebody's extension that differs from the one before, the change is kept for `lamps_told`.

        Of two for one extension the last counts. Raises `NotStored` for an unknown switchboard.
        """
        ...

    async def lamps_told(self, organisation: str, switchboard: str, extension: str, at: datetime) -> Told | None:
        """What the switchboard had been told last about the extension's lamp at an instant, and when (`at`, `lamp`; its
        `plan` is ""); None where it was told nothing.

        It begins anew when the extension passes to another person: that one inherits nothing.
        """
        ...

    async def kept(self, organisation: str, switchboard: str) -> Mapping[str, str]:
        """What the driver of a switchboard remembers, by key."""
        ...

    async def save_kept(self, organisation: str, switchboard: str, values: Mapping[str, str | None]) -> None:
        """Remember these for a switchboard's driver, and forget those that are None. Durable when it returns.

        Raises `NotStored` for an unknown switchboard.
        """
        ...

    # -- tokens --------------------------------------------------------------------------------------------------

    async def tokens(self, organisation: str | None = None) -> tuple[Token, ...]:
        """Tokens in order of id, those that have expired too."""
        ...

    async def token(self, digest: str) -> Token | None:
        """The token with that digest, by index."""
        ...

    async def save_token(self, token: Token) -> Token:
        """Insert it; with its id. Raises `NotStored` for an unknown organisation or a person of another one."""
        ...

    async def remove_token(self, organisation: str, id: int) -> bool:
        """Take it out; whether there was one. Durable when it returns."""
        ...

"""Who may ask what, and as which audience they see each person: the one place that decides it, pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience


class Forbidden(BacksoonError):
    """Whoever asks may not ask this."""

    def __init__(
        self, message: str, remedy: str = "ask with a token of a role that may; `backsoon tokens list` shows the roles"
    ) -> None:
        self.remedy = remedy
        super().__init__(message)


class Role(StrEnum):
    """What the bearer of a token is."""

    ATTENDANT = "attendant"
    PERSON = "person"
    ADMINISTRATOR = "administrator"
    SWITCHBOARD = "switchboard"


class Right(StrEnum):
    """What may be asked."""

    LOOK = "look"
    """People and how they stand, as one's audience may know it; the reasons and keywords there are."""
    FOLLOW = "follow"
    """The board, and changes as they happen."""
    EXPLAIN = "explain"
    """Why somebody is shown as they are."""
    REFER = "refer"
    """Refer somebody by hand, and take it back."""
    LOOK_UP = "look_up"
    """What a call to an extension meets now."""
    LEAVE = "leave"
    """Leave people messages."""
    MESSAGES = "messages"
    """Look at messages and take them out: those for oneself, or that one wrote."""
    OWN = "own"
    """What is a person's own alone: reading one's messages and the subjects of one's calendars."""
    KEYWORDS = "keywords"
    """Change somebody's own keywords."""
    MANAGE = "manage"
    """Settings, people, calendars, switchboards, health, tokens."""


_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ATTENDANT: frozenset({Right.LOOK, Right.FOLLOW, Right.EXPLAIN, Right.REFER, Right.LEAVE, Right.MESSAGES}),
    Role.PERSON: frozenset(
        {Right.LOOK, Right.FOLLOW, Right.EXPLAIN, Right.REFER, Right.MESSAGES, Right.OWN, Right.KEYWORDS}
    ),
    Role.ADMINISTRATOR: frozenset({Right.LOOK, Right.FOLLOW, Right.EXPLAIN, Right.MANAGE, Right.KEYWORDS}),
    Role.SWITCHBOARD: frozenset({Right.LOOK, Right.LOOK_UP, Right.REFER}),
}
_OF_THEMSELVES = frozenset({Right.EXPLAIN, Right.REFER, Right.MESSAGES, Right.OWN, Right.KEYWORDS})
"""What a person may ask about nobody but themselves."""
_AUDIENCES = {
    Role.ATTENDANT: Audience.ATTENDANT,
    Role.PERSON: Audience.COLLEAGUE,
    Role.ADMINISTRATOR: Audience.ADMINISTRATOR,
    Role.SWITCHBOARD: Audience.CALLER,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `role` None is whoever may open the Unix socket, or types a command: everything is theirs.

    `organisation` None (only there): all of them. `person` is the id of the person that a `Role.PERSON` is, else 0.
    `name` says who it is in history: the token's name, or the account's; `through` with what they do it, where that is
    known: `console`, `app`, `admin`. `account` is the id of the account that is signed in, else 0; `token` that of the
    token that was shown, else 0. Names are not kept apart: several may have one.
    """

    role: Role | None
    organisation: str | None = None
    person: int = 0
    name: str = ""
    through: str = ""
    account: int = 0
    token: int = 0

    @property
    def key(self) -> str:
        """What tells them from everybody else, whatever they are called; "" for the local one."""
        if self.account:
            return f"account:{self.account}"
        return f"token:{self.token}" if self.token else ""

    def may(self, right: Right) -> bool:
        """Whether this may be asked at all (about oneself, for some roles)."""
        return self.role is None or right in _RIGHTS[self.role]

    def may_of(self, right: Right, person: Person) -> bool:
        """Whether this may be asked about the person."""
        if not self.may(right) or not self.reaches(person.organisation):
            return False
        return self.role is not Role.PERSON or right not in _OF_THEMSELVES or self.person == person.id

    def reaches(self, organisation: str) -> bool:
        """Whether the organisation is theirs. Nothing crosses from one to another."""
        return self.organisation is None or self.organisation == organisation

    def audience(self, person: Person, wanted: Audience | None = None) -> Audience:
        """As whom they see the person. Only the local one may choose (`wanted`), and is an attendant otherwise."""
        if self.role is None:
            return wanted or Audience.ATTENDANT
        if self.role is Role.PERSON and self.person == person.id:
            return Audience.PERSON
        return _AUDIENCES[self.role]


LOCAL = Identity(None)
"""Whoever may open the Unix socket, or types a command where no Backsoon runs."""


@dataclass(frozen=True, slots=True)
class Nobody(Identity):
    """Who has not said as what they ask, or is not signed in: nothing is theirs."""

    def may(self, right: Right) -> bool:
        """Never."""
        return False

    def reaches(self, organisation: str) -> bool:
        """None."""
        return False

    def audience(self, person: Person, wanted: Audience | None = None) -> Audience:
        """As whoever knows least."""
        return Audience.CALLER


NOBODY = Nobody(Role.PERSON, "")
"""For what needs no role."""

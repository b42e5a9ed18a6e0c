"""How old the knowledge of a person's calendars is, and how that is said: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from backsoon.domain.phrase import LANGUAGES, language_of, when_words


@dataclass(frozen=True, slots=True)
class Age:
    """What answers say of a person's calendars: how many there are, when the least recently read one was last read
    whole (None: one never was, or there is none), and since when that is too long ago (None while it is not)."""

    calendars: int = 0
    confirmed_at: datetime | None = None
    unconfirmed_since: datetime | None = None

    @property
    def unread(self) -> bool:
        """Whether a calendar was never read whole."""
        return self.calendars > 0 and self.confirmed_at is None

    @property
    def known(self) -> bool:
        """Whether there is nothing to say: all is fresh, or there is no calendar."""
        return self.unconfirmed_since is None and not self.unread


def age_of(calendars: int, confirmed_at: datetime | None, at: datetime, within: timedelta) -> Age:
    """The age at an instant that is not to come; `within` is how old a reading may be. Nobody without calendars is ever
    unconfirmed."""
    if not calendars or confirmed_at is None:
        return Age(calendars)
    return Age(calendars, confirmed_at, confirmed_at if at - confirmed_at > within else None)


def age_words(age: Age, at: datetime, zone: tzinfo, language: str) -> str:
    """`not confirmed since 09:12`, `not read yet`; "" where there is nothing to say."""
    words = LANGUAGES[language_of(language)]
    if age.unconfirmed_since is not None:
        return words.unconfirmed.format(when=when_words(age.unconfirmed_since, at, zone, language))
    return words.unread if age.unread else ""

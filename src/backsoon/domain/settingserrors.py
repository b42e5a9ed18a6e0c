"""Why settings are not changed from a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backsoon.domain.errors import BacksoonError


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, and what to write instead. No value that may be a secret is quoted."""

    field: str
    what: str
    remedy: str


class SettingsChanged(BacksoonError):
    """The settings file is not any more what was read before."""

    remedy = "read the settings again, and make the change once more"


class SettingsFaulty(BacksoonError):
    """Changed so, the settings could not be used. `faults` are all that were found; nothing was written."""

    remedy = "mend what is named beside each field"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{one.field}: {one.what}" for one in faults[:5]) or "the settings cannot be used")


class NotWritable(BacksoonError):
    """The settings file cannot be replaced by this account."""

    def __init__(self, what: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(what)


class NotInTheFile(BacksoonError):
    """An organisation has no settings in the file, though it is in the store."""

    remedy = "ask whoever runs this machine: the file has other organisations, or another id"


class NothingToTry(BacksoonError):
    """There is no such part in the settings."""

    remedy = "name one as the settings do: calendars.NAME, switchboards.NAME or directories.NAME"


class AlreadyTrying(BacksoonError):
    """Only one of these runs at a time for an organisation."""

    remedy = "wait until it is done, or stop it"


class NoDryRun(BacksoonError):
    """No dry run was begun, or what it found is forgotten."""

    remedy = "begin one"

"""Judges what a page wants changed, one wish after the other, before anything is made of it.

A page cannot have a secret sent elsewhere, nor name a file or a variable of the machine in whose stead it would be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backsoon.config.belonging import FILES, KINDS, NOWHERE, PARTS, PATHS, WHERE, Ground, fixed, is_secret
from backsoon.config.dotted import Path, at, name_of, path_of
from backsoon.config.editing import Change, NoValue, checked
from backsoon.config.replacing import FOLDER, is_secrets_file, name_of_secret
from backsoon.config.secrets import is_reference
from backsoon.domain.settingserrors import Fault

_LONGEST = 60_000
"""Bytes of a secret."""
_REFERENCE = re.compile(r"\s*(env|file|credential):")
"""Wherever it may be read as one: blanks around a text do not count in a settings file."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One change as it was asked for; the value is any that JSON has."""

    field: str
    value: object


_KEYS = frozenset({"service_account", "authorized_user"})
"""Types of Google's credentials that are keys themselves. An external account names files and addresses of the machine,
and whom to show to what is there: whoever may give one reads any file."""


class Judge:
    """Judges wishes one by one, and makes changes of them; secrets go to files of their own."""

    def __init__(self, ground: Ground, values: Mapping[str, object], origins: frozenset[str]) -> None:
        self._ground = ground
        self._values = values
        self._origins = origins
        self.faults: list[Fault] = []
        self.secrets: dict[str, str] = {}

    def changes(self, wishes: Iterable[Wish]) -> list[Change]:
        """The changes; what is wrong with wishes is in `faults`."""
        found: list[Change] = []
        for wish in wishes:
            path = path_of(wish.field)
            if path is None or not self._ground.holds(path):
                self._fault(wish, "is not a setting that can be changed here", "name a field as GET has it")
                continue
            change = self._change(wish, Change(path, wish.value))
            if change is not None:
                found.append(change)
        self._same_secret_elsewhere(found)
        return found

    def _fault(self, wish: Wish, what: str, remedy: str) -> Change | None:
        """Note it; there is no change then."""
        self.faults.append(Fault(wish.field[:200], what, remedy))
        return None

    def _change(self, wish: Wish, change: Change) -> Change | None:
        path = change.path
        under = [o for o in self._origins if f"{o}.".startswith(".".join(path) + ".")]
        if under:
            return self._fault(wish, "is set by Backsoon's environment", "change it there, or take it out there first")
        if why := fixed(self._ground, path):
            return self._fault(wish, why, "change it in the file itself")
        try:
            value = checked(change.value)
        except NoValue as error:
            return self._fault(wish, str(error), error.remedy)
        if value is None or (self._ground.part(path) is None and not self._is_part(path)):
            return Change(path, value)
        return self._of_part(wish, path, value)

    def _of_part(self, wish: Wish, path: Path, value: object) -> Change | None:
        """A field of a calendar, a switchboard or a directory."""
        if self._is_part(path):
            return self._fault(wish, "may hold secrets", "change its fields one by one")
        if is_secret(self._ground, path, self._values):
            return self._secret(wish, path, value)
        if path[-1] in PATHS:
            return self._path(wish, path, value)
        if any(map(_REFERENCE.match, _texts(value))):
            return self._fault(wish, "names where a secret is", "write that into the file itself")
        if self._ground.several and path[-1] == "url" and "://" not in str(value):
            return self._fault(wish, "is a file of this machine", "write an address: https://HOST/PATH")
        return Change(path, value)

    def _is_part(self, path: Path) -> bool:
        """Whether a whole calendar, switchboard or directory is meant, or all of them."""
        place = self._ground.within(path)
        return place[0] in PARTS and len(place) <= 2

    def _secret(self, wish: Wish, path: Path, value: object) -> Change | None:
        if not isinstance(value, str) or not value.strip("\r\n") or "\n" in value.strip("\r\n") or "\0" in value:
            return self._fault(wish, "must be the secret, as one line", "write the password or key itself")
        if len(value.encode()) > _LONGEST:
            return self._fault(wish, "is far too long for a secret", "write the password or key itself")
        if is_reference(value):
            remedy = "write the secret itself here; a reference is written into the file"
            return self._fault(wish, "names where a secret is", remedy)
        return self._kept(path, value.strip("\r\n"), "file:")

    def _path(self, wish: Wish, path: Path, value: object) -> Change | None:
        if (
            isinstance(value, str)
            and path[-1] in FILES | {"ca_file"}
            and value.lstrip().startswith(("{", "-----BEGIN"))
        ):
            kept = _credentials(value) if path[-1] == "credentials" else value
            if not kept:
                remedy = f"write the JSON of one of {', '.join(sorted(_KEYS))}; any other is named in the file itself"
                return self._fault(wish, "is no key that can be given here", remedy)
            return self._kept(path, kept, "")
        if self._ground.several:
            remedy = "write what the file holds in its place: PEM, or JSON"
            return self._fault(wish, "is a file of this machine", remedy)
        if isinstance(value, str) and is_secrets_file(value) and at(self._values, path) != value:
            return self._fault(wish, "is a file of another secret", "write what it holds in its place")
        return Change(path, value)

    def _kept(self, path: Path, value: str, scheme: str) -> Change:
        name = name_of_secret(path, value)
        self.secrets[name] = value
        return Change(path, f"{scheme}{FOLDER}/{name}")

    def _same_secret_elsewhere(self, changes: Sequence[Change]) -> None:
        """A secret that nobody sees goes to no other server than the one it was written for."""
        changed = {change.path for change in changes}
        for change in changes:
            part = self._ground.part(change.path)
            moved = part is not None and change.path[len(part) : len(part) + 1]
            present = at(self._values, part) if part else None
            if not part or not moved or not _decides_where(moved[0], present):
                continue
            if at(self._values, change.path) == change.value:
                continue
            for key in present if isinstance(present, Mapping) else ():
                path = (*part, key)
                if (is_secret(self._ground, path, self._values) or key in FILES) and path not in changed:
                    what = f"must be written again: {moved[0]} says to whom it is told, and changes"
                    self.faults.append(Fault(name_of(path), what, "write the secret once more"))
        self.faults = list(dict.fromkeys(self.faults))


def _credentials(text: str) -> str:
    """The JSON of a key of Google's, written anew so that it is read in one way only; "" where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return json.dumps(found) if isinstance(found, dict) and found.get("type") in tuple(_KEYS) else ""


def _texts(value: object) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


def _decides_where(field: str, present: object) -> bool:
    """Whether a field of a part decides to whom its secrets are told; of a plug-in's any may."""
    if field in WHERE:
        return True
    kind = present.get("kind") if isinstance(present, Mapping) else None
    return kind is not None and kind not in KINDS and field not in NOWHERE

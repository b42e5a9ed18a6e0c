"""The settings file as a page reads, checks and writes it. Everything here blocks: it is called in a thread.

Secrets never come out of it, and go into files of their own beside the settings, never into them.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from backsoon.config.belonging import Ground, fixed, ground_of, is_hidden, is_secret
from backsoon.config.dotted import Path as Keys
from backsoon.config.dotted import leaves, name_of, path_of
from backsoon.config.editing import CannotEdit, edited
from backsoon.config.environment import overridden
from backsoon.config.faults import ConfigError, Problem
from backsoon.config.judging import Judge, Wish
from backsoon.config.load import FIELDS, parse
from backsoon.config.model import Config
from backsoon.config.replacing import Replacement, why_not_writable
from backsoon.config.secrets import SecretError, absolute_reference, is_reference, secret
from backsoon.domain.settingserrors import Fault, NotWritable, SettingsChanged, SettingsFaulty

LARGEST = 4 * 2**20
"""Bytes of a settings file that a page changes."""
ELSEWHERE = Fault(
    "",
    "the settings of another organisation have a fault",
    "ask whoever runs this machine to mend the settings file",
)
"""What is told of a fault in what is not one's own."""


@dataclass(frozen=True, slots=True)
class Differs:
    """A field before and after, as text; "" where there is none, of secrets never what they are."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """A secret as far as it is told: where it is, and whether it can be read there."""

    reference: str
    set: bool


@dataclass(frozen=True, slots=True)
class View:
    """The settings of one organisation. `fixed` are fields that no page changes, each with why."""

    etag: str
    path: str
    writable: bool
    why_not: str
    remedy: str
    ground: Ground
    fields: Mapping[str, object]
    secrets: Mapping[str, Told]
    fixed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the file would become. `config` None: it could not be used. `secrets` are texts by their file's name."""

    text: str = field(repr=False)
    config: Config | None = field(repr=False)
    faults: tuple[Fault, ...]
    differences: tuple[Differs, ...]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """The file as it was read."""

    data: bytes
    values: Mapping[str, object]

    @property
    def etag(self) -> str:
        """What tells one content of the file from another."""
        return hashlib.sha256(self.data).hexdigest()[:32]


class SettingsFile:
    """One settings file. `environment` is that of the process: what it replaces is not for the file to say."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        """`path` is absolute; it may be a symbolic link, which stays one."""
        self.path = path
        self._environment = os.environ if environment is None else environment

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> Read:
        """The file as it is. Raises `ConfigError` where it cannot be read, or is no TOML."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error.strerror or "it cannot be read", "make it readable for this account") from None
        try:
            if len(data) > LARGEST:
                raise self._unreadable(f"it is larger than {LARGEST} bytes", "change it in an editor")
            return Read(data, tomllib.loads(data.decode()))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            where = f"it is not TOML: {error}" if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
            raise self._unreadable(where, "mend it in an editor") from None

    def _unreadable(self, what: str, remedy: str) -> ConfigError:
        return ConfigError([Problem(str(self.path), "", what, remedy)])

    def view(self, organisation: str) -> View:
        """What an administrator of the organisation may see. Raises `ConfigError`."""
        read = self.read()
        values, origins = overridden(read.values, self._environment, FIELDS)
        ground = ground_of(values, organisation)
        why_not = why_not_writable(self.path)
        fields: dict[str, object] = {}
        secrets: dict[str, Told] = {}
        locked: dict[str, str] = {}
        for path, value in leaves(values):
            if not ground.holds(path):
                continue
            name = name_of(path)
            if is_hidden(ground, path, value, values):
                secrets[name] = self._told(value)
            else:
                fields[name] = str(value) if not isinstance(value, bool | int | float | list) else value
            if ".".join(path) in origins:
                locked[name] = f"is set by {origins['.'.join(path)]} in Backsoon's environment"
            elif why := fixed(ground, path):
                locked[name] = why
        return View(
            read.etag,
            str(self.path),
            not why_not.what,
            why_not.what,
            why_not.remedy,
            ground,
            fields,
            secrets,
            locked,
        )

    def _told(self, value: object) -> Told:
        if not isinstance(value, str):
            return Told("", False)
        if not is_reference(value):  # an address, of which the origin tells enough; or a secret that went astray
            parts = urlsplit(value)
            return Told(f"{parts.scheme}://{parts.hostname}/..." if parts.scheme and parts.hostname else "", True)
        try:
            secret(absolute_reference(value, self.path.parent), self._environment)
        except SecretError:
            return Told(value, False)
        return Told(value, True)

    # -- judging -----------------------------------------------------------------------------------------------------

    def propose(self, organisation: str, wishes: Sequence[Wish], etag: str | None = None) -> Proposal:
        """What the file would become. Raises `ConfigError`, `SettingsChanged`; writes nothing."""
        read = self.read()
        if etag is not None and etag != read.etag:
            raise SettingsChanged(f"{self.path} was changed meanwhile")
        before = dict(read.values)
        effective, origins = overridden(before, self._environment, FIELDS)
        ground = ground_of(effective, organisation)
        judge = Judge(ground, effective, frozenset(origins))
        changes = judge.changes(wishes)
        if judge.faults:
            return Proposal("", None, tuple(judge.faults), ())
        try:
            text = edited(read.data.decode(), changes)
        except CannotEdit as error:
            return Proposal("", None, (Fault(wishes[0].field, str(error), error.remedy),), ())
        config, faults = self._parsed(text, ground)
        differences = _differences(ground, before, tomllib.loads(text))
        return Proposal(text, config, faults, differences, judge.secrets)

    def for_a_try(self, proposal: Proposal, folder: Path) -> Config | None:
        """The proposal's settings with its new secrets in files of this folder, where this writes them."""
        if proposal.config is None:
            return None
        text = proposal.text
        for name, told in proposal.secrets.items():
            place = folder / name
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(told)
            text = text.replace(f"secrets/{name}", str(place))
        return parse(tomllib.loads(text), self.path, self._environment)

    def _parsed(self, text: str, ground: Ground) -> tuple[Config | None, tuple[Fault, ...]]:
        try:
            return parse(tomllib.loads(text), self.path, self._environment), ()
        except ConfigError as error:
            return None, tuple(_fault(problem, ground) for problem in error.problems)

    # -- writing -----------------------------------------------------------------------------------------------------

    def write(self, organisation: str, wishes: Sequence[Wish], etag: str) -> Proposal:
        """Replace the file by what it becomes, whole or not at all; the former one stays beside it.

        Raises `ConfigError`, `SettingsChanged`, `SettingsFaulty`, `NotWritable`.
        """
        why_not = why_not_writable(self.path)
        if why_not.what:
            raise NotWritable(why_not.what, why_not.remedy)
        with Replacement(self.path) as replacement:
            proposal = self.propose(organisation, wishes, etag)
            if proposal.faults or proposal.config is None:
                raise SettingsFaulty(proposal.faults)
            if proposal.differences or proposal.secrets:
                replacement.replace(proposal.text.encode(), proposal.secrets)
        return proposal


def _fault(problem: Problem, ground: Ground) -> Fault:
    """A fault as this administrator may hear of it."""
    path = path_of(problem.field) or tuple(problem.field.split("."))
    if problem.field and not ground.holds(path):
        return ELSEWHERE
    return Fault(problem.field, problem.what, problem.remedy)


def _differences(ground: Ground, before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Differs, ...]:
    old, new = dict(leaves(before)), dict(leaves(after))
    found = []
    for path in [*new, *(path for path in old if path not in new)]:
        if old.get(path) != new.get(path) or type(old.get(path)) is not type(new.get(path)):
            texts = (_shown(ground, path, old.get(path), before), _shown(ground, path, new.get(path), after))
            found.append(Differs(name_of(path), *texts))
    return tuple(found)


def _shown(ground: Ground, path: Keys, value: object, values: Mapping[str, object]) -> str:
    if value is None:
        return ""
    if is_secret(ground, path, values):
        return "(secret)"
    if is_hidden(ground, path, value, values):
        return "(address)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

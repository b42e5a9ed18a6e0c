"""Asks for settings, tries each answer at once, and writes them down."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from backsoon.commands import output
from backsoon.commands.askingaccounts import NAMES, ask_account, ask_public
from backsoon.commands.template import Answers, settings_text
from backsoon.config import Config, ConfigError, Problem, parse
from backsoon.domain.address import has_placeholder

if TYPE_CHECKING:
    from backsoon.domain.organisation import Connection
    from backsoon.store.base import Store
    from backsoon.trials.trying import Tried

REFERENCE = re.compile(r"(env|file|credential):.+")


class Wrong(ConfigError):
    """Something that was asked for cannot be done."""


@dataclass(slots=True)
class Given:
    """What was given as options; None: to be asked for."""

    path: Path
    yes: bool
    values: dict[str, str | None]
    try_email: str
    said: dict[str, str] = field(default_factory=dict)
    """What was answered before: what is usual where the same is asked again."""

    def ask(self, key: str, question: str, usual: str, check: Callable[[str], str] = lambda _: "") -> str:
        """The option's value, or the answer to the question; `check` says what is wrong with it, or ""."""
        given = self.values.get(key)
        if given is not None or self.yes:
            answer = usual if given is None else given
            if wrong := check(answer):
                raise Wrong([Problem(f"--{key.replace('_', '-')}", "", wrong, "give another")])
            return answer
        while True:
            proposed = self.said.get(key, usual)
            answer = str(typer.prompt(question, default=proposed, show_default=bool(proposed), err=True)).strip()
            wrong = check(answer)
            if not wrong:
                self.said[key] = answer
                return answer
            output.say(wrong)

    def goes_on(self) -> bool:
        """Whether what failed is to be written all the same."""
        return self.yes or not typer.confirm("Answer again?", default=True, err=True)


def ask_and_write(given: Given, force: bool, *, tries: bool) -> list[dict[str, Any]]:
    """Write the settings file; what came of trying the answers. Raises `ConfigError`."""
    if given.path.exists() and not force:
        raise Wrong([Problem(str(given.path), "", "there is a settings file already", "add --force to replace it")])
    if not given.yes and not sys.stdin.isatty():
        raise Wrong([Problem("init", "", "nobody is there to be asked", "add --yes and options")])
    answers = _organisation(given)
    answers, calendar_tries = _asked(given, answers, "calendar", _calendar, tries=tries)
    answers, switchboard_tries = _asked(given, answers, "switchboard", _switchboard, tries=tries)
    _config(answers, given.path)
    _write(given.path, settings_text(answers), 0o640)
    return [*calendar_tries, *switchboard_tries]


# -- questions -------------------------------------------------------------------------------------------------------


def _organisation(given: Given) -> Answers:
    from backsoon.commands.zones import machine_zone

    name = given.ask("name", "The organisation's name", "My organisation", lambda a: "" if a else "a name is needed")
    zone = given.ask("zone", "Its time zone", machine_zone()[0], _wrong_zone)
    country = given.ask("country", "Its country, for public holidays (SE, DE-BY; none)", "none", _wrong_country)
    language = given.ask("language", "The language of its lines (en, sv)", "en")
    modes = ("keywords", "all-busy")
    mode = given.ask(
        "mode",
        "What counts: tagged entries (keywords) or also every busy one (all-busy)",
        "keywords",
        lambda a: "" if a.replace("_", "-") in modes else f"write one of: {', '.join(modes)}",
    )
    busy = "closed"
    if mode.replace("_", "-") == "all-busy":
        busy = given.ask(
            "busy_phone",
            "Does `busy` close the phone, or is it shown only (closed, open)",
            "closed",
            lambda a: "" if a in ("closed", "open") else "write closed or open",
        )
    return Answers(name, zone, "" if country == "none" else country, language, mode.replace("_", "-"), busy)


def _wrong_zone(zone: str) -> str:
    from backsoon.domain.naming import ZONE_REMEDY, known_zone

    return "" if known_zone(zone) else f"there is no time zone {zone!r}; {ZONE_REMEDY}"


def _wrong_country(country: str) -> str:
    from backsoon.domain.naming import COUNTRY, COUNTRY_REMEDY
    from backsoon.wiring import SystemClock, public_holidays

    if country == "none":
        return ""
    known = COUNTRY.fullmatch(country) and public_holidays(country, SystemClock().now().year)
    return "" if known else f"the public holidays of {country!r} are not known; {COUNTRY_REMEDY}"


def _wrong_email(email: str) -> str:
    return "" if "@" in email else "write an address such as anna@example.com"


def _calendar(given: Given) -> dict[str, object]:
    kinds = ("caldav", "ics", "ews", "graph", "google", "none")
    kind = given.ask(
        "calendar_kind",
        "Where are the calendars (caldav, ics, ews: Exchange, graph: Microsoft 365, google, none)",
        "none" if given.yes else "caldav",
        lambda a: "" if NAMES.get(a, a) in kinds else f"write one of: {', '.join(kinds)}",
    )
    kind = NAMES.get(kind, kind)
    if kind == "none":
        return {}
    return _at_a_server(given, kind) if kind in ("caldav", "ics") else ask_account(kind, given, partial(_secret, given))


def _at_a_server(given: Given, kind: str) -> dict[str, object]:
    url = given.ask(
        "calendar_url",
        "Its address ({email} stands for each person's)",
        "",
        lambda a: "" if a else "an address is needed: https://dav.example.com/{email}/",
    )
    username = given.ask("calendar_username", "The account that reads it (none)", "none")
    if username in ("none", ""):
        return {"kind": kind, "url": url}
    password = _secret(given, "calendar_password", "calendar.secret")
    return {"kind": kind, "url": url, "username": username, "password": password}


def _switchboard(given: Given) -> dict[str, object]:
    host = given.ask("asterisk_host", "Asterisk's address (none)", "none" if given.yes else "127.0.0.1")
    if host in ("none", ""):
        return {}
    port = given.ask(
        "asterisk_port",
        "The port of its manager interface",
        "5038",
        lambda a: "" if a.isdecimal() and 0 < int(a) < 65536 else "a port is a number up to 65535",
    )
    username = given.ask("asterisk_username", "The manager account (manager.conf)", "backsoon")
    secret = _secret(given, "asterisk_secret", "asterisk.secret")
    return {"kind": "asterisk", "host": host, "port": int(port), "username": username, "secret": secret}


def _secret(given: Given, key: str, file: str, what: str = "Its password") -> str:
    """A reference to a secret. One that is typed instead is kept in a file beside the settings, for its owner only."""
    wrong = "write env:NAME, file:PATH or credential:NAME"
    if given.yes or given.values.get(key) is not None:
        return given.ask(key, "", f"file:{file}", lambda a: "" if REFERENCE.fullmatch(a) else wrong)
    question = f"{what}, or where that is (env:NAME, file:PATH, credential:NAME)"
    typed = str(typer.prompt(question, hide_input=True, err=True))
    if REFERENCE.fullmatch(typed):
        return typed
    _write(given.path.parent / file, typed + "\n", 0o600)
    output.say(f"it is kept in {given.path.parent / file}, readable for this account only")
    return f"file:{file}"


# -- trying and writing ------------------------------------------------------------------------------------------------


def _asked(
    given: Given, answers: Answers, field: str, ask: Callable[[Given], dict[str, object]], *, tries: bool
) -> tuple[Answers, list[dict[str, Any]]]:
    """The answers with one more table, and what came of trying it."""
    from dataclasses import asdict, replace

    from backsoon.trials.trying import Tried

    while True:
        asked = ask(given)
        more = replace(answers, calendar=asked) if field == "calendar" else replace(answers, switchboard=asked)
        if more.calendar.get("kind") in ("graph", "google") and field == "calendar":
            more = replace(more, public=ask_public(given))
        tried: Sequence[Tried] = ()
        try:
            config = _config(more, given.path)
            tried = output.run(_try(config, field, given)) if tries else []
        except ConfigError as error:
            if given.yes:
                raise
            tried = [Tried(p.field, "error", p.what, p.remedy) for p in error.problems]
        for one in tried:
            output.say(output.plain(str(one)))
        if not any(one.level == "error" for one in tried) or given.goes_on():
            return more, [asdict(one) for one in tried]


def _config(answers: Answers, path: Path) -> Config:
    import tomllib

    return parse(tomllib.loads(settings_text(answers)), path, os.environ)


async def _try(config: Config, field: str, given: Given) -> list[Tried]:
    from backsoon.trials.trying import try_switchboard
    from backsoon.wiring import SystemClock

    organisation, now = config.organisations[0], SystemClock().now
    if field == "switchboard":
        tries = [await try_switchboard(s, organisation.organisation, now) for s in organisation.switchboards]
        return [one for several in tries for one in several]
    return [one for c in organisation.connections for one in await _try_connection(config, c, given)]


async def _try_connection(config: Config, connection: Connection, given: Given) -> Sequence[Tried]:
    from backsoon.domain.organisation import Person
    from backsoon.factories import Sources
    from backsoon.trials.accounts import Checked, check_account, has_account
    from backsoon.trials.trying import Tried, try_calendar
    from backsoon.wiring import SystemClock

    email = given.try_email
    account = has_account(connection)
    if (account or has_placeholder(str(connection.settings.get("url", "")))) and not email:
        if given.yes:
            return [Tried("calendars main", "warning", "not tried", "name somebody with --try-email")]
        email = given.ask("email", "Whose calendar shall be tried (an e-mail address)", "", _wrong_email)
    organisation = config.organisations[0].organisation
    sources = Sources(cast("Store", None), SystemClock().now)  # what is made of a connection given asks no store
    person, now = Person(organisation.id, "0", "", email, organisation.zone), SystemClock().now()
    found: list[Tried] = []
    try:
        if account:
            checked = Checked(connection, (email,), public=config.api.public)
            found = [one async for one in check_account(sources, checked, now)]
        if not any(one.level == "error" for one in found):
            found.append(await try_calendar(sources, connection, "", person, now, f"calendar {email}".strip()))
        return found
    finally:
        await sources.close()


def _write(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.new")
        made.unlink(missing_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
        made.replace(path)
    except OSError as error:
        raise Wrong(
            [Problem(str(path), "", error.strerror or "it cannot be written", "name another --config")]
        ) from None

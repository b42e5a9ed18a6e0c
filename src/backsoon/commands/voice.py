"""`backsoon voice`: the prompts that callers hear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.people import everybody
from backsoon.commands.port import Json, connected
from backsoon.domain.errors import BacksoonError

if TYPE_CHECKING:
    from backsoon.domain.organisation import Organisation
    from backsoon.voice.building import Built, Progress
    from backsoon.voice.language import Language
    from backsoon.voice.speech import Program

app = typer.Typer(help="The prompts that callers hear: build, list.", no_args_is_help=True, rich_markup_mode=None)

LanguageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--language",
        help="A language, such as sv; may be repeated.",
        show_default="those of everybody's lines, and what is in the folder already",
    ),
]
SpeechOption = Annotated[
    str,
    typer.Option(
        "--speech",
        help="The speech program: text on its stdin, WAV on its stdout; {language}, {voice} and {speed} are filled in.",
        show_default="`speech` of the settings, else espeak-ng",
    ),
]
TOLD = 10
"""How many of a kind are told by name."""


class WrongVoice(BacksoonError):
    """What was asked for cannot be had. `remedy` says what can."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What prompts are wanted: by language, with their texts by key."""

    organisation: Organisation
    program: Program
    texts: Mapping[str, Mapping[str, str]]
    languages: Mapping[str, Language]
    names: frozenset[str]
    """Keys of everybody's names, in whatever language."""


@app.callback()
def _voice() -> None:
    pass


@app.command()
def build(
    to: Annotated[Path, typer.Option("--to", help="Asterisk's folder of sounds, or one to copy there.")],
    language: LanguageOption = None,
    speech: SpeechOption = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", help="Also where most names would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make every prompt that is not there yet: phrases, times, reasons, and each person's name.

    What is there and right stays, recordings that somebody put in place always; names of people who are gone are
    removed.
    The exit status is 1 where a prompt could not be made, or Asterisk does not play a recording.
    """
    built = output.run(_build(to, language or [], speech, organisation, config, force=force, quiet=as_json))
    if as_json:
        output.tell_json({tag: asdict(one) for tag, one in built.items()})
    else:
        for tag, one in built.items():
            _summary(tag, one)
    if any(one.failed or one.unplayable for one in built.values()):
        raise typer.Exit(1)


@app.command("list")
def list_prompts(
    to: Annotated[Path, typer.Option("--to", help="The folder of sounds to look into.")],
    language: LanguageOption = None,
    speech: SpeechOption = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every prompt, what it says, and what is there: made, outdated, recorded or missing."""
    rows = output.run(_list(to, language or [], speech, organisation, config))
    if as_json:
        return output.tell_json(rows)
    head = ("language", "key", "text", "state")
    output.table(head, ([row[name] for name in head] for row in rows))


async def _build(
    to: Path, tags: list[str], speech: str, organisation: str, config: Path | None, *, force: bool, quiet: bool
) -> dict[str, Built]:
    from backsoon.voice.building import Builder, check_names, plan
    from backsoon.voice.shelf import Shelf
    from backsoon.voice.sound import check_libraries

    check_libraries()
    wanted = await _wanted(to, tags, speech, organisation, config)
    builder = Builder(wanted.organisation.id, wanted.program)
    shelves = {tag: Shelf(to, tag, wanted.organisation.id) for tag in wanted.texts}
    plans = {
        tag: plan(texts, wanted.languages[tag], wanted.program, shelves[tag]) for tag, texts in wanted.texts.items()
    }
    if wanted.organisation.voice.names and not force:
        check_names(plans.values(), wanted.names)
    built = {}
    for tag, planned in plans.items():
        with _progress(tag, quiet) as progress:
            built[tag] = await builder.build(planned, wanted.languages[tag], shelves[tag], progress)
    return built


async def _list(to: Path, tags: list[str], speech: str, organisation: str, config: Path | None) -> list[Json]:
    from backsoon.voice.building import states
    from backsoon.voice.shelf import Shelf

    wanted = await _wanted(to, tags, speech, organisation, config)
    return [
        {"language": tag, "key": prompt.key, "text": prompt.text, "state": state.value}
        for tag, texts in wanted.texts.items()
        for prompt, state in states(
            texts, wanted.languages[tag], wanted.program, Shelf(to, tag, wanted.organisation.id)
        )
    ]


async def _wanted(to: Path, tags: list[str], speech: str, organisation: str, config: Path | None) -> _Wanted:
    """Settings and people, as all prompts that there should be."""
    from backsoon.config import load
    from backsoon.domain.spoken import name_key
    from backsoon.voice.catalogue import catalogue
    from backsoon.voice.language import languages
    from backsoon.voice.speech import ESPEAK, Program

    settings = load(config)
    whose = _organisation({one.organisation.id: one.organisation for one in settings.organisations}, organisation)
    program = Program.of(speech or settings.speech or ESPEAK)
    known = languages()
    _check_languages(tags, known)
    async with connected(config) as port:
        people = await everybody(port, whose.id)
    names = _names(whose, people, known)
    there = [tag for tag in known if (to / tag / "backsoon").is_dir()]
    chosen = dict.fromkeys(tags or [*names, *there])
    texts = {tag: catalogue(whose, known[tag], names.get(tag, ())) for tag in sorted(chosen)}
    everyone = frozenset(f"name/{name_key(name)}" for listed in names.values() for name in listed)
    return _Wanted(whose, program, texts, known, everyone)


def _organisation(known: Mapping[str, Organisation], name: str) -> Organisation:
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if name in known:
        return known[name]
    what = f"there is no organisation {name!r}" if name else "there are several organisations"
    raise WrongVoice(what, f"name one with --organisation: {', '.join(known)}")


def _check_languages(tags: list[str], known: Mapping[str, Language]) -> None:
    from backsoon.voice.language import check_whole

    for tag in tags:
        if tag not in known:
            check_whole(tag)
            raise WrongVoice(f"there are no phrases in {tag!r}", f"known are {', '.join(known)}")


def _names(organisation: Organisation, people: list[Json], known: Mapping[str, Language]) -> dict[str, list[str]]:
    """By language, the names of those who are told of in it. The organisation's is first."""
    from backsoon.voice.language import language_for

    names: dict[str, list[str]] = {language_for(organisation.language, known).tag: []}
    for person in people:
        tag = language_for(person["language"] or organisation.language, known, organisation.language).tag
        names.setdefault(tag, []).append(person["name"])
    return names


@contextmanager
def _progress(tag: str, quiet: bool) -> Iterator[Progress]:
    """Shows how far it is, on stderr, where somebody is watching."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(tag, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _summary(tag: str, built: Built) -> None:
    parts = [f"{built.made} made", f"{built.replaced} replaced", f"{built.kept} unchanged", f"{built.removed} removed"]
    output.tell(f"{tag}: {output.counted(built.prompts, 'prompt')}: {', '.join(parts)}")
    _some(f"{tag}: recordings kept", built.recorded)
    _some(f"{tag}: recordings that nothing says any more, kept", built.unused)
    for key, because in list(built.failed.items())[:TOLD]:
        output.say(output.plain(f"{tag}: {key} could not be made: {because}"))
    if len(built.failed) > TOLD:
        output.say(f"{tag}: {len(built.failed) - TOLD} more could not be made")
    for file, because in list(built.unplayable.items())[:TOLD]:
        output.say(output.plain(f"{tag}: the recording {file} is not played by Asterisk: {because}"))
    if len(built.unplayable) > TOLD:
        output.say(f"{tag}: {len(built.unplayable) - TOLD} more recordings are not played by Asterisk")


def _some(what: str, keys: list[str]) -> None:
    if keys:
        more = f" and {len(keys) - TOLD} more" if len(keys) > TOLD else ""
        output.tell(f"{what}: {', '.join(sorted(keys)[:TOLD])}{more}")

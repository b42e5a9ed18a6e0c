"""Makes prompts: first what is to be done is decided, then it is done, some at a time."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from backsoon.domain.errors import BacksoonError
from backsoon.voice.language import Language
from backsoon.voice.shelf import Files, Shelf, State
from backsoon.voice.sound import BadSound, Mark, prompts, silence
from backsoon.voice.speech import NoProgram, Program, SpeechFailed

FORMAT = "1"
"""Goes up where sounds are shaped otherwise, so that all prompts are made again."""
HOPELESS = 10
"""So many failures before anything was made: the program is to blame, not the texts."""
MANY_GONE = 5
"""Fewer names than this may always go."""
NAMES = "name/"

Progress = Callable[[int, int], None]
"""Told how many of how many prompts are done."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt to be: what it says, and the digest of what it is made of."""

    key: str
    text: str
    made_of: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done with the prompts of one language. `make` says for each what was there."""

    make: tuple[tuple[Prompt, State], ...]
    kept: int
    recorded: tuple[str, ...]
    remove: Mapping[str, Files]
    unused: tuple[str, ...]
    """Recordings that nothing says any more; they stay."""
    names: frozenset[str] = frozenset()
    """Keys of the names that we made and are there."""
    unplayable: Mapping[str, str] = field(default_factory=dict)
    """Recordings that Asterisk does not play, by file, with the reason."""


class MostNamesGone(BacksoonError):
    """Most people's names would be removed: rather is the list of people not the right one."""

    remedy = "look at `backsoon people list`; if that is what is meant, do it with --force"


def check_names(plans: Iterable[Planned], wanted: Set[str]) -> None:
    """Raises `MostNamesGone` where most names that are there are nobody's, `wanted` being the keys of everybody's."""
    there = frozenset[str]().union(*(planned.names for planned in plans))
    gone = len(there - wanted)
    if gone >= MANY_GONE and 2 * gone > len(there):
        raise MostNamesGone(f"{gone} of {len(there)} names would be removed")


@dataclass(slots=True)
class Built:
    """What was done, in numbers and keys. `failed` are prompts that could not be made, with the reason."""

    prompts: int
    kept: int
    recorded: list[str]
    unused: list[str]
    made: int = 0
    replaced: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    unplayable: dict[str, str] = field(default_factory=dict)
    """Recordings that Asterisk does not play, by file, with the reason."""


def made_of(text: str, language: Language, program: Program) -> str:
    """The digest of all that decides how a prompt sounds: text, voice, speed, program."""
    parts = [FORMAT, text, *(program.command(language) if text else ())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def states(
    texts: Mapping[str, str], language: Language, program: Program, shelf: Shelf
) -> Iterator[tuple[Prompt, State]]:
    """Each prompt with what is at its place. Raises `ShelfError`."""
    return _states(texts, language, program, shelf, shelf.scan())


def _states(
    texts: Mapping[str, str], language: Language, program: Program, shelf: Shelf, found: Mapping[str, Files]
) -> Iterator[tuple[Prompt, State]]:
    for key in sorted(texts):
        prompt = Prompt(key, texts[key], made_of(texts[key], language, program))
        yield prompt, shelf.state(found.get(key), prompt.made_of)


def plan(texts: Mapping[str, str], language: Language, program: Program, shelf: Shelf) -> Planned:
    """What is to be done, so that all these prompts are there and no other of ours. Raises `ShelfError`.

    Beside a recording ours of the other rate goes too: else some callers would hear the one and some the other.
    """
    found = shelf.scan()
    judged = list(_states(texts, language, program, shelf, found))
    by_state = {state: [p for p, s in judged if s is state] for state in State}
    recorded = tuple(prompt.key for prompt in by_state[State.RECORDED])
    unwanted = [key for key in found if key not in texts or (found[key].recorded and found[key].ours)]
    return Planned(
        make=tuple((prompt, state) for prompt, state in judged if state in (State.MISSING, State.OUTDATED)),
        kept=len(by_state[State.MADE]),
        recorded=recorded,
        remove={key: found[key] for key in unwanted if found[key].ours},
        unused=tuple(sorted(key for key in found if key not in texts and found[key].recorded)),
        names=frozenset(key for key in found if key.startswith(NAMES) and found[key].ours),
        unplayable={f"{key}{ending}": why for key in recorded for ending, why in found[key].unplayable.items()},
    )


def at_once() -> int:
    """How many prompts are made at a time: one for each processor that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Builder:
    """Makes the prompts of one organisation with one program."""

    def __init__(self, organisation: str, program: Program, workers: int = 0) -> None:
        self._organisation = organisation
        self._program = program
        self._workers = workers or at_once()

    async def build(self, planned: Planned, language: Language, shelf: Shelf, progress: Progress) -> Built:
        """Do what was planned. Raises `ShelfError` and `NoProgram`; a prompt that fails is told of in the result."""
        total = len(planned.make)
        prompts = total + planned.kept + len(planned.recorded)
        built = Built(prompts, planned.kept, [*planned.recorded], [*planned.unused], unplayable={**planned.unplayable})
        left = iter(planned.make)

        async def work() -> None:
            for prompt, state in left:
                await self._one(prompt, state, language, shelf, built)
                progress(built.made + built.replaced + len(built.failed), total)

        progress(0, total)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._workers, total)):
                group.create_task(work())
        for key, files in planned.remove.items():
            shelf.remove(key, files)
            built.removed += 1
        return built

    async def _one(self, prompt: Prompt, state: State, language: Language, shelf: Shelf, built: Built) -> None:
        try:
            files = await self._files(prompt, language)
        except NoProgram:
            raise
        except (SpeechFailed, BadSound) as error:
            built.failed[prompt.key] = str(error)
            if len(built.failed) >= HOPELESS and not built.made + built.replaced:
                raise
            return
        if not await asyncio.to_thread(shelf.put, prompt.key, files):
            built.recorded.append(prompt.key)
        elif state is State.OUTDATED:
            built.replaced += 1
        else:
            built.made += 1

    async def _files(self, prompt: Prompt, language: Language) -> dict[str, bytes]:
        mark = Mark(self._organisation, prompt.made_of)
        if not prompt.text:
            return silence(mark)
        said = await self._program.say(prompt.text, language)
        return await asyncio.to_thread(prompts, said, mark)

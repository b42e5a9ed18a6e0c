"""What is there and right stays, recordings stay always, the rest is made; names of people who are gone go."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Organisation
from backsoon.voice.building import Builder, Built, MostNamesGone, check_names, made_of, plan, states
from backsoon.voice.catalogue import catalogue
from backsoon.voice.language import Language, languages
from backsoon.voice.shelf import Shelf, ShelfError, State
from backsoon.voice.sound import mark_of
from backsoon.voice.speech import NoProgram, Program, SpeechFailed
from tests.unit.voice.made_up import tone, write_language

ENGLISH = languages()["en"]
TEXTS = {"goodbye": "goodbye", "name/aaa": "Anna Berg", "half/10": ""}


class Site:
    """A folder of sounds, and a speech program that says one tone whatever it is given."""

    def __init__(self, folder: Path) -> None:
        self.sounds = folder / "sounds"
        self.tone = folder / "tone.wav"
        self.tone.write_bytes(tone())
        self.program = Program(("cat", str(self.tone)))
        self.shelf = Shelf(self.sounds, "en", "acme")
        self.folder = self.sounds / "en" / "backsoon"
        self.told: list[tuple[int, int]] = []

    async def build(self, texts: dict[str, str], program: Program | None = None, language: Language = ENGLISH) -> Built:
        program, shelf = program or self.program, Shelf(self.sounds, language.tag, "acme")
        planned = plan(texts, language, program, shelf)
        builder = Builder("acme", program, workers=2)
        return await builder.build(planned, language, shelf, lambda done, total: self.told.append((done, total)))

    def files(self) -> dict[str, bytes]:
        found = [path for path in self.sounds.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def states(self, texts: dict[str, str]) -> dict[str, State]:
        return {prompt.key: state for prompt, state in states(texts, ENGLISH, self.program, self.shelf)}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_each_prompt_is_made_once(site: Site) -> None:
    built = await site.build(TEXTS)
    assert (built.prompts, built.made, built.kept, built.failed) == (3, 3, 0, {})
    files = site.files()
    assert files.keys() == {f"{key}{ending}" for key in TEXTS for ending in (".wav", ".wav16")}
    assert site.told[0] == (0, 3)
    assert site.told[-1] == (3, 3)
    stamps = {path: path.stat().st_mtime_ns for path in site.folder.rglob("*")}
    again = await site.build(TEXTS)
    assert (again.prompts, again.made, again.replaced, again.kept) == (3, 0, 0, 3)
    assert {path: path.stat().st_mtime_ns for path in site.folder.rglob("*")} == stamps


async def test_files_are_readable_for_asterisk(site: Site) -> None:
    mask = os.umask(0o077)
    try:
        await site.build(TEXTS)
    finally:
        os.umask(mask)
    for path in site.folder.rglob("*.wav*"):
        assert path.stat().st_mode & 0o777 == 0o644
    for folder in (site.folder, site.folder / "name"):
        assert folder.stat().st_mode & 0o777 == 0o755


async def test_what_changed_is_replaced(site: Site) -> None:
    await site.build(TEXTS)
    assert (await site.build({**TEXTS, "goodbye": "bye"})).replaced == 1
    assert site.states(TEXTS)["goodbye"] is State.OUTDATED
    other = Program(("cat", "--", str(site.tone)))
    assert (await site.build(TEXTS, other)).replaced == 2  # silence needs no program


async def test_half_a_prompt_is_made_whole(site: Site) -> None:
    await site.build(TEXTS)
    (site.folder / "goodbye.wav16").unlink()
    assert site.states(TEXTS)["goodbye"] is State.OUTDATED
    assert (await site.build(TEXTS)).replaced == 1
    assert (site.folder / "goodbye.wav16").exists()


async def test_names_of_people_who_are_gone_go(site: Site) -> None:
    await site.build({**TEXTS, "name/bbb": "Bo Ek"})
    built = await site.build(TEXTS)
    assert built.removed == 1
    assert not [name for name in site.files() if "bbb" in name]
    assert len(site.files()) == 6


async def test_most_names_do_not_go_unasked(site: Site) -> None:
    """A list of people that is empty or short is rather the wrong one."""
    names = {f"name/{letter}": letter for letter in "abcdefgh"}
    await site.build(names)

    def judged(stay: int, wanted_elsewhere: int = 0) -> None:
        wanted = dict(list(names.items())[:stay])
        planned = plan(wanted, ENGLISH, site.program, site.shelf)
        check_names([planned], set(list(names)[: stay + wanted_elsewhere]))

    for stay, elsewhere in ((8, 0), (4, 0), (0, 8), (0, 4)):
        judged(stay, elsewhere)
    for stay in (0, 3):
        with pytest.raises(MostNamesGone, match=f"{8 - stay} of 8 names"):
            judged(stay)


async def test_few_names_may_all_go(site: Site) -> None:
    await site.build({f"name/{letter}": letter for letter in "abcd"})
    check_names([plan({}, ENGLISH, site.program, site.shelf)], set())


async def test_a_link_that_waits_for_our_file_is_not_written_through(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the folder can put a link in any place whose name they can guess."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    site.folder.mkdir(parents=True)
    monkeypatch.setattr("backsoon.voice.shelf.token_hex", lambda _: "guessed")
    (site.folder / ".goodbye.wav.guessed").symlink_to(victim)
    with pytest.raises(ExceptionGroup) as caught:
        await site.build({"goodbye": "goodbye"})
    assert caught.group_contains(ShelfError, match="File exists")
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("ending", [".wav", ".wav16", ".ulaw", ".gsm", ".sln16"])
async def test_a_recording_stays(site: Site, ending: str) -> None:
    await site.build(TEXTS)
    recording = site.folder / f"name/aaa{ending}"
    recording.write_bytes(b"a recording")
    for texts in (TEXTS, {**TEXTS, "name/aaa": "Anna Ek"}):
        built = await site.build(texts)
        assert built.recorded == ["name/aaa"]
        assert (built.made, built.replaced) == (0, 0)
        assert [p.name for p in (site.folder / "name").iterdir()] == [
            recording.name
        ]  # ours of other rates would be heard
    assert site.states(TEXTS)["name/aaa"] is State.RECORDED
    gone = await site.build({"goodbye": "goodbye"})
    assert gone.unused == ["name/aaa"]
    assert recording.read_bytes() == b"a recording"


async def test_a_prompt_of_ours_that_was_edited_is_a_recording(site: Site) -> None:
    await site.build(TEXTS)
    path = site.folder / "goodbye.wav"
    edited = path.read_bytes()[:-2] + b"\1\1"
    path.write_bytes(edited)
    assert (await site.build({**TEXTS, "goodbye": "bye"})).recorded == ["goodbye"]
    assert path.read_bytes() == edited


async def test_a_recording_that_was_taken_out_again_is_made(site: Site) -> None:
    await site.build(TEXTS)
    path = site.folder / "goodbye.wav"
    path.write_bytes(b"a recording")
    await site.build(TEXTS)
    path.unlink()
    assert (await site.build(TEXTS)).made == 1
    assert path.exists()


async def test_a_link_is_a_recording_and_is_not_followed(site: Site, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    site.folder.mkdir(parents=True)
    (site.folder / "goodbye.wav").symlink_to(elsewhere)
    assert (await site.build(TEXTS)).recorded == ["goodbye"]
    assert elsewhere.read_bytes() == b""


async def test_a_recording_that_comes_while_prompts_are_made_stays(site: Site) -> None:
    path = site.folder / "goodbye.wav"
    planned = plan({"goodbye": "goodbye"}, ENGLISH, site.program, site.shelf)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a recording")
    built = await Builder("acme", site.program).build(planned, ENGLISH, site.shelf, lambda done, total: None)
    assert (built.recorded, built.made) == (["goodbye"], 0)
    assert path.read_bytes() == b"a recording"


@pytest.mark.parametrize("left", [b"", bytes(5000), None])
async def test_what_a_crash_left_is_made_again(site: Site, left: bytes | None) -> None:
    await site.build(TEXTS)
    path = site.folder / "goodbye.wav"
    path.write_bytes(path.read_bytes()[:-100] if left is None else left)
    built = await site.build(TEXTS)
    assert (built.made + built.replaced, built.recorded) == (1, [])
    assert mark_of(path.read_bytes()) is not None


async def test_prompts_of_another_organisation_are_left_alone(site: Site) -> None:
    await site.build(TEXTS)
    before = site.files()
    other = Shelf(site.sounds, "en", "other")
    with pytest.raises(ShelfError, match="the organisation acme") as raised:
        plan(TEXTS, ENGLISH, site.program, other)
    assert "folder of its own" in raised.value.remedy
    assert site.files() == before


async def test_what_lies_elsewhere_is_not_looked_at(site: Site) -> None:
    strange = [site.sounds / "en" / "hello.wav", site.folder / ".hidden.wav", site.folder / "a" / "b" / "c.wav"]
    for path in [*strange, site.folder / "UPPER.wav", site.folder / "README"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    built = await site.build(TEXTS)
    assert (built.made, built.recorded, built.unused, built.removed) == (3, [], [], 0)
    assert all(path.exists() for path in strange)


async def test_a_folder_that_cannot_be_written_is_told(site: Site) -> None:
    site.sounds.write_text("a file")
    with pytest.raises(ShelfError, match="sounds") as raised:
        await site.build(TEXTS)
    assert "--to" in raised.value.remedy


async def test_one_that_fails_stops_no_other(site: Site) -> None:
    code = "import sys; t = sys.stdin.read(); sys.exit('no') if 'Anna' in t else print(open(sys.argv[1], 'rb'))"
    code = code.replace("print(open(sys.argv[1], 'rb'))", "sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())")
    built = await site.build(TEXTS, Program((sys.executable, "-c", code, str(site.tone))))
    assert built.made == 2
    assert list(built.failed) == ["name/aaa"]
    assert "ended with 1: no" in built.failed["name/aaa"]


async def test_what_is_no_sound_fails(site: Site) -> None:
    site.tone.write_bytes(b"hello")
    built = await site.build(TEXTS)
    assert built.failed.keys() == {"goodbye", "name/aaa"}
    assert "no WAV" in built.failed["goodbye"]


async def test_a_program_that_never_works_is_not_asked_for_ever(site: Site) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await site.build({f"name/{n}": "x" for n in range(1000)}, Program(("false",)))
    assert raised.group_contains(SpeechFailed)
    with pytest.raises(ExceptionGroup) as raised:
        await site.build(TEXTS, Program(("/nowhere",)))
    assert raised.group_contains(NoProgram)


def test_what_a_prompt_is_made_of() -> None:
    program, swedish = Program(("say", "{voice}")), languages()["sv"]
    digests = {
        made_of("x", ENGLISH, program),
        made_of("y", ENGLISH, program),
        made_of("x", swedish, program),
        made_of("x", ENGLISH, Program(("say", "{voice}", "x"))),
    }
    assert len(digests) == 4
    assert made_of("x", ENGLISH, program) in digests


async def test_a_third_language_is_built_whole(site: Site, tmp_path: Path) -> None:
    language = languages(write_language(tmp_path / "made up"))["xx"]
    organisation = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS))
    texts = catalogue(organisation, language, ["Anna Berg"])
    built = await site.build(texts, language=language)
    assert (built.made, built.failed) == (len(texts), {})
    assert (site.sounds / "xx" / "backsoon" / "past.wav").exists()
    assert (await site.build(texts, language=language)).kept == len(texts)

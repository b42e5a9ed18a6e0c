"""Kinds that plug-ins bring: how their settings are read, what becomes of broken ones, and that ours stay ours."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backsoon.config import Config, ConfigError, parse
from backsoon.config.plugins import SOURCES, SWITCHBOARDS, UNREAD
from backsoon.domain.organisation import Connection, Organisation, Person, SwitchboardSettings
from backsoon.drivers import passing, switchboard_of
from backsoon.factories import Sources
from backsoon.sources.base import SourceError
from backsoon.switchboards.asterisk import AsteriskSwitchboard
from backsoon.switchboards.base import Surroundings, SwitchboardError
from backsoon.switchboards.webhook import WebhookSwitchboard
from backsoon.trials.trying import try_switchboard
from tests.unit.plugins.installing import EXAMPLE, install, install_example

LEAST = '[organisation]\nid = "acme"\nname = "Acme"\nzone = "Europe/Stockholm"\n'
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BAD = '''
class Telling:
    """Says what it was given."""

    def read(self, given, folder):
        if given.get("answer") == "a date":
            return {"at": folder}
        if given.get("answer") == "our word":
            return {"unread": "no"}
        if "password" not in given:
            raise KeyError("ZQ-CANARY")
        return {"given": dict(given), "folder": str(folder)}

    def make(self, *args):
        if "secret" in str(args[0].settings):
            raise RuntimeError("ZQ-CANARY")
        if "number" in str(args[0].settings):
            int("ZQ-CANARY")
        if "missing" in str(args[0].settings):
            open("ZQ-CANARY")
        return object()

class Shapeless:
    read = 1

raising = 1
'''


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, and a package of all that can be wrong."""
    site = tmp_path / "site"
    install_example(site, monkeypatch)
    kinds = {
        "telling": "zq_bad:Telling",
        "shapeless": "zq_bad:Shapeless",
        "gone": "zq_no_such_module:Kind",
        "ending": "zq_ending:Kind",
        "asterisk": "zq_bad:Telling",
        "caldav": "zq_bad:Telling",
        "folder": "zq_bad:Telling",
    }
    bad = {name: place for name, place in kinds.items() if name != "folder"}
    install(site, monkeypatch, "zq-bad", {SWITCHBOARDS: bad, SOURCES: bad})
    (site / "zq_bad.py").write_text(BAD)
    (site / "zq_ending.py").write_text("raise SystemExit(1)")
    monkeypatch.delitem(sys.modules, "zq_bad", raising=False)


@pytest.fixture
def around() -> Surroundings:
    return passing(lambda: NOW)


def read(text: str) -> Config:
    return parse(tomllib.loads(LEAST + text), Path("/etc/somewhere/backsoon.toml"), {})


def board(text: str) -> SwitchboardSettings:
    (one,) = read(f"[switchboards.pbx]\n{text}").organisations[0].switchboards
    return one


def calendar(text: str) -> Connection:
    (one,) = read(f"[calendars.rota]\n{text}").organisations[0].connections
    return one


def fault(text: str) -> tuple[str, str, str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    (problem,) = caught.value.problems
    return problem.file, problem.field, f"{problem.what}; {problem.remedy}"


@pytest.mark.usefixtures("plugins")
class TestReading:
    def test_settings_are_as_the_plug_in_reads_them(self) -> None:
        one = board('kind = "folder"\npath = "shown"')
        assert (one.kind, one.settings) == ("folder", {"path": "/etc/somewhere/shown", "place": "/etc/somewhere/shown"})

    def test_a_wrong_setting_names_file_field_and_remedy(self) -> None:
        assert fault('[switchboards.pbx]\nkind = "folder"') == (
            "/etc/somewhere/backsoon.toml",
            "switchboards.pbx.path",
            "is missing; write the folder that the files go to",
        )
        assert fault('[calendars.rota]\nkind = "csv"\nfile = "a.csv"\ncolour = 1')[1:] == (
            "calendars.rota.colour",
            "is not a setting; take it out; there is only file",
        )

    def test_references_are_made_absolute_wherever_they_are(self) -> None:
        text = 'kind = "telling"\npassword = "file:pw"\nmore = { list = ["file:x", "env:Y", "file"] }'
        given = board(text).settings["given"]
        more = {"list": ["file:/etc/somewhere/x", "env:Y", "file"]}
        assert given == {"password": "file:/etc/somewhere/pw", "more": more}
        assert board(text).settings["folder"] == "/etc/somewhere"

    def test_of_calendars_what_all_have_is_read_by_us(self) -> None:
        one = calendar('kind = "telling"\npassword = "env:X"\nurl = "x/{email}"\npoll_max_minutes = 5')
        assert one.settings.items() >= {"people": "everybody", "poll_max_minutes": 5, "url": "x/{email}"}.items()
        assert one.settings["given"] == {"password": "env:X", "url": "x/{email}"}
        assert (
            fault('[calendars.rota]\nkind = "telling"\npeople = "some"\npassword = "x"')[1] == "calendars.rota.people"
        )

    def test_an_unknown_kind_may_be_one_of_theirs(self) -> None:
        remedy = fault('[switchboards.pbx]\nkind = "foldr"')[2]
        assert remedy.endswith("did you mean 'folder'? (a plug-in brings its own once it is installed)")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ('kind = "gone"', "plug-in 'gone' of zq-bad 0.1.0 cannot be loaded: No module named 'zq_no_such_module'"),
            ('kind = "ending"', "plug-in 'ending' of zq-bad 0.1.0 cannot be loaded: internal error (SystemExit)"),
            ('kind = "shapeless"', "plug-in 'shapeless' of zq-bad 0.1.0 has no read and no make"),
            (
                'kind = "telling"',
                "of zq-bad 0.1.0 failed at these settings: internal error (KeyError)",
            ),
            ('kind = "telling"\nanswer = "a date"', "failed at these settings: internal error (TypeError)"),
            ('kind = "telling"\nanswer = "our word"', "failed at these settings: internal error (ValueError)"),
        ],
    )
    async def test_a_broken_one_harms_what_is_of_its_kind_only(self, text: str, why: str, around: Surroundings) -> None:
        """Its own settings are not kept, for nobody knows what is secret in them; how a calendar is read is."""
        config = read(f'[switchboards.a]\nkind = "folder"\npath = "x"\n[switchboards.b]\n{text}\npin = "1234"\n')
        good, broken = config.organisations[0].switchboards
        assert UNREAD not in good.settings
        assert set(broken.settings) == {UNREAD, "place"}
        with pytest.raises(SwitchboardError) as caught:
            async with switchboard_of(broken, around).session():
                pytest.fail("a session of a broken plug-in")
        assert why in str(caught.value)
        assert "package" in caught.value.remedy
        assert "CANARY" not in str(caught.value)
        rota = calendar(f'people = "everybody"\n{text}\npin = "1234"')
        assert rota.settings["people"] == "everybody"
        assert "pin" not in rota.settings
        with pytest.raises(SourceError, match=r"connection rota: .*zq-bad"):
            _sources().make(rota, "", Person("acme", "1001", "Anna"))


def _sources() -> Sources:
    return Sources(None, lambda: NOW)  # type: ignore[arg-type]  # what is made of a connection given asks no store


@pytest.mark.usefixtures("plugins")
class TestMaking:
    def test_ours_are_never_replaced(self, around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PASSWORD", "x")
        one = board('kind = "asterisk"\nusername = "backsoon"\nsecret = "env:PASSWORD"')
        assert isinstance(switchboard_of(one, around), AsteriskSwitchboard)
        assert calendar('kind = "caldav"\nurl = "https://dav.example.com/"').settings["url"]

    @pytest.mark.parametrize(
        ("settings", "why"),
        [
            ({}, "makes no switchboard"),
            ({"a": "secret"}, "RuntimeError"),
            ({"a": "number"}, "ValueError"),
            ({"a": "missing"}, "No such file"),
        ],
    )
    async def test_one_that_makes_no_driver(self, settings: dict[str, str], why: str, around: Surroundings) -> None:
        (tried,) = await try_switchboard(
            SwitchboardSettings("acme", "pbx", "telling", settings),
            Organisation("acme", "Acme", None),  # type: ignore[arg-type]
            lambda: datetime.now(UTC),
        )
        assert (tried.level, tried.what) == ("error", "switchboard pbx")
        assert why in tried.text
        assert "zq-bad" in tried.text
        assert "CANARY" not in tried.text

    def test_one_that_makes_no_source(self) -> None:
        for settings, why in (({}, "makes no source"), ({"a": "secret"}, "RuntimeError"), ({"a": "number"}, "ValueE")):
            with pytest.raises(SourceError, match=why) as caught:
                _sources().make(Connection("acme", "rota", "telling", settings), "", Person("acme", "1", "Anna"))
            assert "CANARY" not in str(caught.value)

    async def test_a_plug_in_is_checked(self, tmp_path: Path) -> None:
        acme = Organisation("acme", "Acme", None)  # type: ignore[arg-type]  # nothing is asked of its rules
        settings = SwitchboardSettings("acme", "pbx", "folder", {"path": str(tmp_path)})
        (tried,) = await try_switchboard(settings, acme, lambda: datetime.now(UTC))
        assert str(tried) == f"ok      switchboard pbx: {tmp_path} is there"
        settings = SwitchboardSettings("acme", "pbx", "folder", {"path": str(tmp_path / "x")})
        (tried,) = await try_switchboard(settings, acme, lambda: datetime.now(UTC))
        assert (tried.level, tried.remedy) == ("error", "make it, for Backsoon's account")


@pytest.mark.usefixtures("plugins")
class TestPlaces:
    def test_each_is_one_of_its_own_unless_the_plug_in_says_otherwise(self) -> None:
        text = '[switchboards.{name}]\nkind = "telling"\npassword = "x"\nhost = "pbx"\nport = 1\nurl = "x"\n'
        config = read(text.format(name="a") + text.format(name="b"))
        places = [one.place for one in config.organisations[0].switchboards]
        assert len(set(places)) == 2

    def test_renamed_it_is_the_same_and_moved_it_is_another(self) -> None:
        def place(name: str, path: str) -> tuple[str, ...]:
            config = read(f'[switchboards.{name}]\nkind = "folder"\npath = "{path}"')
            return config.organisations[0].switchboards[0].place

        assert place("a", "x") == place("b", "x")
        assert place("a", "x") != place("a", "y")


async def test_two_packages_with_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_example(tmp_path, monkeypatch)
    install(tmp_path, monkeypatch, "zq-rival", {SWITCHBOARDS: {"folder": "backsoon_folder.board:FolderKind"}})
    why = str(board('kind = "folder"\npath = "x"').settings[UNREAD])
    assert "backsoon-folder 0.1.0" in why
    assert "zq-rival 0.1.0" in why


async def test_a_plug_in_that_is_gone_since(around: Surroundings) -> None:
    driver = switchboard_of(SwitchboardSettings("acme", "pbx", "folder", {"path": "/x"}), around)
    with pytest.raises(SwitchboardError, match="nor does a plug-in bring it"):
        async with driver.session():
            pytest.fail("a session of nothing")
    with pytest.raises(SourceError, match="nor does a plug-in bring it"):
        _sources().make(Connection("acme", "rota", "csv"), "", Person("acme", "1001", "Anna"))


def test_settings_without_foreign_kinds_look_for_none() -> None:
    text = LEAST + '[switchboards.a]\nkind = "asterisk"\nusername = "b"\nsecret = "env:X"\n'
    program = (
        "import sys, tomllib, pathlib; from backsoon.config import parse; "
        f"parse(tomllib.loads({text!r}), pathlib.Path('/x'), {{}}); "
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_the_example_keeps_the_contracts(tmp_path: Path) -> None:
    """As its author would run them, with a pytest of its own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        str(tmp_path),
        str(EXAMPLE),
    ]
    environment = {"PYTHONPATH": str(EXAMPLE), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, check=False, timeout=240, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_the_suites_say_what_they_need(tmp_path: Path) -> None:
    program = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'pytest' else find(name, *more)\n"
        "import backsoon.testing\n"
        "import backsoon.testing.switchboards\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 1
    assert "need pytest: pip install pytest pytest-asyncio" in done.stderr


def test_ours_are_all_checkable(around: Surroundings) -> None:
    from backsoon.switchboards.base import Checkable
    from backsoon.switchboards.sip_presence import SipPresenceSwitchboard

    for driver in (AsteriskSwitchboard, SipPresenceSwitchboard, WebhookSwitchboard):
        assert issubclass(driver, Checkable)

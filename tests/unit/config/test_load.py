"""Settings: what a file and the environment become, and every fault at once."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.config import Config, ConfigError, find, load, parse
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.hours import OFFICE, WorkingHours
from backsoon.domain.model import Lifetime, Mode, Phone

PATH = Path("/etc/somewhere/backsoon.toml")
LEAST = '[organisation]\nname = "Acme"\nzone = "Europe/Stockholm"\n'


def read(text: str, environment: dict[str, str] | None = None) -> Config:
    return parse(tomllib.loads(text), PATH, environment)


def faults(text: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """What is wrong, with the remedy, by field."""
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    found = caught.value.problems
    assert all(p.file and p.remedy for p in found)
    assert len({p.field for p in found}) == len(found), "one fault a field"
    return {p.field: f"{p.what}; {p.remedy}" for p in found}


def test_least_settings_are_as_usual() -> None:
    config = read(LEAST)
    (one,) = config.organisations
    assert (one.organisation.id, one.organisation.name, one.organisation.zone) == ("main", "Acme", "Europe/Stockholm")
    assert one.organisation.rules.keywords == KEYWORDS
    assert one.organisation.rules.reasons == REASONS
    assert one.organisation.rules.mode is Mode.KEYWORDS
    assert one.organisation.hours == OFFICE
    assert (one.connections, one.switchboards) == ((), ())
    assert config.data == PATH.parent / "backsoon-data"
    assert config.store == f"sqlite:{config.data}/backsoon.db"
    assert config.socket == config.data / "backsoon.sock"


def test_rules() -> None:
    (one,) = read(
        LEAST
        + """
        id = "acme"
        language = "sv"
        country = "DE-BY"
        mode = "all-busy"
        busy_phone = "open"
        count_tentative = true
        automatic_replies = false
        chain_gap_minutes = 0
        warn_before_minutes = 15
        notes_for_colleagues = true
        notes_for_attendants = false
        """
    ).organisations
    organisation, rules = one.organisation, one.organisation.rules
    assert (organisation.id, organisation.language, organisation.country) == ("acme", "sv", "DE-BY")
    assert (rules.mode, rules.busy_phone) == (Mode.ALL_BUSY, Phone.OPEN)
    assert (rules.count_tentative, rules.automatic_replies) == (True, False)
    assert (rules.chain_gap, rules.warn_before) == (timedelta(0), timedelta(minutes=15))
    assert (rules.notes_for_colleagues, rules.notes_for_attendants) == (True, False)


def test_keywords_and_reasons_come_beside_the_usual_ones() -> None:
    (one,) = read(
        LEAST
        + """
        [organisation.keywords]
        T = "dentist"
        s = false
        "\\uFF2C" = "meeting"
        [organisation.reasons.dentist]
        labels = { en = "At the dentist" }
        lifetime = "until-taken-back"
        [organisation.reasons.sick]
        outside = { en = "Away" }
        priority = 99
        [organisation.reasons]
        parental_leave = false
        """
    ).organisations
    rules = one.organisation.rules
    assert rules.keywords["t"] == "dentist"
    assert rules.keywords["l"] == "meeting", "keywords are compared after NFKC"
    assert "s" not in rules.keywords
    assert "p" not in rules.keywords, "a keyword of a reason that was taken out goes with it"
    assert rules.reasons["dentist"].lifetime is Lifetime.UNTIL_TAKEN_BACK
    assert (rules.reasons["sick"].priority, rules.reasons["sick"].sensitive) == (99, True)
    assert rules.reasons["sick"].labels == REASONS["sick"].labels
    assert "parental_leave" not in rules.reasons


def test_working_hours() -> None:
    hours = 'working_hours = { mon-thu = ["13:00-17:00", "8:00-12:00"], fri = "08:00-24:00" }'
    (one,) = read(LEAST + hours).organisations
    day = ((480, 720), (780, 1020))
    assert one.organisation.hours.week == (day, day, day, day, ((480, 1440),), (), ())
    (one,) = read(LEAST + 'working_hours = "around the clock"').organisations
    assert one.organisation.hours == WorkingHours()


def test_calendars_and_switchboards_become_plain_values_with_secrets_by_reference() -> None:
    (one,) = read(
        LEAST
        + """
        [calendars.dav]
        kind = "caldav"
        url = "https://dav.example.com/{email}/"
        username = "svc"
        password = "file:secrets/dav"
        ca_file = "ca.pem"
        poll_max_minutes = 5
        [calendars.feeds]
        kind = "ics"
        [calendars.secret-feed]
        kind = "ics"
        url = "env:FEED"
        [switchboards.pbx]
        kind = "asterisk"
        username = "backsoon"
        secret = "credential:ami"
        tls = true
        """
    ).organisations
    dav, feeds, hidden = one.connections
    assert (dav.organisation, dav.name, dav.kind) == ("main", "dav", "caldav")
    assert dav.settings["people"] == "everybody"
    assert dav.settings["password"] == f"file:{PATH.parent}/secrets/dav"
    assert dav.settings["ca_file"] == f"{PATH.parent}/ca.pem"
    assert (dav.settings["poll_min_minutes"], dav.settings["poll_max_minutes"]) == (2, 5)
    assert feeds.settings["people"] == "named"
    assert "url" not in feeds.settings
    assert hidden.settings["url"] == "env:FEED"
    (pbx,) = one.switchboards
    assert pbx.settings == {
        "host": "127.0.0.1",
        "port": 5039,
        "username": "backsoon",
        "secret": "credential:ami",
        "tls": True,
        "lamps_per_second": 1000,
    }


def test_an_ics_file_is_found_from_the_folder_of_the_settings() -> None:
    for url in ("rota.ics", "file:rota.ics"):
        (one,) = read(LEAST + f'[calendars.rota]\nkind = "ics"\nurl = "{url}"\n').organisations
        assert one.connections[0].settings["url"] == str(PATH.parent / "rota.ics")


def test_several_organisations() -> None:
    config = read(
        """
        [organisations.acme]
        name = "Acme"
        zone = "Europe/Oslo"
        [organisations.acme.calendars.dav]
        kind = "caldav"
        url = "https://dav.example.com/{user}/"
        [organisations.umbrella]
        name = "Umbrella"
        zone = "America/Chicago"
        [organisations.umbrella.switchboards.pbx]
        kind = "asterisk"
        username = "u"
        secret = "env:S"
        """
    )
    acme, umbrella = config.organisations
    assert [c.organisation for c in acme.connections] == ["acme"]
    assert [s.organisation for s in umbrella.switchboards] == ["umbrella"]
    assert not acme.switchboards
    assert not umbrella.connections


PBX = """
kind = "asterisk"
username = "u"
secret = "env:S"
"""


def test_two_names_for_one_switchboard_are_a_fault() -> None:
    found = faults(LEAST + f"[switchboards.a]{PBX}[switchboards.b]{PBX}host = 'LOCALHOST'\n")
    assert found.keys() == {"switchboards.b"}
    assert found["switchboards.b"].startswith("has the host and port of switchboards.a")
    apart = read(LEAST + f"[switchboards.a]{PBX}[switchboards.b]{PBX}port = 5039\n[switchboards.c]{PBX}host = 'pbx'\n")
    assert len(apart.organisations[0].switchboards) == 3


def test_one_switchboard_for_two_organisations_is_a_fault() -> None:
    def settings(host: str) -> str:
        return f"""
        [organisations.acme]
        name = "Acme"
        zone = "Europe/Oslo"
        [organisations.acme.switchboards.pbx]{PBX}host = "pbx.example.com"
        [organisations.umbrella]
        name = "Umbrella"
        zone = "America/Chicago"
        [organisations.umbrella.switchboards.pbx]{PBX}host = "{host}"
        """

    assert faults(settings("pbx.example.com")).keys() == {"organisations.umbrella.switchboards.pbx"}
    assert len(read(settings("pbx2.example.com")).organisations) == 2


def test_every_fault_is_told_at_once() -> None:
    found = faults(
        """
        log_level = "debugg"
        stor = "x"
        store = "postgresql:x"
        [organisation]
        nam = "Acme"
        zone = "Europe/Stockholmm"
        country = "Sweden"
        language = "english please"
        mode = "all"
        chain_gap_minutes = "x"
        working_hours = { mon-thu = ["08:00-12:00", "11:00-17:00"], frx = "08:00-15:00", sat = "22:00-06:00" }
        [organisation.keywords]
        d = "dentist"
        re = "meeting"
        M = "meeting"
        m = "lunch"
        "two words" = "meeting"
        [organisation.reasons]
        busy = false
        [organisation.reasons.gym]
        prio = 3
        digit = "1"
        [calendars.dav]
        kind = "caldav"
        [calendars.rota]
        kind = "icss"
        [switchboards.Pbx]
        kind = "asterisk"
        tls = "yes"
        port = 70000
        """
    )
    assert found.keys() == {
        "log_level",
        "stor",
        "store",
        "organisation.nam",
        "organisation.name",
        "organisation.zone",
        "organisation.country",
        "organisation.language",
        "organisation.mode",
        "organisation.chain_gap_minutes",
        "organisation.working_hours.mon-thu",
        "organisation.working_hours.frx",
        "organisation.working_hours.sat",
        "organisation.keywords.d",
        "organisation.keywords.re",
        "organisation.keywords.m",
        'organisation.keywords."two words"',
        "organisation.reasons.busy",
        "organisation.reasons.gym",
        "organisation.reasons.gym.labels",
        "organisation.reasons.gym.prio",
        "calendars.dav.url",
        "calendars.rota.kind",
        "switchboards.Pbx",
        "switchboards.Pbx.tls",
        "switchboards.Pbx.port",
        "switchboards.Pbx.username",
        "switchboards.Pbx.secret",
    }
    assert "did you mean 'store'" in found["stor"]
    assert "did you mean 'debug'" in found["log_level"]
    assert "did you mean 'name'" in found["organisation.nam"]
    assert "did you mean 'priority'" in found["organisation.reasons.gym.prio"]
    assert "mail programs" in found["organisation.keywords.re"]
    assert "00:00-06:00" in found["organisation.working_hours.sat"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "organisation"),
        ("organisation = 3", "organisation"),
        (LEAST + "[calendars]\nx = 1", "calendars.x"),
        (LEAST + '[calendars.x]\nkind = "caldav"\nurl = "ftp://host/x"', "calendars.x.url"),
        (LEAST + '[calendars.x]\nkind = "caldav"\nurl = "https://[::1/x"', "calendars.x.url"),
        (LEAST + '[calendars.x]\nkind = "caldav"\nurl = "https://host/{mail}/"', "calendars.x.url"),
        (LEAST + '[calendars.x]\nkind = "ics"\npeople = "everybody"', "calendars.x.url"),
        (LEAST + '[calendars.x]\nkind = "ics"\nurl = "https://h/"\nusername = "u"', "calendars.x.password"),
        (LEAST + '[calendars.x]\nkind = "ics"\nusername = "u"\npassword = "env:P"', "calendars.x.url"),
        (
            LEAST + '[calendars.x]\nkind = "ics"\npoll_min_minutes = 9\npoll_max_minutes = 3',
            "calendars.x.poll_max_minutes",
        ),
        (LEAST + '[organisations.x]\nname = "X"\nzone = "UTC"', "organisations"),
        (LEAST + 'working_hours = { mon-tue = "8:00-9:00", tue = "8:00-9:00" }', "organisation.working_hours.tue"),
        (LEAST + 'working_hours = "never"', "organisation.working_hours"),
        (LEAST + 'id = "Acme!"', "organisation.id"),
        (f'socket = "/{"x" * 120}"\n{LEAST}', "socket"),
    ],
)
def test_one_fault(text: str, field: str) -> None:
    assert faults(text).keys() == {field}


def test_the_environment_replaces_fields_and_is_named_in_faults() -> None:
    environment = {
        "BACKSOON_ORGANISATION__ZONE": "Europe/Oslo",
        "BACKSOON_ORGANISATION__COUNT_TENTATIVE": "true",
        "BACKSOON_ORGANISATION__WARN_BEFORE_MINUTES": "20",
        "BACKSOON_CALENDARS__SECRET_FEED__URL": "https://example.com/x.ics",
        "BACKSOON_LOG_LEVEL": "warning",
        "BACKSOON_CONFIG": "/elsewhere",
        "BACKSOON_DATA": "/of the tests",
    }
    config = read(LEAST + '[calendars.secret-feed]\nkind = "ics"\n', environment)
    (one,) = config.organisations
    assert one.organisation.zone == "Europe/Oslo"
    assert one.organisation.rules.count_tentative
    assert one.organisation.rules.warn_before == timedelta(minutes=20)
    assert one.connections[0].settings["url"] == "https://example.com/x.ics"
    assert config.log_level == "warning"
    with pytest.raises(ConfigError) as caught:
        read(LEAST, {"BACKSOON_ORGANISATION__COUNT_TENTATIVE": "perhaps"})
    assert [p.file for p in caught.value.problems] == ["BACKSOON_ORGANISATION__COUNT_TENTATIVE"]


def test_the_environment_alone_can_be_the_settings() -> None:
    environment = {"BACKSOON_ORGANISATION__NAME": "Acme", "BACKSOON_ORGANISATION__ZONE": "UTC"}
    assert read("", environment).organisations[0].organisation.name == "Acme"


def test_where_data_are_kept() -> None:
    assert read(LEAST, {"STATE_DIRECTORY": "/var/lib/x:/other"}).data == Path("/var/lib/x")
    assert parse(tomllib.loads(LEAST), Path("/etc/backsoon/backsoon.toml")).data == Path("/var/lib/backsoon")
    assert read(f'data_folder = "d"\nsocket = "s"\nstore = "sqlite:/x/y.db"\n{LEAST}').socket == PATH.parent / "s"


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given, named = tmp_path / "given.toml", tmp_path / "named.toml"
    assert find(given, {"BACKSOON_CONFIG": str(named)}) == given
    assert find(None, {"BACKSOON_CONFIG": str(named)}) == named
    (tmp_path / "backsoon.toml").write_text(LEAST)
    assert find(None, {}) == Path("backsoon.toml")
    assert load(None, {}).path == tmp_path / "backsoon.toml"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no such settings file"),
        (b"[organisation", "not TOML"),
        (b"\xff", "not UTF-8"),
        (b"a = 1\na = 2", "not TOML"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes | None, what: str) -> None:
    path = tmp_path / "backsoon.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=what) as caught:
        load(path, {})
    assert [p.file for p in caught.value.problems] == [str(path)]


CALENDAR = '[calendars.main]\nkind = "caldav"\nurl = "https://dav.example.com/{email}/"\n'


@pytest.mark.parametrize(
    ("said", "poll", "minutes"),
    [
        ("", "", 30),
        ("", "poll_max_minutes = 60", 120),
        ("", "poll_max_minutes = 10", 30),
        ("confirmed_within_minutes = 16", "", 16),
        ("confirmed_within_minutes = 2000", "poll_max_minutes = 1440", 2000),
    ],
)
def test_how_old_a_reading_may_be(said: str, poll: str, minutes: int) -> None:
    text = f'[organisation]\nname = "Acme"\nzone = "UTC"\n{said}\n{CALENDAR}{poll}\n'
    (one,) = parse(tomllib.loads(text), Path("/etc/backsoon.toml")).organisations
    assert one.organisation.rules.confirmed_within == timedelta(minutes=minutes)


@pytest.mark.parametrize("minutes", [0, 15, 10081])
def test_a_limit_that_every_calendar_would_pass_is_a_fault(minutes: int) -> None:
    text = f'[organisation]\nname = "Acme"\nzone = "UTC"\nconfirmed_within_minutes = {minutes}\n{CALENDAR}'
    with pytest.raises(ConfigError) as raised:
        parse(tomllib.loads(text), Path("/etc/backsoon.toml"))
    (problem,) = raised.value.problems
    assert problem.field == "organisation.confirmed_within_minutes"
    if minutes == 15:
        assert problem.what.startswith("is not longer than poll_max_minutes of calendars.main (15)")
        assert problem.remedy == "write 30, or read that calendar more often"

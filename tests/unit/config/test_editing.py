"""Changing a settings file: what was meant is there, all else is as it was, comments and order too."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.commands.template import Answers, settings_text
from backsoon.config.dotted import leaves, name_of, path_of
from backsoon.config.editing import CannotEdit, Change, NoValue, checked, edited, put

TEMPLATE = settings_text(
    Answers(
        "Acme",
        "Europe/Oslo",
        calendar={"kind": "caldav", "url": "https://dav.example/{email}/"},
        switchboard={"kind": "asterisk", "username": "backsoon", "secret": "file:asterisk.secret"},
    )
)
ODD = """\
top = 1 # at the top
# one
[organisation]
name = "A" # the name
labels = { en = "x", sv = "y" } # inline
days = [ # several
  "mon", # first
  "tue",
]
deep.er = 3
[calendars.main]
kind = "ics"

# two
[organisation.keywords]
d = "dentist"
"å" = "meeting"
[organisation.reasons.dentist.labels]
en = "Dent"
# the end
"""
KEYS = st.sampled_from(
    ["name", "zone", "d", "å", "en", "labels", "reasons", "dentist", "main", "b", "days", "deep", "er"]
)
PATHS = st.builds(
    lambda first, rest: (first, *rest),
    st.sampled_from(["organisation", "calendars", "switchboards"]),
    st.lists(KEYS, min_size=1, max_size=3),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SINGLE = TEXTS | st.integers(-(2**40), 2**40) | st.booleans()
VALUES = SINGLE | st.lists(SINGLE, max_size=3) | st.dictionaries(KEYS, SINGLE, max_size=3) | st.none()
CHANGES = st.lists(st.builds(Change, PATHS, VALUES), min_size=1, max_size=4)


def said(value: Any) -> Any:
    """The values without tables that are empty."""
    if isinstance(value, dict):
        return {key: said(one) for key, one in value.items() if said(one) != {}}
    return value


def comments(text: str) -> list[str]:
    """Lines that are a comment alone."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@given(st.sampled_from([TEMPLATE, ODD, ""]), CHANGES)
def test_what_is_changed_is_what_is_read_again_and_nothing_else(text: str, changes: list[Change]) -> None:
    wanted = tomllib.loads(text)
    for change in changes:
        put(wanted, change)
    try:
        made = edited(text, changes)
    except CannotEdit:
        return  # said, and nothing is written
    assert said(tomllib.loads(made)) == said(wanted)


@given(st.sampled_from([TEMPLATE, ODD]), PATHS, SINGLE)
def test_a_field_that_is_set_loses_no_comment(text: str, path: tuple[str, ...], value: Any) -> None:
    try:
        made = edited(text, [Change(path, value)])
    except CannotEdit:
        return
    lost = [line for line in comments(text) if line not in comments(made)]
    tables = {leaf[:-1][:depth] for leaf, _ in leaves(tomllib.loads(text)) for depth in range(9)}
    assert not lost or path in tables  # a table that a text stands for now took its own comments with it


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("organisation", "warn_before_minutes"), 30),
        (("organisation", "mode"), "all-busy"),
        (("organisation", "country"), "SE"),
        (("organisation", "working_hours"), {"mon-thu": ["08:00-12:00", "13:00-17:00"]}),
        (("organisation", "keywords", "d"), "dentist"),
        (("organisation", "keywords", "å"), "meeting"),
        (("organisation", "reasons", "dentist", "labels"), {"en": "At the dentist", "sv": "Hos tandläkaren"}),
        (("organisation", "phone", "prefix"), "*24*"),
        (("api", "public"), "https://backsoon.example"),
        (("calendars", "other", "kind"), "ics"),
        (("calendars", "main", "url"), None),
        (("switchboards", "main"), None),
        (("switchboards", "main", "host"), 'quote " back\\slash \x7f \u202e'),
        (("log_level",), "debug"),
    ],
)
def test_what_a_page_changes_in_a_file_of_init_always_can_be(path: tuple[str, ...], value: Any) -> None:
    made = edited(TEMPLATE, [Change(path, value)])
    wanted = tomllib.loads(TEMPLATE)
    put(wanted, Change(path, value))
    assert said(tomllib.loads(made)) == said(wanted)
    kept = [line for line in comments(TEMPLATE) if line in comments(made)]
    assert kept == comments(TEMPLATE)


def test_a_field_is_written_where_its_comment_stands() -> None:
    made = edited(TEMPLATE, [Change(("organisation", "warn_before_minutes"), 30)]).splitlines()
    place = made.index("warn_before_minutes = 30")
    assert made[place - 1].startswith("# warn_before_minutes = 60")


def test_the_comment_behind_a_value_stays_behind_the_new_one() -> None:
    assert 'name = "B" # the name' in edited(ODD, [Change(("organisation", "name"), "B")])


def test_what_changes_nothing_leaves_every_byte() -> None:
    same = [Change(("organisation", "name"), "A"), Change(("calendars", "none"), None), Change(("top",), 1)]
    assert edited(ODD, same) == ODD


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**60,
        "\ud800",
        "x" * 20_001,
        [None],
        {"a": None},
        {"": 1},
        {'"': 1},
        [[[[[1]]]]],
        1j,
    ],
)
def test_what_cannot_stand_in_a_file_is_refused(value: Any) -> None:
    with pytest.raises(NoValue) as error:
        checked(value)
    assert "x" * 20 not in str(error.value)


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5))
def test_a_name_is_read_as_it_is_written(keys: list[str]) -> None:
    assert path_of(name_of(tuple(keys))) in (tuple(keys), None)


@pytest.mark.parametrize(
    "name", ["", ".", "a.", ".a", "a..b", 'a."', 'a."b', 'a."b"c', "a b", "a\n", '"\\"', "å", "a" * 401]
)
def test_a_name_that_is_none(name: str) -> None:
    assert path_of(name) is None

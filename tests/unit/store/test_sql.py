"""The statements: all are there, all are used, none walks through a table where an index serves."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from backsoon.domain.model import PassedOver
from backsoon.store.sql import apply_marks, load_migrations, load_queries
from backsoon.store.sqlite.database import MARKS, QUERIES

LISTINGS = {
    "organisations", "connections", "switchboards", "find_people", "count_people",
    "read_all_soon", "read_all_soon_whole", "tokens", "forget_tokens", "forget_pending",
}  # fmt: skip
"""Those that are meant to walk through a whole table."""


@pytest.fixture(scope="module")
def schema() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for migration in load_migrations(MARKS):
        connection.executescript(migration.script)
    yield connection
    connection.close()


def test_every_query_is_used_and_every_name_known() -> None:
    code = "".join(path.read_text() for path in Path(str(files("backsoon.store.sqlite"))).glob("*.py"))
    named = set(re.findall(r'"(\w+)"', code)) | {"read_soon_whole", "read_all_soon_whole", "read_soon", "read_all_soon"}
    assert set(QUERIES) <= named
    asked = set(re.findall(r'database\.(?:all|one|run|many|bulk)\(\s*"(\w+)"', code))
    assert asked <= set(QUERIES)
    assert len(asked) > 30


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_no_table_is_walked_through(schema: sqlite3.Connection, name: str) -> None:
    count = max((int(each) for each in re.findall(r"\?(\d+)", QUERIES[name])), default=0)
    plan = [row[3] for row in schema.execute(f"explain query plan {QUERIES[name]}", ["[]"] * count)]
    tables = {row[0] for row in schema.execute("select name from sqlite_master where type = 'table'")}
    aliases = {"c", "r", "p", "old", "later"} if name != "due" else set()
    walked = [step for step in plan if (match := re.match(r"SCAN (\w+)", step)) and match[1] in tables | aliases]
    assert bool(walked) == (name in LISTINGS), plan


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_rows_given_as_one_value_are_gone_through_once(schema: sqlite3.Connection, name: str) -> None:
    count = max((int(each) for each in re.findall(r"\?(\d+)", QUERIES[name])), default=0)
    levels: dict[int, list[str]] = {}
    for _, parent, _, step in schema.execute(f"explain query plan {QUERIES[name]}", ["[]"] * count):
        levels.setdefault(parent, []).append(step)
    for steps in levels.values():
        loops = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
        assert not any("VIRTUAL TABLE" in step for step in loops[1:]), "not once for each row of a table"


def test_what_is_kept_for_explaining_has_no_place_for_text(schema: sqlite3.Connection) -> None:
    def columns(table: str) -> set[str]:
        return {row[1] for row in schema.execute(f"pragma table_info({table})")}

    entry = {"calendar_id", "uid", "recurrence_id", "resource", "start_at", "end_at"}
    assert columns("passed_over") == entry | {"because", "keyword", "known_from", "known_to"}
    assert columns("referral_past") == columns("referral") - {"note"} | {"id", "person_id", "known_to", "over_at"}
    assert {each.name for each in fields(PassedOver)} == {"key", "span", "because", "keyword", "resource"}


def test_parameters_are_counted_from_one() -> None:
    for name, sql in QUERIES.items():
        numbers = {int(each) for each in re.findall(r"\?(\d+)", sql)}
        assert numbers == set(range(1, len(numbers) + 1)), name
        assert not re.search(r"\$\d", sql), name


def test_marks_are_the_databases_own() -> None:
    other = {"ids": "(select unnest($n::bigint[]))", "texts": "x", "rows": "json_array_elements($n::json)"}
    assert "id in (select unnest($1::bigint[]))" in load_queries(other)["people"]
    assert apply_marks("a {identity} '{}' {unknown $3} {ids $2}", MARKS) == (
        "a integer primary key autoincrement '{}' {unknown $3} (select value from json_each($2))"
    )


def test_migrations_are_numbered_without_a_gap() -> None:
    migrations = load_migrations(MARKS)
    assert [each.number for each in migrations] == list(range(1, len(migrations) + 1))
    assert not any(re.search(r"\{\w+\}", each.script) for each in migrations)

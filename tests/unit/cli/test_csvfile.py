"""CSV files of people."""

from pathlib import Path

import pytest

from backsoon.commands.csvfile import read_sheet
from backsoon.config import ConfigError


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_by_heading(tmp_path: Path, separator: str) -> None:
    lines = ["Extension,Name,email", "101, Anna ,anna@example.com", "", ",,", "102,Bo"]
    sheet = read_sheet(write(tmp_path, "\r\n".join(lines).replace(",", separator)))
    assert [(r.number, dict(r.values)) for r in sheet.rows] == [
        (2, {"extension": "101", "name": "Anna", "email": "anna@example.com"}),
        (5, {"extension": "102", "name": "Bo"}),
    ]
    assert not sheet.rejected


def test_numbers_are_those_of_lines_where_a_cell_has_several(tmp_path: Path) -> None:
    sheet = read_sheet(write(tmp_path, 'extension,title\n101,"a\nb\nc"\n102,x\n'))
    assert [r.number for r in sheet.rows] == [2, 5]


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path) -> None:
    assert read_sheet(write(tmp_path, "extension,name\n1,Åsa\n".encode("utf-8-sig"))).rows[0].values["name"] == "Åsa"


def test_cells_past_the_headings_reject_their_row_alone(tmp_path: Path) -> None:
    sheet = read_sheet(write(tmp_path, "extension,name\n101,Anna,x\n102,Bo,,\n"))
    assert [r.extension for r in sheet.rows] == ["102"]
    assert [(r.number, r.extension) for r in sheet.rejected] == [(2, "101")]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("", "no heading 'extension'"),
        ("name\nAnna\n", "no heading 'extension'"),
        ("extension,phone\n1,2\n", "'phone' is no field"),
        ("extension,name,Name\n1,2,3\n", "stands twice"),
        ('extension,name\n101,"Anna\n102,Bo\n', "not CSV"),
        ("extension,name\n101,Åsa\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: str | bytes, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        read_sheet(write(tmp_path, data))
    assert all(p.remedy for p in caught.value.problems)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_sheet(tmp_path / "none.csv")

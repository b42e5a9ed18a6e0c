"""People from a CSV file: one row a person, a line of headings first."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backsoon.config import ConfigError, Problem
from backsoon.engine.roster import FIELDS, RejectedRow, Row

LARGEST = 64 * 1024 * 1024


@dataclass(slots=True)
class Sheet:
    """What a file holds: rows, and those that are no rows."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)


def read_sheet(path: Path) -> Sheet:
    """The rows of a file (`-`: of stdin), separated by comma, semicolon or tab. Raises `ConfigError`.

    `number` is the line on which a row begins. A row without any text is passed over.
    """
    text = _text(path)
    headline = text.partition("\n")[0]
    separator = max(",;\t", key=headline.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return _sheet(_numbered(reader), path)
    except csv.Error as error:
        raise _fault(path, f"line {reader.line_num} is not CSV ({error})", "close the quotes on that line") from None


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1  # type: ignore[attr-defined] # csv.reader has it


def _sheet(lines: Iterator[tuple[int, list[str]]], path: Path) -> Sheet:
    _, first = next(lines, (1, []))
    head = [cell.strip().lower() for cell in first]
    _check_head(head, path)
    sheet = Sheet()
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        row = Row(number, {name: cell.strip() for name, cell in zip(head, cells, strict=False)})
        if any(cell.strip() for cell in cells[len(head) :]):
            sheet.rejected.append(RejectedRow(number, row.extension, "has more cells than there are headings"))
        else:
            sheet.rows.append(row)
    return sheet


def _check_head(head: list[str], path: Path) -> None:
    unknown = [name for name in head if name not in FIELDS]
    remedy = f"the first line names the fields: {','.join(FIELDS)}"
    if "extension" not in head:
        raise _fault(path, "the first line has no heading 'extension'", remedy)
    if unknown:
        raise _fault(path, f"{unknown[0]!r} is no field", remedy)
    if len(set(head)) < len(head):
        raise _fault(path, "a heading stands twice in the first line", remedy)


def _text(path: Path) -> str:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise _fault(path, f"the file is larger than {LARGEST} bytes", "split it")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _fault(path, error.strerror or "it cannot be read", "name a CSV file") from None
    except UnicodeDecodeError:
        raise _fault(path, "it is not UTF-8", "save it as 'CSV UTF-8'") from None


def _fault(path: Path, what: str, remedy: str) -> ConfigError:
    return ConfigError([Problem(str(path), "", what, remedy)])

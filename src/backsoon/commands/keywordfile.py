"""A keyword table of its own, for previews: TOML or JSON, plain or under `keywords`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from backsoon.config.faults import Faults
from backsoon.domain.errors import BadKeyword
from backsoon.domain.keyword import checked
from backsoon.domain.naming import CODE


def read_keyword_file(path: Path) -> dict[str, str]:
    """Reason codes by normalised keyword. Raises `ConfigError` with every fault."""
    faults = Faults(str(path))
    table = _table(path, faults)
    keywords: dict[str, str] = {}
    seen: set[str] = set()
    for key, code in table.items():
        try:
            word = checked(key)
        except BadKeyword as error:
            because, _, remedy = error.because.partition("; ")
            faults.add(key, because, remedy or "choose another keyword")
            continue
        if word in seen:
            faults.add(key, "is given twice", "keep one of them")
        seen.add(word)
        if not isinstance(code, str) or not CODE.fullmatch(code):
            faults.add(key, "names no reason", 'write a reason code, as in m = "meeting"')
        else:
            keywords[word] = code
    faults.complain()
    return keywords


def _table(path: Path, faults: Faults) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        values = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except OSError as error:
        faults.add("", error.strerror or "it cannot be read", "name a file of keywords")
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not TOML
        faults.add("", f"it is neither TOML nor JSON ({error})", 'write m = "meeting", one keyword a line')
    else:
        inner = values.get("keywords", values)
        if isinstance(inner, dict):
            return inner
        faults.add("keywords", "must be a table", "write [keywords] and the keywords below")
    faults.complain()
    return {}

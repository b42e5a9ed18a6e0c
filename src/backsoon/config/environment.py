"""Settings from the environment: `BACKSOON_ORGANISATION__ZONE=Europe/Oslo` replaces `zone` in `[organisation]`.

Two underscores stand for a dot. Variables that begin with no known table or field are not ours (`BACKSOON_CONFIG`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy

from backsoon.config.table import FromEnvironment

PREFIX = "BACKSOON_"


def overridden(
    values: Mapping[str, object], environment: Mapping[str, str], known: Iterable[str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The values with what the environment says in their place, and by dotted field which variable said it."""
    result = deepcopy(dict(values))
    fields = frozenset(known)
    origins: dict[str, str] = {}
    for variable in sorted(environment):
        keys = [key.lower() for key in variable.removeprefix(PREFIX).split("__")]
        if variable.startswith(PREFIX) and keys[0] in fields and all(keys):
            origins[_put(result, keys, FromEnvironment(environment[variable]))] = variable
    return result, origins


def _put(table: dict[str, object], keys: list[str], value: FromEnvironment) -> str:
    path = []
    for key in keys[:-1]:
        name = _spelt(table, key)
        inner = table.get(name)
        if not isinstance(inner, dict):
            inner = table[name] = {}
        table = inner
        path.append(name)
    last = _spelt(table, keys[-1])
    table[last] = value
    return ".".join([*path, last])


def _spelt(table: Mapping[str, object], key: str) -> str:
    """The key as the file spells it: variables have one case only, and no hyphens."""
    return next((k for k in table if k.lower().replace("-", "_") == key), key)

"""What names, codes and places are made of, wherever they are written down."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""Ids of organisations, names of connections and switchboards."""
CODE = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
"""Codes of reasons."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""Language tags (BCP 47), as far as they are used here."""
COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,4})?")
"""ISO 3166-1 alpha-2; a subdivision (ISO 3166-2) may follow."""

NAME_REMEDY = "use small letters, digits, - and _, at most 32"
ZONE_REMEDY = "write an IANA name such as 'Europe/Stockholm'"
LANGUAGE_REMEDY = "write a language tag such as 'sv' or 'en-GB'"
COUNTRY_REMEDY = "write an ISO 3166-1 code such as 'SE', with a subdivision where holidays differ: 'DE-BY'"


@lru_cache(maxsize=256)
def known_zone(name: str) -> bool:
    """Whether there are rules for the zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; not a name; a folder of names
        return False
    return True

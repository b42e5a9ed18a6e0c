"""Entries of a directory as people: who is left out, and who of these is there all the same."""

from __future__ import annotations

from dataclasses import replace

from backsoon.directories.ldap import ATTRIBUTES, LdapSettings, listing
from backsoon.wire.ldap import LdapAddress, LdapEntry, LdapFound

SETTINGS = LdapSettings(LdapAddress("127.0.0.1", 389), "dc=example", "(telephoneNumber=*)")


def entry(uid: str, *numbers: str) -> LdapEntry:
    """Somebody with an e-mail address and these numbers."""
    values: dict[str, tuple[bytes, ...]] = {"cn": (uid.encode(),), "mail": (f"{uid}@example.com".encode(),)}
    if numbers:
        values["telephonenumber"] = tuple(number.encode() for number in numbers)
    return LdapEntry(f"uid={uid}", values)


def test_whoever_has_a_number_that_cannot_be_taken_is_there_all_the_same() -> None:
    entries = [entry("anna", "1001"), entry("bo", "1002", "1003"), entry("cia", "+46 (8) 123-45 67"), entry("dan")]
    found = listing(LdapFound(entries), SETTINGS)
    assert [one.label for one in found.people] == ["uid=anna"]
    assert {one.label: one.email for one in found.left_out} == {
        "uid=bo": "bo@example.com",
        "uid=cia": "cia@example.com",
        "uid=dan": "",
    }


def test_of_competences_all_count() -> None:
    knowing = LdapEntry("uid=anna", {**entry("anna", "1001").attributes, "info": (b"VAT", b" Annual  accounts")})
    settings = replace(SETTINGS, attributes={**ATTRIBUTES, "competences": ("extensionAttribute1", "info")})
    (anna,) = listing(LdapFound([knowing]), settings).people
    assert anna.values["competences"] == "Annual accounts | VAT"
    (anna,) = listing(LdapFound([entry("anna", "1001")]), settings).people
    assert "competences" not in anna.values, "what an entry does not have is not told"

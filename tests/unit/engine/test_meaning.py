"""Who is meant where several may be: the error says what to add."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.organisation import Person
from backsoon.engine.service import SeveralPeople
from tests.unit.engine.world import acme, world


async def test_two_of_one_name_are_told_by_their_extensions(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.person("1001", "Anna Berg")
        await w.person("1002", "Anna Ek")
        with pytest.raises(SeveralPeople) as caught:
            await w.service.find("anna")
    assert str(caught.value) == (
        "'anna' may be Anna Berg (1001), Anna Ek (1002): give the extension or the e-mail address"
    )


async def test_an_extension_of_two_organisations_asks_for_the_organisation(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.person("1001", "Anna Berg")
        await w.store.save_organisation(replace(acme(), id="beta", name="Beta"))
        await w.directory.refresh()
        await w.store.save_people([Person("beta", "1001", "Ann Beta")])
        with pytest.raises(SeveralPeople) as caught:
            await w.service.find("1001")
        assert (await w.service.find("1001", "beta")).name == "Ann Beta"
    assert "Anna Berg (1001 of acme)" in str(caught.value)
    assert "--organisation" in str(caught.value)
    assert "give the extension" not in str(caught.value)

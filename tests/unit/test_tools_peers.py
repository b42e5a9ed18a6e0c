"""A peer is set up once, again when its recipe changes, and its absence has a reason."""

from pathlib import Path

import pytest

from tools.peers import Absent, PeerError, Recipe, Say, ensure_peer, peers_home
from tools.peers.registry import RECIPES, recipe_of


class Kitchen:
    """A recipe that counts how often it was cooked."""

    def __init__(self) -> None:
        self.cooked = 0
        self.refusal: str | None = None

    def recipe(self, version: str = "1") -> Recipe:
        return Recipe("soup", version, "a soup", self._install, self._probe)

    def _install(self, folder: Path, say: Say) -> None:
        assert list(folder.iterdir()) == []
        say("cooking")
        if self.refusal:
            raise PeerError(self.refusal)
        self.cooked += 1
        (folder / "bowl").touch()

    def _probe(self, folder: Path) -> str | None:
        return None if (folder / "bowl").exists() else "no bowl"


@pytest.fixture
def said() -> list[str]:
    return []


def test_it_is_set_up_once(tmp_path: Path, said: list[str]) -> None:
    kitchen = Kitchen()
    for _ in range(2):
        assert ensure_peer(kitchen.recipe(), tmp_path, said.append) == tmp_path / "soup"
    assert kitchen.cooked == 1
    assert said == ["cooking"]


def test_a_new_recipe_sets_it_up_again(tmp_path: Path, said: list[str]) -> None:
    kitchen = Kitchen()
    ensure_peer(kitchen.recipe("1"), tmp_path, said.append)
    (tmp_path / "soup" / "left over").touch()
    ensure_peer(kitchen.recipe("2"), tmp_path, said.append)
    assert kitchen.cooked == 2
    assert not (tmp_path / "soup" / "left over").exists()


def test_a_broken_one_is_set_up_again(tmp_path: Path, said: list[str]) -> None:
    kitchen = Kitchen()
    ensure_peer(kitchen.recipe(), tmp_path, said.append)
    (tmp_path / "soup" / "bowl").unlink()
    assert ensure_peer(kitchen.recipe(), tmp_path, said.append) == tmp_path / "soup"
    assert kitchen.cooked == 2


def test_what_cannot_be_set_up_says_why_and_is_tried_again(tmp_path: Path, said: list[str]) -> None:
    kitchen = Kitchen()
    kitchen.refusal = "needs root"
    assert ensure_peer(kitchen.recipe(), tmp_path, said.append) == Absent("needs root")
    kitchen.refusal = None
    assert ensure_peer(kitchen.recipe(), tmp_path, said.append) == tmp_path / "soup"
    assert not (tmp_path / "soup.failed").exists()


def test_the_home_is_chosen_by_the_user_or_their_cache_folder() -> None:
    chosen = {"BACKSOON_PEERS": "/srv/peers", "XDG_CACHE_HOME": "/srv/cache"}
    assert peers_home(chosen) == Path("/srv/peers")
    assert peers_home({"XDG_CACHE_HOME": "/srv/cache"}) == Path("/srv/cache/backsoon/peers")
    assert peers_home({}) == Path.home() / ".cache/backsoon/peers"


def test_an_unknown_peer_is_answered_with_those_there_are() -> None:
    with pytest.raises(PeerError, match=r"caldav, ldap, schemathesis, .*asterisk"):
        recipe_of("fax")
    assert {recipe.name for recipe in RECIPES} >= {"caldav", "ldap", "schemathesis", "exchangelib", "node", "asterisk"}

"""What `make check` refuses to see in a tracked file, and what it lets pass."""

from pathlib import Path

import pytest

from tools.hygiene import BESIDE, faults, forbidden, hosts_in, machine_paths

PATTERN = forbidden({"registry.example", "/home/anna/", BESIDE})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "--index-url https://registry.example/simple", "a.txt:1: names registry.example"),
        ("a.md", "line\nsee /home/anna/x", "a.md:2: names /home/anna/"),
        ("a.py", f"open('{BESIDE}/x')", "a.py:1: names"),
        ("sub/uv.lock", "", "sub/uv.lock: a lock file"),
        ("web/package-lock.json", '{"resolved": "x"}', "web/package-lock.json: has `resolved`"),
    ],
)
def test_what_belongs_to_one_machine_is_named_with_its_place(name: str, text: str, said: str) -> None:
    (fault,) = faults(name, text, PATTERN)
    assert fault.startswith(said)


@pytest.mark.parametrize("text", ["https://other.example/", "my-registry.example", "/var/home/anna/x", "shared/"])
def test_other_hosts_and_paths_pass(text: str) -> None:
    assert list(faults("a.txt", text, PATTERN)) == []


def test_hosts_are_read_from_urls_and_bare_lines() -> None:
    text = "global.index-url='https://u:p@mirror.example:8443/simple'\nfiles.example\nfile:///opt/x\nlocalhost\n"
    assert hosts_in(text) == {"mirror.example", "files.example"}


def test_folders_that_every_machine_has_are_no_machine_paths() -> None:
    assert machine_paths(Path("/srv/backsoon"), Path("/home/anna")) == {"/srv/backsoon/", "/home/anna/"}

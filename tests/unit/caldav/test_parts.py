"""Paths and tokens of the CalDAV source."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from backsoon.sources.base import SourceBroken, Window
from backsoon.sources.caldav.bodies import multiget, sync_collection
from backsoon.sources.caldav.hrefs import MAX_LENGTH, as_collection, is_beneath, normal_path, read_href
from backsoon.sources.caldav.token import VERSION, State, Token, digest, load_token, short
from backsoon.testing.events import WINDOW
from backsoon.wire.xml import parse_xml

BASE = URL("https://calendar.example:8443/dav/anna/work/", encoded=True)
TOKEN = Token(
    VERSION,
    "0123456789ab",
    WINDOW.start,
    WINDOW.end,
    ("/dav/",),
    ("/dav/a/",),
    {"/dav/a/": State(sync="t", again=("/dav/a/x.ics",)), "/dav/b/": State(ctag="c", etags={"x.ics": "1"})},
)


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/dav/x.ics", "/dav/x.ics"),
        (" /dav/x.ics\n", "/dav/x.ics"),
        ("/dav/a%40b/%7euser/x%2Dy.ics", "/dav/a@b/~user/x-y.ics"),
        ("/dav/a b/é.ics", "/dav/a%20b/%C3%A9.ics"),
        ("/dav/a%2fb", "/dav/a%2Fb"),
        ("/dav/100%25", "/dav/100%25"),
        ("/dav/100%", "/dav/100%25"),
        ("https://calendar.example:8443/dav/x", "/dav/x"),
        ("http://CALENDAR.example/dav/x", "/dav/x"),
        ("https://calendar.example", "/"),
        ("x.ics", "/dav/anna/work/x.ics"),
    ],
)
def test_a_path_has_one_spelling(href: str, path: str) -> None:
    assert read_href(href, BASE) == path
    assert read_href(path, BASE) == path


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/dav/x",
        "//evil.example/dav/x",
        "https://calendar.example.evil/x",
        "/dav/../x",
        "/dav/%2e%2e/x",
        "./x",
        "/dav/x?query=1",
        "/dav/x#part",
        "http://[/x",
        "/" + "x" * MAX_LENGTH,
    ],
)
def test_what_names_nothing_here_is_refused(href: str) -> None:
    with pytest.raises(SourceBroken):
        read_href(href, BASE)


@given(st.text(max_size=60))
def test_normal_paths_stay_as_they_are(text: str) -> None:
    try:
        path = normal_path("/" + text)
    except ValueError:
        return
    assert normal_path(path) == path
    assert path.isascii()
    assert path.isprintable()
    assert " " not in path


def test_inside_and_outside() -> None:
    assert is_beneath("/a/b/x", "/a/b/")
    assert not is_beneath("/a/b/", "/a/b/")
    assert not is_beneath("/a/bc/x", "/a/b/")
    assert as_collection("/a") == as_collection("/a/") == "/a/"


class TestToken:
    def test_goes_out_and_comes_back(self) -> None:
        assert load_token(TOKEN.dump(), TOKEN.settings, WINDOW) == TOKEN

    def test_serves_while_the_window_has_moved_less_than_a_day(self) -> None:
        text = TOKEN.dump()
        for hours, serves in ((0, True), (23, True), (-23, True), (24, False), (-24, False)):
            shift = timedelta(hours=hours)
            for window in (Window(WINDOW.start + shift, WINDOW.end), Window(WINDOW.start, WINDOW.end + shift)):
                assert (load_token(text, TOKEN.settings, window) is not None) is serves

    def test_serves_no_other_settings_and_no_other_version(self) -> None:
        assert load_token(TOKEN.dump(), "ba9876543210", WINDOW) is None
        assert load_token(msgspec.structs.replace(TOKEN, version=VERSION + 1).dump(), TOKEN.settings, WINDOW) is None

    def test_with_naive_times_is_none(self) -> None:
        text = TOKEN.dump().replace(f"{WINDOW.start:%Y-%m-%dT%H:%M:%S}Z", f"{WINDOW.start:%Y-%m-%dT%H:%M:%S}")
        assert load_token(text, TOKEN.settings, WINDOW) is None

    @given(st.text(max_size=80))
    def test_any_other_text_is_none(self, text: str) -> None:
        assert load_token(text, TOKEN.settings, WINDOW) is None


def test_versions_differ_where_etags_do() -> None:
    assert short('"1"') != short('W/"1"')
    assert short("\udcff") != short("")
    one, other = {"a": "1", "b": "2"}, {"a": "2", "b": "1"}
    assert digest(one) == digest(dict(reversed(one.items()))) != digest(other)


@given(st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=30))
def test_what_goes_into_a_body_comes_out_of_it(text: str) -> None:
    """A token or a path is never markup."""
    if "\ufffe" in text or "\uffff" in text:
        return  # no characters of XML
    assert parse_xml(sync_collection(text)).findtext("{DAV:}sync-token") == (text or "")
    assert parse_xml(multiget([text])).findtext("{DAV:}href") == text

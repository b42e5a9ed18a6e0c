"""The framing of the manager interface: what goes out is one action, and what comes in is read however it is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.wire.ami import MAX_HEADERS, MAX_LINE, MAX_MESSAGE, AmiGarbled, AmiValueError, Message, Parser, encode

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
BREAKS = ["\r\n", "\n", "\r", "\0", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x1b", "\x7f"]


class TestEncoding:
    def test_an_action(self) -> None:
        frame = encode("DBPut", [("Family", "backsoon"), ("Key", "1001"), ("Val", "å: b")], "7")
        assert frame == "Action: DBPut\r\nActionID: 7\r\nFamily: backsoon\r\nKey: 1001\r\nVal: å: b\r\n\r\n".encode()

    @pytest.mark.parametrize("mark", BREAKS)
    def test_no_line_break_gets_through(self, mark: str) -> None:
        hostile = f"Lunch{mark}Variable: X=1{mark}{mark}Action: Originate"
        for action, headers in (("Setvar", [("Value", hostile)]), ("Setvar", [(hostile, "x")]), (hostile, [])):
            with pytest.raises(AmiValueError):
                encode(action, headers)
        with pytest.raises(AmiValueError):
            encode("Ping", (), hostile)

    @given(st.text(), st.text(), st.text())
    def test_whatever_is_sent_is_one_action_of_as_many_lines(self, action: str, name: str, value: str) -> None:
        try:
            frame = encode(action, [(name, value)])
        except AmiValueError:
            return
        lines = frame.decode().splitlines()
        assert lines == [f"Action: {action}", f"{name}: {value}", ""]
        assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]", frame)

    @given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300))
    def test_ordinary_text_is_never_refused(self, value: str) -> None:
        assert encode("Setvar", [("Value", value)]).endswith(f"Value: {value}\r\n\r\n".encode())

    @pytest.mark.parametrize("name", ["", "a b", "a:", "1a", "é", "a" * 65, "Action\r"])
    def test_names_of_headers(self, name: str) -> None:
        with pytest.raises(AmiValueError):
            encode("Setvar", [(name, "x")])

    def test_a_lone_surrogate_is_refused(self) -> None:
        with pytest.raises(AmiValueError, match="Unicode"):
            encode("Setvar", [("Value", "\ud800")])

    def test_the_longest_line(self) -> None:
        room = MAX_LINE - len("Val: ")
        assert max(map(len, encode("DBPut", [("Val", "x" * room)]).split(b"\r\n"))) == MAX_LINE == 1022
        with pytest.raises(AmiValueError, match="1022 bytes"):
            encode("DBPut", [("Val", "x" * (room + 1))])
        with pytest.raises(AmiValueError, match="1022 bytes"):
            encode("DBPut", [("Val", "é" * (room // 2 + 1))])

    def test_the_most_headers(self) -> None:
        encode("Setvar", [("Variable", "x")] * (MAX_HEADERS - 1))
        with pytest.raises(AmiValueError, match="128 headers"):
            encode("Setvar", [("Variable", "x")] * MAX_HEADERS)

    def test_the_error_keeps_the_value_to_itself(self) -> None:
        with pytest.raises(AmiValueError) as error:
            encode("Setvar", [("Value", "secret\n")])
        assert "secret" not in str(error.value)
        assert error.value.header == "Value"


class TestParsing:
    def test_a_greeting_a_response_and_an_event(self) -> None:
        parser = Parser()
        assert parser.feed(GREETING) == []
        assert parser.banner == "Asterisk Call Manager/11.0.0"
        data = b"Response: Success\r\nActionID: 1\r\n\r\nEvent: FullyBooted\r\nUptime:\r\nMessage: a: b\r\n\r\n"
        response, event = parser.feed(data)
        assert (response["Response"], response["ActionID"], response.event) == ("Success", "1", "")
        assert (event.event, event["Uptime"], event["Message"], event["None"]) == ("FullyBooted", "", "a: b", "")

    @given(st.data())
    def test_it_does_not_matter_how_the_bytes_are_cut(self, data: st.DataObject) -> None:
        whole = GREETING + b"".join(f"Event: E{n}\r\nText: {'å' * n}\r\n\r\n".encode() for n in range(5))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
        parser, messages = Parser(), list[Message]()
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            messages += parser.feed(whole[start:end])
        assert [(m.event, m["Text"]) for m in messages] == [(f"E{n}", "å" * n) for n in range(5)]

    def test_byte_by_byte(self) -> None:
        parser = Parser()
        found = [m for byte in GREETING + b"Event: A\r\n\r\nEvent: B\r\n\r\n" for m in parser.feed(bytes([byte]))]
        assert [m.event for m in found] == ["A", "B"]

    @given(st.binary(max_size=400))
    def test_nonsense_is_refused_or_read_but_nothing_else_happens(self, noise: bytes) -> None:
        parser = Parser()
        parser.feed(GREETING)
        for message in parser.feed(noise + b"\r\n\r\n"):
            assert isinstance(message.fields, dict)

    @pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-x\r\n", b"\0\0\0", b"Asterisk C!"])
    def test_somebody_else_answers(self, greeting: bytes) -> None:
        with pytest.raises(AmiGarbled, match="not Asterisk"):
            Parser().feed(greeting)

    def test_a_greeting_without_end(self) -> None:
        with pytest.raises(AmiGarbled):
            Parser().feed(GREETING.rstrip() + b"x" * 400)

    def test_a_message_without_end(self) -> None:
        parser = Parser()
        parser.feed(GREETING)
        for _ in range(MAX_MESSAGE // 1000):
            parser.feed(b"x" * 1000)
        with pytest.raises(AmiGarbled):
            parser.feed(b"x" * 1000)

    def test_invalid_utf8_is_replaced(self) -> None:
        parser = Parser()
        parser.feed(GREETING)
        (message,) = parser.feed(b"Event: A\r\nText: \xff\xfe\r\n\r\n")
        assert message["Text"] == "\ufffd\ufffd"

    def test_the_first_of_a_repeated_header_counts(self) -> None:
        parser = Parser()
        parser.feed(GREETING)
        (message,) = parser.feed(b"Event: UserEvent\r\nActionID: 1\r\nActionID: 2\r\n\r\n")
        assert message["ActionID"] == "1"

    def test_errors(self) -> None:
        assert Message("Response: Error\r\nMessage: Permission denied").error == "Permission denied"
        assert Message("Response: Error").error == "no reason given"
        assert Message("Response: Success\r\nMessage: x").error is None

    def test_the_id_is_that_of_its_own_line(self) -> None:
        assert Message("Response: Success\r\nActionID: 7\r\nMessage: ActionID: 8").action_id == "7"
        assert Message("Event: X\r\nText: ActionID: 8\r\nXActionID: 9").action_id == ""

    def test_its_repr_has_no_values(self) -> None:
        assert "0701" not in repr(Message("Event: Newchannel\r\nCallerIDNum: 0701"))

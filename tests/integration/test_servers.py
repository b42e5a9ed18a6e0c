"""The CalDAV servers that other tests rely on do what those tests take for granted."""

import pytest

from tests.servers import SERVICE, DavServer

ENTRY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//backsoon//tests//EN
BEGIN:VEVENT
UID:budget
DTSTAMP:20270301T080000Z
DTSTART:20270301T090000Z
DTEND:20270301T100000Z
SUMMARY:m: Budget
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def test_radicale_keeps_people_apart_and_lets_the_service_account_read(radicale: DavServer) -> None:
    calendar = radicale.make_calendar("/anna/apart/", "anna")
    radicale.put(f"{calendar}budget.ics", ENTRY, "anna")
    assert "m: Budget" in radicale.request("GET", f"{calendar}budget.ics", user="anna")[2]
    assert "m: Budget" in radicale.request("GET", f"{calendar}budget.ics", user=SERVICE)[2]
    assert radicale.request("GET", f"{calendar}budget.ics", user="bo")[0] == 403
    assert radicale.request("GET", f"{calendar}budget.ics")[0] == 401
    with pytest.raises(RuntimeError, match="403"):
        radicale.put(f"{calendar}other.ics", ENTRY.replace("UID:budget", "UID:other"), SERVICE)


def test_xandikos_takes_an_entry_and_gives_it_back(xandikos: DavServer) -> None:
    path = "/user/calendars/calendar/back.ics"
    xandikos.put(path, ENTRY)
    assert "m: Budget" in xandikos.request("GET", path)[2]
    xandikos.delete(path)
    assert xandikos.request("GET", path)[0] == 404


def test_a_restarted_radicale_has_what_it_had(own_radicale: DavServer) -> None:
    calendar = own_radicale.make_calendar("/bo/kept/", "bo")
    own_radicale.put(f"{calendar}budget.ics", ENTRY, "bo")
    own_radicale.stop()
    with pytest.raises(ConnectionRefusedError):
        own_radicale.request("GET", "/")
    own_radicale.start()
    assert "m: Budget" in own_radicale.request("GET", f"{calendar}budget.ics", user="bo")[2]

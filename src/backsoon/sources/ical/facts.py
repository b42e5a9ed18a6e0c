"""What an event says beside its time: subject, show-as, response, privacy."""

from __future__ import annotations

from dataclasses import dataclass

from backsoon.domain.model import Response, ShowAs
from backsoon.sources.ical.components import Component
from backsoon.sources.ical.lines import parameters, text, token

MOST_SUBJECT = 2_000
"""The most characters of a subject that are read; the grammar keeps 200 of a note."""

_BUSY_STATUS = {
    "FREE": ShowAs.FREE,
    "TENTATIVE": ShowAs.TENTATIVE,
    "BUSY": ShowAs.BUSY,
    "OOF": ShowAs.OUT_OF_OFFICE,
    "WORKINGELSEWHERE": ShowAs.WORKING_ELSEWHERE,
}
_ANSWERS = {
    "ACCEPTED": Response.ACCEPTED,
    "TENTATIVE": Response.TENTATIVE,
    "DECLINED": Response.DECLINED,
    "DELEGATED": Response.DECLINED,
    "COMPLETED": Response.ACCEPTED,
    "IN-PROCESS": Response.ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """The fields of a `CalendarEntry` that all occurrences of an event share."""

    subject: str
    show_as: ShowAs
    response: Response
    cancelled: bool
    private: bool


def read_facts(component: Component, owner: frozenset[bytes], cancelled: bool) -> Facts:
    """The facts of a VEVENT. `cancelled`: all of its calendar is (METHOD:CANCEL, RFC 5546 section 3.2.5)."""
    status = token(component.value("STATUS"))
    return Facts(
        # A character takes up to four bytes, an escaped one twice as many.
        subject=text(component.value("SUMMARY")[: 8 * MOST_SUBJECT])[:MOST_SUBJECT],
        show_as=_show_as(component, status),
        response=_response(component, owner),
        cancelled=cancelled or status == "CANCELLED",
        private=token(component.value("CLASS")) in ("PRIVATE", "CONFIDENTIAL"),
    )


def _show_as(component: Component, status: str) -> ShowAs:
    """Outlook's field where it is there (MS-OXCICAL 2.1.3.1.1.20.31), never busier than TRANSP says."""
    one = component.one
    stated = None
    for name in ("X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS"):
        if stated is None and name in one:
            stated = _BUSY_STATUS.get(token(component.value(name)))
    if token(component.value("TRANSP")) == "TRANSPARENT":
        return ShowAs.WORKING_ELSEWHERE if stated is ShowAs.WORKING_ELSEWHERE else ShowAs.FREE
    if stated in (None, ShowAs.BUSY) and status == "TENTATIVE":
        return ShowAs.TENTATIVE
    return stated or ShowAs.BUSY


def _response(component: Component, owner: frozenset[bytes]) -> Response:
    """The owner's answer: of the ATTENDEE line that is theirs. Not invited, or nobody was: organizer.

    An organizer who is among the invited has declined only where the line says so.
    """
    line = component.one.get("ATTENDEE")
    if line is None or not owner:
        return Response.ORGANIZER
    head = line[: line.rindex(component.value("ATTENDEE")) - 1]  # the address holds a colon too
    stated = parameters(head).get("PARTSTAT", "NEEDS-ACTION").upper()
    answer = _ANSWERS.get(stated, Response.NEEDS_ACTION)
    if "ORGANIZER" in component.one and answer is not Response.DECLINED:
        return Response.ORGANIZER
    return answer

"""An explanation in words, one line per link of its chain, as much as an audience may know. Pure.

Notes are not in it. A keyword whose reason is kept from the audience is not named either: it would tell the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import Availability, Because, CalendarReferral, PassedOver, Rule, Rules, Span, known_end
from backsoon.domain.organisation import Person
from backsoon.domain.phonecodes import THROUGH
from backsoon.domain.phrase import Audience, language_of, reason_words, seen_by, sentence, told_reason, when_words
from backsoon.domain.why import (
    Ahead,
    Beaten,
    Claim,
    Decided,
    Explanation,
    Ground,
    Hand,
    Later,
    Shows,
    Standing,
    Tense,
    ToldTo,
)
from backsoon.domain.why_catalogue import SENTENCES

LATE = timedelta(seconds=2)
"""What was recorded longer than this after its instant is said to be."""
NAMED_GROUNDS = frozenset({Audience.ATTENDANT, Audience.PERSON, Audience.ADMINISTRATOR})
"""Who is told more than the answer itself."""
_RANKED = frozenset({Ground.PRIORITY, Ground.LATER_START, Ground.ORDER})
"""Grounds that tell something of the two reasons' priorities."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: what it says, as a code, and in words."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells explanations about one person to one audience in one language, times as seen from `now`."""

    person: Person
    audience: Audience
    rules: Rules
    zone: tzinfo
    language: str
    now: datetime

    # -- what may be told ----------------------------------------------------------------------------------------

    @property
    def knows_addresses(self) -> bool:
        """Whether what is wrong with a switchboard is theirs to know: it names where it is in the network."""
        return self.audience is not Audience.PERSON

    def code(self, reason: str) -> str:
        """The reason that they may know."""
        return reason if self.audience is Audience.PERSON else told_reason(reason, self.rules)

    def keyword(self, keyword: str, reason: str = "") -> str:
        """The keyword, "" where it would tell a reason that they may not know. `reason` "": by the table of today."""
        if not reason:
            reason = keyword_table(self.rules.keywords, self.person.keywords).get(keyword, "")
        return keyword if self.audience is Audience.PERSON or (reason and self.code(reason) == reason) else ""

    def ground(self, beaten: Beaten, winner: Claim | Hand | None) -> Ground:
        """The ground that they may know: who knows the priorities would tell by it a reason that is kept from them."""
        if beaten.ground not in _RANKED or not isinstance(winner, Claim):
            return beaten.ground
        reasons = winner.referral.reason, beaten.claim.referral.reason
        return beaten.ground if all(self.code(each) == each for each in reasons) else Ground.RANK

    # -- lines ---------------------------------------------------------------------------------------------------

    def links(self, why: Explanation) -> Iterator[Link]:
        """The chain, from the answer to what switchboards were told of it."""
        yield self._link(
            f"head.{why.tense.value}", when=self._when(why.at), state=self._state(why.availability, why.at)
        )
        if self.audience not in NAMED_GROUNDS:
            return
        if Standing.INACTIVE in why.standing:
            yield self._link("inactive")
        yield from self._disagreement(why)
        yield from self._grounds(why)
        yield from self._calendars(why)
        yield from self._recorded(why)
        for told in why.told:
            yield from self._told(told)

    def _grounds(self, why: Explanation) -> Iterator[Link]:
        calendars = why.connections
        if isinstance(why.winner, Hand):
            yield from self._hand(why.winner)
        elif why.winner is not None:
            yield from self._entry(why.winner, calendars)
        elif Standing.INACTIVE not in why.standing:
            yield self._link("nothing")
        for beaten in why.beaten:
            yield self._beaten(beaten, self.ground(beaten, why.winner), calendars)
        for passed in why.passed:
            yield self._passed(passed, passed.key in why.counts_otherwise, calendars)
        for later in why.later:
            yield self._later(later, calendars)

    def _disagreement(self, why: Explanation) -> Iterator[Link]:
        if why.agrees:
            return
        if why.caught_up_at is not None:
            yield self._link("disagrees.soon", state=self._outcome(why.weighed), when=self._clock(why.caught_up_at))
        elif why.tense is Tense.PAST and isinstance(why.winner, Hand) and why.winner.override.through == THROUGH:
            yield self._link("disagrees.dialled", when=self._when(why.winner.override.start))
        elif why.tense is Tense.PAST:
            yield self._link("disagrees.past", state=self._outcome(why.weighed))
        elif why.decided is not None:
            yield self._link("disagrees.present", state=self._outcome(why.decided.availability))

    def _hand(self, hand: Hand) -> Iterator[Link]:
        override = hand.override
        said = {
            "by": self._part("by", by=override.by),
            "through": self._part("through", through=override.through),
            "when": self._when(override.start),
            "until": self._until(override.end),
        }
        if override.reason is None:
            yield self._link("hand.available", **said)
        else:
            yield self._link("hand.referred", reason=self._reason(override.reason), **said)
        if hand.replaced_at is not None:
            by = self._part("by", by=hand.replaced_by)
            through = self._part("through", through=hand.replaced_through)
            yield self._link("hand.replaced", when=self._when(hand.replaced_at), by=by, through=through)

    def _entry(self, claim: Claim, calendars: Mapping[int, str]) -> Iterator[Link]:
        referral = claim.referral
        keyword = self.keyword(referral.keyword, referral.reason)
        code = "entry.other" if referral.rule is Rule.KEYWORD and not keyword else f"entry.{referral.rule.value}"
        read = "" if claim.known_from is None else self._part("read", when=self._when(claim.known_from))
        yield self._link(code, keyword=keyword, read=read, **self._what(referral, calendars))
        if claim.known_to is not None:
            yield self._link("entry.gone", when=self._when(claim.known_to))

    def _beaten(self, beaten: Beaten, ground: Ground, calendars: Mapping[int, str]) -> Link:
        over = beaten.over
        other = {} if over is None else {"other": self._calendar(over, calendars), "other_span": self._span(over.span)}
        return self._link(f"beaten.{ground.value}", **self._what(beaten.claim.referral, calendars), **other)

    def _passed(self, passed: PassedOver, counts: bool, calendars: Mapping[int, str]) -> Link:
        word = self.keyword(passed.keyword)
        named = self._part("keyword", keyword=word) or self._sentence("part.some_keyword")
        code = "by_show_as" if counts and passed.because is Because.NOT_FIRST else passed.because.value
        return self._link(
            f"passed.{code}", span=self._span(passed.span), calendar=self._calendar(passed, calendars), keyword=named
        )

    def _later(self, later: Later, calendars: Mapping[int, str]) -> Link:
        what = {} if later.claim is None else self._what(later.claim, calendars)
        when = self._when(later.start)
        end = self._sentence("part.further_notice") if known_end(later.end) is None else self._when(later.end)
        return self._link(f"later.{later.wait.value}", when=when, end=end, **what)

    def _calendars(self, why: Explanation) -> Iterator[Link]:
        if Standing.NO_CALENDARS in why.standing:
            yield self._link("no_calendars")
        if Standing.UNREAD in why.standing:
            yield self._link("unread")
        if Standing.UNCONFIRMED in why.standing and why.age.unconfirmed_since is not None:
            yield self._link("unconfirmed", when=self._when(why.age.unconfirmed_since))
        for problem in why.problems:
            yield self._link("problem", problem=problem)

    def _recorded(self, why: Explanation) -> Iterator[Link]:
        if why.decided is not None:
            yield self._decided(why.decided)
        elif why.tense is Tense.PAST:
            yield self._link("undecided")

    def _decided(self, decided: Decided) -> Link:
        late = decided.recorded_at - decided.at > LATE
        return self._link(
            f"decided.{decided.trigger}",
            when=self._when(decided.at),
            late=self._part("late", when=self._when(decided.recorded_at)) if late else "",
            by=self._part("by", by=decided.by),
            through=self._part("through", through=decided.through),
            connection=decided.through,
        )

    def _told(self, told: ToldTo) -> Iterator[Link]:
        where = {"switchboard": told.switchboard}
        if told.shows is not Shows.AHEAD:
            when = "" if told.at is None else self._clock(told.at)
            yield self._link(f"told.{told.shows.value}", when=when, text=told.text, **where)
        if told.planned is not None:
            reason, span = self._reason(told.planned.reason), self._ahead(told.planned)
            yield self._link("told.planned", reason=reason, span=span, **where)
        if told.problem and self.knows_addresses:
            yield self._link("told.problem", problem=told.problem, **where)
        elif told.problem:
            yield self._link("told.trouble", **where)

    # -- parts of lines --------------------------------------------------------------------------------------------

    def _link(self, code: str, **values: str) -> Link:
        return Link(code, self._sentence(code, name=self.person.name, extension=self.person.extension, **values))

    def _sentence(self, code: str, **values: str) -> str:
        return SENTENCES[language_of(self.language)][code].format(**values)

    def _part(self, code: str, **values: str) -> str:
        """A part of a sentence; "" where there is nothing to fill in."""
        return self._sentence(f"part.{code}", **values) if all(values.values()) else ""

    def _state(self, availability: Availability, at: datetime) -> str:
        view = seen_by(self.audience, availability, self.rules)
        return sentence(view, self.rules, at, self.zone, self.language, self.audience)

    def _outcome(self, availability: Availability) -> str:
        view = seen_by(self.audience, availability, self.rules)
        return reason_words(view.reason, self.rules, self.language, self.audience)

    def _reason(self, code: str) -> str:
        return reason_words(code, self.rules, self.language, self.audience)

    def _when(self, when: datetime) -> str:
        return when_words(when, self.now, self.zone, self.language)

    def _clock(self, when: datetime) -> str:
        return f"{self._when(when)}:{when.astimezone(self.zone):%S}"

    def _until(self, end: datetime | None) -> str:
        return self._sentence("part.until_taken_back") if end is None else self._part("until", when=self._when(end))

    def _what(self, referral: CalendarReferral, calendars: Mapping[int, str]) -> dict[str, str]:
        return {
            "span": self._span(referral.span),
            "calendar": self._calendar(referral, calendars),
            "reason": self._reason(referral.reason),
        }

    def _span(self, span: Span) -> str:
        if known_end(span.end) is None:
            return self._part("from", when=self._when(span.start))
        start, end = span.start.astimezone(self.zone), span.end.astimezone(self.zone)
        if start.date() == end.date():
            return f"{self._when(span.start)}-{end:%H:%M}"
        return f"{self._when(span.start)} - {self._when(span.end)}"

    def _ahead(self, planned: Ahead) -> str:
        if planned.end is None:
            return self._part("from", when=self._when(planned.start))
        return self._span(Span(planned.start, planned.end))

    def _calendar(self, entry: CalendarReferral | PassedOver, calendars: Mapping[int, str]) -> str:
        number = str(entry.key.calendar)
        connection = calendars.get(entry.key.calendar, "")
        return self._part("calendar", number=number, connection=connection) or self._part(
            "calendar_gone", number=number
        )

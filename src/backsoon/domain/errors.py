"""What can go wrong in the domain. Errors carry data; their text is made from it."""

from __future__ import annotations


class BacksoonError(Exception):
    """Backsoon could not do what was asked."""


class DomainError(BacksoonError):
    """A value breaks a rule of the domain."""


class NaiveTime(DomainError):
    """A time without a zone was refused: an instant is needed."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where}: a time without a zone was refused; give an aware datetime in UTC")


class EmptySpan(DomainError):
    """A span must end after it starts."""


class BadKeyword(DomainError):
    """A keyword that no subject could ever carry, or that would be taken for a mail prefix."""

    def __init__(self, keyword: str, because: str) -> None:
        self.keyword = keyword
        self.because = because
        super().__init__(f"keyword {keyword!r}: {because}")


class UnknownReason(DomainError):
    """No reason of this code is known in the organisation."""

    def __init__(self, code: str, known: tuple[str, ...]) -> None:
        self.code = code
        self.known = known
        super().__init__(f"no reason {code!r}; known are {', '.join(sorted(known))}")


class BadOverride(DomainError):
    """A referral by hand that makes no sense, such as one that ends before it starts."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(what)


class BadSetting(DomainError):
    """A setting that a plug-in cannot use. `field` is its name in the table ("": the table as a whole).

    `what` is wrong, as a phrase behind the field's name ("is missing"); it never quotes what may be a secret.
    `remedy` says what to write.
    """

    def __init__(self, field: str, what: str, remedy: str) -> None:
        self.field = field
        self.what = what
        self.remedy = remedy
        super().__init__(f"{field}: {what}; {remedy}" if field else f"{what}; {remedy}")

"""What every route is made with: the verbs of whoever asks, by the right that the route needs; answers; parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from pydantic import BaseModel, BeforeValidator
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from backsoon.api.bodies import MOST, Flag, Instant, count
from backsoon.api.gate import allowed
from backsoon.api.parts import Parts
from backsoon.api.verbs import PAGE, Verbs
from backsoon.domain.access import Right
from backsoon.domain.naming import LANGUAGE

PREFIX = "/api/v1"

Organisation = Annotated[
    str | None, Query(max_length=32, description="The organisation's id. A token has one, and needs none to be named.")
]
After = Annotated[int, Query(ge=0, le=MOST, description="The `next` of the page before."), BeforeValidator(count)]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="The most in one answer."), BeforeValidator(count)]
At = Annotated[Instant | None, Query(description="When; now where nothing is said.")]
DryRun = Annotated[Flag, Query(description="Say what would change, and change nothing.")]
PersonPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="An extension, an e-mail address, (part of) a name, or `id:17`.",
        examples=["101", "anna@example.com", "id:17"],
    ),
]
Language = Annotated[
    str | None,
    Query(
        pattern=f"^{LANGUAGE.pattern}$",
        max_length=35,
        description="The language of words (BCP 47): `sv`, `en`. That of the person where nothing is said.",
    ),
]


class Whole(Convertor[str]):
    """A person as the whole rest of a path: all but what names something below a person."""

    regex = r"(?:(?!/(?:availability|timeline|override(?:/undo)?|why|active|keywords|preview|messages(?:/[^/]*)?)$).)+"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("whole", Whole())


def needs(right: Right) -> Any:  # noqa: ANN401 - what FastAPI takes for a default
    """The verbs of whoever asks, if they have the right; else the request is refused. Refuses parameters unknown."""

    async def verbs(request: Request, language: Language = None) -> Verbs:
        who = allowed(request, right)
        only_known(request)
        parts: Parts = request.app.state.parts
        return Verbs(parts, who, language)

    verbs.right = right  # type: ignore[attr-defined]
    return Depends(verbs)


def right_of(dependency: Dependency | Callable[..., Awaitable[Verbs]]) -> Right | None:
    """The right that a dependency asks for; None: it is of another kind."""
    right = getattr(dependency, "right", None)
    return right if isinstance(right, Right) else None


Looking = Annotated[Verbs, needs(Right.LOOK)]
Following = Annotated[Verbs, needs(Right.FOLLOW)]
Explaining = Annotated[Verbs, needs(Right.EXPLAIN)]
Referring = Annotated[Verbs, needs(Right.REFER)]
Managing = Annotated[Verbs, needs(Right.MANAGE)]
Keywording = Annotated[Verbs, needs(Right.KEYWORDS)]
Leaving = Annotated[Verbs, needs(Right.LEAVE)]
Messaging = Annotated[Verbs, needs(Right.MESSAGES)]
Own = Annotated[Verbs, needs(Right.OWN)]


def only_known(request: Request) -> None:
    """Raises `RequestValidationError` for a query parameter that nobody knows, or that is given twice."""
    known = {name for dependant in _all(request.scope["route"].dependant) for name in dependant}
    given = [name for name, _ in request.query_params.multi_items()]
    wrong = [(name, "nobody knows this parameter") for name in sorted(set(given) - known)]
    wrong += [(name, "it is given more than once") for name in sorted(known) if given.count(name) > 1]
    if wrong:
        raise RequestValidationError([{"loc": ("query", name), "msg": what, "type": "value"} for name, what in wrong])


def _all(dependant: Any) -> list[list[str]]:  # noqa: ANN401 - FastAPI's own class
    own = [field.alias for field in dependant.query_params]
    return [own, *(names for inner in dependant.dependencies for names in _all(inner))]


def answer(value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; nobody between may keep it."""
    more = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(msgspec.json.encode(value), status, more, "application/json")


def gives(model: type[BaseModel], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """How a route's answer is described: it is not validated again as it is sent."""
    return {status: {"model": model, "description": (model.__doc__ or "").strip().splitlines()[0]}}

"""The application: routes below `/api/v1`, and around them whoever finds who asks."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from starlette.types import ASGIApp

from backsoon import __version__
from backsoon.api.consoling import Boards
from backsoon.api.describing import description
from backsoon.api.events import Streams
from backsoon.api.gate import Admission, Gate
from backsoon.api.lookup import Calls
from backsoon.api.metrics import Measures
from backsoon.api.pages import PageFiles
from backsoon.api.parts import Running
from backsoon.api.peopleindex import PeopleIndex
from backsoon.api.previews import Previews
from backsoon.api.problems import install
from backsoon.api.routes import (
    administration,
    console,
    hooks,
    organisation,
    overrides,
    own,
    people,
    session,
    tokens,
    users,
)
from backsoon.api.routes.common import PREFIX
from backsoon.api.routes.signin import Doors
from backsoon.api.sights import Sights
from backsoon.api.slowing import Slowing


def create_app(parts: Running, stop: asyncio.Event, gate: Gate) -> ASGIApp:
    """The application as one kind of asker meets it. Open event streams end when `stop` is set."""
    return Admission(application(parts, stop), gate)


def application(parts: Running, stop: asyncio.Event) -> FastAPI:
    """The application without a door: only for what stands behind an `Admission`, which there may be several of."""
    app = FastAPI(
        title="Backsoon", version=__version__, docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json"
    )
    app.state.parts = parts
    app.state.previews = Previews()
    app.state.slowing = Slowing()
    install(app)
    boards = app.state.boards = Boards(PeopleIndex(parts), Sights(parts.clock))
    streams, calls = Streams(parts, stop, boards.sights), Calls(parts.lookup, parts.directory, parts.meters.lookups)
    app.router.routes[:0] = hooks.Hooks(parts).routes()  # first: they come in storms
    app.router.routes += [streams.route(), calls.route(), *Measures(parts, streams).routes(), *PageFiles().routes()]
    app.router.routes += Doors(parts, app.state.slowing).routes()
    routers = (administration, console, overrides, own, people, organisation, tokens, session, users)
    for router in (*(each.router for each in routers), people.show):
        app.router.routes.extend(router.routes)  # flat: whoever looks through them finds them all
    app.openapi = lambda: description(app)  # type: ignore[method-assign]
    return app

"""Trying a receiver out: each failure is a sentence with a remedy."""

from __future__ import annotations

import pytest

from backsoon.switchboards.finding import Level
from backsoon.switchboards.webhook.check import check
from tests.webhook_receiver import WebhookReceiver, answering, around, json_of, receiving


async def test_a_test_message_says_nothing_of_anybody() -> None:
    async with receiving() as receiver:
        (found,) = await check(receiver.settings(), around())
        assert found.level is Level.OK
        (took,) = receiver.took
        assert json_of(took)["type"] == "test"
        assert took.data == {"organisation": "acme", "switchboard": "desk"}
        assert receiver.people == {}


@pytest.mark.parametrize(
    ("status", "level", "said", "remedy"),
    [
        (400, Level.WARNING, "400", "type"),
        (401, Level.ERROR, "401", "secret"),
        (302, Level.ERROR, "redirects are not followed", "url"),
        (404, Level.ERROR, "404", "url"),
        (429, Level.ERROR, "429", "at_once"),
        (500, Level.ERROR, "500", "log"),
    ],
)
async def test_what_came_is_told(status: int, level: Level, said: str, remedy: str) -> None:
    async with receiving() as receiver:
        receiver.answer = answering(status)
        (found,) = await check(receiver.settings(), around())
        assert found.level is level
        assert said in found.text
        assert remedy in found.remedy
        assert "/hook" not in found.text + found.remedy
        assert receiver.requests == 1


async def test_nobody_there() -> None:
    (found,) = await check(WebhookReceiver().settings(), around())
    assert (found.level, "no connection" in found.text) == (Level.ERROR, True)


async def test_a_secret_that_is_none() -> None:
    async with receiving() as receiver:
        (found,) = await check(receiver.settings(), around(secret="short"))
        assert (found.level, receiver.requests) == (Level.ERROR, 0)
        assert "env:SECRET" in found.text


async def test_a_name_inside_that_nobody_named() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.1.2.3"]

    settings = WebhookReceiver().settings(url="https://inside.example/hook", internal_hosts=())
    (found,) = await check(settings, around(), resolve)
    assert (found.level, "10.1.2.3" in found.text) == (Level.ERROR, True)
    assert "internal_hosts" in found.remedy


async def test_where_clouds_keep_secrets_nobody_is_asked_to_name_it() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    settings = WebhookReceiver().settings(url="https://inside.example/hook", internal_hosts=("inside.example",))
    (found,) = await check(settings, around(), resolve)
    assert (found.level, "169.254.169.254" in found.text) == (Level.ERROR, True)
    assert "internal_hosts" not in found.remedy


async def test_whoever_reads_along_is_warned_of() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "inside.example")
        found = await check(receiver.settings(url=url, internal_hosts=("inside.example",)), around(), resolve)
        assert [each.level for each in found] == [Level.WARNING, Level.OK]
        assert "without TLS" in found[0].text

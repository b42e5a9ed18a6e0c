"""Signatures as Standard Webhooks has them, verified by another implementation."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from backsoon.config.secrets import SecretError
from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.base import NOTHING, Order
from backsoon.switchboards.webhook.message import BadSecret, Keys, Message, key_of, message_of, trial_message
from backsoon.switchboards.webhook.settings import WebhookSettings
from tests.webhook_receiver import SECRET


def now() -> datetime:
    """Who verifies looks at the machine's clock."""
    return datetime.now(UTC)


SETTINGS = WebhookSettings("acme", "desk", "https://x.example/hook", "env:NEW")
OTHER = "a text of sixteen bytes, or more"
SECRETS = {"env:NEW": SECRET, "env:OLD": OTHER, "env:SHORT": "fifteen bytes..", "env:ODD": "whsec_?"}


def keys(new: str = "env:NEW", before: str = "") -> Keys:
    return Keys.of(replace(SETTINGS, secret=new, secret_before=before), SECRETS.__getitem__)


def verified(secret: str | bytes, message: Message, headers: dict[str, str]) -> object:
    return Webhook(secret).verify(message.body, headers)


def test_somebody_else_verifies_it() -> None:
    message = message_of(SETTINGS, Order("1001", NOTHING, NOTHING), 1, now())
    said = verified(SECRET, message, keys().headers(message, now()))
    assert isinstance(said, dict)
    assert said["data"]["extension"] == "1001"


def test_a_secret_may_be_any_text() -> None:
    message = trial_message(SETTINGS, now())
    assert verified(OTHER.encode(), message, keys("env:OLD").headers(message, now()))


def test_while_it_is_changed_both_are_believed() -> None:
    message = trial_message(SETTINGS, now())
    headers = keys("env:NEW", "env:OLD").headers(message, now())
    assert verified(SECRET, message, headers)
    assert verified(OTHER.encode(), message, headers)
    with pytest.raises(WebhookVerificationError):
        verified(OTHER.encode(), message, keys("env:NEW").headers(message, now()))


@pytest.mark.parametrize("change", ["body", "id", "time", "late", "signature"])
def test_what_is_changed_on_the_way_is_not_believed(change: str) -> None:
    message = trial_message(SETTINGS, now())
    headers = keys().headers(message, now())
    if change == "body":
        message = Message(message.id, message.body.replace(b"test", b"rest"))
    if change == "id":
        headers["webhook-id"] += "x"
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    if change == "late":
        headers = keys().headers(message, now() - timedelta(minutes=6))
    if change == "signature":
        headers["webhook-signature"] = "v1," + base64.b64encode(bytes(32)).decode()
    with pytest.raises(WebhookVerificationError):
        verified(SECRET, message, headers)


@given(st.binary(min_size=16, max_size=80), st.binary(max_size=200))
def test_any_key_signs_any_body(key: bytes, body: bytes) -> None:
    signer = Keys([key_of("whsec_" + base64.b64encode(key).decode(), "env:X")])
    message, at = Message("msg_1", body), now()
    headers = signer.headers(message, at)
    expected = Webhook(key).sign("msg_1", at, body.decode("latin-1")) if body.isascii() else None
    assert expected in (None, headers["webhook-signature"])


@pytest.mark.parametrize("reference", ["env:SHORT", "env:ODD"])
def test_a_secret_that_is_none_is_named_and_not_quoted(reference: str) -> None:
    with pytest.raises(BadSecret, match=reference) as bad:
        keys(reference)
    assert SECRETS[reference] not in str(bad.value)


def test_a_secret_that_cannot_be_had() -> None:
    def gone(reference: str) -> str:
        raise SecretError(reference, "it is not set", "set it")

    with pytest.raises(BacksoonError, match="env:NEW"):
        Keys.of(SETTINGS, gone)


def test_messages_have_ids_of_their_own() -> None:
    made = [message_of(SETTINGS, Order("1001", NOTHING, NOTHING), 1, now()).id for _ in range(100)]
    assert len(set(made)) == 100

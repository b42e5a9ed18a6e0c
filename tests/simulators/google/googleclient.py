"""Google's own client at work, run in its own environment: `python -I googleclient.py ORDER`, an order in JSON.

It is built from the discovery document that comes with it. What it finds is one line of JSON on stdout for each step;
what goes wrong is `{"error": STATUS, "reason": REASON}`.
"""

# google-api-python-client is not installed where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-call"

from __future__ import annotations

import json
import os
import sys
from typing import Any

from google.oauth2 import service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError


def main(order: dict[str, Any]) -> None:
    """Carry out each step: `["events.list", {...}]`; `next` goes on to the last one's next page."""
    credentials = service_account.Credentials.from_service_account_info(
        json.loads(order["credentials"]), scopes=order["scopes"], subject=order.get("subject")
    )
    service = build(
        "calendar",
        "v3",
        credentials=credentials,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": order["url"].rstrip("/") + "/"},
    )
    resources = {
        "events": service.events(),
        "calendarList": service.calendarList(),
        "freebusy": service.freebusy(),
        "channels": service.channels(),
    }
    asked = found = None
    for name, told in order["steps"]:
        resource, _, method = name.partition(".")
        try:
            if name == "next":
                asked = resources["events"].list_next(asked, found)
            else:
                asked = getattr(resources[resource], method)(**told)
            found = asked.execute() if asked is not None else None
            _say(found)
        except HttpError as error:
            details = error.error_details if isinstance(error.error_details, list) else []
            _say({"error": error.status_code, "reason": next((each["reason"] for each in details), "")})


def _say(found: object) -> None:
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # what its libraries have loaded crashes now and then while the interpreter ends

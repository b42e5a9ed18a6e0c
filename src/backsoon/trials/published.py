"""Whether notifications arrive: the public address is tried, as a vendor would."""

from __future__ import annotations

from backsoon.trials.trying import Tried
from backsoon.wire.http import BadCertificate, Http, HttpError

SECONDS = 3.0
"""Microsoft counts an answer that takes longer as none."""
_CURL = "curl -i -X POST -d '{{\"value\":[]}}' {address} from outside must answer 202"


async def try_public(public: str, listen: str, *, running: bool) -> Tried:
    """What comes of telling `public` an empty notification. Behind some routers it cannot be reached from inside."""
    address = f"{public}/hooks/graph"
    if not running:
        return Tried("notifications", "ok", f"{public} was not tried, for no Backsoon runs")
    outside = _CURL.format(address=address)
    try:
        async with Http(deadline=SECONDS) as http:
            headers = {"Content-Type": "application/json"}
            answer = await http.request("POST", address, headers=headers, body=b'{"value":[]}', limit_bytes=65_536)
    except BadCertificate as error:
        remedy = "vendors trust public authorities only: have the certificate made by one, with the whole chain"
        return Tried("notifications", "error", str(error), remedy)
    except HttpError as error:
        return Tried("notifications", "warning", f"{error}, tried from this machine", outside)
    if answer.status == 202:
        return Tried("notifications", "ok", f"{public} leads to Backsoon")
    what = f"{address} answers {answer.status}: it does not lead to Backsoon"
    return Tried("notifications", "error", what, f"have the proxy pass /hooks/ on to http://{listen}; {outside}")

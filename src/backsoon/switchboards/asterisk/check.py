"""Is this Asterisk ready for us, and does our account have the rights it needs and no more?

The least rights that work are `read = system,user` and `write = system,call`: DBPut and DBDel need `system`, Setvar
needs `call`, FullyBooted and Shutdown are told to `read = system`. With `originate`, `command` or `config` whoever
steals the secret runs programs on the switchboard at once. `system` is strong as well: keep the account to one
address (`deny`, `permit`), and the interface on loopback or behind TLS.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from backsoon.domain.organisation import Organisation
from backsoon.domain.spoken import Voice
from backsoon.switchboards.asterisk.dialplan import USUAL, fingerprint
from backsoon.switchboards.asterisk.driver import AsteriskSettings, switchboard_errors
from backsoon.switchboards.base import Finding, Level, SwitchboardError
from backsoon.wire.ami import AmiRefused
from backsoon.wire.ami_client import AmiAddress, AmiClient, open_ami

__all__ = ["NEEDED", "TOO_MUCH", "Finding", "Level", "check", "privacy", "rights"]

NEEDED = ("DBPut", "DBDel", "DBGet", "Setvar")
TOO_MUCH = {
    "Originate": "originate",
    "Command": "command",
    "UpdateConfig": "config",
    "AGI": "agi",
}
"""An action that shows a class of rights which we never use."""
MODULES = ("app_stack", "func_cut", "func_db", "func_devstate", "func_logic", "func_presencestate", "func_strings")
MODULES_OF_STAR_CODES = ("app_playback", "app_playtones", "app_userevent", "func_channel", "func_dialplan")
MODULES_OF_ANSWERING = (
    "app_dial", "app_playback", "app_read", "func_callerid", "func_channel", "func_dialplan", "func_env",
)  # fmt: skip
MODULE_OF_VOICEMAIL = "app_voicemail"
MODULE_WITHOUT_PROMPTS = "app_sayunixtime"
"""Says when somebody is back where our prompts are missing; without it such a call ends there."""
INSTANTS = (datetime(2025, 1, 15, 12, tzinfo=UTC), datetime(2025, 7, 15, 12, tzinfo=UTC))
"""Of winter and of summer: what tells time zones from each other."""
LEAST_RIGHTS = "read = system,user and write = system,call are enough"


async def check(settings: AsteriskSettings, organisation: Organisation = USUAL, spoken: str = "") -> list[Finding]:
    """Try the switchboard as a run would, changing nothing; the dialplan should be that of the organisation, with these
    spoken contexts.

    Whether the prompts are there Asterisk tells nobody with these rights: `STAT` is refused from outside
    (`live_dangerously`). Never raises `SwitchboardError`: that is a finding.
    """
    findings = privacy(settings.address)
    try:
        with switchboard_errors():
            async with open_ami(settings.address, settings.account, None, settings.times) as client:
                findings += [finding async for finding in _look(client, organisation, spoken)]
    except SwitchboardError as error:
        findings.append(Finding(Level.ERROR, str(error), error.remedy))
    return findings


def privacy(address: AmiAddress) -> list[Finding]:
    """Whether somebody between here and there could read along."""
    if address.private:
        return []
    text = f"the manager interface at {address.host} is used without TLS"
    return [Finding(Level.WARNING, text, "use TLS, or run Backsoon on the switchboard's own machine")]


async def _look(client: AmiClient, organisation: Organisation, spoken: str) -> AsyncIterator[Finding]:
    allowed = (await client.request("ListCommands")).fields
    yield await _version(client)
    for finding in rights(allowed):
        yield finding
    for finding in await _modules(client, allowed, organisation.voice):
        yield finding
    yield await _dialplan(client, allowed, fingerprint(organisation, spoken))
    if "Getvar" in allowed:
        async for finding in _attendants(client, organisation.voice):
            yield finding
        async for finding in _zone(client, organisation.zone):
            yield finding


async def _version(client: AmiClient) -> Finding:
    try:
        version = (await client.request("CoreSettings"))["AsteriskVersion"]
    except AmiRefused:
        version = f"of unknown version ({client.banner})"
    return Finding(Level.OK, f"logged in; Asterisk {version}")


def rights(allowed: Collection[str]) -> list[Finding]:
    """What the account may do, judged by the actions that Asterisk lists for it."""
    findings: list[Finding] = []
    if missing := [action for action in NEEDED if action not in allowed]:
        text = f"the manager account may not use {', '.join(missing)}"
        findings.append(Finding(Level.ERROR, text, f"in manager.conf, {LEAST_RIGHTS}"))
    elif "DBGetTree" not in allowed:
        text = "this Asterisk cannot list its database (DBGetTree); extensions are asked for one by one"
        findings.append(Finding(Level.WARNING, text, "Asterisk 20 or later lists it at once"))
    if extra := [right for action, right in TOO_MUCH.items() if action in allowed]:
        text = f"the manager account has rights that it does not need: {', '.join(extra)}"
        findings.append(Finding(Level.ERROR, text, f"take them away in manager.conf: {LEAST_RIGHTS}"))
    return findings or [Finding(Level.OK, "the manager account has the rights it needs and no more")]


async def _modules(client: AmiClient, allowed: Collection[str], voice: Voice) -> list[Finding]:
    if "ModuleCheck" not in allowed:
        return [Finding(Level.WARNING, "which modules are loaded could not be seen", LEAST_RIGHTS)]
    findings: list[Finding] = []
    for level, what, needed in _needed(voice):
        if missing := [name for name in needed if not await _loaded(client, name)]:
            text = f"modules {what}are not loaded: {', '.join(missing)}"
            findings.append(Finding(level, text, "load them in modules.conf"))
    return findings or [Finding(Level.OK, "the modules that the dialplan and the lamps need are loaded")]


def _needed(voice: Voice) -> Iterator[tuple[Level, str, Sequence[str]]]:
    """Modules, how bad it is when they are missing, and what they are for."""
    yield Level.ERROR, "", MODULES
    yield Level.WARNING, "that the star codes need ", MODULES_OF_STAR_CODES
    yield Level.WARNING, "that the spoken answer to callers needs ", MODULES_OF_ANSWERING
    yield Level.WARNING, "that tell when somebody is back where the prompts are missing ", (MODULE_WITHOUT_PROMPTS,)
    if voice.voicemail:
        what = "that leaving a message needs (where there are no mailboxes: voicemail = false in the settings) "
        yield Level.WARNING, what, (MODULE_OF_VOICEMAIL,)


async def _loaded(client: AmiClient, module: str) -> bool:
    try:
        await client.request("ModuleCheck", [("Module", module)])
    except AmiRefused:
        return False
    return True


async def _dialplan(client: AmiClient, allowed: Collection[str], printed: str) -> Finding:
    if "Getvar" not in allowed:
        return Finding(Level.WARNING, "whether the dialplan is there could not be seen", LEAST_RIGHTS)
    remedy = "include what `backsoon asterisk dialplan` prints in extensions.conf, and `dialplan reload`"
    if not await _exists(client, "backsoon,s"):
        text = (
            "the dialplan has no subroutine `backsoon` (or func_dialplan is not loaded): calls are not answered by us"
        )
        return Finding(Level.WARNING, text, remedy)
    if not await _exists(client, f"backsoon-printed,{printed}"):
        text = (
            "the dialplan was printed by other settings or another version: a star code may mean something else, and "
            "callers may not be told"
        )
        return Finding(Level.WARNING, text, remedy)
    return Finding(Level.OK, "the dialplan has the subroutine `backsoon`, the star codes and the menu of the settings")


async def _attendants(client: AmiClient, voice: Voice) -> AsyncIterator[Finding]:
    """Whether callers can be sent to the attendants, and the attendants reach everybody.

    What the dialplan does not know is not offered, and nobody calls from it.
    """
    remedy = "print it with --extensions that match it"
    to = voice.attendant
    if to and not any([await _exists(client, f"{context},{to}") for context in ("backsoon-people", "backsoon-local")]):
        text = f"callers are not offered the attendants: {to} is no extension of the printed dialplan"
        local = "or put it into a context [backsoon-local] (docs/asterisk.md)"
        yield Finding(Level.WARNING, text, f"{remedy}, {local}")
    if unknown := [one for one in voice.attendants if not await _exists(client, f"backsoon-people,{one}")]:
        text = f"calls of attendants do not ring through: {', '.join(unknown)}: no extension of the printed dialplan"
        yield Finding(Level.WARNING, text, remedy)


async def _zone(client: AmiClient, zone: str) -> AsyncIterator[Finding]:
    """Whether Asterisk tells times as people there do. A zone that it does not have is UTC to it, without a word."""
    form = "%Y-%m-%d %H:%M"
    for at in INSTANTS:
        asked = f"STRFTIME({int(at.timestamp())},{zone},{form})"
        said = (await client.request("Getvar", [("Variable", asked)]))["Value"]
        if said and said != at.astimezone(ZoneInfo(zone)).strftime(form):
            text = f"callers are told wrong times: this Asterisk does not know the time zone {zone}"
            remedy = "install the time zones where Asterisk runs (tzdata; in a container, too), and restart Asterisk"
            yield Finding(Level.ERROR, text, remedy)
            return


async def _exists(client: AmiClient, place: str) -> bool:
    answer = await client.request("Getvar", [("Variable", f"DIALPLAN_EXISTS({place},1)")])
    return answer["Value"] == "1"

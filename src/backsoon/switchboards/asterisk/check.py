"""Is this Asterisk ready for us, and does our account have the rights it needs and no more?

The least rights that work are `read = system,user` and `write = system,call`: DBPut and DBDel need `system`, Setvar
needs `call`, FullyBooted and Shutdown are told to `read = system`. With `originate`, `command` or `config` whoever
steals the secret runs programs on the switchboard at once. `system` is strong as well: keep the account to one
address (`deny`, `permit`), and the interface on loopback or behind TLS.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from enum import StrEnum

from backsoon.domain.organisation import Organisation
from backsoon.switchboards.asterisk.dialplan import USUAL, fingerprint
from backsoon.switchboards.asterisk.driver import AsteriskSettings, switchboard_errors
from backsoon.switchboards.base import SwitchboardError
from backsoon.wire.ami import AmiRefused
from backsoon.wire.ami_client import AmiAddress, AmiClient, open_ami

NEEDED = ("DBPut", "DBDel", "DBGet", "Setvar")
TOO_MUCH = {
    "Originate": "originate",
    "Command": "command",
    "UpdateConfig": "config",
    "AGI": "agi",
}
"""An action that shows a class of rights which we never use."""
MODULES = ("app_stack", "func_cut", "func_db", "func_devstate", "func_logic", "func_presencestate", "func_strings")
MODULES_OF_STAR_CODES = ("app_playtones", "app_userevent", "func_channel", "func_dialplan")
LEAST_RIGHTS = "read = system,user and write = system,call are enough"


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in a sentence, and what to do where it is not well."""

    level: Level
    text: str
    remedy: str = ""


async def check(settings: AsteriskSettings, organisation: Organisation = USUAL) -> list[Finding]:
    """Try the switchboard as a run would, changing nothing; the star codes should be those of the organisation.

    Never raises `SwitchboardError`: that is a finding.
    """
    findings = privacy(settings.address)
    try:
        with switchboard_errors():
            async with open_ami(settings.address, settings.account, None, settings.times) as client:
                findings += [finding async for finding in _look(client, organisation)]
    except SwitchboardError as error:
        findings.append(Finding(Level.ERROR, str(error), error.remedy))
    return findings


def privacy(address: AmiAddress) -> list[Finding]:
    """Whether somebody between here and there could read along."""
    if address.private:
        return []
    text = f"the manager interface at {address.host} is used without TLS"
    return [Finding(Level.WARNING, text, "use TLS, or run Backsoon on the switchboard's own machine")]


async def _look(client: AmiClient, organisation: Organisation) -> AsyncIterator[Finding]:
    allowed = (await client.request("ListCommands")).fields
    yield await _version(client)
    for finding in rights(allowed):
        yield finding
    for finding in await _modules(client, allowed):
        yield finding
    yield await _dialplan(client, allowed, organisation)


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


async def _modules(client: AmiClient, allowed: Collection[str]) -> list[Finding]:
    if "ModuleCheck" not in allowed:
        return [Finding(Level.WARNING, "which modules are loaded could not be seen", LEAST_RIGHTS)]
    findings: list[Finding] = []
    remedy = "load them in modules.conf"
    if missing := [name for name in MODULES if not await _loaded(client, name)]:
        findings.append(Finding(Level.ERROR, f"modules are not loaded: {', '.join(missing)}", remedy))
    if missing := [name for name in MODULES_OF_STAR_CODES if not await _loaded(client, name)]:
        text = f"modules that the star codes need are not loaded: {', '.join(missing)}"
        findings.append(Finding(Level.WARNING, text, remedy))
    return findings or [Finding(Level.OK, "the modules that the dialplan and the lamps need are loaded")]


async def _loaded(client: AmiClient, module: str) -> bool:
    try:
        await client.request("ModuleCheck", [("Module", module)])
    except AmiRefused:
        return False
    return True


async def _dialplan(client: AmiClient, allowed: Collection[str], organisation: Organisation) -> Finding:
    if "Getvar" not in allowed:
        return Finding(Level.WARNING, "whether the dialplan is there could not be seen", LEAST_RIGHTS)
    remedy = "include what `backsoon asterisk dialplan` prints in extensions.conf, and `dialplan reload`"
    if not await _exists(client, "backsoon,s"):
        text = (
            "the dialplan has no subroutine `backsoon` (or func_dialplan is not loaded): calls are not answered by us"
        )
        return Finding(Level.WARNING, text, remedy)
    if not await _exists(client, f"backsoon-printed,{fingerprint(organisation)}"):
        text = "the dialplan was printed by other settings or another version: a star code may mean something else"
        return Finding(Level.WARNING, text, remedy)
    return Finding(Level.OK, "the dialplan has the subroutine `backsoon` and the star codes of the settings")


async def _exists(client: AmiClient, place: str) -> bool:
    answer = await client.request("Getvar", [("Variable", f"DIALPLAN_EXISTS({place},1)")])
    return answer["Value"] == "1"

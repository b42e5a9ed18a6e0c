"""A private Asterisk out of the chroot: own configuration, own state, free ports on 127.0.0.1.

It never meets a telephone exchange that runs on the machine already. Its folder lies inside the chroot and is
removed with it; :meth:`PrivateAsterisk.kill` and :meth:`PrivateAsterisk.start` keep the folder, as a crash does.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tools.peers.recipe import PeerError
from tools.ports import free_port

MODULES = """
app_dial app_echo app_exec app_playback app_playtones app_read app_sayunixtime app_stack app_transfer app_userevent
app_verbose app_while bridge_native_rtp bridge_simple bridge_softmix chan_bridge_media chan_pjsip codec_alaw
codec_gsm codec_resample codec_ulaw format_gsm format_pcm format_sln format_wav func_base64 func_callerid func_channel
func_cut func_db func_devstate func_dialplan func_env func_extstate func_global func_logic func_math
func_pjsip_contact func_pjsip_endpoint func_presencestate func_sprintf func_strings func_timeout func_version pbx_config
res_convert res_manager_devicestate res_manager_presencestate res_pjproject res_pjsip res_pjsip_caller_id
res_pjsip_authenticator_digest res_pjsip_diversion res_pjsip_dialog_info_body_generator res_pjsip_dlg_options
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_exten_state
res_pjsip_header_funcs res_pjsip_nat res_pjsip_outbound_publish res_pjsip_pidf_body_generator
res_pjsip_pidf_digium_body_supplement
res_pjsip_pidf_eyebeam_body_supplement res_pjsip_pubsub res_pjsip_registrar res_pjsip_rfc3326
res_pjsip_sdp_rtp res_pjsip_session res_rtp_asterisk res_sorcery_astdb res_sorcery_config res_sorcery_memory
res_timing_timerfd res_timing_pthread res_crypto func_shell
"""

ASTERISK_CONF = """[directories]
astcachedir => {etc}/cache
astetcdir => {etc}
astmoddir => {modules}
astvarlibdir => /var/lib/asterisk
astdbdir => {etc}/db
astkeydir => {etc}/db
astdatadir => {data}
astagidir => {etc}/agi
astspooldir => {etc}/spool
astrundir => {etc}/run
astlogdir => {etc}/log
astsbindir => /usr/sbin

[options]
entityid = 02:00:00:00:00:01
live_dangerously = no
nocolor = yes
highpriority = {high_priority}
"""

LOGGER_CONF = "[general]\n[logfiles]\nmessages => notice,warning,error\n"
CDR_CONF = "[general]\nenable = no\n"

PJSIP_CONF = """[global]
type = global
user_agent = private-asterisk

[system]
type = system
timer_t1 = 500

[transport]
type = transport
protocol = udp
bind = 127.0.0.1:{sip}

[phone](!)
type = endpoint
disallow = all
allow = ulaw
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
identify_by = username
trust_id_inbound = yes
allow_subscribe = yes
subscribe_context = backsoon-hints
direct_media = no

"""

PHONE = """[{name}](phone)
context = {context}
aors = {name}

[{name}]
type = aor
contact = sip:{name}@127.0.0.1:{port}
qualify_frequency = 0

"""

DATA = "/usr/share/asterisk"
FOLDERS = ("cache", "db", "agi", "spool", "run", "log")


@dataclass(frozen=True, slots=True)
class ManagerAccount:
    """An account of the manager interface: its secret and its classes of rights."""

    secret: str
    read: str = "system,user"
    write: str = "system,call"

    def section(self, name: str) -> str:
        """The section of manager.conf."""
        return f"[{name}]\nsecret = {self.secret}\nread = {self.read}\nwrite = {self.write}\nwritetimeout = 5000\n"


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """What a private Asterisk is made of. `phones` maps an endpoint's name to the context that its calls enter."""

    extensions: str
    accounts: Mapping[str, ManagerAccount]
    phones: Mapping[str, str] = field(default_factory=dict)
    pjsip: str = ""
    """More of pjsip.conf."""
    voicemail: str | None = None
    """voicemail.conf; `None`: voicemail is not loaded."""
    sounds: Mapping[str, bytes] | None = None
    """Files of sounds by name (`en/beep.wav`), in place of those that Asterisk brings along; `None`: these."""
    high_priority: bool = False
    """In the real-time class, as `-p` in Debian's unit for systemd has it. It does not start where it may not."""


def may_run_in_real_time() -> bool:
    """Whether the system lets us have a process in the real-time class: as root, where no container keeps from it."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


class PrivateAsterisk:
    """One Asterisk of our own, and calls to it by SIPp. Use as a context manager; raises `PeerError`."""

    def __init__(self, chroot: Path, settings: AsteriskSettings) -> None:
        self.chroot = chroot
        self.settings = settings
        self.ami_port = free_port()
        self.sip_port = free_port()
        self.phone_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (chroot / "tmp").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="backsoon-", dir=chroot / "tmp"))

    def __enter__(self) -> "PrivateAsterisk":
        try:
            self._configure()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def inside(self, path: Path) -> str:
        """The path as programs in the chroot see it."""
        return f"/{path.relative_to(self.chroot)}"

    def start(self, wait: bool = True) -> None:
        """Start it; with `wait`, return when it is fully booted."""
        conf = self.inside(self.folder / "asterisk.conf")
        command = ["chroot", str(self.chroot), "/usr/sbin/asterisk", "-f", "-q", "-n", "-C", conf]
        said = (self.folder / "log" / "console").open("ab")
        with said:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        if wait:
            self.wait_booted()

    def wait_booted(self, within: float = 60) -> None:
        """Return when it is fully booted. Raises `PeerError` with the end of its log."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if "fully booted" in self._rasterisk("core waitfullybooted", check=False):
                return
            time.sleep(0.02)
        console = (self.folder / "log" / "console").read_text(errors="replace")
        raise PeerError(f"the private Asterisk did not start: {console[-500:]}")

    def cli(self, command: str) -> str:
        """The output of a command of Asterisk's own command line."""
        return self._rasterisk(command, check=True)

    def stop(self) -> None:
        """Let it end in good order and keep its state."""
        if self._process is not None and self._process.poll() is None:
            self._rasterisk("core stop now", check=False)
            self._reap(10)

    def kill(self) -> None:
        """End it at once, as a crash does, and keep its state."""
        if self._process is not None:
            self._process.kill()
            self._reap(10)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open and silent until `thaw`."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # each thread stops in its own time
            states = [(thread / "stat").read_text().rpartition(")")[2].split()[0] for thread in threads.iterdir()]
            if set(states) == {"T"}:
                return
            time.sleep(0.001)
        raise PeerError("the private Asterisk does not stop")

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """Its process. Raises `PeerError` where it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise PeerError("the private Asterisk does not run")
        return self._process.pid

    @property
    def runs_in_real_time(self) -> bool:
        """Whether it does now: it leaves the class by itself where it finds that others starve."""
        return os.sched_getscheduler(self.pid) == os.SCHED_RR

    def close(self) -> None:
        """End it and remove its folder."""
        self.thaw()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _reap(self, within: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(within)
        self._process = None

    def _rasterisk(self, command: str, *, check: bool) -> str:
        conf = self.inside(self.folder / "asterisk.conf")
        whole = ["chroot", str(self.chroot), "/usr/sbin/asterisk", "-C", conf, "-rx", command]
        done = subprocess.run(whole, capture_output=True, text=True, errors="replace", check=False, timeout=60)
        if check and done.returncode != 0:
            raise PeerError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def _configure(self) -> None:
        for name in FOLDERS:
            (self.folder / name).mkdir()
        for name, text in self._files().items():
            (self.folder / name).write_text(text, encoding="utf-8")
        if self.settings.sounds is not None:
            self._lay_out(self.settings.sounds)

    def _lay_out(self, sounds: Mapping[str, bytes]) -> None:
        """A data folder of its own: everything as in the shared one, but the sounds."""
        data = self.folder / "data"
        data.mkdir()
        for entry in (self.chroot / DATA[1:]).iterdir():
            if entry.name != "sounds":
                (data / entry.name).symlink_to(f"{DATA}/{entry.name}")
        for name, content in sounds.items():
            file = data / "sounds" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def _files(self) -> dict[str, str]:
        modules = _modules_folder(self.chroot)
        voicemail = self.settings.voicemail
        return {
            **({} if voicemail is None else {"voicemail.conf": voicemail}),
            "asterisk.conf": ASTERISK_CONF.format(
                etc=self.inside(self.folder),
                modules=self.inside(modules),
                data=DATA if self.settings.sounds is None else self.inside(self.folder / "data"),
                high_priority="yes" if self.settings.high_priority else "no",
            ),
            "modules.conf": _modules(modules) + ("" if voicemail is None else "load = app_voicemail.so\n"),
            "logger.conf": LOGGER_CONF,
            "cdr.conf": CDR_CONF,
            "extensions.conf": self.settings.extensions,
            "manager.conf": self._manager(),
            "pjsip.conf": self._pjsip(),
            "rtp.conf": "[general]\nrtpstart = 20000\nrtpend = 29999\n",
        }

    def _manager(self) -> str:
        general = f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {self.ami_port}\nwebenabled = no\n"
        return general + "".join(account.section(name) for name, account in self.settings.accounts.items())

    def _pjsip(self) -> str:
        phones = self.settings.phones.items()
        made = (PHONE.format(name=name, context=context, port=self.phone_port) for name, context in phones)
        return PJSIP_CONF.format(sip=self.sip_port) + "".join(made) + self.settings.pjsip


def _modules_folder(chroot: Path) -> Path:
    """Debian moved it below the name of the architecture."""
    for pattern in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules"):
        if found := list(chroot.glob(pattern)):
            return found[0]
    raise PeerError(f"no modules of Asterisk in {chroot}")


def _modules(folder: Path) -> str:
    there: Sequence[str] = [name for name in MODULES.split() if (folder / f"{name}.so").exists()]
    return "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in there)

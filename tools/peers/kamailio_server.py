"""A private Kamailio as a presence server: own configuration, own certificate, free ports on 127.0.0.1."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tools.peers.kamailio import PROGRAM, environment, modules_folder
from tools.peers.recipe import PeerError
from tools.ports import free_port

REALM = "presence.example"
USERNAME = "backsoon"
PASSWORD = "correct horse"  # noqa: S105 - of a server that lives for one test

CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
children={children}
socket_workers=1
listen=udp:127.0.0.1:{port}
{tcp}
auto_aliases=no
mhomed=0
dns=off
rev_dns=off
server_header="Server: private"
mpath="{modules}/"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "db_text.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
{tls}
modparam("auth", "nonce_expire", {nonce_expire})
modparam("auth", "secret", "of no use to anybody but this one")
modparam("auth", "algorithm", "{algorithm}")
modparam("auth", "qop", "auth")
modparam("tm", "auto_inv_100", 0)
modparam("presence|presence_xml", "db_url", "text://{folder}/db")
modparam("presence", "publ_cache", 2)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
modparam("presence", "max_expires", {max_expires})
modparam("presence", "min_expires", {min_expires})
modparam("presence", "min_expires_action", 1)
modparam("presence", "clean_period", 1)
modparam("presence", "send_fast_notify", 1)
modparam("presence_xml", "force_active", 1)
modparam("presence_xml", "disable_presence", 0)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("PUBLISH")) {{
        {login}
        if (!t_newtran()) {{ sl_reply_error(); exit; }}
        handle_publish();
        t_release();
        exit;
    }}
    if (is_method("SUBSCRIBE")) {{
        if (!t_newtran()) {{ sl_reply_error(); exit; }}
        handle_subscribe();
        t_release();
        exit;
    }}
    sl_send_reply("405", "Method Not Allowed");
}}
"""
LOGIN = f"""if (!pv_{{kind}}_authenticate("{REALM}", "{PASSWORD}", "0")) {{{{
            {{kind}}_challenge("{REALM}", "1");
            exit;
        }}}}"""
TLS = """loadmodule "tls.so"
modparam("tls", "private_key", "{folder}/server.key")
modparam("tls", "certificate", "{folder}/server.pem")
modparam("tls", "tls_method", "TLSv1.2+")
"""


@dataclass(frozen=True, slots=True)
class KamailioSettings:
    """How it is set up. `login` asks for the account with 401 (`www`) or 407 (`proxy`); "": anybody may publish."""

    login: str = "www"
    algorithm: str = "MD5"
    nonce_expire: int = 300
    min_expires: int = 0
    max_expires: int = 86_400
    children: int = 2
    shared_mib: int = 128


class PrivateKamailio:
    """One Kamailio of our own. Use as a context manager; raises `PeerError`. What is published lives in its memory."""

    def __init__(self, peer: Path, settings: KamailioSettings | None = None) -> None:
        self._peer = peer
        self.settings = settings or KamailioSettings()
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tls_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="backsoon-kamailio-"))

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate, which is for `localhost` and 127.0.0.1."""
        return self.folder / "server.pem"

    def __enter__(self) -> "PrivateKamailio":
        try:
            self._make_certificate()
            self.configure(self.settings)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def configure(self, settings: KamailioSettings) -> None:
        """What the next start is with."""
        self.settings = settings
        (self.folder / "run").mkdir(exist_ok=True)
        self._make_tables()
        tcp = f"listen=tcp:127.0.0.1:{self.port}\nlisten=tls:127.0.0.1:{self.tls_port}\nenable_tls=yes\ntcp_children=1"
        text = CONFIG.format(
            children=settings.children, port=self.port, tcp=tcp, modules=modules_folder(self._peer),
            tls=TLS.format(folder=self.folder), nonce_expire=settings.nonce_expire, algorithm=settings.algorithm,
            folder=self.folder, max_expires=settings.max_expires, min_expires=settings.min_expires,
            login=LOGIN.format(kind=settings.login) if settings.login else "",
        )  # fmt: skip
        (self.folder / "kamailio.cfg").write_text(text)

    def start(self, within: float = 30) -> None:
        """Start it; return when it answers."""
        command = [
            str(self._peer / PROGRAM), "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E",
            "-Y", str(self.folder / "run"), "-P", str(self.folder / "run" / "pid"), "-m", str(self.settings.shared_mib),
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as said:
            self._process = subprocess.Popen(
                command, env=environment(self._peer), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return
        log = (self.folder / "log").read_text(errors="replace")
        raise PeerError(f"the private Kamailio did not start: {log[-1500:]}")

    def stop(self) -> None:
        """End it in good order. What was published is lost, for it is in its memory only."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """End it and start it anew, with nothing in it."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop it in its tracks until `thaw`: it neither answers nor refuses."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._signal(signal.SIGCONT)

    @property
    def log(self) -> str:
        """All that it said."""
        return (self.folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it and remove its folder."""
        self.thaw()
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, what: signal.Signals) -> None:
        """To it and to its workers, which are a session of their own."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, what)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(how)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(10)
        self._process = None

    def _answers(self) -> bool:
        """Whether it answers OPTIONS by UDP and takes connections by TLS."""
        ask = (
            f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1;rport\r\n"
            "From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(ask.encode())
                answer = probe.recv(4096)
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
                return False
        return answer.startswith(b"SIP/2.0 200")

    def _make_tables(self) -> None:
        """Empty tables, as they come with it: its modules look for them, and keep all in memory all the same."""
        tables = self.folder / "db"
        shutil.rmtree(tables, ignore_errors=True)
        shutil.copytree(self._peer / "usr/share/kamailio/dbtext/kamailio", tables)

    def _make_certificate(self) -> None:
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.pem"), "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise PeerError(f"openssl: {done.stderr.strip()[-500:]}")

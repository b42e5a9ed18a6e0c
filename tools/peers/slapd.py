"""A private slapd: own configuration, own data, own certificate, free ports on 127.0.0.1."""

import shutil
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tools.peers.ldap import PROGRAM, environment
from tools.peers.recipe import PeerError
from tools.ports import free_port

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
READER = f"cn=backsoon,{SUFFIX}"
"""An account that may read everything and write nothing."""
READER_PASSWORD = "correct horse"  # noqa: S105 - of a directory that lives for one test

CONFIG = """include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
attributetype ( 1.2.840.113556.1.2.721 NAME 'ipPhone' EQUALITY caseIgnoreMatch
  SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.4203.666.1 NAME 'telephoneUser' AUXILIARY MAY ( ipPhone ) )
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit size.soft=500 size.hard=500 size.unchecked=unlimited
database mdb
suffix "{suffix}"
directory {folder}/data
maxsize 268435456
limits dn.exact="{reader}" size.soft=unlimited size.hard=unlimited size.pr=1000 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by anonymous read
"""

BASE = f"""dn: {SUFFIX}
objectClass: organization
objectClass: dcObject
dc: example
o: Example

dn: {READER}
objectClass: person
cn: backsoon
sn: backsoon
userPassword: {READER_PASSWORD}

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people
"""

Values = str | bytes | Sequence[str | bytes]
Entry = Mapping[str, Values]


class PrivateSlapd:
    """One slapd of our own with these entries below `PEOPLE`. Use as a context manager; raises `PeerError`."""

    def __init__(self, peer: Path, people: Iterable[Entry] = (), more: str = "") -> None:
        """`more` is LDIF put in as it stands."""
        self._peer = peer
        self._people = people
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tls_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="backsoon-slapd-"))

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate, which is for `localhost` and 127.0.0.1."""
        return self.folder / "server.pem"

    def __enter__(self) -> "PrivateSlapd":
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

    def start(self, within: float = 30) -> None:
        """Start it; return when it answers."""
        addresses = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "log").open("ab") as said:
            self._process = subprocess.Popen(
                [*self._command(), "-h", addresses, "-d", "0"],
                env=environment(self._peer), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise PeerError(f"slapd did not start: {(self.folder / 'log').read_text(errors='replace')[-500:]}")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, *tool: str) -> list[str]:
        return [str(self._peer / PROGRAM), *tool, "-f", str(self.folder / "slapd.conf")]

    def _configure(self) -> None:
        (self.folder / "data").mkdir()
        self._make_certificate()
        (self.folder / "slapd.conf").write_text(
            CONFIG.format(
                schema=self._peer / "etc/ldap/schema", modules=self._peer / "usr/lib/ldap", folder=self.folder,
                suffix=SUFFIX, reader=READER,
            )
        )  # fmt: skip
        ldif = self.folder / "people.ldif"
        ldif.write_text(BASE + "\n" + "\n".join(map(_ldif, self._people)) + "\n" + self._more, encoding="utf-8")
        self._run([*self._command("-T", "add"), "-q", "-l", str(ldif)])

    def _make_certificate(self) -> None:
        self._run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.pem"), "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])  # fmt: skip

    def _run(self, command: Sequence[str]) -> None:
        try:
            done = subprocess.run(
                command, env=environment(self._peer), capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise PeerError(f"{command[0]}: {error}") from error
        if done.returncode != 0:
            raise PeerError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-500:]}")


def person(uid: str, name: str, **attributes: Values) -> Entry:
    """An entry of somebody below `PEOPLE`."""
    classes = ("inetOrgPerson", "telephoneUser")
    usual: Entry = {"objectClass": classes, "uid": uid, "cn": name, "sn": name.split()[-1]}
    return {"dn": f"uid={uid},{PEOPLE}", **usual, **attributes}


def _ldif(entry: Entry) -> str:
    """The entry in LDIF (RFC 2849), every value in base64."""
    lines: list[str] = []
    for name, values in entry.items():
        for value in [values] if isinstance(values, (str, bytes)) else values:
            data = value.encode() if isinstance(value, str) else value
            lines.append(f"{name}:: {b64encode(data).decode()}")
    return "\n".join(lines) + "\n"

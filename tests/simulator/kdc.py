# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kerberos realm for tests: a real KDC on loopback."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .authentication.ntlm import DNS_DOMAIN

REALM = DNS_DOMAIN
_PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "klist")
_MODULES = ("k5test", "gssapi", "krb5")
#: Distributions put the server programs where the search path of a user does not lead.
_SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/usr/lib/mit/sbin"]
)
_ATTEMPTS = 10
#: Tag of the clock offset in a credential cache, and length of its value.
_OFFSET_TAG, _OFFSET_LENGTH = 1, 8


class Realm:
    """The realm LAB.TEST with a KDC that listens on 127.0.0.1; several may run at once.

    The simulated computers accept tickets inside the process of the tests, and libkrb5 takes its configuration and
    keytab from the environment. So entering the context sets ``environment`` for this process, and leaving it restores
    what was there; programs started meanwhile inherit it. Only one realm can be entered at a time in one process.
    There is no credential cache by default: a client without a password needs ``KRB5CCNAME``, see ``using``.

    Attributes:
        environment: variables that lead to the realm and its keytab.
        name: of the realm.
    """

    name = REALM

    def __init__(self, ticket_lifetime: str = "1h", clock_skew: int = 300) -> None:
        """Prepare a realm.

        Args:
            ticket_lifetime: longest, as in krb5.conf.
            clock_skew: seconds that clocks may differ.
        """
        self.environment: dict[str, str] = {}
        self._ticket_lifetime = ticket_lifetime
        self._clock_skew = clock_skew
        self._realm: Any = None
        self._directory = Path()
        self._caches = 0
        self._before: dict[str, str | None] = {}

    @staticmethod
    def available() -> tuple[bool, str]:
        """Whether a realm can be started here, and if not, what is missing."""
        missing = [f"the program {name}" for name in _PROGRAMS if not shutil.which(name, path=_SEARCH_PATH)]
        missing += [f"the Python package {name}" for name in _MODULES if importlib.util.find_spec(name) is None]
        return not missing, f"Kerberos needs {', '.join(missing)}" if missing else ""

    @property
    def keytab(self) -> Path:
        """Keys of all services."""
        return self._directory / "services.keytab"

    # Life

    def __enter__(self) -> Realm:
        usable, reason = self.available()
        if not usable:
            raise RuntimeError(reason)
        self._directory = Path(tempfile.mkdtemp(prefix="simulated-realm-"))
        try:
            self._start_somewhere()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        self.environment = {
            "KRB5_CONFIG": self._realm.env["KRB5_CONFIG"],
            "KRB5_KTNAME": f"FILE:{self.keytab}",
            "KRB5CCNAME": f"FILE:{self._directory / 'no-cache'}",
            "KRB5_CLIENT_KTNAME": f"FILE:{self._directory / 'no-keytab'}",
            "KRB5RCACHEDIR": str(self._directory),
        }
        self._before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _set_variables(self._before)
        self._realm.stop()
        shutil.rmtree(self._realm.tmpdir, ignore_errors=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start_somewhere(self) -> None:
        """Start the KDC on a free port; another process may take it first, so there are several attempts."""
        before = os.environ.get("PATH")
        os.environ["PATH"] = _SEARCH_PATH
        try:
            for attempt in range(_ATTEMPTS):
                port = _free_port()
                realm = self._realm_class(port)(
                    realm=self.name,
                    portbase=port,
                    krb5_conf=self._client_configuration(port),
                    create_user=False,
                    create_host=False,
                    get_creds=False,
                    start_kdc=False,
                    start_kadmind=False,
                )
                # A plain stop() removes nothing when the KDC did not come up.
                try:
                    realm.start_kdc()
                except Exception:
                    shutil.rmtree(realm.tmpdir, ignore_errors=True)
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    self._realm = realm
                    return
        finally:
            _set_variables({"PATH": before})

    def _realm_class(self, port: int) -> Any:
        """k5test's realm, without what it does to be at home everywhere: searching /usr can take half a minute."""
        listen = f"127.0.0.1:{port}"
        realm = {
            "database_module": "db",
            "key_stash_file": "$tmpdir/stash",
            "acl_file": "$tmpdir/acl",
            "dict_file": "$tmpdir/dictfile",
            "database_name": "$tmpdir/db",
            "kdc_listen": listen,
            "kdc_tcp_listen": listen,
            "max_life": self._ticket_lifetime,
        }
        configuration = {
            "realms": {"$realm": realm},
            "dbmodules": {"db": {"db_library": "db2", "database_name": "$tmpdir/db"}},
            "logging": {"kdc": "FILE:$tmpdir/kdc.log", "default": "FILE:$tmpdir/others.log"},
        }
        original = importlib.import_module("k5test.realm").MITRealm
        return type("LocalRealm", (original,), {"hostname": "localhost", "_kdc_conf": configuration})

    def _client_configuration(self, port: int) -> dict[str, Any]:
        return {
            "libdefaults": {
                "dns_lookup_kdc": "false",
                "dns_lookup_realm": "false",
                # Names are taken as they are: no resolver knows those of simulated computers.
                "dns_canonicalize_hostname": "false",
                "rdns": "false",
                "ticket_lifetime": self._ticket_lifetime,
                "clockskew": str(self._clock_skew),
            },
            "realms": {"$realm": {"kdc": f"127.0.0.1:{port}", "admin_server": f"127.0.0.1:{port}"}},
            "domain_realm": {f".{self.name.lower()}": "$realm", self.name.lower(): "$realm"},
        }

    # Principals

    def add_user(self, name: str, password: str) -> None:
        """Add an account, or give one another password."""
        # Without preauthentication a wrong password is noticed by the client alone, which no real domain has. The
        # commands' exit codes say nothing, so an account that exists is no obstacle.
        self._administer("addprinc", "+requires_preauth", "-pw", password, f"{name}@{self.name}")
        self._administer("cpw", "-pw", password, f"{name}@{self.name}")

    def add_service(self, *names: str) -> None:
        """Add services such as ``HTTP/srv01.lab.test``, with their keys in the keytab."""
        for name in names:
            principal = f"{name}@{self.name}"
            self._administer("addprinc", "-randkey", principal)
            self._administer("ktadd", "-k", str(self.keytab), "-norandkey", principal)

    def add_computer(self, host_name: str) -> None:
        """Add the services by which clients may call a computer."""
        self.add_service(*(f"{service}/{host_name}" for service in ("HTTP", "WSMAN", "host")))

    def _administer(self, *words: str) -> None:
        """Run a command of kadmin, which has quotes of its own."""
        self._realm.run_kadminl(" ".join('"' + word.replace('"', '""') + '"' for word in words))

    # What happened

    @property
    def kdc_log(self) -> str:
        """All that the KDC was asked."""
        log = Path(self._realm.tmpdir) / "kdc.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    @property
    def failed_passwords(self) -> int:
        """How often a client tried a wrong password."""
        return self.kdc_log.count("PREAUTH_FAILED")

    @property
    def tickets_given(self) -> int:
        """How many ticket-granting tickets the KDC gave out."""
        return sum("AS_REQ" in line and "ISSUE" in line for line in self.kdc_log.splitlines())

    # Tickets

    def kinit(self, user: str, password: str, lifetime: str | None = None, forwardable: bool = False) -> Path:
        """Get a ticket-granting ticket into a cache of its own.

        Args:
            lifetime: as ``1s``; shorter than the realm's.

        Raises:
            RuntimeError: the KDC refuses.
        """
        self._caches += 1
        cache = self._directory / f"cache{self._caches}"
        command = [str(shutil.which("kinit", path=_SEARCH_PATH)), "-c", f"FILE:{cache}"]
        command += ["-l", lifetime] if lifetime else []
        command += ["-f"] if forwardable else []
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            [*command, f"{user}@{self.name}"],
            check=False,
            input=f"{password}\n",
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return cache

    def has_ended(self, cache: Path) -> bool:
        """Whether the ticket-granting ticket of a cache has ended, by the clock of the library that uses it."""
        command = [str(shutil.which("klist", path=_SEARCH_PATH)), "-s", "-c", f"FILE:{cache}"]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, check=False, env=environment).returncode != 0

    def skew(self, cache: Path, seconds: int) -> None:
        """Have clients that use ``cache`` believe that the KDC's clock differs from theirs by so much.

        They send that time in everything they ask for, so the KDC (for more tickets) and servers (for access) find
        their clock wrong.

        Raises:
            ValueError: that is no cache file of version 4.
        """
        content = cache.read_bytes()
        version, length = struct.unpack_from(">HH", content)
        if version != 0x0504:
            raise ValueError(f"{cache} is no credential cache of version 4")
        header = struct.pack(">HHii", _OFFSET_TAG, _OFFSET_LENGTH, seconds, 0)
        cache.write_bytes(struct.pack(">HH", version, len(header)) + header + content[4 + length :])

    @contextlib.contextmanager
    def using(self, cache: Path) -> Iterator[None]:
        """Make ``cache`` the one that clients of this process use by default."""
        before = os.environ.get("KRB5CCNAME")
        os.environ["KRB5CCNAME"] = f"FILE:{cache}"
        try:
            yield
        finally:
            _set_variables({"KRB5CCNAME": before})


class SilentKdc:
    """A realm whose KDC takes everything that comes, by UDP and TCP, and never answers.

    Entering the context sets the variables of the process that lead to it, and leaving it restores them.

    Attributes:
        name: of the realm.
    """

    name = REALM

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._datagrams: socket.socket | None = None
        self._asked = 0

    def __enter__(self) -> SilentKdc:
        port = _free_port()
        self._datagrams = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._datagrams.bind(("127.0.0.1", port))
        self._datagrams.setblocking(False)
        self._stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=128))
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="silent-kdc-")))
        configuration = directory / "krb5.conf"
        configuration.write_text(
            f"[libdefaults]\ndefault_realm = {self.name}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            f"[realms]\n{self.name} = {{\nkdc = 127.0.0.1:{port}\n}}\n",
            encoding="utf-8",
        )
        variables = {"KRB5_CONFIG": str(configuration), "KRB5CCNAME": f"FILE:{directory / 'no-cache'}"}
        self._stack.callback(_set_variables, {name: os.environ.get(name) for name in variables})
        os.environ.update(variables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def asked(self) -> int:
        """How many datagrams came so far; a client repeats each of its questions."""
        with contextlib.suppress(BlockingIOError):
            while self._datagrams is not None and self._datagrams.recv(1 << 16):
                self._asked += 1
        return self._asked


def _free_port() -> int:
    """A port that is free for UDP and TCP; below those that the system hands out by itself."""
    while True:
        port = random.randint(20000, 32000)
        with contextlib.ExitStack() as stack:
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _set_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

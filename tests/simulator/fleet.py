# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of simulated computers in one process."""

from __future__ import annotations

import asyncio
import errno
import ssl
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from .addresses import Addresses, raise_file_limit
from .authentication import Authenticators, Logons
from .certificates import ClientCertificate
from .clock import FleetClock
from .computer import HTTP_PORT, HTTPS_PORT, FleetParts, SimulatedComputer
from .control import control_application
from .declaration import Computer, Fleet, read
from .loop_thread import LoopThread
from .powershells import PowerShells
from .request_log import LoggedRequest, RequestLog
from .scripts import ScriptLibrary
from .service import Service
from .shell import User
from .tls import ComputerTls, FleetTls, make_context

#: How often another random block of addresses is tried before giving up.
_ATTEMPTS = 20


class SimulatedFleet:
    """Computers that answer WinRM requests on loopback addresses, each on ports 5985 and 5986.

    Use it as a context manager, or call ``start`` and ``stop``. All public members may be used from any thread.

    Attributes:
        clock: time of the whole fleet; ``clock.advance(seconds)`` lets it pass.
        ca_file: PEM file of the CA that signed the certificates, while the fleet runs.
        other_ca_file: of the CA that signed those of computers with the switch ``certificate`` set to ``other_ca``.
        crl_file: PEM file of the first CA's revocation list.
        control_url: address of the control interface, if it was asked for.
        stop_requested: set when a client asks the fleet to end, through the control interface.
    """

    def __init__(self, declared: Fleet | Mapping[str, Any], control_port: int | None = None) -> None:
        """Make the fleet that ``declared`` describes; nothing listens yet.

        Args:
            declared: a ``Fleet``, or what its file contains.
            control_port: of the control interface; 0 for any that is free, without one there is none.

        Raises:
            ValueError: the declaration makes no sense.
        """
        declaration = read(Fleet, declared)
        self._loop_thread = LoopThread()
        self.clock = FleetClock(self._loop_thread)
        self.users = [read(User, user) for user in declaration.users]
        self.ca_file: Path | None = None
        self.other_ca_file: Path | None = None
        self.crl_file: Path | None = None
        self.control_url: str | None = None
        self.stop_requested = threading.Event()
        self._log = RequestLog()
        self._powershells = PowerShells(declaration.max_powershells)
        self._logons = Logons()
        self._mapped_certificates: dict[str, str] = {}
        self._authenticators: Authenticators | None = None
        self._tls: FleetTls | None = None
        self._keepalive_timeout = declaration.keepalive_timeout
        self._control_port = control_port
        self._servers: list[asyncio.Server] = []
        self._http: web.Server | None = None
        self._control: web.AppRunner | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        library = ScriptLibrary.load(declaration.scripts)
        parts = FleetParts(self.clock, self._loop_thread, library, self._powershells)
        computers = [SimulatedComputer(computer, parts) for computer in declaration.one_by_one()]
        self._computers = {computer.name: computer for computer in computers}
        self._addresses = Addresses(computers, declaration.address_block)
        self._addresses.assign()

    @classmethod
    def build(
        cls,
        computers: Iterable[Computer | str | Mapping[str, Any]],
        users: Iterable[User | Mapping[str, Any]] = (),
        scripts: Mapping[str, Any] | None = None,
        switches: Mapping[str, Any] | None = None,
        *,
        control_port: int | None = None,
        **fields: Any,
    ) -> SimulatedFleet:
        """Make a fleet from the fields of a ``Fleet``, the usual ones by position.

        Raises:
            ValueError: the declaration makes no sense.
        """
        usual = {"computers": list(computers), "users": list(users), "scripts": scripts or {}}
        return cls({**usual, "switches": switches or {}, **fields}, control_port)

    # The computers

    def __getitem__(self, name: str) -> SimulatedComputer:
        return self._computers[name]

    def __iter__(self) -> Iterator[SimulatedComputer]:
        return iter(self._computers.values())

    def __len__(self) -> int:
        return len(self._computers)

    @property
    def powershell_processes(self) -> int:
        """How many PowerShell processes the fleet has at the moment."""
        return self._loop_thread.call(lambda: self._powershells.count)

    # The requests

    @property
    def requests(self) -> list[LoggedRequest]:
        """All requests so far, oldest first; those still running have no ``ended``."""
        return self._loop_thread.call(self._log.select)

    def requests_of(self, computer: str | None = None, operation: str | None = None) -> list[LoggedRequest]:
        """The requests to one computer, of one operation, or both."""

        def wanted(request: LoggedRequest) -> bool:
            return computer in (None, request.computer) and operation in (None, request.operation)

        return self._loop_thread.call(lambda: self._log.select(wanted))

    def clear_requests(self) -> None:
        """Forget all requests so far."""
        self._loop_thread.call(self._log.clear)

    # Who comes in

    @property
    def failed_logons(self) -> dict[str, int]:
        """How often whose credentials were refused; the empty name stands for those who gave none."""
        return self._loop_thread.call(lambda: dict(self._logons.failed))

    def unlock(self, user: str) -> None:
        """Let an account in again that the switch ``lockout_after`` has locked."""
        self._loop_thread.call(lambda: self._logons.unlock(user))

    def expire_nonces(self) -> None:
        """Have Digest clients ask for a new nonce."""
        if self._authenticators is not None:
            self._loop_thread.call(self._authenticators.digest.expire_nonces)

    def make_client_certificate(
        self, user: User | str, mapped: bool = True, key_password: str | None = None, with_pkcs12: bool = True
    ) -> ClientCertificate:
        """Make a client certificate, whose files last as long as the fleet runs.

        Args:
            user: the account it belongs to.
            mapped: the computers know that.
            key_password: protects the key; without one the PEM file has it in clear, and the PKCS#12 file a password
                of its own.

        Raises:
            RuntimeError: the fleet is not started.
        """
        name = user if isinstance(user, str) else user.name
        certificate = self._running_tls.authority.issue_client(name, key_password, with_pkcs12)
        if mapped:
            self._mapped_certificates[certificate.sha1] = name
        return certificate

    def make_server_context(self, *names: str) -> ssl.SSLContext:
        """TLS for another server, such as a ``RecordingServer``, that clients of this fleet trust.

        Args:
            names: host names and addresses in its certificate.

        Raises:
            RuntimeError: the fleet is not started.
        """
        return make_context(self._running_tls.authority, names)

    def server_certificate(self, kind: str = "valid") -> bytes:
        """The certificate of the first computers with this value of the switch ``certificate``, DER.

        Raises:
            RuntimeError: the fleet is not started.
        """
        return self._running_tls.certificate(kind).certificate

    @property
    def _running_tls(self) -> FleetTls:
        if self._tls is None:
            raise RuntimeError("the fleet is not started")
        return self._tls

    # Life

    def __enter__(self) -> SimulatedFleet:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on all addresses.

        Raises:
            OSError: no addresses are free, after several attempts unless they are given.
        """
        raise_file_limit()
        self._loop_thread.start()
        self._directory = tempfile.TemporaryDirectory(prefix="simulated-fleet-")
        try:
            for computer in self:
                self._loop_thread.run(computer.start_existing())
            self._loop_thread.run(self._listen_somewhere())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close all connections and listeners; a new ``start`` continues with the sessions.

        Those that run in a PowerShell end with their processes.
        """
        if self._loop_thread.running:
            self._loop_thread.run(self._shut_down())
            self._loop_thread.stop()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = self._tls = self._authenticators = None
            self.ca_file = self.other_ca_file = self.crl_file = None

    async def _listen_somewhere(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                await self._listen()
                break
            except OSError as error:
                await self._close_listeners()
                if error.errno != errno.EADDRINUSE or self._addresses.fixed or attempt == _ATTEMPTS - 1:
                    raise
                self._addresses.assign()
        if self._control_port is not None:
            await self._start_control(self._control_port)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        directory = Path(self._directory.name if self._directory else tempfile.gettempdir())
        addresses = [computer.address for computer in self]
        self._tls = tls = FleetTls(directory, [computer.name for computer in self], addresses)
        self.ca_file, self.other_ca_file = tls.authority.ca_file, tls.other_authority.ca_file
        self.crl_file = tls.crl_file
        self._authenticators = Authenticators(self._mapped_certificates, self._logons)
        service = Service(self._log, self.clock, tls, self._authenticators)
        for computer in self:
            service.add(computer)
        # A client that goes away takes its pending Receive with it.
        self._http = web.Server(
            service.handle, handler_cancellation=True, keepalive_timeout=self._keepalive_timeout, access_log=None
        )
        self._servers.append(await loop.create_server(self._http, addresses, HTTP_PORT, backlog=256))
        for computer in self:
            context = ComputerTls(tls, computer)
            server = await loop.create_server(self._http, computer.address, HTTPS_PORT, ssl=context, backlog=256)
            self._servers.append(server)

    async def _start_control(self, port: int) -> None:
        self._control = web.AppRunner(control_application(self), access_log=None)
        await self._control.setup()
        site = web.TCPSite(self._control, "127.0.0.1", port)
        await site.start()
        host, bound_port = self._control.addresses[0][:2]
        self.control_url = f"http://{host}:{bound_port}"

    async def _close_listeners(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._http is not None:
            await self._http.shutdown(0.1)
            self._http = None

    async def _shut_down(self) -> None:
        await self._close_listeners()
        if self._control is not None:
            await self._control.cleanup()
            self._control = self.control_url = None
        for computer in self:
            computer.end_powershells()
        await self._powershells.close()

# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: psrp
short_description: Run Windows tasks over PowerShell remoting, and get over broken connections
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Runs tasks and copies files as C(ansible.builtin.psrp) does, with the same variables and the same
    results.
  - A connection that breaks while a task waits is replaced, and the task goes on. Its command runs once.
  - Nothing is stopped that a user did not stop. The keyword C(timeout) and Ctrl-C stop the command and remove its
    session. After any other end of the task the command goes on.
  - Redirections are not followed, and C(.netrc) is not read.
  - This is a preview. It was tested with PowerShell 7 for Linux, not yet with Windows.
requirements:
  - pypsrp >= 0.9.1, < 1.0.0 on the controller
extends_documentation_fragment:
  - ansible.builtin.connection_pipelining
  - psremoting.fleet._psrp_connection
options:
  recovery_timeout:
    description:
      - How long the task tries to get over one break of its connection, in seconds. V(0) fails at once.
      - Servers keep a session without a client for as long as its idle timeout, two hours by default.
    type: int
    default: 240
    vars:
      - name: ansible_psrp_recovery_timeout
  server_certificate_fingerprint:
    description:
      - The SHA-256 fingerprint of the server's certificate. Only this certificate is accepted then, and nothing else is
        asked of it.
    type: str
    vars:
      - name: pssession_server_certificate_fingerprint
"""

import base64
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.connection.psrp import Connection as CoreConnection
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    Endpoint,
    HostSettings,
    PSSessionError,
    Script,
    endpoint_of,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    POWERSHELL_RESOURCE_PREFIX,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._connection_options import (
    FINGERPRINT,
    NEGOTIATE_SERVICE,
    settings_from,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_session import (
    TaskSession,
    is_unreachable,
    told,
)

try:
    from ansible.executor.powershell.module_manifest import _bootstrap_powershell_script
except ImportError:  # before ansible-core 2.19, which reads files by `_exec_psrp_script` alone
    _bootstrap_powershell_script = None

display = Display()
# Variables of options that are planned. To pass over them would promise what is not done.
_NOT_THERE_YET = (
    "durable",
    "durable_wait",
    "durable_max_age",
    "scope",
    "reuse",
    "max_tasks",
    "idle_timeout",
)


class Connection(CoreConnection):
    """Core's connection with the sessions and requests of this collection's engine."""

    # Variables ansible_psrp_* of no option are known then, so that those that are not there yet are refused.
    allow_extras = True
    _extras_prefix = "psrp"

    runspace: TaskSession | None

    def _connect(self) -> Connection:
        self._build_kwargs()  # what core's methods read of the options
        if self.runspace is not None:
            return self
        self._refuse_what_is_not_there()
        display.vvv(f"ESTABLISH PSRP CONNECTION FOR USER: {self._psrp_user} TO {self._psrp_host}", host=self._psrp_host)
        resource_uri = POWERSHELL_RESOURCE_PREFIX + str(self.get_option("configuration_name"))
        try:
            self.runspace = TaskSession(
                self._endpoint(), resource_uri, float(self.get_option("recovery_timeout")), self._tell
            )
        except VariableError as error:
            raise AnsibleError(str(error)) from error
        except PSSessionError as error:
            raise AnsibleConnectionFailure(f"No session could be opened on {self._psrp_host}. {told(error)}") from error
        self.host = self.runspace.host
        self._connected = True
        return self

    def close(self) -> None:
        """Remove the session, unless its command may still be working."""
        session, self.runspace = self.runspace, None
        self._connected = False
        if session is None:
            return
        try:
            session.close()
        except PSSessionError as error:
            display.vvv(f"PSRP: session {session.id} could not be removed. {told(error)}", host=self._psrp_host)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the computer to the controller, piece by piece."""
        if _bootstrap_powershell_script is None:
            super().fetch_file(in_path, out_path)
            return
        ConnectionBase.fetch_file(self, in_path, out_path)  # connects
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self._psrp_host)
        # Base64 makes four characters of three bytes; a request holds one piece.
        size = self._session.connection.max_payload_size // 4
        script, given = _bootstrap_powershell_script(
            "psrp_fetch_file.ps1", {"Path": in_path, "BufferSize": size - size % 1024}
        )
        with _Fetched(out_path.replace("\\", "/")) as file:
            pipeline = self._run(script, given.decode().splitlines(), take=file.take)
        code, _stdout, stderr = self._parse_pipeline_result(pipeline)
        if code != 0:
            raise AnsibleError(f"failed to transfer file to '{out_path}': {stderr.decode(errors='replace')}")

    def _exec_psrp_script(
        self,
        script: str,
        input_data: t.Any = None,
        use_local_scope: bool = True,
        arguments: t.Iterable[t.Any] | None = None,
    ) -> tuple[int, bytes, bytes]:
        pipeline = self._run(script, input_data, arguments, use_local_scope)
        result: tuple[int, bytes, bytes] = self._parse_pipeline_result(pipeline)
        return result

    def _run(
        self,
        script: str,
        input_data: t.Any = None,
        arguments: t.Iterable[t.Any] | None = None,
        use_local_scope: bool = True,
        take: t.Callable[[t.Any], None] | None = None,
    ) -> CorePipeline:
        """Run a script, as pypsrp's PowerShell does for core.

        Args:
            input_data: One object, a list of objects, or an iterator of both.
            take: Gets each object of the output as it comes.
        """
        ready = Script(
            script,
            tuple(arguments or ()),
            input=_objects(input_data),
            has_ui=True,
            is_alone=True,
            has_own_scope=use_local_scope,
        )
        try:
            return self._session.run(ready, take)
        except PSSessionError as error:
            kind = AnsibleConnectionFailure if is_unreachable(error) else AnsibleError
            raise kind(f"The task has no result from {self._psrp_host}. {told(error)}") from error

    @property
    def _session(self) -> TaskSession:
        if self.runspace is None:
            self._connect()
        return t.cast(TaskSession, self.runspace)

    def _endpoint(self) -> Endpoint:
        """Return where the options lead, read as for all tasks of this collection."""
        name, options = str(self._psrp_host), self.get_options()
        variables = {
            FINGERPRINT: options["server_certificate_fingerprint"],
            NEGOTIATE_SERVICE: options["negotiate_service"],
        }
        settings = settings_from("psrp", name, options, variables)
        session_option = {"no_machine_profile": bool(options.get("no_profile"))}
        return endpoint_of(HostSettings.from_options({**settings, "computer_name": name}), session_option)

    def _refuse_what_is_not_there(self) -> None:
        given = self._options.get("_extras") or {}
        unknown = [f"ansible_psrp_{name}" for name in _NOT_THERE_YET if f"ansible_psrp_{name}" in given]
        if unknown:
            raise AnsibleError(
                f"{', '.join(unknown)}: psremoting.fleet.psrp does not have this yet. Remove the variable. Nothing was "
                "sent."
            )

    def _tell(self, line: str) -> None:
        display.warning(f"{self._psrp_host}: {line}")


class _Fetched:
    """The file that a fetch writes; of a folder there is none, as with core."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: t.BinaryIO | None = None
        self._is_first = True

    def __enter__(self) -> _Fetched:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def take(self, piece: str) -> None:
        """Take an object of the script's output: what it reads, then pieces in Base64."""
        if self._is_first:
            self._is_first = False
            if piece != "[DIR]":
                self._file = open(self._path, "wb")  # noqa: SIM115 - it is closed at the end of the block
        elif self._file is not None:
            self._file.write(base64.b64decode(piece))


def _objects(data: t.Any) -> t.Iterable[t.Any] | None:
    """Return the objects of an input; pypsrp sends those of a list, and of each list that an iterator gives."""
    if not data:
        return None
    if isinstance(data, t.Iterator):
        return (each for item in data for each in (item if isinstance(item, list) else [item]))
    return tuple(data) if isinstance(data, list) else (data,)

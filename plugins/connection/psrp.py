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
  - Runs tasks and copies files as C(ansible.builtin.psrp) does. Variables and results are the same.
  - If the connection breaks while a task waits, the plugin opens a new one, and the task goes on. The command of the
    task runs once.
  - With O(durable), a task whose controller was killed goes on when the play runs again. With O(reuse), the tasks of a
    host share a session.
  - Only the keyword C(timeout) and Ctrl-C stop the command and remove its session. If the task ends in any other way,
    the command goes on.
  - Redirections are not followed, and C(.netrc) is not read.
  - This is a preview. It was tested with PowerShell 7 for Linux, not yet with Windows.
requirements:
  - pypsrp >= 0.9.1, < 1.0.0 on the controller
extends_documentation_fragment:
  - ansible.builtin.connection_pipelining
  - psremoting.fleet._psrp_connection
  - psremoting.fleet._kept_sessions
  - psremoting.fleet._sessions.controller_sources
options:
  recovery_timeout:
    description:
      - Seconds that the task may take to repair a broken connection. With V(0) the task fails at once.
      - Servers keep a session without a client for as long as its idle timeout, two hours by default.
    type: int
    default: 240
    vars:
      - name: ansible_psrp_recovery_timeout
  server_certificate_fingerprint:
    description:
      - The SHA-256 fingerprint of the server's certificate. The plugin then accepts this certificate only, and makes no
        other check of it.
    type: str
    vars:
      - name: pssession_server_certificate_fingerprint
"""

import base64
import dataclasses
import datetime
import hashlib
import json
import os
import typing as t
import uuid

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
from ansible_collections.psremoting.fleet.plugins.plugin_utils._keeping import (
    KeepingError,
    Setting,
    idle_timeout,
    is_kept,
    keeping_of,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_session import KeptSession
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_session import (
    TaskSession,
    is_unreachable,
    told,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import TRANSFER, Work, work_of

try:
    from ansible.executor.powershell.module_manifest import _bootstrap_powershell_script
except ImportError:  # before ansible-core 2.19, which reads files by `_exec_psrp_script` alone
    _bootstrap_powershell_script = None

display = Display()
# How often a file is sent when the connection breaks, where sessions are kept.
_ATTEMPTS = 3
# By .NET, as core's script writes the file.
_RENAME = "param($from, $to) if ([IO.File]::Exists($to)) { [IO.File]::Delete($to) }; [IO.File]::Move($from, $to)"


class Connection(CoreConnection):
    """Core's connection with the sessions and requests of this collection's engine."""

    runspace: TaskSession | None

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._work: Work = TRANSFER
        self._files: dict[str, str] = {}

    def _connect(self) -> Connection:
        self._build_kwargs()  # what core's methods read of the options
        if self.runspace is not None:
            return self
        display.vvv(f"ESTABLISH PSRP CONNECTION FOR USER: {self._psrp_user} TO {self._psrp_host}", host=self._psrp_host)
        resource_uri = POWERSHELL_RESOURCE_PREFIX + str(self.get_option("configuration_name"))
        options, timeout = self.get_options(), float(self.get_option("recovery_timeout"))
        try:
            if is_kept(options, self._setting):
                endpoint = self._endpoint({"idle_timeout": idle_timeout(options)})
                keeping = keeping_of(options, endpoint, resource_uri, self._setting)
                self.runspace = KeptSession(endpoint, resource_uri, timeout, self._tell, keeping)
            else:
                self.runspace = TaskSession(self._endpoint({}), resource_uri, timeout, self._tell)
        except (VariableError, KeepingError) as error:
            raise AnsibleError(str(error)) from error
        except PSSessionError as error:
            raise AnsibleConnectionFailure(f"No session could be opened on {self._psrp_host}. {told(error)}") from error
        self.host = self.runspace.host
        self._connected = True
        return self

    def close(self) -> None:
        """Remove the session, unless its command may still be working, or leave it to the next task."""
        session, self.runspace = self.runspace, None
        self._connected = False
        if session is None:
            return
        try:
            session.close()
        except PSSessionError as error:
            display.vvv(f"PSRP: session {session.id} could not be removed. {told(error)}", host=self._psrp_host)

    def reset(self) -> None:
        """Have the next command run in a new session."""
        if is_kept(self.get_options(), self._setting):
            session = t.cast(KeptSession, self._session)
            session.remove()
            self.close()
        else:
            super().reset()

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command of ansible-core: a script, a module, or what a task needs besides."""
        if isinstance(self._session, KeptSession):
            work = work_of(cmd, in_data, self._files)
            self._work = dataclasses.replace(work, is_secret=self._setting.is_secret)  # items of a loop may differ
        try:
            result: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        finally:
            self._work = TRANSFER
        return result

    def put_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the controller to the computer, piece by piece."""
        if not isinstance(self._session, KeptSession):
            super().put_file(in_path, out_path)
            return
        unquote = getattr(self._shell, "_unquote", str)  # ansible-core 2.22 quotes no paths
        target = str(unquote(out_path))
        temporary = f"{target}.{uuid.uuid4().hex}"
        _again_after_breaks(lambda: super(Connection, self).put_file(in_path, temporary))
        code, _stdout, stderr = self._exec_psrp_script(_RENAME, arguments=[temporary, target])
        if code != 0:
            raise AnsibleError(f"The file {target} could not be replaced: {stderr.decode(errors='replace')}")
        with open(in_path, "rb") as file:
            self._files[target] = _digest(file)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the computer to the controller, piece by piece."""
        if not isinstance(self._session, KeptSession) or (os.path.exists(out_path) and not os.path.isfile(out_path)):
            self._fetch(in_path, out_path)
            return
        temporary = f"{out_path}.{uuid.uuid4().hex}"
        try:
            _again_after_breaks(lambda: self._fetch(in_path, temporary))
            if os.path.exists(temporary):  # of a folder nothing is written
                os.replace(temporary, out_path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)

    def _fetch(self, in_path: str, out_path: str) -> None:
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
        code, stdout, stderr = self._parse_pipeline_result(pipeline)
        return code, _with_start(stdout, pipeline.started), stderr

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
            return self._session.run(ready, take, self._work)
        except PSSessionError as error:
            kind = AnsibleConnectionFailure if is_unreachable(error) else AnsibleError
            raise kind(f"The task has no result from {self._psrp_host}. {told(error)}") from error

    @property
    def _session(self) -> TaskSession:
        if self.runspace is None:
            self._connect()
        return t.cast(TaskSession, self.runspace)

    @property
    def _setting(self) -> Setting:
        become = self.become
        user = str(become.get_option("become_user", playcontext=self._play_context)) if become else None
        return Setting(user, bool(self._play_context.no_log))

    def _endpoint(self, session_option: dict[str, t.Any]) -> Endpoint:
        """Return the endpoint of the options, which are read as for all tasks of this collection."""
        name, options = str(self._psrp_host), self.get_options()
        variables = {
            FINGERPRINT: options["server_certificate_fingerprint"],
            NEGOTIATE_SERVICE: options["negotiate_service"],
        }
        settings = settings_from("psrp", name, options, variables)
        session_option = {"no_machine_profile": bool(options.get("no_profile")), **session_option}
        return endpoint_of(HostSettings.from_options({**settings, "computer_name": name}), session_option)

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


def _again_after_breaks(transfer: t.Callable[[], None]) -> None:
    """Transfer a file; from its beginning, if the connection breaks."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            transfer()
        except AnsibleConnectionFailure:
            if not left:
                raise
        else:
            return


def _with_start(stdout: bytes, started: datetime.datetime | None) -> bytes:
    """Say in the result of a module when an earlier run started it; other output stays as it is."""
    if started is None:
        return stdout
    try:
        result = json.loads(stdout)
    except ValueError:
        return stdout
    if not isinstance(result, dict):
        return stdout
    return json.dumps({**result, "joined": True, "started_at": started.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()


def _digest(file: t.BinaryIO) -> str:
    digest = hashlib.sha256()
    for piece in iter(lambda: file.read(1 << 20), b""):
        digest.update(piece)
    return digest.hexdigest()

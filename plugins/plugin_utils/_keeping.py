"""Settings for the sessions that Windows tasks share, from the options of the connection."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
import typing as t
import uuid

from ansible import constants as C
from ansible.release import __version__ as core_version

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.identity import Identity
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_list, _kept_script
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_results import KeptResults
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_session import Keeping
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import SECRET, KeptState, prune
from ansible_collections.psremoting.fleet.plugins.plugin_utils._run_identity import run_client_id
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_ids import Ids, SecretError, secret_at

# Variables that AWX sets for a job.
_OF_AWX = ("AWX_ISOLATED_DATA_DIR", "AWX_PRIVATE_DATA_DIR")
# Tasks of one host that may run at the same time, as when others delegate to it.
_MOST_AT_ONCE = 64
# Seconds between two attempts to lock a session that another process uses.
_POLL_SECONDS = 0.5
_IDLE_SECONDS, _DURABLE_IDLE_SECONDS = 900, 43200

Options = t.Mapping[str, t.Any]


class KeepingError(Exception):
    """The options cannot be used, or another process uses the session."""


class Setting(t.NamedTuple):
    """Properties of a task that decide how its session is kept.

    Attributes:
        become_user: The name of the become user. None without become.
        is_secret: Whether the task has no_log.
    """

    become_user: str | None
    is_secret: bool


def is_kept(options: Options, setting: Setting) -> bool:
    """Return whether a task's session is kept.

    Raises:
        KeepingError: `durable` has no scope.
    """
    if options["durable"]:
        if not options["scope"]:
            raise KeepingError(
                "ansible_psrp_durable needs ansible_psrp_scope, a name that later runs of the same play share, "
                'such as "ansible_psrp_scope: monthly-checks". Nothing was sent.'
            )
        return True
    if options["reuse"] == "auto":
        return setting.become_user is None and not setting.is_secret and not any(name in os.environ for name in _OF_AWX)
    return bool(options["reuse"] == "always")


def idle_timeout(options: Options) -> int:
    """Return the idle timeout of kept sessions, in seconds."""
    usual = _DURABLE_IDLE_SECONDS if options["durable"] else _IDLE_SECONDS
    return int(usual if options["idle_timeout"] is None else options["idle_timeout"])


def keeping_of(options: Options, endpoint: Endpoint, resource_uri: str, setting: Setting) -> Keeping:
    """Return the settings for a task's kept session, and lock its state file for this process.

    Args:
        resource_uri: The URI of the session configuration.

    Raises:
        KeepingError: The options or the folder for the state cannot be used, or another process uses the session.
    """
    state_file = options["state_file"] or os.path.join(C.ANSIBLE_HOME, "pssession", "state.sqlite3")
    state_file = os.path.abspath(os.path.expanduser(state_file))
    folder = os.path.join(os.path.dirname(state_file), "tasks")
    is_durable = bool(options["durable"])
    scope = options["scope"] if is_durable else run_client_id()
    place = [scope, options["inventory_host"], endpoint.key, options["remote_user"], resource_uri, core_version]
    kind = _digest([setting.become_user, setting.is_secret, options["role"], _kept_script.RESTORE])
    try:
        secret = secret_at(os.path.join(folder, SECRET), options["client_secret"])
        files = (os.path.join(folder, Ids(secret, [*place, slot]).name) for slot in itertools.count())
        slot, state = _waited_for(next(files), options) if is_durable else _found(files)
        _kept_list.note(str(options["inventory_host"]), state.path, idle_timeout(options))
        client_id = _client_id(options, state_file)
        if state.read() is None:
            prune(folder)
    except SecretError as error:
        raise KeepingError(str(error)) from error
    except OSError as error:
        raise KeepingError(
            f"What is known of the sessions of tasks cannot be kept in {folder}: {error}. Set pssession_state_file to "
            "a file in a folder of your own, or do without ansible_psrp_durable and ansible_psrp_reuse."
        ) from error
    return Keeping(
        is_durable=is_durable,
        ids=Ids(secret, [*place, slot, kind]),
        kind=kind,
        run=run_client_id(),
        state=state,
        client_id=client_id,
        wait=float(options["durable_wait"]),
        max_age=float(options["durable_max_age"]),
        max_tasks=int(options["max_tasks"]),
        results=KeptResults(folder) if is_durable else None,
    )


def _waited_for(path: str, options: Options) -> tuple[int, KeptState]:
    """Return the locked state file of a host's only session in a scope."""
    state = KeptState(path)
    give_up_at = time.monotonic() + options["durable_wait"]
    while not state.take():
        if time.monotonic() >= give_up_at:
            state.release()
            raise KeepingError(
                f"Another run with the scope {options['scope']} works on this host at the same time. Nothing was sent. "
                "Wait for its end, or give the runs different scopes (ansible_psrp_scope)."
            )
        time.sleep(_POLL_SECONDS)
    return 0, state


def _found(paths: t.Iterator[str]) -> tuple[int, KeptState]:
    """Return the locked state file of the first session that no other task of the run uses."""
    for slot, path in enumerate(itertools.islice(paths, _MOST_AT_ONCE)):
        state = KeptState(path)
        if state.take():
            return slot, state
        state.release()
    raise KeepingError(f"{_MOST_AT_ONCE} tasks work on this host at the same time. Set ansible_psrp_reuse to never.")


def _client_id(options: Options, state_file: str) -> str:
    given = options["client_id"]
    if given:
        try:
            return str(uuid.UUID(given))
        except ValueError as error:
            raise KeepingError(f"The client id {given!r} is not a GUID (PSSESSION_CLIENT_ID).") from error
    return Identity(state_file, LocalDisk()).keep(str(uuid.uuid4()))


def _digest(values: t.Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()

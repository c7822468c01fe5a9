"""Jobs: decide from the answers of the servers what to do next with the sessions of a host or a fleet.

A job is a generator. It yields each call of a module and each line to show, gets the result of a call as plain data,
and returns the results of the hosts. It uses no Ansible, no network and no files. A driver does the calls, and a test
can drive a job with a fake engine and end it between any two calls.

- `start`: start a script in disconnected sessions.
- `resume`: complete work, whatever its state is.
- `connect`, `collect`: connect to sessions; receive the output of their commands.
- `harvest`: receive the output of commands that have ended, without waiting.
- `list`: find sessions.
- `journal`: return the output of commands from journals, without a request.
- `extend`: give sessions that expire soon more time.
- `cleanup`: remove sessions that were left behind.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Job, Order
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.cleanup import cleanup
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.extend import extend
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.journal import journal
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.listing import find
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.reconnect import collect, connect, harvest
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.resume import resume
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.start import start

JOBS: t.Mapping[str, t.Callable[[Order], Job]] = {
    "start": start,
    "resume": resume,
    "connect": connect,
    "collect": collect,
    "harvest": harvest,
    "list": find,
    "journal": journal,
    "extend": extend,
    "cleanup": cleanup,
}
# Jobs that start a script, that receive output, that have output to show, and that use a folder of the controller.
WITH_SCRIPT = frozenset({"start", "resume"})
RECEIVING = frozenset({"collect", "harvest", "resume"})
WITH_OUTPUT = RECEIVING | {"journal"}
WITH_FOLDER = frozenset({"start", "resume", "journal"})

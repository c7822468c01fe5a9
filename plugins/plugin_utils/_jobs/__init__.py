"""Jobs: what to do next with the sessions of one host or of a whole fleet, decided from what the servers answered.

A job is a generator. It yields each call of a module and each line to show, gets the result of a call as plain data,
and returns what each host was told. It has no Ansible, no network and no files in it: a driver does the calls, and a
test can drive a job with a fake engine and end it between any two calls.

- `start`: start a script in disconnected sessions.
- `resume`: bring work to its end, from wherever it is.
- `connect`, `collect`: connect to sessions; receive what their commands give.
- `harvest`: receive what commands have given that have ended, and wait for none.
- `list`: find sessions.
- `journal`: tell what journals have of commands, without a request.
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
# Jobs that start a script, that receive what commands give, that have output to show, and that work with a folder of
# the controller.
WITH_SCRIPT = frozenset({"start", "resume"})
RECEIVING = frozenset({"collect", "harvest", "resume"})
WITH_OUTPUT = RECEIVING | {"journal"}
WITH_FOLDER = frozenset({"start", "resume", "journal"})

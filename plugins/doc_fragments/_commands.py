"""Documentation of the options of tasks that wait for commands and receive their output.

plugins/module_utils/_arguments.py has their specifications. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds to wait for the end of each command. Without this option the task waits until the commands end.
      - After this time the task disconnects from the session, and the command goes on. No output is lost. The output
        received so far is in RV(results).
    type: int
  recovery_timeout:
    description:
      - Seconds that the task may take to repair a broken connection while it receives output. With V(0) a break is an
        error at once.
      - Each of these is a break. The connection broke or cannot be opened. The answer is missing or damaged. A gateway
        answered HTTP 502, 503 or 504. The server disconnected the session. The task then waits 1, 2, 4 and at most 10
        seconds between its attempts, connects to the session and the command over a new connection, and goes on where
        it was. It receives nothing twice. RV(results[].reconnections) counts the repairs.
      - This option does not lengthen O(timeout). If the session no longer exists, or another client has connected to
        it, that is an error at once.
    type: int
    default: 240
  live:
    description:
      - How much the task shows while it waits. V(none) shows nothing. V(warnings) shows errors and warnings of scripts
        at once. V(progress) also shows for each command its host, the time waited, its last progress record and the
        number of output objects. V(output) also shows the newest lines of output.
      - A session gets a new line only when something has changed. There is at most one line in 5 seconds at first, and
        later at most one in 5 minutes. If the task has more than 10 sessions on all its hosts, one line summarises
        them. A run shows 200 lines at most.
      - The lines go to standard output. If the stdout callback prints data, as C(ansible.posix.json) does, they go to
        standard error. A task with C(no_log), or on another host than the controller, shows nothing.
    type: str
    choices: [none, warnings, progress, output]
    default: progress
  max_output_objects:
    description:
      - The number of objects that a result keeps of the output stream, and of records of each other stream. Each line
        of formatted output counts as an object. Further objects and records are only counted. The O(journal), if there
        is one, has all of them.
      - Without this option the result keeps all of them.
    type: int
  expected_return_code:
    description:
      - Exit codes that count as success. A script has an exit code only if it calls C(exit).
      - Any other code is an error with the reason V(command_failed). The state of the command stays V(Completed), and
        its output is in RV(results).
      - PowerShell does not return the exit code of a native program by itself. To return it, end the script with
        C(exit $LASTEXITCODE).
    type: list
    elements: int
    default: [0]
"""

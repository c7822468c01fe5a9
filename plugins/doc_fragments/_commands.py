"""Documentation of the options of tasks that wait for commands and receive what they give.

plugins/module_utils/_arguments.py has their specifications. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds to wait for the end of each command. Without it the task waits as long as they run.
      - After that a command goes on, and its session is disconnected, so that nothing is lost. The output received so
        far is in RV(results).
    type: int
  recovery_timeout:
    description:
      - Seconds to get over each break of the connection while output is received. V(0) means that a break is an error
        at once.
      - A break is a connection that broke or cannot be opened, an answer that does not come or is damaged, HTTP 502,
        503 or 504 of a gateway, and a session that the server disconnected. The task then waits 1, 2, 4 and at most
        10 seconds, connects to the session and the command again over a new connection, and goes on where it was.
        Nothing is received twice, and RV(results[].reconnections) counts.
      - It does not lengthen O(timeout). A session that is gone, or that another client took, is an error at once.
    type: int
    default: 240
  live:
    description:
      - Shown while the task waits. V(none) shows nothing. V(warnings) shows errors and warnings of scripts at once.
        V(progress) also shows where each command is, by its host, the time waited, its last record of progress and the
        number of output objects. V(output) also shows the newest lines of output.
      - A line comes only where something has changed, at most one in 5 seconds for a session, and fewer as time goes,
        up to one in 5 minutes. Above 10 sessions, of all hosts that the task runs for, one line replaces them. A run
        shows 200 lines at most.
      - Lines are on standard output, or on standard error where the stdout callback prints data, such as
        C(ansible.posix.json). A task with C(no_log) shows nothing, and neither does one that runs on another host.
    type: str
    choices: [none, warnings, progress, output]
    default: progress
  max_output_objects:
    description:
      - How many objects of the output stream, or lines of formatted output, a result keeps, and how many records of
        each other stream. Further ones are counted, and in the O(journal) if there is one.
      - Without it all are kept.
    type: int
  expected_return_code:
    description:
      - Exit codes that are a success. It is about scripts that call C(exit); one that does not has no code.
      - Any other code is an error with the reason V(command_failed). The state of the command stays V(Completed), and
        its output is in RV(results).
      - PowerShell does not pass on the exit code of a native program by itself. To have it here, end the script with
        C(exit $LASTEXITCODE).
    type: list
    elements: int
    default: [0]
"""

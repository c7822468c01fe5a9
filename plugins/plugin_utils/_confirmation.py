"""The cmdlets' confirmation prompt, on Ansible's terminal."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError, AnsiblePromptInterrupt
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ConfirmationError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import is_stdout_for_people

if t.TYPE_CHECKING:
    from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession

_CHOICES = '[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help (default is "Y"): '
_HELP = """Y - Do it to this session.
A - Do it to this session and to all that follow, without asking.
N - Leave this session as it is and ask about the next.
L - Leave this session and all that follow as they are."""
_ANSWERS = {
    "y": "y", "yes": "y", "": "y",
    "a": "a", "yes to all": "a",
    "n": "n", "no": "n",
    "l": "l", "no to all": "l",
    "?": "?",
}  # fmt: skip


class Confirmation:
    """Asks about one session after the other and remembers an answer "to all"."""

    def __init__(self) -> None:
        self._for_all: bool | None = None

    def __call__(self, operation: str, target: str, session: PSSession) -> bool:
        """Return whether an operation may be done to a session.

        Raises:
            ConfirmationError: There is no terminal to ask on, or the user interrupted.
        """
        if self._for_all is not None:
            return self._for_all
        name, computer = session.name or session.instance_id, session.endpoint.computer_name
        what = f'"{target or name}" ({name if target == computer else computer})'
        question = (
            "Confirm\nAre you sure you want to perform this action?\n"
            f'Performing the operation "{operation}" on target {what}.\n{_CHOICES}'
        )
        answer = self._ask(question)
        while answer not in ("y", "a", "n", "l"):
            answer = self._ask(f"{_HELP}\n{_CHOICES}" if answer == "?" else _CHOICES)
        if answer in ("a", "l"):
            self._for_all = answer == "a"
        return answer in ("y", "a")

    @staticmethod
    def _ask(question: str) -> str:
        if not is_stdout_for_people():  # Ansible shows questions there
            raise ConfirmationError(
                "confirm: the question could not be asked, because the stdout callback prints data, and nothing else "
                "may be on standard output. Use the callback default, or omit confirm. Nothing was done."
            )
        try:
            answer = Display().prompt_until(question, private=False)
            if isinstance(answer, Exception):  # how some versions of ansible-core hand it to a worker
                raise answer
        except AnsiblePromptInterrupt as error:
            raise ConfirmationError("confirm: interrupted instead of answered. Nothing was done.") from error
        except AnsibleError as error:
            raise ConfirmationError(
                "confirm: the question could not be asked, because standard input is not a terminal. Run the playbook "
                f"on a terminal, or omit confirm. Nothing was done. ({error or type(error).__name__})"
            ) from error
        return _ANSWERS.get(answer.decode("utf-8", "replace").strip().lower(), "")

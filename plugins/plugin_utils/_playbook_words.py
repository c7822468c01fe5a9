"""Hints in the words of playbooks: variables instead of options, and playbooks instead of modules."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t

from ansible_collections.psremoting.fleet.plugins.plugin_utils._role_variables import PREFIX, VARIABLES

_VARIABLES = sorted(name.removeprefix(PREFIX) for name in VARIABLES if "_" in name.removeprefix(PREFIX))
_TIMEOUT = "ansible_psrp_operation_timeout or ansible_winrm_operation_timeout_sec"
_VALIDATION = "ansible_psrp_cert_validation or ansible_winrm_server_cert_validation"
# Applied in their order: the words of a hint for modules, and their replacement in a playbook.
_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # A hint that names both has the other name in brackets.
        (rf"\w+ to (\S+) \(({PREFIX}\w+) in the playbooks?\)", r"\2 to \1"),
        (rf"\w+ \(({PREFIX}\w+) in the playbooks?\)", r"\1"),
        (r"[\w.]+ \(in the inventory, ([^)]*)\)", r"\1"),
        (r"\(ca_cert; ", "("),
        (r"Set credential, or ", "Set "),
        (r"session_option\.operation_timeout( \([^)]*open_timeout\))?", _TIMEOUT),
        (
            r"session_option\.skip_ca_check, skip_cn_check and skip_revocation_check switch checks off",
            f"{_VALIDATION}: ignore switches that off",
        ),
        (r"session_option\.proxy\b", "ansible_psrp_proxy or ansible_winrm_proxy"),
        (r"set on_missing: skip\b", f"leave missing out of {PREFIX}fail_on"),
        (r"set force; that ends", "use the module remove_pssession with force. That ends"),
        (r"\(remove_pssession\)", "(playbook cleanup)"),
        (r"with receive_pssession\b", "with the playbook collect"),
        (r"\breceive_pssession (receives|ends)\b", r"the playbook collect \1"),
        (r"\bremove_pssession removes\b", "the playbook cleanup removes"),
        (r"(^|[.!?] )pssession_info\b", r"\1The playbook list"),
        (r"\bpssession_info\b", "the playbook list"),
        # Options of a single word stay, since they are words of the language, too.
        (rf"(?<![\w.])({'|'.join(_VARIABLES)})\b", rf"{PREFIX}\1"),
    )
)


def in_variables(hint: str) -> str:
    """Return a hint with the variables of role, playbooks and inventory in place of the options of modules."""
    for pattern, words in _WORDS:
        hint = pattern.sub(words, hint)
    return hint


def error_in_variables(error: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return an error record with its hint as `in_variables` returns it."""
    return {**error, "hint": in_variables(str(error.get("hint") or ""))}

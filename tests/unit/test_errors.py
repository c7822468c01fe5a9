# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors carry PowerShell's own names (GetFQEIDFromTransportError)."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import (
    HINTS,
    Code,
    Reason,
    transport_prefix,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    Subject,
    TransportError,
    error_record,
)

COMMAND = "Microsoft.PowerShell.Commands.ConnectPSSessionCommand"


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        (5, "AccessDenied"),
        (14, "ServerOutOfMemory"),
        (53, "NetworkPathNotFound"),
        (995, "WinRMOperationAborted"),
        (1115, "ShutDownInProgress"),
        (1311, "AuthenticationFailed"),
        (1326, "LogonFailure"),
        (1722, "ImproperResponse"),
        (0x80090303, "TargetUnknown"),
        (0x80338002, "InvalidResourceUri"),
        (0x80338005, "CorruptedWinRMConfig"),
        (0x80338012, "CannotConnect"),
        (0x8033802D, "URIExceedsMaxAllowedSize"),
        (0x8033803B, "InvalidResourceUri"),
        (0x8033805B, "CannotConnectTargetSessionDoesNotExist"),
        (0x80338074, "WinRMOperationNotSupportedOnServer"),
        (0x803380E2, "ClientKerberosDisabled"),
        (0x803380E4, "ServerNotTrusted"),
        (0x803380E5, "ExplicitCredentialsRequired"),
        (0x8033810C, "WorkgroupCannotUseKerberos"),
        (0x8033810E, "InvalidAuthentication"),
        (0x80338112, "CannotConnectWinRMService"),
        (0x80338113, "URLNotAvailable"),
        (0x80338126, "WinRMOperationTimeout"),
        (0x80338170, "WinRMHttpError"),
        (0x80338199, "RedirectInformationRequired"),
        (0x803381AC, "RemoteSessionDisallowed"),
        (0x803381B7, "RedirectLocationInvalid"),
        (0x803381B9, "ComputerNotFound"),
        (0x803381BB, "CannotUseIPAddress"),
        (0x803381C2, "SessionCreateFailedInvalidName"),
        (0x803381C6, "CannotConnectMismatchSessions"),
        (0x803381CD, "CannotConnectAlreadyConnected"),
        (0x803381D0, "CannotConnectInvalidOperation"),
        (0x803381DF, "CannotConnectRunAsFailed"),
        (0x803381E3, "RemoteConnectionDisallowed"),
        (0x80540FA0, "IncorrectProtocolVersion"),
        # Without a name: the signed number that PowerShell holds.
        (0x803381C4, "-2144108092"),
        (0x80540FA3, "-2141974621"),
        (0x80338029, "-2144108503"),
        (0x7FFFFFFF, "2147483647"),
        (0x80000000, "-2147483648"),
        (0xFFFFFFFF, "-1"),
        (87, "87"),
        (0, ""),
        (None, ""),
    ],
)
def test_prefix(code: int | None, prefix: str) -> None:
    assert transport_prefix(code) == prefix


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (5, f"AccessDenied,PSSessionConnectFailed,{COMMAND}"),
        (0x803381C4, f"-2144108092,PSSessionConnectFailed,{COMMAND}"),
        (None, f"PSSessionConnectFailed,{COMMAND}"),
    ],
)
def test_a_record_of_a_transport_failure(code: int | None, expected: str) -> None:
    record = error_record("PSSessionConnectFailed", "it failed", cause=TransportError(code, "why"))
    assert record.fully_qualified_error_id == expected
    assert (record.category, record.message, record.code) == ("InvalidOperation", "it failed: why", code)
    assert record.hint == HINTS.get(code or 0, "")


def test_a_record_of_the_other_cmdlet() -> None:
    about = Subject("srv01", "host01", "job1", "1a2b")
    record = error_record(
        "PSSessionNameMatchFail",
        "none",
        cmdlet=cmdlets.GET,
        reason=Reason.MISSING,
        target="x",
        about=about,
        hint="look",
    )
    assert record.as_dict() == {
        "fully_qualified_error_id": "PSSessionNameMatchFail,Microsoft.PowerShell.Commands.GetPSSessionCommand",
        "category": "InvalidOperation",
        "message": "none",
        "reason": "missing",
        "target": "x",
        "computer_name": "srv01",
        "inventory_hostname": "host01",
        "session_name": "job1",
        "instance_id": "1a2b",
        "code": None,
        "hint": "look",
    }


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, Reason.FAILED),
        (0x80540FA3, Reason.FAILED),
        (Code.CANNOT_CONNECT, Reason.UNREACHABLE),
        (Code.CERTIFICATE_INVALID, Reason.UNREACHABLE),
        (Code.LOGON_FAILURE, Reason.ACCESS_DENIED),
        (Code.CONNECTED_TO_DIFFERENT_CLIENT, Reason.BUSY),
        (Code.UNEXPECTED_SELECTORS, Reason.EXPIRED),
    ],
)
def test_the_reason_follows_from_the_code_of_the_cause(code: int | None, reason: Reason) -> None:
    cause = TransportError(code, "why")
    assert error_record("PSSessionConnectFailed", "it failed", cause=cause).reason is reason
    assert error_record("PSSessionConnectFailed", "x", cause=cause, reason=Reason.BUSY).reason is Reason.BUSY


def test_code_is_a_plain_number() -> None:
    """Ansible keeps numbers in variables, and warns of everything that merely is one, too."""
    record = error_record("X", "it broke", cause=TransportError(Code.HTTP_ERROR, "no answer"))
    code = record.as_dict()["code"]
    assert code == 0x80338170
    assert not isinstance(code, Code)

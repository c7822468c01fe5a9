# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WinRM endpoint for tests: WS-Management and PSRP as recorded servers speak them. See README.md."""

from __future__ import annotations

from .certificates import ClientCertificate
from .computer import SimulatedComputer
from .declaration import CmdShell, Command, Computer, Fleet, Session
from .fleet import SimulatedFleet
from .injection import Injection
from .kdc import Realm, SilentKdc
from .proxy import ForwardProxy
from .recording_server import RecordingServer
from .request_log import LoggedRequest
from .session import SimulatedCommand, SimulatedSession
from .shell import User
from .socks_proxy import SocksProxy

__all__ = [
    "ClientCertificate",
    "CmdShell",
    "Command",
    "Computer",
    "Fleet",
    "ForwardProxy",
    "Injection",
    "LoggedRequest",
    "Realm",
    "RecordingServer",
    "Session",
    "SilentKdc",
    "SimulatedCommand",
    "SimulatedComputer",
    "SimulatedFleet",
    "SimulatedSession",
    "SocksProxy",
    "User",
]

# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run saves: verdicts, and recordings without secrets that the tests of recordings can take."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.simulator import SimulatedFleet
from tests.simulator.tests.raw_client import RawClient
from tests.simulator.tests.test_recordings import frame

from .checks import CHECKS
from .recorder import Exchange
from .redaction import Redaction
from .simulated import ADMIN, COMPUTER, DECLARED, OTHER, SWITCHES, simulated_lab
from .table import rows_as_text, run_check, save

ROOT = Path(__file__).parents[2]
SECRETS = [ADMIN.name, ADMIN.password, OTHER.name, OTHER.password]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run of three checks."""
    folder = tmp_path_factory.mktemp("live")
    with simulated_lab(None) as lab:
        rows = [run_check(CHECKS[identity], lab) for identity in ("A7", "A10", "Q2")]
        said = [each.request + each.response for row in rows for each in row.exchanges]
        assert any(ADMIN.name in text for text in said)
        assert any(COMPUTER.upper() in text for text in said)
        save(folder, "a server", rows, SECRETS)
    return folder


def test_the_verdicts(folder: Path) -> None:
    saved = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert saved["server"] == "a server"
    assert [(each["id"], each["verdict"]) for each in saved["verdicts"]] == [
        ("A7", "holds"),
        ("A10", "holds"),
        ("Q2", "holds"),
    ]


def test_no_secret_is_in_a_file(folder: Path) -> None:
    names = [name.lower() for name in (*SECRETS, COMPUTER)]
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        decoded = [base64.b64decode(found) for found in re.findall(r"(?<=>)[A-Za-z0-9+/]{20,}={0,2}(?=<)", text)]
        assert decoded or path.suffix == ".json"
        everything = text + "".join(each.decode("utf-8", "replace") for each in decoded)
        assert [name for name in names if name in everything.lower()] == []
        assert not re.search(r"\b127\.\d+\.\d+\.\d+\b", everything)


def test_a_recording_can_be_replayed(folder: Path) -> None:
    """Each request gets an answer of the same form from another server, as those of the other recordings do."""
    exchanges = yaml.safe_load((folder / "live_A10.yml").read_text(encoding="utf-8"))["messages"]
    with SimulatedFleet.build([COMPUTER], [ADMIN], switches=SWITCHES) as fleet:
        client = RawClient(fleet[COMPUTER], ADMIN)
        replies = [client.post(exchange["request"]) for exchange in exchanges]
    recorded = [(each.get("transport_error", {}).get("code", 200), each["response"]) for each in exchanges]
    assert [reply.status for reply in replies] == [status for status, _response in recorded]
    assert {status for status, _response in recorded} == {200, 500}
    assert [frame(reply.root) for reply in replies] == [frame(ET.fromstring(text)) for _status, text in recorded]


def test_a_name_within_binary_data_keeps_its_length() -> None:
    data = base64.b64encode(b"\0\1 of SRV01\\svc-backup, password Pa55word; svc-backups stays")
    exchange = Exchange("", f"<rsp:Owner>SRV01\\svc-backup</rsp:Owner><b>{data.decode()}</b>", 200)
    clean = Redaction(["svc-backup", "Pa55word"], [exchange]).of_exchange(exchange).response
    octets = base64.b64decode(clean[clean.index("<b>") + 3 : clean.index("</b>")])
    assert octets == b"\0\1 of xxxxx\\xxxxxxxxxx, password xxxxxxxx; svc-backups stays"
    assert "<rsp:Owner>xxxxx\\xxxxxxxxxx<" in clean


@pytest.mark.parametrize(("code", "status", "found"), [(0x803381C6, 0, "holds"), (0, 1, "refuted")])
def test_the_program_checks_the_server_of_the_environment(tmp_path: Path, code: int, status: int, found: str) -> None:
    switches = {**SWITCHES, "foreign_disconnect_code": code}
    with SimulatedFleet.build([COMPUTER], [ADMIN, OTHER], DECLARED, switches, authentication=["negotiate"]) as fleet:
        environment = {
            "URI": fleet[COMPUTER].https_uri,
            "USER": ADMIN.name,
            "PASSWORD": ADMIN.password,
            "OTHER_USER": OTHER.name,
            "OTHER_PASSWORD": OTHER.password,
            "CA_CERT": str(fleet.ca_file),
            "CONFIGURATION": "Other",
        }
        ended = subprocess.run(
            [sys.executable, "-m", "tests.live", "--folder", str(tmp_path), "A7", "A10"],
            env={**os.environ, **{f"PSSESSION_LIVE_{name}": value for name, value in environment.items()}},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        asked = {each.resource_uri for each in fleet.requests_of(operation="Create")}
    assert ended.returncode == status, ended.stderr
    assert asked == {"http://schemas.microsoft.com/powershell/Other"}
    assert ended.stdout.startswith("Simulated\n\nA7  holds ")
    assert f"\nA10 {found} " in ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live_A10.yml", "live_A7.yml", "verdicts.json"]


def test_the_program_names_a_variable_that_is_missing() -> None:
    environment = {**os.environ, "PSSESSION_LIVE_URI": "http://127.0.0.1:1/wsman", "PSSESSION_LIVE_USER": "someone"}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.live"], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "PSSESSION_LIVE_PASSWORD is not set\n")


def test_the_table_has_a_line_for_each_verdict_and_its_evidence() -> None:
    with simulated_lab(None) as lab:
        row = run_check(CHECKS["A9"], lab)
    text = rows_as_text("a server", [row])
    assert text.splitlines()[2:] == [
        f"A9  holds    {row.check.claim}",
        f"             {row.verdict.evidence}",
    ]

# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters and input of a script on the way to its session: exact, in few requests, and honest when it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result, only
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

UNICODE = "Grüße 😀 \U0010fffd _x0041_ _X005F_ <&> \t tab \u2028 \ufeff"
SHELL_DISCONNECTED = 0x803381C4
SCRIPTS: dict[str, Any] = {
    "echo": [{"output_input": True}],
    "long": {"regex": "^#long", "steps": [{"output": "ran"}, {"output_input": True}]},
    "named": {"regex": r"^param\(\$v\)", "steps": [{"output": "ran"}]},
    "uses input": [{"output_input": True}, {"sleep": 3600}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def invoke(controller: Controller, computer: SimulatedComputer) -> Any:
    """Run a script in the session `job`, which is there; `envelope` is the envelope's size in bytes."""
    computer.add_session("job")

    def run(script: str, envelope: int | None = None, **options: Any) -> Result:
        controller.inventory["srv01"] = {} if envelope is None else {"max_envelope_size": envelope}
        return controller.run(_plugins.INVOKE, "srv01", name=["job"], script=script, **options)

    return run


def requests(fleet: SimulatedFleet) -> list[str]:
    return [each.operation for each in fleet.requests if each.operation in ("Command", "Send", "Reconnect")]


@pytest.mark.parametrize("values", [["a", 1, 2.5, True, {"k": "v"}, ["x", "y"]], [], [UNICODE], [None, 1, None]])
def test_input_is_piped(invoke: Any, values: list[Any]) -> None:
    assert only(invoke("echo", input=values))["output"] == values


def test_a_parameter_with_null_has_its_argument(invoke: Any) -> None:
    assert only(invoke("param($v)", parameters={"v": None}))["output"] == ["ran"]


@pytest.mark.parametrize(("envelope", "sends"), [(None, 2), (153_600, 7), (32_768, 36)])
def test_small_objects_share_requests_as_large_as_the_envelope(
    invoke: Any, fleet: SimulatedFleet, envelope: int | None, sends: int
) -> None:
    values = list(range(10_000))
    assert only(invoke("echo", envelope, input=values))["output"] == values
    assert requests(fleet) == ["Command", *["Send"] * sends]
    sizes = [len(each.body.encode()) for each in fleet.requests_of(operation="Send")]
    assert max(sizes) <= (envelope or 512_000)
    assert min(sizes[:-1]) >= (envelope or 512_000) - 4096


def test_large_objects_go_in_pieces(invoke: Any, fleet: SimulatedFleet) -> None:
    values = ["y" * 500_000, None, "z" * 500_000]
    assert only(invoke("echo", input=values))["output"] == values
    assert requests(fleet) == ["Command", *["Send"] * 4]


@pytest.mark.parametrize(("length", "sends"), [(100_000, 0), (200_000, 1)])
def test_a_long_script_goes_in_pieces_without_its_input(
    invoke: Any, fleet: SimulatedFleet, length: int, sends: int
) -> None:
    assert only(invoke("#long " + "€" * length, input=[1]))["output"] == ["ran", 1]
    assert requests(fleet) == ["Command", *["Send"] * (sends + 1)]
    assert all(len(each.body.encode()) <= 512_000 for each in fleet.requests)


def test_a_session_that_the_server_took_meanwhile_gets_the_rest(
    invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet
) -> None:
    computer.inject(Injection("Send", after=1, fault_code=SHELL_DISCONNECTED))
    values = list(range(1000))
    assert only(invoke("echo", 32_768, input=values))["output"] == values
    assert requests(fleet)[:5] == ["Command", "Send", "Send", "Reconnect", "Send"]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("fault", "288 of 1000 objects"),
        ("close_without_answer", "288 to 574 of 1000 objects"),
    ],
)
def test_input_that_breaks_off(
    controller: Controller, invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet, action: Any, told: str
) -> None:
    """The script, which waits for the rest, is stopped, and what it gave can be received."""
    computer.inject(Injection("Send", after=1, action=action, fault_code=5))
    result = invoke("uses input", 32_768, input=list(range(1000)))
    assert result["failed"]
    assert result["changed"]
    assert f"the command in session job on srv01 did not get all of its input, only {told}" in result["msg"]
    assert "The task stopped the script" in result["msg"]
    assert "still runs" not in "".join(result["warnings"])
    (command,) = computer.session("job").commands
    assert only(result)["command_id"] == command.command_id.lower()
    assert computer.session("job").state == "Disconnected"
    stopped = controller.run(_plugins.RECEIVE, "srv01", name=["job"], stop=True)
    assert (only(stopped)["state"], only(stopped)["output"][:288]) == ("Stopped", list(range(288)))
    assert only(invoke("echo", input=[1]))["output"] == [1]


@pytest.mark.parametrize(
    ("after", "action", "told"),
    [
        (0, "fault", "the command in session job on srv01 did not start"),
        (1, "close_without_answer", "it is not known whether the command in session job on srv01 started"),
    ],
)
def test_script_that_breaks_off(invoke: Any, computer: SimulatedComputer, after: int, action: Any, told: str) -> None:
    computer.inject(Injection("Send", after=after, action=action, fault_code=5))
    result = invoke("#long " + "x" * 50_000, 32_768)
    assert result["failed"]
    assert told in result["msg"]


@pytest.mark.parametrize("text", ["\ufeffecho", "echo"])
def test_a_text_with_a_byte_order_mark_is_the_same_script(invoke: Any, text: str) -> None:
    assert only(invoke(text, input=[1]))["output"] == [1]


def test_what_a_script_requires_is_ignored_with_a_warning(invoke: Any) -> None:
    result = invoke("#long script\n#requires -RunAsAdministrator", input=[])
    assert only(result)["output"] == ["ran"]
    (warning,) = result["warnings"]
    assert warning.startswith("The script has #requires -RunAsAdministrator. PowerShell ignores #requires")
    assert invoke("echo", input=[])["warnings"] == []

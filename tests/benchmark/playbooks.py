# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role and playbooks take beside a task that does nothing, in both ways, with the real ansible-playbook.

The contenders of a way work with what those before have left: start opens sessions with a script that ends at once,
extend and collect work with them, and cleanup removes them. So each round does the same again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmark.contenders import PASSWORD, SESSION, USER
from tests.benchmark.fleet import SCRIPT, Fleet, fleet_of
from tests.processes import processes_of

WAYS = ("fleet", "per_host")
SAMPLE_SECONDS = 0.3
CALLBACKS = Path(__file__).resolve().parent / "plugins" / "callback"
NOTHING = "a task that does nothing"
LOGON = {
    "ansible_connection": "psrp",
    "ansible_port": 5985,
    "ansible_psrp_protocol": "http",
    "ansible_psrp_auth": "basic",
    "ansible_psrp_message_encryption": "never",
    "ansible_user": USER,
    "ansible_password": PASSWORD,
}


@dataclass(frozen=True)
class Contender:
    """A run of ansible-playbook.

    Attributes:
        playbook: A shipped playbook's name, or the tasks of a play for all hosts.
        variables: Extra variables.
    """

    playbook: str | Sequence[Mapping[str, Any]]
    variables: Mapping[str, Any] = field(default_factory=dict)


# The variables of each entry point; the sessions that the playbooks open have a name of their own.
_ENTRY_POINTS: Mapping[str, Mapping[str, Any]] = {
    "connect": {"name": SESSION},
    "list": {"name": SESSION},
    "start": {"name": "Started", "script": SCRIPT},
    "extend": {"name": "Started", "idle_timeout": 7000},
    "collect": {"name": "Started", "journal": "{folder}/{way}", "when_done": "disconnect"},
    "harvest": {"name": "Started", "journal": "{folder}/{way}"},
    "journal": {"journal": "{folder}/{way}"},
    "cleanup": {"name": "Started", "minimum_age": 0, "with_commands": True, "remove": True},
    "resume": {"name": "Resumed", "script": SCRIPT, "journal": "{folder}/{way}-resume"},
}


def _contenders() -> Iterator[tuple[str, Contender]]:
    yield NOTHING, Contender([{"ansible.builtin.debug": {"msg": "nothing"}}])
    connect = {"computer_name": "{{ ansible_play_hosts }}", "name": SESSION, "on_error": "report"}
    yield (
        "one task for all (connect_pssession)",
        Contender([{"psremoting.fleet.connect_pssession": connect, "run_once": True}]),
    )
    role = {"name": "psremoting.fleet.pssession", "rolespec_validate": False}
    for way in WAYS:
        variables = {"pssession_name": SESSION, "pssession_way": way}
        yield f"the role (connect), {way}", Contender([{"ansible.builtin.import_role": role}], variables)
    for way in WAYS:
        for entry_point, given in _ENTRY_POINTS.items():
            variables = {f"pssession_{name}": value for name, value in {**given, "way": way}.items()}
            yield f"{entry_point}, {way}", Contender(f"psremoting.fleet.{entry_point}", variables)


CONTENDERS = dict(_contenders())


def measure_all(computers: int, delay: float, names: Sequence[str], rounds: int, forks: int, output: int = 0) -> None:
    """Measure contenders by their names, and print a table; the one that does nothing is always among them.

    Args:
        output: Bytes that the script on each host gives.
    """
    given = f", {output:,} bytes of output on each" if output else ""
    print(
        f"\nRole and playbooks: {computers} hosts{given}, {delay * 1000:g} ms before each answer, {forks} forks\n",
        flush=True,
    )
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS if name in (NOTHING, *names)}
    with fleet_of(computers, delay, output) as fleet:
        for _round in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                for name, values in measured.items():
                    values.append(_measure(CONTENDERS[name], fleet, Path(folder), forks))
    middle = {
        name: {key: statistics.median(each[key] for each in values) for key in values[0]}
        for name, values in measured.items()
    }
    print("\n".join(_table(middle)), flush=True)


def _table(measured: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: times as ratios to the first contender."""
    first, *_others = measured.values()
    yield "| | time | processor time | events | longest result | memory of all | largest worker | of its own |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, values in measured.items():
        wall, cpu = values["wall"] / first["wall"], values["cpu"] / first["cpu"]
        memory = "".join(f" {values[key] / 1024:.0f} MiB |" for key in ("memory", "worker", "own"))
        events, longest = f"{values['events']:.0f}", f"{values['longest']:,.0f} bytes"
        yield f"| {name} | {wall:.2f} | {cpu:.2f} | {events} | {longest} |{memory}"
    yield f"\n1.00 is {first['wall']:.1f} s, {first['cpu']:.1f} s of a processor."


def _measure(contender: Contender, fleet: Fleet, folder: Path, forks: int) -> dict[str, float]:
    """Let one contender do its job once."""
    fleet.start_anew()
    hosts = {name: {"ansible_host": address} for name, address in fleet.addresses.items()}
    inventory = _written(folder / "inventory.json", {"all": {"hosts": hosts, "vars": LOGON}})
    playbook = contender.playbook
    if not isinstance(playbook, str):
        tasks = [{"name": "Measured", **task} for task in playbook]
        plays = [{"name": "Measured", "hosts": "all", "gather_facts": False, "tasks": tasks}]
        playbook = str(_written(folder / "playbook.json", plays))
    places = {"{folder}": str(folder), "{way}": str(contender.variables.get("pssession_way"))}
    variables = json.dumps(dict(contender.variables))
    for name, value in places.items():
        variables = variables.replace(name, value)
    counted = folder / "events.json"
    program = Path(sys.executable).parent / "ansible-playbook"
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (
        (folder / "output").open("w+", encoding="utf-8") as output,
        subprocess.Popen(
            [str(program), "-i", str(inventory), playbook, "-e", variables],
            env=_environment(folder, counted, forks),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        memory = _watched(process)
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        output.seek(0)
        assert process.returncode == 0, output.read()[-4000:]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, **memory, **json.loads(counted.read_text(encoding="utf-8"))}


def _written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def _environment(folder: Path, counted: Path, forks: int) -> dict[str, str]:
    """Return the environment of a run, with no setting of this process but where the collection is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "ANSIBLE_COLLECTIONS_PATH" or not name.startswith(("ANSIBLE_", "PSSESSION_"))
    }
    return {
        **kept,
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "event_counter",
        "EVENT_COUNTER_PATH": str(counted),
    }


def _watched(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Wait for the end of a run, and return what it needed of memory, in KiB, as far as it was sampled.

    `memory` is that of all its processes together, where a page that several have counts once; `worker` is the peak of
    the largest one beside the first, with the pages that it shares with the first since it was forked, and `own` the
    most that one of them had beside these.
    """
    memory = worker = own = 0
    while process.poll() is None:
        together = 0
        for pid in processes_of(process.pid):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                together += _value(f"/proc/{pid}/smaps_rollup", "Pss")
                if pid != process.pid:
                    worker = max(worker, _value(f"/proc/{pid}/status", "VmHWM"))
                    own = max(own, _value(f"/proc/{pid}/smaps_rollup", r"Private_\w+"))
        memory = max(memory, together)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SAMPLE_SECONDS)
    return {"memory": memory, "worker": worker, "own": own}


def _value(path: str, name: str) -> int:
    """Return the sum of the values with a name, a regular expression."""
    found = re.findall(rf"^{name}:\s+(\d+)", Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return sum(map(int, found))

# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the hosts of a play, with Ansible's own inventory and variable manager."""

from __future__ import annotations

from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import AllVariables

HOSTS = ["srv01", "srv02", "srv03"]
OF_PLAY = {"ansible_play_hosts_all", "ansible_play_hosts", "ansible_play_batch", "play_hosts"}


def variables_of_a_play() -> tuple[dict[str, Any], AllVariables]:
    """The variables of a task that runs for the first host, and what tells those of the others."""
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=",".join([*HOSTS, ""]))
    manager = VariableManager(loader, inventory)
    declared = {"name": "All", "hosts": "all", "vars": {"size": 3}, "tasks": [{"debug": {"msg": "text"}}]}
    play = Play().load(declared, variable_manager=manager, loader=loader)
    (task,) = (each for block in play.compile() for each in block.block if each.action == "debug")
    names = {"_hosts": HOSTS, "_hosts_all": HOSTS}
    task_vars = manager.get_vars(play=play, host=inventory.get_host(HOSTS[0]), task=task, **names)
    task_vars["hostvars"] = HostVars(inventory, manager, loader)
    return task_vars, AllVariables(task_vars, Templar(loader, task_vars), loader, task)


def test_each_host_has_its_own_variables_and_those_of_the_play() -> None:
    _task_vars, variables = variables_of_a_play()
    found = {host: [variables.of(host)[name] for name in ("inventory_hostname", "size")] for host in HOSTS}
    assert found == {host: [host, 3] for host in HOSTS}


def test_lists_of_hosts_are_kept_once() -> None:
    task_vars, variables = variables_of_a_play()
    assert task_vars.keys() >= OF_PLAY
    for host in HOSTS:
        raw = variables.of(host).raw
        assert raw["ansible_play_batch"] == HOSTS
        assert {name for name in OF_PLAY if raw[name] is task_vars[name]} == OF_PLAY
        # All that grows with the number of hosts is of one object.
        long = {name for name, value in raw.items() if isinstance(value, list) and len(value) >= len(HOSTS)}
        assert {name for name in long if raw[name] is not task_vars[name]} == set()

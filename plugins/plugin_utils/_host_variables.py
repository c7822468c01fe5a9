"""Variables of inventory hosts as a task sees them: those of its own host, and those of its other computers.

For another host, a task uses the variables that Ansible would use if the task ran for that host: those of the
inventory, of the play, roles and blocks, of the task, and extra variables. A lookup does not know its play. For other
hosts it uses the inventory's variables. Their templates can also use variables of the play that the inventory does not
have.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.template import Templar

Variables = t.Mapping[str, t.Any]

# Lists of hosts that are the same for all hosts of a play. Ansible makes new lists for each host, which for 2,000 hosts
# would be 2,000 times 2,000 entries.
_OF_PLAY = ("ansible_play_hosts_all", "ansible_play_hosts", "ansible_play_batch", "play_hosts")


class VariableError(Exception):
    """A variable of an inventory host cannot be used.

    Args:
        name: The variable.
        host: The inventory host.
        problem: The problem with its value, without the value of a secret.
        advice: The next step.
    """

    def __init__(self, name: str, host: str, problem: str, advice: str = "") -> None:
        super().__init__(f"the variable {name} of the inventory host {host} {problem}{'. ' if advice else ''}{advice}")


class HostVariables(Variables):
    """The variables of one host. Each is templated when it is read.

    Args:
        host: Name of the inventory host.
        raw: Its variables, not templated yet.
        templar: Templates them.
    """

    def __init__(self, host: str, raw: Variables, templar: t.Any) -> None:
        self.host = host
        self.raw = raw
        self._templar = templar

    def __getitem__(self, name: str) -> t.Any:
        """Return the value of a variable.

        Raises:
            VariableError: It cannot be templated or decrypted.
        """
        try:
            return self._templar.template(self.raw[name])
        except AnsibleUndefinedVariable as error:
            raise VariableError(
                name,
                self.host,
                f"needs a variable that this host does not have ({_text(error).partition('. ')[0]})",
                "Define it in group_vars or host_vars, or with -e",
            ) from error
        except AnsibleError as error:
            raise VariableError(name, self.host, f"cannot be templated: {_text(error)}") from error

    def __contains__(self, name: object) -> bool:
        return name in self.raw

    def __iter__(self) -> t.Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


class AllVariables:
    """The variables of the task's host and of all others.

    Args:
        task_vars: The variables of the task's host, not templated yet; they lead to those of all hosts.
        templar: Templates them.
        loader: Reads files; for the templates of other hosts.
        task: The task, or None for a lookup.
    """

    def __init__(self, task_vars: Variables, templar: t.Any, loader: t.Any, task: t.Any) -> None:
        self._task_vars = task_vars
        self._loader = loader
        self._task = task
        self._hosts: t.Any = task_vars.get("hostvars") or {}
        self.own_host = t.cast("str | None", task_vars.get("inventory_hostname"))
        self._own = HostVariables(self.own_host or "", task_vars, templar)
        self._found: dict[tuple[str, bool], HostVariables] = {}

    def host_named(self, name: str | None) -> str | None:
        """Return the inventory host of a name. Case only counts if two hosts differ in case alone."""
        if not name:
            return None
        if name == self.own_host or name in self._hosts:
            return name
        lowered = name.lower()
        return next((host for host in self._hosts if host.lower() == lowered), None)

    def of(self, host: str, is_inventorys: t.Callable[[str], bool] | None = None) -> HostVariables:
        """Return the variables that apply to a host in this task.

        Args:
            is_inventorys: Returns whether a variable is only taken from the inventory. None means no variable.
        """
        if host == self.own_host:
            return self._own
        key = (host, is_inventorys is not None)
        if key not in self._found:
            raw = self._as_if_for(host)
            if is_inventorys is not None:
                others = {name: value for name, value in raw.items() if not is_inventorys(name)}
                raw = {**others, **{name: value for name, value in self._raw(host).items() if is_inventorys(name)}}
            self._found[key] = self._templated(host, raw)
        return self._found[key]

    def of_inventory(self, host: str) -> HostVariables:
        """Return the variables of a host without those of play and task, but with facts and `-e`."""
        return self._templated(host, self._raw(host))

    def is_extra(self, name: str) -> bool:
        """Return whether a variable is one of the command line (`-e`)."""
        return name in getattr(getattr(self._hosts, "_variable_manager", None), "extra_vars", {})

    def is_fact(self, host: str, name: str) -> bool:
        """Return whether a task of this run has set a variable for a host: set_fact, include_vars or register."""
        manager = getattr(self._hosts, "_variable_manager", None)
        caches = (getattr(manager, cache, None) or {} for cache in ("_nonpersistent_fact_cache", "_vars_cache"))
        return any(name in (cache.get(host) or {}) for cache in caches)

    def registered(self, host: str, name: str) -> t.Any:
        """Return the value that a task of this run has registered or set for a host, or None.

        An extra variable of the same name, which would hide it in templates, does not count.
        """
        manager = getattr(self._hosts, "_variable_manager", None)
        cache = getattr(manager, "_nonpersistent_fact_cache", None)
        return self._raw(host).get(name) if cache is None else (cache.get(host) or {}).get(name)

    def of_play(self, host: str, names: t.Iterable[str]) -> tuple[str, ...]:
        """Return those of these variables that the play or the task sets for its own host."""
        raw = self._raw(host)
        return tuple(
            name for name in names if name in self._task_vars and not _is_same(self._task_vars[name], raw.get(name))
        )

    def overriding(self, host: str, is_meant: t.Callable[[str], bool]) -> tuple[str, ...]:
        """Return the variables that play or task override for their own host, and the inventory has for another."""
        raw, own = self._raw(host), self._raw(self.own_host or "")
        names = self.of_play(self.own_host or "", (name for name in raw if is_meant(name) and name in own))
        return tuple(name for name in names if not _is_same(self._task_vars[name], raw[name]))

    @staticmethod
    def is_alike(name: str, one: HostVariables, other: HostVariables, is_template: t.Callable[[t.Any], bool]) -> bool:
        """Return whether two hosts have the same value of a variable, or neither has it.

        Raises:
            VariableError: It is a template of one of them and cannot be templated.
        """
        values = one.raw.get(name), other.raw.get(name)
        if not any(map(is_template, values)):
            return (name in one.raw) == (name in other.raw) and _is_same(*values)
        return all(name in each.raw for each in (one, other)) and _is_same(one[name], other[name])

    def _raw(self, host: str) -> Variables:
        return t.cast(Variables, self._hosts.raw_get(host)) if host in self._hosts else {}

    def _as_if_for(self, host: str) -> Variables:
        """Return the raw variables of a host as if the task ran for it."""
        manager = getattr(self._hosts, "_variable_manager", None)
        inventory = getattr(self._hosts, "_inventory", None)
        if self._task is None or manager is None or inventory is None:
            inventory_only = self._raw(self.own_host) if self.own_host else {}
            # Ansible adds those of its own host's connection to what a lookup gets.
            of_play = [name for name in self._task_vars if name not in inventory_only and name[:8] != "ansible_"]
            return {**{name: self._task_vars[name] for name in of_play}, **self._raw(host)}
        play = self._task.get_play()
        # Ansible looks for the hosts of the play and of the batch each time, unless it is told them.
        told = {
            "_hosts": self._task_vars.get("ansible_play_batch"),
            "_hosts_all": self._task_vars.get("ansible_play_hosts_all"),
        }
        found = manager.get_vars(play=play, host=inventory.get_host(host), task=self._task, **told)
        of_both = {name: self._task_vars[name] for name in _OF_PLAY if name in found and name in self._task_vars}
        return {**self._of_loop(), **found, **of_both}

    def _of_loop(self) -> Variables:
        """Return the variables of the task's loop, which only the task itself has."""
        control = getattr(self._task, "loop_control", None)
        names = ("ansible_loop", getattr(control, "loop_var", None) or "item", getattr(control, "index_var", None))
        return {name: self._task_vars[name] for name in names if name and name in self._task_vars}

    def _templated(self, host: str, raw: Variables) -> HostVariables:
        raw = {"hostvars": self._hosts, **raw}
        return HostVariables(host, raw, Templar(loader=self._loader, variables=raw))


def _is_same(one: object, other: object) -> bool:
    # Comparing vaulted values decrypts them, which may fail.
    try:
        return one is other or bool(one == other)
    except AnsibleError:
        return False


def _text(error: AnsibleError) -> str:
    """Return the message of a failed template without the template itself, which may hold a secret."""
    text = str(error).partition(" String: ")[0].partition("\n")[0]
    return text.rstrip(". ")

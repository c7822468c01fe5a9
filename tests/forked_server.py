# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process behind `tests.forked`: it imports what Ansible needs once, and forks for each program that it runs.

    python tests/forked_server.py FILE_DESCRIPTOR

The file descriptor is one end of a Unix socket. For each byte that arrives there, with three file descriptors, it runs
one program: they are a socket and the program's standard output and error. The socket brings the program as JSON (see
`Program`) in a line, and takes two lines: the process id of the program, and its exit code. With one file descriptor
instead, a socket, a process is forked that becomes another server: it gets the settings of programs in the same way,
imports Ansible and the collection with these settings, and writes a byte when it is ready. It ends without a byte if it
cannot. A server ends when its own socket is closed at the other end.

The first server imports nothing that reads Ansible's settings, because programs have settings of their own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import runpy
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

# What ansible-playbook and its workers import anyway, most of all for its connection plugins and for the collection.
LIBRARIES = (
    "argparse",
    "concurrent.futures.thread",
    "cryptography.hazmat.primitives.serialization.pkcs12",
    "cryptography.x509",
    "jinja2.nativetypes",
    "multiprocessing.popen_fork",
    "multiprocessing.shared_memory",
    "multiprocessing.synchronize",
    "pty",
    "pypsrp.host",
    "pypsrp.powershell",
    "requests_ntlm",
    "sqlite3",
    "tomllib",
    "winrm",
    "xml.dom.minidom",
    "xmltodict",
    "yaml",
)
# Parts of Ansible that know nothing of its settings, at least in some versions: see `reads_settings`.
PARTS_OF_ANSIBLE = (
    "ansible.config.manager",
    "ansible.errors",
    "ansible.module_utils.common.file",
    "ansible.module_utils.common.locale",
    "ansible.module_utils.common.process",
    "ansible.module_utils.common.sys_info",
    "ansible.module_utils.common.text.formatters",
    "ansible.module_utils.common.warnings",
    "ansible.module_utils.compat.version",
    "ansible.module_utils.distro",
    "ansible.parsing.splitter",
    "ansible.utils.collection_loader",
    "ansible.utils.context_objects",
    "ansible.utils.lock",
    "ansible.utils.multiprocessing",
    "ansible.vars.hostvars",
)
# Ansible's settings become constants when this module is imported.
SETTINGS = "ansible.constants"
# What the action plugins of the collection import; the engine with it.
PARTS_OF_COLLECTION = (
    "ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs",
    "ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action",
)
# Of these, what keeps something for one run: each run imports it anew, and all that it imports is there.
PARTS_OF_ONE_RUN = ("ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action",)
# The last one is what this process ends with.
exit_codes = [0]


class Program(TypedDict):
    """A program that is to be run.

    Attributes:
        command: Path of a Python script, and its arguments; empty for a server.
        folder: Where it runs.
        environment: All its variables.
    """

    command: list[str]
    folder: str
    environment: dict[str, str]


def preload() -> None:
    """Import what is there of the modules that programs need."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in PARTS_OF_ANSIBLE:
        if not reads_settings(name):
            importlib.import_module(name)
    remember_routing()
    assert SETTINGS not in sys.modules


def remember_routing() -> None:
    """Parse the routing of Ansible's own plugins once: a YAML file so large that each run would need 0.1 s for it.

    Ansible's importer of collections lets other programs replace its parser for such a purpose. It reads the
    dictionary, and does not change it.
    """
    finder = sys.modules.get("ansible.utils.collection_loader._collection_finder")
    parse = vars(finder).get("_meta_yml_to_dict") if finder else None
    ansible = importlib.util.find_spec("ansible")
    if finder is None or parse is None or ansible is None or ansible.origin is None:
        return
    file = Path(ansible.origin).with_name("config") / "ansible_builtin_runtime.yml"
    content = file.read_bytes()
    parsed = parse(content, ("ansible.builtin", "runtime.yml"))
    vars(finder)["_meta_yml_to_dict"] = lambda given, name: parsed if given == content else parse(given, name)


def reads_settings(name: str) -> bool:
    """Try in a process of its own whether a module imports Ansible's settings, or cannot be imported."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            code = int(SETTINGS in sys.modules)
        os._exit(code)
    return os.waitpid(pid, 0)[1] != 0


def serve(control: socket.socket) -> Program | None:
    """Fork for each request.

    Returns:
        In the server itself None, when no more requests can come; in a process that was forked, the program it is.
    """
    while True:
        message, files, _flags, _address = socket.recv_fds(control, 1, 3)
        if not message:
            return None
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            control.close()
            return answer(*files) if files[1:] else serve(with_settings(socket.socket(fileno=files[0])))
        for file in files:
            os.close(file)


def with_settings(control: socket.socket) -> socket.socket:
    """Import Ansible as ansible-playbook does, with the settings that another server is for; return its socket."""
    with control.makefile("rb") as lines:
        program: Program = json.loads(lines.readline())
    enter(program)
    with tempfile.TemporaryFile() as printed:
        replace_output(os.dup(printed.fileno()), 1, "stdout")
        replace_output(os.dup(printed.fileno()), 2, "stderr")
        preload_with_settings()
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fstat(printed.fileno()).st_size:
            os._exit(1)  # a warning, which each run has to print
    # The only setting that is made: a folder for one process, which removes it at its end.
    shutil.rmtree(vars(sys.modules[SETTINGS])["DEFAULT_LOCAL_TMP"])
    freeze()
    control.sendall(b".")
    return control


def preload_with_settings() -> None:
    """Import what ansible-playbook imports, and what it loads before it reads a playbook."""
    importlib.import_module("ansible.cli.playbook")
    importlib.import_module("ansible.executor.process.worker")
    loader = importlib.import_module("ansible.plugins.loader")
    # Not those of vars: a run that finds these imported reads no host_vars.
    for kind in ("become", "callback", "connection", "inventory", "shell", "strategy"):
        list(getattr(loader, f"{kind}_loader").all(class_only=True))
    # Ansible's importer of collections is only there in a run. It finds the modules imported, but makes the packages
    # above them itself: they have to be those of its kind.
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep)
    sys.path[1:1] = collections
    for name in PARTS_OF_COLLECTION:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    del sys.path[1 : 1 + len(collections)]
    for name in PARTS_OF_ONE_RUN:
        sys.modules.pop(name, None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
        if sys.modules[name].__file__ is None:
            del sys.modules[name]
    sys.path_importer_cache.clear()


def answer(reply_file: int, stdout: int, stderr: int) -> Program:
    """Fork once more: this process waits for the program, and the other one, which returns, becomes it."""
    reply = socket.socket(fileno=reply_file)
    with reply.makefile("rb") as lines:
        program: Program = json.loads(lines.readline())
    pid = os.fork()
    if pid:
        os.close(stdout)
        os.close(stderr)
        reply.sendall(b"%d\n" % pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(BrokenPipeError):  # the test has given up
            reply.sendall(b"%d\n" % code)
        os._exit(0)
    reply.close()
    replace_output(stdout, 1, "stdout")
    replace_output(stderr, 2, "stderr")
    return program


def replace_output(file: int, standard: int, name: str) -> None:
    """Make a file the standard output or error, for Python as well: its stream remembers what kind of file it had."""
    os.dup2(file, standard)
    os.close(file)
    before = getattr(sys, name)
    buffer = io.BufferedWriter(io.FileIO(standard, "w", closefd=False))
    stream = io.TextIOWrapper(buffer, before.encoding, before.errors, line_buffering=before.line_buffering)
    for each in (name, f"__{name}__"):
        setattr(sys, each, stream)


def enter(program: Program) -> None:
    """Take over a program's environment and folder."""
    os.environ.clear()
    os.environ.update(program["environment"])
    os.chdir(program["folder"])


def freeze() -> None:
    """Keep the garbage collector of children from what there is now.

    It would touch, hence copy, every page of memory, and most programs end before it finds anything.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def become(program: Program) -> None:
    """Run a program in this process, which ends by it as a process of its own would."""
    enter(program)
    if constants := sys.modules.get(SETTINGS):
        folder = constants.config.get_config_value("DEFAULT_LOCAL_TMP", variables=vars(constants))
        vars(constants).update(DEFAULT_LOCAL_TMP=folder)
    sys.argv = program["command"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        exit_codes.append(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
    except BaseException:
        exit_codes.append(1)
        raise


def leave_memory_to_the_kernel() -> None:
    """End this process at once, as the last of all functions that run at its end.

    The interpreter would clear its memory, which the process shares with the one that it was forked from: this takes as
    long as many a program.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(exit_codes[-1])


if __name__ == "__main__":
    atexit.register(leave_memory_to_the_kernel)  # the first one that is registered runs last
    preload()
    freeze()
    if (chosen := serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        become(chosen)

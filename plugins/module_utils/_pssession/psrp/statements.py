"""The statements of a command's pipeline: a script, and those around it that give it ``$Ansible``.

    begin     puts a mark on the output stream before anything else, a dictionary with the command's id, makes $Ansible,
              and takes the input, which a server gives to the first statement only
    script    as the user wrote it, with its own parameters and line numbers
    end       puts what the script left in $Ansible on the output stream, as a dictionary with the command's id and the
              mark, and removes what begin made

`command_status` reads both.

An error that ends the first statement is an error record. An error that ends a later one ends the pipeline as failed
for its client. In both cases the next statements run; after a failed pipeline their output is lost. After ``exit`` they
run as well. (Seen: PowerShell 7.6, Linux.) So an error of the script, which is not the first statement, fails the
command as if the script were alone, and what it left in $Ansible is not known then. No statement can keep a later one
from running.

The texts use no cmdlet where the session's language mode is FullLanguage, since an endpoint may hide cmdlets. In
ConstrainedLanguage they call methods of core types only.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.commands import Script
from .values import to_powershell

try:
    from pypsrp.complex_objects import Command as PypsrpCommand
    from pypsrp.complex_objects import CommandParameter

    class Command(PypsrpCommand):
        """A command that is in its pipeline twice without being copied.

        pypsrp copies each command twice, because an lxml element is in one tree only. Without copies the message takes
        half of the processor time.
        """

        def __deepcopy__(self, _memo: dict[int, t.Any]) -> Command:
            return self

except ImportError:  # the client, which is needed first, reports a missing library
    pass


def one_line(text: str) -> str:
    """Return a script without line breaks, each of which takes seven characters in CLIXML."""
    return " ".join(line.strip() for line in text.strip().splitlines())


_TAKE_INPUT = "; $global:__pssession_input = @($input)"
_GIVE_INPUT = "try { $global:__pssession_input } finally { $global:__pssession_input = $null }"
# The folder of $Ansible.Tmpdir has the id of the session, so that a command removes what a script before it left that
# was stopped. The getter makes the folder when a script asks for it.
_BEGIN = one_line(
    r"""
    param($session, $command, $mark, $check, $verbosity);
    @{ 'psremoting.fleet' = $command; begin = $mark };
    $values = @{ CheckMode = $check; Verbosity = $verbosity; Result = @{}; Diff = @{}; Changed = $true; Failed = $false;
    Tmpdir = $null };
    if ($ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage') {
        $folder = [IO.Path]::Combine([IO.Path]::GetTempPath(), "ansible-$session");
        if ([IO.Directory]::Exists($folder)) { try { [IO.Directory]::Delete($folder, $true) } catch { } }
        $path = "[IO.Path]::Combine([IO.Path]::GetTempPath(), 'ansible-$session')";
        $getter = [scriptblock]::Create("[IO.Directory]::CreateDirectory($path).FullName");
        $values.Remove('Tmpdir');
        $global:Ansible = [pscustomobject] $values;
        $global:Ansible.PSObject.Properties.Add([Activator]::CreateInstance(
            [Management.Automation.PSScriptProperty], @('Tmpdir', $getter)))
    } else {
        $global:Ansible = $values;
        $temporary = if ($env:TEMP) { $env:TEMP } else { '/tmp' };
        $folder = @{ Path = "$temporary/ansible-$session"; ItemType = 'Directory'; Force = $true };
        try { $values.Tmpdir = (Microsoft.PowerShell.Management\New-Item @folder).FullName } catch { }
    }
    """
)
_END = one_line(
    r"""
    param($session, $command, $mark);
    $status = @{ 'psremoting.fleet' = $command; has_begin = $mark };
    foreach ($name in 'changed', 'failed', 'result', 'diff')
    { try { $status[$name] = $global:Ansible.$name } catch { } }
    foreach ($name in 'changed', 'failed') { if ($null -ne $status[$name]) { $status[$name] = [bool] $status[$name] } }
    $status;
    if ($ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage') {
        $folder = [IO.Path]::Combine([IO.Path]::GetTempPath(), "ansible-$session");
        if ([IO.Directory]::Exists($folder)) { try { [IO.Directory]::Delete($folder, $true) } catch { } }
        foreach ($name in 'Ansible', '__pssession_input')
        { $ExecutionContext.SessionState.PSVariable.Remove("global:$name") }
    } else {
        $folder = $global:Ansible.Tmpdir;
        if ($folder)
        { Microsoft.PowerShell.Management\Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction Ignore }
        Microsoft.PowerShell.Utility\Remove-Variable Ansible, __pssession_input -Scope Global -ErrorAction Ignore
    }
    """
)


# What the script's own command is in place of the script, where something has to be looked at before: the script is one
# of its arguments. It runs in the scope of the session, as the script does, and removes all that it sets there.
_RUN_IF = one_line(
    r"""
    $__pssession = @{ Command = $args[0]; Script = $args[1]; Creates = $args[4]; Removes = $args[5];
        Location = $args[6]; Place = $ExecutionContext.SessionState.Path.CurrentLocation.Path;
        Action = $args[7]; Before = $ErrorActionPreference; Exists = { param($path)
            (Microsoft.PowerShell.Management\Test-Path -LiteralPath $path) -or
            (Microsoft.PowerShell.Management\Test-Path -Path $path) } };
    $__pssession_named = $args[2];
    $__pssession_arguments = @($args[3]);
    try {
        $__pssession.Skip = if ($__pssession.Creates -and (& $__pssession.Exists $__pssession.Creates))
            { "skipped, since $($__pssession.Creates) exists" }
        elseif ($__pssession.Removes -and -not (& $__pssession.Exists $__pssession.Removes))
            { "skipped, since $($__pssession.Removes) does not exist" };
        if ($__pssession.Skip) {
            $global:Ansible.Changed = $false;
            @{ 'psremoting.fleet' = $__pssession.Command; skipped = $__pssession.Skip }
        } else {
            if ($__pssession.Location)
            { Microsoft.PowerShell.Management\Set-Location -LiteralPath $__pssession.Location -ErrorAction Stop };
            $function:__pssession_script = $__pssession.Script;
            $__pssession.Script = $function:__pssession_script;
            $function:__pssession_script = $null;
            if ($__pssession.Action) { $ErrorActionPreference = $__pssession.Action };
            if ($MyInvocation.ExpectingInput)
            { $input | . $__pssession.Script @__pssession_named @__pssession_arguments }
            else { . $__pssession.Script @__pssession_named @__pssession_arguments }
        }
    } finally {
        if ($__pssession.Action) { $ErrorActionPreference = $__pssession.Before };
        if ($__pssession.Location)
        { Microsoft.PowerShell.Management\Set-Location -LiteralPath $__pssession.Place };
        Microsoft.PowerShell.Utility\Remove-Variable __pssession, __pssession_named, __pssession_arguments
    }
    """
)


def commands_of(
    script: Script, arguments: t.Sequence[t.Any], command_id: str, session_id: str, mark: str
) -> list[t.Any]:
    """Return the commands of the pipeline of a script.

    Args:
        arguments: The arguments of the script, as the CommandParameters of its own command.
        mark: A value that no other start has. The script does not get it.
    """
    if script.is_command:
        return [Command(cmd=script.text, is_script=False, args=list(arguments), end_of_statement=True)]
    if script.is_alone:
        alone = _command(script.text, arguments, local=script.has_own_scope)
        alone.end_of_statement = True
        return [alone]
    begin, statement = _BEGIN, [_command(script.text, arguments, local=False)]
    if script.has_conditions:
        statement = [_command(_RUN_IF, _told_to_run(script, arguments, command_id), local=False)]
    if script.input is not None:
        begin += _TAKE_INPUT
        statement.insert(0, _command(_GIVE_INPUT))
    statements = [
        [_command(begin, map(_parameter, (session_id, command_id, mark, script.check_mode, script.verbosity)))],
        statement,
        [_command(_END, map(_parameter, (session_id, command_id, mark)))],
    ]
    for each in statements:
        each[-1].end_of_statement = True
    return [command for each in statements for command in each]


def _told_to_run(script: Script, arguments: t.Sequence[t.Any], command_id: str) -> list[t.Any]:
    """Return the arguments of the statement that runs a script under its conditions.

    Args:
        arguments: Those of the script.
    """
    named = {argument.name: argument.value for argument in arguments if argument.name is not None}
    positional = [argument.value for argument in arguments if argument.name is None]
    conditions = (script.creates, script.removes, script.chdir, script.error_action)
    return [
        *map(_parameter, (command_id, script.text)),
        CommandParameter(value=named),
        CommandParameter(value=positional),
        *map(_parameter, conditions),
    ]


def _command(text: str, arguments: t.Iterable[t.Any] = (), *, local: bool = True) -> t.Any:
    """Return a script of the pipeline. If it is not local, its variables remain in the session's own scope."""
    command = Command(cmd=text, is_script=True, use_local_scope=local)
    command.args = list(arguments)
    return command


def _parameter(value: object) -> t.Any:
    return CommandParameter(value=to_powershell(value))

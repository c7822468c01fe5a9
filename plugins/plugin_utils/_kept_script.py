"""PowerShell around the scripts of tasks in kept sessions: restores the process before, and holds the output.

    restore   saves the state of the process the first time, and restores this state later
    script    gets its lines of input from an argument; its output is held until the script has ended
    end       the output, and a dictionary with the amount of output

A command and its input are one request, so no command waits for input that a killed controller did not send. The last
object has the amount of output, so a second client of the command can detect missing output.

Script and input are in one dictionary, because a transcript of the session shows only the type of a dictionary, but all
elements of a list (seen: PowerShell 7.6, Linux).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.statements import one_line
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline

# The key of the dictionary at the end; its value is the command's id.
_MARK = "psremoting.fleet"
# The prefix of the variables and functions that this file adds.
_OWN = "__pssession_"
# Variables that PowerShell itself sets.
_AUTOMATIC = (
    "? ^ $ _ args ConsoleFileName Error EnabledExperimentalFeatures ExecutionContext false foreach HOME Host input "
    "InputObject IsCoreCLR IsLinux IsMacOS IsWindows Matches MyInvocation null NestedPromptLevel PID PROFILE "
    "PSBoundParameters PSCommandPath PSCulture PSEdition PSHOME PSItem PSScriptRoot PSSenderInfo PSUICulture "
    "PSVersionTable PWD ShellId StackTrace switch this true __pssession_kept"
)


# The script prefers .NET to cmdlets, because PowerShell would first load the modules of the cmdlets.
RESTORE = one_line(
    r"""
    $state = $ExecutionContext.SessionState;
    $items = $ExecutionContext.InvokeProvider;
    $events = $ExecutionContext.Events;
    $taken = $global:__pssession_kept;
    $automatic = 'AUTOMATIC'.Split(' ');
    $variables = @{};
    foreach ($each in $items.ChildItem.Get('Variable:', $false)) {
        $found = $state.PSVariable.Get("global:$($each.Name)");
        if ($null -ne $found -and -not ([int] $found.Options -band 3) -and $automatic -notcontains $found.Name)
        { $variables[$found.Name] = $found.Value }
    };
    $functions = @($items.ChildItem.Get('Function:', $false).Name);
    $aliases = @($items.ChildItem.Get('Alias:', $false).Name);
    $drives = @($state.Drive.GetAll());
    $environment = [Environment]::GetEnvironmentVariables();
    if ($null -eq $taken) {
        $taken = @{ Environment = $environment; Variables = $variables; Functions = $functions; Aliases = $aliases;
            Drives = @($drives.Name); Folder = [Environment]::CurrentDirectory;
            Location = $state.Path.CurrentLocation.Path };
        $state.PSVariable.Set('global:__pssession_kept', $taken)
    } else {
        foreach ($each in @($environment.Keys))
        { if (-not $taken.Environment.Contains($each)) { [Environment]::SetEnvironmentVariable($each, $null) } };
        foreach ($each in $taken.Environment.Keys) {
            if ($environment[$each] -cne $taken.Environment[$each])
            { [Environment]::SetEnvironmentVariable($each, $taken.Environment[$each]) }
        };
        foreach ($each in @($events.Subscribers)) { $events.UnsubscribeEvent($each) };
        while ($events.ReceivedEvents.Count) { $events.ReceivedEvents.RemoveAt(0) };
        Microsoft.PowerShell.Core\Get-Job | Microsoft.PowerShell.Core\Remove-Job -Force -ErrorAction Ignore;
        $null = $state.Path.SetLocation($taken.Location);
        [Environment]::CurrentDirectory = $taken.Folder;
        foreach ($each in $drives)
        { if ($taken.Drives -notcontains $each.Name) { $state.Drive.Remove($each.Name, $true, 'Global') } };
        foreach ($each in $functions)
        { if ($taken.Functions -notcontains $each) { $items.Item.Remove("Function:$each", $false) } };
        foreach ($each in $aliases)
        { if ($taken.Aliases -notcontains $each) { $items.Item.Remove("Alias:$each", $false) } };
        foreach ($each in $variables.Keys)
        { if (-not $taken.Variables.Contains($each)) { $state.PSVariable.Remove("global:$each") } };
        foreach ($each in $taken.Variables.Keys)
        { $state.PSVariable.Set("global:$each", $taken.Variables[$each]) }
    };
    $global:Error.Clear()
    """
).replace("AUTOMATIC", _AUTOMATIC)
_HOLD = one_line(
    r"""
    $__pssession_held = [Collections.Generic.List[object]]::new();
    try {
        $function:__pssession_script = $__pssession_work['script'];
        $__pssession_arguments = @($__pssession_work['arguments']);
        & {
            [CmdletBinding()] param()
            if ($null -ne $__pssession_work['lines']) {
                $__pssession_work['lines'] | & $function:__pssession_script @__pssession_arguments
            } else {
                & $function:__pssession_script @__pssession_arguments
            }
        } -InformationVariable __pssession_texts | & { process { $__pssession_held.Add($_) } }
    } finally {
        $__pssession_held;
        @{ 'psremoting.fleet' = $__pssession_id; title = $__pssession_work['title'];
            objects = $__pssession_held.Count; errors = $global:Error.Count;
            texts = @($__pssession_texts).Where({ $_.Tags -contains 'PSHOST' }).Count }
    }
    """
)
_PARAMETERS = "param($__pssession_work, $__pssession_id)"
_HELD = f"{_PARAMETERS} {_HOLD}"
_RESTORED_AND_HELD = f"{_PARAMETERS} & {{ {RESTORE} }}; {_HOLD}"


@dataclasses.dataclass(frozen=True)
class Amount:
    """The amount of output of a command.

    Attributes:
        title: The title of the command in lists of commands.
        objects: The number of objects in the output stream.
        errors: The number of errors. The error stream has at least those that the script did not catch.
        texts: The number of texts by Write-Host. Each sends a record of information and a call of the host.
    """

    title: str
    objects: int
    errors: int
    texts: int


def held(script: Script, command_id: str, title: str, *, restores: bool) -> Script:
    """Return a script that runs another script with its input, and holds the output until the end.

    Args:
        script: The script to run. Its input is a list, or None.
        title: The title of the command in lists of commands.
        restores: Whether to restore the state of the process first.
    """
    lines = None if script.input is None else list(script.input)
    work = {"script": script.text, "lines": lines, "title": title, "arguments": list(script.arguments)}
    text = _RESTORED_AND_HELD if restores else _HELD
    return Script(text, (work, command_id), has_ui=script.has_ui, is_alone=True, title=title)


def restoring(title: str) -> Script:
    """Return a script that restores the state of the process, for commands whose output is not held."""
    return Script(RESTORE, has_ui=True, is_alone=True, title=title)


def amount_of(pipeline: CorePipeline, command_id: str) -> Amount | None:
    """Remove the dictionary with the amounts from the end of the output and return them, or None if it is missing."""
    if not is_complete(pipeline, command_id):
        return None
    value = t.cast("dict[str, object]", pipeline.output.pop())
    return Amount(str(value.get("title")), *(t.cast(int, value.get(key)) for key in ("objects", "errors", "texts")))


def is_complete(pipeline: CorePipeline, command_id: str) -> bool:
    """Return whether the output of a held script is there up to its end."""
    last = pipeline.output[-1] if pipeline.output else None
    return isinstance(last, dict) and last.get(_MARK) == command_id


def lost(pipeline: CorePipeline, amount: Amount | None, *, is_module: bool) -> str:
    """Return the parts of a held script's output that another client received, as text, or an empty text.

    The text is the subject of a sentence.

    Args:
        is_module: Whether its errors and its text for the host can be ignored, because the script runs a module.
    """
    if amount is None:
        return "Its output"
    if len(pipeline.output) < amount.objects:
        return "A part of its output"
    if not is_module and len(pipeline.streams.error) < amount.errors:
        return "Some of its errors"
    if not is_module and min(pipeline.host_calls, pipeline.information) < amount.texts:
        return "Some of what it wrote to its host"
    return ""


def without_wrapping(pipeline: CorePipeline) -> None:
    """Remove the position of an error from its record if it is in the lines that this file adds."""
    for error in pipeline.streams.error:
        if _OWN in (getattr(error, "invocation_position_message", None) or ""):
            error.invocation_position_message = ""

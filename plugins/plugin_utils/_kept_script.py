"""PowerShell around the scripts of tasks in kept sessions: puts the process right before, and holds the output.

    restore   notes the state of the process the first time, and puts it back to that later
    script    gets its lines of input from an argument; its output is held
    end       the output, and a dictionary that says how much it was

A command and its input are one request, so no command waits for input that a killed controller did not send. How much
output there was is known, so a client that was not the first one knows whether some is missing.

Script and input are in one dictionary: of that, a transcript of the session has the name of its type only. Of a list it
has the elements (seen: PowerShell 7.6, Linux).
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
# What names of ours begin with.
_OWN = "__pssession_"
# Variables that PowerShell itself sets.
_AUTOMATIC = (
    "? ^ $ _ args ConsoleFileName Error EnabledExperimentalFeatures ExecutionContext false foreach HOME Host input "
    "InputObject IsCoreCLR IsLinux IsMacOS IsWindows Matches MyInvocation null NestedPromptLevel PID PROFILE "
    "PSBoundParameters PSCommandPath PSCulture PSEdition PSHOME PSItem PSScriptRoot PSSenderInfo PSUICulture "
    "PSVersionTable PWD ShellId StackTrace switch this true __pssession_kept"
)


# It takes .NET where it can: cmdlets of PowerShell's modules would have to load these first.
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
        if ($null -ne $__pssession_work['lines']) {
            $__pssession_work['lines'] | & $function:__pssession_script @__pssession_arguments |
                & { process { $__pssession_held.Add($_) } }
        } else {
            & $function:__pssession_script @__pssession_arguments | & { process { $__pssession_held.Add($_) } }
        }
    } finally {
        $__pssession_held;
        @{ 'psremoting.fleet' = $__pssession_id; title = $__pssession_work['title'];
            objects = $__pssession_held.Count; errors = $global:Error.Count }
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
        title: What lists of commands show for it.
        objects: Of the output stream.
        errors: Errors; at least so many are in the error stream as were not caught.
    """

    title: str
    objects: int
    errors: int


def held(script: Script, command_id: str, title: str, *, restores: bool) -> Script:
    """Return a script that runs a script with its input, and holds what that puts out.

    Args:
        script: Its input is a list, or None.
        title: What lists of commands show for it.
        restores: Whether the state of the process is put back first.
    """
    lines = None if script.input is None else list(script.input)
    work = {"script": script.text, "lines": lines, "title": title, "arguments": list(script.arguments)}
    text = _RESTORED_AND_HELD if restores else _HELD
    return Script(text, (work, command_id), has_ui=script.has_ui, is_alone=True, title=title)


def restoring(title: str) -> Script:
    """Return a script that puts the process right, for commands that are not held."""
    return Script(RESTORE, has_ui=True, is_alone=True, title=title)


def amount_of(pipeline: CorePipeline, command_id: str) -> Amount | None:
    """Take what the end of a held script says from the end of its output; None if it did not say anything."""
    if not is_complete(pipeline, command_id):
        return None
    value = t.cast("dict[str, object]", pipeline.output.pop())
    return Amount(str(value.get("title")), t.cast(int, value.get("objects")), t.cast(int, value.get("errors")))


def is_complete(pipeline: CorePipeline, command_id: str) -> bool:
    """Tell whether the output of a held script has its end."""
    last = pipeline.output[-1] if pipeline.output else None
    return isinstance(last, dict) and last.get(_MARK) == command_id


def lost(pipeline: CorePipeline, amount: Amount | None, *, is_module: bool) -> str:
    """Return what of a held script's output went to another client, as the subject of a sentence, or an empty text.

    Args:
        is_module: Whether it writes no errors that matter.
    """
    if amount is None:
        return "Its output"
    if len(pipeline.output) < amount.objects:
        return "A part of its output"
    if not is_module and len(pipeline.streams.error) < amount.errors:
        return "Some of its errors"
    return ""


def without_wrapping(pipeline: CorePipeline) -> None:
    """Take the place of an error from its record where that is a line of ours."""
    for error in pipeline.streams.error:
        if _OWN in (getattr(error, "invocation_position_message", None) or ""):
            error.invocation_position_message = ""

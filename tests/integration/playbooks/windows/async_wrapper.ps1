# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts a task that goes on by itself, in place of ansible-core's script (2.19 and newer), which needs handles of Windows.
# Its input is in a file, from which core's own watchdog reads it.
[CmdletBinding()]
param ([string]$AsyncDir, [string]$AsyncJid, [int]$StartupTimeout)

$folder = [Environment]::ExpandEnvironmentVariables($AsyncDir).Replace('\', '/')
$null = New-Item -ItemType Directory -Path $folder -Force
$job = "$AsyncJid.$PID"
$results = Join-Path $folder $job

$watchdog = Get-AnsibleExecWrapper -EncodeInputOutput
$watchdog.Parameters.ActionParameters = @{ ResultPath = $results; WaitHandleId = 0 }
$manifest = ConvertTo-Json -Compress -Depth 99 -InputObject @{
    name = 'exec_wrapper-async.ps1'
    script = $watchdog.ScriptInfo.Script
    params = $watchdog.Parameters
}
Set-Content -LiteralPath "$results.input" -Value $manifest, "`0`0`0`0", $watchdog.InputData

$told = ConvertTo-Json -Compress -InputObject @{
    started = $true
    finished = $false
    results_file = $results
    ansible_job_id = $job
    _ansible_suppress_tmpdir_delete = $true
}
Set-Content -LiteralPath $results -Value $told
$command = [Text.Encoding]::Unicode.GetBytes((Get-AnsibleScript -Name bootstrap_wrapper.ps1).Script)
$started = "exec setsid -f pwsh -NoProfile -NonInteractive -EncodedCommand $([Convert]::ToBase64String($command))"
sh -c "$started < '$results.input' > '$results.log' 2>&1"
$told

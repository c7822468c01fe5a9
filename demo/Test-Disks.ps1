# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Test-Disks: looks at each disk of the computer, slowly.
'The disks are being looked at'
$disks = @(Get-PSDrive -PSProvider FileSystem | Where-Object Name -ne 'Temp')
Start-Sleep -Seconds 6
$full = @($disks | Where-Object { $_.Used -gt 9 * $_.Free })
if ($full) { Write-Warning "$($full.Count) disks are nearly full" }
[pscustomobject]@{ Disks = $disks.Count; Healthy = $disks.Count - $full.Count }

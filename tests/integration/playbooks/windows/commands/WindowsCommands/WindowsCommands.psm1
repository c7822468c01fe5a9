# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Commands of Windows that Ansible's own tasks call. PowerShell finds them by PSModulePath, so they are also in the runspaces
# that Ansible makes for modules.

$classes = @{
    Win32_BIOS = @{ ReleaseDate = [datetime]'2026-01-01'; SMBIOSBIOSVersion = '1'; SerialNumber = '1' }
    Win32_ComputerSystem = @{
        Domain = 'lab'; Manufacturer = 'Lab'; Model = 'Lab'; NumberOfProcessors = 1; PartOfDomain = $false; PrimaryOwnerContact = ''
    }
    Win32_ComputerSystemProduct = @{ UUID = '5b3b7f6e-0000-4000-8000-000000000000' }
    Win32_OperatingSystem = @{
        Caption = 'Lab'; FreePhysicalMemory = 2MB; InstallDate = [datetime]'2026-01-01'; Name = 'Lab|C:'
        OSArchitecture = '64-bit'; TotalSwapSpaceSize = 0; TotalVisibleMemorySize = 4MB; Version = '10.0.1'
    }
    Win32_Processor = @{ Name = 'Lab'; NumberOfCores = 2; NumberOfLogicalProcessors = 2 }
}

function Get-CimInstance {
    [CmdletBinding()]
    param ([Parameter(Position = 0)]$ClassName, $Property, $Filter, $Namespace, $Query)
    if (-not $classes.ContainsKey("$ClassName")) { return }
    $values = $classes["$ClassName"].Clone()
    if ($ClassName -eq 'Win32_OperatingSystem') { # the computer is started anew by writing this file
        $values.LastBootUpTime = (Get-Item -LiteralPath "$env:SystemRoot/boot").LastWriteTime
    }
    [pscustomobject]$values
}

function Get-Service {
    [CmdletBinding()]
    param ($Name)
}

function Invoke-CimMethod {
    [CmdletBinding()]
    param ($ClassName, $Name, $Arguments)
    if ("$ClassName $Name" -ne 'Win32_Process Create') { throw "There is no method $Name of $ClassName." }
    $options = ($Arguments.CommandLine -split '" ', 2)[1]
    $process = sh -c "setsid pwsh $options < /dev/null > /dev/null 2>&1 & echo `$!"
    [pscustomobject]@{ ReturnValue = 0; ProcessId = [uint32]$process }
}

Export-ModuleMember -Function *

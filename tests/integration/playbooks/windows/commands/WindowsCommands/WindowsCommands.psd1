# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
@{
    ModuleVersion = '1.0'
    RootModule = 'WindowsCommands.psm1'
    FunctionsToExport = @('Get-CimInstance', 'Get-Service', 'Invoke-CimMethod')
    CmdletsToExport = @()
    AliasesToExport = @()
}

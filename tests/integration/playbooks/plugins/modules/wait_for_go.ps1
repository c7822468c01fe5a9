# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic

$spec = @{ options = @{ log = @{ type = 'str'; required = $true }; go = @{ type = 'str' } } }
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
Add-Content -LiteralPath $module.Params.log -Value 'started'
while ($module.Params.go -and -not (Test-Path -LiteralPath $module.Params.go)) { Start-Sleep -Milliseconds 50 }
$module.Result.said = $env:SAID
$module.Result.text = "$([char]0x20AC) 'quoted'"
$module.Warn('said once')
$module.ExitJson()

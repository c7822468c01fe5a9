// Copyright (c) 2026, psremoting.fleet contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// In place of ansible-core's own, for tests: the names that become asks for.
namespace Ansible.AccessToken
{
    public enum LogonType { Interactive = 2, Network = 3, Batch = 4, Service = 5, NetworkCleartext = 8, NewCredentials = 9 }
}

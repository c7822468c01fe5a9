// Copyright (c) 2026, psremoting.fleet contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// In place of ansible-core's own, for tests: the process of become, of the same account.
using Ansible.AccessToken;
using Ansible.Process;
using System;
using System.Collections;
using System.Text;

namespace Ansible.Become
{
    [Flags]
    public enum LogonFlags { None = 0, WithProfile = 1, NetcredentialsOnly = 2 }

    public class BecomeUtil
    {
        public static Result CreateProcessAsUser(string user, string password, LogonFlags flags, LogonType type,
            string application, string commandLine, string directory, IDictionary environment, string input)
        {
            return ProcessUtil.CreateProcess("pwsh", commandLine, directory, environment,
                new UTF8Encoding(false).GetBytes(input + "\n"), null, false);
        }
    }
}

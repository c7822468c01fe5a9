// Copyright (c) 2026, psremoting.fleet contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Processes by .NET alone, for tests: in place of ansible-core's own and, in another namespace, of ansible.windows's.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using System.Threading.Tasks;

namespace Ansible.Process
{
    public class Result
    {
        public string StandardOut { get; set; }
        public string StandardError { get; set; }
        public uint ExitCode { get; set; }
    }

    public class ProcessUtil
    {
        // The rules of Windows: backslashes are plain, but before a quotation mark.
        public static string[] CommandLineToArgv(string line)
        {
            List<string> words = new List<string>();
            StringBuilder word = null;
            bool quoted = false;
            int backslashes = 0;
            foreach (char each in line)
            {
                if (each == '\\')
                {
                    backslashes++;
                    continue;
                }
                bool escaped = each == '"' && backslashes % 2 == 1;
                if (backslashes > 0)
                    word = (word ?? new StringBuilder()).Append('\\', each == '"' ? backslashes / 2 : backslashes);
                backslashes = 0;
                if (each == '"' && !escaped)
                {
                    quoted = !quoted;
                    word = word ?? new StringBuilder();
                }
                else if ((each == ' ' || each == '\t') && !quoted)
                {
                    if (word != null)
                        words.Add(word.ToString());
                    word = null;
                }
                else
                    word = (word ?? new StringBuilder()).Append(each);
            }
            if (backslashes > 0)
                word = (word ?? new StringBuilder()).Append('\\', backslashes);
            if (word != null)
                words.Add(word.ToString());
            return words.ToArray();
        }

        public static Result CreateProcess(string application, string commandLine, string directory,
            IDictionary environment, byte[] input, string encoding, bool waitChildren)
        {
            string[] words = CommandLineToArgv(commandLine);
            string program = String.IsNullOrEmpty(application) ? words[0] : application;
            if (program.EndsWith(".exe") && !program.Contains("/"))
                program = program.Substring(0, program.Length - 4);
            ProcessStartInfo start = new ProcessStartInfo(program);
            for (int i = 1; i < words.Length; i++)
                start.ArgumentList.Add(words[i]);
            start.WorkingDirectory = directory ?? "";
            start.UseShellExecute = false;
            start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
            start.StandardOutputEncoding = start.StandardErrorEncoding =
                String.IsNullOrEmpty(encoding) ? new UTF8Encoding(false) : Encoding.GetEncoding(encoding);
            if (environment != null)
                foreach (DictionaryEntry variable in environment)
                    start.Environment[(string)variable.Key] = (string)variable.Value;
            using (System.Diagnostics.Process process = System.Diagnostics.Process.Start(start))
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync();
                Task<string> errors = process.StandardError.ReadToEndAsync();
                if (input != null)
                    process.StandardInput.BaseStream.Write(input, 0, input.Length);
                process.StandardInput.Close();
                process.WaitForExit();
                return new Result
                {
                    StandardOut = output.Result,
                    StandardError = errors.Result,
                    ExitCode = (uint)process.ExitCode
                };
            }
        }
    }
}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the table of system call names that src/host/callnames.c includes.

Usage: callnames.py COMPILER [ARG...]

The numbers are those of <asm/unistd_64.h>, as the compiler finds it.
"""
import re
import subprocess
import sys

macros = subprocess.run(
    sys.argv[1:] + ["-E", "-dM", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"],
    check=True, capture_output=True, text=True).stdout
calls = {int(nr): name
         for name, nr in re.findall(r"^#define __NR_(\w+) (\d+)$", macros, re.M)}
if calls.get(0) != "read":
    sys.exit("callnames.py: <asm/unistd_64.h> has no read(2)")
for nr, name in sorted(calls.items()):
    print(f'\t[{nr}] = "{name}",')

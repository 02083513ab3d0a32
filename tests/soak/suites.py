#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test suites that Debian packages of others, natively and under waylay.

    suites.py go|python|glib|systemd [PART...]

go		the tests of Go's standard library, compiled here from golang-src
python		modules of libpython3.*-testsuite
glib		the installed tests of libglib2.0-tests
systemd		the unit tests of systemd-tests

Environment: WAYLAY is the program under test; CACHE, a directory, keeps what Go compiled.
Output: TAP.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

import compare

# --- Go ---------------------------------------------------------------------------------------

GO_SRC = "/usr/lib/go/src"
# What makes threads, processes and signals, and what talks to the kernel; the runtime's own tests
# without those that only compute for a long time.
GO = {
    "internal/poll": "",
    "net": "-test.short",
    "os": "",
    "os/exec": "",
    "os/signal": "",
    "os/user": "",
    "runtime": "-test.short",
    "runtime/pprof": "-test.short",
    "sync": "",
    "syscall": "",
    "time": "-test.short",
}


def read_go(got, cwd):
    text = (got.out + got.err).decode("utf-8", "replace")
    return {name: how for how, name in re.findall(r"--- (PASS|FAIL|SKIP): (\S+) \(", text)}


def go(suite, wanted):
    cache = os.path.abspath(os.environ.get("CACHE") or os.path.join(suite.top, "cache"))
    # what the tests themselves compile; theirs, for it must be writable for them
    theirs = os.path.join(suite.top, "go-cache")
    os.mkdir(theirs)
    os.chmod(theirs, 0o777)
    suite.env = {"GOCACHE": theirs, "GOFLAGS": "", "GOPROXY": "off", "GO111MODULE": "off"}
    for name in wanted or GO:
        source = os.path.join(GO_SRC, name)
        if not glob.glob(source + "/*_test.go") or not shutil.which("go", path=compare.PATH):
            suite.skip(name, "golang-go or golang-src is not installed")
            continue
        exe = os.path.join(suite.top, name.replace("/", "-") + ".test")
        made = subprocess.run(["go", "test", "-c", "-o", exe, name], check=False, cwd=suite.top,
                              env={"PATH": compare.PATH, "HOME": suite.top, "GOCACHE": cache,
                                   "GO111MODULE": "off", "GOPROXY": "off"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if made.returncode:
            suite.tap.point(False, name, ["does not compile:"] + compare.torture.show(made.stdout))
            continue
        suite.part(name, ["sh", "-c", f'cd {source} && exec {exe} -test.v {GO[name]}'], timeout=600)


# --- Python -----------------------------------------------------------------------------------

PYTHON = """test_asyncio test_asyncore test_atexit test_concurrent_futures test_ctypes test_dbm_dumb
test_eintr test_epoll test_faulthandler test_fcntl test_file test_fileio test_fork1 test_ftplib
test_getpass test_httpservers test_imaplib test_io test_ioctl test_largefile test_logging test_mmap
test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_main_handling
test_multiprocessing_spawn test_openpty test_os test_pathlib test_poll test_popen test_posix
test_pty test_queue test_resource test_runpy test_sched test_select test_selectors test_shutil test_signal
test_site test_smtplib test_socket test_socketserver test_sqlite3 test_ssl test_subprocess test_sys
test_tarfile test_tempfile test_thread test_threadedtempfile test_threading test_threading_local
test_threadsignals test_time test_timeout test_tty test_uuid test_venv test_wait3 test_wait4
test_xmlrpc test_zipfile""".split()


def read_python(got, cwd):
    table = {}
    try:
        tree = xml.parse(os.path.join(cwd, "results.xml"))
    except (OSError, xml.ParseError):
        return {"results": "none"}
    for case in tree.iter("testcase"):
        how = [child.tag for child in case if child.tag in ("error", "failure", "skipped")]
        table[case.get("name")] = how[0] if how else "passed"
    return table


def python(suite, wanted):
    for name in wanted or PYTHON:
        if not glob.glob(f"/usr/lib/python3.*/test/{name}") + \
           glob.glob(f"/usr/lib/python3.*/test/{name}.py"):
            suite.skip(name, "libpython3-testsuite is not installed")
            continue
        suite.part(name, ["/usr/bin/python3", "-m", "test", "--junit-xml", "results.xml", name],
                   timeout=900)


# --- GLib -------------------------------------------------------------------------------------

# only computes, and long
GLIB_NOT = {"performance"}


def read_tap(got, cwd):
    table = {}
    for line in got.out.decode("utf-8", "replace").splitlines():
        found = re.match(r"(ok|not ok) \d+ (\S+)(.*# *(SKIP|TODO))?", line)
        if found:
            # a seed differs from run to run
            name = re.sub(r"seed:\d+", "seed", found.group(2))
            # one that waits for two threads to meet, and passes when they do, is luck in either way
            luck = "Failed to reproduce race" in line
            table[name] = found.group(1) if luck else found.group(4) or found.group(1)
    return table


def glib(suite, wanted):
    listed = sorted(glob.glob("/usr/share/installed-tests/glib/*.test"))
    if not listed:
        suite.skip("glib", "libglib2.0-tests is not installed")
    for path in listed:
        name = os.path.basename(path)[:-len(".test")]
        if (wanted and name not in wanted) or name in GLIB_NOT:
            continue
        command = re.search(r"(?m)^Exec=(.*)$", compare.torture.read_text(path)).group(1)
        suite.part(name, ["sh", "-c", f"exec {command}"], timeout=300)


# --- systemd ----------------------------------------------------------------------------------

SYSTEMD_DIR = "/usr/lib/systemd/tests"


def read_end(got, cwd):
    return {}


def systemd(suite, wanted):
    listed = sorted(glob.glob(SYSTEMD_DIR + "/test-*"))
    if not listed:
        suite.skip("systemd", "systemd-tests is not installed")
    for path in listed:
        name = os.path.basename(path)
        if (wanted and name not in wanted) or not os.access(path, os.X_OK) or os.path.isdir(path):
            continue
        suite.part(name, [path], timeout=300)


# suite: what runs it, reads it, and which outcome is a failure
SUITES = {
    "go": (go, read_go, lambda test, how: how == "FAIL"),
    "python": (python, read_python, lambda test, how: how in ("error", "failure")),
    "glib": (glib, read_tap, lambda test, how: how == "not ok"),
    "systemd": (systemd, read_end, lambda test, how: how not in ("exit 0", "exit 77")),
}


def main():
    if sys.argv[1:2] == [] or sys.argv[1] not in SUITES:
        sys.exit(__doc__)
    run, read, failed = SUITES[sys.argv[1]]
    with compare.Suite(read, failed) as suite:
        run(suite, sys.argv[2:])
        sys.exit(suite.end())


if __name__ == "__main__":
    main()

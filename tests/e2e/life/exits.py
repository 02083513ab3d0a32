#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waylay ends as the program did, and the program starts as it would without waylay."""
import glob
import os
import resource
import signal
import stat
import tempfile

from life import WAYLAY, main, native, run, same, test


@test
def every_exit_status():
    for status in (0, 1, 2, 77, 125, 126, 127, 128, 255):
        same(run("sh", "-c", f"exit {status}").returncode, status)


@test
def every_signal_that_kills():
    for number in range(1, 65):
        if number in (signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH,
                      signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, 32, 33):
            continue
        code = f"import os; os.kill(os.getpid(), {number})"
        want = native("python3", "-c", code)
        got = run("python3", "-c", code)
        same((number, got.returncode, got.stdout), (number, want.returncode, want.stdout))


@test
def no_second_core():
    with tempfile.TemporaryDirectory() as folder:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, unlimited)

        def cores(runner):
            for name in glob.glob(folder + "/*"):
                os.unlink(name)
            runner("sh", "-c", "kill -QUIT $$", cwd=folder, preexec_fn=limit)
            return len(glob.glob(folder + "/*"))

        same(cores(run), cores(native))


@test
def what_cannot_be_run():
    with tempfile.TemporaryDirectory() as folder:
        def file(name, data, mode):
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(data)
            os.chmod(path, mode)
            return path

        elf32 = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\0\x03\0\x01\0\0\0" + bytes(64)
        arm = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\xb7\0\x01\0\0\0" + bytes(64)
        for want, path in (
                (127, "/does/not/exist"), (127, "no-such-program"), (127, ""),
                (126, folder), (126, file("plain", b"text", 0o644)),
                (126, file("elf32", elf32, 0o755)), (126, file("arm", arm, 0o755)),
                (126, file("lost", b"#!/does/not/exist\n", 0o755)),
                (126, file("empty-elf", b"\x7fELF\x02\x01\x01", 0o755))):
            got = run(path)
            lines = got.stderr.splitlines()
            same((path, got.returncode, len(lines)), (path, want, 1))
            assert lines[0].startswith("waylay: cannot run "), lines


@test
def a_path_is_searched_as_execvp_does():
    with tempfile.TemporaryDirectory() as folder:
        for name, mode in (("a", 0o644), ("b", 0o755)):
            os.mkdir(os.path.join(folder, name))
            path = os.path.join(folder, name, "prog")
            with open(path, "w", encoding="ascii") as f:
                f.write(f"#!/bin/sh\necho {name} $PPID\n")
            os.chmod(path, mode)
        for path in (f"{folder}/none:{folder}/a:{folder}/b", f"{folder}/b", f"{folder}/a:{folder}/b:"):
            got = run("prog", env={**os.environ, "PATH": path})
            same((got.returncode, got.stdout), (0, "b 42\n"))
        got = run("prog", env={**os.environ, "PATH": ""}, cwd=folder + "/b")
        same((got.returncode, got.stdout), (0, "b 42\n"))
        got = run("prog", env={**os.environ, "PATH": f"{folder}/a"})
        same(got.returncode, 126)


@test
def what_a_program_inherits():
    blocked = {signal.SIGUSR2, signal.SIGTRAP, signal.SIGCHLD, signal.SIGTERM, signal.SIGRTMIN + 3}
    ignored = {signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTSTP}

    def prepare():
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in range(1, 65):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        os.umask(0o123)
        os.nice(3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (77, 99))

    fields = "^(SigBlk|SigIgn|ShdPnd|SigPnd|Umask|TracerPid|NoNewPrivs|Seccomp|Cap.*|Cpus_allowed)"
    script = f"grep -E '{fields}' /proc/self/status; cut -d' ' -f 19 /proc/self/stat; " \
             "grep -v processes /proc/self/limits"
    want = native("sh", "-c", script, preexec_fn=prepare)
    got = run("sh", "-c", script, preexec_fn=prepare)
    same(got.stdout, want.stdout)
    same(got.stderr, want.stderr)


@test
def ignored_signals_stay_ignored():
    # The agent uses the last three itself, and the loader SIGTRAP.
    numbers = [int(n) for n in (signal.SIGHUP, signal.SIGTRAP, signal.SIGSEGV, signal.SIGBUS, signal.SIGSYS)]

    def prepare():
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    code = f"import os, signal\nprint([int(signal.getsignal(n)) for n in {numbers}])\n" \
           f"for n in {numbers}: os.kill(os.getpid(), n)\nprint(os.getppid() == 42)"
    for script in ('exec python3 -c "$0"', 'sh -c "python3 -c \'$0\'; exit 3"'):
        want = native("sh", "-c", script, code, preexec_fn=prepare)
        got = run("sh", "-c", script, code, preexec_fn=prepare)
        same(got.stdout, want.stdout.replace("False", "True"))
        same((got.returncode, got.stderr), (want.returncode, want.stderr))


@test
def no_descriptor_is_added_and_none_lost():
    code = "import os; print(sorted((n, os.readlink('/proc/self/fd/' + n)) " \
           "for n in os.listdir('/proc/self/fd') if int(n) < 100 and os.path.exists('/proc/self/fd/' + n)))"
    with open("/dev/zero", "rb") as zero:
        def prepare():
            os.dup2(zero.fileno(), 50)

        for closed in ((), (0,), (1,), (2,), (0, 2)):
            def prepare_closed():
                prepare()
                for fd in closed:
                    os.close(fd)

            want = native("python3", "-c", code, stdin=zero, preexec_fn=prepare_closed, close_fds=False)
            got = run("python3", "-c", code, stdin=zero, preexec_fn=prepare_closed, close_fds=False)
            same((got.returncode, len(eval(got.stdout or "[]"))),
                 (want.returncode, len(eval(want.stdout or "[]"))))
            same([n for n, _ in eval(got.stdout or "[]")], [n for n, _ in eval(want.stdout or "[]")])


@test
def no_tracer_stays():
    same(run("grep", "TracerPid", "/proc/self/status").stdout.split(), ["TracerPid:", "0"])


@test
def few_files_and_little_memory():
    for what, low in ((resource.RLIMIT_NOFILE, 5), (resource.RLIMIT_NOFILE, 8), (resource.RLIMIT_FSIZE, 4096),
                      (resource.RLIMIT_AS, 40 << 20), (resource.RLIMIT_STACK, 128 << 10)):
        for hard in (False, True):
            def limit():
                resource.setrlimit(what, (low, low if hard else resource.getrlimit(what)[1]))

            got = run("sh", "-c", "echo alive; exit 9", preexec_fn=limit)
            same((what, got.returncode, got.stdout), (what, 9, "alive\n"))
            assert all(line.startswith("waylay: ") for line in got.stderr.splitlines()), got.stderr


@test
def where_no_memfd_may_be_executed():
    """The agent's text is written then, not mapped (vm.memfd_noexec, of a PID namespace)."""
    knob = "/proc/sys/vm/memfd_noexec"
    inside = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if native(*inside, "sh", "-c", f"echo 2 >{knob}").returncode:
        from life import Skip
        raise Skip(f"no PID namespace with a {knob} of its own")
    script = f"echo 2 >{knob}; exec \"$0\" run --layer null sh -c 'sh -c \"echo \\$PPID\"; cat /proc/self/maps'"
    got = native(*inside, "sh", "-c", script, WAYLAY)
    same((got.returncode, got.stdout.split("\n")[0], got.stderr), (0, "42", ""))
    files = [line.split()[1] for line in got.stdout.splitlines() if "memfd:waylay" in line]
    same(files, ["rw-s"])


@test
def a_set_user_id_program_keeps_its_privileges():
    if os.geteuid() != 0:
        from life import Skip
        raise Skip("needs root to make such a program")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        os.chmod(folder, 0o755)
        prog = os.path.join(folder, "id")
        with open("/usr/bin/id", "rb") as f, open(prog, "wb") as out:
            out.write(f.read())
        os.chmod(prog, 0o755 | stat.S_ISUID)
        drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        want = native(*drop, prog, "-u")
        if want.stdout != "0\n":
            from life import Skip
            raise Skip("set-user-ID does not work here")
        for words in ((prog, "-u"), ("sh", "-c", f"{prog} -u")):
            got = native(*drop, WAYLAY, "run", "--", *words)
            same((got.returncode, got.stdout), (0, "0\n"))
            same(len([line for line in got.stderr.splitlines() if "set-user-ID" in line]), 1)


main()

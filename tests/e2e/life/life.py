# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: a TAP runner, and ways to start things.

Every test runs in a process that adopts orphans (PR_SET_CHILD_SUBREAPER), so a supervisor that
stays behind, or a daemon, becomes a child of the test and can be waited for.  A test fails if
anything is left when it ends.
"""
import ctypes
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import traceback

WAYLAY = os.environ.get("WAYLAY", "waylay")
# The same tests for another way to follow.
FOLLOW = [f"--follow={os.environ['FOLLOW']}"] if "FOLLOW" in os.environ else []
TIME_LIMIT = 60
PR_SET_CHILD_SUBREAPER = 36
tests = []


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def run(*argv, options=(), **more):
    """Runs a program under waylay; every caught getppid(2) in it answers 42."""
    return subprocess.run([WAYLAY, "run", "--layer", "null", *FOLLOW, *options, "--", *argv],
                          capture_output=True, text=True, **more)


def native(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, **more)


def start(*argv, options=(), **more):
    return subprocess.Popen([WAYLAY, "run", "--layer", "null", *FOLLOW, *options, "--", *argv], **more)


def same(got, want):
    assert got == want, f"got {got!r}, wanted {want!r}"


def wait_for_end(pid):
    """Waits for a process that is, or will become when it is orphaned, a child of ours."""
    fd = os.pidfd_open(pid)
    try:
        import select
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll()
    finally:
        os.close(fd)


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


def reap_all():
    """Waits until no process that was started here is left."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Terminal:
    """A terminal, with a session in it that runs one job and tells what becomes of it.

    The session's leader stands for the shell: the job is a process group of its own, so it is
    stopped and continued as jobs are.
    """

    def __init__(self, *argv, foreground=True):
        self.master, slave = pty.openpty()
        mode = termios.tcgetattr(slave)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        self.seen = b""
        events, tell = os.pipe()
        self.events = os.fdopen(events)
        self.shell = os.fork()
        if self.shell == 0:
            try:
                self._shell(argv, slave, tell, foreground)
            finally:
                os._exit(1)
        os.close(slave)
        os.close(tell)
        self.job = int(self.events.readline())

    def _shell(self, argv, slave, tell, foreground):
        signal.alarm(0)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            if foreground:
                os.tcsetpgrp(slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            for fd in (0, 1, 2):
                os.dup2(slave, fd)
            os.execvp(argv[0], argv)
        try:
            os.setpgid(job, job)
        except PermissionError:
            pass  # it has done so itself, and executed

        def to_foreground(_number, _frame):
            os.tcsetpgrp(slave, job)
            os.killpg(job, signal.SIGCONT)

        signal.signal(signal.SIGUSR1, to_foreground)
        os.write(tell, f"{job}\n".encode())
        while True:
            _, status = os.waitpid(job, os.WUNTRACED | os.WCONTINUED)
            if os.WIFSTOPPED(status):
                word = f"stopped {signal.Signals(os.WSTOPSIG(status)).name}"
            elif os.WIFCONTINUED(status):
                word = "continued"
            elif os.WIFSIGNALED(status):
                word = f"killed {signal.Signals(os.WTERMSIG(status)).name}"
            else:
                word = f"exited {os.WEXITSTATUS(status)}"
            os.write(tell, f"{word}\n".encode())
            if os.WIFSIGNALED(status) or os.WIFEXITED(status):
                os._exit(0)

    def event(self):
        return self.events.readline().strip()

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, text):
        """Waits for this text in the output.  Returns what came before it."""
        text = text.encode()
        while text not in self.seen:
            self.seen += os.read(self.master, 4096)
        before, _, self.seen = self.seen.partition(text)
        return before.decode()

    def foreground(self):
        """What `fg` does."""
        os.kill(self.shell, signal.SIGUSR1)

    def close(self):
        os.waitpid(self.shell, 0)
        self.events.close()
        os.close(self.master)


def one(function):
    """Runs one test in a process of its own.  Returns its exit status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

        def too_late(_number, _frame):
            raise TimeoutError(f"not done after {TIME_LIMIT} seconds")

        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(TIME_LIMIT)
        function()
        reap_all()
        os._exit(0)
    except Skip as why:
        print(f"# SKIP {why}", flush=True)
        os._exit(77)
    except BaseException:
        for line in traceback.format_exc().splitlines():
            print(f"# {line}", flush=True)
        signal.alarm(0)
        for pid in children():
            print(f"# left behind: {pid}", flush=True)
            os.kill(pid, signal.SIGKILL)
        sys.stdout.flush()
        os._exit(1)


def main():
    # What runs in the background of a shell, or under nohup(1), ignores them, and so would all that it starts.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    only = sys.argv[1:]
    chosen = [f for f in tests if not only or f.__name__ in only]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, function in enumerate(chosen, 1):
        status = one(function)
        name = function.__name__.replace("_", " ")
        if status == 0:
            print(f"ok {number} {name}", flush=True)
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == 77:
            print(f"ok {number} {name} # SKIP see above", flush=True)
        else:
            failed += 1
            print(f"not ok {number} {name}", flush=True)
    sys.exit(1 if failed else 0)

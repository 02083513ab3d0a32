#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that live longer than the one that waylay started, or than waylay."""
import os
import signal
import subprocess
import sys
import tempfile

from life import children, main, reap_all, same, start, test, wait_for_end


KILLER = next((word for word in sys.argv[1:] if "/" in word), None)
sys.argv[1:] = [word for word in sys.argv[1:] if "/" not in word]


class Fifos:
    """Two named pipes: `go` to let a program continue, `say` for what it says."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.go, self.say = (os.path.join(self.folder.name, name) for name in ("go", "say"))
        os.mkfifo(self.go)
        os.mkfifo(self.say)
        self.env = {**os.environ, "GO": self.go, "SAY": self.say}
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def let_go(self):
        with open(self.go, "w", encoding="ascii") as f:
            f.write("go\n")

    def said(self):
        with open(self.say, encoding="ascii") as f:
            return f.read()


DAEMON = "setsid sh -c 'read x <$GO; sh -c \"echo \\$PPID\" >$SAY; read x <$GO; exec sh -c \"echo \\$PPID >$SAY\"'"


def supervisor_that_stays():
    """Orphans are ours: it is the one that is called so."""
    stayed = []
    for pid in children():
        with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            if comm.read() == "waylay-follow\n":
                stayed.append(pid)
    same(len(stayed), 1)
    return stayed[0]


def start_daemon(f):
    """The program ends, its daemon goes on.  Returns the supervisor that stayed with it."""
    p = start("sh", "-c", f"{DAEMON} </dev/null >/dev/null 2>&1 & exit 0", env=f.env)
    same(p.wait(), 0)
    f.let_go()
    same(f.said(), "42\n")
    return supervisor_that_stays()


@test
def a_daemon_is_followed_after_the_end_of_the_program():
    with Fifos() as f:
        p = start("sh", "-c", f"{DAEMON} </dev/null >/dev/null 2>&1 & exit 4", env=f.env)
        same(p.wait(), 4)
        for _ in range(2):
            f.let_go()
            same(f.said(), "42\n")
        reap_all()


@test
def the_supervisor_that_stays_holds_nothing():
    with Fifos() as f:
        p = start("sh", "-c", f"{DAEMON} </dev/null >/dev/null 2>&1 & exit 0", env=f.env,
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Ends only when nobody holds the other end.
        same(p.communicate(), (b"", b""))
        f.let_go()
        same(f.said(), "42\n")
        stayed = supervisor_that_stays()
        same(os.getsid(stayed), stayed)
        same(os.readlink(f"/proc/{stayed}/cwd"), "/")
        links = {os.readlink(f"/proc/{stayed}/fd/{fd}") for fd in ("0", "1", "2")}
        same(links, {"/dev/null"})
        f.let_go()
        same(f.said(), "42\n")
        wait_for_end(stayed)
        reap_all()


@test
def nothing_stays_without_need():
    p = start("sh", "-c", "true; sh -c true | cat")
    same(p.wait(), 0)
    same(children(), [])


@test
def programs_go_on_when_waylay_is_killed():
    with Fifos() as f:
        p = start("sh", "-c", "echo ready >$SAY; read x <$GO; sh -c 'echo $PPID' | cat >$SAY; "
                  "read x <$GO; exec sh -c 'echo end >$SAY'", env=f.env)
        same(f.said(), "ready\n")
        p.send_signal(signal.SIGKILL)
        same(p.wait(), -signal.SIGKILL)
        f.let_go()
        assert f.said().strip().isdigit()
        f.let_go()
        same(f.said(), "end\n")
        reap_all()


@test
def programs_go_on_when_the_supervisor_that_stayed_is_killed():
    with Fifos() as f:
        stayed = start_daemon(f)
        os.kill(stayed, signal.SIGKILL)
        os.waitpid(stayed, 0)
        f.let_go()
        assert f.said() != "42\n"
        reap_all()


@test
def the_supervisor_that_stayed_is_killed_while_it_looks_who_is_left():
    """It has no session mapped then, by which its end would be known."""
    with Fifos() as f:
        stayed = start_daemon(f)
        same(subprocess.run([KILLER, str(stayed)], check=False).returncode, 0)
        os.waitpid(stayed, 0)
        f.let_go()
        assert f.said() != "42\n"
        reap_all()


@test
def waylay_is_killed_while_many_execute():
    with Fifos() as f:
        script = "echo ready >$SAY; for i in $(seq 200); do /bin/echo $i; done >/dev/null && echo all >$SAY"
        p = start("sh", "-c", script, env=f.env)
        same(f.said(), "ready\n")
        p.send_signal(signal.SIGKILL)
        same(p.wait(), -signal.SIGKILL)
        same(f.said(), "all\n")
        reap_all()


@test
def a_killed_program_leaves_its_children_followed():
    with Fifos() as f:
        p = start("sh", "-c", "(read x <$GO; sh -c 'echo $PPID' >$SAY) & kill -KILL $$", env=f.env)
        same(p.wait(), -signal.SIGKILL)
        f.let_go()
        same(f.said(), "42\n")
        reap_all()


main()

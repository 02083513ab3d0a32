#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals that are sent to waylay reach the program; job control works as without waylay."""
import os
import signal
import subprocess

from life import WAYLAY, Terminal, main, same, start, test

# Says which signals come; reads lines; ends with status 5 at the line "end".
LISTENER = """
import os, signal, sys
def got(number, frame):
    print("got", signal.Signals(number).name, flush=True)
for name in "INT QUIT TERM HUP USR1 USR2 ALRM WINCH PIPE IO CONT".split():
    signal.signal(getattr(signal, "SIG" + name), got)
print("ready", os.getpid(), flush=True)
for line in iter(sys.stdin.readline, ""):
    print("read", line.strip(), flush=True)
    if line.strip() == "end":
        sys.exit(5)
"""
UNDER = (WAYLAY, "run", "--layer", "null", "--")


def listener():
    p = start("python3", "-c", LISTENER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    word, pid = p.stdout.readline().split()
    same(word, "ready")
    return p, int(pid)


def finish(p):
    out, _ = p.communicate("end\n")
    same((p.returncode, out), (5, "read end\n"))


@test
def signals_are_sent_on():
    p, _ = listener()
    for name in "INT QUIT TERM HUP USR1 USR2 ALRM WINCH PIPE IO".split():
        p.send_signal(getattr(signal, "SIG" + name))
        same(p.stdout.readline(), f"got SIG{name}\n")
    finish(p)


@test
def a_signal_that_kills_the_program_ends_waylay_by_it():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGALRM):
        p = start("sh", "-c", "echo ready; read x", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        same(p.stdout.readline(), "ready\n")
        p.send_signal(number)
        p.wait()
        same(p.returncode, -number)
        p.communicate()


@test
def a_queued_value_arrives():
    code = "import signal; signal.pthread_sigmask(0, [40]); print('ready', flush=True); " \
           "i = signal.sigwaitinfo([40]); print(i.si_signo, i.si_code, flush=True)"
    p = start("python3", "-c", code, stdout=subprocess.PIPE, text=True)
    same(p.stdout.readline(), "ready\n")
    subprocess.run(["/bin/kill", "-q", "77", "-s", "40", str(p.pid)], check=True)
    same(p.communicate()[0], "40 -1\n")
    same(p.returncode, 0)


@test
def the_terminals_interrupt_comes_once():
    t = Terminal(*UNDER, "python3", "-c", LISTENER)
    t.expect("ready")
    for key, name in (("\x03", "SIGINT"), ("\x1c", "SIGQUIT")):
        t.expect("\n")
        t.type(key)
        t.expect(f"got {name}")
        t.type("ping\n")
        same(t.expect("read ping").strip(), "")
    t.type("end\n")
    same(t.event(), "exited 5")
    t.close()


@test
def the_terminals_interrupt_kills():
    for key, name in (("\x03", "SIGINT"), ("\x1c", "SIGQUIT")):
        t = Terminal(*UNDER, "sh", "-c", "ulimit -c 0; echo ready; exec sleep 1000")
        t.expect("ready")
        t.type(key)
        same(t.event(), f"killed {name}")
        t.close()


@test
def stopped_by_the_terminal_and_continued():
    t = Terminal(*UNDER, "sh", "-c", "echo ready; while read x; do sh -c 'echo $PPID '$x; done")
    t.expect("ready")
    for turn in ("one", "two"):
        t.type("\x1a")
        same(t.event(), "stopped SIGTSTP")
        t.foreground()
        same(t.event(), "continued")
        t.type(f"{turn}\n")
        t.expect(f"42 {turn}")
    t.type("\x04")
    same(t.event(), "exited 0")
    t.close()


@test
def a_program_that_stops_itself_and_waylay_continued_alone():
    for name in ("STOP", "TSTP", "TTIN", "TTOU"):
        t = Terminal(*UNDER, "sh", "-c", f"kill -{name} $$; sh -c 'echo $PPID'; exit 3")
        same(t.event(), f"stopped SIG{name}")
        os.kill(t.job, signal.SIGCONT)
        same(t.event(), "continued")
        t.expect("42")
        same(t.event(), "exited 3")
        t.close()


@test
def a_program_that_does_not_stop_keeps_waylay_from_stopping():
    t = Terminal(*UNDER, "python3", "-c", "import signal; signal.signal(signal.SIGTSTP, signal.SIG_IGN)\n"
                 + LISTENER)
    t.expect("ready")
    t.type("\x1aend\n")
    same(t.event(), "exited 5")
    t.close()


@test
def others_execute_while_the_program_is_stopped():
    t = Terminal(*UNDER, "sh", "-c",
                 "(read x; sh -c 'echo $PPID other'; exec sh -c 'echo $PPID same') </dev/tty & kill -STOP $$; wait")
    same(t.event(), "stopped SIGSTOP")
    t.type("go\n")
    t.expect("42 other")
    t.expect("42 same")
    t.foreground()
    same(t.event(), "continued")
    same(t.event(), "exited 0")
    t.close()


@test
def a_job_in_the_background_stops_when_it_reads():
    t = Terminal(*UNDER, "sh", "-c", "read x; echo got $x; sh -c 'echo $PPID'", foreground=False)
    same(t.event(), "stopped SIGTTIN")
    t.foreground()
    same(t.event(), "continued")
    t.type("word\n")
    t.expect("got word")
    t.expect("42")
    same(t.event(), "exited 0")
    t.close()


@test
def killed_while_stopped():
    t = Terminal(*UNDER, "sh", "-c", "kill -STOP $$; echo not reached")
    same(t.event(), "stopped SIGSTOP")
    os.killpg(t.job, signal.SIGTERM)
    os.killpg(t.job, signal.SIGCONT)
    event = t.event()
    same(t.event() if event == "continued" else event, "killed SIGTERM")
    t.close()


@test
def the_program_is_in_waylays_group_and_session():
    code = "import os; print(os.getpgid(0), os.getsid(0))"
    p = start("python3", "-c", code, stdout=subprocess.PIPE, text=True, start_new_session=True)
    out = p.communicate()[0].split()
    same(out, [str(p.pid), str(p.pid)])


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that bring the agent along because nobody may trace them.

Arguments: no-ptrace.c, and identity.c in its variants, built.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from life import WAYLAY, Skip, main, native, run, same, test

USERLAND = ("--follow=userland",)
NO_PTRACE = next((word for word in sys.argv[1:] if "no-ptrace" in word), None)
IDENTITY = [word for word in sys.argv[1:] if "identity." in word]
sys.argv[1:] = [word for word in sys.argv[1:] if "/" not in word]
ENV = {"PATH": os.environ["PATH"], "LAST": "one"}
# A waylay with sanitizers would want to trace itself.
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def users():
    """How to run something as who we are, and as somebody without any privilege."""
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        return [(), as_nobody]
    return [()]


def place():
    """A directory that everybody may look into."""
    where = tempfile.TemporaryDirectory(prefix="waylay-userland-")
    os.chmod(where.name, 0o777)
    return where


def in_userland(top, *argv, user=(), env=None):
    """Runs a program that executes itself once, and looks whether it was followed."""
    stats = f"{top}/stats"
    got = native(*user, WAYLAY, "run", *USERLAND, "--stats-json", stats, *argv, env=env)
    with open(stats, encoding="utf-8") as f:
        said = json.load(f)
    os.unlink(stats)
    same((argv, user, said["execs"] >= 2, said["unfollowed"]), (argv, user, True, []))
    return got


@test
def a_program_finds_itself_as_it_is():
    with place() as top:
        for source in IDENTITY:
            exe = shutil.copy(source, top)
            for user in users():
                want = native(*user, exe, "a", "b c", "", env=ENV)
                got = in_userland(top, exe, "a", "b c", "", user=user, env=ENV)
                same((exe, user, got.returncode, got.stdout, got.stderr),
                     (exe, user, 7, want.stdout, ""))


@test
def the_same_without_an_environment():
    with place() as top:
        for source in IDENTITY:
            exe = shutil.copy(source, top)
            want = native("env", "-i", exe)
            got = in_userland(top, "env", "-i", exe)
            same((exe, got.returncode, got.stdout, got.stderr), (exe, 7, want.stdout, ""))


@test
def a_script_is_named_after_itself():
    with place() as top:
        shutil.copy(IDENTITY[0], os.path.join(top, "interpreter"))
        script = os.path.join(top, "script")
        with open(script, "w", encoding="utf-8") as f:
            f.write(f"#!{top}/interpreter with an argument\n")
        os.chmod(script, 0o755)
        for user in users():
            want = native(*user, script, "more", env=ENV)
            got = in_userland(top, script, "more", user=user, env=ENV)
            same((user, got.returncode, got.stdout, got.stderr), (user, 7, want.stdout, ""))


@test
def libraries_are_found_beside_the_program():
    if not shutil.which("cc"):
        raise Skip("there is no compiler")
    with place() as top:
        os.mkdir(f"{top}/lib")
        for name, text in (("f", "int f(void) { return 7; }"), ("m", "int f(void); int main(void) { return f(); }")):
            with open(f"{top}/{name}.c", "w", encoding="utf-8") as f:
                f.write(text)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{top}/lib/libf.so", f"{top}/f.c"], check=True)
        subprocess.run(["cc", "-o", f"{top}/m", f"{top}/m.c", f"-L{top}/lib", "-lf",
                        "-Wl,-rpath,$ORIGIN/lib"], check=True)
        for user in users():
            for program in ([f"{top}/m"], ["sh", "-c", f"{top}/m"]):
                got = native(*user, WAYLAY, "run", *USERLAND, *program)
                same((user, program, got.returncode, got.stderr), (user, program, 7, ""))


@test
def where_ptrace_is_forbidden_all_are_followed():
    script = "echo $PPID; sh -c 'echo $PPID; exit 5'; echo $? | cat"
    for user in users():
        got = native(*user, NO_PTRACE, WAYLAY, "run", "--layer", "null", "sh", "-c", script, env=NO_LEAKS)
        if got.returncode == 77:
            raise Skip(got.stderr)
        same((user, got.returncode, got.stdout, got.stderr), (user, 0, "42\n42\n5\n", ""))


@test
def what_lives_on_is_followed():
    with place() as top:
        os.mkfifo(f"{top}/go")
        os.mkfifo(f"{top}/answer")
        script = f"(read line <{top}/go; sh -c 'echo $PPID $line' >{top}/answer) >/dev/null 2>&1 </dev/null & exit 5"
        got = native(NO_PTRACE, WAYLAY, "run", "--layer", "null", "sh", "-c", "export line; sh -c : ; " + script,
                     env=NO_LEAKS)
        same((got.returncode, got.stderr), (5, ""))
        with open(f"{top}/go", "w", encoding="utf-8") as f:
            f.write("x\n")
        with open(f"{top}/answer", encoding="utf-8") as f:
            same(f.read().split()[0], "42")


@test
def failing_ones_fail_as_natively():
    with place() as top:
        texts = {"text": "echo text $0\n", "no-interpreter": "#!/does/not/exist\n", "loop": f"#!{top}/loop\n"}
        for name, text in texts.items():
            with open(f"{top}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(f"{top}/{name}", 0o755)
        os.chmod(shutil.copy(f"{top}/text", f"{top}/not-executable"), 0o644)
        for name in [*texts, "not-executable", "nothing", ""]:
            script = f"{top}/{name}; echo $?"
            want = native("bash", "-c", script)
            got = run("bash", "-c", script, options=USERLAND)
            same((name, got.returncode, got.stdout, got.stderr),
                 (name, want.returncode, want.stdout, want.stderr))


main()

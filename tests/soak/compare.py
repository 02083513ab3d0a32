# SPDX-License-Identifier: Apache-2.0
"""Runs parts of somebody else's test suite natively and under waylay, and compares the outcomes.

A part is one command.  What it says is boiled down to a table: the name of each test in it, and
how that test ended; "end" is how the command itself ended.  A test that fails natively is no fault
of waylay's: it must fail in the same way, and is counted and shown.

Such suites measure time, and race; some of their tests fail now and then on any machine.  So a
difference is looked at twice: only a test that was different the first time and is different
again, both runs made anew, counts as a failure.  One that was different once is shown as such.

Parts run as an unprivileged user in an empty directory, and nothing they start outlives them.
"""
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import torture  # noqa: E402  (the harness is not a package)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A parent that ends as its child ended, as waylay does: natively, too, no part leads its session.
NATIVELY = ["timeout", "--foreground", "1d"]
USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def tail(data, lines=25):
    return data.decode("utf-8", "replace").splitlines()[-lines:]


class Suite:
    """`read` makes the table from a torture.Result and the directory that the part ran in."""

    def __init__(self, read, failed, env=None):
        self.read, self.failed = read, failed
        self.env = env or {}
        self.tap = torture.Tap()
        self.equal = self.once = self.native_failures = self.different = 0
        self.waylay = os.environ.get("WAYLAY")

    def __enter__(self):
        torture.become_subreaper()
        # Started in the background both may be ignored, which programs inherit.
        for sig in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(sig, signal.SIG_DFL)
        self.top = tempfile.mkdtemp(prefix="waylay-soak-")
        os.chmod(self.top, 0o755)
        if self.waylay:
            # where another user can reach it
            shutil.copy(self.waylay, os.path.join(self.top, "waylay"))
            self.waylay = os.path.join(self.top, "waylay")
        return self

    def __exit__(self, *what):
        shutil.rmtree(self.top, ignore_errors=True)

    def once_through(self, argv, timeout, under_waylay, capability, env):
        cwd = os.path.join(self.top, "work")
        env = {"PATH": PATH, "HOME": cwd, "TMPDIR": cwd, "XDG_RUNTIME_DIR": cwd, "TZ": "UTC",
               "LANG": "C.UTF-8", "USER": "nobody", "LOGNAME": "nobody", **self.env, **(env or {})}
        user = []
        if os.geteuid() == 0:
            user = USER + [f"--{kind}-caps=+{capability}" for kind in ("inh", "ambient")
                           if capability]
        way = [self.waylay, "run"]
        if not (under_waylay and self.waylay):
            way = NATIVELY
        # Under waylay on a busy machine: three times as long, before it counts as stuck.
        got = torture.run(user + way + argv, cwd, timeout * 3 if under_waylay else timeout, env)
        got.argv = argv
        table = self.read(got, cwd)
        table["end"] = "stuck" if got.stuck else got.end
        if got.left:
            table["left over"] = "processes"
        return table, got

    def part(self, name, argv, timeout=120, capability=None, env=None):
        began = time.monotonic()
        pairs, said, differ = [], [], []
        for _ in range(2):
            pair = [self.once_through(argv, timeout, under_waylay, capability, env)
                    for under_waylay in (False, True)]
            native, ours = (table for table, got in pair)
            pairs.append((native, ours))
            differ.append({test for test in set(native) | set(ours)
                           if native.get(test) != ours.get(test)})
            for what, (table, got) in zip(("natively", "under waylay"), pair):
                said.append(f"what it said {what}:")
                said += got.stuck + got.left
                said += [f"    {line}" for line in tail(got.out) + tail(got.err)]
            if not set.intersection(*differ):
                break
        different = set.intersection(*differ)
        native = pairs[0][0]
        bad = sorted(test for test, how in native.items() if self.failed(test, how))
        notes = []
        for test in sorted(differ[0]):
            first, again = pairs[0], pairs[-1]
            notes.append(f"{'different twice' if test in different else 'different once'}: {test}: "
                         f"natively {first[0].get(test)}, then {again[0].get(test)}; "
                         f"under waylay {first[1].get(test)}, then {again[1].get(test)}")
        if differ[0]:
            notes += said
        if bad:
            notes.append(f"natively fails, and so it may: {', '.join(bad)}")
        self.equal += len(set(native) - differ[0])
        self.once += len(differ[0]) - len(different)
        self.different += len(different)
        self.native_failures += len(bad)
        notes.append(f"{len(native)} outcomes, {time.monotonic() - began:.1f} s")
        self.tap.point(not different, name, notes)

    def skip(self, name, reason):
        self.tap.point(True, name, skip=reason)

    def end(self):
        print(f"# equal {self.equal}, different once {self.once}, different {self.different}; "
              f"{self.native_failures} of them fail natively")
        return self.tap.end()

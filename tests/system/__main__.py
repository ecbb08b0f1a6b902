"""Runs the system tests: each file test_*.py in a process of its own, two at a time.

usage: python3 tests/system [--seconds N] [--each N] [--results FILE] [NAME...]
  NAME      a file (copy, test_copy or test_copy.py), or a part of it: copy.Class.test
  --seconds ends all of it after N seconds; --each ends one file
  --results adds a line `passed|failed|skipped NAME` for each test to FILE

A file that passes gets one line; of one that fails, all that it printed is shown. A file that is
ended for its time names the test that it was in, with the stack it was in.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import faulthandler
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
AT_ONCE = 2


class Notes(unittest.TextTestResult):
    """Writes each test's begin and end to a file, which is there even after a crash."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.file = open(os.environ["SYSTEM_TEST_NOTES"], "a", buffering=1)
        self.bad_subtests = set()

    def note(self, word, test):
        # An error in setUpClass comes with an object that only has a description.
        self.file.write(f"{word} {test.id() if hasattr(test, 'id') else test}\n")

    def startTest(self, test):
        super().startTest(test)
        self.note("begin", test)

    def addSuccess(self, test):
        super().addSuccess(test)
        if test.id() not in self.bad_subtests:
            self.note("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note("failed", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.note("failed", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note("skipped", test)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note("passed", test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note("failed", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None and test.id() not in self.bad_subtests:
            self.bad_subtests.add(test.id())
            self.note("failed", test)


def run_here(name):
    """The child: the tests of one name, in this process."""
    faulthandler.enable()
    sys.path.append(str(TOP))
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Notes, buffer=True).run(suite)
    sys.exit(0 if result.wasSuccessful() else 1)


def end_group(child, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


class Children:
    """The processes under way. What they leave behind when they end becomes this process's child
    (it is a subreaper), in whichever session it is, and is ended too."""

    PR_SET_CHILD_SUBREAPER = 36

    def __init__(self):
        self.lock = threading.Lock()
        self.known = set()
        self.closed = False
        ctypes.CDLL(None).prctl(self.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, *args, **kwargs):
        with self.lock:
            if self.closed:
                raise InterruptedError
            child = subprocess.Popen(*args, start_new_session=True, **kwargs)
            self.known.add(child.pid)
        return child

    def ended(self, child):
        with self.lock:
            self.known.discard(child.pid)
            while orphans := self.all() - self.known:
                for pid in orphans:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    def close(self):
        """Ends them all; no more can be started."""
        with self.lock:
            self.closed = True
            for pid in self.known:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @staticmethod
    def all():
        lists = pathlib.Path("/proc/self/task").glob("*/children")
        return {int(pid) for file in lists for pid in file.read_text().split()}


def run_apart(name, each, deadline, children):
    """One name in a process group of its own: (its output, lines of results, failed?)."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dray-system-") as folder:
        notes = pathlib.Path(folder, "notes")
        notes.touch()
        output = pathlib.Path(folder, "output")
        with open(output, "wb") as out:
            child = children.start(
                [sys.executable, HERE, "--here", name],
                cwd=TOP,
                env=os.environ | {"SYSTEM_TEST_NOTES": str(notes), "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            late = False
            try:
                status = child.wait(max(1.0, min(each, deadline - started)))
            except subprocess.TimeoutExpired:
                late = True
                end_group(child, signal.SIGABRT)  # faulthandler prints the stack
                time.sleep(0.5)
                end_group(child, signal.SIGKILL)
                status = child.wait()
            children.ended(child)
        text = output.read_text(errors="replace")
        seconds = time.monotonic() - started
        results, begun = [], None
        for line in notes.read_text().splitlines():
            word, _, test = line.partition(" ")
            if word == "begin":
                begun = test
            else:
                results.append(f"{word} {test}")
                begun = None
    if late or (status != 0 and not any(r.startswith("failed") for r in results)):
        results.append(f"failed {begun or name}")
        how = f"was ended after {seconds:.0f} s" if late else f"ended with status {status}"
        text += f"\n{begun or name} {how}\n"
    return text, results, seconds


def names_of(words, parser):
    if not words:
        return [file.stem for file in sorted(HERE.glob("test_*.py"))]
    names = []
    for word in words:
        file, _, rest = word.removesuffix(".py").removeprefix("test_").partition(".")
        if not (HERE / f"test_{file}.py").is_file():
            there = ", ".join(f.stem.removeprefix("test_") for f in sorted(HERE.glob("test_*.py")))
            parser.error(f"no system test '{word}'; there are: {there}")
        names.append(f"test_{file}" + (f".{rest}" if rest else ""))
    return names


def main():
    parser = argparse.ArgumentParser(prog="tests/system")
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--each", type=float, default=300)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.here:
        run_here(options.names[0])
    deadline = time.monotonic() + options.seconds
    failed = False
    children = Children()

    def stop(number, _):
        children.close()
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {
            pool.submit(run_apart, name, options.each, deadline, children): name
            for name in names_of(options.names, parser)
        }
        for run in concurrent.futures.as_completed(runs):
            text, results, seconds = run.result()
            count = {w: sum(r.startswith(w) for r in results) for w in ("passed", "failed", "skipped")}
            summary = ", ".join(f"{n} {word}" for word, n in count.items() if n)
            if count["failed"]:
                failed = True
                print(text, end="")
            print(f"  {runs[run]}: {summary or 'no tests'} ({seconds:.1f} s)", flush=True)
            if options.results:
                with open(options.results, "a") as file:
                    file.writelines(f"{result}\n" for result in results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

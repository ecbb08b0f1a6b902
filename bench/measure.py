"""Runs programs and says what they took: wall time, CPU time, peak memory.

The kernel carries a process's peak over from the one that it was forked from, so a program that
Python starts seems to take at least what Python takes. Here a small shell forks it and ends; the
program waits for the word to go and becomes our child (we adopt orphans), so that wait4 tells what
it took. Its peak is never below the shell's, which is 1 or 2 MiB."""

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
import typing

PR_SET_CHILD_SUBREAPER = 36
START = '''exec 3<&0
{ read -r go <&3 && exec "$@" 3<&-; } &
echo $! >&3'''


class Usage(typing.NamedTuple):
    wall_s: float      # from the word to go to the end
    cpu_s: float       # of the user and of the system
    peak_mib: float    # resident


class Failed(Exception):
    """A program ended with another status than 0."""


class _Process:
    """A program that is loaded with the first word to go."""

    def __init__(self, argv, env, log):
        ours, theirs = socket.socketpair()
        self.argv, self._talk, self.ended = argv, ours, False
        with theirs:
            shell = subprocess.Popen(['/bin/sh', '-c', START, 'sh', *argv], env=env, stdin=theirs,
                                     stdout=log, stderr=log)
        with ours.makefile('r') as said:
            self.pid = int(said.readline())
        shell.wait()

    def go(self):
        self._talk.send(b'\n')

    def wait(self):
        """(when it ended, CPU seconds, peak MiB)"""
        _, status, used = os.wait4(self.pid, 0)
        now, self.ended = time.monotonic(), True
        if status != 0:
            raise Failed(f'{" ".join(self.argv)}: ended with {os.waitstatus_to_exitcode(status)}')
        return now, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def close(self):
        self._talk.close()
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def run(*commands, env=None):
    """Runs one program, or several that work together, to the end; fails with what they printed."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    processes = []
    with tempfile.TemporaryFile() as log:
        try:
            for argv in commands:
                processes.append(_Process(argv, env, log))
            began = time.monotonic()
            for process in processes:
                process.go()
            ends, cpu, peaks = zip(*(process.wait() for process in processes))
        except Failed as problem:
            log.seek(0)
            raise Failed(f'{problem}\n{log.read().decode(errors="replace")}') from None
        finally:
            for process in processes:
                process.close()
    return Usage(max(ends) - began, sum(cpu), sum(peaks))

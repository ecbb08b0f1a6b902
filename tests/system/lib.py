"""The base of the system tests: runs dray as a user would, in a clean environment.

    DRAY=build/release/dray python3 -m unittest discover -s tests/system -p 'test_copy*.py'

Without DRAY it is build/dev/dray."""

import base64
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests'))

from registry import (  # noqa: E402
    STORM, Access, Authority, DebianRegistry, H2Server, Proxy, Registry, Tunnels, http_date, images,
    prove, push)

DRAY = os.path.abspath(os.environ.get('DRAY') or os.path.join(TOP, 'build', 'dev', 'dray'))
SANITIZER_WORDS = ('AddressSanitizer', 'LeakSanitizer', 'UndefinedBehaviorSanitizer',
                   'ThreadSanitizer', 'runtime error:', 'MemorySanitizer')
KEPT = ('PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS',
        'LLVM_PROFILE_FILE')

__all__ = ['DRAY', 'STORM', 'TOP', 'Access', 'Authority', 'DebianRegistry', 'H2Server', 'Proxy',
           'Registry', 'Result', 'SystemTest', 'Tunnels', 'http_date', 'images', 'prove', 'push', 'unittest']


class Result:
    """What a run came to. peak_kb is the largest resident size seen (read every few ms, so a peak
    of the last moments may be missed); cpu_seconds is user and system time."""

    def __init__(self, args, code, out, err, seconds, cpu_seconds, peak_kb):
        self.args, self.code, self.out, self.err = args, code, out, err
        self.seconds, self.cpu_seconds, self.peak_kb = seconds, cpu_seconds, peak_kb

    def json(self):
        return json.loads(self.out)

    def events(self):
        """The lines of -o ndjson."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self):
        return (f'$ dray {" ".join(self.args)}\nexit {self.code} after {self.seconds:.2f} s\n'
                f'--- stdout\n{_short(self.out)}\n--- stderr\n{_short(self.err)}')


def _short(text, limit=6000):
    return text if len(text) <= limit else f'{text[:limit // 2]}\n[...]\n{text[-limit // 2:]}'


class Running:
    """A dray under way. The process is its own session, so that signals reach only it."""

    def __init__(self, test, args, env, stdin, stdout, stderr, program):
        self.args = args
        self._test = test
        self._files = [tempfile.TemporaryFile(dir=test.dir) for _ in range(2)]
        stdout, stderr = stdout or self._files[0], stderr or self._files[1]
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [program, *args], env=env, cwd=test.dir, start_new_session=True,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=stdout, stderr=stderr)
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self.peak_kb = 0
        self.result = None
        if stdin is not None:
            try:
                self._process.stdin.write(stdin.encode() if isinstance(stdin, str) else stdin)
                self._process.stdin.close()
            except BrokenPipeError:
                pass

    def _look(self):
        """Notes the largest resident size so far."""
        try:
            with open(f'/proc/{self.pid}/status', encoding='ascii') as status:
                for line in status:
                    if line.startswith('VmHWM:'):
                        self.peak_kb = max(self.peak_kb, int(line.split()[1]))
        except OSError:
            pass

    def signal(self, number):
        signal.pidfd_send_signal(self._pidfd, number)

    def kill(self):
        self.signal(signal.SIGKILL)

    def running(self):
        return self.result is None and not select.select([self._pidfd], [], [], 0)[0]

    def read_err(self):
        """stderr so far."""
        return self._read(1)

    def read_out(self):
        return self._read(0)

    def _read(self, which):
        file = self._files[which]
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(
            errors='replace')

    def wait(self, timeout=60):
        """Waits for the end and returns the Result; the test fails when it does not come."""
        if self.result is not None:
            return self.result
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        until = time.monotonic() + timeout
        self._look()
        while not poll.poll(4):
            self._look()
            if time.monotonic() > until:
                self.end()
                self._test.fail(f'dray did not end within {timeout} s\n{self.result}')
        return self._reap()

    def _reap(self):
        _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._began
        self.result = Result(self.args, self._process.returncode, self.read_out(), self.read_err(),
                             seconds, usage.ru_utime + usage.ru_stime, self.peak_kb)
        os.close(self._pidfd)
        for file in self._files:
            file.close()
        self._test.ended(self.result)
        return self.result

    def end(self):
        """Kills it if it still runs."""
        if self.result is None:
            if self.running():
                self.kill()
            self._reap()


class SystemTest(unittest.TestCase):
    """self.dir is a temporary folder of the test; HOME and the XDG folders are below it."""

    maxDiff = None

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix='dray-test-')
        self.dir = folder.name
        self.results = []
        self.registries = []
        self.access = {}
        self.addCleanup(folder.cleanup)
        self.addCleanup(self._explain)

    # Registries

    def registry(self, share=None, **settings):
        """A Registry that ends with the test and whose log is shown when the test fails."""
        reg = Registry(share, **settings)
        self.registries.append(reg)
        self.addCleanup(reg.stop)
        return reg

    def debian(self, users=None, authority=None, **options):
        """Debian's docker-registry, likewise; with an Authority it has TLS."""
        reg = DebianRegistry(users, authority.server if authority else None, authority=authority,
                             **options)
        self.registries.append(reg)
        self.access[reg.host] = reg.access
        self.addCleanup(reg.stop)
        return reg

    def authority(self):
        made = Authority()
        self.addCleanup(made.close)
        return made

    def tunnels(self, names=(), answer=None):
        """A web proxy that ends with the test."""
        made = Tunnels(names, answer)
        self.addCleanup(made.stop)
        return made

    def trust(self, reg, authority):
        """Lets assertCopied reach a Registry with TLS."""
        self.access[reg.host] = Access(context=authority.client_context())

    def push(self, image, ref):
        """Pushes an image by HTTP to any registry; returns its digest."""
        host = ref.partition('/')[0]
        return push(image, ref, access=self.access.get(host, Access()))

    # Running

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o600):
        """A file below self.dir; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text if isinstance(text, str) else json.dumps(text))
        os.chmod(path, mode)
        return path

    def docker_config(self, auths=None, **more):
        """Writes ~/.docker/config.json; auths maps hosts to (user, password) or to a dict."""
        def entry(value):
            if isinstance(value, dict):
                return value
            return {'auth': base64.b64encode(':'.join(value).encode()).decode()}
        config = {'auths': {host: entry(value) for host, value in (auths or {}).items()}, **more}
        return self.write('home/.docker/config.json', config)

    def environment(self, **more):
        """The environment of a run; a value of None takes a variable out."""
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = self.path('home')
        env.update(HOME=home, DOCKER_CONFIG=f'{home}/.docker', XDG_CONFIG_HOME=f'{home}/.config',
                   XDG_STATE_HOME=f'{home}/.local/state', XDG_CACHE_HOME=f'{home}/.cache',
                   XDG_RUNTIME_DIR=f'{home}/run', LANG='C.UTF-8', TZ='UTC')
        for folder in ('home', 'home/run'):
            os.makedirs(self.path(folder), mode=0o700, exist_ok=True)
        env.update(more)
        return {name: str(value) for name, value in env.items() if value is not None}

    def start(self, *args, env=None, stdin=None, stdout=None, stderr=None, program=None):
        """Starts dray in the background; it is killed at the test's end. stdout and stderr may be
        files of the caller's (a pipe, a terminal); they are then not in the Result."""
        running = Running(self, [str(arg) for arg in args], self.environment(**(env or {})), stdin,
                          stdout, stderr, program or DRAY)
        self.addCleanup(running.end)
        return running

    def dray(self, *args, env=None, timeout=60, stdin=None):
        """Runs dray to its end. env adds variables, or takes them out by None."""
        return self.start(*args, env=env, stdin=stdin).wait(timeout)

    def ended(self, result):
        """Called with every result: no run may end with a sanitizer's report."""
        self.results.append(result)
        for reg in self.registries:
            if isinstance(reg, Registry):
                reg.settle(2)
        if any(word in result.err for word in SANITIZER_WORDS):
            self.fail(f'A SANITIZER REPORTED:\n{result.err}\n{result}')

    def _explain(self):
        """Cleanup: complains of the test registry's own errors; shows all logs after a failure."""
        result = getattr(self._outcome, 'result', None)
        failed = result is not None and any(
            self in (test, getattr(test, 'test_case', None))
            for test, _ in [*result.failures, *result.errors])
        if failed:
            parts = [f'\n===== {self.id()}', *map(str, self.results)]
            parts += [_short(reg.dump(), 20000) for reg in self.registries]
            print('\n'.join(parts), file=sys.stderr)
        for reg in self.registries:
            if getattr(reg, 'errors', None):
                self.fail('the test registry failed:\n' + '\n'.join(reg.errors))

    # Assertions

    def assertOk(self, result):
        """Exit 0."""
        if result.code != 0:
            self.fail(f'exit {result.code}, not 0\n{result}')
        return result

    def assertFails(self, result, code, *words):
        """This exit status, and every word in stderr, whatever its case."""
        if result.code != code:
            self.fail(f'exit {result.code}, not {code}\n{result}')
        for word in words:
            if str(word).lower() not in result.err.lower():
                self.fail(f'stderr lacks {word!r}\n{result}')
        return result

    def assertCopied(self, source, target, deep=True):
        """Every manifest and blob is at both references, byte for byte. Returns the Proof."""
        return prove(source, target, self.access, deep)

    def assertInOrder(self, reg):
        """Blobs came before their manifests, children before their index, the tag last."""
        self.assertEqual(reg.disorder, [])

    def assertNoSecret(self, result, *secrets):
        """No output holds a secret, plain or in base64, alone or behind a colon."""
        for secret in secrets:
            encoded = {form for offset in range(3) for form in _base64_forms(secret, offset)}
            for form in {secret} | encoded:
                for name, text in (('stdout', result.out), ('stderr', result.err)):
                    if form in text:
                        self.fail(f'{name} shows the secret {secret!r} as {form!r}\n{result}')

    def assertNoCredentialAt(self, *registries):
        """These never saw an Authorization field."""
        for reg in registries:
            if reg.authorization_seen:
                self.fail(f'{reg.url} was sent credentials: {reg.authorization_seen}')


def _base64_forms(secret, offset):
    """The part of base64 text that is the same whatever stands before and behind the secret."""
    data = bytes(offset) + secret.encode()
    first = -(-offset * 4 // 3) if offset else 0
    whole = len(data) // 3 * 4
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        form = encode(data).decode()[first:whole]
        if len(form) >= 6:
            yield form

"""Debian's docker-registry on a free loopback port, with its access log to assert on."""

import os
import re
import signal
import subprocess
import tempfile
import time
import typing
import urllib.parse
import uuid
import warnings

from . import record
from .client import AGENT, Access, Client
from .server import classify
from .wire import Headers, Request

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    import crypt

PROGRAM = 'docker-registry'
LINE = re.compile(r'(\S+) - (\S+) \[[^]]*\] "(\S+) (\S+) HTTP/[\d.]+" (\d+) (\d+|-) '
                  r'"[^"]*" "([^"]*)"')
LISTENING = re.compile(r'listening on 127\.0\.0\.1:(\d+)')


class Line(typing.NamedTuple):
    """One request of the access log."""
    method: str
    path: str
    query: str
    status: int
    size: int
    user: str
    agent: str
    kind: str


def bcrypt(password):
    """A hash of this password as htpasswd -B writes it, at the lowest cost."""
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))


class DebianRegistry:
    """with DebianRegistry(users={'joe': 'secret'}, tls=authority.server) as reg: reg.host ...

    storage keeps the content in a folder of the caller's (and then beyond the end)."""

    def __init__(self, users=None, tls=None, delete=True, storage=None, authority=None):
        self._dir = tempfile.TemporaryDirectory(prefix='dray-registry-')
        self.dir = self._dir.name
        self.storage = storage or f'{self.dir}/storage'
        self.users, self.tls = users or {}, tls
        self._write_config(delete)
        self._marks = 0
        self._last = None    # what dump() shows once the log is gone
        # Its own files, not pipes: nobody would have to read them while it runs.
        with open(f'{self.dir}/access.log', 'wb') as out, open(
                f'{self.dir}/error.log', 'wb') as err:
            self._process = subprocess.Popen(
                [PROGRAM, 'serve', f'{self.dir}/config.yml'], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, cwd=self.dir, start_new_session=True,
                env={'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'HOME': self.dir})
        self.pid = self._process.pid
        try:
            self.port = self._wait_port()
        except BaseException:
            self.stop()
            raise
        self.host = f'127.0.0.1:{self.port}'
        self.url = f'{"https" if tls else "http"}://{self.host}'
        user = next(iter(self.users.items()), None)
        self.access = Access(user, authority.client_context() if authority else None)

    def _write_config(self, delete):
        lines = ['version: 0.1', 'log: {level: info}',
                 'storage:', f'  filesystem: {{rootdirectory: "{self.storage}"}}',
                 f'  delete: {{enabled: {"true" if delete else "false"}}}',
                 'http:', '  addr: "127.0.0.1:0"', f'  secret: "{uuid.uuid4()}"']
        if self.tls:
            lines.append(f'  tls: {{certificate: "{self.tls.cert}", key: "{self.tls.key}"}}')
        if self.users:
            with open(f'{self.dir}/htpasswd', 'w', encoding='utf-8') as file:
                file.writelines(f'{user}:{bcrypt(password)}\n'
                                for user, password in self.users.items())
            lines.append(f'auth: {{htpasswd: {{realm: test, path: "{self.dir}/htpasswd"}}}}')
        with open(f'{self.dir}/config.yml', 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')

    def _read(self, name):
        with open(f'{self.dir}/{name}', encoding='utf-8', errors='replace') as file:
            return file.read()

    def _wait_port(self, seconds=20):
        """It says which port it got just after it began to listen."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = LISTENING.search(self._read('error.log'))
            if found:
                return int(found[1])
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f'{PROGRAM} did not start:\n{self._read("error.log")}')

    def ref(self, name):
        return f'{self.host}/{name}'

    # The access log

    def _mark(self):
        """Sends a request and waits until the log has it: what was answered before is there too."""
        self._marks += 1
        mark = f'/v2/?mark={self._marks}'
        with Client(self.host, self.access) as client:
            client.request('GET', mark).read()
        until = time.monotonic() + 10
        while mark + ' ' not in self._read('access.log') and time.monotonic() < until:
            time.sleep(0.002)

    def requests(self, kind=None, method=None, status=None, path=None, agent=None):
        """Lines of the access log in order of their end; the filters are those of Registry.log.
        The requests of our own witness are left out."""
        self._mark()
        out = []
        for found in LINE.finditer(self._read('access.log')):
            _, user, verb, target, code, size, client = found.groups()
            where = urllib.parse.urlsplit(target)
            if client == AGENT:
                continue
            out.append(Line(verb, where.path, where.query, int(code),
                            0 if size == '-' else int(size), user, client, _kind(verb, where)))
        wanted = record.wanted
        return [line for line in out
                if wanted(line.kind, kind) and wanted(line.method, method)
                and wanted(line.status, status) and wanted(line.path, path)
                and wanted(line.agent, agent)]

    def count(self, *args, **filters):
        return len(self.requests(*args, **filters))

    def clear(self):
        """Forgets the log so far."""
        self._mark()
        with open(f'{self.dir}/access.log', 'r+b') as file:
            file.truncate(0)

    def dump(self):
        return self._last or f'requests at {self.url}:\n{self._read("access.log")}'

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._last = self.dump()
        self._dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _kind(method, where):
    return classify(Request(method, urllib.parse.urlunsplit(where), '', Headers()))[0]

"""A registry that keeps to the OCI distribution specification v1.1, until a test tells it not to.

    with Registry(no_patch=True) as reg:
        reg.on('blob', nth=1).reset(after=1000)
        ... reg.url, reg.host, reg.log, reg.tags('app')

See README.md for the settings, the faults and what can be asserted."""

import fnmatch
import re
import select
import socket
import sys
import threading
import time
import traceback

from . import pull, uploads as upload
from .answers import error, json_response
from .auth import Auth
from .content import Content, Held, digest_of
from .exchange import Cut, Exchange
from .faults import STORM, Rules
from .record import Entry, Log
from .settings import Settings
from .store import Store
from .wire import Gone, Wire

NAME = r'[a-z0-9]+(?:[._/-]+[a-z0-9]+)*'
ROUTES = [(re.compile(pattern), kind) for pattern, kind in (
    (r'/v2/?$', 'ping'), (r'/token$', 'token'), (r'/cdn/', 'cdn'), (r'/v2/_catalog$', 'catalog'),
    (rf'/v2/({NAME})/blobs/uploads/?$', 'upload-open'),
    (rf'/v2/({NAME})/blobs/uploads/([^/]+)$', 'upload'),
    (rf'/v2/({NAME})/blobs/([^/]+)$', 'blob'),
    (rf'/v2/({NAME})/manifests/([^/]+)$', 'manifest'),
    (rf'/v2/({NAME})/tags/list$', 'tags'),
    (rf'/v2/({NAME})/referrers/([^/]+)$', 'referrers'))]
UPLOADS = {'PATCH': 'upload-patch', 'PUT': 'upload-put', 'GET': 'upload-status',
           'DELETE': 'upload-cancel'}

PLAIN_TO_TLS = (b'HTTP/1.0 400 Bad Request\r\n\r\n'
                b'Client sent an HTTP request to an HTTPS server.\n')
NO_HTTP = b'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n'


def classify(request):
    """(kind, repository, reference) of a request."""
    for pattern, kind in ROUTES:
        found = pattern.match(request.path)
        if found is None:
            continue
        repo, reference = (*found.groups(), None, None)[:2]
        if kind == 'upload':
            kind = UPLOADS.get(request.method, 'other')
        elif kind == 'upload-open':
            if request.method != 'POST':
                kind = 'other'
            elif request.arg('mount'):
                kind, reference = 'mount', request.arg('mount')
            elif request.arg('digest'):
                kind, reference = 'upload-single', request.arg('digest')
        return kind, repo, reference
    return 'other', None, None


class Bucket:
    """So many requests a second, a second's worth at once."""

    def __init__(self, rate):
        self.rate = self.level = rate
        self.at = time.monotonic()

    def take(self):
        now = time.monotonic()
        self.level = min(max(1, self.rate), self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Registry(Settings):
    """A registry on a free port of 127.0.0.1 (or this one) while the with statement lasts.
    share=other makes it a second address of the other's content."""

    HANDLERS = {'manifest': pull.manifest, 'blob': pull.blob, 'tags': pull.tags,
                'referrers': pull.referrers, 'cdn': pull.cdn,
                'upload-open': upload.open_upload, 'upload-single': upload.open_upload,
                'mount': upload.mount, 'upload-patch': upload.patch, 'upload-put': upload.put,
                'upload-status': upload.status, 'upload-cancel': upload.cancel}

    def __init__(self, share=None, port=0, **settings):
        for name in ('users', 'rights', 'identity_tokens'):
            setattr(self, name, dict(getattr(Settings, name)))
        self.configure(**settings)
        self.store = share.store if share else Store()
        self.accounts = Auth(self)
        self.log = Log()
        self.rules = Rules()
        self.files = {}                 # what a CDN serves: path -> (content, expiry, ...)
        self.authorization_seen = []    # (method, path, value of Authorization)
        self.accepted = self.connections = self.peak_connections = 0
        self.tls_failures = []
        self.errors = []                # tracebacks of the test registry's own mistakes
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._wires, self._threads, self._live = set(), set(), set()
        self._buckets, self._pulls = {}, 0
        self._listener = socket.create_server(('127.0.0.1', port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.host = f'127.0.0.1:{self.port}'
        self._context = self.tls.server_context(self.client_ca) if self.tls else None
        self.url = f'{"https" if self.tls else "http"}://{self.host}'
        if self.token_server is not None:
            self.token_server.accounts = self.accounts
        self._ready = True
        self._start(self._accept)

    def __setattr__(self, name, value):
        if not name.startswith('_') and '_ready' in self.__dict__ and not hasattr(self, name):
            raise AttributeError(f'no such setting: {name}')
        super().__setattr__(name, value)

    # What tests use

    def on(self, kind='*', **which):
        """A new rule for requests of this kind (or kinds); see faults.Rule."""
        return self.rules.add(kind, **which)

    def storm(self, chance, seed, kind='*', **which):
        """A rule by which this share of the requests fails in one of many ways."""
        return self.on(kind, chance=chance, seed=seed, **which).any_of(*STORM)

    def ref(self, name):
        """HOST:PORT/name, as the command line takes it."""
        return f'{self.host}/{name}'

    def count(self, *args, **filters):
        return self.log.count(*args, **filters)

    def requests(self, *args, **filters):
        return self.log.requests(*args, **filters)

    def bytes_sent(self, kind='*', **filters):
        """Bytes of answers' bodies."""
        return sum(entry.bytes_out for entry in self.log.requests(kind, **filters))

    def bytes_received(self, kind='upload-*', **filters):
        """Bytes of requests' bodies."""
        return sum(entry.bytes_in for entry in self.log.requests(kind, **filters))

    def settle(self, seconds=5):
        """Waits until all that clients have sent is dealt with; says whether that came."""
        until = time.monotonic() + seconds
        while self.log.settle(until - time.monotonic()):
            with self._lock:
                arriving, wires = self._arriving(0), list(self._wires)
            if not arriving and all(wire.untouched() for wire in wires):
                return True
            time.sleep(0.001)
        return False

    def _arriving(self, milliseconds=None):
        """Are there connections that were not accepted yet? Waits for one."""
        if self.stopping.is_set():
            return False
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        return bool(poll.poll(milliseconds)) and not self.stopping.is_set()

    @property
    def blobs(self):
        """digest -> content, over all repositories."""
        with self.store.lock:
            return {digest: content for repo in self.store.repos.values()
                    for digest, content in repo.blobs.items()}

    def blobs_of(self, repo):
        held = self.store.find(repo)
        return dict(held.blobs) if held else {}

    def manifests(self, repo):
        """digest -> bytes"""
        held = self.store.find(repo)
        return {digest: data for digest, (_, data) in held.manifests.items()} if held else {}

    def tags(self, repo):
        """tag -> digest"""
        held = self.store.find(repo)
        return dict(held.tags) if held else {}

    @property
    def uploads(self):
        """The open sessions, each with repo, id and size."""
        with self.store.lock:
            return list(self.store.uploads.values())

    def forget_uploads(self):
        """Loses every session, as a registry does that was started again."""
        with self.store.lock:
            self.store.uploads.clear()

    @property
    def events(self):
        """What changed, in order: (what, repo, name)."""
        with self.store.lock:
            return list(self.store.events)

    @property
    def disorder(self):
        return self.store.disorder()

    def put_blob(self, repo, content, digest=None):
        """Stores a blob without a request, under a false digest if told so."""
        content = content if isinstance(content, Content) else Held(content)
        digest = digest or content.digest
        self.store.repo(repo).blobs[digest] = content
        return digest

    def put_manifest(self, repo, data, media_type, tag=None, digest=None):
        """Stores a manifest without a request and without any check."""
        digest = digest or digest_of(data)
        held = self.store.repo(repo)
        held.manifests[digest] = (media_type, bytes(data))
        if tag:
            held.tags[tag] = digest
        return digest

    @property
    def token_requests(self):
        return list(self.accounts.requests)

    def make_token(self, scope='', user=None, lifetime=300):
        return self.accounts.make_token(scope, user, lifetime)

    def expire_tokens(self):
        self.accounts.expire()

    def expire_urls(self):
        """As a CDN: every URL given out so far answers 403."""
        with self.store.lock:
            self.files = {path: (content, 0, *rest)
                          for path, (content, _, *rest) in self.files.items()}

    def dump(self):
        return f'requests at {self.url}:\n{self.log.dump()}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            wires, threads = list(self._wires), list(self._threads)
        for wire in wires:
            wire.interrupt()
        until = time.monotonic() + 5
        for thread in threads:
            thread.join(max(0, until - time.monotonic()))
        self._listener.close()
        if any(thread.is_alive() for thread in threads):
            print(f'{self.url}: a thread did not end', file=sys.stderr)

    def url_for(self, request):
        """The base URL as the client wrote the host."""
        host = request.headers.get('Host', self.host)
        if not host.endswith(f':{self.port}'):
            host = self.host
        return f'{"https" if self.tls else "http"}://{host}'

    # Connections

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        with self._lock:
            self._threads.add(thread)
            thread.start()

    def _accept(self):
        while self._arriving():
            with self._lock:
                try:
                    sock, _ = self._listener.accept()
                except OSError:
                    return
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                wire = Wire(sock)
                self._wires.add(wire)
                self.accepted += 1
            self._start(self._connection, wire, self.accepted)

    def _connection(self, wire, number):
        try:
            if self._context is not None:
                wire.sock = self._context.wrap_socket(wire.sock, server_side=True,
                                                      do_handshake_on_connect=False)
                self._handshake(wire)
            while not self.stopping.is_set() and self._one(wire, number):
                pass
        except Gone:
            pass
        finally:
            wire.close()
            with self._lock:
                self._wires.discard(wire)
                self._live.discard(number)
                self._threads.discard(threading.current_thread())

    def _handshake(self, wire):
        try:
            wire.sock.do_handshake()
        except OSError as problem:
            self.tls_failures.append(str(problem))
            if getattr(problem, 'reason', '') == 'HTTP_REQUEST':
                socket.socket.send(wire.sock, PLAIN_TO_TLS)
                wire.close_gently(0.2)
            raise Gone('no handshake') from problem

    def _one(self, wire, number):
        """Serves one request; says whether the connection goes on."""
        wire.sock.settimeout(self.idle_timeout)
        try:
            request = wire.request()
        except ValueError:
            wire.send(NO_HTTP)
            wire.close_gently(0.2)
            return False
        if request is None:
            return False
        wire.sock.settimeout(None)
        kind, repo, reference = classify(request)
        if 'X-Witness' in request.headers:
            entry = Entry(0, 0, 0, request.method, request.path, '', request.headers, kind, repo,
                          reference)
            exchange = Exchange(wire, request, entry, self.stopping)
            exchange.respond(self._act(exchange))
            return not exchange.close
        crowded = self._join(number)
        entry = self.log.begin(number, request, kind, repo, reference)
        exchange = Exchange(wire, request, entry, self.stopping)
        wire.served += 1
        if self.close_after is not None and wire.served >= self.close_after:
            exchange.close = True
        try:
            self._serve(exchange, crowded)
        except Gone as gone:
            entry.note = entry.note or str(gone)
            exchange.close = True
        finally:
            if exchange.close and not exchange.consumed:
                wire.close_gently()
            self.log.finish(entry)
        return not exchange.close

    def _join(self, number):
        """Counts a connection once it has a request; says whether there are too many."""
        with self._lock:
            if number not in self._live:
                self._live.add(number)
                self.connections += 1
                self.peak_connections = max(self.peak_connections, len(self._live))
            return self.max_connections is not None and len(self._live) > self.max_connections

    # Requests

    def _serve(self, x, crowded):
        value = x.request.headers.get('Authorization')
        if value is not None:
            self.authorization_seen.append((x.request.method, x.request.path, value))
        if crowded:
            x.entry.note, x.close = 'too many connections', True
            if self.over_limit == 'reset':
                x.wire.reset()
            else:
                x.respond(error(503))
            return
        x.pause(self.latency)
        refused = self._limits(x)
        fault = None
        if refused is None:
            fault = self.rules.choose(x.request, x.entry, before_auth=True)
            refused = None if fault else self.accounts.refuse(x.request, x.entry)
        if refused is None and fault is None:
            fault = self.rules.choose(x.request, x.entry, before_auth=False)
        if refused is not None:
            x.respond(refused)
        else:
            if fault is not None:
                x.fault, x.entry.fault = fault, str(fault)
            self._carry_out(x)

    def _carry_out(self, x):
        fault = x.fault
        x.pause(fault.delay)
        x.gate('before')
        if fault.cut and fault.cut_point == 'before':
            x.end(fault.cut)
            return
        if fault.ignore_range:
            x.request.headers.set('Range', None)
        try:
            if fault.raw is not None:
                x.discard()
                x.wire.send(fault.raw)
                x.close = True
                return
            if fault.answer is not None and (fault.answer_at is None or x.consumed):
                x.discard()
                response = fault.answer(x.request)
            else:
                response = self._act(x)
                if fault.answer is not None and not x.consumed:
                    response = fault.answer(x.request)
        except Cut:
            if fault.cut_point == 'received':
                x.end(fault.cut)
                return
            x.close = True
            response = fault.answer(x.request)
        x.gate('acted')
        if fault.cut and fault.cut_point == 'acted':
            x.entry.note = f'would have been {response.status}'
            x.end(fault.cut)
        else:
            x.respond(response)

    def _act(self, x):
        """The right answer to the request."""
        try:
            if x.entry.kind == 'ping':
                return json_response(200, {}, {'Docker-Distribution-Api-Version': 'registry/2.0'})
            if x.entry.kind == 'token':
                return self.accounts.token(x)
            handler = self.HANDLERS.get(x.entry.kind)
            return error(404) if handler is None else handler(self, x)
        except (Gone, Cut):
            raise
        except Exception:
            self.errors.append(traceback.format_exc())
            print(self.errors[-1], file=sys.stderr)
            return error(500, message='the test registry itself failed')

    def _limits(self, x):
        """The answer to a request that is above a limit, else None."""
        if self.refuse_authorization and 'Authorization' in x.request.headers:
            return error(400, message='Authorization is not wanted here')
        if self.body_max is not None and (x.request.length or 0) > self.body_max:
            return error(413)
        limits = self.rate_limit
        limits = limits if isinstance(limits, dict) else {'*': limits} if limits else {}
        for glob, rate in limits.items():
            if not fnmatch.fnmatchcase(x.entry.kind, glob):
                continue
            with self._lock:
                if not self._buckets.setdefault(glob, Bucket(rate)).take():
                    return self._too_many()
        return self._pull_limit(x)

    def _too_many(self):
        headers = {'Retry-After': self.retry_after} if self.retry_after is not None else {}
        return error(429, headers=headers)

    def _pull_limit(self, x):
        if self.pull_limit is None or x.entry.kind != 'manifest':
            return None
        window = f';w={self.pull_window}'
        with self._lock:
            if x.request.method == 'GET':
                self._pulls += 1
            left = self.pull_limit - self._pulls
        headers = {'ratelimit-limit': f'{self.pull_limit}{window}',
                   'ratelimit-remaining': f'{max(0, left)}{window}'}
        if left < 0 and x.request.method == 'GET':
            return error(429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.', headers)
        x.headers.update(headers)
        return None

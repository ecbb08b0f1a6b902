"""Misbehaviour on demand: rules that pick requests, and what then goes wrong.

    reg.on('blob', nth=1).reset(after=1000)
    reg.on('upload-patch', times=2).status(503, retry_after=1)
    gate = reg.on('blob').hold()

A number of bytes may also be a fraction of the body (0.5) or a range to choose from by the rule's
seed ((0, 4096) or (0.1, 0.9))."""

import copy
import fnmatch
import random
import re
import threading

from .answers import HTML, Response, error
from .wire import Gone

ENDLESS_CAP = 1 << 30


class Gate:
    """Holds requests until the test lets them go on. A held request ends when its client leaves."""

    def __init__(self):
        self._changed = threading.Condition()
        self._open = False
        self.reached = 0

    def wait_reached(self, count=1, seconds=10):
        """Waits until so many requests have come to the gate."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.reached >= count, seconds):
                raise AssertionError(f'{self.reached} requests reached the gate, not {count}')

    def release(self):
        """Opens the gate for good."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def hold(self, wire, stopping):
        """For the server: returns once the gate is open."""
        with self._changed:
            self.reached += 1
            self._changed.notify_all()
            while not self._open:
                if stopping.is_set() or wire.gone():
                    raise Gone('left while it was held')
                self._changed.wait(0.03)


class Fault:
    """What goes wrong with one request. A point is 'before', 'received' (after so many bytes of
    the request's body), 'acted' (done, but not answered) or 'after' (so many bytes of the
    answer's body)."""

    def __init__(self):
        self.names = []
        self.delay = 0.0
        self.rate = None
        self.gate = self.gate_point = self.gate_at = None
        self.cut = self.cut_point = self.cut_at = None
        self.answer = None         # request -> Response, in place of the action
        self.answer_at = None      # ... sent after so many bytes of the request's body
        self.changes = []          # functions of (request, response)
        self.raw = None
        self.corrupt_at = None
        self.ignore_range = self.endless = self.chunked = False

    def __str__(self):
        return ' '.join(self.names)

    def fixed(self, rng):
        """A copy whose ranges are numbers."""
        fault = copy.copy(self)
        for name in ('gate_at', 'cut_at', 'answer_at', 'corrupt_at'):
            value = getattr(fault, name)
            if isinstance(value, tuple):
                low, high = value
                whole = isinstance(low, int) and isinstance(high, int)
                setattr(fault, name, rng.randint(low, high) if whole else rng.uniform(low, high))
        return fault


def position(value, length):
    """A number of bytes, from a number or a fraction of the length."""
    return int(value * length) if isinstance(value, float) else value


class Acts:
    """The acts, each returning self so that they chain."""

    def __init__(self):
        self.fault = Fault()

    def _named(self, name, *values):
        shown = ','.join(str(value) for value in values if value is not None)
        self.fault.names.append(f'{name}({shown})')
        return self

    # Other answers

    def answer(self, make):
        """make(request) gives the Response."""
        self.fault.answer = make
        return self._named('answer')

    def status(self, status, body=None, headers=(), retry_after=None, code=None, message='',
               received=None):
        """Answers so instead of acting. The body is a registry's error in JSON with this code and
        message unless given. With received=N the answer comes after so many bytes of the request's
        body, else after all of it."""
        def make(_request):
            if body is None:
                response = error(status, code, message)
            else:
                response = Response(status, body=body.encode() if isinstance(body, str) else body)
            for name, value in dict(headers).items():
                response.headers.set(name, value)
            response.headers.set('Retry-After', retry_after)
            return response
        self.fault.answer, self.fault.answer_at = make, received
        return self._named('status', status)

    def html(self, status=502):
        return self.status(status, HTML, {'Content-Type': 'text/html'})

    def redirect(self, to, status=307):
        """to: a URL, absolute or relative; another Registry (the same path there); 'loop'; or a
        function of the request."""
        def make(request):
            if callable(to):
                url = to(request)
            elif to == 'loop':
                url = request.target
            else:
                url = to if isinstance(to, str) else to.url + request.target
            return Response(status, {'Location': url})
        self.fault.answer = make
        return self._named('redirect', status)

    def raw(self, data):
        """Sends exactly these bytes and closes."""
        self.fault.raw = data
        return self._named('raw')

    def malformed_status(self):
        return self.raw(b'HTTP/1.1 what ever\r\nContent-Length: 0\r\n\r\n')

    def malformed_header(self):
        return self.raw(b'HTTP/1.1 200 OK\r\nno colon here\r\n: no name\r\n\x00\xff: \x01\r\n\r\n')

    # Ends and halts

    def _cut(self, how, after, received):
        point = 'after' if after is not None else 'received' if received is not None else 'before'
        self.fault.cut, self.fault.cut_point = how, point
        self.fault.cut_at = after if after is not None else received
        return self._named(how, after, received)

    def reset(self, after=None, received=None):
        """RST: at once, after so many bytes of the answer's body, or of the request's."""
        return self._cut('reset', after, received)

    def close(self, after=None, received=None):
        """The same with FIN. After N bytes of an answer it is a truncated body."""
        return self._cut('close', after, received)

    def truncate(self, after):
        return self.close(after=after)

    def lose_answer(self, how='reset'):
        """The action is carried out; then the connection ends (how: 'reset' or 'close')."""
        self.fault.cut, self.fault.cut_point = how, 'acted'
        return self._named('lose_answer')

    def hold(self, after=None, received=None, acted=False):
        """Returns a Gate at which the request waits: before anything is done, after so many bytes
        of the answer's or the request's body, or when it is done but not answered."""
        fault = self.fault
        fault.gate = Gate()
        fault.gate_at = after if after is not None else received
        fault.gate_point = ('acted' if acted else 'after' if after is not None else
                            'received' if received is not None else 'before')
        self._named('hold', fault.gate_point, fault.gate_at)
        return fault.gate

    def stall(self, after=None, received=None, acted=False):
        """As hold, until the client leaves."""
        self.hold(after, received, acted)
        return self

    def delay(self, seconds):
        """Before the request is read any further."""
        self.fault.delay = seconds
        return self._named('delay', seconds)

    def rate(self, bytes_per_second):
        """Of both bodies."""
        self.fault.rate = bytes_per_second
        return self._named('rate', bytes_per_second)

    # Lies about a right answer

    def change(self, function, name='change'):
        """function(request, response) alters the answer in place."""
        self.fault.changes = [*self.fault.changes, function]
        return self._named(name)

    def header(self, name, value):
        """Sets a field of the answer, Content-Length included; None leaves it out."""
        return self.change(lambda _, response: response.headers.set(name, value), f'header:{name}')

    def content_length(self, length):
        return self.header('Content-Length', length)

    def content_type(self, value):
        return self.header('Content-Type', value)

    def content_range(self, value):
        return self.header('Content-Range', value)

    def no_digest(self):
        return self.header('Docker-Content-Digest', None)

    def wrong_digest(self):
        return self.header('Docker-Content-Digest', 'sha256:' + '0' * 64)

    def huge_headers(self, size=1 << 20):
        """Fields of this many bytes in all."""
        def grow(_, response):
            for number in range(max(1, size // 4096)):
                response.headers.add(f'X-Padding-{number}', 'x' * min(size, 4096))
        return self.change(grow, 'huge_headers')

    def body(self, data):
        """Other bytes under the right headers (but Content-Length, which fits)."""
        def swap(_, response):
            replaced = Response(response.status, response.headers, data)
            response.body, response.start, response.end = replaced.body, 0, replaced.end
            response.headers.set('Content-Length', response.length)
        return self.change(swap, 'body')

    def corrupt(self, at=0):
        """Flips a byte of the body, counted from the blob's beginning whatever the Range."""
        self.fault.corrupt_at = at
        return self._named('corrupt', at)

    def ignore_range(self):
        """200 and everything in answer to a Range."""
        self.fault.ignore_range = True
        return self._named('ignore_range')

    def chunked(self):
        """A chunked answer, without Content-Length."""
        self.fault.chunked = True
        return self._named('chunked')

    def endless(self):
        """A body without end (up to 1 GiB), without Content-Length, after any status."""
        self.fault.endless = True
        return self._named('endless')


class Rule(Acts):
    """Which requests. kind, method, path and repo are globs (path also a compiled pattern, searched
    in path and query); when is a predicate on the request. Of those that match: nth (a number or
    several, from 1), or all but the first skip, at most times, each with this chance. each=True
    counts them separately by path."""

    def __init__(self, kind='*', method='*', path=None, repo='*', nth=None, times=None, skip=0,
                 chance=None, seed=0, each=False, when=None, before_auth=False):
        super().__init__()
        self.kinds = (kind,) if isinstance(kind, str) else tuple(kind)
        self.method, self.path, self.repo, self.when = method, path, repo, when
        self.nth = (nth,) if isinstance(nth, int) else nth
        self.times, self.skip, self.chance, self.each = times, skip, chance, each
        self.before_auth = before_auth
        self.rng = random.Random(seed)
        self.choices = []
        self.seen = {}
        self.fired = {}

    def any_of(self, *choices):
        """Chooses by the seed: each is a function that is given the acts, such as
        lambda act: act.status(503)."""
        for choice in choices:
            acts = Acts()
            choice(acts)
            self.choices.append(acts.fault)
        return self

    @property
    def hits(self):
        """How often the rule fired."""
        return sum(self.fired.values())

    def _matches(self, request, entry):
        if isinstance(self.path, re.Pattern):
            path = self.path.search(request.target) is not None
        else:
            path = self.path is None or fnmatch.fnmatchcase(request.path, self.path)
        return (path and any(fnmatch.fnmatchcase(entry.kind, kind) for kind in self.kinds)
                and fnmatch.fnmatchcase(request.method, self.method)
                and fnmatch.fnmatchcase(entry.repo or '', self.repo)
                and (self.when is None or self.when(request)))

    def see(self, request, entry, free):
        """The fault for this request, if the rule matches and its turn has come. free says that
        no earlier rule has taken the request."""
        if not self._matches(request, entry):
            return None
        key = request.path if self.each else ''
        seen = self.seen[key] = self.seen.get(key, 0) + 1
        fired = self.fired.get(key, 0)
        if (self.nth is not None and seen not in self.nth) or seen <= self.skip:
            return None
        if self.times is not None and fired >= self.times:
            return None
        if self.chance is not None and self.rng.random() >= self.chance:
            return None
        if not free:
            return None
        self.fired[key] = fired + 1
        chosen = self.rng.choice(self.choices) if self.choices else self.fault
        return chosen.fixed(self.rng)


class Rules:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []

    def add(self, *args, **kwargs):
        rule = Rule(*args, **kwargs)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self):
        with self._lock:
            self._rules.clear()

    def remove(self, rule):
        with self._lock:
            self._rules.remove(rule)

    def choose(self, request, entry, before_auth):
        """The fault of the first rule that fires; every rule counts the request."""
        chosen = None
        with self._lock:
            for rule in self._rules:
                if rule.before_auth == before_auth:
                    chosen = rule.see(request, entry, chosen is None) or chosen
        return chosen


# Acts for any_of: what a client has to survive, short of lies about content.
STORM = (
    lambda act: act.status(500),
    lambda act: act.status(502, HTML, {'Content-Type': 'text/html'}),
    lambda act: act.status(503, retry_after=0),
    lambda act: act.status(429, retry_after=0),
    lambda act: act.reset(),
    lambda act: act.close(),
    lambda act: act.reset(after=(0.0, 1.0)),
    lambda act: act.truncate(after=(0.0, 1.0)),
    lambda act: act.reset(received=(0.0, 1.0)),
    lambda act: act.close(received=(0.0, 1.0)),
    lambda act: act.status(503, received=(0.0, 1.0)),
    lambda act: act.lose_answer(),
)

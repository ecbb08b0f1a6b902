"""What a registry has seen: every request with its outcome, connections, things at once."""

import dataclasses
import fnmatch
import threading
import time


@dataclasses.dataclass
class Entry:
    """One request. Times are seconds since the registry's start; status is None without answer."""
    n: int
    time: float
    connection: int
    method: str
    path: str
    query: str
    headers: object
    kind: str
    repo: str
    reference: str
    range: str = None
    status: int = None
    bytes_in: int = 0
    bytes_out: int = 0
    fault: str = ''
    note: str = ''
    seconds: float = None

    def __str__(self):
        query = '?' + self.query if self.query else ''
        extra = ''.join(f' {name}={value}' for name, value in (
            ('range', self.range), ('content-range', self.headers.get('Content-Range')),
            ('fault', self.fault), ('note', self.note)) if value)
        if 'Authorization' in self.headers:
            extra += ' auth=' + self.headers.get('Authorization').split(' ')[0]
        took = 'unfinished' if self.seconds is None else f'{self.seconds * 1000:.0f} ms'
        return (f'{self.n:4} {self.time:7.3f} c{self.connection} {self.method} {self.path}{query}'
                f' [{self.kind}] -> {self.status} in={self.bytes_in} out={self.bytes_out}'
                f' {took}{extra}')


def wanted(value, pattern):
    if pattern is None:
        return True
    if isinstance(pattern, (tuple, list, set, frozenset, range)):
        return any(wanted(value, one) for one in pattern)
    if isinstance(pattern, str):
        return value is not None and fnmatch.fnmatchcase(str(value), pattern)
    return value == pattern


class Log:
    """A list of entries that is safe to fill from many threads and to read at any time."""

    def __init__(self):
        self._changed = threading.Condition()
        self._entries = []
        self._busy = {}
        self._peaks = {}
        self._started = time.monotonic()

    def begin(self, connection, request, kind, repo, reference):
        with self._changed:
            entry = Entry(len(self._entries) + 1, time.monotonic() - self._started, connection,
                          request.method, request.path, request.query_string, request.headers,
                          kind, repo, reference, request.headers.get('Range'))
            self._entries.append(entry)
            for key in (kind, '*'):
                self._busy[key] = self._busy.get(key, 0) + 1
                self._peaks[key] = max(self._peaks.get(key, 0), self._busy[key])
            self._changed.notify_all()
            return entry

    def finish(self, entry):
        with self._changed:
            entry.seconds = time.monotonic() - self._started - entry.time
            for key in (entry.kind, '*'):
                self._busy[key] -= 1
            self._changed.notify_all()

    def settle(self, seconds=5):
        """Waits until no request is under way; says whether that came."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy.get('*'), seconds)

    def wait_for(self, predicate, seconds=10):
        """Waits until the predicate, given the list of entries, is true, asking it at each begin
        and end of a request; says whether that came."""
        with self._changed:
            return self._changed.wait_for(lambda: predicate(list(self._entries)), seconds)

    def peak(self, kind='*'):
        """The largest number of requests of this kind that were under way at once."""
        return self._peaks.get(kind, 0)

    def requests(self, kind=None, method=None, status=None, repo=None, path=None, reference=None,
                 fault=None, where=None):
        """Entries in order of arrival. Strings are globs, lists and sets alternatives; fault=True
        means those that a rule touched; where is a predicate on the entry."""
        with self._changed:
            entries = list(self._entries)
        return [entry for entry in entries
                if wanted(entry.kind, kind) and wanted(entry.method, method)
                and wanted(entry.status, status) and wanted(entry.repo, repo)
                and wanted(entry.path, path) and wanted(entry.reference, reference)
                and (fault is None or bool(entry.fault) == fault)
                and (where is None or where(entry))]

    def count(self, *args, **filters):
        return len(self.requests(*args, **filters))

    def clear(self):
        """Forgets the finished requests and the peaks, for a second act of the same test."""
        with self._changed:
            self._entries = [entry for entry in self._entries if entry.seconds is None]
            self._peaks = dict(self._busy)

    def dump(self):
        return '\n'.join(str(entry) for entry in self.requests()) or '(no requests)'

    def __iter__(self):
        return iter(self.requests())

    def __len__(self):
        return len(self.requests())

    def __getitem__(self, index):
        return self.requests()[index]

"""A TCP proxy that cuts connections, adds latency and counts bytes, for registries that have no
faults of their own.

    with Proxy(debian.host) as proxy:
        proxy.cut(after=1 << 20, times=3)      # three connections die after 1 MiB down
        ... proxy.host, proxy.down, proxy.up, proxy.connections"""

import collections
import math
import select
import socket
import threading
import time

from .content import PIECE
from .wire import Wire

IN_FLIGHT = 16 << 20    # bytes of a direction that may be on their way


class _Flow:
    """One direction of a connection."""

    def __init__(self, source, sink, name, allowed):
        self.source, self.sink, self.name = source, sink, name
        self.allowed = allowed           # bytes until the cut, or None
        self.pending = collections.deque()    # (when due, bytes)
        self.held = 0
        self.ended = self.shut = False   # the source is done; the sink knows

    def read(self, latency):
        """Takes what there is; returns how much that was."""
        data = self.source.recv(PIECE)
        if self.allowed is not None:
            data = data[:self.allowed]
            self.allowed -= len(data)
        if data:
            self.pending.append((time.monotonic() + latency, memoryview(data)))
            self.held += len(data)
        self.ended = not data or self.allowed == 0
        return len(data)

    def write(self):
        """Sends what is due."""
        while self.pending and self.pending[0][0] <= time.monotonic():
            due, data = self.pending.popleft()
            try:
                sent = self.sink.send(data)
            except BlockingIOError:
                sent = 0
            self.held -= sent
            if sent < len(data):
                self.pending.appendleft((due, data[sent:]))
                break

    @property
    def cut(self):
        return self.allowed == 0 and not self.pending


class Proxy:
    """latency is one way, in seconds: a round trip takes twice as long, and a connection costs a
    round trip more, as it would on a real line."""

    def __init__(self, target, latency=0.0):
        host, _, port = target.rpartition(':')
        self.target, self.latency = (host, int(port)), latency
        self.down = self.up = self.connections = self.cuts = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._epoch = 0    # connections of an older epoch are to be reset
        self._rules = []
        self._threads = set()
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.host = f'127.0.0.1:{self.port}'
        self._start(self._accept)

    def cut(self, after, direction='down', times=None, how='reset'):
        """Of the connections from now on, so many (None: all) end after this number of bytes in a
        direction: 'down' to the client, 'up' to the server. how: 'reset' or 'close'."""
        with self._lock:
            self._rules.append([after, direction, times, how])

    def mend(self):
        """No more cuts."""
        with self._lock:
            self._rules.clear()

    def cut_all(self):
        """Resets every open connection now."""
        with self._lock:
            self._epoch += 1

    def ref(self, name):
        return f'{self.host}/{name}'

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        with self._lock:
            self._threads.add(thread)
            thread.start()

    def _accept(self):
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._connection, client)

    def _rule(self):
        """The cut that is due for a new connection."""
        for rule in self._rules:
            if rule[2] is None or rule[2] > 0:
                rule[2] = None if rule[2] is None else rule[2] - 1
                return rule
        return None, None, None, 'reset'

    def _connection(self, client):
        with self._lock:
            self.connections += 1
            epoch = self._epoch
            after, direction, _, how = self._rule()
        self._stopping.wait(2 * self.latency)
        wires = [Wire(client)]
        try:
            wires.append(Wire(socket.create_connection(self.target)))
            for wire in wires:
                wire.sock.setblocking(False)
                wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = wires[1].sock
            flows = [_Flow(server, client, 'down', after if direction == 'down' else None),
                     _Flow(client, server, 'up', after if direction == 'up' else None)]
            while not self._stopping.is_set() and epoch == self._epoch:
                self._turn(flows)
                if any(flow.cut for flow in flows):
                    self.cuts += 1
                    break
                if all(flow.shut for flow in flows):
                    how = 'close'
                    break
        except OSError:
            how = 'reset'
        for wire in wires:
            wire.drain(1)
        for wire in wires:
            if how == 'reset':
                wire.reset()
            else:
                wire.close()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _turn(self, flows):
        """Waits for one event, or until something is due, and deals with it."""
        now, wait, wanted = time.monotonic(), 0.05, {}
        for flow in flows:
            if not flow.ended and flow.held < IN_FLIGHT:
                wanted[flow.source] = wanted.get(flow.source, 0) | select.POLLIN
            if flow.pending and flow.pending[0][0] <= now:
                wanted[flow.sink] = wanted.get(flow.sink, 0) | select.POLLOUT
            elif flow.pending:
                wait = min(wait, flow.pending[0][0] - now)
        poll = select.poll()
        for sock, events in wanted.items():
            poll.register(sock, events)
        ready = dict(poll.poll(math.ceil(wait * 1000)))
        for flow in flows:
            if ready.get(flow.source.fileno(), 0) & ~select.POLLOUT and not flow.ended:
                got = flow.read(self.latency)
                with self._lock:
                    setattr(self, flow.name, getattr(self, flow.name) + got)
            flow.write()
            if flow.ended and not flow.pending and not flow.shut and not flow.cut:
                flow.sink.shutdown(socket.SHUT_WR)
                flow.shut = True

    def stop(self):
        self._stopping.set()
        Wire(self._listener).interrupt()
        self._listener.close()
        with self._lock:
            threads = list(self._threads)
        until = time.monotonic() + 5
        for thread in threads:
            thread.join(max(0, until - time.monotonic()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

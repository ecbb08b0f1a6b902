"""A long way to a server: a TCP relay that holds every byte back for so many milliseconds.

    python3 bench/delay.py HOST:PORT MS    prints the port where it listens; ends with its stdin

It connects to the server before the client's first byte is due, as the kernel's delay would."""

import collections
import heapq
import selectors
import socket
import sys
import time

PIECE = 256 * 1024
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Way:
    """One direction of a connection."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.pending = collections.deque()    # (when due, bytes; none: the end)
        self.blocked = False


class Delay:
    def __init__(self, server, seconds):
        host, _, port = server.rpartition(':')
        self.server, self.seconds = (host, int(port)), seconds
        self.selector = selectors.DefaultSelector()
        self.due = []      # heap of (when, number, way)
        self.number = 0
        self.ways = {}     # socket -> (way that it is the source of, the one it is the sink of)
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, READ, self.accept)
        self.selector.register(sys.stdin.buffer, READ, None)

    def accept(self, _sock, _events):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server)
        there, back = Way(client, server), Way(server, client)
        for sock, ways in ((client, (there, back)), (server, (back, there))):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ways[sock] = ways
            self.selector.register(sock, READ, self.serve)

    def serve(self, sock, events):
        outgoing, incoming = self.ways.get(sock, (None, None))
        if outgoing and events & READ:
            self.read(outgoing)
        if incoming and events & WRITE and sock in self.ways:
            incoming.blocked = False
            self.write(incoming)

    def read(self, way):
        try:
            data = way.source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        when = time.monotonic() + self.seconds
        way.pending.append((when, data))
        self.number += 1
        heapq.heappush(self.due, (when, self.number, way))
        if not data:
            self.watch(way.source, reading=False)

    def write(self, way):
        while way.pending and way.pending[0][0] <= time.monotonic():
            when, data = way.pending.popleft()
            try:
                if not data:
                    way.sink.shutdown(socket.SHUT_WR)
                    if not self.ways[way.sink][0].source in self.selector.get_map():
                        self.close(way)
                    return
                sent = way.sink.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close(way)
                return
            if sent < len(data):
                way.pending.appendleft((when, data[sent:]))
                way.blocked = True
                break
        self.watch(way.sink)

    def watch(self, sock, reading=True):
        """What is waited for at a socket."""
        outgoing, incoming = self.ways[sock]
        known = sock in self.selector.get_map()
        ended = known is False or not reading
        events = (0 if ended else READ) | (WRITE if incoming.blocked else 0)
        if known and events:
            self.selector.modify(sock, events, self.serve)
        elif known:
            self.selector.unregister(sock)
        elif events:
            self.selector.register(sock, events, self.serve)

    def close(self, way):
        for sock in (way.source, way.sink):
            if self.ways.pop(sock, None):
                if sock in self.selector.get_map():
                    self.selector.unregister(sock)
                sock.close()

    def run(self):
        while True:
            wait = max(0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, events in self.selector.select(wait):
                if key.data is None:
                    return    # stdin has ended
                key.data(key.fileobj, events)
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                way = heapq.heappop(self.due)[2]
                if way.sink in self.ways:
                    self.write(way)


def main():
    delay = Delay(sys.argv[1], float(sys.argv[2]) / 1000)
    print(delay.port, flush=True)
    delay.run()


if __name__ == '__main__':
    main()

"""A web proxy: opens tunnels by CONNECT, to where the test says that a name leads.

    proxy = Tunnels({'ghcr.io:443': reg.port})     # names that are not listed lead to themselves
    dray ... with HTTPS_PROXY=proxy.url

A plain-HTTP proxy needs no class: a Registry understands the whole URLs that one is asked for."""

import contextlib
import socket
import threading

from .wire import Wire


class Tunnels:
    """asked holds each head that came: (method, target, {field in lower case: value}). answer, when
    set, is sent in place of a tunnel."""

    def __init__(self, names=(), answer=None):
        self.names = dict(names)
        self.answer = answer
        self.asked = []
        self._lock = threading.Lock()
        self._socks, self._threads = set(), []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.host = f'127.0.0.1:{self._listener.getsockname()[1]}'
        self.url = f'http://{self.host}'
        self._start(self._accept)

    @property
    def targets(self):
        return [target for _, target, _ in self.asked]

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, sock):
        with self._lock:
            self._socks.add(sock)
        return sock

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._tunnel, self._keep(client))

    def _tunnel(self, client):
        server = None
        try:
            head = b''
            while b'\r\n\r\n' not in head:
                got = client.recv(1)    # no byte of what follows
                if not got:
                    return
                head += got
            line, *fields = head.decode('latin-1').rstrip('\r\n').split('\r\n')
            method, target, _ = line.split(' ')
            self.asked.append((method, target, {
                name.lower(): value.strip() for name, _, value in
                (field.partition(':') for field in fields)}))
            if self.answer is not None:
                client.sendall(self.answer)
                Wire(client).close_gently()
                return
            host, _, port = target.rpartition(':')
            where = ('127.0.0.1', self.names[target]) if target in self.names else (host, int(port))
            server = self._keep(socket.create_connection(where))
            client.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
            self._start(self._pump, server, client)
            self._pump(client, server)
        except OSError:
            pass
        finally:
            for sock in (client, server):
                if sock is not None:
                    sock.close()

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:     # one end was lost: the other has to learn of it
            for sock in (source, sink):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def stop(self):
        with self._lock:
            socks = [self._listener, *self._socks]
        for sock in socks:
            Wire(sock).interrupt()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

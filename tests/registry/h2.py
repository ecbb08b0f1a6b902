"""A server that speaks just enough HTTP/2 (RFC 9113) to refuse requests in its ways.

    with H2Server(authority.server, ['refuse', 'answer']) as server:
        ... server.host, server.requests

Requests are not read, only counted: each is dealt with by the next act, or the last for ever:
  answer     200 with the fields that were given
  refuse     RST_STREAM with REFUSED_STREAM: it was not carried out
  goaway     GOAWAY whose last stream is the one before
  goaway-ok  GOAWAY whose last stream is this one, which is then answered
  lost       GOAWAY whose last stream is this one, and the end: it may have been carried out
  broken     RST_STREAM with INTERNAL_ERROR"""

import socket
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM = 0, 2, 7
PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'


class H2Server:
    def __init__(self, pair, acts, headers=()):
        self.acts, self.headers = list(acts), dict(headers)
        self.requests = self.connections = 0
        self._lock = threading.Lock()
        self._socks, self._threads = [], []
        self._context = pair.server_context()
        self._context.set_alpn_protocols(['h2'])
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.host = f'127.0.0.1:{self._listener.getsockname()[1]}'
        self._start(self._accept)

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._socks.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock):
        try:
            with self._context.wrap_socket(sock, server_side=True) as tls:
                self._socks.append(tls)
                with self._lock:
                    self.connections += 1
                self._frames(tls)
        except (OSError, EOFError):
            pass

    @staticmethod
    def _read(tls, size):
        data = b''
        while len(data) < size:
            piece = tls.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    @staticmethod
    def _send(tls, kind, flags, stream, payload=b''):
        head = struct.pack('>I', len(payload))[1:] + struct.pack('>BBI', kind, flags, stream)
        tls.sendall(head + payload)

    def _frames(self, tls):
        if self._read(tls, len(PREFACE)) != PREFACE:
            return
        self._send(tls, SETTINGS, 0, 0)
        while True:
            head = self._read(tls, 9)
            length = int.from_bytes(head[:3], 'big')
            kind, flags, stream = struct.unpack('>BBI', head[3:])
            self._read(tls, length)
            if kind in (SETTINGS, PING) and not flags & ACK:
                self._send(tls, kind, ACK, 0, b'' if kind == SETTINGS else bytes(8))
            elif kind in (HEADERS, DATA) and flags & END_STREAM:
                self._request(tls, stream)

    def _next(self):
        with self._lock:
            self.requests += 1
            return self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]

    def _request(self, tls, stream):
        act = self._next()
        if act in ('refuse', 'broken'):
            code = REFUSED_STREAM if act == 'refuse' else INTERNAL_ERROR
            self._send(tls, RST_STREAM, 0, stream, struct.pack('>I', code))
            return
        if act != 'answer':
            last = max(0, stream - 2) if act == 'goaway' else stream
            self._send(tls, GOAWAY, 0, 0, struct.pack('>II', last, NO_ERROR))
        if act in ('answer', 'goaway-ok'):
            block = b'\x88' + b''.join(     # :status 200, then literals that are not indexed
                b'\x00' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
                for name, value in self.headers.items())
            self._send(tls, HEADERS, END_HEADERS | END_STREAM, stream, block)
        if act == 'lost':
            tls.shutdown(socket.SHUT_WR)    # but what is still coming is read: no reset

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in list(self._socks):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

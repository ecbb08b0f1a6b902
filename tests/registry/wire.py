"""HTTP/1.1 on a plain socket: requests in, answers out, and every way to end a connection."""

import fcntl
import select
import socket
import struct
import termios
import time
import urllib.parse

from .content import PIECE

TLS_HANDSHAKE = 0x16    # the first byte of a ClientHello

REASONS = {200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information',
           204: 'No Content', 206: 'Partial Content', 301: 'Moved Permanently', 302: 'Found',
           303: 'See Other', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
           400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found',
           405: 'Method Not Allowed', 408: 'Request Timeout', 409: 'Conflict',
           411: 'Length Required', 412: 'Precondition Failed', 413: 'Content Too Large',
           416: 'Range Not Satisfiable', 429: 'Too Many Requests', 431: 'Header Too Large',
           500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway',
           503: 'Service Unavailable', 504: 'Gateway Timeout'}


class Gone(Exception):
    """The peer went away, or what it sent is no HTTP."""


class Headers:
    """Header fields in order; names are compared without case."""

    def __init__(self, pairs=()):
        self.pairs = list(pairs.items() if isinstance(pairs, dict) else pairs)

    def get(self, name, default=None):
        name = name.lower()
        return next((value for key, value in self.pairs if key.lower() == name), default)

    def all(self, name):
        name = name.lower()
        return [value for key, value in self.pairs if key.lower() == name]

    def set(self, name, value):
        """Replaces the field; None removes it."""
        self.pairs = [pair for pair in self.pairs if pair[0].lower() != name.lower()]
        if value is not None:
            self.pairs.append((name, str(value)))

    def add(self, name, value):
        self.pairs.append((name, str(value)))

    def __contains__(self, name):
        return self.get(name) is not None

    def __iter__(self):
        return iter(self.pairs)

    def __repr__(self):
        return repr(self.pairs)


class Request:
    def __init__(self, method, target, version, headers):
        self.method, self.target, self.version, self.headers = method, target, version, headers
        path, _, self.query_string = target.partition('?')
        if path.startswith('http://'):    # as a proxy is asked
            path = '/' + path.split('/', 3)[3]
        self.path = urllib.parse.unquote(path)
        self.query = urllib.parse.parse_qs(self.query_string, keep_blank_values=True)

    def arg(self, name, default=None):
        return self.query.get(name, [default])[0]

    @property
    def chunked(self):
        return self.headers.get('Transfer-Encoding', '').lower() == 'chunked'

    @property
    def length(self):
        """The announced length of the body, None if it is chunked."""
        return None if self.chunked else int(self.headers.get('Content-Length', 0))

    @property
    def keep_alive(self):
        return 'close' not in self.headers.get('Connection', '').lower()


class Wire:
    """One connection: a buffered reader, a writer, and its end."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray(PIECE)
        self.view = memoryview(self.buffer)
        self.start = self.end = 0
        self.served = 0
        self.idle = False    # waits for a request of which nothing has come

    def fill(self):
        if self.start == self.end:
            self.start = self.end = 0
        elif self.end == len(self.buffer):
            self.view[:self.end - self.start] = bytes(self.view[self.start:self.end])
            self.start, self.end = 0, self.end - self.start
        if self.end == len(self.buffer):
            raise Gone('a head that does not end')
        try:
            got = self.sock.recv_into(self.view[self.end:])
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error
        if not got:
            raise Gone('closed by the peer')
        self.end += got

    def line(self):
        searched = self.start
        while True:
            found = self.buffer.find(b'\n', searched, self.end)
            if found >= 0:
                line = self.buffer[self.start:found].rstrip(b'\r').decode('latin-1')
                self.start = found + 1
                return line
            held = self.end - self.start
            self.fill()
            searched = self.start + held

    def request(self):
        """The next request's head; None when the peer is done. ValueError if it is no HTTP."""
        try:
            if self.start == self.end:
                self.idle = True
                self.fill()
            self.idle = False
            if self.buffer[self.start] == TLS_HANDSHAKE:
                raise ValueError('TLS')
            line = self.line()
            while not line:
                line = self.line()
            method, target, version = line.split(' ')
            headers = Headers()
            while line := self.line():
                name, _, value = line.partition(':')
                headers.add(name, value.strip())
        except Gone:
            return None
        request = Request(method, target, version, headers)
        if request.length is not None and request.length < 0:
            raise ValueError('a negative length')
        return request

    def exactly(self, length):
        while length:
            if self.start == self.end:
                self.fill()
            piece = self.view[self.start:min(self.end, self.start + length)]
            self.start += len(piece)
            length -= len(piece)
            yield piece

    def body(self, request):
        """The request's body in pieces, each valid until the next."""
        if not request.chunked:
            yield from self.exactly(request.length)
            return
        while size := self._chunk_size():
            yield from self.exactly(size)
            self.line()
        while self.line():
            pass

    def _chunk_size(self):
        try:
            return int(self.line().split(';')[0], 16)
        except ValueError as error:
            raise Gone('a malformed chunk') from error

    def send(self, data):
        """Sends all; returns the number of bytes that the kernel took before the peer left."""
        view, sent = memoryview(data), 0
        try:
            while sent < len(view):
                sent += self.sock.send(view[sent:])
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error
        return sent

    def gone(self):
        """Has the peer closed its side? Works with unread data too."""
        return self._ready(select.POLLRDHUP)

    def _ready(self, events):
        """Has one of these events come, or is the socket closed?"""
        poll = select.poll()
        try:
            poll.register(self.sock, events)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True

    def drain(self, seconds=10):
        """Waits until the peer's kernel has everything, so that a reset takes nothing back."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.gone():
            try:
                waiting = fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4))
            except (OSError, ValueError):
                return
            if waiting == bytes(4):
                return
            time.sleep(0.001)

    def reset(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        except OSError:
            pass
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def close_gently(self, seconds=2):
        """Closes so that an answer sent before the whole request was read still arrives."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(seconds)
            until = time.monotonic() + seconds
            while time.monotonic() < until and self.sock.recv_into(self.view):
                pass
        except (OSError, ValueError):
            pass
        self.close()

    def untouched(self):
        """Is it idle, with nothing to be read either?"""
        return self.idle and not self._ready(select.POLLIN)

    def interrupt(self):
        """Wakes a thread that reads or writes here; callable from any thread."""
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            pass

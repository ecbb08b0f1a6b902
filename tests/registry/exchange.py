"""One request and its answer, with what a fault does to them on the wire."""

import time

from .faults import ENDLESS_CAP, Fault, position
from .wire import REASONS

DRAIN_MAX = 1 << 20


class Cut(Exception):
    """A fault ends the exchange in the middle of the request's body."""


class Exchange:
    """What handlers work with: request, entry (of the log) and body()."""

    def __init__(self, wire, request, entry, stopping):
        self.wire, self.request, self.entry, self.stopping = wire, request, entry, stopping
        self.fault = Fault()
        self.close = not request.keep_alive
        self._body = None
        self.consumed = request.length == 0
        self.headers = {}    # what the answer gets in any case

    def arg(self, name, default=None):
        return self.request.arg(name, default)

    @property
    def witness(self):
        """Is it the tests' own client, which no misbehaviour may hinder?"""
        return 'X-Witness' in self.request.headers

    def pause(self, seconds):
        if seconds > 0:
            self.stopping.wait(seconds)

    def gate(self, point):
        if self.fault.gate and self.fault.gate_point == point:
            self.fault.gate.hold(self.wire, self.stopping)

    def _point(self, kind):
        """Where in a request's body the fault strikes: bytes, or None."""
        fault, length = self.fault, self.request.length or 0
        if kind == 'answer':
            return None if fault.answer is None else position(fault.answer_at, length)
        at, point = (fault.gate_at, fault.gate_point) if kind == 'gate' else (
            fault.cut_at, fault.cut_point)
        return position(at, length) if point == 'received' else None

    def body(self):
        """The request's body in pieces, each valid until the next. Raises Gone when the client
        leaves, Cut where a fault says so."""
        if self._body is None:
            self._body = self._read()
        return self._body

    def _read(self):
        if self.request.headers.get('Expect', '').lower() == '100-continue':
            self.wire.send(b'HTTP/1.1 100 Continue\r\n\r\n')
        stops = sorted((at, kind) for kind in ('gate', 'answer', 'cut')
                       if (at := self._point(kind)) is not None)
        began, got = time.monotonic(), 0
        for piece in self.wire.body(self.request):
            while stops and stops[0][0] <= got + len(piece):
                at, kind = stops.pop(0)
                part, piece = piece[:at - got], piece[at - got:]
                if len(part):
                    self.entry.bytes_in += len(part)
                    yield part
                    got += len(part)
                if kind != 'gate':
                    raise Cut
                self.fault.gate.hold(self.wire, self.stopping)
            if len(piece):
                self.entry.bytes_in += len(piece)
                yield piece
                got += len(piece)
            if self.fault.rate:
                self.pause(began + got / self.fault.rate - time.monotonic())
        self.consumed = True

    def read(self, limit):
        """The whole body, or None if it is longer than limit (the rest stays unread)."""
        data = bytearray()
        if self.request.length is not None and self.request.length > limit:
            return None
        for piece in self.body():
            data += piece
            if len(data) > limit:
                return None
        return bytes(data)

    def discard(self):
        for _ in self.body():
            pass

    def end(self, how):
        """Ends the connection as the fault says."""
        self.close = True
        if how == 'reset':
            self.wire.drain()
            self.wire.reset()
        else:
            self.wire.close_gently(0.2)

    def respond(self, response):
        """Sends the answer; self.close then says whether the connection is to end."""
        fault, headers = self.fault, response.headers
        if not self.consumed and (self.request.length or DRAIN_MAX + 1) > DRAIN_MAX:
            self.close = True
        if response.status != 204:
            headers.set('Content-Length', response.length)
        for name, value in self.headers.items():
            headers.set(name, value)
        for change in fault.changes:
            change(self.request, response)
        length = response.length
        if fault.endless or fault.chunked:
            headers.set('Content-Length', None)
        if fault.chunked:
            headers.set('Transfer-Encoding', 'chunked')
        elif response.status != 204 and headers.get('Content-Length') != str(length):
            self.close = True
        if self.close:
            headers.set('Connection', 'close')
        lines = [f'HTTP/1.1 {response.status} {REASONS.get(response.status, "Status")}']
        lines += [f'{name}: {value}' for name, value in headers]
        head = ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')
        self.entry.status = response.status
        self.entry.note = ''
        if self.request.method == 'HEAD' and not fault.endless:
            self._send(head)
            self._after(0)
        elif fault.endless:
            self._send(head)
            self._endless()
        else:
            self._send_body(head, response)
        if not self.consumed and not self.close:
            self.discard()

    def _send(self, data, counted=0):
        self.wire.send(data)
        self.entry.bytes_out += counted

    def _after(self, length):
        """Faults that strike at the end of an answer without body."""
        fault = self.fault
        if fault.gate_point == 'after' and position(fault.gate_at, length) == 0:
            self.gate('after')
        if fault.cut_point == 'after' and position(fault.cut_at, length) == 0:
            self.end(fault.cut)

    def _endless(self):
        piece = b'endless ' * 8192
        try:
            while self.entry.bytes_out < ENDLESS_CAP and not self.stopping.is_set():
                self._frame(piece)
        finally:
            self.close = True

    def _stops(self, length):
        """(offset in the answer's body, what) where the fault strikes, in order."""
        fault, stops = self.fault, []
        if fault.gate and fault.gate_point == 'after':
            stops.append((position(fault.gate_at, length), 'gate'))
        if fault.cut and fault.cut_point == 'after':
            stops.append((position(fault.cut_at, length), fault.cut))
        return sorted(stops, key=lambda stop: (stop[0], stop[1] != 'gate'))

    def _pieces(self, response):
        """The answer's body, corrupted where the fault says, in small pieces if it has a rate."""
        fault, at = self.fault, response.start
        corrupt = position(fault.corrupt_at, response.body.size)
        step = max(1, int(fault.rate * 0.02)) if fault.rate else None
        for piece in response.body.pieces(response.start, response.end):
            if corrupt is not None and at <= corrupt < at + len(piece):
                piece = bytearray(piece)
                piece[corrupt - at] ^= 0xff
            at += len(piece)
            if step is None:
                yield piece
            else:
                yield from (piece[low:low + step] for low in range(0, len(piece), step))

    def _send_body(self, head, response):
        fault, stops, sent = self.fault, self._stops(response.length), 0
        began = time.monotonic()
        plain = not stops and not fault.chunked and not fault.rate
        if plain and response.length <= 16384:
            pieces = b''.join(self._pieces(response))
            self._send(head + pieces, len(pieces))
            return
        self._send(head)
        for piece in self._pieces(response):
            while stops and stops[0][0] <= sent + len(piece):
                at, what = stops.pop(0)
                self._frame(piece[:at - sent])
                piece, sent = piece[at - sent:], at
                if what != 'gate':
                    self.end(what)
                    return
                self.gate('after')
            self._frame(piece)
            sent += len(piece)
            if fault.rate:
                self.pause(began + sent / fault.rate - time.monotonic())
        if fault.chunked:
            self._send(b'0\r\n\r\n')
        if not response.length:
            self._after(0)

    def _frame(self, piece):
        if not len(piece):
            return
        if self.fault.chunked:
            self._send(b'%x\r\n' % len(piece))
        self._send(piece, len(piece))
        if self.fault.chunked:
            self._send(b'\r\n')

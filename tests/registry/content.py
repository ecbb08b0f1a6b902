"""What a blob holds: bytes in memory, bytes made on the fly, or only a digest and a size.

Every content is reproducible and can be read from any offset, so that a blob of any size can be
served, sent again and compared without being held."""

import functools
import hashlib
import random
import threading
import weakref
import zlib

PIECE = 256 * 1024
UNIT = 1 << 20

_known = weakref.WeakValueDictionary()
_lock = threading.Lock()


def known(digest):
    """The content of this digest if this process has made it, else None."""
    return _known.get(digest)


def digest_of(data, algorithm='sha256'):
    return f'{algorithm}:{hashlib.new(algorithm, data).hexdigest()}'


class Content:
    size = 0

    def pieces(self, start=0, end=None):
        """Yields the bytes from start up to end in pieces of at most PIECE."""
        raise NotImplementedError

    def digest_as(self, algorithm):
        hasher = hashlib.new(algorithm)
        for piece in self.pieces():
            hasher.update(piece)
        digest = f'{algorithm}:{hasher.hexdigest()}'
        with _lock:
            _known[digest] = self
        return digest

    @functools.cached_property
    def digest(self):
        return self.digest_as('sha256')

    def read(self, start=0, end=None):
        return b''.join(self.pieces(start, end))

    def __repr__(self):
        return f'<{type(self).__name__} {self.size} bytes>'


class Held(Content):
    def __init__(self, data):
        self.data = bytes(data)
        self.size = len(self.data)

    def pieces(self, start=0, end=None):
        view = memoryview(self.data)[start:end]
        for at in range(0, len(view), PIECE):
            yield view[at:at + PIECE]


class Ghost(Content):
    """A blob that was received and verified, but not kept."""

    def __init__(self, digest, size):
        self.digest = digest
        self.size = size

    def pieces(self, start=0, end=None):
        raise LookupError(f'{self.digest} is known by digest and size only')


class Pattern(Content):
    """head, then a number of units of 1 MiB made from one random unit, then tail.

    Each unit carries its number, so that no two are alike and none can be taken for another."""

    STAMPED = 4096

    def __init__(self, head, unit, stamp_at, units, tail):
        self.head, self.unit, self.units, self.tail = head, memoryview(unit), units, tail
        self.stamp_at = stamp_at
        self.size = len(head) + units * UNIT + len(tail)

    def stamped(self, number):
        """The beginning of a unit, with its number in it."""
        begin = bytearray(self.unit[:self.STAMPED])
        begin[self.stamp_at:self.stamp_at + 16] = b'%016x' % number
        return bytes(begin)

    def pieces(self, start=0, end=None):
        end = self.size if end is None else min(end, self.size)
        body, tail_at = len(self.head), len(self.head) + self.units * UNIT
        at = start
        while at < end:
            if at < body:
                piece = self.head[at:end]
            elif at >= tail_at:
                piece = memoryview(self.tail)[at - tail_at:min(end - tail_at, at - tail_at + PIECE)]
            else:
                number, offset = divmod(at - body, UNIT)
                stop = min(UNIT, offset + end - at)
                if offset < self.STAMPED:
                    piece = self.stamped(number)[offset:stop]
                else:
                    piece = self.unit[offset:min(stop, offset + PIECE)]
            yield piece
            at += len(piece)


@functools.lru_cache(maxsize=8)
def _random_unit(seed):
    return random.Random(f'unit {seed}').randbytes(UNIT)


@functools.lru_cache(maxsize=256)
def noise(size, seed=0):
    """Bytes of exactly this size that no compressor can shrink; the same for the same seed."""
    if size <= UNIT:
        return Held(random.Random(f'noise {seed}').randbytes(size))
    units = (size - 1) // UNIT
    tail = random.Random(f'tail {seed}').randbytes(size - units * UNIT)
    return Pattern(b'', _random_unit(seed), 0, units, tail)


# A gzip file of stored blocks: 64 KiB of file are 5 bytes of block header and 65531 of the tar.
_BLOCK = 65536
_STORED = _BLOCK - 5
_SMALLEST_TAR = 2048


def _stored(data, final=False):
    out = bytearray()
    for at in range(0, len(data), 65535):
        part = data[at:at + 65535]
        last = final and at + 65535 >= len(data)
        out += bytes([last]) + len(part).to_bytes(2, 'little')
        out += (len(part) ^ 0xffff).to_bytes(2, 'little') + part
    return bytes(out)


def _tar_header(name, size):
    head = bytearray(512)
    head[0:len(name)] = name.encode()
    head[100:108] = b'0000644\0'
    head[108:116] = head[116:124] = b'0000000\0'
    head[124:136] = b'%011o\0' % size if size < 8 << 30 else b'\x80' + size.to_bytes(11, 'big')
    head[136:148] = b'%011o\0' % 0
    head[148:156] = b' ' * 8
    head[156:157] = b'0'
    head[257:265] = b'ustar\x0000'
    head[148:156] = b'%06o\0 ' % sum(head)
    return bytes(head)


class Layer(Pattern):
    """A real tar.gz of exactly the size asked for, with one file of noise in it."""

    def __init__(self, size, seed):
        units = max(0, (size - 2 * _BLOCK) // UNIT)
        per_unit = UNIT // _BLOCK * _STORED
        room = size - 10 - 517 - 8 - units * UNIT
        rest = room - 1024 - 5 * (room // 65535 + 1)
        rest -= (units * per_unit + rest) % 512
        noise_of = random.Random(f'layer {seed}')
        tail = noise_of.randbytes(rest) + bytes(1024)
        end = _stored(tail, final=True)
        fill = room - len(end)
        tar_head = _tar_header(f'data-{seed}'[:99], units * per_unit + rest)
        head = b'\x1f\x8b\x08' + bytes([16 if fill else 0]) + bytes(5) + b'\xff'
        if fill:
            head += b'x' * (fill - 1) + b'\0'
        unit = bytearray(_random_unit(seed)) if units else bytearray()
        for at in range(0, len(unit), _BLOCK):
            unit[at:at + 5] = b'\0' + _STORED.to_bytes(2, 'little') + (_STORED ^ 0xffff).to_bytes(
                2, 'little')
        super().__init__(head + _stored(tar_head), bytes(unit), 5, units, b'')
        crc, tar = zlib.crc32(tar_head), hashlib.sha256(tar_head)
        for number in range(units):
            begin = self.stamped(number)
            for part in (begin[5:], *self._payload()):
                crc = zlib.crc32(part, crc)
                tar.update(part)
        crc = zlib.crc32(tail, crc)
        tar.update(tail)
        length = len(tar_head) + units * per_unit + len(tail)
        self.tail = end + crc.to_bytes(4, 'little') + (length & 0xffffffff).to_bytes(4, 'little')
        self.size += len(self.tail)
        self.diff_id = f'sha256:{tar.hexdigest()}'
        assert self.size == size

    def _payload(self):
        """What a unit holds after its stamped beginning, without the block headers."""
        yield self.unit[self.STAMPED:_BLOCK]
        for at in range(_BLOCK, UNIT, _BLOCK):
            yield self.unit[at + 5:at + _BLOCK]


@functools.lru_cache(maxsize=256)
def layer(size, seed=0):
    """A layer of exactly this size: a tar.gz, or plain noise where no tar is small enough."""
    if size < _SMALLEST_TAR:
        return noise(size, seed)
    return Layer(size, seed)


def diff_id(content):
    """The digest that a config lists for this layer."""
    return getattr(content, 'diff_id', None) or content.digest

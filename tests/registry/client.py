"""An independent witness: pushes images to any registry, and proves that two are the same.

A Registry object does not log these requests and applies no faults to them."""

import base64
import concurrent.futures
import hashlib
import http.client
import ssl
import threading
import typing
import urllib.parse

from . import images, store
from .content import PIECE, digest_of

ACCEPT = ', '.join((images.OCI_INDEX, images.OCI_MANIFEST, images.DOCKER_LIST,
                    images.DOCKER_MANIFEST))
AGENT = 'witness'


class Failed(Exception):
    """A registry did not do what it was asked for."""


class Access(typing.NamedTuple):
    """How to reach a registry: (user, password) for Basic, and an SSLContext for HTTPS."""
    auth: tuple = None
    context: ssl.SSLContext = None


class Proof(typing.NamedTuple):
    digest: str
    kind: str
    manifests: int
    blobs: int
    size: int

    def __str__(self):
        return (f'{self.kind} {self.digest} {self.manifests} manifests {self.blobs} blobs '
                f'{images.shown(self.size)}: the same on both sides')


def split(ref):
    """(host, repository, tag or digest) of HOST:PORT/REPO[:TAG][@DIGEST]; the digest wins."""
    host, _, rest = ref.partition('/')
    rest, _, digest = rest.partition('@')
    repo, _, tag = rest.partition(':')
    return host, repo, digest or tag or 'latest'


class Client:
    """One registry. Each thread has a connection of its own."""

    def __init__(self, host, access=Access()):
        self.host, self.access = host, access
        self._local = threading.local()
        self._open = []

    def _connection(self):
        if getattr(self._local, 'connection', None) is None:
            if self.access.context is not None:
                made = http.client.HTTPSConnection(self.host, context=self.access.context)
            else:
                made = http.client.HTTPConnection(self.host)
            made.blocksize = PIECE
            self._local.connection = made
            self._open.append(made)
        return self._local.connection

    def request(self, method, target, body=None, headers=()):
        """The answer, unread."""
        connection = self._connection()
        headers = {'X-Witness': 'yes', 'User-Agent': AGENT, **dict(headers)}
        if self.access.auth is not None:
            pair = base64.b64encode(':'.join(self.access.auth).encode()).decode()
            headers['Authorization'] = f'Basic {pair}'
        if body is None and method in ('POST', 'PUT', 'PATCH'):
            headers['Content-Length'] = '0'
        try:
            connection.request(method, target, body, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise Failed(f'{method} http://{self.host}{target}: {problem!r}') from problem

    def call(self, method, target, wanted, body=None, headers=()):
        """(headers, body) of an answer with a status that is wanted."""
        response = self.request(method, target, body, headers)
        data = response.read()
        if response.status not in wanted:
            raise Failed(f'{method} {self.host}{target}: {response.status} {data[:300]!r}')
        return response.headers, data

    def close(self):
        for connection in self._open:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Writing

    def has_blob(self, repo, digest):
        response = self.request('HEAD', f'/v2/{repo}/blobs/{digest}')
        response.read()
        return response.status == 200

    def put_blob(self, repo, digest, content):
        headers, _ = self.call('POST', f'/v2/{repo}/blobs/uploads/', (202,))
        where = urllib.parse.urlsplit(headers['Location'])
        query = '&'.join(part for part in (where.query, f'digest={digest}') if part)
        self.call('PUT', f'{where.path}?{query}', (201, 204), content.pieces(),
                  {'Content-Length': str(content.size), 'Content-Type': 'application/octet-stream'})

    def put_manifest(self, repo, reference, data, media_type):
        self.call('PUT', f'/v2/{repo}/manifests/{reference}', (201,), data,
                  {'Content-Type': media_type})

    # Reading

    def manifest(self, repo, reference):
        """(media type, bytes)"""
        headers, data = self.call('GET', f'/v2/{repo}/manifests/{reference}', (200,),
                                  headers={'Accept': ACCEPT})
        return headers.get_content_type(), data

    def check_blob(self, repo, digest, size):
        """Reads the blob and fails unless it is what the digest says. (A registry of ours that
        did not keep the bytes has computed the digest on their arrival.)"""
        response = self.request('GET', f'/v2/{repo}/blobs/{digest}')
        if response.status == 204 and 'X-Blob-Size' in response.headers:
            response.read()
            got, right = int(response.headers['X-Blob-Size']), digest
        else:
            got, hasher = 0, hashlib.new(digest.partition(':')[0])
            buffer = bytearray(PIECE)
            while count := response.readinto(buffer):
                hasher.update(memoryview(buffer)[:count])
                got += count
            right = f'{digest.partition(":")[0]}:{hasher.hexdigest()}'
        if response.status not in (200, 204) or got != size or right != digest:
            raise AssertionError(f'{self.host}/{repo}: blob {digest} of {size} bytes: status '
                                 f'{response.status}, {got} bytes of {right}')


def push(image, ref, done=None, access=Access(), threads=8):
    """Puts an image into a registry by HTTP. done maps digests to sizes of blobs that are known
    to be in the repository; it is added to."""
    host, repo, tag = split(ref)
    done = {} if done is None else done

    def put(item):
        digest, content = item
        if not client.has_blob(repo, digest):
            client.put_blob(repo, digest, content)
        return digest, content.size

    with Client(host, access) as client, concurrent.futures.ThreadPoolExecutor(threads) as pool:
        todo = [item for item in image.blobs.items() if item[0] not in done]
        done.update(pool.map(put, todo))
        for one in image.walk()[:-1]:
            client.put_manifest(repo, one.digest, one.data, one.media_type)
        client.put_manifest(repo, tag, image.data, image.media_type)
    return image.digest


def prove(source, target, access=None, deep=True):
    """Walks an image at both ends and fails with AssertionError or Failed unless every manifest
    and blob is at both, byte for byte. access maps hosts to Access; deep=False only asks whether
    the target's blobs are there."""
    access = access or {}
    (src_host, src_repo, src_ref), (dst_host, dst_repo, dst_ref) = split(source), split(target)
    with Client(src_host, access.get(src_host, Access())) as src, Client(
            dst_host, access.get(dst_host, Access())) as dst:
        top, todo, manifests, blobs = None, [(src_ref, dst_ref)], set(), {}
        while todo:
            src_ref, dst_ref = todo.pop()
            kind, data = src.manifest(src_repo, src_ref)
            dst_kind, dst_data = dst.manifest(dst_repo, dst_ref)
            algorithm = dst_ref.partition(':')[0] if ':' in dst_ref else 'sha256'
            digest = digest_of(data, algorithm)
            if data != dst_data or kind != dst_kind:
                raise AssertionError(f'{source} and {target} differ in {src_ref}: {kind} {digest}, '
                                     f'{dst_kind} {digest_of(dst_data, algorithm)}')
            if ':' in dst_ref and digest != dst_ref:
                raise AssertionError(f'{source}: {dst_ref} is served as {digest}')
            top = top or (digest, kind)
            manifests.add(digest)
            for role, part in store.descriptors(data):
                if role == 'child':
                    if part['digest'] not in manifests:
                        todo.append((part['digest'], part['digest']))
                elif not store.is_foreign(part):
                    blobs[part['digest']] = part['size']
        for digest, size in blobs.items():
            if deep:
                src.check_blob(src_repo, digest, size)
                dst.check_blob(dst_repo, digest, size)
            elif not dst.has_blob(dst_repo, digest):
                raise AssertionError(f'{target}: blob {digest} is missing')
    name = 'index' if top[1] in (images.OCI_INDEX, images.DOCKER_LIST) else 'image'
    return Proof(top[0], name, len(manifests), len(blobs), sum(blobs.values()))

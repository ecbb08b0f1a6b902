"""What a registry holds: blobs and manifests by repository, open uploads, events in order."""

import hashlib
import json
import threading
import typing
import uuid

from .content import Ghost, Held, digest_of, known


class Event(typing.NamedTuple):
    """what: 'upload' 'blob' 'mount' 'manifest' 'tag' 'cancel' 'delete'; name: digest, tag or id."""
    what: str
    repo: str
    name: str


class Repo:
    def __init__(self):
        self.blobs = {}
        self.manifests = {}    # digest -> (media type, bytes)
        self.tags = {}


class Session:
    """An upload under way. lock is held while a request works on it."""

    def __init__(self, repo, algorithm, keep_limit):
        self.id = str(uuid.uuid4())
        self.repo, self.algorithm, self.keep_limit = repo, algorithm, keep_limit
        self.lock = threading.Lock()
        self.size = 0
        self.data = bytearray()
        self.hasher = hashlib.new(algorithm)
        self.patches = 0
        self.first = self.last = None    # (start, end) of chunks
        self.short = False               # the last chunk was below the minimum
        self.states = {}                 # state -> offset
        self.newest = None

    def switch(self, algorithm):
        """Takes another digest algorithm where that is still possible."""
        if algorithm == self.algorithm:
            return True
        if self.data is None:
            return False
        self.algorithm, self.hasher = algorithm, hashlib.new(algorithm, self.data)
        return True

    def add(self, piece):
        self.hasher.update(piece)
        self.size += len(piece)
        if self.data is not None:
            if self.size > self.keep_limit:
                self.data = None
            else:
                self.data += piece

    def mark(self):
        return self.size, self.hasher.copy()

    def rollback(self, mark):
        self.size, self.hasher = mark
        if self.data is not None:
            del self.data[self.size:]

    @property
    def digest(self):
        return f'{self.algorithm}:{self.hasher.hexdigest()}'

    def content(self):
        digest = self.digest
        found = known(digest)
        if found is None:
            found = Ghost(digest, self.size) if self.data is None else Held(self.data)
        return found


class Store:
    def __init__(self):
        self.lock = threading.RLock()
        self.repos = {}
        self.uploads = {}
        self.events = []

    def repo(self, name):
        """The repository, made when it is first asked for."""
        with self.lock:
            return self.repos.setdefault(name, Repo())

    def find(self, name):
        with self.lock:
            return self.repos.get(name)

    def event(self, what, repo, name):
        with self.lock:
            self.events.append(Event(what, repo, name))

    def blob(self, repo, digest):
        with self.lock:
            found = self.repos.get(repo)
            return found and found.blobs.get(digest)

    def blob_anywhere(self, digest):
        with self.lock:
            return next((repo.blobs[digest] for repo in self.repos.values()
                         if digest in repo.blobs), None)

    def manifest(self, repo, reference):
        """(digest, media type, bytes) by tag or digest, or None."""
        with self.lock:
            found = self.repos.get(repo)
            if found is None:
                return None
            digest = reference if ':' in reference else found.tags.get(reference)
            return (digest, *found.manifests[digest]) if digest in found.manifests else None

    def add_blob(self, repo, digest, content, what='blob'):
        with self.lock:
            self.repo(repo).blobs[digest] = content
            self.event(what, repo, digest)

    def add_manifest(self, repo, digest, media_type, data, tag=None):
        with self.lock:
            self.repo(repo).manifests[digest] = (media_type, bytes(data))
            self.event('manifest', repo, digest)
            if tag is not None:
                self.repo(repo).tags[tag] = digest
                self.event('tag', repo, tag)

    def open_upload(self, repo, algorithm, keep_limit):
        session = Session(repo, algorithm, keep_limit)
        with self.lock:
            self.uploads[session.id] = session
            self.event('upload', repo, session.id)
        return session

    def end_upload(self, session):
        with self.lock:
            self.uploads.pop(session.id, None)

    def disorder(self):
        """Complaints about the order of events: a manifest before what it refers to, a tag that
        was set before the end of its manifest's parts. Empty when all is well."""
        complaints, there = [], set()
        with self.lock:
            for what, repo, name in self.events:
                if what in ('blob', 'mount'):
                    there.add((repo, name))
                elif what == 'manifest':
                    data = self.repos[repo].manifests.get(name, (None, b'{}'))[1]
                    complaints += [f'{repo}: {name} came before {digest}'
                                   for digest in references(data) if (repo, digest) not in there]
                    there.add((repo, name))
        return complaints


def parse(data):
    """The manifest as a dict; an empty one if it is none."""
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def descriptors(data):
    """(role, descriptor) of all that a manifest must have: 'config', 'layer', 'child'."""
    manifest = parse(data)
    found = [('config', manifest.get('config'))]
    for key, role in (('layers', 'layer'), ('blobs', 'layer'), ('manifests', 'child')):
        listed = manifest.get(key)
        found += [(role, part) for part in (listed if isinstance(listed, list) else [])]
    return [(role, value) for role, value in found if isinstance(value, dict)]


def is_foreign(descriptor):
    """Such layers live elsewhere and are not in the registry."""
    return bool(descriptor.get('urls')) or any(
        word in str(descriptor.get('mediaType', '')) for word in ('foreign', 'nondistributable'))


def references(data):
    """Digests of the blobs and children that have to be in the repository."""
    return [value.get('digest') for _, value in descriptors(data) if not is_foreign(value)]


def verify(digest, data):
    """Is it a digest that we know how to compute, and the right one?"""
    algorithm = digest.partition(':')[0]
    return algorithm in ('sha256', 'sha512') and digest_of(data, algorithm) == digest

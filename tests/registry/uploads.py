"""The writing half of the protocol: upload sessions, mounts and commits."""

import contextlib
import re
import secrets

from .answers import Response, error
from .exchange import Cut
from .pull import digest_header
from .wire import Gone

ALGORITHMS = ('sha256', 'sha512')
CONTENT_RANGE = re.compile(r'(\d+)-(\d+)$')
SIGNATURE = 'a/b+c='    # a second part of the query that has to come back unharmed


def _range_field(reg, session):
    report, top = reg.range_report, session.size - 1
    if report == 'zero':
        return '0-0'
    if report in ('last', 'stuck'):
        start, end = (session.last if report == 'last' else session.first) or (0, 0)
        return f'{start}-{end}'
    if report == '0--1':
        return f'0-{top}'
    return ('bytes=' if report == 'bytes=' else '') + f'0-{max(0, top)}'


def _located(reg, x, status, session, headers=()):
    """An answer with the session's newest Location and its Range."""
    path = f'/v2/{session.repo}/blobs/uploads/{session.id}'
    if reg.location_query:
        session.newest = f'{secrets.token_urlsafe(12)}.{session.size}'
        session.states[session.newest] = session.size
        path += f'?_state={session.newest}&sig=a%2Fb%2Bc%3D'
    host = reg.location_host
    if host is not None:
        path = (host if isinstance(host, str) else host.url) + path
    elif reg.relative_location == 'sibling':
        path = path.rpartition('/')[2]
    elif not reg.relative_location:
        path = reg.url_for(x.request) + path
    response = Response(status, [('Location', path), ('Docker-Upload-UUID', session.id),
                                 *headers])
    if reg.range_report is not None:
        response.headers.set('Range', _range_field(reg, session))
    return response


def _unknown():
    return error(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')


@contextlib.contextmanager
def _session(reg, x):
    """The session of this request, locked; None if there is none. While another request still
    works on it, a status is told all the same."""
    session = reg.store.uploads.get(x.entry.reference)
    if session is None or session.repo != x.entry.repo:
        yield None
        return
    patience = 2 if x.entry.kind == 'upload-status' else -1
    locked = session.lock.acquire(timeout=patience)
    try:
        yield session if session.id in reg.store.uploads else None
    finally:
        if locked:
            session.lock.release()


def _stale(reg, x, session):
    """The answer to a request whose query is not what the Location said, else None."""
    if not reg.location_query:
        return None
    state = x.arg('_state')
    good = session.states.get(state) == session.size and x.arg('sig') == SIGNATURE
    if reg.location_query == 'strict' and state != session.newest:
        good = False
    if good or (reg.stale == 'keep' and x.entry.kind == 'upload-status'):
        return None
    if reg.stale == 'keep':
        return error(416, 'RANGE_INVALID', 'stale upload state')
    reg.store.end_upload(session)
    return error(400, 'BLOB_UPLOAD_INVALID', 'blob upload invalid')


def open_upload(reg, x):
    """POST: opens a session, or stores a whole blob."""
    digest = x.arg('digest')
    algorithm = x.arg('digest-algorithm') or (digest or 'sha256').partition(':')[0]
    if algorithm not in ALGORITHMS:
        return error(400, 'DIGEST_INVALID', f'unknown algorithm {algorithm}')
    single = digest and reg.single_post
    if not single:
        x.discard()
    session = reg.store.open_upload(x.entry.repo, algorithm, reg.keep_limit)
    if single:
        try:
            for piece in x.body():
                session.add(piece)
        except (Cut, Gone):
            reg.store.end_upload(session)
            raise
        return _commit(reg, session, digest)
    headers = [('OCI-Chunk-Min-Length', reg.chunk_min)] if reg.chunk_min else []
    response = _located(reg, x, 202, session, headers)
    if reg.range_report == 'cumulative':
        response.headers.set('Range', '0-0')
    return response


def mount(reg, x):
    """POST with mount=."""
    digest, source = x.arg('mount'), x.arg('from')
    if reg.mount in ('400', '404'):
        x.discard()
        return error(int(reg.mount), 'UNSUPPORTED', 'mounting is not supported')
    if source:
        content = reg.store.blob(source, digest)
    else:
        content = reg.store.blob_anywhere(digest) if reg.mount_anywhere else None
    if reg.mount == 'decline' or content is None:
        return open_upload(reg, x)
    x.discard()
    reg.store.add_blob(x.entry.repo, digest, content, 'mount')
    return _created(reg, x.entry.repo, digest, 201)


def _created(reg, repo, digest, status):
    return Response(status, [('Location', f'/v2/{repo}/blobs/{digest}'),
                             *digest_header(reg, digest)])


def status(reg, x):
    """GET of a session: how far it is."""
    if reg.upload_status is not True:
        return error(reg.upload_status or 404)
    with _session(reg, x) as session:
        if session is None:
            return _unknown()
        return _stale(reg, x, session) or _located(reg, x, 204, session)


def cancel(reg, x):
    with _session(reg, x) as session:
        if session is None:
            return _unknown()
        reg.store.end_upload(session)
        reg.store.event('cancel', session.repo, session.id)
        return Response(204)


def _refuse_chunk(reg, x, session, patch):
    """The answer to a PATCH (or a PUT with a body) that is not taken, else None."""
    length = x.request.length
    given = x.request.headers.get('Content-Range')
    if patch and reg.no_patch:
        return error(405 if reg.no_patch is True else reg.no_patch)
    if patch and reg.monolithic_only and (session.patches or given):
        return error(400, 'UNSUPPORTED', 'chunked uploads are not supported')
    if length is None and reg.require_content_length:
        return error(411, 'SIZE_INVALID', 'Content-Length required')
    if patch and not given and reg.require_content_range:
        return error(400, 'BLOB_UPLOAD_INVALID', 'Content-Range required')
    if patch and session.short:
        return error(400, 'SIZE_INVALID', 'only the last chunk may be below the minimum')
    if patch and length is not None and _too_much(reg, given, length):
        return error(reg.chunk_max_status)
    if given and not reg.ignore_content_range:
        found = CONTENT_RANGE.match(given.strip())
        if found is None:
            return error(400, 'RANGE_INVALID', f'Content-Range {given} is malformed')
        start, end = int(found[1]), int(found[2])
        if start != session.size or (length is not None and end - start + 1 != length):
            response = _located(reg, x, 416, session)
            response.headers.set('Content-Length', None)
            return response
    return None


def _too_much(reg, content_range, length):
    return (reg.chunk_max is not None and length > reg.chunk_max
            and (content_range or not reg.chunk_max_ranged))


def _receive(reg, x, session, patch):
    """Takes the body into the session; the answer if it grew too big."""
    mark, start = session.mark(), session.size
    given = x.request.headers.get('Content-Range')
    try:
        for piece in x.body():
            session.add(piece)
            if patch and _too_much(reg, given, session.size - start):
                session.rollback(mark)
                return error(reg.chunk_max_status)
    except (Cut, Gone):
        if not reg.keep_partial:
            session.rollback(mark)
        raise
    if session.size > start:
        session.last = (start, session.size - 1)
        session.first = session.first or session.last
    return None


def patch(reg, x):
    with _session(reg, x) as session:
        if session is None:
            return _unknown()
        start = session.size
        refused = (_stale(reg, x, session) or _refuse_chunk(reg, x, session, True)
                   or _receive(reg, x, session, True))
        if refused is not None:
            return refused
        session.patches += 1
        session.short = bool(reg.chunk_min) and session.size - start < reg.chunk_min
        return _located(reg, x, reg.patch_status, session)


def put(reg, x):
    """PUT: the rest of the blob, if any, and the commit."""
    with _session(reg, x) as session:
        if session is None:
            return _unknown()
        digest = x.arg('digest', '')
        algorithm = digest.partition(':')[0]
        if algorithm not in ALGORITHMS or not session.switch(algorithm):
            return error(400, 'DIGEST_INVALID', 'provided digest is missing or unsupported')
        refused = (_stale(reg, x, session) or _refuse_chunk(reg, x, session, False)
                   or _receive(reg, x, session, False))
        return refused or _commit(reg, session, digest)


def _commit(reg, session, digest):
    if session.size == 0 and reg.refuse_empty_blobs:
        return error(400, 'SIZE_INVALID', 'empty blobs are not accepted here')
    if session.digest != digest:
        if reg.bad_digest == 'kill':
            reg.store.end_upload(session)
        return error(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content',
                     detail={'digest': digest, 'got': session.digest, 'size': session.size})
    reg.store.end_upload(session)
    reg.store.add_blob(session.repo, digest, session.content())
    return _created(reg, session.repo, digest, reg.put_status)



"""The reading half of the protocol, and putting manifests."""

import fnmatch
import re
import secrets
import time
import urllib.parse

from . import store
from .answers import Response, error, json_response
from .content import Held

INDEX = 'application/vnd.oci.image.index.v1+json'
GIVEN = re.compile(r'bytes=(\d*)-(\d*)$')


def _missing(reg, x):
    if reg.store.find(x.entry.repo) is None:
        return error(404, 'NAME_UNKNOWN', 'repository name not known to registry',
                     detail={'name': x.entry.repo})
    code = 'MANIFEST_UNKNOWN' if x.entry.kind == 'manifest' else 'BLOB_UNKNOWN'
    return error(404, code, f'{x.entry.kind} unknown', detail=x.entry.reference)


def digest_header(reg, digest):
    return [] if reg.no_digest_header else [('Docker-Content-Digest', digest)]


def manifest(reg, x):
    """GET, HEAD, PUT and DELETE of a manifest."""
    method = x.request.method
    if method == 'PUT':
        return put_manifest(reg, x)
    if method == 'DELETE':
        return delete(reg, x)
    if method not in ('GET', 'HEAD') or (method == 'HEAD' and reg.no_head):
        return error(405)
    found = reg.store.manifest(x.entry.repo, x.entry.reference)
    if found is None:
        return _missing(reg, x)
    digest, media_type, data = found
    accept = ','.join(x.request.headers.all('Accept'))
    if reg.check_accept and accept and '*/*' not in accept and media_type not in accept:
        return error(404, 'MANIFEST_UNKNOWN', f'the Accept header does not support {media_type}')
    if reg.cdn is not None and reg.cdn_manifests and method == 'GET' and not x.witness:
        return to_cdn(reg, x, Held(data), media_type)
    return Response(200, [('Content-Type', media_type), ('ETag', f'"{digest}"'),
                          *digest_header(reg, digest)], data)


def blob(reg, x):
    """GET (with Range), HEAD and DELETE of a blob."""
    method = x.request.method
    if method == 'DELETE':
        return delete(reg, x)
    if method not in ('GET', 'HEAD') or (method == 'HEAD' and reg.no_head):
        return error(405)
    content = reg.store.blob(x.entry.repo, x.entry.reference)
    if content is None:
        return _missing(reg, x)
    if reg.cdn is not None and method == 'GET' and not x.witness:
        return to_cdn(reg, x, content, 'application/octet-stream')
    return serve(reg, x, content, x.entry.reference)


def serve(reg, x, content, digest):
    """The content as a 200, or the part that a Range asks for."""
    if isinstance(content, store.Ghost) and x.request.method == 'GET':
        if x.witness:
            return Response(204, [('X-Blob-Size', content.size)])
        return error(500, message='the test registry did not keep this blob (keep_limit)')
    headers = [('Content-Type', 'application/octet-stream'), *digest_header(reg, digest)]
    if reg.accept_ranges and not reg.no_ranges:
        headers.append(('Accept-Ranges', 'bytes'))
    wanted = GIVEN.match(x.request.headers.get('Range', '').strip())
    if wanted is None or reg.no_ranges or x.request.method == 'HEAD' or wanted[0] == 'bytes=-':
        return Response(200, headers, content)
    low, high = wanted[1], wanted[2]
    if not low:
        start, end = max(0, content.size - int(high)), content.size
    else:
        start, end = int(low), min(content.size, int(high) + 1) if high else content.size
    if start >= content.size or end <= start or (not high and not reg.open_ranges):
        return Response(416, [('Content-Range', f'bytes */{content.size}')])
    headers.append(('Content-Range', f'bytes {start}-{end - 1}/{content.size}'))
    return Response(206, headers, content, start, end)


def to_cdn(reg, x, content, media_type):
    """Redirects to a signed URL at the CDN."""
    path = f'/cdn/{x.entry.reference}/{secrets.token_hex(8)}'
    expires = None if reg.cdn_lifetime is None else time.monotonic() + reg.cdn_lifetime
    with reg.cdn.store.lock:
        reg.cdn.files[path] = (content, expires, x.entry.reference, media_type)
    return Response(reg.cdn_status, [('Location', f'{reg.cdn.url}{path}?sig=a%2Fb%2Bc%3D')])


def cdn(reg, x):
    """The CDN's side of that."""
    with reg.store.lock:
        found = reg.files.get(x.request.path)
    if found is None:
        return error(404)
    content, expires, digest, media_type = found
    if x.arg('sig') != 'a/b+c=' or (expires is not None and expires <= time.monotonic()):
        return Response(403, [('Content-Type', 'application/xml')],
                        b'<Error><Code>AccessDenied</Code></Error>')
    response = serve(reg, x, content, digest)
    response.headers.set('Docker-Content-Digest', None)
    response.headers.set('Content-Type', media_type)
    return response


def _invalid(message, code='MANIFEST_INVALID', status=400, detail=None):
    return error(status, code, message, detail=detail)


def put_manifest(reg, x):
    data = x.read(reg.max_manifest)
    if data is None:
        return _invalid('manifest too large', status=413)
    repo, reference = x.entry.repo, x.entry.reference
    parsed = store.parse(data)
    if not parsed:
        return _invalid('manifest is no JSON object')
    media_type = x.request.headers.get('Content-Type', '').split(';')[0].strip()
    inner = parsed.get('mediaType')
    if not media_type or (inner and inner != media_type):
        return _invalid(f'Content-Type {media_type} is not the mediaType {inner}')
    if reg.require_media_type and not inner:
        return _invalid('mediaType is missing')
    is_digest = ':' in reference
    if is_digest and not store.verify(reference, data):
        return _invalid('provided digest did not match uploaded content', 'DIGEST_INVALID')
    digest = reference if is_digest else store.digest_of(data)
    refused = _refused_type(reg, media_type, data) or _missing_reference(reg, repo, data)
    if refused is not None:
        return refused
    tag = None if is_digest else reference
    if tag is not None and reg.immutable_tags:
        old = reg.store.repo(repo).tags.get(tag)
        if old is not None and (old != digest or reg.immutable_tags == 'always'):
            code = {400: 'TAG_INVALID', 412: 'PRECONDITION'}.get(reg.immutable_status, 'DENIED')
            return error(reg.immutable_status, code, f'the tag {tag} is immutable')
    reg.store.add_manifest(repo, digest, media_type, data, tag)
    headers = [('Location', f'/v2/{repo}/manifests/{digest}'), *digest_header(reg, digest)]
    subject = parsed.get('subject')
    if subject and reg.referrers_api:
        headers.append(('OCI-Subject', subject.get('digest')))
    return Response(201, headers)


def _refused_type(reg, media_type, data):
    types = [media_type] + [part.get('mediaType', '') for _, part in store.descriptors(data)]
    for kind in types:
        if any(fnmatch.fnmatchcase(kind, glob) for glob in reg.refuse_media_types):
            return _invalid(f'media type {kind} is not accepted here')
    return None


def _missing_reference(reg, repo, data):
    if not reg.check_manifest_refs:
        return None
    held = reg.store.repo(repo)
    for role, part in store.descriptors(data):
        digest = part.get('digest')
        there = held.manifests if role == 'child' else held.blobs
        if not store.is_foreign(part) and digest not in there:
            return _invalid('blob unknown to registry', 'MANIFEST_BLOB_UNKNOWN', detail=digest)
    return None


def delete(reg, x):
    repo, reference = x.entry.repo, x.entry.reference
    if reg.no_delete:
        return error(405)
    with reg.store.lock:
        held = reg.store.find(repo)
        if x.entry.kind == 'blob':
            found = held is not None and held.blobs.pop(reference, None) is not None
        elif held is None or ':' not in reference:
            found = held is not None and held.tags.pop(reference, None) is not None
        else:
            found = held.manifests.pop(reference, None) is not None
            held.tags = {tag: digest for tag, digest in held.tags.items() if digest != reference}
        if not found:
            return _missing(reg, x)
        reg.store.event('delete', repo, reference)
    return Response(202)


def _page(reg, x, names):
    """The part of the names that this request asks for, and the Link field if there is more."""
    asked = x.arg('n')
    size = min((int(value) for value in (asked, reg.tags_page) if value), default=None)
    last = x.arg('last')
    rest = [name for name in names if last is None or name > last]
    if size is None or len(rest) <= size or size <= 0:
        return rest[:size], []
    query = urllib.parse.urlencode({'last': rest[size - 1], 'n': size})
    path = f'{x.request.path}?{query}'
    link = {'relative': path, 'absolute': reg.url_for(x.request) + path,
            'query': f'?{query}'}[reg.tags_link]
    return rest[:size], [('Link', f'<{link}>; rel="next"')]


def tags(reg, x):
    held = reg.store.find(x.entry.repo)
    if held is None:
        return _missing(reg, x)
    if x.request.method != 'GET':
        return error(405)
    with reg.store.lock:
        names = sorted(held.tags)
    names, link = _page(reg, x, names)
    listed = names if names or not reg.tags_null else None
    return json_response(200, {'name': x.entry.repo, 'tags': listed}, link)


def referrers(reg, x):
    if not reg.referrers_api:
        return error(404)
    found, wanted = {}, x.arg('artifactType')
    with reg.store.lock:
        held = reg.store.find(x.entry.repo)
        for digest, (media_type, data) in (held.manifests if held else {}).items():
            parsed = store.parse(data)
            if (parsed.get('subject') or {}).get('digest') != x.entry.reference:
                continue
            kind = parsed.get('artifactType') or (parsed.get('config') or {}).get('mediaType')
            if wanted and kind != wanted:
                continue
            entry = {'mediaType': media_type, 'digest': digest, 'size': len(data)}
            if kind:
                entry['artifactType'] = kind
            if parsed.get('annotations'):
                entry['annotations'] = parsed['annotations']
            found[digest] = entry
    names, link = _page(reg, x, sorted(found))
    headers = [*link, ('Content-Type', INDEX)]
    if wanted:
        headers.append(('OCI-Filters-Applied', 'artifactType'))
    response = json_response(200, {'schemaVersion': 2, 'mediaType': INDEX,
                                   'manifests': [found[name] for name in names]})
    for name, value in headers:
        response.headers.set(name, value)
    return response

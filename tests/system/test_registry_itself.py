"""The test registry keeps to the protocol, and each of its settings is what it says."""

import base64
import http.client
import json
import subprocess
import time
import urllib.parse

from lib import SystemTest, images, prove, unittest
from registry import Client, noise
from registry.content import digest_of

ABSENT = 'sha256:' + '0' * 64


class Base(SystemTest):
    def ask(self, reg, method, target, body=None, headers=(), connection=None):
        """(status, headers, body) over a connection of its own, or a given one."""
        own = connection or self.connect(reg)
        own.request(method, target, body, dict(headers))
        response = own.getresponse()
        return response.status, response.headers, response.read()

    def connect(self, reg):
        made = http.client.HTTPConnection(reg.host, timeout=10)
        self.addCleanup(made.close)
        return made

    def blob(self, reg, size=100_000, repo='app'):
        """Stores a blob; returns its path and bytes."""
        content = noise(size, 'blob')
        return f'/v2/{repo}/blobs/{reg.put_blob(repo, content)}', content.read()

    def open(self, reg, repo='app'):
        status, headers, _ = self.ask(reg, 'POST', f'/v2/{repo}/blobs/uploads/')
        self.assertEqual(status, 202)
        return self.location(headers)

    def location(self, headers):
        where = urllib.parse.urlsplit(headers['Location'])
        return f'{where.path}?{where.query}' if where.query else where.path

    def commit(self, location, digest):
        return f'{location}{"&" if "?" in location else "?"}digest={digest}'

    def skopeo(self, source, target, *flags):
        done = subprocess.run(
            ['skopeo', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false', *flags,
             f'docker://{source}', f'docker://{target}'], env=self.environment(),
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class GoodClients(Base):
    def test_skopeo_pulls_and_pushes(self):
        for settings in ({}, {'relative_location': True, 'location_query': 'strict'},
                         {'auth': 'basic', 'users': {'joe': 'secret'}, 'anonymous': None},
                         {'auth': 'bearer', 'users': {'joe': 'secret'}, 'anonymous': None}):
            with self.subTest(**settings):
                src, dst = self.registry(**settings), self.registry(**settings)
                image = images.multi(3, attestations=1, big=5 << 20)
                ref = image.put(src, 'some/app', 'v1')
                creds = ('--src-creds=joe:secret', '--dest-creds=joe:secret')
                self.skopeo(ref, dst.ref('app:v1'), '--all', *(creds if 'auth' in settings else ()))
                self.assertEqual(self.assertCopied(ref, dst.ref('app:v1')).digest, image.digest)
                self.assertInOrder(dst)
                self.assertEqual(dst.tags('app'), {'v1': image.digest})
                self.assertEqual(dst.events[-1], ('tag', 'app', 'v1'))
                self.assertEqual(set(dst.blobs_of('app')), set(image.blobs))
                self.assertEqual(src.bytes_sent('blob', status=200), image.size)
                self.assertEqual(dst.bytes_received('upload-*'), image.size)

    def test_debian_registry_and_the_witness(self):
        image = images.every_kind()
        ours, plain = self.registry(), self.debian()
        locked = self.debian(users={'joe': 'secret'}, authority=self.authority())
        simple = images.multi(2, attestations=1)
        ref = simple.put(ours, 'app', 'v1')
        for reg in (plain, locked):
            self.push(simple, reg.ref('app:v1'))
            self.assertCopied(ref, reg.ref('app:v1'))
        self.push(image, ours.ref('all:v1'))
        self.assertCopied(image.put(ours, 'kinds', 'v1'), ours.ref('all:v1'))
        self.assertEqual(len(ours.log), 0, 'the witness is not logged')
        self.skopeo(plain.ref('app:v1'), plain.ref('two:v1'), '--all')
        self.assertEqual(plain.count('manifest', method='GET', status=200), len(simple.walk()))
        self.assertEqual(plain.count('manifest', method='PUT', status=201), len(simple.walk()))
        plain.clear()
        self.assertEqual(plain.count(), 0)

    def test_the_witness_sees_differences(self):
        src, dst = self.registry(), self.registry()
        image = images.image(2, seed='w')
        ref = image.put(src, 'app', 'v1')
        image.put(dst, 'app', 'v1')
        digest = next(iter(image.blobs))
        dst.put_blob('app', b'other bytes', digest)
        with self.assertRaises(AssertionError):
            prove(ref, dst.ref('app:v1'))
        del dst.store.repo('app').blobs[digest]
        with self.assertRaises(AssertionError):
            prove(ref, dst.ref('app:v1'))
        images.image(2, seed='w', spaces=True).put(dst, 'app', 'v1')
        with self.assertRaises(AssertionError):
            prove(ref, dst.ref('app:v1'))

    def test_curl_uploads_chunked_and_a_big_blob_is_not_held(self):
        reg = self.registry(keep_limit=1 << 20)
        content = noise(3_000_001, 'big')
        data, location = content.read(), self.open(reg)
        status, headers, _ = self.ask(reg, 'PATCH', location, iter([data[:70_000], data[70_000:]]))
        self.assertEqual((status, headers['Range']), (202, f'0-{len(data) - 1}'))
        made = 'sha256:' + digest_of(data)[7:]
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, made))[0], 201)
        self.assertEqual(reg.blobs[made].size, len(data))
        odd = bytes(range(256)) * 8192
        self.assertEqual(self.ask(reg, 'POST', f'/v2/app/blobs/uploads/?digest={digest_of(odd)}',
                                  odd)[0], 201)
        self.assertEqual(type(reg.blobs[digest_of(odd)]).__name__, 'Ghost')
        with Client(reg.host) as client:
            client.check_blob('app', digest_of(odd), len(odd))


class Protocol(Base):
    def test_ranges(self):
        reg = self.registry()
        path, data = self.blob(reg)
        for given, start, end in (('0-9', 0, 10), ('99990-', 99990, 100000),
                                  ('5-999999', 5, 100000), ('-7', 99993, 100000)):
            status, headers, body = self.ask(reg, 'GET', path, headers={'Range': f'bytes={given}'})
            self.assertEqual((status, body), (206, data[start:end]))
            self.assertEqual(headers['Content-Range'], f'bytes {start}-{end - 1}/100000')
        status, headers, _ = self.ask(reg, 'GET', path, headers={'Range': 'bytes=100000-'})
        self.assertEqual((status, headers['Content-Range']), (416, 'bytes */100000'))
        reg.open_ranges = False
        self.assertEqual(self.ask(reg, 'GET', path, headers={'Range': 'bytes=1-'})[0], 416)
        reg.no_ranges = True
        status, _, body = self.ask(reg, 'GET', path, headers={'Range': 'bytes=1-2'})
        self.assertEqual((status, body), (200, data))

    def test_keep_alive_and_counts(self):
        reg = self.registry()
        path, data = self.blob(reg)
        connection = self.connect(reg)
        for _ in range(3):
            self.assertEqual(self.ask(reg, 'GET', path, connection=connection)[2], data)
        self.assertTrue(reg.settle())
        self.assertEqual((reg.connections, reg.count('blob', method='GET', status=200)), (1, 3))
        self.assertEqual(reg.bytes_sent('blob'), 3 * len(data))

    def test_chunks_and_status(self):
        reg = self.registry(location_query=True, chunk_min=4)
        location = self.open(reg)
        status, headers, _ = self.ask(reg, 'PATCH', location, b'hello ', {'Content-Range': '0-5'})
        self.assertEqual((status, headers['Range']), (202, '0-5'))
        location = self.location(headers)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'x', {'Content-Range': '9-9'})[0], 416)
        status, headers, _ = self.ask(reg, 'GET', location)
        self.assertEqual((status, headers['Range']), (204, '0-5'))
        status, headers, _ = self.ask(reg, 'PATCH', self.location(headers), b'wor',
                                      {'Content-Range': '6-8'})
        location = self.location(headers)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'ld')[0], 400, 'after a short chunk')
        digest = digest_of(b'hello world')
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, digest), b'ld')[0], 201)
        self.assertEqual(reg.blobs_of('app')[digest].read(), b'hello world')
        self.assertEqual(reg.uploads, [])

    def test_wrong_digests_and_sha512(self):
        reg = self.registry(bad_digest='keep')
        location = self.open(reg)
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, ABSENT), b'abc')[0], 400)
        digest = digest_of(b'abc', 'sha512')
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, digest))[0], 201)
        self.assertEqual(self.ask(reg, 'GET', f'/v2/app/blobs/{digest}')[2], b'abc')
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, digest))[0], 404)

    def test_mount(self):
        reg = self.registry()
        path, data = self.blob(reg)
        digest = digest_of(data)
        target = f'/v2/other/blobs/uploads/?mount={digest}&from=app'
        self.assertEqual(self.ask(reg, 'POST', target)[0], 201)
        self.assertEqual(self.ask(reg, 'GET', path.replace('/app/', '/other/'))[2], data)
        for how, status in (('decline', 202), ('404', 404), ('400', 400)):
            reg.mount = how
            self.assertEqual(self.ask(reg, 'POST', target)[0], status)
        self.assertEqual(reg.count('mount'), 4)

    def test_manifests(self):
        reg = self.registry(check_manifest_refs=True)
        image = images.image(1, seed='m')
        put = ('PUT', '/v2/app/manifests/v1', image.data, {'Content-Type': image.media_type})
        status, _, body = self.ask(reg, *put)
        self.assertEqual((status, json.loads(body)['errors'][0]['code']),
                         (400, 'MANIFEST_BLOB_UNKNOWN'))
        reg.check_manifest_refs = False
        self.assertEqual(self.ask(reg, *put)[0], 201)
        accept = {'Accept': image.media_type}
        status, headers, body = self.ask(reg, 'GET', '/v2/app/manifests/v1', headers=accept)
        self.assertEqual((body, headers['Content-Type'], headers['Docker-Content-Digest']),
                         (image.data, image.media_type, image.digest))
        status, headers, body = self.ask(reg, 'HEAD', '/v2/app/manifests/v1', headers=accept)
        self.assertEqual((status, headers['Content-Length']), (200, str(len(image.data))))
        self.assertEqual(self.ask(reg, 'GET', '/v2/app/manifests/v1',
                                  headers={'Accept': images.DOCKER_LIST})[0], 404)
        other = images.image(1, seed='other')
        put = (*put[:2], other.data, put[3])
        for settings, status in (({'immutable_tags': True}, 400), ({'max_manifest': 100}, 413),
                                 ({'refuse_media_types': ['*oci*config*']}, 400)):
            reg.configure(**settings)
            self.assertEqual(self.ask(reg, *put)[0], status)
            reg.configure(immutable_tags=False, max_manifest=4 << 20, refuse_media_types=())
        self.assertEqual(len(reg.disorder), 2, 'its config and its layer are not there')
        self.assertEqual(self.ask(reg, 'DELETE', f'/v2/app/manifests/{image.digest}')[0], 202)
        self.assertEqual(reg.tags('app'), {})

    def test_tags_and_referrers(self):
        reg = self.registry(tags_page=2)
        image = images.image(seed='t')
        for tag in 'cabde':
            image.put(reg, 'app', tag)
        for reg.tags_link in ('relative', 'absolute', 'query'):
            target, seen = '/v2/app/tags/list', []
            while target:
                _, headers, body = self.ask(reg, 'GET', target)
                seen += json.loads(body)['tags']
                link = headers['Link']
                target = link and urllib.parse.urljoin(f'{reg.url}{target}', link[1:].split('>')[0])
                target = target and target.removeprefix(reg.url)
            self.assertEqual(seen, list('abcde'))
        self.assertEqual(self.ask(reg, 'GET', '/v2/none/tags/list')[0], 404)
        made = images.artifact(subject=image)
        made.put(reg, 'app')
        path = f'/v2/app/referrers/{image.digest}'
        found = json.loads(self.ask(reg, 'GET', path)[2])['manifests']
        self.assertEqual([entry['digest'] for entry in found], [made.digest])
        self.assertEqual(json.loads(self.ask(reg, 'GET', path + '?artifactType=x')[2])['manifests'],
                         [])
        reg.referrers_api = False
        self.assertEqual(self.ask(reg, 'GET', path)[0], 404)


class Settings(Base):
    def test_typing_errors_are_found(self):
        reg = self.registry()
        with self.assertRaises(AttributeError):
            reg.no_pach = True
        with self.assertRaises(TypeError):
            self.registry(no_pach=True)

    def test_refusals(self):
        reg = self.registry(no_patch=True, no_head=True, no_digest_header=True)
        path, _ = self.blob(reg)
        self.assertEqual(self.ask(reg, 'HEAD', path)[0], 405)
        self.assertNotIn('Docker-Content-Digest', self.ask(reg, 'GET', path)[1])
        self.assertEqual(self.ask(reg, 'PATCH', self.open(reg), b'abc')[0], 405)
        reg.no_patch, reg.monolithic_only = False, True
        location = self.open(reg)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'a', {'Content-Range': '0-0'})[0], 400)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc')[0], 202)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc')[0], 400)
        reg.configure(monolithic_only=False, require_content_range=True, patch_status=201)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc')[0], 400)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc', {'Content-Range': '3-5'})[0], 201)
        reg.configure(require_content_range=False, ignore_content_range=True, upload_status=False)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc', {'Content-Range': '1-3'})[0], 201)
        self.assertEqual(reg.uploads[-1].size, 9)
        self.assertEqual(self.ask(reg, 'GET', location)[0], 404)
        reg.forget_uploads()
        self.assertEqual(self.ask(reg, 'PATCH', location, b'abc')[0], 404)

    def test_sizes(self):
        reg = self.registry(chunk_max=10, chunk_max_status=416)
        location = self.open(reg)
        self.assertEqual(self.ask(reg, 'PATCH', location, b'x' * 11)[0], 416)
        self.assertEqual(self.ask(reg, 'PATCH', location, iter([b'x' * 11]))[0], 416)
        self.assertEqual(reg.uploads[0].size, 0)
        reg.chunk_max_ranged = True
        self.assertEqual(self.ask(reg, 'PATCH', location, b'x' * 11)[0], 202)
        reg.body_max = 10
        self.assertEqual(self.ask(reg, 'PUT', self.commit(location, ABSENT), b'x' * 11)[0], 413)
        reg.configure(body_max=None, require_content_length=True)
        self.assertEqual(self.ask(reg, 'PATCH', location, iter([b'x']))[0], 411)

    def test_what_an_upload_reports(self):
        for report, empty, first, second in (
                ('cumulative', '0-0', '0-2', '0-5'), ('last', '0-0', '0-2', '3-5'),
                ('zero', '0-0', '0-0', '0-0'), ('stuck', '0-0', '0-2', '0-2'),
                ('0--1', '0--1', '0-2', '0-5'), ('bytes=', 'bytes=0-0', 'bytes=0-2', 'bytes=0-5'),
                (None, None, None, None)):
            reg = self.registry(range_report=report)
            status, headers, _ = self.ask(reg, 'POST', '/v2/app/blobs/uploads/')
            seen = [headers['Range']]
            for _ in range(2):
                status, headers, _ = self.ask(reg, 'PATCH', self.location(headers), b'abc')
                self.assertEqual(status, 202)
                seen.append(headers['Range'])
            self.assertEqual(seen, [empty, first, second], report)

    def test_locations(self):
        reg = self.registry(relative_location=True)
        other = self.registry(share=reg)
        headers = self.ask(reg, 'POST', '/v2/app/blobs/uploads/')[1]
        self.assertTrue(headers['Location'].startswith('/v2/app/blobs/uploads/'))
        reg.relative_location = 'sibling'
        self.assertNotIn('/', self.ask(reg, 'POST', '/v2/app/blobs/uploads/')[1]['Location'])
        reg.location_host = other
        headers = self.ask(reg, 'POST', '/v2/app/blobs/uploads/')[1]
        self.assertTrue(headers['Location'].startswith(other.url + '/v2/'))
        self.assertEqual(self.ask(other, 'PATCH', self.location(headers), b'abc')[0], 202)

    def test_stale_states(self):
        for stale, status, left in (('kill', 400, 0), ('keep', 416, 1)):
            reg = self.registry(location_query=True, stale=stale)
            old = self.open(reg)
            self.assertEqual(self.ask(reg, 'PATCH', old, b'abc')[0], 202)
            self.assertEqual(self.ask(reg, 'PATCH', old, b'abc')[0], status)
            self.assertEqual(len(reg.uploads), left)
            self.assertEqual(self.ask(reg, 'GET', old)[0], 204 if left else 404)
        reg = self.registry(location_query=True)
        self.assertEqual(self.ask(reg, 'PATCH', self.open(reg).partition('?')[0], b'abc')[0], 400)

    def test_limits(self):
        reg = self.registry(rate_limit=2, retry_after='7')
        answers = [self.ask(reg, 'GET', '/v2/') for _ in range(4)]
        self.assertEqual([answer[0] for answer in answers[:3]], [200, 200, 429])
        self.assertEqual(answers[2][1]['Retry-After'], '7')
        reg = self.registry(pull_limit=1)
        images.image(seed='p').put(reg, 'app', 'v1')
        self.assertEqual([self.ask(reg, method, '/v2/app/manifests/v1')[0]
                          for method in ('HEAD', 'GET', 'HEAD', 'GET')], [200, 200, 200, 429])
        headers = self.ask(reg, 'HEAD', '/v2/app/manifests/v1')[1]
        self.assertEqual(headers['ratelimit-remaining'], '0;w=21600')
        reg = self.registry(max_connections=1)
        first = self.connect(reg)
        self.assertEqual(self.ask(reg, 'GET', '/v2/', connection=first)[0], 200)
        self.assertEqual(self.ask(reg, 'GET', '/v2/')[0], 503)
        reg.over_limit = 'reset'
        with self.assertRaises(ConnectionError):
            self.ask(reg, 'GET', '/v2/')
        reg = self.registry(close_after=2, latency=0.05)
        began, one = time.monotonic(), self.connect(reg)
        self.assertEqual([self.ask(reg, 'GET', '/v2/', connection=one)[1]['Connection']
                          for _ in range(2)], [None, 'close'])
        self.assertGreater(time.monotonic() - began, 0.1)

    def test_cdn(self):
        cdn = self.registry(refuse_authorization=True)
        reg = self.registry(cdn=cdn)
        path, data = self.blob(reg)
        status, headers, _ = self.ask(reg, 'GET', path)
        self.assertEqual(status, 307)
        target = self.location(headers)
        self.assertEqual(self.ask(cdn, 'GET', target)[2], data)
        self.assertEqual(self.ask(cdn, 'GET', target, headers={'Range': 'bytes=1-2'})[0], 206)
        self.assertEqual(self.ask(cdn, 'GET', target, headers={'Authorization': 'Basic eA=='})[0],
                         400)
        cdn.expire_urls()
        self.assertEqual(self.ask(cdn, 'GET', target)[0], 403)
        self.assertEqual(cdn.authorization_seen, [('GET', target.partition('?')[0], 'Basic eA==')])


class Auth(Base):
    def test_basic(self):
        reg = self.registry(auth='basic', users={'joe': 'secret'},
                            rights={'joe': {'mine/*': 'pull,push'}})
        path, _ = self.blob(reg, repo='mine/app')
        self.assertEqual(self.ask(reg, 'GET', path)[0], 200, 'anonymous')
        status, headers, _ = self.ask(reg, 'POST', '/v2/mine/app/blobs/uploads/')
        self.assertEqual((status, headers['WWW-Authenticate']),
                         (401, 'Basic realm="registry.test"'))
        for pair, target, wanted in (('joe:secret', '/v2/mine/app/blobs/uploads/', 202),
                                     ('joe:secret', '/v2/other/blobs/uploads/', 403),
                                     ('joe:wrong', '/v2/mine/app/blobs/uploads/', 401)):
            field = f'Basic {base64.b64encode(pair.encode()).decode()}'
            self.assertEqual(self.ask(reg, 'POST', target, headers={'Authorization': field})[0],
                             wanted)

    def token(self, server, scope, method='GET', **form):
        if method == 'GET':
            query = urllib.parse.urlencode({'service': 's', 'scope': scope}, doseq=True)
            return self.ask(server, 'GET', f'/token?{query}', headers=form)
        form = {'service': 's', 'client_id': 'c', 'scope': ' '.join(scope), **form}
        return self.ask(server, 'POST', '/token', urllib.parse.urlencode(form))

    def test_bearer(self):
        server = self.registry()
        reg = self.registry(auth='bearer', token_server=server, users={'joe': 'secret'},
                            identity_tokens={'idtoken': 'joe'}, expires_in=100)
        path, _ = self.blob(reg)
        scope = ['repository:app:pull,push', 'repository:b:pull']
        status, headers, _ = self.ask(reg, 'POST', '/v2/app/blobs/uploads/')
        self.assertEqual((status, headers['WWW-Authenticate']), (
            401, f'Bearer realm="{server.url}/token",service="registry.test",'
                 'scope="repository:app:pull,push"'))
        value = json.loads(self.token(server, scope)[2])
        self.assertEqual(value['expires_in'], 100)
        anonymous = {'Authorization': f'bearer {value["token"]}'}
        self.assertEqual(self.ask(reg, 'GET', path, headers=anonymous)[0], 200)
        status, headers, _ = self.ask(reg, 'POST', '/v2/app/blobs/uploads/', headers=anonymous)
        self.assertIn('insufficient_scope', headers['WWW-Authenticate'])
        for form in ({'grant_type': 'refresh_token', 'refresh_token': 'idtoken'},
                     {'grant_type': 'password', 'username': 'joe', 'password': 'secret'}):
            value = json.loads(self.token(server, scope, 'POST', **form)[2])
            full = {'Authorization': f'Bearer {value["access_token"]}'}
            self.assertEqual(self.ask(reg, 'POST', '/v2/app/blobs/uploads/', headers=full)[0], 202)
            self.assertEqual(reg.token_requests[-1][1:4], (form['grant_type'], 'joe', scope))
        reg.expire_tokens()
        self.assertEqual(self.ask(reg, 'GET', path, headers=full)[0], 401)
        wrong = base64.b64encode(b'joe:wrong').decode()
        self.assertEqual(self.token(server, scope, Authorization=f'Basic {wrong}')[0], 401)
        reg.configure(first_scope_only=True, token_field='access_token', token_post=404)
        self.assertEqual(self.token(server, scope, 'POST')[0], 404)
        value = json.loads(self.token(server, scope[::-1])[2])
        headers = {'Authorization': f'Bearer {value["access_token"]}'}
        self.assertEqual(self.ask(reg, 'GET', path, headers=headers)[0], 401)
        self.assertEqual(server.count('token'), 6)

    def test_odd_challenges(self):
        reg = self.registry(auth='bearer',
                            challenge=['Negotiate', 'bEARER realm = "{realm}" , x=y'])
        self.assertEqual(self.ask(reg, 'GET', '/v2/')[1].get_all('WWW-Authenticate'),
                         ['Negotiate', f'bEARER realm = "{reg.url}/token" , x=y'])
        reg.configure(challenge=None, challenge_scope='repository:user/image:pull')
        self.assertIn('user/image', self.ask(reg, 'GET', '/v2/')[1]['WWW-Authenticate'])
        reg.no_www_authenticate = True
        self.assertNotIn('WWW-Authenticate', self.ask(reg, 'GET', '/v2/app/tags/list')[1])
        self.assertIn('WWW-Authenticate', self.ask(reg, 'GET', '/v2/')[1])


if __name__ == '__main__':
    unittest.main()

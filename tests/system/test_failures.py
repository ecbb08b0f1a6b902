"""What does not work ends plainly: exit 1, one short line that names image, host and reason;
nothing tagged, nothing corrupt committed, no upload left open, no pointless second try."""

import re
import socket
import time

from tests.system.lib import SystemTest, images, unittest

BIG = 3 << 20    # streamed; what is small goes from memory in one piece
ABSENT = 'sha256:' + '0' * 64


class FailuresTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self):
        """Two empty registries."""
        self.src, self.dst = self.registry(), self.registry()

    def copy(self, *flags, ref=None, target=None, retries=1, **options):
        return self.dray('copy', ref or self.src.ref('app:v1'), target or self.dst.ref('app:v1'),
                         '--retries', retries, *flags, **options)

    def put(self, image, reg=None):
        return image.put(reg or self.src, 'app', 'v1')

    def assertFailed(self, result, *words, ref=None, target=None, dst=None):
        dst = dst or self.dst
        ref, target = ref or self.src.ref('app:v1'), target or dst.ref('app:v1')
        self.assertFails(result, 1, f'{ref} -> {target}: ', *words)
        errors = self.errors(result)
        self.assertEqual(len(errors), 1, result.err)
        self.assertLess(len(errors[0]), 500, errors[0])
        self.assertIn(f'failed {ref} -> {target}', result.out)
        self.assertNothingWrongAt(dst)
        self.assertEqual(dst.tags('app'), {})
        return errors[0]

    @staticmethod
    def errors(result):
        return [line for line in result.err.splitlines() if line.startswith('dray: error: ')]

    def assertNothingWrongAt(self, dst):
        """What is there is right, and no session is left."""
        for digest, content in dst.blobs.items():
            self.assertEqual(content.digest_as(digest.partition(':')[0]), digest)
        self.assertTrue(dst.settle(5))
        self.assertEqual(dst.uploads, [], dst.dump())


class Missing(FailuresTest):
    def test_an_image(self):
        self.put(images.image())
        self.assertFailed(self.copy(ref=self.src.ref('app:v2'), target=self.dst.ref('app:v1')),
                          self.src.host, '404', ref=self.src.ref('app:v2'))
        self.assertEqual(self.src.count('manifest'), 1, 'asked once')
        self.assertEqual(self.dst.count('upload-open'), 0)

    def test_a_repository(self):
        self.put(images.image())
        self.assertFailed(self.copy(ref=self.src.ref('other/app:v1')), self.src.host, '404',
                          ref=self.src.ref('other/app:v1'))

    def test_a_digest(self):
        self.put(images.image())
        ref = self.src.ref(f'app@{ABSENT}')
        result = self.copy(ref=ref, target=self.dst.ref('app:v1'))
        self.assertFailed(result, self.src.host, ref=ref)

    def test_an_image_that_is_only_read(self):
        for command, name in (('manifest', 'app:v2'), ('digest', 'app:v2'), ('tags', 'other')):
            with self.subTest(command=command):
                self.src.log.clear()
                result = self.dray(command, self.src.ref(name))
                self.assertFails(result, 1, self.src.ref(name), '404')
                self.assertEqual(result.out, '')
                self.assertEqual(self.src.count(), 1)

    def test_a_child(self):
        image = images.multi(3, attestations=1)
        self.put(image)
        child = image.children[1]
        del self.src.store.repo('app').manifests[child.digest]
        self.assertFailed(self.copy(), self.src.host, child.digest, '404')
        self.assertEqual(self.src.count('manifest', status=404), 1)
        self.assertNotIn(image.digest, self.dst.manifests('app'))

    def test_a_layer(self):
        for size in (4096, BIG):
            with self.subTest(size=size):
                self.fresh()
                image = images.image(3, size=size)
                self.put(image)
                gone = image.parts[2].digest
                del self.src.store.repo('app').blobs[gone]
                self.assertFailed(self.copy(), self.src.host, gone, '404')
                self.assertEqual(self.src.count('blob', reference=gone), 1)
                self.assertEqual(self.dst.manifests('app'), {})

    def test_a_layer_with_many_in_line(self):
        """Those that wait for a place are never begun."""
        for jobs in (1, 4):
            self.fresh()
            image = images.image(30, size=300_000)
            self.put(image)
            gone = image.parts[1].digest
            del self.src.store.repo('app').blobs[gone]
            self.src.on('blob', path=f'*{gone}').delay(0.05)
            with self.subTest(jobs=jobs):
                self.assertFailed(self.copy('-j', jobs), gone)
                self.assertLess(self.src.count('blob'), 32)

    def test_what_is_under_way_is_not_waited_for(self):
        """The first failure ends the image."""
        image = images.image(6, size=BIG)
        self.put(image)
        gone = image.parts[1].digest
        del self.src.store.repo('app').blobs[gone]
        others = self.src.on('blob', when=lambda request: gone not in request.path).hold(after=1000)
        bad = self.src.on('blob', path=f'*{gone}').hold()
        run = self.start('copy', self.src.ref('app:v1'), self.dst.ref('app:v1'))
        others.wait_reached(5)
        bad.wait_reached()
        self.dst.log.wait_for(lambda entries: sum(
            entry.kind == 'upload-open' and entry.seconds is not None for entry in entries) == 7)
        bad.release()
        result = run.wait(5)
        self.assertFailed(result, gone)
        others.release()

    def test_the_result_document(self):
        self.put(images.image())
        ref = self.src.ref('app:v2')
        result = self.assertFails(self.copy('-o', 'json', ref=ref), 1)
        image = result.json()['images'][0]
        self.assertEqual((image['source'], image['target'], image['status']),
                         (ref, self.dst.ref('app:v1'), 'failed'))
        self.assertEqual((image['error']['host'], image['error']['http_status']),
                         (self.src.host, 404))
        self.assertEqual(image['error']['code'], 'not_found')
        self.assertIn(ref, image['error']['message'])
        self.assertEqual(result.json()['totals']['failed'], 1)


class Unreachable(FailuresTest):
    def closed_port(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            return f'127.0.0.1:{free.getsockname()[1]}'

    def assertBothWays(self, host, *words, retries=5, flags=()):
        """As source, and as target."""
        own = self.put(images.image())
        name = f'{host}/app:v1'
        for ref, target in ((name, self.dst.ref('app:v1')), (own, name)):
            with self.subTest(target=target):
                result = self.copy(*flags, ref=ref, target=target, retries=retries)
                self.assertFailed(result, host, *words, ref=ref, target=target)
                self.assertLess(result.seconds, 5)

    def test_a_closed_port(self):
        self.assertBothWays(self.closed_port(), 'connect')

    def test_an_unknown_host(self):
        self.assertBothWays('registry.invalid', 'unknown host')

    def test_a_host_that_does_not_take_connections(self):
        """Its queue is full, so that the kernel answers no more of them."""
        full = socket.create_server(('127.0.0.1', 0), backlog=0)
        self.addCleanup(full.close)
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
            self.addCleanup(waiting.close)
        host = f'127.0.0.1:{full.getsockname()[1]}'
        self.assertBothWays(host, 'no connection within 300 ms', retries=1, flags=('--connect-timeout', '300ms'))

    def test_a_host_that_never_shakes_hands(self):
        mute = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(mute.close)
        host = f'127.0.0.1:{mute.getsockname()[1]}'
        self.assertBothWays(host, 'no connection within 300 ms', retries=1,
                            flags=('--connect-timeout', '300ms', '--tls', host))

    def test_a_host_that_takes_connections_and_closes_them(self):
        for how in ('close', 'reset'):
            reg = self.registry()
            getattr(reg.on(), how)()
            name = reg.ref('app:v1')
            self.assertFailed(self.copy(ref=name), reg.host, ref=name)
            self.assertEqual(reg.count(), 2)


class Corrupt(FailuresTest):
    def assertRefused(self, image, digest, *words):
        """The copy fails over this blob or manifest, which is not in the target."""
        result = self.copy()
        self.assertFailed(result, self.src.host, *words)
        self.assertNotIn(digest, self.dst.blobs)
        self.assertNotIn(image.digest, self.dst.manifests('app'))
        return result

    def test_a_layer_with_a_wrong_byte(self):
        for size in (4096, BIG):
            for at in (0, size // 2, size - 1):
                with self.subTest(size=size, at=at):
                    self.fresh()
                    image = images.image(2, size=size)
                    self.put(image)
                    bad = image.parts[1].digest
                    self.src.on('blob', path=f'*{bad}').corrupt(at)
                    self.assertRefused(image, bad, bad, 'corrupt')
                    self.assertEqual(self.src.count('blob', reference=bad), 1, 'read once')

    def test_a_config_with_a_wrong_byte(self):
        image = images.multi(2)
        self.put(image)
        bad = image.children[0].parts[0].digest
        self.src.on('blob', path=f'*{bad}').corrupt(7)
        self.assertRefused(image, bad, bad, 'corrupt')

    def test_a_layer_of_another_size(self):
        """Told by Content-Length, or only by the bytes that come."""
        for size in (4096, BIG):
            for length in (0, size - 1, size + 1, 2 * size):
                for chunked in (False, True):
                    with self.subTest(size=size, length=length, chunked=chunked):
                        self.fresh()
                        image = images.image(1, size=size)
                        self.put(image)
                        bad = image.parts[1].digest
                        self.src.put_blob('app', b'x' * length, bad)
                        if chunked:
                            self.src.on('blob', path=f'*{bad}').chunked()
                        self.assertRefused(image, bad, bad)
                        self.assertLessEqual(self.src.count('blob', reference=bad), 2)

    def test_an_endless_layer(self):
        for size in (4096, BIG):
            with self.subTest(size=size):
                self.fresh()
                image = images.image(1, size=size)
                self.put(image)
                bad = image.parts[1].digest
                self.src.on('blob', path=f'*{bad}').endless()
                result = self.assertRefused(image, bad, bad, 'size')
                self.assertLess(self.src.bytes_sent('blob', reference=bad), size + (32 << 20))
                self.assertLess(result.peak_kb, 250_000)

    def test_a_manifest_with_a_wrong_byte(self):
        image = images.multi(2)
        for wrong in (image, image.children[1]):
            with self.subTest(wrong=wrong.digest):
                self.fresh()
                self.put(image)
                self.src.on('manifest', method='GET', when=lambda request, wrong=wrong: (
                    request.path.endswith(wrong.digest) or
                    wrong is image and request.path.endswith('v1'))).corrupt(30)
                self.assertRefused(image, wrong.digest, wrong.digest)

    def test_a_manifest_under_a_false_name(self):
        image = images.image()
        self.put(image)
        self.src.on('manifest').wrong_digest()
        self.assertRefused(image, image.digest, 'corrupt')
        result = self.dray('manifest', self.src.ref('app:v1'))
        self.assertFails(result, 1, self.src.ref('app:v1'), 'corrupt')
        self.assertEqual(result.out, '')

    def test_an_endless_manifest(self):
        image = images.image()
        self.put(image)
        self.src.on('manifest', method='GET').endless()
        for args in (('copy', self.src.ref('app:v1'), self.dst.ref('app:v1')),
                     ('manifest', self.src.ref('app:v1'))):
            result = self.dray(*args, '--retries', 1)
            self.assertFails(result, 1, self.src.ref('app:v1'), '4 MiB')
            self.assertLess(result.peak_kb, 250_000)
        self.assertEqual(self.dst.tags('app'), {})

    def test_a_target_that_computes_another_digest(self):
        """The registry's word on a PUT counts, whatever it was."""
        self.put(images.image())
        self.dst.on('upload-put').status(400, code='DIGEST_INVALID',
                                         message='provided digest did not match')
        self.assertFailed(self.copy(), self.dst.host, 'DIGEST_INVALID')
        self.dst.rules.clear()
        self.dst.on('manifest', method='PUT').status(400, code='MANIFEST_INVALID',
                                                     message='manifest invalid')
        self.assertFailed(self.copy(), self.dst.host, 'MANIFEST_INVALID')
        self.assertEqual(self.dst.count('manifest', method='PUT'), 1)


class Sessions(FailuresTest):
    """Uploads that come to nothing are given up at the registry."""

    def bad_layer(self, size):
        """Puts an image whose only layer is corrupt in its last byte."""
        image = images.image(1, size=size)
        self.put(image)
        self.src.on('blob', path=f'*{image.parts[1].digest}').corrupt(size - 1)

    def assertGivenUpOnce(self):
        """The layer's session, and the config's where it was under way too."""
        given_up = [request.path for request in self.dst.requests('upload-cancel')]
        self.assertTrue(given_up)
        self.assertEqual(len(given_up), len(set(given_up)), self.dst.dump())

    def test_one_that_holds_bytes(self):
        for size in (BIG, 20 << 20):    # a PUT of the whole; a chain of PATCHes
            with self.subTest(size=size):
                self.fresh()
                self.bad_layer(size)
                self.assertFailed(self.copy(), 'corrupt')
                self.assertGivenUpOnce()
                self.assertEqual(self.dst.uploads, [])

    def test_one_that_is_being_opened(self):
        self.put(images.image(1))
        self.src.on('blob').corrupt(7)
        gate = self.dst.on('upload-open', nth=1).hold(acted=True)
        run = self.start('copy', '-v', self.src.ref('app:v1'), self.dst.ref('app:v1'))
        gate.wait_reached()
        until = time.monotonic() + 10
        while '/blobs/sha256:' not in run.read_err() and time.monotonic() < until:
            time.sleep(0.002)    # until it has seen what is wrong
        gate.release()
        self.assertFailed(run.wait(), 'corrupt')

    def test_one_that_is_refused(self):
        self.put(images.image(1, size=20 << 20))
        self.dst.on('upload-patch').status(403)
        self.assertFailed(self.copy(), self.dst.host, '403')
        self.assertGreater(self.dst.count('upload-cancel'), 0)

    def test_a_registry_that_can_not_give_one_up(self):
        self.bad_layer(BIG)
        self.dst.on('upload-cancel').status(405)
        result = self.assertFails(self.copy(), 1, 'corrupt')
        self.assertEqual(len(self.errors(result)), 1)
        self.assertGivenUpOnce()


class Lasting(FailuresTest):
    """Faults that do not end: all attempts are used, and then it is over."""

    def assertUsedUp(self, size, side, kind, act, **which):
        """With --retries 2, no request is made more than three times; curl sends some of them again
        at once, where it finds a kept connection closed."""
        self.fresh()
        side = getattr(self, side)
        self.put(images.image(1, size=size))
        act(side.on(kind, **which))
        self.assertFailed(self.copy(retries=2), side.host)
        blobs = 2 if kind.startswith(('upload', 'blob')) else 1
        self.assertGreaterEqual(side.count(fault=True), 3)
        self.assertLessEqual(side.count(fault=True), 6 * blobs, side.dump())

    def test_a_source_that_breaks_off(self):
        for size in (4096, BIG):
            for act in (lambda rule: rule.reset(), lambda rule: rule.close(),
                        lambda rule: rule.status(500), lambda rule: rule.html(502)):
                with self.subTest(size=size):
                    self.assertUsedUp(size, 'src', 'blob', act)

    def test_a_source_whose_manifest_does_not_come(self):
        for act in (lambda rule: rule.truncate(after=20), lambda rule: rule.reset(after=20),
                    lambda rule: rule.status(503), lambda rule: rule.lose_answer()):
            self.assertUsedUp(4096, 'src', 'manifest', act)

    def test_a_source_that_falls_silent(self):
        for size in (4096, BIG):
            with self.subTest(size=size):
                self.fresh()
                self.put(images.image(1, size=size))
                self.src.on('blob').stall(after=1000)
                result = self.copy('--stall-timeout', '1s')
                self.assertFailed(result, self.src.host, 'stood still for 1 s')
                self.assertLess(result.seconds, 10)

    def test_a_target_that_takes_no_upload(self):
        for kind, size in (('upload-open', 4096), ('upload-open', BIG), ('upload-put', 4096),
                           ('upload-put', BIG), ('upload-patch', 20 << 20)):
            for act in (lambda rule: rule.status(500), lambda rule: rule.reset()):
                with self.subTest(kind=kind, size=size):
                    self.assertUsedUp(size, 'dst', kind, act)

    def test_a_target_that_falls_silent(self):
        """In the middle of an upload, of which more is left than any socket buffers."""
        self.put(images.image(1, size=30 << 20))
        self.dst.on('upload-patch').stall(received=100_000)
        result = self.copy('--stall-timeout', '1s')
        self.assertFails(result, 1, self.src.ref('app:v1'), self.dst.host, 'stood still for 1 s')
        self.assertEqual(len(self.errors(result)), 1)
        self.assertEqual(self.dst.tags('app'), {})
        self.assertLess(result.seconds, 10)

    def test_a_target_that_takes_no_manifest(self):
        for act in (lambda rule: rule.status(500), lambda rule: rule.reset(),
                    lambda rule: rule.html(503)):
            self.assertUsedUp(4096, 'dst', 'manifest', act, method='PUT')

    def test_redirect_loops(self):
        for kind, side in (('manifest', 'src'), ('blob', 'src'), ('manifest', 'dst'),
                           ('upload-*', 'dst')):
            with self.subTest(kind=kind, side=side):
                self.fresh()
                self.put(images.image())
                side = getattr(self, side)
                side.on(kind).redirect('loop')
                result = self.copy()
                self.assertFailed(result, side.host, 'redirect')
                self.assertLess(side.count(kind), 50)
                self.assertLess(result.seconds, 5)

    def test_redirects_to_nowhere(self):
        for to in ('ftp://127.0.0.1/x', 'file:///etc/passwd', 'http://',
                   'http://registry.invalid/x'):
            for kind, side in (('manifest', 'src'), ('blob', 'src'), ('manifest', 'dst')):
                with self.subTest(to=to, kind=kind, side=side):
                    self.fresh()
                    self.put(images.image())
                    getattr(self, side).on(kind).redirect(to)
                    result = self.copy()
                    self.assertFailed(result)
                    self.assertNotIn('root:', result.out + result.err)
                    self.assertLess(result.seconds, 5)

    def test_locations_to_nowhere(self):
        for to in ('ftp://127.0.0.1/x', 'file:///etc/passwd', 'http://', None):
            with self.subTest(to=to):
                self.fresh()
                self.put(images.image())
                self.dst.on('upload-open').header('Location', to)
                result = self.copy()
                self.assertFails(result, 1, self.dst.host)
                self.assertEqual(self.dst.tags('app'), {})
                self.assertLess(result.seconds, 5)


class Gibberish(FailuresTest):
    """Answers that are no HTTP, or none to be made sense of."""

    ANSWERS = (
        b'HTTP/1.1 what ever\r\nContent-Length: 0\r\n\r\n',
        b'\x00\x01\x02' * 1000,
        b'SSH-2.0-x\r\n',
        b'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
        b'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n',
        b'HTTP/1.1 204 Nothing\r\n\r\n',
        b'HTTP/1.1 206 Some\r\nContent-Length: 0\r\n\r\n',
        b'HTTP/1.1 304 Not Modified\r\n\r\n',
        b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 20_000 + b'\r\n',
        b'HTTP/1.1 200 OK\r\nX: ' + b'y' * 200_000 + b'\r\n\r\n')

    def test_on_either_side(self):
        """Success is claimed only where all is there."""
        for answer in self.ANSWERS:
            for kind, side, method in (
                    ('manifest', 'src', '*'), ('blob', 'src', '*'), ('manifest', 'dst', 'HEAD'),
                    ('upload-open', 'dst', '*'), ('upload-put', 'dst', '*')):
                with self.subTest(answer=answer[:40], kind=kind, side=side):
                    self.fresh()
                    self.put(images.image())
                    getattr(self, side).on(kind, method=method).raw(answer)
                    result = self.copy(retries=0)
                    self.assertLess(result.seconds, 5)
                    self.assertLess(result.peak_kb, 250_000)
                    if result.code == 0 and method == 'HEAD':
                        self.assertCopied(self.src.ref('app:v1'), self.dst.ref('app:v1'))
                        continue
                    self.assertFails(result, 1, getattr(self, side).host)
                    self.assertEqual(len(self.errors(result)), 1)
                    self.assertEqual(self.dst.tags('app'), {})

    def test_a_malformed_header_beside_good_ones(self):
        """Is passed over: the body and its digest tell."""
        self.put(images.image())
        self.src.on('blob').header('No\x01Name', 'x').header('X-Odd', '\xff\xfe')
        self.assertOk(self.copy())
        self.assertCopied(self.src.ref('app:v1'), self.dst.ref('app:v1'))


class Words(FailuresTest):
    """A server's text in our output."""

    EVIL = ('\x1b[31mred\x1b[0m \x1b]0;title\x07 two\r\nlines\n::error::x \x9b1m \u202edetrever '
            '\x00nul \x7f')

    def assertPlain(self, result):
        for text in (result.err, result.out):
            self.assertFalse(re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]', text), repr(text))
            for line in text.splitlines():
                self.assertFalse(line.startswith(('::', '##')), line)

    def test_of_an_error(self):
        self.put(images.image())
        for kind, side in (('manifest', self.src), ('blob', self.src), ('upload-open', self.dst),
                           ('tags', self.dst)):
            for status in (400, 403, 404, 500):
                for fault in (lambda rule, status=status: rule.status(
                        status, code='DENIED' + self.EVIL, message=self.EVIL),
                        lambda rule, status=status: rule.status(status, body=self.EVIL)):
                    side.rules.clear()
                    fault(side.on(kind))
                    result = self.copy('-v', retries=0)
                    with self.subTest(kind=kind, status=status):
                        self.assertPlain(result)
                        self.assertLessEqual(len(self.errors(result)), 1)
            side.rules.clear()

    def test_of_a_header(self):
        self.put(images.image())
        evil = self.EVIL.replace('\r\n', ' ').replace('\n', ' ').replace('\x00', '').replace(
            '\u202e', '')
        for name in ('Docker-Content-Digest', 'Content-Type', 'Location', 'WWW-Authenticate',
                     'Content-Range', 'Retry-After', 'Warning'):
            for kind, side in (('manifest', self.src), ('blob', self.src),
                               ('upload-open', self.dst), ('manifest', self.dst)):
                side.on(kind).header(name, evil)
                if name == 'WWW-Authenticate':
                    side.rules.clear()
                    side.on(kind).status(401, headers={name: f'Bearer realm="{evil}"'})
                with self.subTest(name=name, kind=kind):
                    self.assertPlain(self.copy('-v', retries=0))
                side.rules.clear()

    def test_of_a_token_server(self):
        src = self.registry(auth='bearer')
        self.put(images.image(), src)
        src.on('token').status(403, code=self.EVIL, message=self.EVIL)
        result = self.copy('-v', ref=src.ref('app:v1'))
        self.assertFails(result, 1, src.host)
        self.assertPlain(result)

    def test_of_a_manifest(self):
        image = images.image(extra={'mediaType': self.EVIL, 'annotations': {self.EVIL: self.EVIL}})
        self.put(image)
        self.assertPlain(self.copy('-v'))
        result = self.dray('manifest', self.src.ref('app:v1'))
        self.assertEqual(result.out.encode(), image.data, 'what is asked for goes out as it is')

    def test_of_a_list_of_tags(self):
        self.put(images.image())
        self.src.on('tags').body(b'{"tags": ["v1", "\\u001b[31mred", "a\\nb", null, "v2"]}')
        result = self.dray('tags', self.src.ref('app'))
        self.assertFalse(re.search(r'[\x00-\x09\x0b-\x1f\x7f]', result.out), repr(result.out))
        self.assertEqual([line for line in result.out.splitlines() if line[0] == 'v'], ['v1', 'v2'])

    def test_pages_of_html(self):
        """What proxies say does not fill the screen."""
        self.put(images.image())
        page = '<!doctype html><html>' + '<p>we are sorry' * 5000 + '</html>'
        for kind, side in (('manifest', self.src), ('blob', self.src), ('upload-open', self.dst)):
            for status in (403, 502):
                with self.subTest(kind=kind, status=status):
                    side.rules.clear()
                    side.on(kind).status(status, body=page, headers={'Content-Type': 'text/html'})
                    line = self.assertFailed(self.copy(), side.host, str(status))
                    self.assertNotIn('<p>we are sorry<p>', line)
            side.rules.clear()

    def test_long_messages_of_json(self):
        self.put(images.image())
        self.src.on('manifest').status(403, code='DENIED', message='why ' * 5000)
        self.assertFailed(self.copy(), self.src.host, 'DENIED', 'why why')

    def test_an_endless_error(self):
        self.put(images.image())
        self.src.on('manifest').status(403, code='DENIED', message='no').endless()
        result = self.copy()
        self.assertFailed(result, self.src.host, '403')
        self.assertLess(result.peak_kb, 250_000)


if __name__ == '__main__':
    unittest.main()

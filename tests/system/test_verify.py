"""dray verify: the same digest, and all that it reaches is at the target."""

import os

from tests.system.documents import documented, form
from tests.system.lib import SystemTest, images, unittest


class VerifyTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def copied(self, image, repo='app'):
        """The image at both registries; returns both references."""
        return image.put(self.src, repo, 'v1'), image.put(self.dst, repo, 'v1')

    def lose(self, reg, digest):
        reg.on(('blob', 'manifest'), path=f'*/{digest}').status(404, code='UNKNOWN')


class Same(VerifyTest):
    def test_every_kind(self):
        image = images.every_kind()
        source, target = self.copied(image)
        result = self.assertOk(self.dray('verify', source, target))
        first, second = result.out.splitlines()
        self.assertEqual(first, f'same {source} -> {target}')
        self.assertIn(f'{image.digest}  {len(image.walk())} manifests, {len(image.blobs)} blobs, ',
                      second)
        self.assertEqual({entry.reference for entry in self.dst.requests('blob', method='HEAD')},
                         set(image.blobs))
        self.assertEqual({entry.reference for entry in self.dst.requests('manifest')},
                         {'v1', *(part.digest for part in image.walk())})
        self.assertEqual(self.dst.count(method='GET') + self.src.count('blob'), 0)

    def test_debians_registry(self):
        reg = self.debian()
        image = images.multi(2, attestations=1)
        source = image.put(self.src, 'app', 'v1')
        self.push(image, reg.ref('other/app:v1'))
        for flags in ((), ('--deep',)):
            self.assertOk(self.dray('verify', *flags, source, reg.ref('other/app')))

    def test_by_digest_and_without_a_tag(self):
        image = images.image(1)
        source, target = self.copied(image)
        by_digest = f'{source.removesuffix(":v1")}@{image.digest}'
        for one, other in ((by_digest, target), (source, target.removesuffix(':v1')),
                           (by_digest, target.removesuffix(':v1')),
                           (by_digest, f'{target.removesuffix(":v1")}@{image.digest}')):
            with self.subTest(one=one, other=other):
                self.assertOk(self.dray('verify', one, other))

    def test_sha512(self):
        image = images.image(1, algorithm='sha512')
        source, target = self.copied(image)
        self.assertOk(self.dray('verify', '--deep', f'{source}@{image.digest}', target))

    def test_registries_that_announce_nothing(self):
        for settings in ({'no_digest_header': True}, {'auth': 'bearer'}):
            dst = self.registry(**settings)
            image = images.multi(2)
            with self.subTest(settings):
                self.assertOk(self.dray('verify', image.put(self.src, 'app', 'v1'),
                                        image.put(dst, 'app', 'v1')))

    def test_manifests_are_read_where_they_cannot_be_looked_for(self):
        source, target = self.copied(images.multi(2))
        self.dst.on('manifest', method='HEAD').status(405)
        self.assertOk(self.dray('verify', source, target))

    def test_quiet_says_nothing(self):
        result = self.assertOk(self.dray('verify', '-q', *self.copied(images.image(1))))
        self.assertEqual(result.out + result.err, '')


class Different(VerifyTest):
    def test_an_image_that_is_missing(self):
        image = images.image(1)
        source = image.put(self.src, 'app', 'v1')
        result = self.assertFails(self.dray('verify', source, self.dst.ref('none:v2')), 3)
        self.assertEqual(result.out, f'{self.dst.ref("none:v2")} is missing ({image.digest})\n'
                                     f'1 difference in {source} -> {self.dst.ref("none:v2")}\n')
        self.assertEqual(result.err, '')

    def test_another_image(self):
        """Whose parts are not looked at unless the right one is there, too."""
        image, other = images.image(2), images.image(2, seed='other')
        source, target = image.put(self.src, 'app', 'v1'), other.put(self.dst, 'app', 'v1')
        result = self.assertFails(self.dray('verify', source, target), 3)
        self.assertEqual(result.out.splitlines()[:-1],
                         [f'{target} is {other.digest}, not {image.digest}'])
        self.assertEqual(self.dst.count('blob'), 0)
        image.put(self.dst, 'app')
        lost = image.parts[1].digest
        self.lose(self.dst, lost)
        result = self.assertFails(self.dray('verify', source, target), 3)
        self.assertEqual(len(result.out.splitlines()), 3)
        self.assertIn(lost, result.out.splitlines()[1])

    def test_each_part_that_is_missing_is_named(self):
        image = images.multi(3)
        child, blob = image.children[1], image.children[0].parts[2]
        for digest in (child.digest, blob.digest):
            self.lose(self.dst, digest)
        source, target = self.copied(image)
        for flags in ((), ('--deep',)):
            lines = self.assertFails(self.dray('verify', *flags, source, target),
                                     3).out.splitlines()
            self.assertEqual(sorted(lines), [
                f'2 differences in {source} -> {target}',
                f'missing at {self.dst.ref("app")}: blob {blob.digest}, 4.0 KiB',
                f'missing at {self.dst.ref("app")}: manifest {child.digest}, '
                f'{len(child.data)} B'])

    def test_an_empty_blob_that_is_missing(self):
        part = images.Part(b'')
        image = images.image([part])
        self.lose(self.dst, part.digest)
        source, target = self.copied(image)
        self.assertIn(part.digest,
                      self.assertFails(self.dray('verify', '--deep', source, target), 3).out)

    def test_many_differences_are_bounded(self):
        source, target = self.copied(images.image(150, size=10))
        self.dst.on('blob').status(404)
        lines = self.assertFails(self.dray('verify', source, target), 3).out.splitlines()
        self.assertEqual(len(lines), 102)
        self.assertEqual(lines[-2:], ['and 51 more', f'151 differences in {source} -> {target}'])

    def test_the_document(self):
        image = images.image(2)
        lost = image.parts[2]
        self.lose(self.dst, lost.digest)
        source, target = self.copied(image)
        found = self.assertFails(self.dray('verify', '-o', 'json', source, target), 3).json()
        self.assertGreaterEqual(found['seconds'], 0)
        self.assertEqual(found, {
            'seconds': found['seconds'],
            'version': 1, 'source': source, 'target': target, 'digest': image.digest,
            'target_digest': image.digest, 'same': False, 'deep': False, 'manifests': 1,
            'blobs': 3, 'bytes': image.size, 'difference_count': 1, 'differences': [
                {'part': 'blob', 'problem': 'missing', 'digest': lost.digest,
                 'text': f'missing at {self.dst.ref("app")}: blob {lost.digest}, 4.0 KiB'}],
            'error': None})
        self.assertEqual(form(found), form(documented('dray verify')))


class Failed(VerifyTest):
    """Not everything could be compared: 1, which wins over 3."""

    def test_the_source_lacks_it(self):
        image = images.multi(2)
        source, target = self.copied(image)
        self.assertFails(self.dray('verify', self.src.ref('app:none'), target), 1,
                         self.src.host, '404')
        self.lose(self.src, image.children[0].digest)
        self.dst.on('blob').status(404)
        result = self.dray('verify', '-o', 'json', source, target)
        self.assertFails(result, 1, source, image.children[0].digest)
        found = result.json()
        self.assertEqual((found['same'], found['error']['code'], found['error']['http_status']),
                         (False, 'not_found', 404))

    def test_a_blob_that_the_source_lacks(self):
        image = images.image(1)
        source, target = self.copied(image)
        self.lose(self.src, image.parts[1].digest)
        self.assertOk(self.dray('verify', source, target))
        self.assertFails(self.dray('verify', '--deep', source, target), 1,
                         image.parts[1].digest, self.src.host)

    def test_a_side_that_refuses(self):
        source, target = self.copied(images.image(1))
        for reg in (self.src, self.dst):
            for status in (403, 500):
                rule = reg.on('manifest').status(status)
                with self.subTest(reg=reg.host, status=status):
                    self.assertFails(self.dray('verify', '--retries', '0', source, target), 1,
                                     reg.host, str(status))
                self.assertGreater(rule.hits, 0)
                reg.rules.clear()
        self.dst.on('blob').status(405)
        self.assertFails(self.dray('verify', source, target), 1, self.dst.host, '405')

    def test_usage(self):
        for args, word in ((('a:B c', 'b'), 'a:B c'), (('oci:folder', 'b'), 'oci:folder'),
                           (('a', 'B'), 'b'), (('a',), 'SRC and DST')):
            result = self.assertFails(self.dray('verify', '-o', 'json', *args), 2, word)
            self.assertEqual(result.out, '')

    def test_a_signal(self):
        source, target = self.copied(images.image(1))
        for flags, kind in (((), 'manifest'), (('--deep',), 'blob')):
            gate = self.dst.on(kind).hold()
            run = self.start('verify', *flags, source, target)
            gate.wait_reached()
            run.signal(15)
            result = run.wait()
            gate.release()
            self.dst.rules.clear()
            self.assertFails(result, 143, 'signal')


class Deep(VerifyTest):
    def test_every_byte_is_read_on_both_sides(self):
        image = images.multi(2, big=2 << 20, attestations=1)
        source, target = self.copied(image)
        result = self.assertOk(self.dray('verify', '--deep', source, target))
        self.assertIn('read on both sides', result.out)
        for reg in (self.src, self.dst):
            self.assertEqual(sum(entry.bytes_out for entry in reg.requests('blob')), image.size)

    def test_a_corrupt_part_of_the_target(self):
        """Which only shows when it is read."""
        image = images.multi(2, big=1 << 20)
        large, small = image.children[0].parts[-1].digest, image.children[1].parts[0].digest
        child = image.children[1].digest
        source, target = self.copied(image)
        for digest, kind in ((large, 'blob'), (small, 'blob'), (child, 'manifest')):
            with self.subTest(kind=kind):
                self.dst.on(kind, path=f'*/{digest}', method='GET').corrupt(at=10)
                self.assertOk(self.dray('verify', source, target))
                result = self.dray('verify', '--deep', '-o', 'json', source, target)
                self.assertFails(result, 3)
                only, = result.json()['differences']
                self.assertEqual((only['part'], only['problem'], only['digest']),
                                 (kind, 'corrupt', digest))
                self.assertIn(self.dst.host, only['text'])
                self.dst.rules.clear()

    def test_a_corrupt_blob_of_the_source(self):
        image = images.image(1)
        source, target = self.copied(image)
        self.src.on('blob', path=f'*/{image.parts[1].digest}').corrupt(at=10)
        self.assertFails(self.dray('verify', '--deep', source, target), 1, self.src.host,
                         'corrupt', image.parts[1].digest)

    def test_a_lost_connection_is_taken_up(self):
        image = images.image(1, size=4 << 20)
        source, target = self.copied(image)
        self.src.on('blob', path=f'*/{image.parts[1].digest}', nth=1).reset(after=0.5)
        self.assertOk(self.dray('verify', '--deep', source, target))
        self.assertLess(self.src.bytes_sent('blob'), 5 << 20)

    def test_one_slow_blob_does_not_hold_the_others_up(self):
        image = images.image(6, size=1 << 20)
        source, target = self.copied(image)
        slow = image.parts[3].digest
        gate = self.src.on('blob', path=f'*/{slow}').hold()
        run = self.start('verify', '--deep', '-j', '8', source, target)
        gate.wait_reached()
        others = set(image.blobs)
        self.assertTrue(self.dst.log.wait_for(lambda entries: others <= {
            entry.reference for entry in entries if entry.kind == 'blob' and entry.status}))
        self.assertTrue(run.running())
        gate.release()
        self.assertOk(run.wait())

    def test_memory_does_not_grow_with_the_image(self):
        source, target = self.copied(images.image(6, size=24 << 20))
        # Else the sanitizer keeps what is freed.
        options = f'{os.environ.get("ASAN_OPTIONS", "")}:quarantine_size_mb=1'
        result = self.assertOk(self.dray('verify', '--deep', '-j', '4', source, target,
                                         env={'ASAN_OPTIONS': options}))
        self.assertLess(result.peak_kb, 70_000)


if __name__ == '__main__':
    unittest.main()

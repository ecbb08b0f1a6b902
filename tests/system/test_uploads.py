"""Every way of uploading a blob, and from one to the other by what the registry answers."""

from tests.system.lib import SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20


def image_of(*sizes):
    """Layers of exactly these sizes beside a small config."""
    return images.image([images.Part(images.contents.noise(size, number))
                         for number, size in enumerate(sizes)])


class Uploads(SystemTest):
    def setUp(self):
        super().setUp()
        self.src = self.registry()

    def copied(self, image, *flags, **settings):
        """Copies to a registry with these settings, which then has everything. Blobs one by one,
        so that what the first learns the second can use."""
        dst = self.registry(**settings)
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', '-j', '1', *flags, ref, dst.ref('app')))
        self.assertCopied(ref, dst.ref('app:v1'))
        self.assertInOrder(dst)
        self.assertEqual(dst.uploads, [])
        return dst

    def whole_puts(self, dst):
        """Sizes of blobs that came in one PUT."""
        return sorted(entry.bytes_in for entry in dst.requests('upload-put', status=201)
                      if entry.bytes_in)

    def patches(self, dst, **filters):
        return dst.requests('upload-patch', **filters)


class Ways(Uploads):
    def test_a_whole_blob_put_has_no_content_range(self):
        dst = self.copied(image_of(100, 3 * MIB))
        for put in dst.requests('upload-put'):
            self.assertNotIn('Content-Range', put.headers)
            self.assertEqual(put.headers.get('Content-Length'), str(put.bytes_in))
            self.assertEqual(put.headers.get('Content-Type'), 'application/octet-stream')
        self.assertEqual(dst.count('upload-patch'), 0)

    def test_a_chunk_chain(self):
        dst = self.copied(image_of(70 * MIB), '--chunk-size', 'auto')
        sizes = [entry.bytes_in for entry in self.patches(dst)]
        self.assertEqual(sizes, [32 * MIB, 32 * MIB, 6 * MIB])
        self.assertChain(self.patches(dst))

    def assertChain(self, patches):
        """Every PATCH says what part it is, without gaps; one connection will do."""
        at = 0
        for patch in patches:
            self.assertEqual(patch.headers.get('Content-Range'), f'{at}-{at + patch.bytes_in - 1}')
            self.assertEqual(patch.headers.get('Content-Length'), str(patch.bytes_in))
            self.assertEqual(patch.headers.get('Content-Type'), 'application/octet-stream')
            self.assertNotIn('Transfer-Encoding', patch.headers)
            at += patch.bytes_in

    def test_chunk_size(self):
        cases = (('1MiB', MIB, 5 * MIB + 1), ('1MiB', MIB, 2 * MIB), ('300k', 300_000, 200_000),
                 ('64KiB', 64 * KIB, 64 * KIB + 1), ('20MiB', 20 * MIB, 30 * MIB), ('1k', 1000, 1))
        for flag, chunk, size in cases:
            with self.subTest(chunk=flag, size=size):
                image = image_of(size)
                dst = self.copied(image, '--chunk-size', flag,
                                  require_content_range=True, require_content_length=True)
                by_session = {}
                for patch in self.patches(dst):
                    by_session.setdefault(patch.path, []).append(patch)
                self.assertEqual(len(by_session), 2)    # the config is uploaded so as well
                for patches in by_session.values():
                    self.assertChain(patches)
                    self.assertTrue(all(patch.bytes_in == chunk for patch in patches[:-1]))
                    self.assertLessEqual(patches[-1].bytes_in, chunk)
                self.assertEqual(self.whole_puts(dst), [])

    def test_zero_length_is_an_empty_put_whatever_the_way(self):
        image = image_of(0)
        digest = image.parts[1].digest.replace(':', '%3A')
        for flags in (), ('--chunk-size', '1MiB'):
            with self.subTest(flags=flags):
                dst = self.copied(image, *flags)
                put, = dst.requests('upload-put', where=lambda entry: digest in entry.query)
                self.assertEqual(put.headers.get('Content-Length'), '0')
                self.assertNotIn('Content-Range', put.headers)
                self.assertEqual(self.patches(dst, path=put.path), [])

    def test_the_last_byte_waits_for_the_digest(self):
        """A blob that is corrupt in its last byte is never whole at the target."""
        for size in 1, 1000, 3 * MIB, 20 * MIB:
            with self.subTest(size=size):
                image = image_of(size)
                ref = image.put(self.src, 'app', 'v1')
                rule = self.src.on('blob', path=f'*{image.parts[1].digest}').corrupt(at=size - 1)
                dst = self.registry()
                result = self.dray('copy', ref, dst.ref('app'))
                self.assertFails(result, 1, image.parts[1].digest, 'corrupt', self.src.host)
                self.assertNotIn(image.parts[1].digest, dst.blobs)
                self.assertEqual(dst.tags('app'), {})
                self.assertNotIn(size, [entry.bytes_in for entry in dst.log])
                self.assertEqual(rule.hits, 1)
                if size > MIB:    # where the session is known it is given back
                    self.assertEqual(dst.uploads, [])
                self.src.rules.clear()


class Locations(Uploads):
    image = staticmethod(lambda: image_of(0, 1, 1000, 2 * MIB, 40 * MIB))

    def test_relative_to_the_root(self):
        self.copied(self.image(), relative_location=True)

    def test_relative_to_the_directory(self):
        self.copied(self.image(), relative_location='sibling')

    def test_a_query_that_must_come_back(self):
        self.copied(self.image(), location_query=True)

    def test_only_the_newest_state_will_do(self):
        for relative in False, True, 'sibling':
            for flags in (), ('--chunk-size', '10MiB'):
                with self.subTest(relative=relative, flags=flags):
                    dst = self.copied(image_of(1000, 21 * MIB), *flags, location_query='strict',
                                      relative_location=relative)
                    for commit in dst.requests('upload-put'):
                        self.assertRegex(commit.query, r'_state=[^&]+&sig=a%2Fb%2Bc%3D&digest=')

    def test_on_another_host_get_no_credentials(self):
        users = {'joe': 'secret'}
        front = self.registry(auth='bearer', users=users, anonymous=None)
        behind = self.registry(share=front, refuse_authorization=True, location_query='strict')
        front.location_host = behind.location_host = behind
        front.location_query = 'strict'
        self.docker_config({front.host: ('joe', 'secret'), behind.host: ('joe', 'wrong')})
        image = self.image()
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, front.ref('app')))
        self.assertEqual(set(front.blobs_of('app')), set(image.blobs))
        self.assertEqual(front.tags('app'), {'v1': image.digest})
        self.assertEqual(front.count(('upload-put', 'upload-patch')), 0)
        self.assertEqual(behind.bytes_received(), image.size)
        self.assertNoCredentialAt(behind)

    def test_an_upload_that_is_redirected(self):
        behind = self.registry()
        front = self.registry(share=behind)
        front.on(('upload-put', 'upload-patch')).redirect(behind)
        image = image_of(1, 1000, 200_000)
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, front.ref('app')))
        self.assertCopied(ref, front.ref('app:v1'))

    def test_opened_without_saying_where(self):
        dst = self.registry()
        dst.on('upload-open').header('Location', None)
        ref = image_of(1000).put(self.src, 'app', 'v1')
        result = self.dray('copy', ref, dst.ref('app'))
        self.assertFails(result, 1, 'Location', dst.host)
        self.assertEqual(dst.tags('app'), {})


class Answers(Uploads):
    """What registries answer to a PATCH or PUT that they took."""

    image = staticmethod(lambda: image_of(1, 1000, 2 * MIB + 1))

    def chunks(self, **settings):
        return self.copied(self.image(), '--chunk-size', '1MiB', **settings)

    def test_status_of_a_patch(self):
        for status in 200, 201, 202, 204:
            with self.subTest(status=status):
                self.chunks(patch_status=status)

    def test_status_of_a_commit(self):
        for status in 200, 201, 202, 204:
            with self.subTest(status=status):
                self.chunks(put_status=status)

    def test_range_reports(self):
        for report in 'last', 'zero', 'stuck', '0--1', 'bytes=', None:
            with self.subTest(report=report):
                self.chunks(range_report=report)

    def test_a_patch_without_location(self):
        dst = self.registry()
        dst.on('upload-patch').header('Location', None)
        image = self.image()
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', '--chunk-size', '1MiB', ref, dst.ref('app')))
        self.assertCopied(ref, dst.ref('app:v1'))

    def test_a_registry_that_has_no_use_for_ranges(self):
        self.chunks(ignore_content_range=True)

    def test_uploads_need_no_digest_header(self):
        self.chunks(no_digest_header=True)


class Fallbacks(Uploads):
    """What a host refuses is tried another way, and not tried again with the next blob."""

    def setUp(self):
        super().setUp()
        self.image = image_of(1000, 20 * MIB, 21 * MIB, 22 * MIB)

    def refused_once(self, dst, kind='upload-patch', status=(404, 405, 413, 416), times=1):
        self.assertEqual(dst.count(kind, status=status), times)

    def test_no_patch(self):
        for refusal in True, 404, 501:
            with self.subTest(status=refusal):
                dst = self.copied(self.image, no_patch=refusal)
                self.refused_once(dst, status=405 if refusal is True else refusal)
                self.assertEqual(self.whole_puts(dst)[-3:], [20 * MIB, 21 * MIB, 22 * MIB])

    def test_no_patch_for_a_chunk_size(self):
        dst = self.copied(self.image, '--chunk-size', '1MiB', no_patch=True)
        self.assertLessEqual(dst.count('upload-patch'), 3)    # the two small ones go beside
        self.assertEqual(self.whole_puts(dst)[-3:], [20 * MIB, 21 * MIB, 22 * MIB])

    def test_no_whole_put(self):
        for status in 404, 405:
            with self.subTest(status=status):
                dst = self.registry()
                dst.on('upload-put', when=lambda request: request.length).status(status)
                ref = self.image.put(self.src, 'app', 'v1')
                self.assertOk(self.dray('copy', ref, dst.ref('app')))
                self.assertCopied(ref, dst.ref('app:v1'))
                self.assertLessEqual(dst.count('upload-put', status=status), 2)

    def test_a_body_limit(self):
        """413, as from nginx or Cloudflare: smaller chunks, each below the limit."""
        dst = self.copied(image_of(1000, 10 * MIB, 20 * MIB, 22 * MIB), body_max=3 * MIB)
        self.assertLessEqual(dst.count(status=413), 4)    # halved until it fits: 22, 11, 5.5
        sizes = [entry.bytes_in for entry in self.patches(dst, status=202)]
        self.assertLessEqual(max(sizes), 3 * MIB)
        self.assertEqual(sum(sizes), 52 * MIB)
        self.assertEqual(len(self.whole_puts(dst)), 2)

    def test_a_body_limit_for_a_first_blob_that_would_be_put_whole(self):
        dst = self.copied(image_of(1000, 10 * MIB), body_max=3 * MIB)
        self.assertEqual([entry.bytes_in for entry in dst.requests(status=413)][0], 0)
        self.assertLessEqual(dst.count(status=413), 2)

    def test_refusals_while_others_are_under_way(self):
        for settings in ({'no_patch': True}, {'body_max': 3 * MIB},
                         {'chunk_max': 4 * MIB, 'chunk_max_status': 416},
                         {'chunk_max': 4 * MIB, 'chunk_max_status': 416,
                          'chunk_max_ranged': True}):
            with self.subTest(**settings):
                dst = self.registry(**settings)
                ref = self.image.put(self.src, 'app', 'v1')
                self.assertOk(self.dray('copy', ref, dst.ref('app')))
                self.assertCopied(ref, dst.ref('app:v1'))

    def test_a_limit_below_the_registry_s_own_minimum(self):
        """Nothing that would do: it has to end."""
        dst = self.registry(body_max=2 * MIB, chunk_min=8 * MIB)
        ref = self.image.put(self.src, 'app', 'v1')
        result = self.dray('copy', ref, dst.ref('app'))
        self.assertFails(result, 1, '413', dst.host)
        self.assertEqual(dst.tags('app'), {})
        self.assertLess(dst.count(status=413), 20)

    def test_a_limit_of_chunks(self):
        for status in 413, 416:
            with self.subTest(status=status):
                dst = self.copied(self.image, chunk_max=4 * MIB, chunk_max_status=status)
                self.assertLessEqual(max(entry.bytes_in for entry in
                                         self.patches(dst, status=202)), 4 * MIB)
                self.assertLessEqual(dst.count('upload-patch', status=status), 6)

    def test_a_limit_of_chunks_with_a_range(self):
        """As ghcr.io was seen: 416 above 4 MiB, but any single PATCH without Content-Range."""
        dst = self.copied(self.image, chunk_max=4 * MIB, chunk_max_status=416,
                          chunk_max_ranged=True)
        self.refused_once(dst)
        taken = self.patches(dst, status=202)
        self.assertEqual(len(taken), 3)
        for patch in taken:
            self.assertNotIn('Content-Range', patch.headers)

    def test_a_limit_that_the_chunk_size_keeps(self):
        dst = self.copied(self.image, '--chunk-size', '4MiB', chunk_max=4 * MIB)
        self.assertEqual(dst.count(status=413), 0)

    def test_a_minimum_of_chunks_wins_over_the_chunk_size(self):
        dst = self.copied(image_of(3 * MIB + 1, 10), '--chunk-size', '100k', chunk_min=MIB)
        sizes = sorted(entry.bytes_in for entry in self.patches(dst))
        self.assertEqual(sizes[-3:], [MIB, MIB, MIB])
        self.assertEqual(dst.count(status=400), 0)

    def test_a_refusal_costs_no_retry(self):
        dst = self.registry(no_patch=True)
        ref = self.image.put(self.src, 'app', 'v1')
        result = self.assertOk(self.dray('copy', '--retries', '0', '-j', '1', '-o', 'json', ref,
                                         dst.ref('app')))
        self.assertEqual(result.json()['totals']['retries'], 0)

    def test_nothing_is_accepted(self):
        dst = self.registry(no_patch=True)
        dst.on('upload-put').status(405)
        ref = self.image.put(self.src, 'app', 'v1')
        result = self.dray('copy', ref, dst.ref('app'))
        self.assertFails(result, 1, '405', dst.host)
        self.assertEqual(dst.tags('app'), {})
        self.assertLess(len(dst.log), 60)


if __name__ == '__main__':
    unittest.main()

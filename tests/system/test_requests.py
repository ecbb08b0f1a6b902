"""Few requests: which ones a copy sends, to whom, and none besides."""

from tests.system.lib import SystemTest, images, unittest

MIB = 1 << 20


class Requests(SystemTest):
    def assertSent(self, reg, **wanted):
        """These requests, by method and kind ('HEAD_manifest'), so often, and no others."""
        counts = {}
        for entry in reg.log:
            name = f'{entry.method}_{entry.kind.replace("-", "_")}'
            counts[name] = counts.get(name, 0) + 1
        self.assertEqual(counts, wanted)

    def copy(self, *args):
        return self.assertOk(self.dray('copy', *args))


class NothingToDo(Requests):
    def test_is_one_head_on_each_side(self):
        src, dst = self.registry(), self.registry()
        image = images.multi(platforms=3)
        ref = image.put(src, 'app', 'v1')
        image.put(dst, 'copy', 'v1')
        self.copy(ref, dst.ref('copy'))
        self.assertSent(src, HEAD_manifest=1)
        self.assertSent(dst, HEAD_manifest=1)

    def test_by_digest_is_one_head_at_the_target(self):
        src, dst = self.registry(), self.registry()
        image = images.multi(platforms=3)
        ref = image.put(src, 'app')
        image.put(dst, 'app', 'v1')
        for target in 'app', 'app:v1', f'app@{image.digest}':
            dst.log.clear()
            self.copy(ref, dst.ref(target))
            self.assertSent(dst, HEAD_manifest=1)
        self.assertSent(src)

    def test_after_a_copy_of_its_own(self):
        src, dst = self.registry(), self.registry()
        ref = images.every_kind().put(src, 'app', 'v1')
        self.copy(ref, dst.ref('app'))
        src.log.clear()
        dst.log.clear()
        self.copy(ref, dst.ref('app'))
        self.assertSent(src, HEAD_manifest=1)
        self.assertSent(dst, HEAD_manifest=1)

    def test_with_a_token_of_each_side(self):
        users = {'joe': 'secret'}
        src = self.registry(auth='bearer', users=users, anonymous=None)
        dst = self.registry(auth='bearer', users=users, anonymous=None)
        self.docker_config({src.host: ('joe', 'secret'), dst.host: ('joe', 'secret')})
        image = images.image()
        ref = image.put(src, 'app', 'v1')
        image.put(dst, 'app', 'v1')
        self.copy(ref, dst.ref('app'))
        for reg in src, dst:
            self.assertEqual(len(reg.token_requests), 1)
            self.assertEqual(reg.count('manifest', status=200), 1)
            self.assertLessEqual(len(reg.log), 3)    # challenge, token, answer


class FreshBlobs(Requests):
    """Into a repository that is not there yet: no blob is asked after."""

    def fresh(self, image, **settings):
        src, dst = self.registry(), self.registry(**settings)
        ref = image.put(src, 'app', 'v1')
        self.copy(ref, dst.ref('app'))
        self.assertCopied(ref, dst.ref('app:v1'))
        blobs, manifests = len(image.blobs), len(image.walk())
        empty = sum(content.size == 0 for content in image.blobs.values())
        self.assertSent(src, GET_manifest=manifests, GET_blob=blobs - empty)
        return dst, {'HEAD_manifest': 1, 'GET_tags': 1, 'POST_upload_open': blobs,
                     'PUT_upload_put': blobs, 'PUT_manifest': manifests}

    def test_small_ones_are_opened_and_put(self):
        dst, wanted = self.fresh(images.multi(platforms=3, attestations=1))
        self.assertSent(dst, **wanted)

    def test_up_to_16_mib_are_opened_and_put(self):
        dst, wanted = self.fresh(images.image(
            [images.Part(images.contents.noise(size)) for size in (256 << 10, (256 << 10) + 1,
                                                                   3 * MIB, 16 * MIB)]))
        self.assertSent(dst, **wanted)

    def test_larger_ones_are_opened_patched_and_committed(self):
        for size, patches in (16 * MIB + 1, 1), (64 * MIB, 2):
            with self.subTest(size=size):
                dst, wanted = self.fresh(images.image(
                    [images.Part(images.contents.noise(size))]))
                self.assertSent(dst, **wanted, PATCH_upload_patch=patches)

    def test_several_that_are_large_together_go_in_parts(self):
        """What is under way at once would be lost at once."""
        lengths = []

        def is_part(request):
            if (request.length or 0) > MIB:
                lengths.append(request.length)
            return (request.length or 0) > MIB

        src, dst = self.registry(), self.registry()
        ref = images.image(8, size=5 * MIB).put(src, 'app', 'v1')
        gate = dst.on(('upload-patch', 'upload-put'), when=is_part).hold(received=MIB)
        running = self.start('copy', ref, dst.ref('app'))
        gate.wait_reached(8)
        self.assertEqual(lengths, 8 * [4 * MIB])
        gate.release()
        self.assertOk(running.wait())
        self.assertCopied(ref, dst.ref('app:v1'))

    def test_zero_and_one_byte_are_opened_and_put(self):
        dst, wanted = self.fresh(images.image([images.Part(b''), images.Part(b'1')]))
        self.assertSent(dst, **wanted)


class KnownRepository(Requests):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=3)
        self.ref = self.image.put(self.src, 'app', 'v1')
        self.blobs, self.manifests = len(self.image.blobs), len(self.image.walk())

    def test_a_new_tag_asks_for_each_blob_once(self):
        old = self.image.children[0]
        old.put(self.dst, 'app', 'old')
        self.copy(self.ref, self.dst.ref('app'))
        new = self.blobs - len(old.blobs)
        self.assertSent(self.dst, HEAD_manifest=1, GET_tags=1, HEAD_blob=self.blobs,
                        POST_upload_open=new, PUT_upload_put=new, PUT_manifest=self.manifests)
        self.assertSent(self.src, GET_manifest=self.manifests, GET_blob=new)

    def test_a_moved_tag_asks_for_each_manifest_and_leaves_what_is_there(self):
        images.index(self.image.children[:2]).put(self.dst, 'app', 'v1')
        self.copy(self.ref, self.dst.ref('app'))
        last = self.image.children[2]
        old = {digest for child in self.image.children[:2] for digest in child.blobs}
        new = len(set(last.blobs) - old)
        self.assertSent(self.src, HEAD_manifest=1, GET_manifest=2, GET_blob=new)
        self.assertSent(self.dst, HEAD_manifest=1 + 3, HEAD_blob=len(last.blobs),
                        POST_upload_open=new, PUT_upload_put=new, PUT_manifest=2)

    def test_an_empty_repository_s_blobs_are_not_asked_after(self):
        images.image(seed='elsewhere').put(self.dst, 'app', 'v1')
        self.copy(self.ref, self.dst.ref('new'))
        self.assertEqual(self.dst.count(method='HEAD'), 1)

    def test_without_a_list_of_tags_it_asks(self):
        self.image.children[0].put(self.dst, 'app', 'old')
        self.dst.on('tags').status(403)
        self.copy(self.ref, self.dst.ref('app'))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertEqual(self.dst.count('blob', method='HEAD'), self.blobs)
        self.assertEqual(self.dst.count('upload-put'),
                         self.blobs - len(self.image.children[0].blobs))


class Tokens(Requests):
    users = {'joe': 'secret'}

    def copy_with_tokens(self, image, **settings):
        src = self.registry(auth='bearer', users=self.users, anonymous=None, **settings)
        dst = self.registry(auth='bearer', users=self.users, anonymous=None, **settings)
        self.docker_config({src.host: ('joe', 'secret'), dst.host: ('joe', 'secret')})
        ref = image.put(src, 'app', 'v1')
        self.copy(ref, dst.ref('app'))
        self.assertEqual(dst.tags('app'), {'v1': image.digest})
        return src, dst

    def test_one_for_each_side_serves_all_blobs(self):
        image = images.multi(platforms=3, attestations=2, own=6, big=MIB)
        src, dst = self.copy_with_tokens(image)
        self.assertEqual(len(src.token_requests), 1)
        self.assertEqual(len(dst.token_requests), 1)
        self.assertEqual(src.count(status=401), 1)
        self.assertEqual(dst.count(status=401), 1)

    def test_is_renewed_while_the_copy_goes_on(self):
        image = images.image([*images.layers(3), images.Part(images.contents.noise(MIB))])
        src = self.registry()
        dst = self.registry(auth='bearer', users=self.users, anonymous=None)
        self.docker_config({dst.host: ('joe', 'secret')})
        ref = image.put(src, 'app', 'v1')
        gate = src.on('blob', when=lambda request: image.parts[-1].digest in request.path).hold()
        running = self.start('copy', ref, dst.ref('app'))
        gate.wait_reached()
        self.assertTrue(dst.log.wait_for(
            lambda log: sum(entry.status == 201 for entry in log) == len(image.blobs) - 1))
        dst.expire_tokens()
        gate.release()
        self.assertOk(running.wait())
        self.assertEqual(len(dst.token_requests), 2)
        self.assertEqual(dst.tags('app'), {'v1': image.digest})


class Misbehaviour(Requests):
    """Registries that leave something out, or send elsewhere, still get and give everything."""

    def setUp(self):
        super().setUp()
        self.image = images.multi(platforms=3, attestations=1, big=3 * MIB)

    def through(self, src, dst, again=None):
        """Copies twice; the second time nothing may be written."""
        ref = self.image.put(src, 'app', 'v1')
        self.copy(ref, dst.ref('app'))
        self.assertCopied(ref, dst.ref('app:v1'))
        self.assertInOrder(dst)
        self.assertEqual(src.count('blob', method='GET', status=(200, 307)),
                         len(self.image.blobs))
        src.log.clear()
        dst.log.clear()
        result = self.copy('-o', 'json', ref, dst.ref('app')).json()
        self.assertEqual(result['totals']['unchanged'], 1)
        self.assertEqual(dst.requests(method=('POST', 'PUT', 'PATCH')), [])
        self.assertEqual(src.count('blob'), 0)

    def test_no_head(self):
        self.through(self.registry(no_head=True), self.registry(no_head=True))

    def test_no_head_in_a_repository_with_content(self):
        dst = self.registry(no_head=True)
        self.image.children[0].put(dst, 'app', 'old')
        self.through(self.registry(), dst)

    def test_no_digest_header(self):
        self.through(self.registry(no_digest_header=True), self.registry(no_digest_header=True))

    def test_neither_head_nor_digest_header(self):
        self.through(self.registry(no_head=True, no_digest_header=True),
                     self.registry(no_head=True, no_digest_header=True))

    def test_latency(self):
        """What can go on at once does: 30 blobs of 3 requests each are no 90 round trips."""
        self.image = images.image(29)
        src, dst = self.registry(latency=0.1), self.registry(latency=0.1)
        ref = self.image.put(src, 'app', 'v1')
        result = self.copy(ref, dst.ref('app'))
        self.assertCopied(ref, dst.ref('app:v1'))
        self.assertLess(result.seconds, 4)

    def test_blobs_at_a_cdn(self):
        cdn = self.registry(refuse_authorization=True)
        users = {'joe': 'secret'}
        for status in 302, 307:
            with self.subTest(status=status):
                src = self.registry(cdn=cdn, cdn_status=status, auth='bearer', users=users,
                                    anonymous=None)
                dst = self.registry()
                self.docker_config({src.host: ('joe', 'secret')})
                ref = self.image.put(src, 'app', 'v1')
                self.copy(ref, dst.ref('app'))
                self.assertCopied(ref, dst.ref('app:v1'))
                self.assertEqual(cdn.count('cdn', status=200), len(self.image.blobs))
                self.assertNoCredentialAt(cdn)
                cdn.log.clear()

    def test_manifests_at_a_cdn(self):
        cdn = self.registry()
        self.through(self.registry(cdn=cdn, cdn_manifests=True), self.registry())
        self.assertGreater(cdn.count('cdn'), len(self.image.blobs))


class Questions(Requests):
    """dray digest, manifest and tags: one request where one will do."""

    def test_a_digest_is_one_head(self):
        reg = self.registry()
        image = images.multi(platforms=2)
        ref = image.put(reg, 'app', 'v1')
        self.assertEqual(self.assertOk(self.dray('digest', ref)).out, f'{image.digest}\n')
        self.assertSent(reg, HEAD_manifest=1)

    def test_a_digest_where_a_head_does_not_tell(self):
        for settings in {'no_head': True}, {'no_digest_header': True}:
            with self.subTest(**settings):
                reg = self.registry(**settings)
                image = images.multi(platforms=2)
                ref = image.put(reg, 'app', 'v1')
                self.assertEqual(self.assertOk(self.dray('digest', ref)).out, f'{image.digest}\n')
                self.assertSent(reg, HEAD_manifest=1, GET_manifest=1)

    def test_a_manifest_is_one_get(self):
        reg = self.registry()
        image = images.multi(platforms=2)
        ref = image.put(reg, 'app', 'v1')
        self.assertEqual(self.assertOk(self.dray('manifest', ref)).out.encode(), image.data)
        self.assertSent(reg, GET_manifest=1)

    def test_tags_by_the_page(self):
        names = [f'v1.{number}' for number in range(25)]
        for link in 'relative', 'absolute', 'query':
            with self.subTest(link=link):
                reg = self.registry(tags_page=4, tags_link=link)
                for name in names:
                    images.image(1).put(reg, 'app', name)
                result = self.assertOk(self.dray('tags', reg.ref('app')))
                self.assertEqual(result.out.split(), names)
                self.assertSent(reg, GET_tags=7)

    def test_no_tags(self):
        for null in False, True:
            with self.subTest(null=null):
                reg = self.registry(tags_null=null)
                images.image(1).put(reg, 'app')
                self.assertEqual(self.assertOk(self.dray('tags', reg.ref('app'))).out, '')


if __name__ == '__main__':
    unittest.main()

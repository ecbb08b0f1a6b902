"""Mounts: within one registry no blob's bytes move, and a registry that declines gets them."""

from tests.system.lib import SystemTest, images, unittest

MIB = 1 << 20


class Mount(SystemTest):
    def setUp(self):
        super().setUp()
        self.image = images.multi(platforms=3, attestations=1, big=2 * MIB)
        self.blobs = len(self.image.blobs)

    def copy_within(self, reg, *flags, target='mirror/app', code=0):
        """Copies from one repository of a registry to another: the result document."""
        ref = self.image.put(reg, 'team/app', 'v1')
        result = self.dray('copy', '-o', 'json', *flags, ref, reg.ref(target))
        self.assertEqual(result.code, code, result)
        if code == 0:
            self.assertCopied(ref, reg.ref(f'{target}:v1'))
            self.assertInOrder(reg)
            self.assertEqual(reg.uploads, [])
        return result.json()

    def test_moves_no_bytes(self):
        reg = self.registry()
        document = self.copy_within(reg)
        self.assertEqual(document['images'][0]['blobs'],
                         {'transferred': 0, 'mounted': self.blobs, 'existing': 0})
        self.assertEqual(document['totals']['bytes'], 0)
        self.assertEqual(reg.count('mount', status=201), self.blobs)
        self.assertEqual(reg.count('blob'), 0)
        self.assertEqual(reg.count(('upload-*',)), 0)
        for mount in reg.requests('mount'):
            self.assertIn('from=team%2Fapp', mount.query)

    def test_of_one_blob_is_one_request(self):
        reg = self.registry()
        self.copy_within(reg)
        manifests = len(self.image.walk())
        self.assertEqual(reg.count(('mount', 'upload-*', 'blob')), self.blobs)
        self.assertLessEqual(reg.count(('manifest', 'tags')), 2 * manifests + 2)

    def test_declined_goes_on_with_the_session_that_came(self):
        reg = self.registry(mount='decline', location_query='strict')
        document = self.copy_within(reg)
        self.assertEqual(document['images'][0]['blobs'],
                         {'transferred': self.blobs, 'mounted': 0, 'existing': 0})
        self.assertEqual(document['totals']['bytes'], self.image.size)
        self.assertEqual(reg.count('upload-open'), 0)
        self.assertEqual(reg.count('mount', status=202), self.blobs)

    def test_declined_for_blobs_of_hardly_any_bytes(self):
        reg = self.registry(mount='decline')
        self.image = images.image([images.Part(b''), images.Part(b'1')])
        self.copy_within(reg)
        self.assertEqual(reg.count('upload-open'), 0)

    def test_refused_is_a_plain_upload(self):
        for answer in '404', '400':
            with self.subTest(status=answer):
                reg = self.registry(mount=answer)
                document = self.copy_within(reg)
                self.assertEqual(document['images'][0]['blobs']['transferred'], self.blobs)
                self.assertEqual(reg.count('upload-open', status=202), self.blobs)

    def test_refused_in_other_ways(self):
        for status in 401, 403, 405, 501:
            with self.subTest(status=status):
                reg = self.registry()
                reg.on('mount').status(status)
                self.copy_within(reg)

    def test_declined_by_a_registry_with_few_connections(self):
        """Source and target share the connections, of which a stream takes two."""
        reg = self.registry(mount='decline')
        self.image = images.image([images.Part(images.contents.noise(300_000, number))
                                   for number in range(12)])
        self.blobs = len(self.image.blobs)
        self.copy_within(reg, '--max-connections', '2')
        self.assertLessEqual(reg.peak_connections, 2)

    def test_a_declined_large_blob_is_sent_in_chunks(self):
        reg = self.registry(mount='decline')
        self.image = images.image([images.Part(images.contents.noise(40 * MIB))])
        self.copy_within(reg)
        self.assertEqual(reg.count('upload-patch'), 2)

    def test_blobs_that_the_target_has_move_no_bytes_either(self):
        reg = self.registry()
        self.image.children[0].put(reg, 'mirror/app', 'old')
        document = self.copy_within(reg)
        self.assertEqual(document['images'][0]['blobs']['transferred'], 0)
        self.assertEqual(reg.bytes_received(), 0)

    def test_asks_for_the_right_to_read_there_too(self):
        users = {'joe': 'secret'}
        reg = self.registry(auth='bearer', users=users, anonymous=None,
                            rights={'joe': {'team/*': 'pull', 'mirror/*': 'pull,push'}})
        self.docker_config({reg.host: ('joe', 'secret')})
        ref = self.image.put(reg, 'team/app', 'v1')
        document = self.assertOk(self.dray('copy', '-o', 'json', ref, reg.ref('mirror/app'))).json()
        self.assertEqual(document['images'][0]['blobs']['mounted'], self.blobs)
        self.assertEqual(reg.tags('mirror/app'), {'v1': self.image.digest})
        self.assertLessEqual(len(reg.token_requests), 3)

    def test_is_not_tried_between_registries(self):
        src, dst = self.registry(), self.registry()
        ref = self.image.put(src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, dst.ref('app')))
        self.assertEqual(dst.count('mount'), 0)

    def test_a_blob_that_is_missing_at_the_source_is_an_error(self):
        reg = self.registry()
        ref = self.image.put(reg, 'team/app', 'v1')
        digest = self.image.children[0].parts[0].digest
        del reg.store.repo('team/app').blobs[digest]
        result = self.dray('copy', ref, reg.ref('mirror/app'))
        self.assertFails(result, 1, digest, reg.host, '404')
        self.assertEqual(reg.tags('mirror/app'), {})


if __name__ == '__main__':
    unittest.main()

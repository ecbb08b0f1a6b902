"""A registry of several replicas may not know at once what it has just been given."""

from tests.system.lib import SystemTest, images, unittest


class Unknown(SystemTest):
    def copy(self, times, code='MANIFEST_BLOB_UNKNOWN', status=404, **which):
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=2, shared=1, own=1)
        self.ref = self.image.put(self.src, 'app', 'v1')
        rule = self.dst.on('manifest', method='PUT', times=times, **which)
        rule.status(status, code=code)
        return self.dray('copy', '--retries', '2', self.ref, self.dst.ref('app:v1'))

    def test_parts_are_looked_at_and_the_manifest_is_put_again(self):
        for code, status in (('MANIFEST_BLOB_UNKNOWN', 404), ('BLOB_UNKNOWN', 400)):
            with self.subTest(code=code):
                self.assertOk(self.copy(1, code, status))
                self.assertCopied(self.ref, self.dst.ref('app:v1'))
                self.assertInOrder(self.dst)
                refused, = self.dst.requests('manifest', method='PUT', status=status)
                looked = [entry.path for entry in self.dst.requests('blob', method='HEAD')]
                child, = (image for image in self.image.children
                          if refused.path.endswith(image.digest))
                for blob in child.blobs:
                    self.assertTrue(any(path.endswith(blob) for path in looked), blob)

    def test_an_index_right_after_its_children(self):
        self.assertOk(self.copy(2, 'MANIFEST_UNKNOWN', 404, path='*/v1'))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        heads = [entry.path.rsplit('/', 1)[1]
                 for entry in self.dst.requests('manifest', method='HEAD')]
        for child in self.image.children:
            self.assertEqual(heads.count(child.digest), 2)

    def test_one_that_never_knows(self):
        result = self.assertFails(self.copy(None), 1, 'MANIFEST_BLOB_UNKNOWN', self.ref)
        self.assertLess(result.seconds, 20)
        self.assertEqual(self.dst.tags('app'), {})

    def test_what_is_not_there_is_named(self):
        self.src, self.dst = self.registry(), self.registry()
        image = images.image(parts=2)
        ref = image.put(self.src, 'app', 'v1')
        digest = image.parts[-1].digest
        self.dst.on('manifest', method='PUT').status(404, code='MANIFEST_BLOB_UNKNOWN')
        self.dst.on('blob', method='HEAD', path=f'*{digest}').status(404)
        self.assertFails(self.dray('copy', '--retries', '1', ref, self.dst.ref('app:v1')), 1,
                         f'it does not have {digest}')


if __name__ == '__main__':
    unittest.main()

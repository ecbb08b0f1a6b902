"""What becomes of a target tag that points elsewhere."""

from tests.system.lib import SystemTest, images, unittest


class IfExists(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.old, self.new = images.image(seed='old'), images.image(seed='new')
        self.old.put(self.dst, 'app', 'v1')
        self.ref = self.new.put(self.src, 'app', 'v1')

    def copy(self, policy, tag='v1'):
        return self.dray('copy', '-o', 'json', '--if-exists', policy, self.ref,
                         self.dst.ref(f'app:{tag}'))

    def assertStatus(self, result, status, digest):
        image = result.json()['images'][0]
        self.assertEqual((image['status'], image['digest']), (status, digest))

    def test_it_is_replaced_left_alone_or_an_error(self):
        self.assertStatus(self.assertOk(self.copy('skip')), 'skipped', self.old.digest)
        self.assertFails(self.copy('fail'), 1, f'as {self.old.digest}', '--if-exists fail')
        self.assertEqual(self.dst.tags('app'), {'v1': self.old.digest})
        self.assertEqual(self.dst.count(method=('PUT', 'POST', 'PATCH')), 0)
        self.assertStatus(self.assertOk(self.copy('replace')), 'copied', self.new.digest)
        self.assertEqual(self.dst.tags('app'), {'v1': self.new.digest})

    def test_the_same_image_or_no_tag_is_no_matter(self):
        for policy in ('skip', 'fail'):
            with self.subTest(policy):
                self.assertStatus(self.assertOk(self.copy(policy, policy)), 'copied',
                                  self.new.digest)
                self.assertStatus(self.assertOk(self.copy(policy, policy)), 'unchanged',
                                  self.new.digest)


if __name__ == '__main__':
    unittest.main()

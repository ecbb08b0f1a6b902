"""dray tags: which ones, and in what order."""

from tests.system.lib import SystemTest, images, unittest

TAGS = ('v1.10.0', 'v1.9.0', 'v1.8.1', 'v1.8', '2.0.0-rc.1', '2.0.0', 'v1.9.0-debug', 'latest', 'edge')


class Selected(SystemTest):
    def setUp(self):
        super().setUp()
        self.reg = self.registry()
        image = images.image()
        for tag in TAGS:
            image.put(self.reg, 'app', tag)

    def tags(self, *flags):
        return self.assertOk(self.dray('tags', *flags, self.reg.ref('app'))).out.split()

    def test_all_in_order(self):
        self.assertEqual(self.tags(), ['v1.8', 'v1.8.1', 'v1.9.0-debug', 'v1.9.0', 'v1.10.0',
                                       '2.0.0-rc.1', '2.0.0', 'edge', 'latest'])

    def test_a_range_a_glob_an_expression(self):
        for pattern, wanted in (('>=1.8 <2', ['v1.8', 'v1.8.1', 'v1.9.0', 'v1.10.0']),
                                ('^2', ['2.0.0']), ('v1.8*', ['v1.8', 'v1.8.1']),
                                (r'/v1\.\d+/', ['v1.8']), ('/e.*|late.*/', ['edge', 'latest'])):
            with self.subTest(pattern=pattern):
                self.assertEqual(self.tags('--tags', pattern), wanted)

    def test_several_and_what_is_left_out(self):
        self.assertEqual(self.tags('--tags', 'v1.8*', '--tags=2.0.0', '--exclude', '*.1'),
                         ['v1.8', '2.0.0'])

    def test_the_newest_versions(self):
        self.assertEqual(self.tags('--newest', '2'), ['2.0.0-rc.1', '2.0.0'])
        self.assertEqual(self.tags('--newest', '2', '--tags', '<2'), ['v1.9.0', 'v1.10.0'])

    def test_none(self):
        self.assertEqual(self.tags('--tags', '>=3'), [])

    def test_a_pattern_that_is_none(self):
        for pattern in ('>=1.x.3', '/(/', '/a', '>'):
            with self.subTest(pattern=pattern):
                self.assertFails(self.dray('tags', '--tags', pattern, self.reg.ref('app')), 2,
                                 pattern)
        self.assertEqual(self.reg.count(), 0)


if __name__ == '__main__':
    unittest.main()

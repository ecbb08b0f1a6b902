"""The base of the tests of mirrors."""

from tests.system.lib import SystemTest, images


class MirrorTest(SystemTest):
    """The two registries of a mirror, and files with its rules."""

    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def put(self, repo, *tags, reg=None):
        """Each tag an image of its own; returns tag -> Image."""
        made = {tag: images.image(1, seed=f'{repo}:{tag}') for tag in tags}
        for tag, image in made.items():
            image.put(reg or self.src, repo, tag)
        return made

    def mirror(self, *rules, head='', name='mirror.yml'):
        """A mirror file of these rules, each the lines of one; @src and @dst are the registries."""
        text = 'version: 1\n' + head + 'mirrors:\n' + ''.join(
            '  - ' + rule.strip().replace('\n', '\n    ') + '\n' for rule in rules)
        return self.write(name, text.replace('@src', self.src.host).replace('@dst', self.dst.host))

    def sync(self, *rules, flags=(), **more):
        return self.dray('sync', *flags, self.mirror(*rules, **more))

    def document(self, *rules, flags=(), code=0, **more):
        result = self.sync(*rules, flags=('-o', 'json', *flags), **more)
        self.assertEqual(result.code, code, result)
        return result.json()

    def assertStatuses(self, document, **statuses):
        """How many images have which status."""
        counted = {}
        for image in document['images']:
            counted[image['status']] = counted.get(image['status'], 0) + 1
        self.assertEqual(counted, statuses)
        for status, count in statuses.items():
            if status != 'planned':
                self.assertEqual(document['totals'][status], count)

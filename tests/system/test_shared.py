"""Several images in one run: what they share goes to a registry once. Blobs are mounted from a
repository where a manifest refers to them, manifests are neither fetched nor put again."""

from tests.system.lib import SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20


def parts(*sizes):
    return [images.Part(images.contents.noise(size)) for size in sizes]


class Shared(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def begin(self, copies, in_order=True):
        """in_order: the first knows what it needs before the others do."""
        if in_order:
            repo, _, tag = copies[0][0].partition('/')[2].rpartition(':')
            gate = self.src.on('manifest', when=lambda request: not request.path.endswith(
                (f'{repo}/manifests/{tag}')) and 'sha256:' not in request.path).hold()
        running = self.start('copy', '-o', 'json', '--retries', 1, '--from-file', '-',
                             stdin=''.join(' '.join(copy) + '\n' for copy in copies))
        if in_order:
            self.assertTrue(self.dst.log.wait_for(lambda log: any(
                entry.kind == 'upload-open' for entry in log)))
            gate.release()
        return running

    def run_all(self, *copies, code=0, in_order=True):
        """The document's entries, by target."""
        result = self.begin(copies, in_order).wait()
        self.assertEqual(result.code, code, result)
        return {entry['target']: entry for entry in result.json()['images']}

    def copied(self, copies, fresh=True):
        for source, *targets in copies:
            for target in targets:
                self.assertCopied(source, target)
        if fresh:
            self.assertInOrder(self.dst)
            self.assertEqual(self.dst.uploads, [])

    def uploads(self, digest=None):
        """Whole uploads that the target took."""
        return self.dst.count('upload-put', status=201,
                              where=lambda entry: not digest or digest[7:] in entry.query)


class Blobs(Shared):
    """Images of other repositories with a layer or two in common."""

    def put(self, count=3, shared=(300 * KIB, 40 * KIB), own=10 * KIB):
        common = parts(*shared)
        self.common = [part.digest for part in common]
        self.images = [images.image([*common, *parts(own + number)]) for number in range(count)]
        self.copies = [(image.put(self.src, f'app{number}', 'v1'), self.dst.ref(f'app{number}:v1'))
                       for number, image in enumerate(self.images)]

    def fail_when_others_wait(self, kind, **which):
        """The first image is refused that, once the others know what they need."""
        gate = self.dst.on(kind, repo='app0', **which).status(403).hold()
        running = self.begin(self.copies)
        for repo in 'app1', 'app2':
            self.assertTrue(self.dst.log.wait_for(lambda log: any(
                entry.kind == 'upload-open' and entry.repo == repo for entry in log)))
        gate.release()
        result = running.wait()
        self.assertEqual(result.code, 1, result)
        return {entry['target']: entry for entry in result.json()['images']}

    def test_go_once_and_are_mounted_to_the_others(self):
        self.put()
        entries = self.run_all(*self.copies)
        self.copied(self.copies)
        for digest in self.common:
            self.assertEqual(self.uploads(digest), 1)
            self.assertEqual(self.src.count('blob', path=f'*{digest}'), 1)
        self.assertEqual(self.dst.count('mount', status=201), 2 * len(self.common))
        self.assertEqual([entries[target]['blobs']['mounted'] for _, target in self.copies],
                         [0, len(self.common), len(self.common)])

    def test_are_mounted_from_where_a_manifest_refers_to_them(self):
        """ECR mounts from nowhere else: its manifest is there when the mount is asked for."""
        self.put()
        self.run_all(*self.copies)
        for mount in self.dst.requests('mount'):
            self.assertIn('from=app0', mount.query)
            put = self.dst.requests('manifest', method='PUT', repo='app0', status=201)[-1]
            self.assertLess(put.time, mount.time)

    def test_a_mount_that_is_declined_gets_the_bytes_and_no_one_waits_again(self):
        self.dst.mount = 'decline'
        self.put(count=4)
        self.run_all(*self.copies)
        self.copied(self.copies)
        for digest in self.common:
            self.assertEqual(self.uploads(digest), 4)

    def test_a_leader_that_fails_frees_those_who_wait(self):
        self.put()
        entries = self.fail_when_others_wait('manifest', method='PUT')
        self.copied(self.copies[1:], fresh=False)
        self.assertEqual([entries[target]['status'] for _, target in self.copies],
                         ['failed', 'copied', 'copied'])
        for mount in self.dst.requests('mount', status=201):
            self.assertIn('from=app1', mount.query)
        for digest in self.common:
            self.assertLessEqual(self.uploads(digest), 2)

    def test_a_leader_whose_upload_fails_frees_those_who_wait(self):
        self.put()
        self.fail_when_others_wait('upload-put')
        self.copied(self.copies[1:], fresh=False)
        for digest in self.common:
            self.assertEqual(self.uploads(digest), 1)

    def test_two_that_lead_each_other_do_not_wait_for_ever(self):
        """Each image has begun with a layer that the other one needs as well, and neither manifest
        can be put before both are there."""
        for _ in range(3):
            one, other = parts(400 * KIB, 410 * KIB)
            copies = []
            for name, layers in ('a', [one, other]), ('b', [other, one]), ('c', [one, other]):
                copies.append((images.image(layers, annotations={'name': name}).put(
                    self.src, name, 'v1'), self.dst.ref(f'{name}:v1')))
            self.src.on('blob').delay(0.02)
            self.run_all(*copies, in_order=False)
            self.copied(copies)
            self.dst, self.src = self.registry(), self.registry()

    def test_what_others_wait_for_goes_before_what_is_larger(self):
        shared, = parts(300 * KIB)
        large = parts(*(MIB + number for number in range(20)))
        digests = [part.digest for part in large]
        copies = [(images.image([*large, shared]).put(self.src, 'large', 'v1'),
                   self.dst.ref('large:v1')),
                  (images.image([shared], seed=1).put(self.src, 'small', 'v1'),
                   self.dst.ref('small:v1'))]
        gate = self.src.on('blob', when=lambda request: request.path.endswith(tuple(digests))).hold()
        running = self.begin(copies)
        self.assertTrue(self.dst.log.wait_for(lambda log: any(
            entry.kind == 'upload-open' and entry.repo == 'small' for entry in log)))
        gate.release()
        self.assertOk(running.wait())
        self.copied(copies)
        read = [entry.path for entry in self.src.requests('blob') if entry.bytes_out > 256 * KIB]
        self.assertEqual(len(read), 21)
        self.assertLess(read.index(f'/v2/large/blobs/{shared.digest}'), 15)
        self.assertEqual(self.dst.count('mount', status=201), 1)

    def test_of_several_repositories_at_once_each_gets_its_own(self):
        """Targets of one image do not wait for each other; the next image mounts."""
        self.put(count=2)
        (first, _), (second, _) = self.copies
        copies = [(first, self.dst.ref('a/one:v1'), self.dst.ref('b/one:v1')),
                  (second, self.dst.ref('c/two:v1'))]
        self.run_all(*copies)
        self.copied(copies)
        for digest in self.common:
            self.assertEqual(self.uploads(digest), 2)
            self.assertEqual(self.src.count('blob', path=f'*{digest}'), 1)


class Manifests(Shared):
    def test_of_several_tags_of_one_image_go_once(self):
        image = images.multi(platforms=4)
        tags = '1', '1.2', '1.2.3', 'latest'
        copies = [(image.put(self.src, 'app', tag), self.dst.ref(f'app:{tag}')) for tag in tags]
        self.run_all(*copies)
        self.copied(copies)
        children = len(image.walk()) - 1
        self.assertEqual(self.src.count('manifest', method='GET', reference='sha256:*'), children)
        self.assertEqual(self.dst.count('manifest', method='PUT', reference='sha256:*'), children)
        self.assertEqual(self.dst.count('manifest', method='PUT'), children + len(tags))
        self.assertEqual(self.uploads(), len(image.blobs))

    def test_of_several_targets_in_one_repository_go_once(self):
        image = images.multi(platforms=4)
        source = image.put(self.src, 'app', 'v1')
        copies = [(source, *(self.dst.ref(f'app:{tag}') for tag in ('1', '1.2', 'latest')))]
        self.run_all(*copies)
        self.copied(copies)
        self.assertEqual(self.src.count('manifest', method='GET'), len(image.walk()))
        self.assertEqual(self.dst.count('manifest', method='PUT'), len(image.walk()) + 2)

    def test_that_were_read_are_not_read_again(self):
        """The second has not been looked for yet when the first has ended: all that it needs of the
        source is known by then."""
        image, other = images.multi(platforms=3), self.registry()
        source = image.put(self.src, 'app', 'v1')
        copies = [(source, self.dst.ref('a:v1')),
                  (f'{source.rpartition(":")[0]}@{image.digest}', other.ref('b:v1'))]
        gate = other.on('manifest', method='HEAD').hold()
        running = self.begin(copies, in_order=False)
        self.assertTrue(self.dst.log.wait_for(lambda log: any(
            entry.repo == 'a' and entry.reference == 'v1' and entry.status == 201
            for entry in log)))
        gate.release()
        self.assertOk(running.wait())
        self.copied(copies)
        self.assertEqual(self.src.count('manifest'), len(image.walk()))

    def test_a_child_whose_leader_fails_is_brought_by_the_next(self):
        image = images.multi(platforms=3)
        copies = [(image.put(self.src, 'app', tag), self.dst.ref(f'app:{tag}')) for tag in '12']
        self.dst.on('manifest', method='PUT', nth=1).status(403)
        entries = self.run_all(*copies, code=1)
        self.copied(copies[1:], fresh=False)
        self.assertEqual(entries[copies[1][1]]['status'], 'copied')

    def test_a_child_in_two_indexes_goes_once(self):
        children = [images.image(parts(10 * KIB + number)) for number in range(4)]
        first, second = images.index(children[:3]), images.index(children[1:])
        copies = [(first.put(self.src, 'app', 'one'), self.dst.ref('app:one')),
                  (second.put(self.src, 'app', 'two'), self.dst.ref('app:two'))]
        self.run_all(*copies)
        self.copied(copies)
        self.assertEqual(self.dst.count('manifest', method='PUT', reference='sha256:*'), 4)
        self.assertEqual(self.src.count('manifest', method='GET', reference='sha256:*'), 4)


if __name__ == '__main__':
    unittest.main()

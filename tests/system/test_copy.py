"""dray copy: what a reference means on either side, several targets, --dry-run, the document."""

from tests.system.lib import SystemTest, images, unittest

IMAGE_KEYS = {'source', 'target', 'digest', 'status', 'media_type', 'bytes', 'seconds', 'blobs',
              'error'}
TOTAL_KEYS = {'images', 'copied', 'unchanged', 'failed', 'skipped', 'deleted', 'bytes', 'requests',
              'retries', 'seconds'}


def only(reg, repo, image, tag=None):
    """Leaves nothing but this image, under this tag alone, for an assertEqual."""
    held = {one.digest for one in image.walk()}
    return (set(reg.manifests(repo)) - held, set(reg.blobs_of(repo)) - set(image.blobs),
            reg.tags(repo)) == (set(), set(), {tag: image.digest} if tag else {})


class References(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=2, attestations=1)

    def copied(self, source, target, where, tag):
        """Copies and expects the image at HOST/where, under this tag and no other."""
        self.assertOk(self.dray('copy', source, target))
        self.assertCopied(source, self.dst.ref(f'{where}@{self.image.digest}'))
        self.assertTrue(only(self.dst, where, self.image, tag), self.dst.tags(where))
        self.assertInOrder(self.dst)

    def test_no_tag_means_latest(self):
        self.image.put(self.src, 'app', 'latest')
        self.copied(self.src.ref('app'), self.dst.ref('app'), 'app', 'latest')

    def test_a_target_without_a_tag_takes_the_source_s(self):
        ref = self.image.put(self.src, 'team/app', 'v1.2')
        self.copied(ref, self.dst.ref('mirror/deep/app'), 'mirror/deep/app', 'v1.2')

    def test_a_target_s_tag_is_the_new_name(self):
        ref = self.image.put(self.src, 'app', 'v1')
        self.copied(ref, self.dst.ref('app:stable'), 'app', 'stable')
        self.assertOk(self.dray('copy', f'docker://{ref}', f'docker://{self.dst.ref("two")}'))
        self.assertEqual(self.dst.tags('two'), {'v1': self.image.digest})

    def test_a_source_by_digest_leaves_no_tag(self):
        ref = self.image.put(self.src, 'app')
        self.copied(ref, self.dst.ref('app'), 'app', None)

    def test_a_source_by_digest_goes_to_the_target_s_tag(self):
        ref = self.image.put(self.src, 'app')
        self.copied(ref, self.dst.ref('app:v1'), 'app', 'v1')

    def test_with_tag_and_digest_the_digest_decides_and_the_tag_names(self):
        self.image.put(self.src, 'app')
        images.image(seed='moved').put(self.src, 'app', 'v1')
        self.copied(self.src.ref(f'app:v1@{self.image.digest}'), self.dst.ref('app'), 'app', 'v1')

    def test_a_target_may_name_the_digest_alone(self):
        ref = self.image.put(self.src, 'app', 'v1')
        self.copied(ref, self.dst.ref(f'app@{self.image.digest}'), 'app', None)

    def test_a_target_may_name_both(self):
        ref = self.image.put(self.src, 'app', 'v1')
        self.copied(ref, self.dst.ref(f'app:v7@{self.image.digest}'), 'app', 'v7')

    def test_another_image_than_the_target_names_is_refused(self):
        other = images.image(seed='other')
        ref = other.put(self.src, 'app', 'v1')
        for tag in '', ':v1':
            result = self.dray('copy', ref, self.dst.ref(f'app{tag}@{self.image.digest}'))
            self.assertFails(result, 1, other.digest, ref)
        self.assertEqual(self.dst.events, [])

    def test_an_image_alone_goes_without_an_index(self):
        self.image = images.image(3, docker=True)
        ref = self.image.put(self.src, 'app', 'v1')
        self.copied(ref, self.dst.ref('app'), 'app', 'v1')

    def test_a_tag_that_points_elsewhere_is_replaced(self):
        old = images.image(1, seed='old')
        old.put(self.dst, 'app', 'v1')
        ref = self.image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        self.assertCopied(ref, self.dst.ref('app:v1'))
        self.assertEqual(self.dst.tags('app'), {'v1': self.image.digest})
        self.assertIn(old.digest, self.dst.manifests('app'))

    def test_another_tag_in_the_same_repository_is_one_manifest(self):
        ref = self.image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, self.src.ref('app:v2')))
        self.assertEqual(self.src.tags('app'), {'v1': self.image.digest, 'v2': self.image.digest})
        self.assertEqual([entry.path for entry in self.src.requests(method=('PUT', 'POST'))],
                         ['/v2/app/manifests/v2'])
        self.assertEqual(self.src.count('blob'), 0)

    def test_an_image_onto_itself_is_unchanged(self):
        ref = self.image.put(self.src, 'app', 'v1')
        document = self.assertOk(self.dray('copy', '-o', 'json', ref, ref)).json()
        self.assertEqual(document['images'][0]['status'], 'unchanged')
        self.assertEqual({entry.method for entry in self.src.log}, {'HEAD'})

    def test_the_same_tag_again_copies_only_what_is_new(self):
        ref = self.image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        first = images.image(images.layers(2, seed='0.shared') + images.layers(1, seed='new'))
        newer = images.index([first, *self.image.children[1:]])
        newer.put(self.src, 'app', 'v1')
        self.src.log.clear()
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        self.assertCopied(ref, self.dst.ref('app:v1'))
        new = set(newer.blobs) - set(self.image.blobs)
        self.assertEqual({entry.reference for entry in self.src.requests('blob', method='GET')},
                         new)


class Targets(SystemTest):
    def test_goes_to_each_target(self):
        src, first, second = self.registry(), self.registry(), self.registry()
        image = images.multi(platforms=2, big=1 << 20)
        ref = image.put(src, 'app', 'v1')
        targets = [first.ref('app'), second.ref('copy/app:stable'), second.ref('other')]
        document = self.assertOk(self.dray('copy', '-o', 'json', ref, *targets)).json()
        written = [first.ref('app:v1'), second.ref('copy/app:stable'), second.ref('other:v1')]
        for target in written:
            self.assertCopied(ref, target)
        self.assertEqual(sorted(told['target'] for told in document['images']), sorted(written))
        self.assertEqual({told['status'] for told in document['images']}, {'copied'})
        self.assertEqual(document['totals']['images'], 3)
        self.assertEqual(document['totals']['bytes'],
                         sum(reg.bytes_received() for reg in (first, second)))
        self.assertInOrder(first)
        self.assertInOrder(second)

    def test_two_tags_of_one_repository_share_the_blobs(self):
        src, dst = self.registry(), self.registry()
        image = images.image([*images.layers(5), *images.layers(2, size=1 << 20, seed='big')])
        ref = image.put(src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, dst.ref('app:a'), dst.ref('app:b'), dst.ref('app:c')))
        self.assertEqual(dst.tags('app'), dict.fromkeys('abc', image.digest))
        self.assertEqual(src.count('blob', method='GET'), len(image.blobs))
        self.assertEqual(dst.bytes_received(), image.size)

    def test_one_that_fails_does_not_stop_the_others(self):
        src, good, bad = self.registry(), self.registry(), self.registry()
        bad.on('upload-*').status(403, code='DENIED', message='read only')
        bad.on('manifest', method='PUT').status(403, code='DENIED', message='read only')
        image = images.multi(platforms=2)
        ref = image.put(src, 'app', 'v1')
        result = self.dray('copy', '-o', 'json', ref, bad.ref('app'), good.ref('app'))
        self.assertFails(result, 1, bad.ref('app:v1'), 'read only')
        self.assertCopied(ref, good.ref('app:v1'))
        self.assertEqual(bad.tags('app'), {})
        told = {one['target']: one for one in result.json()['images']}
        self.assertEqual(told[good.ref('app:v1')]['status'], 'copied')
        failed = told[bad.ref('app:v1')]
        self.assertEqual(failed['status'], 'failed')
        self.assertEqual(failed['error']['host'], bad.host)
        self.assertEqual(failed['error']['http_status'], 403)
        self.assertIn('read only', failed['error']['message'])
        totals = result.json()['totals']
        self.assertEqual((totals['images'], totals['copied'], totals['failed']), (2, 1, 1))


class DryRun(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=3, attestations=1, big=700_000)
        self.ref = self.image.put(self.src, 'app', 'v1')

    def plan(self, target):
        """The document of a dry run, which asks the target by GET and HEAD and changes nothing."""
        events = self.dst.events
        self.src.log.clear()
        self.dst.log.clear()
        result = self.assertOk(self.dray('copy', '--dry-run', '-o', 'json', self.ref, target))
        self.assertLessEqual({entry.method for entry in self.dst.log}, {'GET', 'HEAD'})
        self.assertEqual(self.dst.events, events)
        self.assertEqual(self.src.count('blob', method='GET'), 0)
        return result.json()

    def carry_out(self, target):
        """Copies in earnest: (bytes sent, manifests read from the source)."""
        self.src.log.clear()
        document = self.assertOk(self.dray('copy', '-o', 'json', self.ref, target)).json()
        return document['totals']['bytes'], self.src.count('manifest', method='GET')

    def test_of_everything(self):
        document = self.plan(self.dst.ref('app'))
        told, totals = document['images'][0], document['totals']
        self.assertEqual(told['status'], 'planned')
        self.assertEqual(told['digest'], self.image.digest)
        self.assertEqual(told['blobs'],
                         {'transferred': len(self.image.blobs), 'mounted': 0, 'existing': 0})
        self.assertEqual(totals['bytes'], 0)
        self.assertEqual(totals['planned_bytes'], self.image.size)
        self.assertEqual(totals['pulls'], len(self.image.walk()))
        self.assertEqual(self.carry_out(self.dst.ref('app')),
                         (totals['planned_bytes'], totals['pulls']))

    def test_of_what_is_missing(self):
        first = self.image.children[0]
        images.index(self.image.children[1:]).put(self.dst, 'app', 'v1')
        document = self.plan(self.dst.ref('app'))
        missing = [content for digest, content in first.blobs.items()
                   if digest not in self.dst.blobs]
        totals = document['totals']
        self.assertEqual(totals['planned_bytes'], sum(content.size for content in missing))
        self.assertEqual(document['images'][0]['blobs']['transferred'], len(missing))
        self.assertEqual(self.carry_out(self.dst.ref('app')),
                         (totals['planned_bytes'], totals['pulls']))

    def test_of_a_new_tag_beside_others(self):
        self.image.children[1].put(self.dst, 'app', 'older')
        totals = self.plan(self.dst.ref('app'))['totals']
        there = sum(content.size for content in self.image.children[1].blobs.values())
        self.assertEqual(totals['planned_bytes'], self.image.size - there)
        self.assertEqual(self.carry_out(self.dst.ref('app')),
                         (totals['planned_bytes'], totals['pulls']))

    def test_of_nothing(self):
        self.image.put(self.dst, 'app', 'v1')
        document = self.plan(self.dst.ref('app'))
        self.assertEqual(document['images'][0]['status'], 'unchanged')
        self.assertEqual(document['totals']['planned_bytes'], 0)
        self.assertEqual(document['totals']['pulls'], 0)

    def test_within_a_registry_counts_on_mounts(self):
        self.dst = self.src
        document = self.plan(self.src.ref('other/app'))
        self.assertEqual(document['totals']['planned_bytes'], 0)
        self.assertEqual(document['images'][0]['blobs'],
                         {'transferred': 0, 'mounted': len(self.image.blobs), 'existing': 0})

    def test_reads_well(self):
        result = self.assertOk(self.dray('copy', '--dry-run', self.ref, self.dst.ref('app')))
        for word in ('would copy', self.ref, self.dst.ref('app:v1'), self.image.digest,
                     f'{len(self.image.blobs)} blobs', f'{len(self.image.walk())} metered pulls'):
            self.assertIn(word, result.out)

    def test_of_an_image_that_is_not_there(self):
        result = self.dray('copy', '--dry-run', self.src.ref('app:v9'), self.dst.ref('app'))
        self.assertFails(result, 1, self.src.ref('app:v9'), self.src.host)


class Document(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=2, big=400_000)
        self.ref = self.image.put(self.src, 'app', 'v1')

    def run_json(self, *args, code=0):
        self.src.log.clear()
        self.dst.log.clear()
        result = self.dray('copy', '-o', 'json', *args)
        self.assertEqual(result.code, code, result)
        document = result.json()
        self.assertEqual(set(document), {'version', 'images', 'totals'})
        self.assertEqual(document['version'], 1)
        self.assertEqual(set(document['totals']), TOTAL_KEYS)
        for told in document['images']:
            self.assertEqual(set(told), IMAGE_KEYS)
        self.assertEqual(document['totals']['requests'], len(self.src.log) + len(self.dst.log))
        return document

    def test_of_a_copy(self):
        document = self.run_json(self.ref, self.dst.ref('app'))
        told, totals = document['images'][0], document['totals']
        for part in told, totals:
            self.assertGreaterEqual(part.pop('seconds'), 0)
        del totals['requests']
        self.assertEqual(told, {
            'source': self.ref, 'target': self.dst.ref('app:v1'), 'digest': self.image.digest,
            'status': 'copied', 'media_type': images.OCI_INDEX, 'bytes': self.image.size,
            'blobs': {'transferred': len(self.image.blobs), 'mounted': 0, 'existing': 0},
            'error': None})
        self.assertEqual(totals, {'images': 1, 'copied': 1, 'unchanged': 0, 'failed': 0,
                                  'skipped': 0, 'deleted': 0, 'bytes': self.image.size,
                                  'retries': 0})

    def test_of_nothing_to_do(self):
        self.image.put(self.dst, 'app', 'v1')
        document = self.run_json(self.ref, self.dst.ref('app'))
        told, totals = document['images'][0], document['totals']
        self.assertEqual((told['status'], told['digest'], told['media_type'], told['bytes']),
                         ('unchanged', self.image.digest, images.OCI_INDEX, 0))
        self.assertEqual(told['blobs'], {'transferred': 0, 'mounted': 0, 'existing': 0})
        self.assertEqual((totals['images'], totals['unchanged'], totals['copied']), (1, 1, 0))

    def test_of_blobs_that_were_there(self):
        self.image.children[0].put(self.dst, 'app', 'old')
        document = self.run_json(self.ref, self.dst.ref('app'))
        there = len(self.image.children[0].blobs)
        self.assertEqual(document['images'][0]['blobs'],
                         {'transferred': len(self.image.blobs) - there, 'mounted': 0,
                          'existing': there})
        self.assertEqual(document['totals']['bytes'], self.dst.bytes_received())

    def test_of_a_failure(self):
        document = self.run_json(self.src.ref('app:v9'), self.dst.ref('app'), code=1)
        told, totals = document['images'][0], document['totals']
        self.assertEqual((told['status'], told['bytes']), ('failed', 0))
        error = told['error']
        self.assertEqual(set(error), {'code', 'message', 'host', 'http_status'})
        self.assertEqual((error['host'], error['http_status']), (self.src.host, 404))
        for word in self.src.ref('app:v9'), self.dst.ref('app:v9'):
            self.assertIn(word, error['message'])
        self.assertEqual((totals['images'], totals['failed'], totals['copied']), (1, 1, 0))

    def test_counts_retries(self):
        self.dst.on('upload-open', times=2).status(503, retry_after=0)
        document = self.run_json(self.ref, self.dst.ref('app'))
        self.assertEqual(document['totals']['retries'], 2)
        self.assertEqual(document['totals']['copied'], 1)


if __name__ == '__main__':
    unittest.main()

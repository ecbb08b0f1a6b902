"""Copies of some platforms only: the child alone, a smaller index, or a sparse one."""

import json

from tests.system.lib import SystemTest, images, unittest


def smaller(index, *kept):
    """The index with only these children, byte for byte (where it is compact JSON)."""
    value = json.loads(index.data)
    digests = {image.digest for image in kept}
    value['manifests'] = [entry for entry in value['manifests'] if entry['digest'] in digests]
    return images.Image(index.media_type, images.to_json(value), (), kept)


class Platforms(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        # linux/amd64, linux/arm64, linux/arm/v7, and an attestation for each of the first two
        self.index = images.multi(attestations=2, annotations={'org.example': 'é'},
                                  extra={'future': [1.50, {'manifests': []}]})
        self.amd64, self.arm64, self.armv7, self.amd64_note, self.arm64_note = self.index.children
        self.ref = self.index.put(self.src, 'app', 'v1')

    def copy(self, *args, target=None):
        return self.dray('copy', *args, self.ref, target or self.dst.ref('app:v1'))

    def assertHas(self, image, tag='v1'):
        """The target has this image under the tag, and no other manifest or blob."""
        self.assertEqual(self.dst.tags('app'), {tag: image.digest})
        self.assertEqual(self.dst.manifests('app'),
                         {one.digest: one.data for one in image.walk()})
        self.assertEqual(set(self.dst.blobs_of('app')), set(image.blobs))
        self.assertInOrder(self.dst)


class One(Platforms):
    def test_its_own_manifest_is_copied_alone(self):
        result = self.assertOk(self.copy('--platform', 'linux/arm64/v8'))
        self.assertHas(self.arm64)
        self.assertIn(self.arm64.digest, result.out)
        self.assertIn(f"another digest than the source's, {self.index.digest}", result.out)
        self.assertEqual(self.src.count('manifest', method='GET'), 2)

    def test_the_document_has_the_digest_that_the_target_has(self):
        result = self.assertOk(self.copy('--platform', 'linux/amd64', '-o', 'json'))
        image = result.json()['images'][0]
        self.assertEqual((image['digest'], image['media_type'], image['status']),
                         (self.amd64.digest, images.OCI_MANIFEST, 'copied'))

    def test_nothing_is_done_again(self):
        self.assertOk(self.copy('--platform', 'linux/amd64'))
        self.src.log.clear()
        self.dst.log.clear()
        result = self.assertOk(self.copy('--platform', 'linux/amd64', '-o', 'json'))
        self.assertEqual(result.json()['images'][0]['status'], 'unchanged')
        self.assertEqual([entry.method for entry in self.src.requests('*')], ['GET'])
        self.assertEqual([entry.method for entry in self.dst.requests('*')], ['HEAD'])

    def test_a_target_that_has_it_all_is_replaced(self):
        self.assertOk(self.copy())
        self.assertOk(self.copy('--platform', 'linux/amd64'))
        self.assertEqual(self.dst.tags('app'), {'v1': self.amd64.digest})

    def test_arm_is_v7_and_else_the_first(self):
        self.assertOk(self.copy('--platform', 'linux/arm'))
        self.assertHas(self.armv7)
        old = images.index([images.image(platform=f'linux/arm/v{n}', seed=n) for n in (5, 6)])
        self.assertOk(self.dray('copy', '--platform', 'linux/arm', old.put(self.src, 'old', 'v1'),
                                self.dst.ref('old')))
        self.assertEqual(self.dst.tags('old'), {'v1': old.children[0].digest})

    def test_a_child_that_is_an_index_is_copied_whole(self):
        inner = images.index([images.image(seed='inner', platform='linux/s390x')])
        inner.platform = 'linux/s390x'
        outer = images.index([self.amd64, inner])
        self.assertOk(self.dray('copy', '--platform', 'linux/s390x',
                                outer.put(self.src, 'app', 'v2'), self.dst.ref('app')))
        self.assertHas(inner, 'v2')

    def test_the_target_may_name_the_digest_that_comes_of_it(self):
        self.assertOk(self.copy('--platform', 'linux/amd64',
                                target=self.dst.ref(f'app:v1@{self.amd64.digest}')))
        self.assertFails(self.copy('--platform', 'linux/amd64',
                                   target=self.dst.ref(f'app:v2@{self.index.digest}')), 1,
                         f'what is to be copied is {self.amd64.digest}, not what the target names')
        self.assertHas(self.amd64)

    def test_a_tag_that_moves_meanwhile_is_resolved_again(self):
        other = images.multi(2, seed='moved')

        def move(*_):
            other.put(self.src, 'app', 'v1')
            with self.src.store.lock:
                del self.src.store.find('app').manifests[self.amd64.digest]
        self.src.on('manifest', method='GET', nth=1).change(move)
        self.assertOk(self.copy('--platform', 'linux/amd64'))
        self.assertHas(other.children[0])


class Several(Platforms):
    PLATFORMS = ('--platform', 'linux/arm/v7', '--platform', 'linux/amd64')

    def setUp(self):
        super().setUp()
        self.wanted = smaller(self.index, self.amd64, self.armv7, self.amd64_note)

    def test_the_index_has_only_these_and_their_attestations(self):
        result = self.assertOk(self.copy(*self.PLATFORMS))
        self.assertHas(self.wanted)
        self.assertIn(self.wanted.digest, result.out)
        self.assertIn(f"another digest than the source's, {self.index.digest}", result.out)

    def test_nothing_is_done_again(self):
        self.assertOk(self.copy(*self.PLATFORMS))
        self.src.log.clear()
        self.dst.log.clear()
        result = self.assertOk(self.copy(*self.PLATFORMS, '-o', 'json'))
        image = result.json()['images'][0]
        self.assertEqual((image['status'], image['digest']), ('unchanged', self.wanted.digest))
        self.assertEqual([entry.method for entry in self.src.requests('*')], ['GET'])
        self.assertEqual([entry.method for entry in self.dst.requests('*')], ['HEAD'])

    def test_each_target_is_compared_with_the_smaller_one(self):
        self.assertOk(self.copy(*self.PLATFORMS))
        self.src.log.clear()
        third = self.registry()
        result = self.assertOk(self.dray('copy', '-o', 'json', *self.PLATFORMS, self.ref,
                                         self.dst.ref('app'), third.ref('app')))
        self.assertEqual({image['target']: image['status'] for image in result.json()['images']},
                         {self.dst.ref('app:v1'): 'unchanged', third.ref('app:v1'): 'copied'})
        self.assertEqual(third.tags('app'), {'v1': self.wanted.digest})
        self.assertEqual(self.src.count('manifest', path='*/v1'), 1)

    def test_where_all_are_kept_the_digest_stays(self):
        result = self.assertOk(self.copy('--platform', 'linux/amd64', '--platform', 'linux/arm',
                                         '--platform', 'linux/aarch64'))
        self.assertHas(self.index)
        self.assertNotIn('another digest', result.out)

    def test_white_space_and_a_docker_list_stay_what_they_are(self):
        odd = images.multi(docker=True, spaces=True, seed='odd')
        self.assertOk(self.dray('copy', *self.PLATFORMS, odd.put(self.src, 'app', 'odd'),
                                self.dst.ref('app')))
        digest = self.dst.tags('app')['odd']
        media_type, data = self.dst.store.manifest('app', digest)[1:]
        first, _, third = odd.children
        value = json.loads(odd.data)
        del value['manifests'][1]
        self.assertEqual(data, images.to_json(value, spaces=True))
        self.assertEqual(media_type, images.DOCKER_LIST)
        self.assertEqual(set(self.dst.manifests('app')), {digest, first.digest, third.digest})

    def test_debians_registry_takes_it(self):
        target = self.debian()
        self.assertOk(self.dray('copy', *self.PLATFORMS, self.ref, target.ref('app')))
        expected = self.wanted.put(self.registry(), 'app', 'v1')
        self.assertCopied(expected, target.ref('app:v1'))


class InBulk(Platforms):
    def sync(self, *args):
        rule = {'from': self.src.ref('app'), 'to': self.dst.ref('app'),
                'platforms': ['linux/arm/v7', 'linux/x86_64']}
        path = self.write('m.yaml', {'version': 1, 'mirrors': [rule]})
        return self.assertOk(self.dray('sync', *args, path))

    def test_a_mirror_file_names_them(self):
        lock = self.path('lock')
        self.sync('--lock', lock)
        self.assertHas(smaller(self.index, self.amd64, self.armv7, self.amd64_note))
        with open(lock, encoding='utf-8') as file: # what is locked is what the source has
            self.assertIn(self.index.digest, file.read())
        self.dst.log.clear()
        self.sync('--lock', lock, '--locked')
        self.assertEqual(self.dst.count(method=('PUT', 'POST', 'PATCH')), 0)

    def test_the_flag_wins(self):
        self.sync('--platform', 'linux/arm64')
        self.assertHas(self.arm64)

    def test_all_tags_and_lists_take_the_flag(self):
        self.assertOk(self.dray('copy', '--all-tags', '--platform', 'linux/arm64',
                                self.src.ref('app'), self.dst.ref('app')))
        self.assertHas(self.arm64)
        self.assertOk(self.dray('copy', '--from-file', '-', '--platform', 'linux/amd64',
                                stdin=f'{self.ref} {self.dst.ref("other:v1")}\n'))
        self.assertEqual(self.dst.tags('other'), {'v1': self.amd64.digest})


class Sparse(Platforms):
    PLATFORMS = ('--sparse', '--platform', 'linux/amd64')

    def test_the_index_stays_and_only_these_are_copied(self):
        self.dst.check_manifest_refs = False
        result = self.assertOk(self.copy(*self.PLATFORMS))
        self.assertEqual(self.dst.tags('app'), {'v1': self.index.digest})
        self.assertEqual(self.dst.manifests('app'),
                         {one.digest: one.data
                          for one in (self.index, self.amd64, self.amd64_note)})
        self.assertEqual(set(self.dst.blobs_of('app')),
                         set(self.amd64.blobs) | set(self.amd64_note.blobs))
        self.assertNotIn('another digest', result.out)

    def test_other_children_are_brought_to_an_index_that_is_there(self):
        self.dst.check_manifest_refs = False
        self.assertOk(self.copy(*self.PLATFORMS))
        both = (*self.PLATFORMS, '--platform', 'linux/arm64')
        self.assertOk(self.copy(*both))
        self.assertEqual(set(self.dst.manifests('app')),
                         {one.digest for one in (self.index, self.amd64, self.amd64_note,
                                                 self.arm64, self.arm64_note)})
        self.dst.log.clear()
        result = self.assertOk(self.copy(*both, '-o', 'json'))
        self.assertEqual(result.json()['images'][0]['status'], 'unchanged')
        self.assertEqual(self.dst.requests(method=('PUT', 'POST', 'PATCH')), [])

    def test_a_refusal_names_what_was_left_out(self):
        for target in (self.dst, self.debian()):
            with self.subTest(target.host):
                self.assertFails(self.copy(*self.PLATFORMS, target=target.ref('app')), 1,
                                 f'--sparse left out {self.arm64.digest}')
                self.assertEqual(target.count('manifest', method='PUT', path='*/v1'), 1)
                self.assertFails(self.dray('digest', target.ref('app:v1')), 1, '404')


class Refused(Platforms):
    def test_missing_platforms_are_named_with_those_that_are_there(self):
        result = self.copy('--platform', 'linux/amd64', '--platform', 'linux/s390x',
                           '--platform', 'windows/amd64')
        self.assertFails(result, 1, f'{self.ref} -> ', 'it has no linux/s390x, windows/amd64; '
                                    'it has linux/amd64, linux/arm64, linux/arm/v7')
        self.assertEqual(self.dst.count(method=('PUT', 'POST', 'PATCH')), 0)

    def test_what_is_no_platform_is_a_usage_error(self):
        for args, words in (
                (('--platform', 'amd64'), 'such as linux/amd64'),
                (('--platform', 'linux/amd46'), 'such as linux/amd64'),
                (('--sparse',), '--platform')):
            with self.subTest(args):
                self.assertFails(self.copy(*args), 2, words)
        self.assertFails(self.dray('copy', '--platform', 'linux/amd64',
                                   self.src.ref(f'app@{self.index.digest}'), self.dst.ref('app')),
                         2, 'needs a tag')
        self.assertEqual((self.src.count(), self.dst.count()), (0, 0))

    def test_what_is_no_index_is_copied_as_it_is(self):
        alone = images.image(seed='alone', platform='linux/riscv64')
        self.ref = alone.put(self.src, 'app', 'v1')
        result = self.assertOk(self.copy('--platform', 'linux/amd64'))
        self.assertHas(alone)
        self.assertNotIn('another digest', result.out)


if __name__ == '__main__':
    unittest.main()

"""What refers to an image comes after it: signatures, SBOMs, attestations, and what is about these."""

import json
import signal

from tests.system.lib import SystemTest, images, unittest


def tag_of(image, suffix=''):
    """The tag that is made from its digest."""
    return image.digest.replace(':', '-') + suffix


def about(subject, name, **fields):
    """An artifact that refers to subject."""
    return images.artifact([name.encode()], f'application/vnd.{name}', subject, **fields)


def listing(*artifacts, **fields):
    """The index that clients keep under the fallback tag."""
    out = images.index(artifacts, **fields)
    for child in out.children:
        child.platform = None
    return out


class Referrers(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.index = images.multi(2)
        self.child = self.index.children[0]
        self.ref = self.index.put(self.src, 'app', 'v1')
        self.signature = about(self.index, 'signature', annotations={'org.example': 'é'})
        self.sbom = about(self.child, 'sbom')
        self.countersigned = about(self.signature, 'countersigned')
        self.all = (self.signature, self.sbom, self.countersigned)

    def put(self, *artifacts, reg=None):
        for artifact in artifacts:
            artifact.put(reg or self.src, 'app')

    def copy(self, *args, to=None):
        return self.dray('copy', '--referrers', '-o', 'json', *args, self.ref,
                         *((to or self.dst).ref('app') for to in (to or [self.dst])))

    def statuses(self, result):
        return [image['status'] for image in result.json()['images']]

    def assertThere(self, reg, *artifacts):
        """Each is there, byte for byte, with all its blobs."""
        for artifact in artifacts:
            self.assertEqual(reg.manifests('app').get(artifact.digest), artifact.data)
            self.assertLessEqual(set(artifact.blobs), set(reg.blobs_of('app')))

    def assertNothingWritten(self, reg):
        self.assertEqual(reg.requests(method=('PUT', 'POST', 'PATCH', 'DELETE')), [])


class ByTheApi(Referrers):
    def test_they_come_with_the_image_and_its_children_and_in_turn(self):
        self.put(*self.all)
        self.assertEqual(self.statuses(self.assertOk(self.copy())), ['copied'])
        self.assertThere(self.dst, self.index, *self.all)
        self.assertEqual(self.dst.tags('app'), {'v1': self.index.digest})
        self.assertInOrder(self.dst)

    def test_where_all_is_there_nothing_is_written(self):
        self.put(*self.all)
        self.assertOk(self.copy())
        self.src.log.clear()
        self.dst.log.clear()
        self.assertEqual(self.statuses(self.assertOk(self.copy())), ['unchanged'])
        self.assertNothingWritten(self.dst)
        # The list of tags, and a question for each manifest: the index, 2 children, 3 referrers.
        self.assertEqual([(entry.kind, entry.method) for entry in self.src.requests('*')],
                         [('manifest', 'HEAD'), ('tags', 'GET')] + 6 * [('referrers', 'GET')])
        # What the index holds is read here; asked about are the three that are referred to.
        self.assertEqual(self.dst.count('manifest', method='GET'), 1)
        self.assertEqual(self.dst.count('referrers'), 3)

    def test_a_new_one_is_brought_to_an_image_that_is_there(self):
        self.put(self.signature)
        self.assertOk(self.copy())
        self.put(self.sbom)
        self.dst.log.clear()
        self.assertEqual(self.statuses(self.assertOk(self.copy())), ['copied'])
        self.assertThere(self.dst, self.sbom)
        self.assertEqual([entry.reference for entry in self.dst.requests('manifest', method='PUT')],
                         [self.sbom.digest])

    def test_pages_are_followed(self):
        many = [about(self.index, f'number{n}') for n in range(3)]
        self.put(*many)
        for form in ('relative', 'absolute', 'query'):
            with self.subTest(form):
                dst = self.registry()
                self.src.configure(tags_page=1, tags_link=form)
                self.assertOk(self.copy(to=[dst]))
                self.assertThere(dst, *many)

    def test_a_list_without_end_is_given_up(self):
        self.src.on('referrers').header('Link', '<?last=>; rel="next"')
        self.assertFails(self.copy(), 1, 'does not end')
        self.assertEqual(self.src.count('referrers'), 100)

    def test_several_targets_share_the_questions(self):
        self.put(*self.all)
        third = self.registry()
        self.assertEqual(self.statuses(self.assertOk(self.copy(to=[self.dst, third]))),
                         ['copied', 'copied'])
        for reg in (self.dst, third):
            self.assertThere(reg, self.index, *self.all)
        self.assertEqual(self.src.count('referrers'), 6)
        self.assertEqual(self.src.count('manifest', path=f'*/{self.sbom.digest}'), 1)

    def test_only_what_is_copied_is_asked_about(self):
        self.put(*self.all)
        self.assertOk(self.copy('--platform', self.child.platform))
        self.assertThere(self.dst, self.child, self.sbom)
        self.assertEqual(set(self.dst.manifests('app')), {self.child.digest, self.sbom.digest})

    def test_without_the_flag_none_is_copied(self):
        self.put(*self.all)
        self.assertOk(self.dray('copy', self.ref, self.dst.ref('app')))
        self.assertOk(self.copy('--no-referrers', to=[self.registry()]))
        self.assertEqual(set(self.dst.manifests('app')), {one.digest for one in self.index.walk()})
        self.assertEqual(self.src.count('referrers'), 0)

    def test_a_dry_run_counts_them_and_writes_nothing(self):
        self.put(self.signature)
        document = self.assertOk(self.copy('--dry-run')).json()
        self.assertNothingWritten(self.dst)
        sizes = {digest: content.size for digest, content in
                 {**self.index.blobs, **self.signature.blobs}.items()}
        self.assertEqual(document['totals']['planned_bytes'], sum(sizes.values()))
        self.assertEqual(document['totals']['pulls'], self.src.count('manifest', method='GET'))


class ByTheTag(Referrers):
    """Where the API is missing, clients keep an index under a tag."""

    def test_a_target_without_the_api_lists_them_in_the_index(self):
        self.dst.referrers_api = False
        self.put(*self.all)
        self.assertOk(self.copy())
        self.assertThere(self.dst, *self.all)
        for subject, artifact in ((self.index, self.signature), (self.child, self.sbom),
                                  (self.signature, self.countersigned)):
            digest = self.dst.tags('app')[tag_of(subject)]
            entry = json.loads(self.dst.manifests('app')[digest])['manifests']
            value = json.loads(artifact.data)
            wanted = {**artifact.descriptor(), 'artifactType': value['artifactType']}
            if 'annotations' in value:
                wanted['annotations'] = value['annotations']
            self.assertEqual(entry, [wanted])
        self.dst.log.clear()
        self.assertEqual(self.statuses(self.assertOk(self.copy())), ['unchanged'])
        self.assertNothingWritten(self.dst)

    def test_the_entries_of_others_stay(self):
        self.dst.referrers_api = False
        theirs = about(self.index, 'theirs')
        self.put(theirs, reg=self.dst)
        before = listing(theirs, annotations={'kept': 'too'}, extra={'x': 1.50})
        before.put(self.dst, 'app', tag_of(self.index))
        self.put(self.signature)
        self.assertOk(self.copy())
        after = self.dst.manifests('app')[self.dst.tags('app')[tag_of(self.index)]]
        self.assertEqual([entry['digest'] for entry in json.loads(after)['manifests']],
                         [theirs.digest, self.signature.digest])
        head, tail = before.data.split(b'],"annotations"')
        self.assertEqual(after[:len(head) + 2], head + b',{')
        self.assertEqual(after[-len(tail) - 16:], b'}],"annotations"' + tail)

    def test_one_who_writes_at_the_same_time_loses_nothing(self):
        self.dst.referrers_api = False
        theirs = about(self.index, 'theirs')
        self.put(self.signature)

        def overwrite(*_):
            self.put(theirs, reg=self.dst)
            listing(theirs).put(self.dst, 'app', tag_of(self.index))
        self.dst.on('manifest', method='PUT', path='*/sha256-*', nth=1).change(overwrite)
        self.assertOk(self.copy())
        last = json.loads(self.dst.manifests('app')[self.dst.tags('app')[tag_of(self.index)]])
        self.assertEqual([entry['digest'] for entry in last['manifests']],
                         [theirs.digest, self.signature.digest])

    def test_an_image_under_the_tag_is_not_touched(self):
        self.dst.referrers_api = False
        images.image(seed='odd').put(self.dst, 'app', tag_of(self.index))
        before = self.dst.tags('app')
        self.put(self.signature)
        self.assertFails(self.copy(), 1, f'what refers to {self.index.digest}',
                         'it is an image and no index')
        self.assertEqual(self.dst.tags('app'), {**before, 'v1': self.index.digest})

    def test_a_source_without_the_api_is_asked_for_it_once(self):
        for page in (None, b'<html>'):
            with self.subTest(page=page):
                src, dst = self.registry(referrers_api=False), self.registry()
                self.ref = self.index.put(src, 'app', 'v1')
                if page:
                    src.on('referrers').html(200)
                self.put(*self.all, reg=src)
                for subject, artifact in ((self.index, self.signature), (self.child, self.sbom),
                                          (self.signature, self.countersigned)):
                    listing(artifact).put(src, 'app', tag_of(subject))
                self.assertOk(self.copy(to=[dst]))
                self.assertThere(dst, *self.all)
                self.assertEqual(src.count('referrers'), 1)
                # The list of tags has told that there are just these three.
                self.assertEqual(src.count('manifest', path='*/sha256-*'), 3)

    def test_debians_registry_has_no_api(self):
        first, second = self.debian(), self.debian()
        self.put(*self.all)
        self.assertOk(self.copy(to=[first]))
        self.ref = first.ref('app:v1')
        self.assertOk(self.copy(to=[second]))
        self.assertOk(self.copy(to=[self.dst]))
        self.assertThere(self.dst, *self.all)
        for artifact in self.all:
            self.assertCopied(self.src.ref(f'app@{artifact.digest}'),
                              second.ref(f'app@{artifact.digest}'))
        first.clear()
        second.clear()
        self.assertEqual(self.statuses(self.assertOk(self.copy(to=[second]))), ['unchanged'])
        self.assertEqual(second.count(method=('PUT', 'POST', 'PATCH')), 0)


class Cosign(Referrers):
    def setUp(self):
        super().setUp()
        self.tags = {tag_of(self.index, '.sig'): images.artifact([b'sig'], seed=1),
                     tag_of(self.child, '.att'): images.artifact([b'att'], seed=2),
                     tag_of(self.child, '.sbom'): images.artifact([b'sbom'], seed=3)}
        for tag, artifact in self.tags.items():
            artifact.put(self.src, 'app', tag)

    def assertTagged(self, reg):
        self.assertEqual(reg.tags('app'), {'v1': self.index.digest,
                                           **{tag: one.digest for tag, one in self.tags.items()}})

    def test_its_tags_are_copied_as_tags(self):
        images.artifact([b'other']).put(self.src, 'app', 'sha256-' + '0' * 64 + '.sig')
        self.assertOk(self.copy())
        self.assertTagged(self.dst)
        self.assertThere(self.dst, *self.tags.values())
        self.assertEqual(self.src.count('manifest', path='*/sha256-*'), 3)
        self.dst.log.clear()
        self.assertEqual(self.statuses(self.assertOk(self.copy())), ['unchanged'])
        self.assertNothingWritten(self.dst)

    def test_where_tags_can_not_be_listed_each_is_looked_for(self):
        self.src.on('tags').status(405)
        self.put(self.signature)
        self.assertOk(self.copy())
        self.assertTagged(self.dst)
        # For the index and its 2 children, and not for the signature.
        looked = {entry.reference for entry in self.src.requests('manifest', method='HEAD')
                  if entry.reference.startswith('sha256-')}
        self.assertEqual(looked, {tag_of(image, suffix) for image in self.index.walk()
                                  for suffix in ('.sig', '.att', '.sbom')})

    def test_a_registry_without_head_is_asked_by_get(self):
        self.src.no_head = True
        self.src.on('tags').status(405)
        self.assertOk(self.copy())
        self.assertTagged(self.dst)

    def test_a_tag_that_is_there_is_treated_as_the_flag_says(self):
        tag = tag_of(self.index, '.sig')
        own = images.artifact([b'own'])
        own.put(self.dst, 'app', tag)
        self.assertOk(self.copy('--if-exists', 'skip'))
        self.assertEqual(self.dst.tags('app')[tag], own.digest)
        self.assertOk(self.copy())
        self.assertTagged(self.dst)


class InBulk(Referrers):
    def setUp(self):
        super().setUp()
        self.put(*self.all)
        self.second = images.image(seed='second')
        self.second.put(self.src, 'app', 'v2')
        images.artifact([b'sig']).put(self.src, 'app', tag_of(self.second, '.sig'))

    def assertMirrored(self):
        self.assertThere(self.dst, *self.all)
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2', tag_of(self.second, '.sig')})

    def test_a_mirror_file_says_so(self):
        rule = {'from': self.src.ref('app'), 'to': self.dst.ref('app'),
                'tags': {'include': 'v*'}, 'referrers': True}
        path = self.write('m.yaml', {'version': 1, 'mirrors': [rule]})
        self.assertOk(self.dray('sync', '--no-referrers', path))
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2'})
        self.src.log.clear()
        self.assertOk(self.dray('sync', path))
        self.assertMirrored()
        # To choose from them, and for both images together.
        self.assertEqual(self.src.count('tags'), 2)
        self.dst.log.clear()
        self.assertOk(self.dray('sync', path))
        self.assertNothingWritten(self.dst)

    def test_the_flag_holds_for_all_images(self):
        self.assertOk(self.dray('copy', '--all-tags', '--tags', 'v*', '--referrers',
                                self.src.ref('app'), self.dst.ref('app')))
        self.assertMirrored()


class Indexes(Referrers):
    def test_a_mirror_of_all_tags_adds_to_them(self):
        """The source's index of referrers is a tag, too: it must not replace the target's."""
        self.src.referrers_api = self.dst.referrers_api = False
        own = about(self.index, 'own')
        for reg, artifact in ((self.src, self.signature), (self.dst, own)):
            self.put(artifact, reg=reg)
            images.index([artifact]).put(reg, 'app', tag_of(self.index))
        self.assertOk(self.dray('copy', '--all-tags', '--referrers', self.src.ref('app'),
                                self.dst.ref('app')))
        listed = json.loads(self.dst.manifests('app')[self.dst.tags('app')[tag_of(self.index)]])
        self.assertEqual({one['digest'] for one in listed['manifests']},
                         {self.signature.digest, own.digest})


class Failures(Referrers):
    def test_one_that_can_not_be_copied_fails_the_image(self):
        self.put(self.signature)
        with self.src.store.lock:
            del self.src.store.find('app').blobs[self.signature.parts[1].digest]
        self.assertFails(self.copy(), 1, f'{self.signature.digest}, which belongs to '
                                         f'{self.index.digest}: {self.src.host}: ', '404')
        self.assertEqual(self.dst.tags('app'), {'v1': self.index.digest})

    def test_a_target_that_refuses_them_leaves_the_others_alone(self):
        refusing = self.registry(refuse_media_types=[images.OCI_EMPTY])
        self.put(*self.all)
        result = self.assertFails(self.copy(to=[self.dst, refusing]), 1, 'not accepted here')
        self.assertEqual({image['target']: image['status'] for image in result.json()['images']},
                         {self.dst.ref('app:v1'): 'copied', refusing.ref('app:v1'): 'failed'})
        self.assertThere(self.dst, *self.all)

    def test_what_is_no_list_is_an_error(self):
        self.src.on('referrers').body(b'{"manifests": 1}')
        self.assertFails(self.copy(), 1, self.src.host, f'what refers to {self.index.digest}',
                         'manifests is not a list')

    def test_they_may_be_8_levels_deep(self):
        chain = [self.index]
        for level in range(8):
            chain.append(about(chain[-1], f'level{level}'))
        self.put(*chain[1:])
        self.assertOk(self.copy())
        self.assertThere(self.dst, *chain[1:])
        self.put(about(chain[-1], 'level8'))
        self.assertFails(self.copy(), 1, 'more than 8 levels deep')

    def test_a_signal_ends_it(self):
        self.put(*self.all)
        for kind, reg in (('referrers', self.src), ('referrers', self.dst), ('tags', self.src)):
            with self.subTest(kind, host=reg.host):
                gate = reg.on(kind, nth=1).hold()
                running = self.start('copy', '--referrers', self.ref, self.dst.ref('app'))
                gate.wait_reached()
                running.signal(signal.SIGINT)
                self.assertFails(running.wait(), 130)
                gate.release()
                reg.rules.clear()


if __name__ == '__main__':
    unittest.main()

"""dray sync --delete: what goes, and above all what stays."""

import json

from tests.system.lib import images, unittest
from tests.system.mirrors import MirrorTest

RULE = 'from: @src/app\nto: @dst/app\ndelete: true'


class PruneTest(MirrorTest):
    def setUp(self):
        super().setUp()
        self.made = self.put('app', 'v1', 'v2')

    def prune(self, *rules, flags=(), code=0):
        return self.document(*(rules or (RULE,)), flags=('--delete', *flags), code=code)

    def deletions(self):
        return [entry.reference for entry in self.dst.requests('manifest', method='DELETE')]


class Goes(PruneTest):
    def test_what_is_not_chosen_any_more(self):
        self.put('app', 'old', 'older', reg=self.dst)
        document = self.prune()
        self.assertStatuses(document, copied=2, deleted=2)
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2'})
        self.assertEqual(self.deletions(), ['old', 'older'])
        gone = [one for one in document['images'] if one['status'] == 'deleted']
        self.assertEqual([one['target'] for one in gone],
                         [self.dst.ref('app:old'), self.dst.ref('app:older')])
        self.assertEqual({one['source'] for one in gone}, {self.src.ref('app')})

    def test_only_with_both_the_key_and_the_flag(self):
        self.put('app', 'old', reg=self.dst)
        result = self.assertOk(self.sync(RULE))
        self.assertIn('1 tag is not chosen any more: old; --delete', result.err)
        self.assertOk(self.sync('from: @src/app\nto: @dst/app', flags=('--delete',)))
        self.assertOk(self.sync(RULE, flags=('--delete', '--dry-run')))
        self.assertEqual(self.deletions(), [])
        self.assertFails(self.sync(RULE, flags=('--delete', '--check')), 3, 'old')
        self.assertOk(self.sync(RULE, flags=('--check',)))
        self.assertEqual(self.deletions(), [])

    def test_the_order_is_copies_first(self):
        self.put('app', 'old', reg=self.dst)
        self.prune()
        last = [entry.method for entry in self.dst.requests('manifest')][-1]
        self.assertEqual(last, 'DELETE')

    def test_a_tag_that_is_gone_already_is_no_failure(self):
        self.put('app', 'old', reg=self.dst)
        self.dst.on('manifest', method='DELETE').status(404, code='MANIFEST_UNKNOWN')
        self.assertStatuses(self.prune(), copied=2, deleted=1)

    def test_a_refusal_is_a_failure_of_that_tag(self):
        self.put('app', 'old', 'older', reg=self.dst)
        self.dst.on('manifest', method='DELETE', path='*/old').status(403, code='DENIED')
        document = self.prune(code=1)
        self.assertStatuses(document, copied=2, deleted=1, failed=1)
        failed = next(one for one in document['images'] if one['status'] == 'failed')
        self.assertEqual(failed['target'], self.dst.ref('app:old'))


class Stays(PruneTest):
    def setUp(self):
        super().setUp()
        self.put('app', 'old', reg=self.dst)

    def assertSpared(self, *rules, code=1, why):
        """Nothing is deleted, and it is said why."""
        result = self.sync(*(rules or (RULE,)), flags=('--delete',))
        self.assertFails(result, code, why)
        self.assertEqual(self.deletions(), [])
        self.assertIn('old', self.dst.tags('app'))

    def test_after_a_failed_listing(self):
        self.src.on('tags').status(403, code='DENIED')
        self.assertSpared(why='could not be listed')

    def test_after_a_listing_that_breaks_off(self):
        self.src.tags_page = 1
        self.src.on('tags', nth=2).status(404, code='NAME_UNKNOWN')
        self.assertSpared(why='could not be listed')

    def test_after_an_empty_listing(self):
        self.src.on('tags').status(200, json.dumps({'name': 'app', 'tags': None}))
        self.assertSpared(code=0, why='nothing is chosen')

    def test_of_an_empty_selection(self):
        self.assertSpared(RULE + '\ntags: {include: ">=7"}', code=0, why='nothing is chosen')

    def test_where_the_target_can_not_be_listed(self):
        self.dst.on('tags').status(405)
        self.assertSpared(code=0, why='could not be listed')

    def test_where_a_pattern_was_given_up(self):
        self.put('app', 'a' * 128)
        self.assertSpared(RULE + '\ntags: {include: ["v*", "/(a+)+[bc]/"]}', code=0, why='given up')

    def test_when_another_source_of_the_repository_fails(self):
        self.assertSpared(RULE, 'from: @src/none\nto: @dst/app', why='could not be listed')

    def test_after_a_stop(self):
        self.src.on('manifest', path='*/v1').status(404, code='MANIFEST_UNKNOWN')
        self.assertFails(self.sync(RULE, flags=('--delete', '--fail-fast')), 1)
        self.assertEqual(self.deletions(), [])

    def test_what_another_rule_chooses(self):
        self.put('other', 'old')
        self.put('app', 'really-old', reg=self.dst)
        self.prune(RULE, 'from: @src/other\nto: @dst/app\ntags: {include: old}')
        self.assertEqual(self.deletions(), ['really-old'])

    def test_what_a_rule_wants_whose_copy_failed(self):
        self.put('app', 'v1', reg=self.dst)
        self.src.on('manifest', path='*/v1').status(500)
        self.prune(flags=('--retries', '0'), code=1)
        self.assertEqual(self.deletions(), ['old'])

    def test_more_than_a_part_of_them(self):
        self.put('app', *(f'old{number}' for number in range(10)), reg=self.dst)
        document = self.prune(code=1)
        self.assertStatuses(document, copied=2, failed=1)
        self.assertIn('11 of its 11 tags', document['images'][-1]['error']['message'])
        self.assertIn('--delete-max', document['images'][-1]['error']['message'])
        self.assertEqual(self.deletions(), [])
        self.assertStatuses(self.prune(flags=('--delete-max', '100')), unchanged=2, deleted=11)

    def test_ten_tags_are_few(self):
        self.put('app', *(f'old{number}' for number in range(9)), reg=self.dst)
        self.assertStatuses(self.prune(), copied=2, deleted=10)

    def test_signatures_of_what_stays(self):
        kept, gone = (image.digest.replace(':', '-') for image in (
            self.made['v1'], self.put('app', 'old', reg=self.dst)['old']))
        for tag in (kept, f'{kept}.sig', f'{kept}.att', f'{gone}.sig'):
            images.artifact(artifact_type='application/vnd.signature', parts=(tag.encode(),)).put(
                self.dst, 'app', tag)
        self.prune()
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2', kept, f'{kept}.sig', f'{kept}.att'})

    def test_signatures_of_children_of_what_stays(self):
        index = images.multi(platforms=2)
        index.put(self.src, 'app', 'v1')
        signature = index.children[1].digest.replace(':', '-') + '.sig'
        images.artifact().put(self.dst, 'app', signature)
        self.prune()
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2', signature})


class ByDigest(PruneTest):
    """Debian's docker-registry, as others, deletes digests only."""

    def setUp(self):
        super().setUp()
        self.real = self.debian()
        self.rule = f'from: @src/app\nto: {self.real.host}/app\ndelete: true'

    def test_goes(self):
        self.push(images.image(1, seed='old'), self.real.ref('app:old'))
        self.push(images.image(1, seed='old'), self.real.ref('app:same'))
        self.assertStatuses(self.prune(self.rule), copied=2, deleted=2)
        self.assertEqual(self.dray('tags', self.real.ref('app')).out.split(), ['v1', 'v2'])
        for tag in 'v1', 'v2':
            self.assertCopied(self.src.ref(f'app:{tag}'), self.real.ref(f'app:{tag}'))

    def test_what_a_tag_that_stays_uses(self):
        index = images.multi(platforms=2)
        index.put(self.src, 'app', 'v2')
        self.push(self.made['v1'], self.real.ref('app:alias'))
        self.push(index.children[1], self.real.ref('app:child'))
        result = self.assertOk(self.sync(self.rule, flags=('--delete',)))
        self.assertIn('app:alias stays', result.err)
        self.assertIn('app:child stays', result.err)
        for tag in 'v1', 'v2':
            self.assertCopied(self.src.ref(f'app:{tag}'), self.real.ref(f'app:{tag}'))

    def test_where_nothing_may_be_deleted(self):
        real = self.debian(delete=False)
        self.push(images.image(1, seed='old'), real.ref('app:old'))
        document = self.prune(f'from: @src/app\nto: {real.host}/app\ndelete: true', code=1)
        self.assertStatuses(document, copied=2, failed=1)


if __name__ == '__main__':
    unittest.main()

"""dray sync --lock, --locked and --shard."""

import re

from tests.system.lib import images, unittest
from tests.system.mirrors import MirrorTest

RULE = 'from: @src/app\nto: @dst/app'


class LockTest(MirrorTest):
    def setUp(self):
        super().setUp()
        self.lock = self.path('mirror.lock')
        self.made = self.put('app', 'v1', 'v2')

    def read(self):
        with open(self.lock, encoding='utf-8') as file:
            return file.read()

    def line(self, tag, image, repo='app'):
        return f'{self.dst.ref(repo)}:{tag} {self.src.ref(repo)}:{tag} {image.digest}\n'

    def locked(self, *rules, code=0):
        return self.document(*(rules or (RULE,)), flags=('--lock', self.lock, '--locked'), code=code)

    def write_lock(self, *rules, flags=(), code=0):
        return self.document(*(rules or (RULE,)), flags=('--lock', self.lock, *flags), code=code)


class Written(LockTest):
    def test_a_line_an_image_in_order(self):
        other = self.put('tool', 'v0')['v0']
        self.write_lock('from: @src/tool:v0\nto: @dst/tool', RULE)
        lines = ''.join(sorted([self.line('v1', self.made['v1']), self.line('v2', self.made['v2']),
                                self.line('v0', other, 'tool')]))
        self.assertEqual(self.read(), '# dray lock 1: TARGET SOURCE DIGEST\n' + lines)
        before = self.read()
        self.write_lock('from: @src/tool:v0\nto: @dst/tool', RULE)
        self.assertEqual(self.read(), before)

    def test_what_is_gone_goes_and_what_failed_stays(self):
        self.write_lock()
        moved = images.image(1, seed='moved')
        moved.put(self.src, 'app', 'v3')
        self.src.store.repo('app').tags.pop('v1')
        self.src.on('manifest', path='*/v2').status(404, code='MANIFEST_UNKNOWN')
        self.write_lock(code=1)
        self.assertEqual(self.read().splitlines(True)[1:],
                         [self.line('v2', self.made['v2']), self.line('v3', moved)])

    def test_of_a_repository_that_can_not_be_listed_all_stay(self):
        self.write_lock()
        before = self.read()
        self.src.on('tags').status(403)
        self.write_lock(code=1)
        self.assertEqual(self.read(), before)

    def test_not_by_a_dry_run(self):
        self.write_lock(flags=('--check',), code=3)
        with self.assertRaises(FileNotFoundError):
            self.read()

    def test_what_is_no_lock_file_is_left_alone(self):
        self.write('mirror.lock', 'notes of mine\n')
        self.assertFails(self.sync(RULE, flags=('--lock', self.lock)), 2, 'mirror.lock:1')
        self.assertEqual(self.read(), 'notes of mine\n')
        self.assertEqual(self.dst.count(), 0)

    def test_where_it_can_not_be_written(self):
        self.assertFails(self.sync(RULE, flags=('--lock', self.path('no', 'where.lock'))), 1,
                         'where.lock')
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2'})


class Locked(LockTest):
    def setUp(self):
        super().setUp()
        self.write_lock()
        self.dst.store.repos.clear()

    def test_the_digests_whatever_the_tags_are_now(self):
        images.image(1, seed='moved').put(self.src, 'app', 'v1')
        self.put('app', 'v3')
        before = self.read()
        result = self.assertOk(self.sync(RULE, flags=('--lock', self.lock, '--locked')))
        self.assertEqual(self.dst.tags('app'),
                         {tag: image.digest for tag, image in self.made.items()})
        self.assertIn('app:v1 has moved', result.err)
        self.assertNotIn('app:v2 has moved', result.err)
        self.assertEqual(self.read(), before)

    def test_a_tag_that_is_gone(self):
        self.src.store.repo('app').tags.pop('v1')
        result = self.assertOk(self.sync(RULE, flags=('--lock', self.lock, '--locked')))
        self.assertIn('app:v1 is gone', result.err)
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v2'})

    def test_a_digest_that_is_gone(self):
        held = self.src.store.repo('app')
        held.tags.pop('v1')
        held.manifests.pop(self.made['v1'].digest)
        document = self.locked(code=1)
        self.assertStatuses(document, copied=1, failed=1)
        self.assertEqual(set(self.dst.tags('app')), {'v2'})

    def test_nothing_to_do(self):
        self.locked()
        self.src.log.clear()
        self.assertStatuses(self.locked(), unchanged=2)
        self.assertEqual({entry.method for entry in self.src.log}, {'HEAD'})

    def test_what_the_rules_do_not_name_is_left_alone(self):
        self.locked('from: @src/app:v2\nto: @dst/app')
        self.assertEqual(set(self.dst.tags('app')), {'v2'})

    def test_nothing_is_deleted(self):
        self.put('app', 'old', reg=self.dst)
        self.document(RULE + '\ndelete: true', flags=('--lock', self.lock, '--locked', '--delete'))
        self.assertIn('old', self.dst.tags('app'))

    def test_needs_a_file(self):
        self.assertFails(self.sync(RULE, flags=('--locked',)), 2, '--lock')
        self.assertFails(self.sync(RULE, flags=('--locked', '--lock', self.path('none'))), 2, 'none')


class Shards(LockTest):
    REPOS = [f'team/r{number}' for number in range(12)]

    def setUp(self):
        super().setUp()
        for repo in self.REPOS:
            self.put(repo, 'v1')
        self.rules = [f'from: @src/{repo}\nto: @dst/{repo}' for repo in self.REPOS]

    def part(self, *flags, env=None):
        """The repositories that this part has copied so far."""
        self.assertOk(self.dray('sync', *flags, self.mirror(*self.rules), env=env))
        return {repo for repo in self.REPOS if self.dst.tags(repo)}

    def test_are_disjoint_and_complete(self):
        before, parts = set(), []
        for index in 1, 2, 3:
            now = self.part('--shard', f'{index}/3')
            parts.append(now - before)
            before = now
            self.src.log.clear()
        self.assertEqual(before, set(self.REPOS))
        self.assertEqual(sum(map(len, parts)), len(self.REPOS))
        self.assertLess(max(map(len, parts)), len(self.REPOS))

    def test_without_a_request_to_the_others(self):
        mine = self.part('--shard', '1/3')
        asked = {entry.repo for entry in self.src.log}
        self.assertEqual(asked, mine)

    def test_by_the_variables_of_ci(self):
        first = self.part('--shard', '1/2')
        self.dst.store.repos.clear()
        self.assertEqual(first, self.part('--shard', 'auto', env={
            'CI_NODE_INDEX': '1', 'CI_NODE_TOTAL': '2'}))
        self.dst.store.repos.clear()
        self.assertEqual(first, self.part('--shard', 'auto', '--shards', '2', env={
            'JOB_COMPLETION_INDEX': '0'}))

    def test_replace_their_own_lines_only(self):
        for index in 1, 2:
            self.assertOk(self.sync(*self.rules, flags=('--lock', self.lock, '--shard',
                                                        f'{index}/2')))
        found = re.findall(r'team/r\d+:v1 \S+ sha256', self.read())
        self.assertEqual(len(found), len(self.REPOS))

    def test_what_is_no_part(self):
        for flags, words in ((('--shard', '3/2'), '3/2'), (('--shard', 'x'), 'I/N'),
                             (('--shard', 'auto'), 'CI_NODE_INDEX'),
                             (('--shards', '2'), '--shard auto'),
                             (('--shard', '1/2', '--shards', '2'), '--shard auto')):
            with self.subTest(flags):
                self.assertFails(self.sync(*self.rules, flags=flags), 2, words)
        self.assertEqual(self.src.count(), 0)


if __name__ == '__main__':
    unittest.main()

"""dray sync, copy --all-tags and --from-file: which images go where, and by how many requests."""

import os
from unittest import mock

from tests.system.lib import TOP, SystemTest, images, unittest
from tests.system.mirrors import MirrorTest


class Rules(MirrorTest):
    def test_a_repository_an_image_and_a_list_of_them(self):
        self.put('team/app', 'v1.0', 'v1.1', 'edge')
        self.put('pause', '3.9', '3.10')
        self.put('etcd', 'v3')
        self.put('coreos/flannel', 'v0.1')
        document = self.document('from: @src/team/app\nto: @dst/app\ntags: {include: "v1.*"}',
                                 'from: @src/pause:3.9\nto: @dst/pause',
                                 'from: ["@src/etcd:v3", "@src/coreos/flannel:v0.1"]\nto: @dst/m/',
                                 'from: @src/team/app\nto: "@dst/hub/{name}-{tag}"\n'
                                 'tags: {include: edge}')
        self.assertStatuses(document, copied=6)
        for source, target in (('team/app:v1.0', 'app:v1.0'), ('team/app:v1.1', 'app:v1.1'),
                               ('pause:3.9', 'pause:3.9'), ('etcd:v3', 'm/etcd:v3'),
                               ('coreos/flannel:v0.1', 'm/coreos/flannel:v0.1'),
                               ('team/app:edge', 'hub/app-edge:edge')):
            self.assertCopied(self.src.ref(source), self.dst.ref(target))
        self.assertEqual(set(self.dst.tags('app')), {'v1.0', 'v1.1'})
        self.assertEqual(set(self.dst.tags('pause')), {'3.9'})
        self.assertInOrder(self.dst)

    def test_several_files_and_standard_input_are_one(self):
        self.put('a', 'v1')
        self.put('b', 'v1')
        first = self.mirror('from: @src/a\nto: @dst/a', name='one.yml')
        text = f'version: 1\nmirrors: [{{from: "{self.src.host}/b", to: "{self.dst.host}/b"}}]'
        self.assertOk(self.dray('sync', first, '-', stdin=text))
        self.assertEqual((set(self.dst.tags('a')), set(self.dst.tags('b'))), ({'v1'}, {'v1'}))

    def test_what_is_wrong_is_said_with_its_place_before_anything_is_sent(self):
        good = self.mirror('from: @src/a:1\nto: @dst/x:1', name='good.yml')
        for name, rule, words in (
                ('key', 'from: @src/a\nto: @dst/a\ntag: x', ('key.yml:5:5', 'tags')),
                ('two', 'from: @src/b:1\nto: @dst/x:1', ('two.yml:3:11', 'good.yml:3', 'x:1')),
                ('env', 'from: @src/${NO_SUCH_NAME}\nto: @dst/x', ('env.yml:3:11', 'NO_SUCH_NAME')),
                ('capital', 'from: @src/Team\nto: @dst/x', ('capital.yml:3:11', 'team'))):
            with self.subTest(name):
                bad = self.mirror(rule, name=f'{name}.yml')
                self.assertFails(self.dray('sync', good, bad), 2, *words)
        self.assertFails(self.dray('sync', self.path('none.yml')), 2, 'none.yml')
        self.assertEqual((self.src.count(), self.dst.count()), (0, 0))

    def test_two_sources_for_a_tag_that_only_lists_tell(self):
        self.put('a', 'v1', 'v2')
        self.put('b', 'v2', 'v3')
        document = self.document('from: @src/a\nto: @dst/x', 'from: @src/b\nto: @dst/x', code=1)
        self.assertStatuses(document, copied=3, failed=1)
        failed = next(one for one in document['images'] if one['status'] == 'failed')
        self.assertEqual(failed['target'], self.dst.ref('x:v2'))
        self.assertEqual(failed['error']['code'], 'config')
        self.assertIn('two images', failed['error']['message'])

    def test_registries_say_how_they_are_spoken_to(self):
        authority = self.authority()
        tls = self.registry(tls=authority.server, auth='basic', users={'joe': 'secret'},
                            anonymous=None)
        self.put('a', 'v1')
        result = self.dray('sync', self.mirror(
            f'from: @src/a\nto: {tls.host}/a',
            head=f'registries:\n  {tls.host}: {{tls: true, ca-file: {authority.ca_file}, username: joe, '
                 'password: "${PASS}", chunk-size: 1000, max-connections: 2}\n'),
            env={'PASS': 'secret'})
        self.assertOk(result)
        self.assertNoSecret(result, 'secret')
        self.assertEqual(set(tls.tags('a')), {'v1'})
        self.assertLessEqual(tls.peak_connections, 2)
        sizes = [entry.bytes_in for entry in tls.requests('upload-patch')]
        self.assertEqual(max(sizes), 1000)


class Selected(MirrorTest):
    def test_ranges_exclusions_and_the_newest(self):
        self.put('app', '1.9', '1.10', '1.10-debug', '1.8', '2.0.0-rc.1', 'latest')
        for tags, wanted in (('{include: ">=1.9 <2"}', {'1.9', '1.10'}),
                             ('{exclude: "*-debug", newest: 2}', {'1.10', '2.0.0-rc.1'}),
                             ('{include: 1.10}', {'1.10'}),
                             ('{include: "/l.*/"}', {'latest'})):
            with self.subTest(tags):
                self.dst.store.repos.clear()
                self.document(f'from: @src/app\nto: @dst/app\ntags: {tags}')
                self.assertEqual(set(self.dst.tags('app')), wanted)

    def test_the_first_are_copied_before_the_last_are_listed(self):
        self.put('app', *(f'v{number}' for number in range(40)))
        self.src.tags_page = 10
        gate = self.src.on('tags', nth=4).hold()
        run = self.start('copy', '--all-tags', self.src.ref('app'), self.dst.ref('app'))
        gate.wait_reached()
        self.assertTrue(self.dst.log.wait_for(lambda _: len(self.dst.tags('app')) == 30))
        gate.release()
        self.assertOk(run.wait())
        self.assertEqual(len(self.dst.tags('app')), 40)


class Requests(MirrorTest):
    def test_a_fresh_repository(self):
        made = self.put('app', 'v1', 'v2', 'v3')
        self.document('from: @src/app\nto: @dst/app')
        self.assertEqual(self.src.count('tags'), 1)
        self.assertEqual(self.src.count('manifest', method='HEAD'), 0)
        self.assertEqual(self.src.count('manifest', method='GET'), 3)
        blobs = {digest for image in made.values() for digest in image.blobs}
        self.assertEqual(self.src.count('blob'), len(blobs))
        self.assertEqual(self.dst.count(method=('HEAD', 'GET')), 1)    # the list
        self.assertEqual(self.dst.count(), 1 + 2 * len(blobs) + 3)

    def test_nothing_to_do(self):
        tags = [f'v{number}' for number in range(50)]
        self.put('app', *tags)
        rule = 'from: @src/app\nto: @dst/app'
        self.document(rule)
        for reg in (self.src, self.dst):
            reg.log.clear()
        self.assertStatuses(self.document(rule), unchanged=50)
        for reg in (self.src, self.dst):
            self.assertEqual(reg.count('tags'), 1)
            self.assertEqual(reg.count('manifest', method='HEAD'), 50)
            self.assertEqual(reg.count(), 51)

    def test_what_is_new_and_what_has_moved(self):
        self.put('app', 'v1', 'v2')
        rule = 'from: @src/app\nto: @dst/app'
        self.document(rule)
        moved = images.image(1, seed='moved')
        moved.put(self.src, 'app', 'v1')
        self.put('app', 'v3')
        self.dst.log.clear()
        self.assertStatuses(self.document(rule), copied=2, unchanged=1)
        self.assertEqual(self.dst.tags('app')['v1'], moved.digest)
        self.assertEqual(self.dst.count('manifest', reference='v3', method='HEAD'), 0)

    def test_a_target_without_lists(self):
        self.put('app', 'v1', 'v2')
        self.dst.on('tags').status(405)
        rule = 'from: @src/app\nto: @dst/app'
        self.assertStatuses(self.document(rule), copied=2)
        self.assertStatuses(self.document(rule), unchanged=2)

    def test_several_targets(self):
        self.put('app', 'v1', 'v2')
        other = self.registry()
        document = self.document(f'from: @src/app\nto: ["@dst/app", "{other.host}/b"]')
        self.assertStatuses(document, copied=4)
        self.assertEqual(self.src.count('tags'), 1)
        self.assertEqual(self.src.count('manifest'), 2)
        self.assertEqual(set(other.tags('b')), {'v1', 'v2'})


class Order(MirrorTest):
    def test_the_first_images_are_complete_early(self):
        """Of 150 images some are whole before the last is begun."""
        self.put('app', *(f'v{number:03}' for number in range(150)))
        self.document('from: @src/app\nto: @dst/app')
        first = min(entry.time for entry in self.dst.requests('manifest', method='PUT'))
        last = max(entry.time for entry in self.src.requests('manifest', method='GET'))
        self.assertLess(first, last)


RELEASE = os.path.abspath(os.environ.get('DRAY_RELEASE') or
                          os.path.join(TOP, 'build', 'release', 'dray'))


@unittest.skipUnless(os.path.exists(RELEASE), f'no release build at {RELEASE} (DRAY_RELEASE)')
class Memory(MirrorTest):
    """The release build: a sanitizer's own memory would drown the program's."""

    def peak_kib(self, tags):
        image = images.image(1, seed='one')
        for reg in self.src, self.dst:
            for number in range(tags):
                image.put(reg, f'app{tags}', f'v{number}-{"x" * 40}')
        run = self.start('copy', '-q', '--all-tags', self.src.ref(f'app{tags}'),
                         self.dst.ref(f'app{tags}'), program=RELEASE)
        return self.assertOk(run.wait()).peak_kb

    def test_a_kib_a_tag_at_most(self):
        few, many = self.peak_kib(200), self.peak_kib(3000)
        self.assertLess(many - few, 2800)
        self.assertLess(many, 48 << 10)


class Failures(MirrorTest):
    def test_the_others_go_on(self):
        self.put('app', 'v1', 'v2', 'v3')
        self.src.on('manifest', path='*/v2').status(404, code='MANIFEST_UNKNOWN')
        document = self.document('from: @src/app\nto: @dst/app', code=1)
        self.assertStatuses(document, copied=2, failed=1)
        self.assertEqual(set(self.dst.tags('app')), {'v1', 'v3'})

    def test_fail_fast(self):
        self.put('app', *(f'v{number:03}' for number in range(200)))
        self.src.on('manifest', path='*/v000').status(404, code='MANIFEST_UNKNOWN')
        document = self.document('from: @src/app\nto: @dst/app', code=1, flags=('--fail-fast',))
        first = next(one for one in document['images'] if one['error']['code'] == 'not_found')
        self.assertEqual(first['source'], self.src.ref('app:v000'))
        self.assertLess(self.src.count('manifest', method='GET'), 200)
        self.assertIn('--fail-fast', document['images'][-1]['error']['message'])

    def test_a_repository_that_can_not_be_listed_is_one_failed_entry(self):
        self.put('app', 'v1')
        document = self.document('from: @src/none\nto: @dst/none', 'from: @src/app\nto: @dst/app',
                                 code=1)
        self.assertStatuses(document, copied=1, failed=1)
        failed = next(one for one in document['images'] if one['status'] == 'failed')
        self.assertEqual((failed['source'], failed['target'], failed['error']['code']),
                         (self.src.ref('none'), self.dst.ref('none'), 'not_found'))
        self.assertEqual(failed['error']['http_status'], 404)

    def test_a_target_that_is_away_is_one_failed_entry(self):
        self.put('app', *(f'v{number}' for number in range(30)))
        away = self.registry()
        away.stop()
        document = self.document(f'from: @src/app\nto: ["{away.host}/app", "@dst/app"]', code=1,
                                 flags=('--retries', '0'))
        self.assertStatuses(document, copied=30, failed=1)
        failed = next(one for one in document['images'] if one['status'] == 'failed')
        self.assertEqual(failed['target'], away.ref('app'))
        self.assertEqual(failed['error']['code'], 'connect')


class Check(MirrorTest):
    def test_work_is_due_and_nothing_is_changed(self):
        self.put('app', 'v1', 'v2')
        rule = 'from: @src/app\nto: @dst/app'
        document = self.document(rule, flags=('--check',), code=3)
        self.assertStatuses(document, planned=2)
        self.assertEqual(self.dst.events, [])
        self.assertLessEqual({entry.method for entry in self.dst.log}, {'GET', 'HEAD'})
        self.assertEqual(self.document(rule, flags=('--dry-run',))['totals'], {
            **document['totals'], 'seconds': mock.ANY})
        self.document(rule)
        self.assertStatuses(self.document(rule, flags=('--check',)), unchanged=2)

    def test_a_failure_wins(self):
        self.put('app', 'v1')
        self.document('from: @src/app\nto: @dst/app', 'from: @src/none\nto: @dst/none',
                      flags=('--check',), code=1)


class Copies(MirrorTest):
    def test_all_tags(self):
        self.put('app', 'v1.0', 'v1.1', 'v2.0', 'v2.1-debug', 'edge')
        other = self.registry()
        self.assertOk(self.dray('copy', '--all-tags', '--tags', '>=1.1', '--tags', 'v2.*',
                                '--exclude', '*debug', self.src.ref('app'), self.dst.ref('x'),
                                other.ref('y')))
        self.assertEqual(set(self.dst.tags('x')), {'v1.1', 'v2.0'})
        self.assertEqual(self.dst.tags('x'), other.tags('y'))
        self.assertOk(self.dray('copy', '--all-tags', '--newest', '1', self.src.ref('app'),
                                self.dst.ref('n')))
        self.assertEqual(set(self.dst.tags('n')), {'v2.1-debug'})

    def test_a_list(self):
        self.put('app', 'v1', 'latest')
        self.put('tool', 'v2')
        other = self.registry()
        text = (f'# images\n\n{self.src.ref("app:v1")} {self.dst.ref("a")}  {other.ref("b:x")} # two\n'
                f'\t{self.src.ref("app")}\t{self.dst.ref("a")}\r\n{self.src.ref("tool:v2")} '
                f'{self.dst.ref("t/")}')
        for source in (self.write('list.txt', text), '-'):
            with self.subTest(source):
                self.dst.store.repos.clear()
                self.assertOk(self.dray('copy', '--from-file', source, stdin=text))
                self.assertEqual(set(self.dst.tags('a')), {'v1', 'latest'})
                self.assertEqual(set(self.dst.tags('t/tool')), {'v2'})
        self.assertEqual(set(other.tags('b')), {'x'})

    def test_what_is_wrong_with_them(self):
        for text, words in (('a\n', (':1:1', 'SRC DST')), ('\n a lan:5000/B\n', (':2:4', '/b')),
                            ('a lan:5000/a\nb lan:5000/a\n', (':2:1', 'two images'))):
            with self.subTest(text):
                path = self.write('list.txt', text)
                self.assertFails(self.dray('copy', '--from-file', path), 2, 'list.txt', *words)
        for arguments, words in ((('--from-file', 'x', 'a', 'b'), ("'a'",)),
                                 (('--from-file', 'x', '--all-tags'), ('exclude each other',)),
                                 (('--tags', 'v*', 'a', 'lan:5000/b'), ('--all-tags',)),
                                 (('--all-tags', 'a:1', 'lan:5000/b'), ('a:1',)),
                                 (('--all-tags', 'a', 'lan:5000/b:1'), ('lan:5000/b:1',)),
                                 (('--all-tags', '--tags', '>', 'a', 'lan:5000/b'), ('>',))):
            with self.subTest(arguments):
                self.assertFails(self.dray('copy', *arguments), 2, *words)


class Debian(SystemTest):
    def test_a_mirror(self):
        src, dst = self.debian(), self.debian()
        for number in range(3):
            self.push(images.multi(platforms=2, seed=str(number)), src.ref(f'app:v{number}'))
        path = self.write('m.yml', 'version: 1\nmirrors:\n'
                                   f'  - {{from: {src.host}/app, to: {dst.host}/mirror/}}\n')
        self.assertOk(self.dray('sync', path))
        for number in range(3):
            self.assertCopied(src.ref(f'app:v{number}'), dst.ref(f'mirror/app:v{number}'))
        self.assertEqual(self.assertOk(self.dray('sync', '-o', 'json', path)).json()['totals'][
            'unchanged'], 3)


if __name__ == '__main__':
    unittest.main()

"""What a run shows and hands on in a step of GitHub Actions, and in a job on GitLab CI."""

import json
import re
import signal
import time

from tests.system import hostile
from tests.system.lib import SystemTest, images, unittest
from tests.system.schema import OUTPUT

MIB = 1 << 20
OURS = ('::group::dray copy', '::endgroup::', '::error title=')


class GitHub(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=2)
        self.source = self.image.put(self.src, 'app', 'v1')
        self.target = self.dst.ref('copies/app:v1')
        self.missing = self.src.ref('no/such:v1')
        self.outputs, self.summary = self.write('outputs', ''), self.write('summary', '')
        self.env = {'GITHUB_ACTIONS': 'true', 'GITHUB_OUTPUT': self.outputs,
                    'GITHUB_STEP_SUMMARY': self.summary}

    def step(self, *args, **env):
        return self.dray('copy', *args, env={**self.env, **env})

    def read(self, path):
        with open(path, encoding='utf-8') as file:
            return file.read()

    def rows(self):
        """Those of the summary's tables, in cells."""
        return [[cell.strip() for cell in hostile.cells(line)]
                for line in self.read(self.summary).splitlines() if line.startswith('|')]

    def test_one_image(self):
        result = self.assertOk(self.step(self.source, self.target))
        self.assertEqual(result.err, '::group::dray copy\n::endgroup::\n')
        self.assertRegex(result.out, f'^copied {self.source} -> {self.target}\n{self.image.digest}  ')
        self.assertEqual(self.read(self.outputs), (
            f'digest={self.image.digest}\ndigests={{"{self.target}": "{self.image.digest}"}}\n'
            'copied=1\nunchanged=0\nfailed=0\n'))
        summary = self.read(self.summary)
        self.assertRegex(summary, r'^### dray: 1 image: 1 copied; [\d.]+ (B|KiB), \d+\.\d s\n\n\| status ')
        row = self.rows()[2]
        self.assertEqual(row[:3], ['copied', f'<code>{self.source}</code>', f'<code>{self.target}</code>'])
        self.assertRegex(row[3], rf'^<code>{self.image.digest}</code> [\d.]+ (B|KiB) in \d+ blobs, ')

    def test_several_images(self):
        other = self.dst.ref('b:v1')
        self.assertOk(self.dray('copy', self.source, other))
        result = self.assertFails(self.step(self.source, self.target, other,
                                            self.registry(max_manifest=10).ref('c:v1')), 1)
        group, _, below = result.err.partition('\n::endgroup::\n')
        self.assertRegex(group, '^::group::dray copy\n')
        self.assertRegex(group, rf'\ndray: copied {self.source} -> {self.target}, {self.image.digest}, ')
        self.assertRegex(group, r'\ndray: error: .*/c:v1')
        self.assertRegex(below, r'^::error title=[a-z_]+%3A 127\.0\.0\.1%3A\d+/c%3Av1::.*\n'
                                r'dray: error: 1 of 3 images failed\n$')
        self.assertRegex(result.out, r'^3 images: 1 copied, 1 unchanged, 1 failed; .*\n$')
        outputs = dict(line.split('=', 1) for line in self.read(self.outputs).splitlines())
        self.assertEqual(json.loads(outputs.pop('digests')),
                         {self.target: self.image.digest, other: self.image.digest})
        self.assertEqual(outputs, {'digest': '', 'copied': '1', 'unchanged': '1', 'failed': '1'})
        self.assertEqual([row[0] for row in self.rows()[2:]], ['**failed**', 'copied', 'unchanged'])

    def test_one_that_failed_has_no_digest(self):
        self.assertFails(self.step(self.missing, self.target), 1)
        self.assertEqual(self.read(self.outputs),
                         'digest=\ndigests={}\ncopied=0\nunchanged=0\nfailed=1\n')

    def test_a_dry_run_has_put_nothing_there(self):
        self.assertOk(self.step('--dry-run', self.source, self.target))
        self.assertEqual(self.read(self.outputs),
                         'digest=\ndigests={}\ncopied=0\nunchanged=0\nfailed=0\n')
        self.assertEqual(self.rows()[2][0], 'planned')

    def test_ten_annotations_and_the_rest_in_the_summary(self):
        targets = [self.dst.ref(f'a{number}:v1') for number in range(12)]
        result = self.assertFails(self.step(self.missing, *targets), 1)
        self.assertEqual(result.err.count('::error '), 10)
        self.assertEqual(result.err.count('dray: error: 127'), 12)
        self.assertEqual({row[2] for row in self.rows()[2:]},
                         {f'<code>{target}</code>' for target in targets})

    def test_the_summary_has_room_for_what_stands_there(self):
        targets = [self.dst.ref(f'a{number}:v1') for number in range(12)]
        hostile.refuse(self.src, repo='bad')
        before = 'x' * (MIB - 5000) + '\n\n'
        self.write('summary', before)
        self.assertFails(self.step('-q', self.src.ref('bad:v1'), *targets), 1)
        summary = self.read(self.summary)
        self.assertTrue(summary.startswith(before))
        self.assertLessEqual(len(summary.encode()), MIB)
        rows = self.rows()[2:]
        self.assertGreater(len(rows), 0)
        self.assertIn(f'\n{12 - len(rows)} more images not shown: ', summary[-5000:])
        self.write('summary', 'x' * (MIB - 100))
        self.assertFails(self.step('-q', self.missing, self.target), 1)
        self.assertEqual(len(self.read(self.summary)), MIB - 100)

    def test_quiet_has_no_group_but_all_else(self):
        result = self.assertOk(self.step('-q', self.source, self.target))
        self.assertEqual((result.out, result.err), ('', ''))
        self.assertIn('copied=1\n', self.read(self.outputs))
        self.assertEqual(len(self.rows()), 3)
        result = self.assertFails(self.step('-q', self.missing, self.target), 1)
        self.assertRegex(result.err, '^dray: error: .*\n::error title=not_found.*\n$')

    def test_with_a_log_of_json_there_are_no_marks(self):
        for args in ((self.source, self.target), (self.missing, self.target)):
            for line in self.step('--log-format', 'json', *args).err.splitlines():
                json.loads(line)
        self.assertIn('failed=1\n', self.read(self.outputs))

    def test_other_commands_only_annotate(self):
        result = self.dray('digest', self.missing, env=self.env)
        self.assertRegex(self.assertFails(result, 1).err,
                         '^dray: error: .*\n::error title=not_found::.*\n$')
        result = self.dray('digest', self.source, env=self.env)
        self.assertEqual((self.assertOk(result).out, result.err), (f'{self.image.digest}\n', ''))
        self.assertEqual((self.read(self.outputs), self.read(self.summary)), ('', ''))

    def test_what_is_wrong_before_anything_is_sent_is_annotated(self):
        result = self.step('--authfile', self.write('broken.json', '{'), self.source, self.target)
        self.assertRegex(self.assertFails(result, 2).err, '^dray: error: .*\n::error title=config::.*\n$')
        self.assertEqual(self.read(self.outputs), '')

    def test_files_that_cannot_be_written_fail_nothing(self):
        result = self.step(self.source, self.target, GITHUB_OUTPUT=self.path('no/such'),
                           GITHUB_STEP_SUMMARY=None)
        self.assertIn('dray: warning: ', self.assertOk(result).err)

    def test_a_job_that_is_stopped_hands_on_what_it_has(self):
        other = images.image(seed='other').put(self.src, 'other', 'v1')
        gate = self.src.on('blob', repo='other').hold()
        self.write('list', f'{self.source} {self.target}\n{other} {self.dst.ref("other:v1")}\n')
        run = self.start('copy', '--from-file', self.path('list'), env=self.env)
        gate.wait_reached()
        self.assertTrue(self.dst.log.wait_for(lambda _: self.dst.tags('copies/app')))
        while 'dray: copied' not in run.read_err():
            self.assertTrue(run.running())
            time.sleep(0.002)
        run.signal(signal.SIGINT)
        result = run.wait()
        self.assertEqual(result.code, 130)
        self.assertRegex(result.err, r'(?s)\n::endgroup::\n::error title=canceled.*images failed\n$')
        self.assertIn('copied=1\nunchanged=0\nfailed=1\n', self.read(self.outputs))
        self.assertEqual([row[0] for row in self.rows()[2:]], ['**failed**', 'copied'])

    def test_elsewhere_nothing_is_handed_on(self):
        for value in (None, '', 'false'):
            result = self.step(self.source, self.target, GITHUB_ACTIONS=value)
            self.assertEqual(self.assertOk(result).err, '')
        self.assertEqual((self.read(self.outputs), self.read(self.summary)), ('', ''))

    def test_a_registry_s_text_is_no_command(self):
        hostile.refuse(self.src)
        for flags in ((), ('-v',), ('-q',), ('-o', 'json'), ('-o', 'ndjson'),
                      ('--log-format', 'json', '-o', 'json', '-v')):
            with self.subTest(flags):
                self.write('outputs', '')
                self.write('summary', '')
                result = self.assertFails(self.step(*flags, self.source, self.target), 1, 'pwned')
                self.assertEqual(hostile.find(result.out + result.err, OURS), [])
                self.assertEqual(self.read(self.outputs),
                                 'digest=\ndigests={}\ncopied=0\nunchanged=0\nfailed=1\n')
                self.assertEqual([len(row) for row in self.rows()], [4] * 3)
                self.assertNotRegex(self.read(self.summary), r'<(?!/?code>)')
                for text in re.findall('<code>(.*)</code>', self.read(self.summary)):
                    self.assertNotRegex(text.replace('</code> | <code>', ''), r'[*_`\[\]!|@<>~]')
                if 'json' in flags:
                    document = result.json()
                    OUTPUT.check(document, 'document')
                    self.assertIn('##[add-mask]', document['images'][0]['error']['message'])

    def test_an_image_s_text_is_no_command(self):
        evil = images.image(platform='::error::os/::debug::arch', annotations={
            '::error::name': '##[error]value', '\u00a0::debug::wide': 'x', '\n::error::line': '\r::debug::x'})
        ref = evil.put(self.src, 'evil', 'v1')
        result = self.assertOk(self.dray('inspect', ref, env=self.env))
        self.assertEqual(hostile.find(result.out + result.err), [])
        self.assertFalse([line for line in result.out.splitlines() if line.strip().startswith('::')])
        self.assertIn('?:error::name: #?[error]value', result.out)
        document = self.assertOk(self.dray('inspect', '-o', 'json', ref, env=self.env))
        self.assertNotIn('##[', document.out)
        self.assertIn('##[error]value', json.dumps(document.json()))
        result = self.assertOk(self.dray('inspect', ref))
        self.assertIn('::error::name: ##[error]value', result.out, 'elsewhere it stays as it is')

    def test_an_annotation_is_what_the_runner_reads_back(self):
        self.src.on('manifest', method='GET').status(403, code='DENIED', message='100%, and: more')
        result = self.assertFails(self.step(self.source, self.target), 1)
        title, message = re.search(r'^::error title=(.*?)::(.*)$', result.err, re.M).groups()

        def read_back(text):
            for sign in '\r\n:,%':
                text = text.replace(f'%{ord(sign):02X}', sign)
            return text
        self.assertNotRegex(title, '[:,]')
        self.assertEqual(read_back(title), f'denied: {self.target}')
        self.assertIn(f'dray: error: {read_back(message)}\n', result.err)
        self.assertIn('100%, and: more', read_back(message))


class GitLab(SystemTest):
    def test_a_copy_is_a_section(self):
        src, dst = self.registry(), self.registry()
        source = images.image().put(src, 'app', 'v1')
        env = {'GITLAB_CI': 'true'}
        result = self.assertOk(self.dray('copy', source, dst.ref('a:v1'), dst.ref('b:v1'), env=env))
        found = re.fullmatch(
            '\x1b\\[0Ksection_start:(\\d+):(dray_\\d+)\r\x1b\\[0Kdray copy\n'
            f'(dray: copied {source} -> .*\n){{2}}'
            '\x1b\\[0Ksection_end:(\\d+):\\2\r\x1b\\[0K\n', result.err)
        self.assertTrue(found, result)
        self.assertLessEqual(int(found[1]), int(found[4]))
        self.assertRegex(result.out, '^2 images: 2 copied; ')
        for flags in (('-q',), ('--log-format', 'json')):
            result = self.assertOk(self.dray('copy', *flags, source, dst.ref('c:v1'), env=env))
            self.assertNotIn('section', result.err)
        result = self.assertOk(self.dray('digest', source, env=env))
        self.assertEqual(result.err, '')

    def test_a_registry_s_text_is_no_section(self):
        src, dst = self.registry(), self.registry()
        hostile.refuse(src)
        result = self.dray('copy', src.ref('app:v1'), dst.ref('app:v1'), env={'GITLAB_CI': 'true'})
        self.assertFails(result, 1, 'pwned')
        self.assertEqual(result.err.count('\x1b'), 4)
        self.assertEqual(len(re.findall('^\x1b\\[0Ksection_(?:start|end):', result.err, re.M)), 2)


if __name__ == '__main__':
    unittest.main()

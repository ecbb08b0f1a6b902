"""The command line: usage errors, help, references, what goes to stdout and what to stderr."""

import json
import os
import re
import signal
import subprocess

from tests.system.lib import DRAY, TOP, SystemTest, images, unittest

COMMANDS = ('copy', 'manifest', 'digest', 'tags', 'version', 'help')
CONNECTION_FLAGS = ('--retries', '--stall-timeout', '--connect-timeout', '--plain-http', '--tls',
                    '--insecure', '--ca-file', '--authfile', '--log-format', '-q', '-v', '--help')
COPY_FLAGS = ('--jobs', '-j', '--concurrency', '--max-connections', '--chunk-size', '--state', '--limit-rate', '--deadline',
              '--dry-run', '--output', '-o', '--progress', '--platform', '--sparse', '--if-exists',
              '--referrers', '--report')

# What is typed, and what is said of it; the second line points to the help.
USAGE_ERRORS = (
    ('cpoy a b', 'unknown command cpoy; did you mean copy?', ''),
    ('xyzzy', 'unknown command xyzzy', ''),
    ('help digets', 'unknown command digets; did you mean digest?', ''),
    ('--verson', 'unknown flag --verson; did you mean --version?', ''),
    ('-q copy a b', 'a command must stand before -q', ''),

    ('copy --job 3 a b', 'unknown flag --job; did you mean --jobs?', 'copy'),
    ('copy --concurency=3 a b', 'unknown flag --concurency; did you mean --concurrency?', 'copy'),
    ('copy --connect 3s a b', 'unknown flag --connect; did you mean --connect-timeout?', 'copy'),
    ('copy -jobs 3 a b', 'unknown flag -jobs; did you mean --jobs?', 'copy'),
    ('copy -quiet a b', 'unknown flag -quiet; did you mean --quiet?', 'copy'),
    ('copy a b --frobnicate', 'unknown flag --frobnicate', 'copy'),
    ('copy -z a b', 'unknown flag -z', 'copy'),
    ('copy -qz a b', 'unknown flag -qz', 'copy'),
    ('tags --jobs 3 a', 'unknown flag --jobs', 'tags'),
    ('version -v', 'unknown flag -v', 'version'),

    ('copy a b --jobs', '--jobs needs a value: N', 'copy'),
    ('copy a b -j', '-j needs a value: N', 'copy'),
    ('copy a b --authfile=', '--authfile needs a value: FILE', 'copy'),
    ('copy a b --authfile -v', '--authfile needs a value: FILE', 'copy'),
    ('copy --dry-run=yes a b', '--dry-run takes no value', 'copy'),
    ('copy -q=1 a b', '-q takes no value', 'copy'),

    ('copy', 'copy needs SRC and DST', 'copy'),
    ('copy a', 'copy needs SRC and DST', 'copy'),
    ('copy -- --jobs', 'copy needs SRC and DST', 'copy'),
    ('manifest', 'manifest needs REF', 'manifest'),
    ('digest', 'digest needs REF', 'digest'),
    ('tags', 'tags needs REPO', 'tags'),
    ('digest a b', "unexpected 'b'; usage: dray digest REF", 'digest'),
    ('version now', "unexpected 'now'; usage: dray version", 'version'),
    ('help copy tags', "unexpected 'tags'; usage: dray help [COMMAND]", 'help'),

    ('copy -j 0 a b', "-j: '0' is not a number from 1 to 256", 'copy'),
    ('copy -j257 a b', "-j: '257' is not a number from 1 to 256", 'copy'),
    ('copy -j -5 a b', "-j: '-5' is not a number from 1 to 256", 'copy'),
    ('copy --jobs many a b', "--jobs: 'many' is not a number from 1 to 256", 'copy'),
    ('copy --jobs 4x a b', "--jobs: '4x' is not a number from 1 to 256", 'copy'),
    ('copy --concurrency=0 a b', "--concurrency: '0' is not a number from 1 to 256", 'copy'),
    ('copy --max-connections 1 a b', "--max-connections: '1' is not a number from 2 to 1024",
     'copy'),
    ('digest --retries 101 a', "--retries: '101' is not a number from 0 to 100", 'digest'),
    ('copy --chunk-size 4XB a b',
     "--chunk-size: '4XB' is neither a size, such as 4MiB or 512k, nor auto", 'copy'),
    ('copy --chunk-size 0 a b',
     "--chunk-size: '0' is neither a size, such as 4MiB or 512k, nor auto", 'copy'),
    ('copy --stall-timeout 60 a b',
     "--stall-timeout: '60' is not a duration from 1s to 24h, such as 500ms, 30s or 5m", 'copy'),
    ('tags --connect-timeout 0 a',
     "--connect-timeout: '0' is not a duration from 1ms to 60m, such as 500ms, 30s or 5m", 'tags'),
    ('copy -o jsn a b', "-o: 'jsn' is not one of text|json|ndjson; did you mean json?", 'copy'),
    ('copy --output=xml a b', "--output: 'xml' is not one of text|json|ndjson", 'copy'),
    ('copy --progress bars a b',
     "--progress: 'bars' is not one of auto|bar|plain|none; did you mean bar?", 'copy'),
    ('copy --log-format xml a b', "--log-format: 'xml' is not one of text|json", 'copy'),
    ('copy --report all.pdf a b',
     "--report: 'all.pdf' ends in none of .html .md .xml .json", 'copy'),
    ('copy --report .xml a b', "--report: '.xml' ends in none of .html .md .xml .json", 'copy'),
    ('copy --progress plian a b',
     "--progress: 'plian' is not one of auto|bar|plain|none; did you mean plain?", 'copy'),
    ('copy --limit-rate auto a b', "--limit-rate: 'auto' is not a size, such as 4MiB or 512k", 'copy'),
    ('copy --deadline 5 a b', "--deadline: '5' is not a duration from 1ms to 720h, such as 500ms, "
     '30s or 5m', 'copy'),
    ('copy --plain-http http://lan:5000 a b',
     "--plain-http: 'http://lan:5000' is not a host, such as registry.lan:5000", 'copy'),
    ('copy --insecure lan/a lan/b', "--insecure: 'lan/a' is not a host, such as registry.lan:5000",
     'copy'),
)


class Usage(SystemTest):
    def assertUsage(self, result, message, command):
        self.assertEqual(result.code, 2, result)
        self.assertEqual(result.out, '', result)
        space = ' ' if command else ''
        self.assertEqual(result.err, f"dray: {message}\nSee 'dray {command}{space}--help'.\n")

    def test_each_mistake_names_what_is_right(self):
        for typed, message, command in USAGE_ERRORS:
            with self.subTest(typed):
                self.assertUsage(self.dray(*typed.split()), message, command)

    def test_dray_jobs_is_checked_as_the_flag_is(self):
        for value in ('0', '257', 'many', '-1'):
            with self.subTest(value):
                self.assertUsage(self.dray('copy', 'a', 'b', env={'DRAY_JOBS': value}),
                                 f"DRAY_JOBS: '{value}' is not a number from 1 to 256", 'copy')

    def test_control_characters_do_not_reach_the_terminal(self):
        result = self.assertFails(self.dray('copy', '--a\x1b[2J\n::error::b', 'a', 'b'), 2)
        self.assertEqual(result.err.splitlines()[0], 'dray: unknown flag --a?[2J?::error::b')

    def test_without_a_command_the_help_is_an_error(self):
        result = self.dray()
        self.assertEqual((result.code, result.out), (2, ''))
        self.assertEqual(result.err, self.dray('help').out)


class Help(SystemTest):
    def help_of(self, *args):
        result = self.assertOk(self.dray(*args))
        self.assertEqual(result.err, '')
        for line in result.out.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return result.out

    def test_help_lists_the_commands_with_an_example(self):
        text = self.help_of('help')
        for command in COMMANDS:
            self.assertRegex(text, rf'(?m)^  {command} ')
        self.assertRegex(text, r'Examples:\n  dray copy ')
        for flag in ('--help', '-h'):
            self.assertEqual(self.help_of(flag), text)

    def test_each_command_has_help_with_an_example(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.help_of(command, '--help')
                self.assertRegex(text, rf'^Usage: dray {command}\b')
                self.assertRegex(text, rf'Examples:\n  dray {command}\b')
                for args in ((command, '-h'), ('help', command), ('--help', command)):
                    self.assertEqual(self.help_of(*args), text)

    def test_each_flag_is_in_the_help_of_its_commands(self):
        for command in ('copy', 'manifest', 'digest', 'tags'):
            text = self.help_of(command, '--help')
            for flag in CONNECTION_FLAGS:
                self.assertRegex(text, rf'[ ,]{flag}[ ,]', command)
            for flag in COPY_FLAGS:
                known = re.search(rf'[ ,]{flag}[ ,;\n]', text) is not None
                self.assertEqual(known, command == 'copy', f'{flag} of {command}')

    def test_defaults_are_the_documented_ones(self):
        text = ' '.join(self.help_of('copy', '--help').split())
        for flag, default in (('--jobs N', '16'), ('--max-connections N', '64'),
                              ('--chunk-size SIZE|auto', 'auto'), ('--retries N', '5'),
                              ('--stall-timeout DUR', '60s'), ('--connect-timeout DUR', '15s'),
                              ('--output text|json|ndjson', 'text'), ('--state FILE|none', r'\$XDG_STATE_HOME/dray/state\.db'),
                              ('--progress auto|bar|plain|none', 'auto')):
            self.assertRegex(text, rf'{re.escape(flag)} (?:(?! --).)*\(default {default}\)')

    def test_help_wins_over_what_follows_and_what_is_missing(self):
        text = self.help_of('copy', '--help')
        self.assertEqual(self.help_of('copy', 'a', '-h', '--frobnicate'), text)
        self.assertEqual(self.help_of('copy', '-qh'), text)


class Version(SystemTest):
    def test_version_names_itself_and_its_libraries(self):
        result = self.assertOk(self.dray('version'))
        first, second, *sources = result.out.splitlines()
        self.assertRegex(first, r'^dray \d+\.\d+\.\d+ \(([0-9a-f]{12}|unknown)\)$')
        inside = [re.match(r'([A-Za-z-]+\d?)(/\d+(\.\d+)+)?$', word) for word in second.split()]
        self.assertEqual({library[1]: bool(library[2]) for library in inside}, {
            'libcurl': True, 'BoringSSL': False, 'c-ares': True, 'nghttp2': True, 'libuv': True,
            'jansson': True, 'SQLite': True, 'PCRE2': True, 'libyaml': True})
        with open(f'{TOP}/build/deps/current/sources', encoding='utf-8') as file:
            built_from = re.findall(r'([^/\n]+_[^/\n]+)\.dsc$', file.read(), re.M)
        self.assertEqual(sources, ['sources: ' + ' '.join(built_from)] if built_from else [])
        self.assertEqual(self.assertOk(self.dray('--version')).out, result.out)


class References(SystemTest):
    """All are refused before anything is sent."""

    def assertRefused(self, args, *words):
        reg = self.registries[0]
        result = self.assertFails(self.dray(*args), 2, *words)
        self.assertRegex(result.err, r'^dray: error: ')
        self.assertEqual(result.out, '')
        self.assertEqual(reg.count(), 0, reg.dump())

    def test_capitals_give_the_lower_case_form(self):
        host = self.registry().host
        good = f'{host}/good:v1'
        self.assertRefused(('copy', f'{host}/Team/App:v1', good), 'team/app')
        self.assertRefused(('copy', good, f'{host}/Team/App:v1'), 'team/app')
        self.assertRefused(('copy', good, good, f'{host}/Team/App:v1'), 'team/app')
        for command in ('manifest', 'digest'):
            self.assertRefused((command, f'{host}/Team/App:v1'), 'team/app')
        self.assertRefused(('tags', f'{host}/Team/App'), 'team/app')

    def test_a_target_whose_host_was_forgotten(self):
        host = self.registry().host
        for target in ('app', 'app:v1', 'docker.io/library/app', 'library/app'):
            self.assertRefused(('copy', f'{host}/app:v1', target), 'library', 'host')

    def test_a_scheme_is_left_out(self):
        host = self.registry().host
        for scheme in ('https', 'http'):
            self.assertRefused(('copy', f'{scheme}://{host}/app', f'{host}/b'), f'{scheme}://')
            self.assertRefused(('digest', f'{scheme}://{host}/app'), f'{scheme}://')

    def test_what_is_no_reference(self):
        host = self.registry().host
        for bad in ('', f'{host}/', f'{host}/app:', f'{host}/app@sha256:12', f'{host}/a b',
                    f'{host}/app:-v', '-'):
            with self.subTest(bad):
                self.assertRefused(('digest', bad))

    def test_tags_takes_a_repository_alone(self):
        host = self.registry().host
        self.assertRefused(('tags', f'{host}/app:v1'))

    def test_a_usage_error_leaves_stdout_to_no_document(self):
        host = self.registry().host
        self.assertRefused(('copy', '-o', 'json', f'{host}/App', f'{host}/b'), 'app')

    def test_a_malformed_credentials_file_is_named(self):
        host = self.registry().host
        path = self.write('broken.json', '{"auths": [')
        self.assertRefused(('copy', '--authfile', path, f'{host}/a', f'{host}/b'), path)


class Copy(SystemTest):
    def setUp(self):
        super().setUp()
        self.reg = self.registry(mount='decline')
        self.image = images.multi(platforms=2, shared=1, own=1)
        self.source = self.image.put(self.reg, 'src/app', 'v1')

    def target(self, name):
        return self.reg.ref(f'dst/{name}:v1')

    def test_flags_in_all_their_forms(self):
        host = self.reg.host
        for number, flags in enumerate((
                ['-j8'], ['-j', '8'], ['-j=8'], ['--jobs', '8'], ['--jobs=8'],
                ['--concurrency', '8'], ['-qj8'], ['--chunk-size', '4MiB'], ['--chunk-size=auto'],
                ['--retries', '0'], ['--stall-timeout', '5m', '--connect-timeout', '500ms'],
                ['--max-connections=2'], ['--plain-http', host, '--plain-http', 'lan:5000'],
                ['--tls=lan:5001', '--insecure', 'lan:5002'], ['--state', 'none'],
                ['--progress', 'plain', '-o', 'text'])):
            with self.subTest(' '.join(flags)):
                self.assertOk(self.dray('copy', *flags, self.source, self.target(f'{number}a')))
                self.assertOk(self.dray('copy', self.source, self.target(f'{number}b'), *flags))
                self.assertOk(self.dray('copy', *flags, '--', self.source,
                                        self.target(f'{number}c')))

    def test_the_flag_wins_over_dray_jobs(self):
        self.assertOk(self.dray('copy', '-j2', self.source, self.target('a'),
                                env={'DRAY_JOBS': 'many'}))
        self.assertOk(self.dray('copy', self.source, self.target('b'), env={'DRAY_JOBS': '3'}))
        self.assertOk(self.dray('copy', self.source, self.target('c'), env={'DRAY_JOBS': ''}))

    def test_the_summary_of_one_image(self):
        target = self.target('app')
        first = self.assertOk(self.dray('copy', self.source, target))
        head, figures = first.out.splitlines()
        self.assertEqual(head, f'copied {self.source} -> {target}')
        self.assertRegex(figures, rf'^{self.image.digest}  [\d.]+ (B|KiB) in '
                                  rf'{len(self.image.blobs)} blobs, \d+\.\d s$')
        self.assertEqual(first.err, '')
        head, figures = self.assertOk(self.dray('copy', self.source, target)).out.splitlines()
        self.assertEqual(head, f'unchanged {self.source} -> {target}')
        self.assertRegex(figures, rf'^{self.image.digest}  \d+\.\d s$')

    def test_the_summary_of_several_images(self):
        a, b = self.target('a'), self.target('b')
        self.assertOk(self.dray('copy', self.source, a))
        result = self.assertOk(self.dray('copy', self.source, a, b))
        image, totals = result.out.splitlines()
        self.assertRegex(image, rf'^copied {self.source} -> {b}, {self.image.digest}, [\d.]+ (B|KiB) in \d+ blobs?'
                                r'( \(.*\))?, \d+\.\d s$')
        self.assertRegex(totals, r'^2 images: 1 copied, 1 unchanged; [\d.]+ (B|KiB), \d+\.\d s$')
        verbose = self.assertOk(self.dray('copy', '-v', self.source, a, b))
        self.assertEqual(verbose.out.count('unchanged'), 3)

    def test_the_summary_of_a_failure(self):
        missing, target = self.reg.ref('src/app:v2'), self.target('app')
        result = self.assertFails(self.dray('copy', missing, target), 1, missing)
        self.assertEqual(result.out, f'failed {missing} -> {target}\n')
        self.assertRegex(result.err, r'^dray: error: .*\n$')

    def test_a_dry_run_says_what_would_be_copied_and_writes_nothing(self):
        other = self.registry()
        target = other.ref('dst/app:v1')
        result = self.assertOk(self.dray('copy', '--dry-run', self.source, target))
        head, figures = result.out.splitlines()
        self.assertEqual(head, f'would copy {self.source} -> {target}')
        self.assertRegex(figures, rf'^{self.image.digest}  [\d.]+ (B|KiB) in '
                                  rf'{len(self.image.blobs)} blobs, \d+ metered pulls$')
        document = self.assertOk(self.dray('copy', '--dry-run', '-o', 'json', self.source,
                                           target)).json()
        self.assertEqual(document['images'][0]['status'], 'planned')
        self.assertEqual(document['totals']['planned_bytes'], self.image.size)
        self.assertGreater(document['totals']['pulls'], 0)
        self.assertEqual(other.requests(method=['POST', 'PUT', 'PATCH', 'DELETE']), [])

    def test_quiet_says_errors_alone(self):
        result = self.assertOk(self.dray('copy', '-q', self.source, self.target('app')))
        self.assertEqual((result.out, result.err), ('', ''))
        result = self.assertFails(self.dray('copy', '-q', self.reg.ref('no/such:v1'),
                                            self.target('app')), 1)
        self.assertEqual(result.out, '')
        self.assertRegex(result.err, r'^dray: error: .*\n$')

    def test_verbose_shows_every_request_on_stderr(self):
        result = self.assertOk(self.dray('copy', '-v', self.source, self.target('app')))
        for line in result.err.splitlines():
            self.assertRegex(line, '^dray: ')
        for entry in self.reg.requests():
            self.assertIn(f'{entry.method} ', result.err)
            self.assertIn(entry.path, result.err)

    def test_insecure_warns_unless_quiet(self):
        reg = self.registry(tls=self.authority().server)
        ref = self.image.put(reg, 'app', 'v1')
        flags = ('--tls', reg.host, '--insecure', reg.host)
        result = self.assertOk(self.dray('digest', *flags, ref))
        self.assertRegex(result.err, rf'(?m)^dray: warning: .*{reg.host}')
        self.assertEqual(self.assertOk(self.dray('digest', '-q', *flags, ref)).err, '')


class Document(SystemTest):
    def setUp(self):
        super().setUp()
        self.reg = self.registry(mount='decline')
        self.image = images.image(parts=2)
        self.source = self.image.put(self.reg, 'src/app', 'v1')

    def test_the_document_of_one_copy(self):
        target = self.reg.ref('dst/app:v1')
        result = self.assertOk(self.dray('copy', '-o', 'json', self.source, target))
        document = result.json()
        self.assertEqual(list(document), ['version', 'images', 'totals'])
        self.assertEqual(document['version'], 1)
        image, = document['images']
        self.assertGreater(image.pop('seconds'), 0)
        self.assertEqual(image, {
            'source': self.source, 'target': target, 'digest': self.image.digest,
            'status': 'copied', 'media_type': self.image.media_type, 'bytes': self.image.size,
            'blobs': {'transferred': 3, 'mounted': 0, 'existing': 0}, 'error': None})
        totals = document['totals']
        self.assertGreater(totals.pop('seconds'), 0)
        self.assertEqual(totals, {
            'images': 1, 'copied': 1, 'unchanged': 0, 'failed': 0, 'skipped': 0, 'deleted': 0,
            'bytes': self.image.size, 'requests': self.reg.count(), 'retries': 0})
        self.assertRegex(result.err, rf'^dray: copied {self.source} -> {target}, .*\n$')

    def test_progress_has_a_line_an_image_or_none(self):
        def lines(*flags):
            result = self.dray('copy', '-o', 'json', *flags, self.source, self.reg.ref('dst/a:v1'))
            return self.assertOk(result).err.splitlines()
        self.assertEqual(lines('--progress', 'none'), [])
        self.assertEqual(lines('--progress', 'plain'), [])  # unchanged: only at -v
        self.assertTrue(any('unchanged' in line for line in lines('--progress=plain', '-v')))

    def test_failures_are_in_the_document_and_on_stderr(self):
        missing = self.reg.ref('no/such:v1')
        result = self.assertFails(self.dray('copy', '-o', 'json', missing, self.reg.ref('a:v1'),
                                            self.reg.ref('b:v1')), 1)
        document = result.json()
        self.assertEqual([image['status'] for image in document['images']], ['failed', 'failed'])
        self.assertEqual(document['totals']['failed'], 2)
        for image in document['images']:
            self.assertEqual(image['error']['code'], 'not_found')
            self.assertEqual(image['error']['host'], self.reg.host)
            self.assertEqual(image['error']['http_status'], 404)
            self.assertIn(f'dray: error: {image["error"]["message"]}\n', result.err)

    def test_a_dry_run_with_nothing_to_do_has_its_totals_too(self):
        target = self.reg.ref('dst/app:v1')
        self.assertOk(self.dray('copy', self.source, target))
        result = self.dray('copy', '-o', 'json', '--dry-run', self.source, target)
        totals = self.assertOk(result).json()['totals']
        self.assertEqual((totals['unchanged'], totals['planned_bytes']), (1, 0))

    def test_no_host_and_no_status_are_null(self):
        nobody = '127.0.0.1:1'
        result = self.dray('copy', '-o', 'json', '--retries', '0', f'{nobody}/a:v1',
                           self.reg.ref('a:v1'))
        error = self.assertFails(result, 1, nobody).json()['images'][0]['error']
        self.assertEqual((error['host'], error['http_status']), (nobody, None))


class Reading(SystemTest):
    def setUp(self):
        super().setUp()
        self.reg = self.registry()
        self.image = images.multi(spaces=True)
        self.ref = self.image.put(self.reg, 'app', 'v1')

    def test_manifest_prints_its_bytes_alone(self):
        done = subprocess.run([DRAY, 'manifest', self.ref], env=self.environment(),
                              capture_output=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, self.image.data, b''))

    def test_digest_prints_the_digest_alone(self):
        result = self.assertOk(self.dray('digest', self.ref))
        self.assertEqual((result.out, result.err), (f'{self.image.digest}\n', ''))

    def test_tags_come_one_a_line_in_the_order_of_versions(self):
        for tag in ('v1.10', 'latest', 'v1.9', 'edge'):
            self.image.put(self.reg, 'app', tag)
        result = self.assertOk(self.dray('tags', self.reg.ref('app')))
        self.assertEqual(result.out.splitlines(), ['v1', 'v1.9', 'v1.10', 'edge', 'latest'])

    def test_what_is_missing_is_one_error(self):
        for args in (('manifest', 'no/such:v1'), ('digest', 'no/such:v1'), ('tags', 'no/such')):
            with self.subTest(args):
                result = self.assertFails(self.dray(args[0], self.reg.ref(args[1])), 1, args[1])
                self.assertEqual(result.out, '')
                self.assertRegex(result.err, r'^dray: error: .*\n$')

    def test_verbose_leaves_stdout_as_it_is(self):
        result = self.assertOk(self.dray('digest', '-v', self.ref))
        self.assertEqual(result.out, f'{self.image.digest}\n')
        self.assertIn('/v2/app/manifests/v1', result.err)


class Stdout(SystemTest):
    """What dray does when its result can't be written."""

    def setUp(self):
        super().setUp()
        self.reg = self.registry()
        self.source = images.image().put(self.reg, 'src/app', 'v1')
        self.target = self.reg.ref('dst/app:v1')

    def run_into(self, stdout, *args):
        return subprocess.run([DRAY, *args], env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
                              check=False)

    def test_a_reader_that_goes_away_does_not_kill_the_copy(self):
        for flags in ((), ('-o', 'json')):
            read, write = os.pipe()
            os.close(read)
            done = self.run_into(write, 'copy', *flags, self.source, self.target)
            os.close(write)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn('error', done.stderr)
            self.assertCopied(self.source, self.target)

    def test_a_full_disk_is_a_failure(self):
        for args in (('manifest', self.source), ('digest', self.source), ('version',), ('help',),
                     ('tags', self.reg.ref('src/app')), ('copy', self.source, self.target),
                     ('copy', '-o', 'json', self.source, self.target)):
            with self.subTest(args), open('/dev/full', 'wb') as full:
                done = self.run_into(full, *args)
                self.assertEqual(done.returncode, 1)
                self.assertIn('dray: error: the result cannot be written to stdout: No space left '
                              'on device\n', done.stderr)
        self.assertCopied(self.source, self.target)

    def test_a_closed_stdout_is_never_another_file(self):
        command = ['sh', '-c', 'exec "$@" >&-', 'sh', DRAY, 'copy', '-o', 'json', self.source,
                   self.target]
        done = subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('the result cannot be written', done.stderr)
        self.assertCopied(self.source, self.target)


class Signals(SystemTest):
    def stop(self, number):
        reg = self.registry(mount='decline')
        source = images.image().put(reg, 'src/app', 'v1')
        gate = reg.on('blob', method='GET').hold()
        run = self.start('copy', '-o', 'json', source, reg.ref('dst/app:v1'))
        gate.wait_reached()
        run.signal(number)
        result = run.wait(10)
        self.assertEqual(result.code, 128 + number, result)
        self.assertIn('dray: stopping; a second Ctrl-C leaves at once\n', result.err)
        self.assertEqual(json.loads(result.out)['images'][0]['status'], 'failed')
        self.assertEqual(reg.tags('dst/app'), {})

    def test_sigint(self):
        self.stop(signal.SIGINT)

    def test_sigterm(self):
        self.stop(signal.SIGTERM)


class Progress(SystemTest):
    def test_a_long_copy_shows_totals_rate_and_time_left(self):
        reg = self.registry(mount='decline')
        source = images.image(parts=1, size=8 << 20).put(reg, 'src/app', 'v1')
        reg.on('blob', method='GET').rate(650_000)
        run = self.start('copy', '--progress', 'plain', source, reg.ref('dst/app:v1'))
        shape = r'(?m)^dray: \d+\.\d MiB of 8\.0 MiB, [\d.]+ KiB/s, \d+s left$'
        self.assertRegex(self.assertOk(run.wait()).err, shape)


if __name__ == '__main__':
    unittest.main()

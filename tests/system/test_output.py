"""What a run says of itself: documents and events against docs/output.schema.json, the log, bars on a
terminal, reports."""

import json
import os
import pty
import re
import signal
import threading
import xml.etree.ElementTree
from datetime import datetime, timezone

from tests.system import hostile
from tests.system.lib import TOP, SystemTest, images, unittest
from tests.system.schema import OUTPUT, Misfit

MIB = 1 << 20
FIGURES = r'[\d.]+ (?:B|KiB|MiB) in \d+ blobs?(?: \(.*\))?, \d+\.\d s'


class OutputTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.multi(platforms=2)
        self.source = self.image.put(self.src, 'app', 'v1')
        self.target = self.dst.ref('copies/app:v1')
        self.missing = self.src.ref('no/such:v1')

    def events(self, *args, code=0, **options):
        """Those of a run; each fits the schema."""
        result = self.dray('copy', '-o', 'ndjson', *args, **options)
        self.assertEqual(result.code, code, result)
        for event in result.events():
            OUTPUT.check(event, 'event')
        return result.events()

    def read(self, path):
        with open(path, encoding='utf-8') as file:
            return file.read()

    def of_kind(self, events, kind):
        return [event for event in events if event['event'] == kind]


class Events(OutputTest):
    def test_a_copy_from_start_to_end(self):
        events = self.events(self.source, self.target)
        self.assertEqual(events[0], {'event': 'start', 'version': 1})
        self.assertEqual([event['event'] for event in events[-2:]], ['image', 'end'])
        plan, = self.of_kind(events, 'plan')
        self.assertEqual(plan, {
            'event': 'plan', 'source': self.source, 'target': self.target,
            'digest': self.image.digest, 'manifests': 3, 'blobs': len(self.image.blobs),
            'bytes': self.image.size})
        blobs = self.of_kind(events, 'blob')
        self.assertEqual({blob['digest'] for blob in blobs}, set(self.image.blobs))
        for blob in blobs:
            self.assertEqual((blob['from'], blob['to'], blob['offset'], blob['resumed'],
                              blob['mounted'], blob['existing']),
                             (self.src.host, self.dst.host, 0, False, False, False))
            self.assertLessEqual(blob['began'] + blob['seconds'],
                                 events[-1]['totals']['seconds'] + 0.002)
        self.assertEqual(sum(blob['size'] for blob in blobs), self.image.size)

    def test_image_and_totals_are_those_of_the_document(self):
        def steady(value):
            """Without the times."""
            return {key: steady(part) if isinstance(part, dict) else part
                    for key, part in value.items() if key != 'seconds'}
        other = self.registry()
        document = self.assertFails(self.dray('copy', '-o', 'json', self.missing, self.target), 1).json()
        OUTPUT.check(document, 'document')
        self.dray('copy', self.source, self.target)
        events = self.events(self.missing, other.ref('x:v1'), code=1)
        wanted, = document['images']
        image, = self.of_kind(events, 'image')
        self.assertEqual(image.pop('event'), 'image')
        self.assertEqual(image.keys(), wanted.keys())
        self.assertEqual(image['error'].keys(), wanted['error'].keys())
        document = self.dray('copy', '-o', 'json', self.source, self.target).json()
        OUTPUT.check(document, 'document')
        events = self.events(self.source, self.target)
        image, = self.of_kind(events, 'image')
        del image['event']
        self.assertEqual(steady(image), steady(document['images'][0]))
        self.assertEqual(steady(events[-1]['totals']), steady(document['totals']))

    def test_mounted_and_existing_blobs_were_read_from_nowhere(self):
        self.assertOk(self.dray('copy', self.source, self.dst.ref('copies/app:v1')))
        events = self.events(self.dst.ref('copies/app:v1'), self.dst.ref('more/app:v1'))
        blobs = self.of_kind(events, 'blob')
        self.assertEqual({(blob['from'], blob['mounted'], blob['existing']) for blob in blobs},
                         {(None, True, False)})
        image, = self.of_kind(events, 'image')
        self.assertEqual(image['blobs'],
                         {'transferred': 0, 'mounted': len(blobs), 'existing': 0})

    def test_a_retry_tells_what_and_why(self):
        self.src.on('blob', nth=1).status(503, code='UNAVAILABLE', message='come again')
        events = self.events(self.source, self.target)
        retries = self.of_kind(events, 'retry')
        self.assertEqual(len(retries), events[-1]['totals']['retries'])
        self.assertGreater(len(retries), 0)
        for retry in retries:
            self.assertEqual((retry['host'], retry['attempt']), (self.src.host, 1))
            self.assertRegex(retry['request'], '^GET .*/blobs/sha256:')
            self.assertIn('503', retry['reason'])

    def test_what_an_earlier_run_left_is_resumed(self):
        image = images.image(1, size=8 * MIB)
        source, target = image.put(self.src, 'large', 'v1'), self.dst.ref('large:v1')
        flags = ('--chunk-size', MIB, source, target)
        gate = self.dst.on('upload-patch', when=lambda request: request.length > 10_000,
                           nth=3).hold(received=MIB // 2)
        run = self.start('copy', '-o', 'ndjson', *flags)
        gate.wait_reached()
        self.assertEqual([event['event'] for event in map(json.loads, run.read_out().splitlines())][:2],
                         ['start', 'plan'], 'events come as they happen')
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait().code, 143)
        self.dst.rules.clear()
        OUTPUT.check(run.result.events()[-1], 'end')
        line = self.assertOk(self.dray('copy', '--dry-run', '-o', 'json', source, target)).json()
        OUTPUT.check(line, 'document')
        result = self.assertOk(self.dray('copy', '-o', 'ndjson', *flags))
        layer, = [event for event in result.events()
                  if event['event'] == 'blob' and event['digest'] == image.parts[1].digest]
        self.assertTrue(layer['resumed'])
        self.assertGreaterEqual(layer['offset'], MIB)
        self.assertLess(layer['offset'], 3 * MIB)
        self.assertRegex(result.err, rf'(?m)^dray: copied {source} -> {target}, {image.digest}, '
                                     r'[\d.]+ MiB in \d blobs? \(1 resumed.*\), \d+\.\d s$')

    def test_a_dry_run_has_its_totals(self):
        totals = self.events('--dry-run', self.source, self.target)[-1]['totals']
        self.assertEqual((totals['planned_bytes'], totals['copied']), (self.image.size, 0))
        self.assertGreater(totals['pulls'], 0)

    def test_skipped_and_of_one_platform(self):
        other = images.image(seed='other').put(self.src, 'other', 'v1')
        events = self.events('--platform', 'linux/amd64', self.source, self.target)
        image, = self.of_kind(events, 'image')
        self.assertNotIn(image['digest'], ('', self.image.digest))
        report = self.path('skipped.xml')
        image, end = self.events('--if-exists', 'skip', '--report', report, other, self.target)[-2:]
        self.assertEqual((image['status'], end['totals']['skipped']), ('skipped', 1))
        suite, = xml.etree.ElementTree.fromstring(self.read(report))
        self.assertEqual((suite.get('skipped'), suite.get('failures')), ('1', '0'))
        self.assertIsNotNone(suite[0].find('skipped'))

    def test_a_usage_error_is_no_event(self):
        self.assertEqual(self.events(self.source, 'app', code=2), [])

    def test_a_reader_that_leaves_does_not_end_the_copy(self):
        read, write = os.pipe()
        os.close(read)
        run = self.start('copy', '-o', 'ndjson', self.source, self.target, stdout=write)
        os.close(write)
        self.assertOk(run.wait())
        self.assertCopied(self.source, self.target)


class Mirrors(OutputTest):
    """What only `dray sync` has to tell fits the schema too."""

    def setUp(self):
        super().setUp()
        self.image.put(self.dst, 'copies/app', 'old')
        self.file = self.write('mirror.yml', {'version': 1, 'mirrors': [
            {'from': self.src.ref('app'), 'to': self.dst.ref('copies/app'), 'delete': True},
            {'from': self.src.ref('no/such'), 'to': self.dst.ref('b')}]})

    def statuses(self, images_):
        return sorted(image['status'] for image in images_)

    def test_deleted_and_unlisted(self):
        result = self.dray('sync', '--delete', '-o', 'ndjson', self.file)
        self.assertEqual(result.code, 1, result)
        for event in result.events():
            OUTPUT.check(event, 'event')
        self.assertEqual(self.statuses(self.of_kind(result.events(), 'image')),
                         ['copied', 'deleted', 'failed'])
        document = self.dray('sync', '-o', 'json', self.file).json()
        OUTPUT.check(document, 'document')
        self.assertEqual(self.statuses(document['images']), ['failed', 'unchanged'])

    def test_what_is_to_be_done(self):
        result = self.dray('sync', '--check', '-o', 'json', self.file)
        OUTPUT.check(result.json(), 'document')
        self.assertEqual(self.statuses(result.json()['images']), ['failed', 'planned'])

    def test_the_reports_have_them(self):
        files = [self.path(f'r.{ending}') for ending in ('md', 'xml', 'html')]
        flags = [word for file in files for word in ('--report', file)]
        self.dray('sync', '--delete', *flags, self.file)
        table, suites, page = map(self.read, files)
        rows = [hostile.cells(line)[0].strip() for line in table.splitlines() if line.startswith('|')]
        self.assertEqual(rows[2], '**failed**')
        self.assertEqual(sorted(rows[3:]), ['copied', 'deleted'])
        suite, = xml.etree.ElementTree.fromstring(suites)
        self.assertEqual((suite.get('tests'), suite.get('failures')), ('3', '1'))
        self.assertEqual(page.count('<tr class='), 3)


class Documentation(SystemTest):
    """docs/output.md has each key and event, and examples that fit the schema."""

    def setUp(self):
        super().setUp()
        with open(f'{TOP}/docs/output.md', encoding='utf-8') as file:
            self.text = file.read()

    def test_its_examples_fit_the_schema(self):
        blocks = re.findall(r'^```json\n(.*?)^```', self.text, re.M | re.S)
        document, events, log = (block.replace('…', '0') for block in blocks)
        OUTPUT.check(json.loads(document), 'document')
        for line in events.splitlines():
            OUTPUT.check(json.loads(line), 'event')
        self.assertEqual(list(json.loads(log)), ['time', 'level', 'message', 'host'])

    def test_it_names_each_key(self):
        for name, rule in OUTPUT.root['definitions'].items():
            for key in rule.get('properties', {}):
                with self.subTest(definition=name, key=key):
                    self.assertIn(f'`{key}`', self.text)
        for rule in OUTPUT.root['definitions']['event']['oneOf']:
            name = rule['$ref'].rpartition('/')[2].partition('_')[0]
            self.assertIn(f'| `{name}` |', self.text)

    def test_the_schema_refuses_what_is_different(self):
        good = {'version': 1, 'images': [], 'totals': {key: 0 for key in (
            'images', 'copied', 'unchanged', 'failed', 'skipped', 'deleted', 'bytes', 'requests',
            'retries', 'seconds')}}
        OUTPUT.check(good)
        for bad in ({**good, 'version': 2}, {**good, 'more': 1}, {**good, 'images': {}},
                    {**good, 'totals': {**good['totals'], 'bytes': -1}},
                    {**good, 'totals': {**good['totals'], 'images': True}},
                    {'event': 'start'}, {'event': 'begin', 'version': 1},
                    {key: value for key, value in good.items() if key != 'totals'}):
            with self.subTest(bad), self.assertRaises(Misfit):
                OUTPUT.check(bad)


class Log(OutputTest):
    def lines(self, result):
        objects = [json.loads(line) for line in result.err.splitlines()]
        for line in objects:
            self.assertLessEqual({'time', 'level', 'message'}, line.keys())
            self.assertLessEqual(line.keys(), {'time', 'level', 'message', 'host'})
            self.assertIn(line['level'], ('error', 'warning', 'info', 'debug'))
            self.assertRegex(line['time'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
            age = datetime.now(timezone.utc) - datetime.fromisoformat(line['time'])
            self.assertLess(abs(age.total_seconds()), 300)
        return objects

    def test_json_has_a_line_an_image_and_one_for_an_error(self):
        result = self.dray('copy', '--log-format', 'json', self.source, self.target)
        line, = self.lines(self.assertOk(result))
        self.assertEqual(line['level'], 'info')
        self.assertRegex(line['message'], f'^copied {self.source} -> {self.target}, '
                                          f'{self.image.digest}, {FIGURES}$')
        result = self.dray('copy', '--log-format', 'json', '-q', self.missing, self.target)
        line, = self.lines(self.assertFails(result, 1))
        self.assertEqual((line['level'], line['host']), ('error', self.src.host))
        self.assertIn(self.missing, line['message'])

    def test_json_at_v_is_json_to_the_end(self):
        self.src.on('blob', nth=1).status(503)
        result = self.dray('copy', '--log-format', 'json', '-v', self.source, self.target)
        lines = self.lines(self.assertOk(result))
        self.assertIn('debug', {line['level'] for line in lines})
        self.assertTrue(any('/blobs/' in line['message'] for line in lines))
        self.assertTrue(any('attempt 1 failed' in line['message'] and line['host'] == self.src.host
                            for line in lines))

    def test_other_commands_have_it_too(self):
        result = self.dray('digest', '--log-format', 'json', self.missing)
        line, = self.lines(self.assertFails(result, 1))
        self.assertEqual(line['level'], 'error')

    def test_a_run_that_failed_partly_says_so_in_its_last_line(self):
        broken = self.registry()
        broken.on('manifest', method='PUT').status(403, code='DENIED', message='no')
        for flags in ((), ('-q',), ('-o', 'json'), ('-o', 'ndjson', '--progress', 'none'),
                      ('--log-format', 'json')):
            with self.subTest(flags):
                result = self.dray('copy', *flags, self.source, broken.ref('app:v1'), self.target)
                last = self.assertFails(result, 1).err.splitlines()[-1]
                if 'json' in flags and '--log-format' in flags:
                    last = f'dray: error: {json.loads(last)["message"]}'
                self.assertEqual(last, 'dray: error: 1 of 2 images failed')

    def test_where_stdout_is_json_stderr_has_a_line_an_image_and_the_totals(self):
        other = self.registry()
        for form in ('json', 'ndjson'):
            result = self.dray('copy', '-o', form, self.source, self.target, other.ref(f'{form}:v1'))
            lines = self.assertOk(result).err.splitlines()
            self.assertEqual(len(lines), 3 if form == 'json' else 2, lines)  # unchanged: only at -v
            for line in lines[:-1]:
                self.assertRegex(line, rf'^dray: copied \S+ -> \S+, {self.image.digest}, {FIGURES}$')
            self.assertRegex(lines[-1], r'^dray: 2 images: .*; [\d.]+ (B|KiB), \d+\.\d s$')

    def test_runner_debug_is_v(self):
        result = self.dray('digest', self.source, env={'RUNNER_DEBUG': '1'})
        self.assertIn('/v2/app/manifests/v1', self.assertOk(result).err)
        for value in ('', '0'):
            result = self.dray('digest', self.source, env={'RUNNER_DEBUG': value})
            self.assertEqual(self.assertOk(result).err, '')

    def test_a_registry_s_text_is_text(self):
        hostile.refuse(self.src)
        for flags in ((), ('-v',), ('-o', 'json'), ('-o', 'ndjson'), ('--log-format', 'json')):
            with self.subTest(flags):
                result = self.dray('copy', *flags, self.source, self.target)
                self.assertFails(result, 1, 'pwned')
                wrong = [line for line in hostile.find(result.out + result.err)
                         if not line.startswith('a command in')]      # GitHub's alone
                self.assertEqual(wrong, [])
                if '-o' in flags:
                    for line in result.out.splitlines() if 'ndjson' in flags else [result.out]:
                        OUTPUT.check(json.loads(line))


class Terminal(OutputTest):
    def run_on_terminal(self, *args, **env):
        """What a terminal is sent on stdout and stderr, and the status."""
        terminal, inside = pty.openpty()
        said = bytearray()

        def read():
            while True:
                try:
                    said.extend(os.read(terminal, 65536))
                except OSError:     # nobody has it open any more
                    return

        reader = threading.Thread(target=read)
        run = self.start('copy', *args, stdout=inside, stderr=inside, env={'TERM': 'xterm', **env})
        os.close(inside)
        reader.start()
        run.wait()
        reader.join(10)
        os.close(terminal)
        return run.result.code, said.decode()

    def slow(self):
        """So slow that bars are drawn: they come with the tenths of a second."""
        self.src.on('blob', each=True).delay(0.35)

    def test_bars_are_drawn_and_taken_away(self):
        self.slow()
        code, said = self.run_on_terminal(self.source, self.target, self.dst.ref('b:v1'))
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r'\[ {20}\] 0 of 2 images')
        self.assertRegex(said, r'\[[# ]{20}\] [\d.]+ (B|KiB) of [\d.]+ KiB, [\d.]+ (B|KiB)/s.*, \d+ blobs?')
        after = said[said.rindex('B/s'):]
        self.assertIn('\r\x1b[2K\x1b[1A\x1b[2K', after, 'the bars are still there')
        lines = re.sub(r'\r\x1b\[2K|\x1b\[1A\x1b\[2K', '', after).splitlines()
        self.assertRegex(lines[-1], '^2 images: 2 copied; ')

    def test_errors_are_red(self):
        code, said = self.run_on_terminal(self.missing, self.target)
        self.assertEqual(code, 1)
        self.assertIn('dray: \x1b[31merror: \x1b[0m', said)

    def test_no_code_where_none_is_wanted(self):
        self.slow()
        for number, (flags, env) in enumerate((
                ((), {'NO_COLOR': '1'}), ((), {'TERM': 'dumb'}), ((), {'TERM': ''}),
                (('--progress', 'bar'), {'NO_COLOR': '1'}), (('-o', 'ndjson'), {}),
                (('-o', 'json', '--progress', 'bar'), {}), (('--progress', 'none'), {}),
                (('--progress', 'plain'), {}), (('-q',), {}), (('--log-format', 'json'), {}))):
            with self.subTest(flags=flags, env=env):
                code, said = self.run_on_terminal(*flags, self.source, self.dst.ref(f'{number}:v1'),
                                                  **env)
                self.assertEqual(code, 0, said)
                self.assertNotIn('\x1b', said)

    def test_no_bars_without_a_terminal(self):
        self.slow()
        result = self.dray('copy', '--progress', 'bar', self.source, self.target,
                           env={'TERM': 'xterm'})
        self.assertEqual(self.assertOk(result).err, '')


class Reports(OutputTest):
    def setUp(self):
        super().setUp()
        self.refusing = self.registry()
        hostile.refuse(self.refusing, 'upload-open', 'POST')
        self.files = {ending: self.path(f'report.{ending}') for ending in ('html', 'md', 'xml', 'json')}
        flags = [word for file in self.files.values() for word in ('--report', file)]
        self.command = ('copy', *flags, self.source, self.target, self.refusing.ref('app:v1'))

    def test_each_ending_has_its_form(self):
        self.assertOk(self.dray('copy', self.source, self.target))
        self.write('report.xml', 'an old one')
        result = self.assertFails(self.dray(*self.command), 1)
        self.assertEqual(sorted(name for name in os.listdir(self.dir) if name != 'home'),
                         sorted(map(os.path.basename, self.files.values())))

        document = json.loads(self.read(self.files['json']))
        OUTPUT.check(document, 'document')
        error, = [image['error'] for image in document['images'] if image['error']]
        self.assertIn(error['message'], result.err)

        suites = xml.etree.ElementTree.fromstring(self.read(self.files['xml']))
        suite, = suites
        self.assertEqual((suite.get('tests'), suite.get('failures')), ('2', '1'))
        cases = {case.get('name'): case for case in suite}
        self.assertEqual({case.get('classname') for case in suite}, {self.source})
        self.assertEqual(cases[self.target].find('failure'), None)
        failure = cases[self.refusing.ref('app:v1')].find('failure')
        self.assertIn('\ufffe', error['message'])
        self.assertEqual((failure.get('message'), failure.text),
                         (error['message'].replace('\ufffe', '?'),) * 2)

        table = [line for line in self.read(self.files['md']).splitlines() if line.startswith('|')]
        self.assertEqual([len(hostile.cells(row)) for row in table], [4] * 4, table)
        self.assertRegex(table[2], r'^\| \*\*failed\*\* \|', 'failures come first')
        self.assertRegex(table[3], r'^\| unchanged \|')
        self.assertNotRegex(self.read(self.files['md']), r'<(?!/?code>)')

        page = self.read(self.files['html'])
        self.assertLess(page.index('>failed<'), page.index('>unchanged<'))
        self.assertIn(error['message'].replace('\ufffe', '?'), hostile.Page(page).text)

    def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(self):
        self.assertFails(self.dray(*self.command), 1)
        text = self.read(self.files['html'])
        page = hostile.Page(text)
        self.assertLessEqual(set(page.tags), {
            'html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'p', 'table', 'thead',
            'tr', 'th', 'td', 'code', 'svg', 'g', 'line', 'text', 'rect'})
        self.assertFalse({name for name in page.names if name.startswith('on')} |
                         page.names & {'src', 'href', 'action', 'style'})
        self.assertNotRegex(text, r'url\(|@import')
        self.assertEqual(text.count('<rect'), len(self.image.blobs))
        xml.etree.ElementTree.fromstring(re.search('<svg.*</svg>', text, re.S)[0])

    def test_the_waterfall_is_bounded(self):
        many = images.image(parts=230, size=64).put(self.src, 'many', 'v1')
        file = self.path('many.html')
        self.assertOk(self.dray('copy', '--report', file, many, self.dst.ref('many:v1')))
        text = self.read(file)
        self.assertEqual(text.count('<rect'), 200)
        self.assertIn('<p>31 more blobs not shown', text)

    def test_what_cannot_be_written_is_said_before_anything_is_sent(self):
        for file in (self.path('no/such/folder.md'), self.dir + '/home/run.md'):
            if file.endswith('run.md'):
                os.mkdir(file)
            result = self.dray('copy', '--report', file, self.source, self.target)
            self.assertFails(result, 2, f'the report {file} cannot be written')
        self.assertEqual((self.src.count(), self.dst.count()), (0, 0))

    def test_a_usage_error_leaves_an_old_report(self):
        file = self.write('old.json', 'old')
        self.assertFails(self.dray('copy', '--report', file, self.source, 'app'), 2)
        self.assertEqual(self.read(file), 'old')

    def test_a_pipe_is_written_to_not_replaced(self):
        fifo = self.path('pipe.md')
        os.mkfifo(fifo)
        end = os.open(fifo, os.O_RDWR)
        self.assertOk(self.dray('copy', '--report', fifo, self.source, self.target))
        self.assertRegex(os.read(end, 65536).decode(), '^### dray: 1 image: 1 copied')
        os.close(end)


if __name__ == '__main__':
    unittest.main()

"""bench/: that it counts and measures right, not how fast anything is."""

import json
import os
import re
import shutil
import subprocess
import sys

from tests.system.lib import DRAY, TOP, SystemTest, images, unittest

sys.path.insert(0, f'{TOP}/bench')

import measure  # noqa: E402

FIGURES = {'wall_s', 'cpu_s', 'peak_mib', 'source_requests', 'target_requests'}


class Compare(SystemTest):
    def bench(self, *args, dray=DRAY):
        folder = self.path('tmp')
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run([f'{TOP}/bench/compare', '--dray', dray, '--runs', '1', *args],
                              env=self.environment(TMPDIR=folder), capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(os.listdir(folder), [], 'nothing may be left behind')
        return done

    def test_the_document_has_every_figure_and_the_right_counts(self):
        done = self.bench('--size', '3MiB', '--json')
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(list(document['workloads']), ['a', 'b', 'c'])
        for found in document['workloads'].values():
            for name in 'dray', 'skopeo':
                self.assertEqual(set(found['median'][name]), FIGURES)
                self.assertEqual(found['runs'][name], [found['median'][name]])
                self.assertTrue(all(value > 0 for value in found['median'][name].values()), found)
            for key, value in found['ratio']['skopeo'].items():
                self.assertAlmostEqual(value * found['median']['skopeo'][key],
                                       found['median']['dray'][key])
        large, small, again = document['workloads'].values()
        self.assertEqual(set(large['median']), {'dray', 'skopeo', 'curl | curl', 'SHA-256 of it'})
        self.assertEqual(large['median']['dray']['source_requests'], 3)
        self.assertEqual(small['median']['dray']['source_requests'], 62)
        self.assertEqual(small['median']['dray']['target_requests'], self.requests_of_small() - 62)
        # skopeo: the manifest and 61 blobs; for each of them POST, PATCH, PUT, and more
        self.assertGreaterEqual(small['median']['skopeo']['source_requests'], 62)
        self.assertGreaterEqual(small['median']['skopeo']['target_requests'], 61 * 3 + 1)
        self.assertEqual([again['median']['dray'][f'{side}_requests']
                          for side in ('source', 'target')], [1, 1])
        for name, path in ('dray', DRAY), ('skopeo', shutil.which('skopeo')):
            self.assertEqual(document['programs'][name]['bytes'], os.path.getsize(path))
        self.assertIn('libc.so.6', document['programs']['skopeo']['libraries'])

    def requests_of_small(self):
        """What dray itself says that it sent for such an image."""
        src, dst = self.debian(), self.debian()
        self.push(images.image(60, size=20_000), src.ref('small:v1'))
        result = self.dray('copy', '-o', 'json', src.ref('small:v1'), dst.ref('small:v1'))
        return self.assertOk(result).json()['totals']['requests']

    def test_the_table(self):
        done = self.bench('--workload', 'c')
        self.assertEqual(done.returncode, 0, done.stderr)
        figure = r' +\d+\.\d+'
        self.assertRegex(done.stdout, '(?m)^c: the same again, nothing to do$')
        self.assertRegex(done.stdout, rf'(?m)^  dray{figure * 4} +1 +1$')
        self.assertRegex(done.stdout, rf'(?m)^  skopeo{figure * 4} +\d+ +\d+$')
        self.assertRegex(done.stdout, rf'(?m)^  dray / skopeo{figure * 5}$')
        self.assertRegex(done.stdout, rf'(?m)^  dray{figure * 2} +\d+  dray \d')
        heads = next(line for line in done.stdout.splitlines() if 'wall' in line)
        row = next(line for line in done.stdout.splitlines() if line.startswith('  skopeo'))
        self.assertEqual(len(heads), len(row), done.stdout)

    def test_a_program_that_fails_is_named_with_what_it_said(self):
        program = self.write('broken', '#!/bin/sh\necho out of paper >&2\nexit 7\n', mode=0o700)
        done = self.bench('--workload', 'b', dray=program)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertRegex(done.stderr, rf'{program} copy .*: ended with 7\nout of paper')

    def test_wrong_usage(self):
        for args, words in ((['--workload', 'a,x'], "no workload 'x'"), (['--runs', '0'], '--runs'),
                            (['--dray', self.path('nowhere')], 'nowhere is not there')):
            with self.subTest(args):
                done = self.bench(*args)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)


class Many(SystemTest):
    def test_every_workload_counts_right(self):
        done = subprocess.run([f'{TOP}/bench/many', '--dray', DRAY, '--runs', '1', '--tags', '4',
                               '--thousands', '30', '--distance', '4', '--json'],
                              env=self.environment(), capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        counted = [(each['median']['dray']['source_requests'],
                    each['median']['dray']['target_requests'])
                   for each in json.loads(done.stdout)['workloads']]
        manifests, blobs = 4 * 3, 3 + 4 * 2 * 3    # an index of two; 3 layers shared, 2 and a config
        fresh = (1 + manifests + blobs, 1 + 2 * blobs + manifests)
        self.assertEqual(counted, [fresh, (5, 5)] * 2 + [(31, 31)])


class Faults(SystemTest):
    def test_what_a_fault_costs(self):
        done = subprocess.run([f'{TOP}/bench/faults', '--dray', DRAY, '--size', '40'],
                              env=self.environment(), capture_output=True, text=True, timeout=200,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [re.split(r'  +', line) for line in done.stdout.splitlines()[2:]]
        self.assertEqual(len(rows), 8, done.stdout)
        for name, ours, *_ in rows:
            sent, received = map(float, ours.split(' / '))    # "fails" is no number
            self.assertTrue(1 <= sent < 1.5 and 1 <= received < 1.5, f'{name}: {ours}')


class Measure(unittest.TestCase):
    def test_a_peak_is_the_program_s_own(self):
        held = bytes(range(256)) * (64 << 12)    # 64 MiB that are not to be counted
        self.assertLess(measure.run(['true']).peak_mib, 4)
        more = measure.run([sys.executable, '-c', 'bytes(range(256)) * (64 << 12)']).peak_mib
        self.assertGreater(more, len(held) / (1 << 20))
        self.assertLess(more, 1.5 * len(held) / (1 << 20))

    def test_times(self):
        used = measure.run(['sleep', '0.2'])
        self.assertGreaterEqual(used.wall_s, 0.2)
        self.assertLess(used.cpu_s, 0.1)
        busy = 'import time\nwhile time.process_time() < 0.3: pass'
        self.assertGreaterEqual(measure.run([sys.executable, '-c', busy]).cpu_s, 0.3)

    def test_programs_that_work_together(self):
        used = measure.run(['sleep', '0.2'], ['sleep', '0.05'])
        self.assertGreaterEqual(used.wall_s, 0.2)

    def test_failure(self):
        with self.assertRaises(measure.Failed) as caught:
            measure.run(['sh', '-c', 'echo no ink; exit 3'])
        self.assertRegex(str(caught.exception), r'ended with 3\nno ink')


if __name__ == '__main__':
    unittest.main()

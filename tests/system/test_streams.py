"""The streaming engine from outside: what is read and sent how often, in which order, over how many
connections, and in how much memory."""

import contextlib
import os

from tests.system.lib import TOP, SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
RELEASE = os.path.abspath(os.environ.get('DRAY_RELEASE') or
                          os.path.join(TOP, 'build', 'release', 'dray'))


def parts(*sizes, seed='part'):
    """Blobs of exactly these sizes."""
    return [images.Part(images.contents.noise(size, f'{seed}.{number}'))
            for number, size in enumerate(sizes)]


def peak(entries):
    """How many of these requests were under way at once."""
    moments = sorted([(entry.time, 1) for entry in entries] +
                     [(entry.time + entry.seconds, -1) for entry in entries],
                     key=lambda moment: (moment[0], moment[1]))
    now = most = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


class Once(SystemTest):
    def test_every_blob_is_read_and_sent_once(self):
        src, dst = self.registry(), self.registry()
        image = images.index([images.image(parts(100, 300_000, 20 * MIB, seed=f'own.{number}') +
                                           parts(50, 400_000, 5 * MIB), seed=number)
                              for number in range(4)])
        ref = image.put(src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, dst.ref('app')))
        self.assertCopied(ref, dst.ref('app:v1'))
        self.assertEqual(sorted(entry.reference for entry in src.requests('blob')),
                         sorted(image.blobs))
        self.assertEqual(src.bytes_sent('blob'), image.size)
        self.assertEqual(dst.bytes_received(), image.size)
        self.assertEqual(dst.count('upload-open'), len(image.blobs))

    def test_no_file_is_written(self):
        src, dst = self.registry(), self.registry()
        ref = images.multi(big=20 * MIB).put(src, 'app', 'v1')
        os.mkdir(self.path('tmp'))
        nowhere = '/proc/self/nowhere'
        environment = {name: nowhere for name in (
            'HOME', 'DOCKER_CONFIG', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME',
            'XDG_RUNTIME_DIR')}
        self.environment()
        before = sorted(os.walk(self.dir))
        gate = src.on('blob', when=lambda request: True, nth=3).hold(after=0.5)
        running = self.start('copy', ref, dst.ref('app'), env={**environment,
                                                               'TMPDIR': self.path('tmp')})
        gate.wait_reached()
        opened = set()
        for entry in os.scandir(f'/proc/{running.pid}/fd'):
            with contextlib.suppress(FileNotFoundError):    # a socket that has been closed meanwhile
                opened.add(os.readlink(entry.path))
        gate.release()
        self.assertOk(running.wait())
        self.assertEqual(sorted(os.walk(self.dir)), before)
        files = {name for name in opened if name.startswith('/') and not name.startswith('/dev/')}
        self.assertLessEqual(len(files), 2, files)    # stdout and stderr of this test


class Order(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def large(self, image):
        return [part for part in image.parts if part.content.size > 256 * KIB]

    def large_gets(self):
        return self.src.requests('blob', where=lambda entry: entry.bytes_out > 256 * KIB)

    def test_largest_first(self):
        sizes = (300 * KIB, 5 * MIB, 600 * KIB, 20 * MIB, 1200 * KIB, 2500 * KIB, 10 * MIB)
        image = images.image(parts(*sizes))
        self.assertOk(self.dray('copy', '-j', '1', image.put(self.src, 'app', 'v1'),
                                self.dst.ref('app')))
        self.assertEqual([entry.bytes_out for entry in self.large_gets()],
                         sorted(sizes, reverse=True))

    def test_jobs_bounds_the_large_ones(self):
        image = images.image(parts(*[300 * KIB] * 12))
        ref = image.put(self.src, 'app', 'v1')
        self.src.on('blob').delay(0.02)
        for jobs, args, env in ((1, ['-j', '1'], {}), (3, ['--jobs', '3'], {}),
                                (2, [], {'DRAY_JOBS': '2'})):
            with self.subTest(jobs=jobs):
                self.src.log.clear()
                self.assertOk(self.dray('copy', *args, ref, self.dst.ref(f'app{jobs}'), env=env))
                self.assertEqual(peak(self.large_gets()), jobs)

    def test_small_ones_do_not_wait_for_a_large_one(self):
        image = images.image([*parts(MIB), *images.layers(30)])
        ref = image.put(self.src, 'app', 'v1')
        gate = self.src.on('blob', path=f'*{image.parts[1].digest}').hold(after=0.5)
        running = self.start('copy', '-j', '1', ref, self.dst.ref('app'))
        gate.wait_reached()
        self.assertTrue(self.dst.log.wait_for(lambda log: sum(
            entry.kind == 'upload-put' and entry.status == 201 for entry in log) == 31))
        gate.release()
        self.assertOk(running.wait())
        self.assertCopied(ref, self.dst.ref('app:v1'))

    def test_a_target_s_manifests_come_last(self):
        image = images.every_kind()
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        self.assertInOrder(self.dst)
        self.assertEqual(self.dst.events[-1].what, 'tag')


class Connections(SystemTest):
    def image(self):
        return images.image([*images.layers(40), *parts(*[300 * KIB] * 20)])

    def test_never_more_than_allowed(self):
        for most in 2, 4, 8:
            with self.subTest(most=most):
                src, dst = self.registry(latency=0.005), self.registry(latency=0.005)
                ref = self.image().put(src, 'app', 'v1')
                self.assertOk(self.dray('copy', '--max-connections', most, ref, dst.ref('app')))
                self.assertCopied(ref, dst.ref('app:v1'), deep=False)
                self.assertLessEqual(src.peak_connections, most)
                self.assertLessEqual(dst.peak_connections, most)

    def test_are_used_again(self):
        src, dst = self.registry(), self.registry()
        ref = self.image().put(src, 'app', 'v1')
        self.assertOk(self.dray('copy', '--max-connections', 8, ref, dst.ref('app')))
        self.assertLessEqual(src.connections, 8)
        self.assertLessEqual(dst.connections, 8)

    def test_a_registry_that_bears_few(self):
        for how in '503', 'reset':
            with self.subTest(how=how):
                src = self.registry(max_connections=6, over_limit=how, latency=0.005)
                dst = self.registry(max_connections=6, over_limit=how, latency=0.005)
                ref = self.image().put(src, 'app', 'v1')
                self.assertOk(self.dray('copy', ref, dst.ref('app')))
                self.assertCopied(ref, dst.ref('app:v1'), deep=False)

    def test_a_registry_that_closes_after_each_answer(self):
        src, dst = self.registry(close_after=1), self.registry(close_after=1)
        ref = self.image().put(src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, dst.ref('app')))
        self.assertCopied(ref, dst.ref('app:v1'), deep=False)

    def test_a_registry_that_closes_idle_ones(self):
        src, dst = self.registry(), self.registry(idle_timeout=0.05)
        image = self.image()
        ref = image.put(src, 'app', 'v1')
        src.on('blob', nth=range(1, 60, 7)).delay(0.15)
        self.assertOk(self.dray('copy', ref, dst.ref('app')))
        self.assertCopied(ref, dst.ref('app:v1'), deep=False)


class BackPressure(SystemTest):
    """A side that has to wait for the other is not silent: --stall-timeout is not its affair."""

    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.image(parts(3 * MIB))
        self.digest = self.image.parts[1].digest
        self.ref = self.image.put(self.src, 'app', 'v1')

    def copy(self):
        result = self.assertOk(self.dray('copy', '--stall-timeout', '1s', '-v', self.ref,
                                         self.dst.ref('app')))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertNotIn('stood still', result.err)
        return result

    def test_a_source_that_waits_for_the_target(self):
        """The source is full after half a MiB and stays so for longer than the stall timeout."""
        self.dst.on('upload-open', nth=(1, 2)).status(503, retry_after=2)
        result = self.copy()
        self.assertGreater(result.seconds, 1.9)
        self.assertEqual(self.src.count('blob', path=f'*{self.digest}'), 1)

    def test_a_target_that_waits_for_the_source(self):
        """The upload is in its middle while the source asks for two seconds' patience."""
        self.src.on('blob', path=f'*{self.digest}', nth=1).reset(after=0.5)
        self.src.on('blob', path=f'*{self.digest}', nth=2).status(503, retry_after=2)
        result = self.copy()
        self.assertGreater(result.seconds, 1.9)
        self.assertEqual(self.dst.count('upload-open'), 2)
        self.assertEqual(self.dst.bytes_received(), self.image.size)

    def test_a_slow_target(self):
        self.dst.on('upload-put').rate(2 * MIB)
        self.copy()
        self.assertEqual(self.src.count('blob'), 2)

    def test_a_slow_source(self):
        self.src.on('blob', path=f'*{self.digest}').rate(2 * MIB)
        self.copy()
        self.assertEqual(self.dst.bytes_received(), self.image.size)


@unittest.skipUnless(os.path.exists(RELEASE), f'no release build at {RELEASE} (DRAY_RELEASE)')
class Memory(SystemTest):
    """The release build: a sanitizer's own memory would drown the program's."""

    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry(keep_limit=0)

    def peak_mib(self, *args):
        result = self.assertOk(self.start(*args, program=RELEASE).wait(60))
        return result.peak_kb / 1024

    def put(self, count, size, **fields):
        image = images.image(parts(*[size] * count))
        return image.put(self.src, 'app', 'v1')

    def test_16_large_ones_at_once(self):
        ref = self.put(20, 20 * MIB)
        self.assertLess(self.peak_mib('copy', '-j', '16', ref, self.dst.ref('app')), 24)
        self.assertGreaterEqual(self.src.log.peak('blob'), 14)

    def test_64_large_ones_at_once(self):
        ref = self.put(68, 8 * MIB)
        self.assertLess(self.peak_mib('copy', '-j', '64', ref, self.dst.ref('app')), 64)

    def test_a_slow_target_behind_a_fast_source(self):
        ref = self.put(16, 17 * MIB)
        self.dst.on('upload-patch').rate(20 * MIB)
        self.assertLess(self.peak_mib('copy', ref, self.dst.ref('app')), 24)

    def test_does_not_grow_with_a_blob(self):
        ref = self.put(1, 512 * MIB)
        self.assertLess(self.peak_mib('copy', ref, self.dst.ref('app')), 12)

    def test_many_small_ones(self):
        ref = self.put(400, 200 * KIB)
        self.assertLess(self.peak_mib('copy', ref, self.dst.ref('app')), 24)

    def test_many_images(self):
        """Their descriptors alone would be 8 MiB."""
        ref = images.multi(platforms=8, shared=4, own=4).put(self.src, 'app', 'v1')
        self.assertLess(self.peak_mib('copy', '-q', ref, *(
            self.dst.ref(f'app{number}') for number in range(1600))), 24)


if __name__ == '__main__':
    unittest.main()

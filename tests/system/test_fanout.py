"""One source, several targets: the source is read once, the slowest sets the pace, and a target
that fails or hangs leaves the others alone."""

import os
import shutil
import signal

from tests.system.lib import TOP, SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
RELEASE = os.environ.get('DRAY_RELEASE') or os.path.join(TOP, 'build', 'release', 'dray')


def layers(*sizes):
    return images.image([images.Part(images.contents.noise(size)) for size in sizes])


class FanOut(SystemTest):
    def setUp(self):
        super().setUp()
        self.src = self.registry()
        self.dst = [self.registry() for _ in range(3)]
        self.good, self.bad = self.dst[::2], self.dst[1]

    def put(self, image):
        self.image, self.ref = image, image.put(self.src, 'app', 'v1')
        self.layer = image.parts[-1].digest if image.parts else None

    def command(self, *flags):
        return ('copy', *flags, '-o', 'json', self.ref, *(reg.ref('app') for reg in self.dst))

    def entries(self, result):
        """The document's entries by target, one for each."""
        entries = result.json()['images']
        self.assertEqual(sorted(entry['target'] for entry in entries),
                         sorted(reg.ref('app:v1') for reg in self.dst))
        return {entry['target']: entry for entry in entries}

    def copied(self, *registries, fresh=True):
        """fresh: there was nothing before."""
        for reg in registries or self.dst:
            self.assertCopied(self.ref, reg.ref('app:v1'))
            self.assertEqual(reg.uploads, [])
            if fresh:
                self.assertInOrder(reg)

    def only_the_bad_fails(self, result, code):
        self.assertEqual(result.code, 1, result)
        entries = self.entries(result)
        self.copied(*self.good)
        for reg in self.good:
            self.assertEqual(entries[reg.ref('app:v1')]['status'], 'copied')
        failed = entries[self.bad.ref('app:v1')]
        self.assertEqual(failed['status'], 'failed')
        self.assertEqual(failed['error']['code'], code)
        self.assertEqual(failed['error']['host'], self.bad.host)
        self.assertEqual(self.bad.tags('app'), {})
        return result


class Once(FanOut):
    def test_the_source_sends_everything_once(self):
        self.put(images.multi(platforms=3, attestations=1, big=20 * MIB))
        result = self.assertOk(self.dray(*self.command()))
        self.copied()
        blobs, manifests = len(self.image.blobs), len(self.image.walk())
        self.assertEqual(self.src.count('blob'), blobs)
        self.assertEqual(self.src.count('manifest'), manifests)
        self.assertEqual(self.src.bytes_sent('blob'), self.image.size)
        for reg in self.dst:
            self.assertEqual(reg.count('upload-open'), blobs)
            self.assertEqual(reg.bytes_received(), self.image.size)
        for entry in self.entries(result).values():
            self.assertEqual(entry['status'], 'copied')
            self.assertEqual(entry['digest'], self.image.digest)
            self.assertEqual(entry['bytes'], self.image.size)
            self.assertEqual(entry['blobs'],
                             {'transferred': blobs, 'mounted': 0, 'existing': 0})

    def test_what_one_lacks_is_read_once(self):
        """The first has the image, the second a child of it, the third nothing."""
        self.put(images.multi(platforms=3))
        self.image.put(self.dst[0], 'app', 'v1')
        self.image.children[0].put(self.dst[1], 'app', 'old')
        result = self.assertOk(self.dray(*self.command()))
        self.copied(fresh=False)
        entries = self.entries(result)
        self.assertEqual([entries[reg.ref('app:v1')]['status'] for reg in self.dst],
                         ['unchanged', 'copied', 'copied'])
        self.assertEqual(len(self.dst[0].log), 1)
        self.assertEqual(self.src.count('blob'), len(self.image.blobs))
        self.assertEqual(self.src.requests('manifest', method='HEAD'), [])
        self.assertEqual(self.src.count('manifest'), len(self.image.walk()))

    def test_nothing_to_do_is_a_head_each(self):
        self.put(images.multi(platforms=3))
        for reg in self.dst:
            self.image.put(reg, 'app', 'v1')
        self.assertOk(self.dray(*self.command()))
        for reg in self.src, *self.dst:
            self.assertEqual([entry.method for entry in reg.log], ['HEAD'])

    def test_children_are_fetched_where_one_target_lacks_them(self):
        self.put(images.multi(platforms=4))
        images.index(self.image.children[:3]).put(self.dst[0], 'app', 'v1')
        images.index(self.image.children[1:]).put(self.dst[1], 'app', 'v1')
        self.image.children[0].put(self.dst[2], 'app', 'v1')
        self.assertOk(self.dray(*self.command()))
        self.copied(fresh=False)
        self.assertEqual(self.src.count('manifest', method='GET'), len(self.image.walk()))
        read = [entry.path for entry in self.src.requests('blob')]
        self.assertEqual(len(read), len(set(read)))
        self.assertLess(len(read), len(self.image.blobs))    # what they share is there

    def test_a_dry_run_tells_of_each(self):
        self.put(images.multi(platforms=2))
        result = self.assertOk(self.dray(*self.command('--dry-run')))
        document = result.json()
        self.assertEqual({entry['status'] for entry in self.entries(result).values()}, {'planned'})
        self.assertEqual(document['totals']['planned_bytes'], 3 * self.image.size)
        self.assertEqual(document['totals']['pulls'], len(self.image.walk()))
        for reg in self.dst:
            self.assertEqual({entry.method for entry in reg.log}, {'HEAD', 'GET'})

    def test_more_targets_than_go_together(self):
        self.put(layers(300 * KIB))
        targets = [self.dst[0].ref(f'app{number}') for number in range(20)]
        document = self.assertOk(self.dray('copy', '-o', 'json', self.ref, *targets)).json()
        self.assertEqual(len(document['images']), 20)
        self.assertEqual(document['totals']['copied'], 20)
        for target in targets:
            self.assertCopied(self.ref, f'{target}:v1')


@unittest.skipUnless(shutil.which('docker-registry'), 'docker-registry is not installed')
class Debian(SystemTest):
    def test_the_source_sends_everything_once(self):
        src, dst = self.debian(), [self.debian() for _ in range(3)]
        image = images.multi(platforms=2, big=20 * MIB)
        ref = src.ref('app:v1')
        self.push(image, ref)
        src.clear()
        self.assertOk(self.dray('copy', ref, *(reg.ref('mirror/app') for reg in dst)))
        self.assertEqual(src.count('blob', method='GET'), len(image.blobs))
        self.assertEqual(src.count('manifest', method='GET'), len(image.walk()))
        for reg in dst:
            self.assertEqual(self.assertCopied(ref, reg.ref('mirror/app:v1')).digest, image.digest)


class DropOut(FanOut):
    """A target that can't be had."""

    def setUp(self):
        super().setUp()
        self.put(layers(30 * KIB, 3 * MIB, 20 * MIB))

    def test_that_refuses(self):
        self.bad.on('upload-open').status(403)
        self.only_the_bad_fails(self.dray(*self.command()), 'denied')
        self.assertEqual(self.src.count('blob'), len(self.image.blobs))

    def test_that_refuses_the_tag(self):
        self.bad.on('manifest', method='PUT').status(403)
        self.only_the_bad_fails(self.dray(*self.command()), 'denied')

    def test_that_was_never_there(self):
        self.bad.stop()
        result = self.dray(*self.command())
        self.assertEqual(result.code, 1, result)
        self.copied(*self.good)
        self.assertEqual(self.entries(result)[self.bad.ref('app:v1')]['error']['code'], 'connect')

    def test_that_goes_away(self):
        """In the middle of a blob; nobody answers at its address any more."""
        self.put(layers(20 * MIB))
        gate = self.bad.on('upload-patch').hold(received=MIB)
        running = self.start(*self.command('--retries', 1))
        gate.wait_reached()
        self.bad.stop()
        result = running.wait()
        self.assertEqual(result.code, 1, result)
        self.copied(*self.good)
        self.assertEqual(self.src.count('blob'), len(self.image.blobs))
        entries = self.entries(result)
        self.assertEqual([entries[reg.ref('app:v1')]['status'] for reg in self.dst],
                         ['copied', 'failed', 'copied'])

    def test_that_falls_silent(self):
        self.bad.on('upload-patch').stall(received=MIB)
        self.bad.on('upload-put').stall()
        result = self.only_the_bad_fails(
            self.dray(*self.command('--stall-timeout', '1s', '--retries', 0)), 'timeout')
        self.assertEqual(self.src.count('blob'), len(self.image.blobs))
        self.assertLess(result.seconds, 20)

    def test_that_takes_other_bytes_for_it(self):
        """It stores the manifest as another one: its own error."""
        self.bad.on('manifest', method='PUT').wrong_digest()
        result = self.dray(*self.command())
        self.assertEqual(result.code, 1, result)
        self.copied(*self.good)
        self.assertEqual(self.entries(result)[self.bad.ref('app:v1')]['error']['code'], 'digest')

    def test_a_corrupt_layer_is_committed_nowhere(self):
        self.src.on('blob', path=f'*{self.layer}').corrupt(at=19 * MIB)
        result = self.dray(*self.command())
        self.assertEqual(result.code, 1, result)
        for target, entry in self.entries(result).items():
            self.assertEqual(entry['error']['code'], 'digest', target)
        for reg in self.dst:
            self.assertNotIn(self.layer, reg.blobs_of('app'))
            self.assertEqual(reg.uploads, [])
            self.assertEqual(reg.tags('app'), {})
        self.assertEqual(self.src.count('blob', path=f'*{self.layer}'), 1)

    def test_a_source_that_fails_fails_for_all(self):
        self.src.on('blob', path=f'*{self.layer}').status(404)
        result = self.dray(*self.command())
        self.assertEqual(result.code, 1, result)
        for entry in self.entries(result).values():
            self.assertEqual(entry['error']['code'], 'not_found')
            self.assertEqual(entry['error']['host'], self.src.host)


class Loss(FanOut):
    """A target that loses something takes it up again without the others."""

    def setUp(self):
        super().setUp()
        self.put(layers(40 * MIB))

    def gets(self):
        return self.src.requests('blob', path=f'*{self.layer}')

    def test_a_connection_that_breaks_costs_no_second_read(self):
        """What the ring still has is sent from there."""
        self.bad.on('upload-patch', nth=1).reset(received=0)
        self.assertOk(self.dray(*self.command()))
        self.copied()
        self.assertLessEqual(len(self.gets()), 2)
        for reg in self.good:
            self.assertEqual(reg.bytes_received(), self.image.size)

    def test_a_session_that_is_gone_is_begun_again_by_itself(self):
        self.bad.on('upload-patch', nth=1).reset(received=10 * MIB)
        self.bad.on('upload-status').status(404)
        result = self.assertOk(self.dray(*self.command('-v')))
        self.copied()
        first, second = self.gets()
        self.assertEqual((first.range, second.range), (None, None))
        self.assertIn('goes on by itself from byte 0', result.err)
        for reg in self.good:
            self.assertEqual(reg.count('upload-open'), len(self.image.blobs))
            self.assertEqual(reg.bytes_received(), self.image.size)

    def test_an_earlier_run_s_sessions_share_one_read(self):
        def large(entry):
            return entry.kind == 'upload-patch' and entry.status == 202 and entry.bytes_in > MIB
        gate = self.bad.on('upload-patch', when=lambda request: request.length > MIB,
                           nth=2).hold(received=MIB)
        running = self.start(*self.command('--chunk-size', 4 * MIB))
        gate.wait_reached()
        for reg in self.dst:
            self.assertTrue(reg.log.wait_for(lambda log: any(map(large, log))))
            self.assertTrue(reg.log.wait_for(lambda log: any(
                entry.kind == 'upload-put' and entry.status == 201 for entry in log)))
        running.signal(signal.SIGTERM)
        self.assertEqual(running.wait().code, 143)
        for reg in self.dst:
            reg.rules.clear()
            reg.log.clear()
        self.src.log.clear()
        self.assertOk(self.dray(*self.command('--chunk-size', 4 * MIB)))
        self.copied()
        self.assertEqual(len(self.gets()), 1)
        self.assertLess(self.src.bytes_sent('blob'), self.image.size - 3 * MIB)
        for reg in self.dst:
            self.assertEqual(reg.count('upload-open'), 0)
            self.assertLess(reg.bytes_received(), self.image.size - 3 * MIB)

    def test_one_that_holds_the_others_up_goes_on_by_itself(self):
        """It takes nothing for 20 s: the others finish, and it reads the rest of the source when it
        wakes."""
        gate = self.bad.on('upload-patch', nth=1).hold(received=8 * MIB)
        running = self.start(*self.command())
        gate.wait_reached()
        for reg in self.good:
            self.assertTrue(reg.log.wait_for(lambda log: any(
                entry.reference == 'v1' and entry.status == 201 for entry in log), seconds=50))
        gate.release()
        result = self.assertOk(running.wait())
        self.copied()
        first, second = self.gets()
        self.assertIsNone(first.range)
        self.assertGreaterEqual(int(second.range.partition('=')[2].partition('-')[0]), 7 * MIB)
        self.assertGreater(result.seconds, 19)
        self.assertEqual(self.bad.count('upload-open'), len(self.image.blobs))


@unittest.skipUnless(os.path.exists(RELEASE), f'no release build at {RELEASE} (DRAY_RELEASE)')
class Pace(FanOut):
    def test_the_slowest_sets_it_and_memory_stays_bounded(self):
        self.dst = [self.registry(keep_limit=0) for _ in range(3)]
        self.put(layers(*[17 * MIB] * 8))
        self.dst[1].on('upload-patch').rate(30 * MIB)
        result = self.assertOk(self.start(*self.command(), program=RELEASE).wait())
        self.assertEqual(self.src.count('blob'), len(self.image.blobs))
        for reg in self.dst:
            self.assertEqual(reg.bytes_received(), self.image.size)
        self.assertLess(result.peak_kb / 1024, 32)


if __name__ == '__main__':
    unittest.main()

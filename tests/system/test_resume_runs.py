"""A run that was ended in the middle of a blob, by whatever: the next one takes its upload up where
the registry holds it, and reads from the source only what is missing. What the state file says is
never believed."""

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import time

from tests.system.lib import SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
CHUNK, SIZE = MIB, 8 * MIB
PART = CHUNK - 64 * KIB  # what is left fits into the kernel's buffers: the target sees us leave


def last_state(entry):
    """Bytes in the last of the digest's states in a stored entry (journal_entry.c, digest.c)."""
    at, last = 48, 0
    for _ in range(3):
        length = int.from_bytes(entry[at:at + 2], 'big')
        if not length:
            break
        last = int.from_bytes(entry[at + 7:at + 15], 'big')
        at += 2 + length
    return last


class RunsTest(SystemTest):
    flags = ('--chunk-size', CHUNK)

    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=SIZE, image=None, **settings):
        self.src, self.dst = self.registry(), self.registry(**settings)
        self.image = image or images.image(1, size=size)
        self.size, self.layer = size, self.image.parts[1].digest
        self.ref = self.image.put(self.src, 'app', 'v1')
        self.state = self.path('home/.local/state/dray/state.db')

    def command(self, *flags):
        return ('copy', *self.flags, *flags, self.ref, self.dst.ref('app:v1'))

    def on_layer(self, **which):
        return self.dst.on('upload-patch', when=lambda request: request.length > 10_000, **which)

    def entries(self, of='%'):
        """How many there are in the state file: blobs', and the image's own."""
        try:
            with contextlib.closing(sqlite3.connect(f'file:{self.state}?mode=ro', uri=True)) as db:
                return db.execute('SELECT count(*) FROM entry WHERE key LIKE ?',
                                  (f'%@{of}',)).fetchone()[0]
        except sqlite3.OperationalError:    # it is not there yet, or in use
            return 0

    def keys(self):
        with contextlib.closing(sqlite3.connect(f'file:{self.state}?mode=ro', uri=True)) as db:
            return db.execute('SELECT * FROM entry').fetchall()

    def wait_entries(self, count=1, of=None):
        until = time.monotonic() + 10
        while self.entries(of or self.layer) < count:
            self.assertLess(time.monotonic(), until, 'nothing was written to the state file')
            time.sleep(0.002)

    def begin(self, *flags, nth=3, received=PART, **options):
        """A run of which the target holds so much: nth - 1 parts, and most of another."""
        self.gate = self.on_layer(nth=nth).hold(received=received)
        run = self.start(*self.command(*flags), **options)
        self.gate.wait_reached()
        self.wait_config()
        return run

    def wait_config(self):
        """The config is small: it is there long before, but for a busy machine."""
        self.assertTrue(self.dst.log.wait_for(
            lambda _: self.image.parts[0].digest in self.dst.blobs_of('app')))

    def stop(self, run, number, seconds=2, release=False):
        """Ends it; forgets what registries have seen so far. release lets the target read what is
        still on its way; while it does not, a full line would keep the end from it."""
        until = time.monotonic() + seconds
        if number:
            run.signal(number)
        while run.running():
            self.assertLess(time.monotonic(), until, 'it did not end in time')
            time.sleep(0.002)
        result = run.wait()
        if release:
            self.gate.release()
        self.assertEqual(self.dst.tags('app'), {})
        self.assertEqual(self.dst.count('upload-cancel'), 0, 'a session was given up')
        for reg in (self.src, self.dst):
            self.assertTrue(reg.settle())
            reg.rules.clear()
        self.first = (self.src.bytes_sent('blob'), self.dst.bytes_received())
        self.src.log.clear()
        self.dst.log.clear()
        return result

    def interrupt(self, *flags, number=signal.SIGKILL, **where):
        """begin() and stop(), once something is remembered."""
        run = self.begin(*flags, **where)
        self.wait_entries()
        result = self.stop(run, number)
        self.held = sum(session.size for session in self.dst.uploads)
        return result

    def finish(self, *flags, deep=True, **options):
        """The next run must work, and leave nothing."""
        result = self.assertOk(self.dray(*self.command(*flags), **options))
        self.assertCopied(self.ref, self.dst.ref('app:v1'), deep)
        self.assertInOrder(self.dst)
        return result

    def received(self):
        """Of the layer, in this run."""
        return self.dst.bytes_received('upload-p*', where=lambda entry: entry.bytes_in > 10_000)

    def read_from(self):
        """Where the source was read from."""
        found = [entry.range for entry in self.src.requests('blob', reference=self.layer)]
        self.assertEqual(len(found), 1)
        return int(found[0].removeprefix('bytes=').partition('-')[0]) if found[0] else 0

    def assertWentOn(self):
        self.assertEqual(self.received(), self.size - self.held)
        self.assertGreater(self.read_from(), 0)
        self.assertLessEqual(self.read_from(), self.held)
        self.assertEqual(self.dst.uploads, [])
        self.assertEqual(self.entries(), 0, f'an entry outlives its upload: {self.keys()}')

    def assertBeganAnew(self):
        self.assertEqual(self.received(), self.size)
        self.assertEqual(self.entries(), 0)


class Ended(RunsTest):
    DISTRIBUTION_3 = {'location_query': True, 'stale': 'keep'}

    def test_by_a_signal(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with self.subTest(number=number):
                self.fresh()
                result = self.interrupt(number=number)
                self.assertEqual(result.code, -9 if number == signal.SIGKILL else 128 + number)
                self.assertEqual(self.held, 2 * CHUNK + PART)
                self.finish()
                self.assertWentOn()
                if number != signal.SIGKILL:    # all that was known has been written
                    self.assertEqual(self.read_from(), 2 * CHUNK)

    def test_by_the_deadline(self):
        run = self.begin('--deadline', '1s')
        result = self.stop(run, None, seconds=4)
        self.assertFails(result, 1, 'deadline', self.ref)
        self.assertLess(result.seconds, 4)
        self.held = sum(session.size for session in self.dst.uploads)
        self.finish()
        self.assertWentOn()

    def test_by_failure(self):
        """A target that stays away for longer than dray tries."""
        self.on_layer(skip=2).status(503)
        result = self.stop(self.start(*self.command('--retries', 1)), None, seconds=10)
        self.assertFails(result, 1, 503)
        self.held = 2 * CHUNK
        self.finish()
        self.assertWentOn()

    def test_while_the_source_stalls(self):
        self.src.on('blob', path=f'*{self.layer}').stall(after=4 * MIB)
        run = self.start(*self.command())
        self.wait_config()
        self.assertTrue(self.dst.log.wait_for(lambda log: sum(
            entry.kind == 'upload-patch' and entry.bytes_in == CHUNK for entry in log) >= 3))
        self.wait_entries()
        self.stop(run, signal.SIGTERM)
        self.held = sum(session.size for session in self.dst.uploads)
        self.assertGreater(self.held, 2 * MIB)
        self.finish()
        self.assertWentOn()

    def test_again_and_again(self):
        """Each run adds its part."""
        self.fresh(12 * MIB)    # three parts at least are left to the third
        for nth in range(3):
            run = self.begin(nth=3)
            self.wait_entries()
            self.stop(run, signal.SIGKILL)
            self.assertGreaterEqual(sum(session.size for session in self.dst.uploads),
                                    (nth + 1) * 2 * CHUNK)
        self.held = sum(session.size for session in self.dst.uploads)
        self.finish()
        self.assertWentOn()

    def test_with_default_flags(self):
        """Parts of one alone are of 32 MiB: what is moved again, on each side."""
        self.flags = ()
        for number, kept in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
            with self.subTest(number=number, kept=kept):
                self.fresh(100 * MIB, keep_partial=kept)
                run = self.begin(nth=3, received=20 * MIB)
                self.wait_entries()
                self.stop(run, number, release=True)
                self.finish()
                self.assertLess(self.first[0] + self.src.bytes_sent('blob') - self.size, 40 * MIB)
                self.assertLess(self.first[1] + self.dst.bytes_received() - self.size, 40 * MIB)

    def noted(self):
        """How far the digest's state is known, by the state file, for each blob."""
        with contextlib.closing(sqlite3.connect(f'file:{self.state}?mode=ro', uri=True)) as db:
            rows = db.execute('SELECT bytes FROM entry').fetchall()
        return [last_state(row[0]) for row in rows]

    def several_with_default_flags(self, layers, size, part, sent, *registries):
        """Each layer has sent so much when all is killed; what it may lose is one part."""
        self.flags = ()
        image = images.image(layers, size=size)
        total = sum(content.size for content in image.blobs.values())
        for settings in registries:
            with self.subTest(**settings):
                self.fresh(image=image, **settings)
                gate = self.src.on('blob', when=lambda request: (
                    self.image.parts[0].digest not in request.path)).hold(after=sent)
                run = self.start(*self.command())
                gate.wait_reached(layers, 30)
                self.wait_config()
                self.wait_entries(layers + 1, '%')
                until = time.monotonic() + 20
                while sum(at >= sent - sent % part for at in self.noted()) < layers:
                    self.assertLess(time.monotonic(), until, f'only {self.noted()} are noted')
                    time.sleep(0.01)
                self.stop(run, signal.SIGKILL)
                self.finish(deep=False)    # the target has looked at all digests
                self.assertLess(self.first[0] + self.src.bytes_sent('blob') - total, 40 * MIB)
                again = self.first[1] + self.dst.bytes_received('upload-p*') - total
                kept = settings.get('keep_partial', True)
                self.assertLess(again, MIB if kept else 40 * MIB)

    def test_eight_with_default_flags(self):
        self.several_with_default_flags(8, 40 * MIB, 4 * MIB, 19 * MIB, {'keep_partial': True},
                                        {'keep_partial': False})

    def test_sixteen_with_default_flags(self):
        self.several_with_default_flags(16, 14 * MIB, 2 * MIB, 6 * MIB - 64 * KIB,
                                        {'keep_partial': False}, self.DISTRIBUTION_3)

    def test_blobs_that_are_done(self):
        """They are found at the target, although no tag is there yet."""
        self.flags = ()
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(number=number):
                self.fresh()
                self.image = images.image(6, size=MIB)
                self.ref = self.image.put(self.src, 'app', 'v1')
                gate = self.src.on('blob', path=f'*{self.image.parts[-1].digest}').hold(after=0.5)
                run = self.start(*self.command())
                gate.wait_reached()
                self.assertTrue(self.dst.log.wait_for(lambda _: len(self.dst.blobs_of('app')) == 6))
                self.stop(run, number)
                self.finish()
                self.assertEqual(self.received(), MIB)
                self.assertLess(self.src.bytes_sent('blob'), 1.1 * MIB)

    def test_several_blobs(self):
        """Each is taken up."""
        self.image = images.image(4, size=4 * MIB)
        self.ref = self.image.put(self.src, 'app', 'v1')
        gate = self.on_layer(nth=3, each=True).hold(received=PART)
        run = self.start(*self.command())
        gate.wait_reached(4)
        self.wait_config()
        self.wait_entries(5, '%')   # the image's own, too
        self.stop(run, signal.SIGKILL)
        held = sum(session.size for session in self.dst.uploads)
        self.assertEqual(held, 4 * (2 * CHUNK + PART))
        self.finish()
        self.assertEqual(self.received(), 16 * MIB - held)
        self.assertEqual(self.dst.uploads, [])
        self.assertEqual(self.entries(), 0)

    def test_what_is_said(self):
        self.interrupt()
        result = self.finish('-o', 'json')
        image = result.json()['images'][0]
        self.assertEqual((image['status'], image['bytes']), ('copied', self.dst.bytes_received()))
        self.assertEqual(self.received(), self.size - self.held)


class Sessions(RunsTest):
    def test_one_that_is_forgotten(self):
        self.interrupt()
        self.dst.forget_uploads()
        self.finish()
        self.assertBeganAnew()

    def test_one_that_dies_when_it_is_asked(self):
        """distribution 2.8, when the last part was broken off."""
        self.fresh(location_query=True, stale='kill', ignore_content_range=True)
        self.interrupt()
        self.finish()
        self.assertBeganAnew()
        self.assertEqual(self.dst.uploads, [])

    def test_one_that_lives_on(self):
        for settings in ({'location_query': True, 'stale': 'keep'}, {'keep_partial': False},
                         {'relative_location': 'sibling'}, {'range_report': 'bytes='},
                         {'ignore_content_range': True}):
            with self.subTest(settings=settings):
                self.fresh(**settings)
                self.interrupt()
                self.finish()
                self.assertWentOn()

    def test_ranges_that_say_little(self):
        for report in ('zero', 'last', 'stuck', '0--1', None):
            with self.subTest(report=report):
                self.fresh(range_report=report)
                self.interrupt()
                self.finish()
                self.assertLessEqual(self.received(), 2 * SIZE)
                self.assertEqual(self.entries(), 0)

    def test_one_that_holds_nothing_any_more(self):
        self.interrupt()
        self.dst.uploads[0].rollback((0, hashlib.sha256()))
        self.finish()
        self.assertBeganAnew()

    def test_one_that_holds_other_bytes(self):
        """As many, but not these: the registry's digest tells, and it all begins again."""
        self.interrupt()
        self.dst.uploads[0].add(b'x')
        self.finish()
        self.assertLessEqual(self.received(), self.size - self.held + self.size)

    def test_one_that_holds_all(self):
        """Only the commit is missing."""
        gate = self.dst.on('upload-put', when=lambda request: (
            request.arg('digest') == self.layer)).hold()
        run = self.start(*self.command())
        gate.wait_reached()
        self.wait_config()
        self.wait_entries()
        self.stop(run, signal.SIGTERM)
        self.finish()
        self.assertEqual(self.received(), 0)
        self.assertEqual(self.src.count('blob', reference=self.layer), 0)

    def test_a_commit_that_was_done(self):
        gate = self.dst.on('upload-put', when=lambda request: (
            request.arg('digest') == self.layer)).hold(acted=True)
        run = self.start(*self.command())
        gate.wait_reached()
        self.wait_config()
        self.wait_entries()
        self.stop(run, signal.SIGKILL)
        self.finish()
        self.assertEqual(self.received(), 0)
        self.assertEqual(self.src.count('blob', reference=self.layer), 0)


class Together(RunsTest):
    """Several processes, one state file."""

    def test_two_from_the_start(self):
        runs = [self.start(*self.command()) for _ in range(2)]
        for run in runs:
            self.assertOk(run.wait())
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertInOrder(self.dst)
        self.assertEqual(self.entries(), 0)

    def test_a_session_that_is_in_use(self):
        """The second leaves it alone."""
        gate = self.on_layer(nth=3).hold(received=0.5)
        first = self.start(*self.command())
        gate.wait_reached()
        self.wait_entries()
        self.assertOk(self.dray(*self.command()))
        self.assertEqual(self.dst.count('upload-status'), 0)
        gate.release()
        self.assertOk(first.wait())
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertEqual(self.dst.uploads, [])
        self.assertEqual(self.entries(), 0)

    def test_two_after_one_was_killed(self):
        """One of them gets the session."""
        self.interrupt()
        gate = self.dst.on('manifest', method='HEAD').hold()
        runs = [self.start(*self.command()) for _ in range(2)]
        gate.wait_reached(2)
        gate.release()
        for run in runs:
            self.assertOk(run.wait())
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertLessEqual(self.dst.count('upload-status'), 1)
        self.assertEqual(self.entries(), 0)


class Killed(SystemTest):
    """At any moment: the next run always gets through, and nothing is ever wrong at the target."""

    MOMENTS, EACH = 50, 10
    KINDS = ({}, {'keep_partial': False}, {'location_query': True},
             {'location_query': True, 'stale': 'keep'})

    def kill(self, command, src, rng):
        """Starts a run, and ends it when the source has sent some more; says whether it did."""
        wanted = src.bytes_sent() + rng.randrange(1, 3 * MIB)
        run = self.start(*command)
        while run.running() and src.bytes_sent() < wanted:
            time.sleep(0.001)
        number = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        run.signal(number)
        code = run.wait().code
        self.assertIn(code, (0, -number, 128 + number))
        return code != 0

    def test_at_random_moments(self):
        seed = int(os.environ.get('DRAY_SEED') or random.randrange(1 << 32))
        print(f'DRAY_SEED={seed}')
        rng, left, number = random.Random(seed), self.MOMENTS, 0
        while left:
            src = self.registry()
            dst = self.registry(**rng.choice(self.KINDS)) if number else self.debian()
            image = images.multi(2, shared=1, own=1, size=3 * MIB, big=6 * MIB,
                                 seed=f'{seed}.{number}')
            ref = image.put(src, 'app', 'v1')
            command = ('copy', '--chunk-size', MIB, ref, dst.ref('app:v1'))
            src.on('blob').rate(20 * MIB)    # slow enough to be hit in the middle
            for _ in range(min(left, self.EACH)):
                if not self.kill(command, src, rng):
                    break
                left -= 1
                if number:
                    self.assertInOrder(dst)
                    for digest, content in dst.blobs.items():
                        self.assertEqual(content.digest_as('sha256'), digest)
            src.rules.clear()
            self.assertOk(self.dray(*command))
            self.assertCopied(ref, dst.ref('app:v1'))
            number += 1


if __name__ == '__main__':
    unittest.main()

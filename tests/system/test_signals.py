"""How a run is stopped: by the first signal within two seconds, by the second at once; and that a
reader of stdout may go away."""

import os
import signal
import subprocess
import time

from tests.system.lib import DRAY, SystemTest, images, unittest

BIG = 3 << 20


def until(condition, seconds=10):
    """Waits for what nothing announces."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'it did not come within {seconds} s')
        time.sleep(0.001)


class SignalsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def put(self, **fields):
        self.image = images.multi(**{'platforms': 2, **fields})
        return self.image.put(self.src, 'app', 'v1')

    def held(self, gate, *flags, **fields):
        """A copy that has come to the gate."""
        run = self.start('copy', self.put(**fields), self.dst.ref('app:v1'), *flags)
        gate.wait_reached()
        return run

    def assertStopped(self, run, number, seconds=2):
        """It ends within the time, with the shell's code for the signal; nothing is tagged, and
        nothing wrong is left."""
        began = time.monotonic()
        run.signal(number)
        until(lambda: not run.running())
        self.assertLess(time.monotonic() - began, seconds)
        result = run.wait()
        self.assertEqual(result.code, 128 + number, result)
        self.assertEqual(self.dst.tags('app'), {})
        for digest, content in self.dst.blobs.items():
            self.assertEqual(content.digest_as('sha256'), digest)
        return result


class First(SignalsTest):
    def test_wherever_it_is(self):
        """Both signals, at each step of a copy."""
        for number in (signal.SIGINT, signal.SIGTERM):
            for side, kind, which in (
                    ('dst', 'manifest', {'method': 'HEAD'}), ('dst', 'tags', {}),
                    ('src', 'manifest', {}), ('src', 'manifest', {'nth': 2}), ('src', 'blob', {}),
                    ('dst', 'upload-open', {}), ('dst', 'upload-put', {}),
                    ('dst', 'manifest', {'method': 'PUT'})):
                with self.subTest(number=number, side=side, kind=kind, **which):
                    self.src, self.dst = self.registry(), self.registry()
                    gate = getattr(self, side).on(kind, **which).hold()
                    self.assertStopped(self.held(gate), number)

    def test_in_the_middle_of_bodies(self):
        for side, kind, where in (('src', 'blob', {'after': 1000}),
                                  ('src', 'manifest', {'after': 9}),
                                  ('dst', 'upload-put', {'received': 1000}),
                                  ('dst', 'upload-put', {'acted': True})):
            with self.subTest(side=side, kind=kind, **where):
                self.src, self.dst = self.registry(), self.registry()
                gate = getattr(self, side).on(kind).hold(**where)
                self.assertStopped(self.held(gate), signal.SIGINT)

    def test_in_the_middle_of_a_stream(self):
        for size in (BIG, 20 << 20):
            with self.subTest(size=size):
                self.src, self.dst = self.registry(), self.registry()
                gate = self.src.on('blob', when=lambda request: size in (
                    content.size for digest, content in self.src.blobs.items()
                    if digest in request.path)).hold(after=2 << 20)
                ref = images.image([images.Part(images.noise(size))]).put(self.src, 'app', 'v1')
                run = self.start('copy', ref, self.dst.ref('app:v1'))
                gate.wait_reached()
                until(lambda: self.dst.bytes_received() > 1 << 20)
                self.assertStopped(run, signal.SIGTERM)

    def test_while_it_waits_to_try_again(self):
        self.src.on('manifest').status(503, retry_after=100)
        run = self.start('copy', self.put(), self.dst.ref('app:v1'))
        self.assertTrue(self.src.log.wait_for(lambda entries: entries and entries[-1].seconds))
        self.assertStopped(run, signal.SIGTERM)

    def test_while_a_token_is_asked_for(self):
        self.src.configure(auth='bearer')
        gate = self.src.on('token').hold()
        self.assertStopped(self.held(gate), signal.SIGINT)

    def test_while_a_credential_helper_runs(self):
        pid = self.path('pid')
        self.write('bin/docker-credential-slow', f'#!/bin/sh\necho $$ > "{pid}.new"\n'
                   f'mv "{pid}.new" "{pid}"\nexec sleep 60\n', 0o700)
        self.docker_config(credsStore='slow')
        self.src.configure(auth='basic', anonymous=None)
        run = self.start('copy', self.put(), self.dst.ref('app:v1'),
                         env={'PATH': f'{self.path("bin")}:{os.environ["PATH"]}'})
        until(lambda: os.path.exists(pid))
        self.assertStopped(run, signal.SIGTERM)
        with open(pid, encoding='ascii') as file:
            self.assertFalse(os.path.exists(f'/proc/{file.read().strip()}'), 'it was left behind')

    def test_with_many_transfers_under_way(self):
        ref = images.image(40, size=400_000).put(self.src, 'app', 'v1')
        gate = self.src.on('blob').hold(after=1000)
        run = self.start('copy', '-j', 16, ref, self.dst.ref('app:v1'))
        gate.wait_reached(7)
        self.assertStopped(run, signal.SIGINT)

    def test_reading_commands(self):
        self.put()
        for args in (('manifest', 'app:v1'), ('digest', 'app:v1'), ('tags', 'app')):
            with self.subTest(args=args):
                self.src.rules.clear()
                gate = self.src.on().hold()
                run = self.start(args[0], self.src.ref(args[1]))
                gate.wait_reached()
                result = self.assertStopped(run, signal.SIGINT)
                self.assertEqual(result.out, '')

    def test_what_is_said(self):
        gate = self.src.on('blob').hold(after=1000)
        result = self.assertStopped(self.held(gate), signal.SIGINT)
        self.assertIn('stopping', result.err)
        self.assertLessEqual(len(result.err.splitlines()), 3, result.err)

    def test_quiet(self):
        gate = self.src.on('blob').hold(after=1000)
        result = self.assertStopped(self.held(gate, '-q'), signal.SIGINT)
        self.assertNotIn('stopping', result.err)

    def test_the_document_is_whole(self):
        gate = self.src.on('blob').hold(after=1000)
        document = self.assertStopped(self.held(gate, '-o', 'json'), signal.SIGTERM).json()
        image, = document['images']
        self.assertEqual((image['status'], image['error']['code']), ('failed', 'canceled'))
        self.assertEqual(document['totals']['copied'], 0)

    def test_the_next_run_goes_through(self):
        """What the stopped run left behind does not stand in the next one's way."""
        gate = self.src.on('blob').hold(after=1000)
        self.assertStopped(self.held(gate), signal.SIGTERM)
        self.src.rules.clear()
        self.assertOk(self.dray('copy', self.src.ref('app:v1'), self.dst.ref('app:v1')))
        self.assertCopied(self.src.ref('app:v1'), self.dst.ref('app:v1'))


class Second(SignalsTest):
    def test_it_leaves_at_once(self):
        """Something that holds the first up for long: none is known, so both come together."""
        for first, second in ((signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM),
                              (signal.SIGTERM, signal.SIGINT)):
            with self.subTest(first=first, second=second):
                self.src, self.dst = self.registry(), self.registry()
                gate = self.src.on('blob').hold(after=1000)
                run = self.held(gate)
                run.signal(signal.SIGSTOP)
                run.signal(first)
                run.signal(second)
                run.signal(signal.SIGCONT)
                began = time.monotonic()
                until(lambda: not run.running())
                self.assertLess(time.monotonic() - began, 1)
                result = run.wait()
                self.assertIn(result.code, (128 + first, 128 + second))
                self.assertEqual(self.dst.tags('app'), {})


class Streams(SignalsTest):
    def run_with(self, stdout, *args, stderr=subprocess.PIPE):
        done = subprocess.run([DRAY, *args], env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=stdout, stderr=stderr, timeout=60, check=False, cwd=self.dir)
        self.assertFalse(done.stderr and b'Sanitizer' in done.stderr, done.stderr)
        return done

    def gone(self):
        """The writing end of a pipe that nobody reads."""
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        return writing

    def test_a_reader_that_goes_away_does_not_end_the_copy(self):
        for flags in ((), ('-o', 'json'), ('-v',)):
            with self.subTest(flags=flags):
                self.dst = self.registry()
                ref = self.put()
                done = self.run_with(self.gone(), 'copy', *flags, ref, self.dst.ref('app:v1'))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertCopied(ref, self.dst.ref('app:v1'))

    def test_a_reader_of_stderr_that_goes_away(self):
        ref = self.put()
        done = self.run_with(subprocess.DEVNULL, 'copy', '-v', ref, self.dst.ref('app:v1'),
                             stderr=self.gone())
        self.assertEqual(done.returncode, 0)
        self.assertCopied(ref, self.dst.ref('app:v1'))

    def test_closed_streams(self):
        """Their numbers go to no socket: nothing of ours is ever written into a connection."""
        ref = self.put()
        for closed in ('>&-', '2>&-', '<&-', '<&- >&- 2>&-'):
            with self.subTest(closed=closed):
                self.dst = self.registry()
                done = subprocess.run(
                    ['sh', '-c', f'exec "$0" copy -v "$1" "$2" {closed}', DRAY, ref,
                     self.dst.ref('app:v1')], env=self.environment(), capture_output=True,
                    timeout=60, check=False)
                self.assertFalse(b'Sanitizer' in done.stderr, done.stderr)
                self.assertCopied(ref, self.dst.ref('app:v1'))
                self.assertEqual(done.returncode, 1 if '>&-' in closed.replace('2>&-', '') else 0,
                                 done.stderr)

    def test_a_full_disk(self):
        """The copy is done, but its result can't be told: that is a failure."""
        ref = self.put()
        with open('/dev/full', 'wb') as full:
            done = self.run_with(full, 'copy', ref, self.dst.ref('app:v1'))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'stdout', done.stderr)
        self.assertCopied(ref, self.dst.ref('app:v1'))

    def test_a_manifest_into_a_closed_pipe(self):
        ref = self.put()
        self.assertEqual(self.run_with(self.gone(), 'manifest', ref).returncode, 0)


if __name__ == '__main__':
    unittest.main()

"""A run that was ended in the middle of a blob, by whatever: the next one takes its upload up where
the registry holds it, and reads from the source only what is missing. What the state file says is
never believed."""

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import stat
import time

from tests.system.lib import DRAY, SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
CHUNK, SIZE = MIB, 8 * MIB
PART = CHUNK - 64 * KIB  # what is left fits into the kernel's buffers: the target sees us leave
STRIDE = 256 * KIB      # how far apart the digest's states are kept, of a blob up to 64 MiB
NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')


class RunsTest(SystemTest):
    flags = ('--chunk-size', CHUNK)

    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=SIZE, **settings):
        self.src, self.dst = self.registry(), self.registry(**settings)
        self.image = images.image(1, size=size)
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

    def finish(self, *flags, **options):
        """The next run must work, and leave nothing."""
        result = self.assertOk(self.dray(*self.command(*flags), **options))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
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
            entry.kind == 'upload-patch' and entry.bytes_in == CHUNK for entry in log) == 3))
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
        """Parts are of 32 MiB: what is moved again, on each side."""
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
        gate = self.on_layer(skip=8).hold(received=PART)
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


class State(RunsTest):
    """The file itself."""

    def edit(self, sql, *values):
        with sqlite3.connect(self.state) as db:
            db.execute(sql, values)
        db.close()

    def test_is_private(self):
        os.umask(0o022)
        self.interrupt(number=signal.SIGTERM)
        self.assertEqual(stat.S_IMODE(os.stat(self.state).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.state)).st_mode), 0o700)
        self.assertEqual(os.listdir(os.path.dirname(self.state)), ['state.db'], 'one file, for a cache')

    def test_is_private_while_it_is_in_use(self):
        run = self.begin()
        self.wait_entries()
        folder = os.path.dirname(self.state)
        modes = {name: stat.S_IMODE(os.stat(f'{folder}/{name}').st_mode)
                 for name in os.listdir(folder)}
        self.assertEqual(set(modes.values()), {0o600}, modes)
        self.stop(run, signal.SIGKILL)

    def test_elsewhere(self):
        self.state = self.path('cache/of/ci/dray')
        self.interrupt('--state', self.state)
        self.finish('--state', self.state)
        self.assertWentOn()
        self.assertFalse(os.path.exists(self.path('home/.local')))

    def test_none(self):
        run = self.begin('--state', 'none')
        self.stop(run, signal.SIGTERM)
        self.finish('--state', 'none')
        self.assertEqual(self.received(), self.size)
        self.assertFalse(os.path.exists(self.path('home/.local')))

    def test_none_is_made_without_need(self):
        """Of small images, and of dry runs, nothing has to be remembered."""
        self.flags = ()
        self.assertOk(self.dray(*self.command('--dry-run')))
        self.assertFalse(os.path.exists(self.state))
        self.fresh(3 * MIB)
        self.finish()
        self.assertFalse(os.path.exists(self.state))

    def test_nowhere_to_be(self):
        for state in ('/proc/nowhere/state.db', self.dir):
            self.fresh()
            result = self.finish('--state', state)
            self.assertEqual(len(result.err.splitlines()), 1, result.err)
            self.assertIn(os.path.dirname(state), result.err)

    def test_no_home(self):
        result = self.finish(env={'HOME': None, 'XDG_STATE_HOME': None})
        self.assertLessEqual(len(result.err.splitlines()), 1, result.err)

    def damaged(self, name, spoil, *words):
        """The next run says a word of it, and copies as if there had been nothing."""
        with self.subTest(name):
            self.setUp()
            self.interrupt(number=signal.SIGTERM)
            spoil()
            result = self.finish()
            self.assertEqual(self.received(), self.size)
            for word in (self.state, *words):
                self.assertIn(word, result.err)
            self.assertEqual(len(result.err.splitlines()), 1, result.err)
            return result

    def overwrite(self, at, data, size=None):
        with open(self.state, 'r+b') as file:
            file.truncate(os.stat(self.state).st_size if size is None else size)
            file.seek(at)
            file.write(data)

    def test_that_is_damaged(self):
        for name, spoil in (
                ('cut off', lambda: self.overwrite(0, b'', 5000)),
                ('zeros in the table', lambda: self.overwrite(4096, bytes(8192))),
                ('noise behind the head', lambda: self.overwrite(
                    100, random.Random(1).randbytes(8000))),
                ('no table', lambda: self.edit('DROP TABLE entry')),
                ('another table', lambda: (self.edit('DROP TABLE entry'),
                                           self.edit('CREATE TABLE entry(x)'))),
                ('a later version', lambda: self.edit('PRAGMA user_version=99'))):
            self.damaged(name, spoil, '.bad')
            self.assertTrue(os.path.exists(f'{self.state}.bad'))
            self.assertEqual(self.entries(), 0)

    def test_that_is_not_ours(self):
        """It is left as it is."""
        for name, spoil in (
                ('text', lambda: self.write('home/.local/state/dray/state.db', 'my diary\n' * 99)),
                ('a byte', lambda: self.write('home/.local/state/dray/state.db', 'x')),
                ('another database', lambda: self.edit('PRAGMA application_id=7'))):
            kept = []

            def spoil_and_keep(spoil=spoil, kept=kept):
                spoil()
                with open(self.state, 'rb') as file:
                    kept.append(file.read())
            self.damaged(name, spoil_and_keep)
            with open(self.state, 'rb') as file:
                self.assertEqual(file.read(), kept[0])

    def test_that_is_empty(self):
        self.interrupt(number=signal.SIGTERM)
        self.overwrite(0, b'', 0)
        self.finish()
        self.assertEqual(self.received(), self.size)

    def test_that_can_only_be_read(self):
        """By a user who is not root, whom nothing stops."""
        self.interrupt(number=signal.SIGTERM)
        before = os.stat(self.state)
        above = os.path.dirname(self.dir)
        if not os.stat(above).st_mode & 0o001:
            os.chmod(above, 0o711)
        for path in (self.dir, self.path('home'), self.path('home/run')):
            os.chmod(path, 0o777)
        for path in (self.path('home/.local'), self.path('home/.local/state')):
            os.chmod(path, 0o755)
        os.chmod(os.path.dirname(self.state), 0o555)
        os.chmod(self.state, 0o444)
        as_nobody = (*NOBODY, DRAY) if os.geteuid() == 0 else (DRAY,)
        result = self.start(*as_nobody[1:], *self.command(), program=as_nobody[0]).wait()
        self.assertOk(result)
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertEqual(len(result.err.splitlines()), 1, result.err)
        self.assertIn(self.state, result.err)
        self.assertEqual(os.stat(self.state).st_mtime_ns, before.st_mtime_ns)

    def test_a_full_disk(self):
        """Files can't grow: one word, and the copy goes through."""
        for blocks in (0, 1, 8, 40):
            with self.subTest(blocks=blocks):
                self.setUp()
                script = f'trap "" XFSZ; (ulimit -f {blocks}; exec "$@") 2>&1 | cat >&2'
                result = self.start('-c', script, 'sh', DRAY, *self.command('-o', 'json'),
                                    program='/bin/sh').wait()
                self.assertCopied(self.ref, self.dst.ref('app:v1'))
                said = [line for line in result.err.splitlines() if self.state in line]
                self.assertLessEqual(len(said), 1, result.err)
                if blocks < 8:
                    self.assertEqual(len(said), 1, result.err)

    def test_entries_that_are_old(self):
        self.interrupt(number=signal.SIGTERM)
        self.edit('UPDATE entry SET written=?', int(time.time()) - 8 * 24 * 3600)
        self.finish()
        self.assertBeganAnew()

    def test_of_a_run_before_the_last_boot(self):
        """Its process can't live any more, whoever has its number now."""
        self.interrupt()
        self.edit("UPDATE entry SET owner=?", f'00000000-0000-0000-0000-000000000000 1 {os.getpid()} 1 0')
        self.finish()
        self.assertWentOn()


class Lies(RunsTest):
    """Entries with a right checksum and wrong contents."""

    def entry(self):
        with sqlite3.connect(self.state) as db:
            key, data = db.execute('SELECT key, bytes FROM entry WHERE key LIKE ?',
                                   (f'%@{self.layer}',)).fetchone()
        db.close()
        return key, data

    def forge(self, acked=None, state=None, location=None):
        """Replaces the only entry's fields: functions of the old ones."""
        key, data = self.entry()
        length = int.from_bytes(data[48:50], 'big')
        fields = [data[32:40], data[40:48], data[50:50 + length], data[50 + length:-1]]
        if acked:
            fields[0] = acked(int.from_bytes(fields[0], 'big')).to_bytes(8, 'big')
        if state:
            fields[2] = state(fields[2])
        if location:
            fields[3] = location(fields[3].decode()).encode()
        rest = fields[0] + fields[1] + len(fields[2]).to_bytes(2, 'big') + fields[2] + fields[3] + b'\0'
        seal = hashlib.sha256(key.encode() + b'\0' + rest).hexdigest()[:32].encode()
        with sqlite3.connect(self.state) as db:
            db.execute('UPDATE entry SET bytes=? WHERE key=?', (seal + rest, key))
        db.close()

    def test_the_truth(self):
        """What forge() makes is taken where nothing is changed."""
        self.interrupt(number=signal.SIGTERM)
        before = self.entry()
        self.forge(acked=lambda value: value)
        self.assertEqual(self.entry(), before)
        self.finish()
        self.assertWentOn()

    def test_more_than_there_is(self):
        self.interrupt(number=signal.SIGTERM)
        self.forge(acked=lambda value: value + 4 * MIB)
        self.finish()
        self.assertWentOn()

    def test_less_than_there_is(self):
        self.interrupt(number=signal.SIGTERM)
        self.forge(acked=lambda value: value - CHUNK // 2)
        self.finish()
        self.assertEqual(self.entries(), 0)

    def test_more_than_the_blob_has(self):
        self.interrupt(number=signal.SIGTERM)
        self.forge(acked=lambda value: value + 100 * MIB)
        self.finish()
        self.assertEqual(self.entries(), 0)

    def test_a_digest_of_other_bytes(self):
        """Ours is computed over all bytes: it all begins again, and nothing wrong is committed."""
        self.interrupt(number=signal.SIGTERM)
        self.forge(state=lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        self.finish()
        self.assertEqual(self.dst.count('upload-put', status=range(400, 600)), 0)
        self.assertLessEqual(self.received(), 2 * self.size)
        self.assertEqual(self.dst.uploads, [])
        self.assertEqual(self.entries(), 0)

    def test_a_session_of_another_blob(self):
        self.interrupt(number=signal.SIGTERM)
        other = self.dst.store.open_upload('app', 'sha256', 64 * MIB)
        other.add(b'x' * self.held)
        self.forge(location=lambda url: url.replace(self.dst.uploads[0].id, other.id))
        self.finish()
        self.assertLessEqual(self.received(), 2 * self.size)
        self.assertEqual(self.entries(), 0)

    def test_a_session_elsewhere(self):
        """Credentials do not go there."""
        trap = self.registry()
        self.fresh(auth='basic', users={'joe': 'secret'}, anonymous=None)
        self.docker_config({self.dst.host: ('joe', 'secret'), trap.host: ('eve', 'other')})
        self.interrupt(number=signal.SIGTERM)
        self.forge(location=lambda url: url.replace(self.dst.host, trap.host))
        self.finish()
        self.assertNoCredentialAt(trap)
        self.assertEqual(trap.bytes_received(), 0)

    def test_an_entry_that_was_touched(self):
        """Without a right checksum it is not taken at all."""
        self.interrupt(number=signal.SIGTERM)
        key, data = self.entry()
        with sqlite3.connect(self.state) as db:
            db.execute('UPDATE entry SET bytes=?', (data[:60] + bytes([data[60] ^ 1]) + data[61:],))
        db.close()
        self.finish()
        self.assertBeganAnew()
        self.assertEqual(self.dst.count('upload-status'), 0)


class Secrets(RunsTest):
    def secrets(self):
        """The states in the sessions' URLs."""
        return {entry.query.partition('_state=')[2].partition('&')[0]
                for entry in self.dst.requests('upload-*') if '_state=' in entry.query}

    def test_in_no_output(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number=number):
                self.fresh(location_query=True, stale='keep')
                self.dst.on('upload-patch', nth=2).status(503)
                self.on_layer(nth=1).reset(received=0.5)
                run = self.begin('-v', nth=5)
                self.wait_entries()
                secrets = self.secrets()
                self.assertGreater(len(secrets), 3)
                first = self.stop(run, number)
                self.dst.on('upload-status', nth=1).status(503)
                self.on_layer(nth=1).status(502)
                second = self.finish('-v', '-o', 'json')
                secrets |= self.secrets()
                for result in (first, second):
                    self.assertNoSecret(result, *secrets, 'sig=a')
                    self.assertNotIn('_state', result.err + result.out)

    def test_in_no_error(self):
        self.fresh(location_query=True, stale='keep')
        self.on_layer(skip=2).status(503)
        secrets = self.secrets()
        result = self.dray(*self.command('--retries', 0, '-o', 'json'))
        self.assertFails(result, 1)
        self.assertNoSecret(result, *self.secrets(), *secrets, '_state')


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

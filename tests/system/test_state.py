"""The state file: who may read it, what it costs where it can not be, and that nothing it says is
ever believed."""

import hashlib
import os
import random
import signal
import sqlite3
import stat
import time

from tests.system.lib import DRAY, unittest
from tests.system.test_resume_runs import CHUNK, MIB, RunsTest

NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')


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
        self.assertEqual(os.listdir(os.path.dirname(self.state)), ['state.db'],
                         'one file, for a cache')

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
        self.edit('UPDATE entry SET owner=?',
                  f'00000000-0000-0000-0000-000000000000 1 {os.getpid()} 1 0')
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
        rest = b''.join((*fields[:2], len(fields[2]).to_bytes(2, 'big'), *fields[2:], b'\0'))
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


if __name__ == '__main__':
    unittest.main()

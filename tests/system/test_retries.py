"""Faults that end: what is tried again, how often, after how long, and what is not."""

import time

from tests.system.lib import STORM, SystemTest, http_date, images, unittest

BIG = 3 << 20
CHUNKED = 20 << 20    # above what goes up in one piece

ERRORS = (408, 429, 500, 502, 503, 504)
FINAL = (400, 403, 404, 405, 409, 410, 422, 501)


class RetriesTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=4096, layers=1):
        """Two registries; the first has an image."""
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.image(layers, size=size)
        self.image.put(self.src, 'app', 'v1')

    def copy(self, *flags, retries=2):
        return self.dray('copy', self.src.ref('app:v1'), self.dst.ref('app:v1'),
                         '--retries', retries, *flags)

    def assertSucceeds(self, *flags, retries=2):
        """The copy works, byte for byte, in order, and with no session left."""
        result = self.assertOk(self.copy(*flags, retries=retries))
        self.assertCopied(self.src.ref('app:v1'), self.dst.ref('app:v1'))
        self.assertInOrder(self.dst)
        self.assertEqual(self.dst.tags('app'), {'v1': self.image.digest})
        self.assertNotIn('error:', result.err)
        return result


class Again(RetriesTest):
    """Each fault strikes once or twice; then all is well."""

    def survives(self, side, kind, *acts, size=4096, flags=(), **which):
        for act in acts:
            self.fresh(size)
            rule = getattr(self, side).on(kind, **{'times': 1, **which})
            act(rule)
            with self.subTest(side=side, kind=kind, fault=str(rule.fault), size=size):
                self.assertSucceeds(*flags)
                self.assertGreaterEqual(rule.hits, 1)

    def test_statuses(self):
        for number, status in enumerate(ERRORS):
            where = (('src', 'manifest'), ('src', 'blob'), ('dst', 'manifest'),
                     ('dst', 'upload-open'), ('dst', 'upload-put'), ('dst', 'tags'))
            for side, kind in where if status == 503 else (where[0], where[number % len(where)]):
                self.survives(side, kind, lambda rule, status=status: rule.status(status))

    def test_a_source_that_breaks_off(self):
        for size in (4096, BIG):
            self.survives('src', 'blob', lambda rule: rule.reset(), lambda rule: rule.close(),
                          lambda rule: rule.truncate(after=0.5), lambda rule: rule.reset(after=0.5),
                          lambda rule: rule.truncate(after=0), lambda rule: rule.truncate(after=1),
                          lambda rule: rule.html(), size=size)
        self.survives('src', 'manifest', lambda rule: rule.truncate(after=20),
                      lambda rule: rule.reset(after=0), lambda rule: rule.lose_answer('close'))

    def test_a_source_that_does_not_resume(self):
        """It sends all again, or refuses the range, or answers another one."""
        for settings in ({'no_ranges': True}, {'open_ranges': False}, {'accept_ranges': False}):
            with self.subTest(**settings):
                self.fresh(BIG)
                self.src.configure(**settings)
                self.src.on('blob', nth=(1, 2)).truncate(after=0.4)
                self.assertSucceeds()
        for act in (lambda rule: rule.status(416), lambda rule: rule.ignore_range()):
            self.fresh(BIG)
            self.src.on('blob', nth=(1, 2)).truncate(after=0.4)
            act(self.src.on('blob', when=lambda request: 'Range' in request.headers))
            self.assertSucceeds()

    def test_a_wrong_range_is_never_taken_for_the_right_one(self):
        for value in ('bytes 0-99/100', 'bytes */3145728', 'garbage', None):
            with self.subTest(value=value):
                self.fresh(BIG)
                self.src.on('blob', nth=(1, 2)).truncate(after=0.4)
                self.src.on('blob', when=lambda request: 'Range' in request.headers
                            ).content_range(value)
                result = self.copy()
                self.assertIn(result.code, (0, 1))
                if result.code == 0:
                    self.assertCopied(self.src.ref('app:v1'), self.dst.ref('app:v1'))
                else:
                    self.assertEqual(self.dst.tags('app'), {})

    def test_what_came_is_not_asked_for_again(self):
        """A blob that broke off in the middle goes on from there."""
        self.fresh(BIG)
        self.src.on('blob', times=3, path=f'*{self.image.parts[1].digest}').truncate(after=1 << 20)
        self.assertSucceeds()
        self.assertEqual(self.src.count('blob', status=206), 3 - 1)
        self.assertLess(self.src.bytes_sent('blob'), BIG + (1 << 20))

    def test_a_target_that_breaks_off(self):
        for size, kind in ((4096, 'upload-put'), (BIG, 'upload-put'), (CHUNKED, 'upload-patch')):
            self.survives('dst', kind, lambda rule: rule.reset(received=0.5),
                          lambda rule: rule.close(received=0.5), lambda rule: rule.reset(),
                          lambda rule: rule.status(503, received=0.5), lambda rule: rule.html(504),
                          size=size)

    def test_lost_answers(self):
        """What was done is found out, and done again only where it has to be."""
        for how in ('reset', 'close'):
            def act(rule, how=how):
                rule.lose_answer(how)
            for size, kind in ((4096, 'upload-open'), (4096, 'upload-put'), (BIG, 'upload-put'),
                               (CHUNKED, 'upload-patch'), (CHUNKED, 'upload-put')):
                self.survives('dst', kind, act, size=size)
            self.survives('dst', 'manifest', act, method='PUT')
            self.survives('dst', 'tags', act)

    def test_a_commit_that_was_done_is_not_repeated(self):
        self.fresh(BIG)
        self.dst.on('upload-put').lose_answer()
        self.assertSucceeds()
        self.assertEqual(self.dst.count('upload-put'), 2, 'one for each blob')
        self.assertEqual(self.dst.count('blob', method='HEAD', status=200), 2)

    def test_a_commit_that_takes_its_time(self):
        """Registries assemble: its answer may come long after the stall timeout."""
        self.fresh(BIG)
        gate = self.dst.on('upload-put').hold(acted=True)
        run = self.start('copy', self.src.ref('app:v1'), self.dst.ref('app:v1'), '--retries', 0,
                         '--stall-timeout', '1s')
        gate.wait_reached(2)
        time.sleep(1.6)    # the time that it takes is what is tested
        gate.release()
        self.assertOk(run.wait())
        self.assertEqual(self.dst.count('upload-put'), 2)

    def test_a_session_that_is_forgotten(self):
        for size, kind in ((BIG, 'upload-put'), (CHUNKED, 'upload-patch'), (CHUNKED, 'upload-put')):
            self.survives('dst', kind, lambda rule: rule.status(404, code='BLOB_UPLOAD_UNKNOWN'),
                          size=size)

    def test_a_source_that_falls_silent(self):
        for size in (4096, BIG):
            self.survives('src', 'blob', lambda rule: rule.stall(after=1000), size=size,
                          flags=('--stall-timeout', '1s'))
        self.survives('src', 'manifest', lambda rule: rule.stall(), flags=('--stall-timeout', '1s'))

    def test_a_slow_source_is_not_a_silent_one(self):
        self.fresh(60_000)
        self.src.on('blob', path=f'*{self.image.parts[1].digest}').rate(30_000)
        self.assertSucceeds('--stall-timeout', '1s', retries=0)

    def test_a_storm(self):
        """A tenth of all requests fails, in a dozen ways."""
        for seed in range(4):
            with self.subTest(seed=seed):
                self.src, self.dst = self.registry(), self.registry()
                self.image = images.multi(3, shared=2, own=3, attestations=1, big=4 << 20,
                                          seed=seed)
                self.image.put(self.src, 'app', 'v1')
                self.src.storm(0.1, seed)
                self.dst.storm(0.1, seed + 100)
                self.assertSucceeds('--stall-timeout', '2s', retries=5)

    def test_every_fault_of_the_storm_by_itself(self):
        """On whatever request it strikes."""
        for number, act in enumerate(STORM):
            for side in ('src', 'dst'):
                self.fresh(BIG)
                rule = getattr(self, side).on(nth=(2, 5), seed=number)
                act(rule)
                with self.subTest(side=side, fault=str(rule.fault)):
                    self.assertSucceeds(retries=4)


class HowOften(RetriesTest):
    def attempts(self, side, kind, status, retries):
        """How often a request is made that always fails with this status."""
        self.fresh()
        rule = getattr(self, side).on(kind, each=True)
        rule.status(status)
        result = self.copy(retries=retries)
        self.assertFails(result, 1, self.src.ref('app:v1'))
        self.assertEqual(self.dst.tags('app'), {})
        return max(rule.fired.values())

    def test_retries_are_honoured(self):
        for retries in (0, 2):
            for side, kind in (('src', 'manifest'), ('src', 'blob'), ('dst', 'manifest')):
                with self.subTest(retries=retries, side=side, kind=kind):
                    count = self.attempts(side, kind, 503, retries)
                    self.assertEqual(count, retries + 1)

    def test_uploads_are_begun_again_as_often(self):
        for retries in (0, 2):
            with self.subTest(retries=retries):
                self.fresh(layers=0)
                self.dst.on('upload-put').status(500)
                self.assertFails(self.copy(retries=retries), 1)
                self.assertEqual(self.dst.count('upload-put'), retries + 1)
                self.assertEqual(self.dst.count('upload-open'), retries + 1)

    def test_reading_commands_too(self):
        for command, name, kind in (('digest', 'app:v1', 'manifest'), ('tags', 'app', 'tags'),
                                    ('manifest', 'app:v1', 'manifest')):
            with self.subTest(command=command):
                self.fresh()
                self.src.on(kind, times=2).status(502)
                self.assertFails(self.dray(command, self.src.ref(name), '--retries', 0), 1, '502')
                self.assertOk(self.dray(command, self.src.ref(name), '--retries', 1))

    def test_what_can_not_succeed_is_asked_once(self):
        for status in FINAL:
            for side, kind in (('src', 'manifest'), ('src', 'blob'), ('dst', 'upload-open')):
                with self.subTest(status=status, side=side, kind=kind):
                    count = self.attempts(side, kind, status, 3)
                    if kind == 'upload-open':
                        self.assertLessEqual(count, 2, 'both blobs have the same address')
                    else:
                        self.assertEqual(count, 1)

    def test_progress_resets_the_count(self):
        """Twelve losses with two retries: each brought some of the blob."""
        self.fresh(6 << 20)
        self.src.on('blob', times=12, path=f'*{self.image.parts[1].digest}').truncate(
            after=400_000)
        self.assertSucceeds(retries=2)
        self.assertGreater(self.src.count('blob', status=206), 10)

    def test_no_progress_does_not(self):
        self.fresh(BIG)
        digest = self.image.parts[1].digest
        self.src.on('blob', skip=1, path=f'*{digest}').truncate(after=0)
        self.src.on('blob', path=f'*{digest}').truncate(after=1 << 20)
        self.assertFails(self.copy(retries=2), 1, self.src.ref('app:v1'), self.src.host)
        self.assertLessEqual(self.src.count('blob', path=f'*{digest}'), 6)


class HowLong(RetriesTest):
    def gaps(self, reg, kind, **which):
        times = [entry.time for entry in reg.requests(kind, **which)]
        return [after - before for before, after in zip(times, times[1:])]

    def test_the_pauses_grow(self):
        self.src.on('manifest', times=4).status(503)
        self.assertSucceeds(retries=4)
        gaps = self.gaps(self.src, 'manifest')
        self.assertEqual(len(gaps), 4)
        for gap, least in zip(gaps, (0.12, 0.25, 0.5, 1.0)):
            self.assertTrue(least <= gap < 2 * least + 2, gaps)

    def test_retry_after_in_seconds(self):
        for status, kind, side in ((429, 'manifest', 'src'), (503, 'upload-open', 'dst')):
            with self.subTest(status=status, kind=kind):
                self.fresh(layers=0)
                reg = getattr(self, side)
                reg.on(kind, times=1).status(status, retry_after=1)
                self.assertSucceeds()
                self.assertTrue(1 <= self.gaps(reg, kind)[0] < 4)

    def test_retry_after_as_a_date(self):
        self.fresh()
        self.src.on('blob', times=1).status(429, retry_after=http_date(2))
        result = self.assertSucceeds()
        self.assertTrue(0.9 <= result.seconds < 8, result.seconds)

    def test_others_wait_too(self):
        """A host that asked for a pause is left alone, not only by the request that it refused."""
        self.fresh(layers=8)
        self.src.on('blob', nth=3).status(429, retry_after=1)
        self.assertSucceeds('--max-connections', 2)
        refused = self.src.requests('blob', status=429)[0]
        ended = refused.time + refused.seconds
        self.assertEqual([entry for entry in self.src.requests('blob')
                          if ended + 0.1 < entry.time < ended + 0.9], [])

    def test_retry_after_in_the_past(self):
        for value in ('0', http_date(-100), 'tomorrow', '-5'):
            with self.subTest(value=value):
                self.fresh()
                self.src.on('manifest', times=1).status(429, retry_after=value)
                self.assertLess(self.assertSucceeds().seconds, 5)

    def test_a_wait_that_is_too_long(self):
        """It is said, not waited for."""
        for value in (86400, http_date(7200)):
            with self.subTest(value=value):
                self.fresh()
                self.src.on('manifest').status(429, retry_after=value)
                result = self.assertFails(self.copy(retries=5), 1, self.src.ref('app:v1'), '429')
                self.assertEqual(self.src.count('manifest'), 1)
                self.assertLess(result.seconds, 3)

    def test_rate_limits(self):
        """A registry of 10 requests a second gets its image, a little later."""
        self.fresh(layers=12)
        self.dst.configure(rate_limit=10)
        self.assertSucceeds(retries=5)


class Words(RetriesTest):
    def test_retries_are_told_at_v(self):
        self.src.on('manifest', times=1).status(503)
        result = self.assertSucceeds('-v')
        line = next(line for line in result.err.splitlines() if 'attempt' in line)
        self.assertIn(self.src.host, line)
        self.assertIn('503', line)
        self.fresh()
        self.src.on('manifest', times=1).status(503)
        self.assertEqual(self.assertSucceeds().err, '', 'and not without')

    def test_they_are_counted(self):
        self.src.on('manifest', times=1).status(503)
        self.dst.on('upload-put', times=1).status(503)
        totals = self.assertSucceeds('-o', 'json').json()['totals']
        self.assertEqual(totals['retries'], 2)
        self.assertEqual(totals['requests'], self.src.count() + self.dst.count())

    def test_the_number_of_attempts_is_told(self):
        self.src.on('manifest').status(503)
        self.assertFails(self.copy(retries=1), 1, 'after 2 attempts')


if __name__ == '__main__':
    unittest.main()

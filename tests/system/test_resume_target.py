"""A target that is lost in the middle of an upload: its session is asked how much it holds, and the
upload goes on from there, with bytes that are still at hand or, by Range, from the source."""

import itertools

from tests.system.lib import SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
CHUNK = MIB
SIZE = 8 * MIB
STRIDE = 256 * KIB    # how far apart the digest's states are kept, of a blob up to 64 MiB
STALLS = ('--stall-timeout', '1s')

# Registries, by what they do with a PATCH that does not fit.
DISTRIBUTION_2 = {'ignore_content_range': True, 'location_query': True, 'stale': 'kill'}
DISTRIBUTION_3 = {'location_query': True, 'stale': 'keep'}


class TargetTest(SystemTest):
    flags = ('--chunk-size', CHUNK)

    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=SIZE, layers=1, **settings):
        """An image at a source, and an empty target with these settings."""
        self.src, self.dst = self.registry(), self.registry(**settings)
        self.image = images.image(layers, size=size)
        self.size, self.layer = size, self.image.parts[1].digest
        self.ref = self.image.put(self.src, 'app', 'v1')

    def on_layer(self, kind='upload-patch', **which):
        """Requests with bytes of a layer; the config's are left alone."""
        return self.dst.on(kind, when=lambda request: (request.length or 0) > 10_000, **which)

    def dray_copy(self, *flags):
        return self.dray('copy', *self.flags, *flags, self.ref, self.dst.ref('app:v1'))

    def copy(self, *flags):
        result = self.assertOk(self.dray_copy(*flags))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertInOrder(self.dst)
        self.assertEqual(self.dst.uploads, [], 'a session was left open')
        return result

    def assertReceived(self, most, sessions=1):
        """At most so many bytes more than the layer has, in so many sessions."""
        extra = self.dst.bytes_received() - self.image.size
        self.assertLessEqual(extra, most)
        self.assertEqual(self.dst.count('upload-open') - 1, sessions)

    def ranges(self):
        return [entry.range for entry in self.src.requests('blob', reference=self.layer)]

    def assertReadOnce(self):
        self.assertEqual(self.ranges(), [None])
        self.assertEqual(self.src.bytes_sent('blob'), self.image.size)


LOSSES = {
    'reset': lambda act: act.reset(),
    'reset at the first byte': lambda act: act.reset(received=1),
    'reset in the middle': lambda act: act.reset(received=0.5),
    'reset at the last byte': lambda act: act.reset(received=CHUNK - 1),
    'close in the middle': lambda act: act.close(received=0.5),
    'lost answer': lambda act: act.lose_answer(),
    '500': lambda act: act.status(500),
    '502 in the middle': lambda act: act.html().status(502, received=0.5),
    '503': lambda act: act.status(503, retry_after=0),
    '429': lambda act: act.status(429, retry_after=0),
    '408 in the middle': lambda act: act.status(408, received=0.5),
}


class Lost(TargetTest):
    def test_a_part(self):
        for (name, lose), kept in itertools.product(LOSSES.items(), (True, False)):
            with self.subTest(name, kept=kept):
                self.fresh(keep_partial=kept)
                lose(self.on_layer(nth=3))
                self.copy()
                self.assertReceived(CHUNK)

    def test_the_first_and_the_last_part(self):
        for nth, name in itertools.product((1, 8), ('reset in the middle', 'lost answer', '503')):
            with self.subTest(name, nth=nth):
                self.fresh()
                LOSSES[name](self.on_layer(nth=nth))
                self.copy()
                self.assertReceived(CHUNK)

    def test_stalls(self):
        for name, stall in (('in the middle', lambda act: act.stall(received=0.5)),
                            ('without an answer', lambda act: act.stall(acted=True))):
            with self.subTest(name):
                self.fresh()
                stall(self.on_layer(nth=3))
                result = self.copy(*STALLS)
                self.assertReceived(CHUNK)
                self.assertLess(result.seconds, 6)

    def test_ten_times(self):
        self.fresh(20 * MIB)
        self.on_layer(nth=range(2, 21, 2)).reset(received=100_000)
        self.copy()
        self.assertReceived(0.2 * self.size)

    def test_parts_as_they_are_by_default(self):
        """Of 32 MiB; what has arrived of one is not sent again."""
        self.flags = ()
        self.fresh(40 * MIB)
        self.on_layer(nth=1).reset(received=20 * MIB)
        self.copy()
        self.assertReceived(0)

    def test_one_request_without_parts(self):
        """Once lost it begins again, with another session."""
        self.flags = ()
        for name in ('reset in the middle', 'close in the middle', '503'):
            with self.subTest(name):
                self.fresh()
                LOSSES[name](self.on_layer('upload-put', nth=1))
                self.copy()
                self.assertReceived(SIZE, sessions=2)

    def test_progress_is_what_counts(self):
        """More losses than --retries has tries; each brought something."""
        self.on_layer(nth=range(1, 9)).reset(received=0.9)
        self.copy('--retries', 1)
        self.assertReceived(0)

    def test_without_progress_it_ends(self):
        self.on_layer(skip=2).status(503)
        self.assertFails(self.dray_copy('--retries', 2), 1, self.dst.host, 503)
        self.assertEqual(len([entry for entry in self.dst.requests('upload-patch', fault=True)]), 3)
        self.assertEqual(self.dst.tags('app'), {})
        self.assertNotIn(self.layer, self.dst.blobs)


    def test_a_status_that_never_comes(self):
        """It is asked for as often as all else, not that often for each part."""
        self.on_layer(skip=2).reset(received=0.5)
        self.dst.on('upload-status').status(503)
        self.assertFails(self.dray_copy('--retries', 2), 1, self.dst.host, 503)
        self.assertLessEqual(self.dst.count('upload-status'), 3)
        self.assertEqual(self.dst.tags('app'), {})


class Again(TargetTest):
    """Where the bytes come from that have to be sent again."""

    def test_what_is_at_hand(self):
        """The source is not asked again."""
        self.flags = ('--chunk-size', '100KiB')
        for name, kept in (('reset in the middle', False), ('lost answer', True), ('503', True)):
            with self.subTest(name):
                self.fresh(keep_partial=kept)
                LOSSES[name](self.on_layer(nth=20))
                self.copy()
                self.assertReceived(100 * KIB)
                self.assertReadOnce()

    def test_what_has_arrived(self):
        """An answer that was lost: nothing has to be sent again at all."""
        self.on_layer(nth=3).lose_answer()
        self.copy()
        self.assertReceived(0)
        self.assertReadOnce()

    def test_a_blob_that_is_kept_whole(self):
        self.flags = ()
        self.fresh(400 * KIB)
        self.on_layer('upload-put', nth=(1, 2)).reset(received=0.5)
        self.copy()
        self.assertReadOnce()

    def test_what_has_gone_by(self):
        """It is read by Range, from where the digest's state is known."""
        self.flags = ('--chunk-size', 1_000_000)
        self.on_layer(nth=3).status(503)
        self.copy()
        self.assertReceived(1_000_000)
        known = 2_000_000 // STRIDE * STRIDE
        self.assertEqual(self.ranges(), [None, f'bytes={known}-{SIZE - 1}'])

    def test_a_source_that_is_lost_too(self):
        self.src.on('blob', path=f'*{self.layer}', nth=(1, 2)).reset(after=0.4)
        self.on_layer(nth=(2, 4)).reset(received=0.5)
        self.copy()
        self.assertReceived(2 * CHUNK)

    def test_a_source_without_ranges(self):
        self.src.no_ranges = True
        self.on_layer(nth=3).status(503)
        self.copy()
        self.assertReceived(CHUNK)
        self.assertEqual(len(self.ranges()), 2)


class Registries(TargetTest):
    """What the session answers, and what becomes of it."""

    def test_sessions_that_die_of_a_broken_part(self):
        """Another one is opened; only what the first held is sent again."""
        for name in ('reset in the middle', 'lost answer'):
            with self.subTest(name):
                self.fresh(**DISTRIBUTION_2)
                LOSSES[name](self.on_layer(nth=3))
                self.copy()
                self.assertReceived(3 * CHUNK, sessions=2)

    def test_sessions_that_live_on(self):
        for settings in (DISTRIBUTION_3, {**DISTRIBUTION_3, 'location_query': 'strict'},
                         {**DISTRIBUTION_2, 'stale': 'keep'}, {'ignore_content_range': True},
                         {'relative_location': 'sibling'}, {'range_report': '0--1'},
                         {'range_report': 'bytes='}):
            for name in ('reset in the middle', 'lost answer'):
                with self.subTest(name, settings=settings):
                    self.fresh(**settings)
                    LOSSES[name](self.on_layer(nth=3))
                    self.copy()
                    self.assertReceived(0)

    def test_ranges_that_say_little(self):
        """They are not trusted; where nobody knows what is there, it begins again."""
        for report, (name, nth, ignores) in itertools.product(
                ('zero', 'last', 'stuck', None),
                (('lost answer', 1, False), ('lost answer', 3, False),
                 ('reset in the middle', 3, False), ('reset in the middle', 3, True))):
            with self.subTest(name, report=report, ignores=ignores, nth=nth):
                self.fresh(4 * MIB, range_report=report, ignore_content_range=ignores)
                LOSSES[name](self.on_layer(nth=nth))
                self.copy()
                self.assertLessEqual(self.dst.bytes_received(), 2.3 * self.size)

    def test_ranges_that_say_little_again(self):
        """Not only the first loss is got over."""
        for report in ('zero', 'stuck', 'last'):
            with self.subTest(report=report):
                self.fresh(4 * MIB, range_report=report)
                self.on_layer(nth=(2, 6)).reset(received=0.5)
                self.copy()
                self.fresh(4 * MIB, range_report=report)
                self.on_layer(nth=(2, 5, 8)).lose_answer()
                self.copy()

    def test_parts_that_are_kept_whole(self):
        """ECR's way: what was lost is found to be there, though no range says so."""
        for report in ('zero', 'stuck'):
            with self.subTest(report=report):
                self.fresh(range_report=report, keep_partial=False)
                self.on_layer(nth=3).lose_answer()
                self.on_layer(nth=6).reset(received=0.5)
                self.copy()
                self.assertReceived(2 * CHUNK)

    def test_ranges_that_say_little_while_all_is_well(self):
        for report in ('zero', 'last', 'stuck', '0--1', 'bytes=', None):
            with self.subTest(report=report):
                self.fresh(4 * MIB, range_report=report)
                self.copy()
                self.assertReceived(0)
                self.assertReadOnce()

    def test_a_session_that_is_forgotten(self):
        self.on_layer(nth=3).change(lambda *_: self.dst.forget_uploads())
        self.copy()
        self.assertReceived(4 * CHUNK, sessions=2)
        self.assertGreater(self.dst.count('upload-patch', status=404), 0)

    def test_an_offset_that_is_refused(self):
        """416: the session is asked, or given up; the upload goes on."""
        self.on_layer(nth=3).status(416)
        self.copy()
        self.assertLessEqual(self.dst.bytes_received(), self.image.size + 3 * CHUNK)

    def test_a_part_that_ran_ahead(self):
        """It arrived although it was answered by an error: the session holds more than we know."""
        def fail(_, response):
            response.status = 502
            response.headers.set('Range', None)
        self.on_layer(nth=3).change(fail)
        self.copy()
        self.assertReceived(0)

    def test_a_status_that_fails(self):
        for name in ('reset', '503', '429'):
            with self.subTest(name):
                self.fresh()
                self.on_layer(nth=3).reset(received=0.5)
                LOSSES[name](self.dst.on('upload-status', nth=(1, 2)))
                self.copy()
                self.assertReceived(0)

    def test_no_status(self):
        for status in (404, 405):
            with self.subTest(status=status):
                self.fresh(upload_status=status)
                self.on_layer(nth=3).reset(received=0.5)
                self.copy()
                self.assertReceived(3 * CHUNK, sessions=2)

    def test_a_token_that_expired(self):
        self.fresh(auth='bearer', users={'joe': 'secret'}, anonymous=None)
        self.docker_config({self.dst.host: ('joe', 'secret')})
        self.on_layer(nth=3).change(lambda *_: self.dst.expire_tokens())
        self.copy()
        self.assertReceived(CHUNK)
        self.assertGreater(self.dst.count('upload-patch', status=401), 0)


class Commit(TargetTest):
    def commits(self):
        return [entry for entry in self.dst.requests('upload-put') if self.layer in entry.query
                or self.layer.replace(':', '%3A') in entry.query]

    def on_commit(self, **which):
        return self.dst.on('upload-put', when=lambda request: request.arg('digest') == self.layer,
                           **which)

    def assertSettledByHead(self):
        self.assertEqual(len(self.commits()), 1)
        self.assertEqual(self.dst.count('blob', method='HEAD', reference=self.layer, status=200), 1)
        self.assertReceived(0)
        self.assertReadOnce()

    def test_an_answer_that_was_lost(self):
        for act in ('reset', 'close'):
            with self.subTest(act=act):
                self.fresh()
                self.on_commit().lose_answer(act)
                self.copy()
                self.assertSettledByHead()

    def test_an_answer_that_was_lost_to_all_of_it(self):
        self.flags = ()
        for act in ('reset', 'close'):
            with self.subTest(act=act):
                self.fresh()
                self.on_commit().lose_answer(act)
                self.copy()
                self.assertSettledByHead()

    def test_an_error_though_it_was_done(self):
        for status in (404, 500, 502, 504):
            with self.subTest(status=status):
                self.fresh()
                self.on_commit().change(
                    lambda _, response, status=status: setattr(response, 'status', status))
                self.copy()
                self.assertSettledByHead()

    def test_one_that_was_not_done(self):
        """Nothing of the blob is sent again."""
        for name in ('reset', '503', '429'):
            with self.subTest(name):
                self.fresh()
                LOSSES[name](self.on_commit(nth=1))
                self.copy()
                self.assertEqual(len([one for one in self.commits() if one.status == 201]), 1)
                self.assertReceived(0)
                self.assertReadOnce()

    def test_a_session_that_is_gone(self):
        """Forgotten with all that it held: it all begins again."""
        self.on_layer(nth=8).change(lambda *_: self.dst.forget_uploads())
        self.copy()
        self.assertReceived(SIZE, sessions=2)

    def test_one_that_finds_other_bytes(self):
        """After a loss what was put together may be wrong: it begins again."""
        spoilt = []

        def spoil(_):
            if not spoilt:
                spoilt.extend(session for session in self.dst.uploads if session.size == SIZE)
                spoilt[0].add(b'x')
            return False
        self.on_layer(nth=3).reset(received=0.5)
        self.dst.on('upload-put', when=lambda request: request.arg('digest') == self.layer and
                    spoil(request))
        self.copy()
        self.assertEqual([entry.status for entry in self.commits()], [400, 201])
        self.assertReceived(SIZE, sessions=2)


class TooLarge(TargetTest):
    flags = ('--chunk-size', '4MiB')

    def refusals(self):
        return self.dst.count('upload-*', status=413)

    def parts(self):
        """Sizes of the parts that were taken."""
        return [entry.bytes_in for entry in self.dst.requests('upload-patch', status=202)
                if entry.bytes_in > 10_000]

    def test_smaller_parts_for_all_of_the_host(self):
        for settings in ({'chunk_max': 2 * MIB}, {'body_max': 2 * MIB}):
            with self.subTest(settings=settings):
                self.fresh(layers=3, **settings)
                self.copy('-j', 1)
                self.assertEqual(self.refusals(), 1)
                self.assertEqual(max(self.parts()), 2 * MIB)

    def test_a_blob_in_one_request(self):
        self.flags = ()
        self.fresh(layers=3, body_max=3 * MIB)
        self.copy('-j', 1)
        self.assertEqual(self.refusals(), 2)    # 8 MiB, and 4
        self.assertEqual(max(self.parts()), 2 * MIB)

    def test_in_the_middle(self):
        """What is there stays there."""
        self.fresh(20 * MIB)
        self.on_layer(nth=2).change(lambda *_: self.dst.configure(chunk_max=MIB))
        self.copy()
        self.assertReceived(2 * 4 * MIB)
        self.assertEqual(self.refusals(), 2)    # 4 MiB, and 2
        self.assertEqual(self.parts(), [4 * MIB] * 2 + [MIB] * 12)


if __name__ == '__main__':
    unittest.main()

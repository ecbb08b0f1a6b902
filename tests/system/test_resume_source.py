"""A source that is lost in the middle of a blob: the copy goes on from the first byte that has not
come yet. What has come is not fetched again, and the target notices nothing."""

from tests.system.lib import SystemTest, images, unittest

MIB = 1 << 20
SIZE = 8 * MIB
HALF = SIZE // 2
STALLS = ('--stall-timeout', '1s')


class SourceTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=SIZE, **settings):
        """An image with one layer at a source with these settings, and an empty target."""
        self.src, self.dst = self.registry(**settings), self.registry()
        self.image = images.image(1, size=size)
        self.size, self.layer = size, self.image.parts[1].digest
        self.ref = self.image.put(self.src, 'app', 'v1')

    def on_layer(self, reg=None, kind='blob', **which):
        return (reg or self.src).on(kind, path=f'*{self.layer}*', **which)

    def dray_copy(self, *flags):
        return self.dray('copy', *flags, self.ref, self.dst.ref('app:v1'))

    def copy(self, *flags):
        """It must work, and the target must get each byte once."""
        result = self.assertOk(self.dray_copy(*flags))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertInOrder(self.dst)
        self.assertEqual(self.dst.bytes_received(), self.image.size)
        self.assertEqual(self.dst.count('upload-open'), 2)
        return result

    def ranges(self, **filters):
        return [entry.range for entry in self.src.requests('blob', reference=self.layer, **filters)]

    def closed(self, *offsets):
        """Ranges from there to the end of the layer."""
        return [f'bytes={offset}-{self.size - 1}' for offset in offsets]

    def sent(self, *regs):
        """What was sent of the layer, as a share of it."""
        return sum(reg.bytes_sent('blob', reference=self.layer) + reg.bytes_sent('cdn', path=(
            f'*{self.layer}*')) for reg in regs or [self.src]) / self.size


class Lost(SourceTest):
    def test_in_the_middle(self):
        for name, act, flags in (
                ('reset', lambda rule: rule.reset(after=0.5), ()),
                ('truncated', lambda rule: rule.truncate(after=0.5), ()),
                ('without a length', lambda rule: rule.chunked().truncate(after=0.5), ()),
                ('stalled', lambda rule: rule.stall(after=0.5), STALLS)):
            with self.subTest(name):
                self.fresh()
                act(self.on_layer(nth=1))
                result = self.copy(*flags)
                self.assertEqual(self.ranges(), [None, *self.closed(HALF)])
                self.assertLess(self.sent(), 1.1)
                self.assertLess(result.seconds, 5)

    def test_at_its_ends(self):
        """Before the first byte, after it, and before and after the last."""
        for after in (0, 1, SIZE - 1):
            with self.subTest(after=after):
                self.fresh()
                self.on_layer(nth=1).reset(after=after)
                self.copy()
                self.assertEqual(self.ranges(), [None, *(self.closed(after) if after else [None])])
                self.assertLess(self.sent(), 1.1)

    def test_a_blob_that_is_no_stream(self):
        self.fresh(200_000)
        self.on_layer(nth=1).reset(after=0.5)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(100_000)])

    def test_ten_times(self):
        self.fresh(20 * MIB)    # in PATCHes
        self.on_layer(nth=range(1, 11)).reset(after=MIB)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(*range(MIB, 11 * MIB, MIB))])
        self.assertLess(self.sent(), 1.2)

    def test_progress_is_what_counts(self):
        """More losses than --retries has tries; each brought something."""
        self.on_layer(nth=range(1, 8)).reset(after=MIB)
        self.copy('--retries', 1)
        self.assertLess(self.sent(), 1.1)

    def test_without_progress_it_ends(self):
        self.on_layer(nth=1).reset(after=0.5)
        self.on_layer(skip=1).reset(after=1000)
        result = self.dray_copy('--retries', 2)
        self.assertFails(result, 1, self.src.host)
        self.assertEqual(self.src.count('blob', reference=self.layer), 4)
        self.assertEqual(self.dst.tags('app'), {})


class Answers(SourceTest):
    """What comes when the source is asked to go on."""

    def go_on(self, flags=(), **settings):
        """Cuts the first GET at half; returns a rule for the second."""
        self.fresh(**settings)
        self.on_layer(nth=1).reset(after=0.5)
        return self.on_layer(nth=2)

    def test_errors(self):
        for status in (408, 429, 500, 502, 503, 504):
            with self.subTest(status=status):
                self.go_on().status(status, retry_after=0)
                self.copy()
                self.assertEqual(self.ranges(), [None, *self.closed(HALF, HALF)])
                self.assertLess(self.sent(), 1.1)

    def test_nothing(self):
        for act in ('reset', 'close'):
            with self.subTest(act=act):
                getattr(self.go_on(), act)()
                self.copy()
                self.assertEqual(self.ranges(), [None, *self.closed(HALF, HALF)])
                self.assertLess(self.sent(), 1.1)

    def test_a_stall(self):
        self.go_on().stall()
        self.copy(*STALLS)
        self.assertEqual(self.ranges(), [None, *self.closed(HALF, HALF)])

    def test_no_more_rights(self):
        """Final, in the middle too; the tag is not touched."""
        for status in (403, 404):
            with self.subTest(status=status):
                self.go_on().status(status)
                self.assertFails(self.dray_copy(), 1, self.src.host, self.layer, status)
                self.assertEqual(self.src.count('blob', reference=self.layer), 2)
                self.assertEqual(self.dst.tags('app'), {})

    def test_all_of_it(self):
        """A 200: the first part is passed over."""
        for settings in ({'no_ranges': True}, {}):
            with self.subTest(settings=settings):
                self.go_on(**settings).ignore_range()
                self.copy()
                self.assertEqual(self.ranges(), [None, *self.closed(HALF)])
                self.assertEqual(self.sent(), 1.5)

    def test_all_of_another_blob(self):
        """A 200 of another size is not passed over, and one of other bytes is not taken."""
        self.go_on().ignore_range().body(b'x' * (SIZE - 1))
        self.assertFails(self.dray_copy(), 1, self.src.host, self.layer, 'size')
        self.assertNotIn(self.layer, self.dst.blobs)
        self.go_on().ignore_range().corrupt(SIZE - 5)
        self.assertFails(self.dray_copy(), 1, self.src.host, self.layer, 'corrupt')
        self.assertNotIn(self.layer, self.dst.blobs)
        self.assertEqual(self.dst.uploads, [])

    def test_only_closed_ranges(self):
        self.go_on(open_ranges=False)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(HALF)])

    def test_416(self):
        self.go_on().status(416)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(HALF), None])
        self.assertLess(self.sent(), 1.6)

    def test_another_range(self):
        """Whose place is not sure is not used: all of the blob is asked for instead."""
        for value in (f'bytes {SIZE - 5}-{SIZE - 1}/{SIZE}', f'bytes 0-{SIZE - 1}/{SIZE}',
                      f'bytes {HALF - 1}-{SIZE - 1}/{SIZE}', 'bytes 9-5/3', 'bytes */*', 'all',
                      None):
            with self.subTest(value=value):
                self.go_on().content_range(value)
                self.copy()
                self.assertEqual(self.ranges(), [None, *self.closed(HALF), None])

    def test_an_earlier_range(self):
        """More than was asked for: what is known is passed over."""
        def earlier(_, response):
            response.start -= 1000
            response.headers.set('Content-Range', f'bytes {HALF - 1000}-{SIZE - 1}/{SIZE}')
            response.headers.set('Content-Length', response.length)
        self.go_on().change(earlier)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(HALF)])
        self.assertEqual(self.src.bytes_sent('blob', reference=self.layer), SIZE + 1000)

    def test_a_size_that_is_not_told(self):
        self.go_on().content_range(f'bytes {HALF}-{SIZE - 1}/*')
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(HALF)])

    def test_a_part_of_the_range(self):
        """A cache that answers by one of its blocks: the rest is asked for."""
        def block(_, response):
            response.end = response.start + MIB
            last = response.end - 1
            response.headers.set('Content-Range', f'bytes {response.start}-{last}/{SIZE}')
            response.headers.set('Content-Length', response.length)
        self.on_layer(nth=1).reset(after=0.5)
        self.on_layer(skip=1).change(block)
        self.copy()
        self.assertEqual(self.ranges(), [None, *self.closed(*range(HALF, SIZE, MIB))])
        self.assertEqual(self.sent(), 1.0)

    def test_another_size(self):
        self.go_on().content_range(f'bytes {HALF}-{SIZE - 1}/{SIZE + 1}')
        self.assertFails(self.dray_copy(), 1, self.src.host, self.layer, 'wrong size', SIZE + 1)
        self.assertEqual(self.dst.tags('app'), {})
        self.assertEqual(self.dst.uploads, [])

    def test_a_wrong_byte(self):
        self.go_on().corrupt(SIZE - 5)
        self.assertFails(self.dray_copy(), 1, self.src.host, self.layer, 'corrupt')
        self.assertNotIn(self.layer, self.dst.blobs)
        self.assertEqual(self.dst.uploads, [])


class Urls(SourceTest):
    """A blob at a CDN, behind URLs that expire."""

    def setUp(self):
        super().setUp()
        self.cdn = self.registry(refuse_authorization=True)
        self.fresh(cdn=self.cdn)

    def cut(self):
        self.on_layer(self.cdn, 'cdn', nth=1).reset(after=0.5)

    def asked(self):
        """(URL, range, status) of each request to the CDN."""
        return [(entry.path, entry.range, entry.status)
                for entry in self.cdn.requests('cdn', path=f'*{self.layer}*')]

    def assertNewUrls(self, count):
        """The registry was asked each time; no URL was used again."""
        self.assertEqual(len(self.ranges()), count)
        self.assertEqual(len({url for url, _, _ in self.asked()}), count)
        self.assertEqual(self.asked()[-1][1:], (*self.closed(HALF), 206))
        self.assertLess(self.sent(self.src, self.cdn), 1.1)

    def test_the_registry_is_asked_again(self):
        self.cut()
        self.copy()
        self.assertNewUrls(2)

    def test_that_has_expired(self):
        """All URLs that were given out are worthless by the time of the loss."""
        self.on_layer(self.cdn, 'cdn', nth=1).change(
            lambda *_: self.cdn.expire_urls()).reset(after=0.5)
        self.copy()
        self.assertNewUrls(2)

    def test_that_is_refused(self):
        for status in (400, 401, 403, 404, 410):
            with self.subTest(status=status):
                self.setUp()
                self.cut()
                self.on_layer(self.cdn, 'cdn', nth=2).status(status)
                self.copy()
                self.assertNewUrls(3)

    def test_that_fails(self):
        self.cut()
        self.on_layer(self.cdn, 'cdn', nth=2).status(503)
        self.copy()
        self.assertNewUrls(3)

    def test_that_is_refused_for_good(self):
        self.on_layer(self.cdn, 'cdn').status(403)
        self.assertFails(self.dray_copy('--retries', 2), 1, self.layer, 403)
        self.assertEqual(len(self.asked()), 3)


class Tokens(SourceTest):
    def test_that_expired(self):
        self.fresh(auth='bearer', users={'joe': 'secret'}, anonymous=None)
        self.docker_config({self.src.host: ('joe', 'secret')})

        def expire(_):
            if self.src.count('token') == 1:
                self.src.expire_tokens()
            return False
        self.on_layer(nth=1).reset(after=0.5)
        self.on_layer(before_auth=True, when=lambda request: 'Range' in request.headers and
                      expire(request))
        self.copy()
        self.assertEqual(self.ranges(status=401), self.closed(HALF))
        self.assertEqual(self.ranges(status=206), self.closed(HALF))
        self.assertLess(self.sent(), 1.1)


if __name__ == '__main__':
    unittest.main()

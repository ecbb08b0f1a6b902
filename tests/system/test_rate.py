"""--limit-rate: bytes per second, all transfers together: exact, smooth, the same for each."""

import time

from tests.system.lib import SystemTest, images, unittest

MIB = 1 << 20


class RateTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def put(self, *parts, repo='app'):
        return images.image([images.Part(part) for part in parts]).put(self.src, repo, 'v1')

    @staticmethod
    def noise(size, seed):
        return images.noise(size, seed)

    def watch(self, run, measure, every=0.05):
        """[(seconds since the start, what is measured)] until the run ends."""
        began, seen = time.monotonic(), []
        while run.running():
            seen.append((time.monotonic() - began, measure()))
            time.sleep(every)
        return seen


class Limit(RateTest):
    def test_over_ten_seconds(self):
        rate = 8 * MIB
        ref = self.put(self.noise(80 * MIB, 'ten'))
        run = self.start('copy', '--limit-rate', '8MiB', ref, self.dst.ref('app:v1'))
        seen = self.watch(run, lambda: self.dst.bytes_received())
        result = self.assertOk(run.wait())
        self.assertCopied(ref, self.dst.ref('app:v1'), deep=False)
        self.assertAlmostEqual(result.seconds, 10, delta=0.5)
        moving = [(at, count) for at, count in seen if 0 < count < 79 * MIB]
        (began, first), (ended, last) = moving[0], moving[-1]
        self.assertAlmostEqual((last - first) / (ended - began), rate, delta=0.05 * rate)
        # Second by second
        for second in range(1, 9):
            window = [count for at, count in moving if second <= at < second + 1]
            self.assertAlmostEqual(window[-1] - window[0], rate, delta=0.25 * rate, msg=second)

    def test_units(self):
        """MB and MiB, and a number of bytes."""
        ref = self.put(self.noise(2_000_000, 'units'))
        for repo, text in (('a', '2M'), ('b', '2000000')):
            result = self.assertOk(self.dray('copy', '--limit-rate', text, ref,
                                             self.dst.ref(f'{repo}:v1')))
            self.assertAlmostEqual(result.seconds, 1, delta=0.25)

    def test_none(self):
        ref = self.put(self.noise(20 * MIB, 'none'))
        self.assertLess(self.assertOk(self.dray('copy', ref, self.dst.ref('app:v1'))).seconds, 2)

    def test_small_blobs_count(self):
        ref = self.put(*[self.noise(100_000, number) for number in range(40)])
        result = self.assertOk(self.dray('copy', '--limit-rate', '2M', ref, self.dst.ref('app:v1')))
        self.assertGreater(result.seconds, 1.7)
        self.assertLess(result.seconds, 2.6)

    def test_all_targets_together(self):
        ref = self.put(self.noise(2_000_000, 'targets'))
        result = self.assertOk(self.dray('copy', '--limit-rate', '2M', ref, self.dst.ref('a:v1'),
                                         self.registry().ref('b:v1')))
        self.assertGreater(result.seconds, 1.7)

    def test_a_source_that_is_slower_anyway(self):
        self.src.on('blob').rate(2_000_000)
        ref = self.put(self.noise(2_000_000, 'slow'))
        result = self.assertOk(self.dray('copy', '--limit-rate', '100M', ref,
                                         self.dst.ref('app:v1')))
        self.assertAlmostEqual(result.seconds, 1, delta=0.4)

    def test_what_is_read_again_counts(self):
        """A source that is lost does not make it faster."""
        ref = self.put(self.noise(4_000_000, 'again'))
        self.src.on('blob', nth=1).reset(after=0.5)
        self.src.no_ranges = True
        result = self.assertOk(self.dray('copy', '--limit-rate', '4M', ref, self.dst.ref('app:v1')))
        self.assertGreater(result.seconds, 1.3)


class Shares(RateTest):
    def test_two_get_the_same(self):
        contents = [self.noise(6 * MIB, seed) for seed in ('left', 'right')]
        ref = self.put(*contents)
        run = self.start('copy', '--limit-rate', '4MiB', ref, self.dst.ref('app:v1'))
        seen = self.watch(run, lambda: [self.src.bytes_sent('blob', reference=content.digest)
                                        for content in contents])
        self.assertOk(run.wait())
        taken = self.dst.requests('upload-put', where=lambda entry: entry.bytes_in > MIB)
        self.assertEqual(len(taken), 2)
        # Both end at the same time: neither had to wait for the other.
        ends = [entry.time + entry.seconds for entry in taken]
        self.assertAlmostEqual(*ends, delta=0.35)
        self.assertGreater(len(seen), 20)

    def test_one_of_another_size_does_not_wait(self):
        """With five others, a fourth as large as they are, it gets its sixth: 0.25 of 1.5 s."""
        large = [self.noise(4 * MIB, number) for number in range(5)]
        small = self.noise(MIB, 'small')
        ref = self.put(*large, small)
        result = self.assertOk(self.dray('copy', '--limit-rate', '10MiB', ref,
                                         self.dst.ref('app:v1')))
        self.assertAlmostEqual(result.seconds, 2.1, delta=0.4)
        ends = {entry.bytes_in: entry.time + entry.seconds
                for entry in self.dst.requests('upload-put')}
        self.assertLess(ends[MIB], 0.6 * ends[4 * MIB])

    def test_who_waits_is_not_stalled(self):
        """Each of 16 has to wait for more than the second that a silent one is given."""
        ref = self.put(*[self.noise(280_000, number) for number in range(16)])
        run = self.start('copy', '-v', '--limit-rate', '150k', '--stall-timeout', '1s', ref,
                         self.dst.ref('app:v1'))
        while self.dst.bytes_received() < 500_000:
            self.assertTrue(run.running())
            time.sleep(0.01)
        self.assertNotIn('silent', run.read_err())
        self.assertEqual(self.src.count('blob'), 17)


if __name__ == '__main__':
    unittest.main()

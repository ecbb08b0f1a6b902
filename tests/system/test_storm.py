"""Everything fails at once. The copy gets through all the same, in bounded time, and at no moment
is there anything wrong at the target."""

import os
import random

from tests.system.lib import Proxy, SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
SEEDS = 20
LIMIT = 40    # seconds for one copy; it takes one or two on an idle machine

TARGETS = (
    {},
    {'keep_partial': False, 'relative_location': True},
    {'location_query': True, 'ignore_content_range': True},
    {'location_query': 'strict', 'stale': 'keep'},
    {'range_report': 'zero'},
    {'range_report': 'stuck', 'keep_partial': False},
    {'range_report': 'last', 'no_head': True},
    {'upload_status': 404},
    {'chunk_max': MIB, 'close_after': 7},
    {'auth': 'bearer', 'users': {'joe': 'secret'}, 'anonymous': None, 'token_lifetime': 1},
)


def seeds():
    """20 of them, or those that DRAY_SEED names."""
    given = os.environ.get('DRAY_SEED')
    return [int(seed) for seed in given.split(',')] if given else range(SEEDS)


def stalls(reg, seed):
    """Now and then the silence of a line that is cut. Not where a commit would be the one to meet
    it: the answer to that may take minutes."""
    which = {'chance': 0.01, 'seed': seed}
    reg.on(('blob', 'cdn'), method='GET', **which).any_of(
        lambda act: act.stall(), lambda act: act.stall(after=(0.0, 0.9)))
    reg.on('upload-patch', **which).any_of(    # what is not read fits into the kernel's buffers,
        lambda act: act.stall(received=(0.9, 1.0)),    # or the registry would not see us leave
        lambda act: act.stall(acted=True))
    reg.on(('manifest', 'upload-open', 'upload-status', 'token'), **which).stall()


class Storm(SystemTest):
    def source(self, seed):
        """Plain, without ranges, or with a CDN, where it storms too."""
        kind = seed % 3
        if kind < 2:
            return [self.registry(no_ranges=kind == 1)]
        cdn = self.registry()
        return [self.registry(cdn=cdn), cdn]

    def storm(self, regs, seed, share):
        for number, reg in enumerate(regs):
            reg.storm(share, 1000 * number + seed)
            stalls(reg, 1000 * number + seed)

    def test_a_tenth_of_all_requests(self):
        for seed in seeds():
            with self.subTest(seed=seed):
                print(f'DRAY_SEED={seed}')
                regs = self.source(seed)
                dst = self.registry(**TARGETS[seed % len(TARGETS)])
                image = images.multi(2, shared=2, own=2, size=300 * KIB, attestations=1,
                                     big=5 * MIB, seed=seed)
                ref = image.put(regs[0], 'app', 'v1')
                self.docker_config({dst.host: ('joe', 'secret')})
                self.storm([*regs, dst], seed, 0.1)
                result = self.dray('copy', '--chunk-size', MIB, '--stall-timeout', '1s', ref,
                                   dst.ref('app:v1'), timeout=LIMIT)
                self.assertOk(result)
                self.assertCopied(ref, dst.ref('app:v1'))
                self.assertInOrder(dst)
                self.assertEqual([event.name for event in dst.events if event.what == 'tag'][0],
                                 'v1')
                self.assertEqual(dst.tags('app'), {'v1': image.digest})

    def test_half_of_all_requests(self):
        """It takes more tries than the default; still nothing wrong comes of it."""
        src, dst = self.registry(), self.registry()
        image = images.multi(2, shared=1, own=1, size=300 * KIB, big=2 * MIB)
        ref = image.put(src, 'app', 'v1')
        self.storm([src, dst], 1, 0.5)
        result = self.dray('copy', '--retries', 30, '--chunk-size', MIB, '--stall-timeout', '1s',
                           ref, dst.ref('app:v1'), timeout=90)
        self.assertOk(result)
        self.assertCopied(ref, dst.ref('app:v1'))
        self.assertInOrder(dst)

    def test_what_fails_for_good_is_not_tagged(self):
        """No tries at all: mostly it does not get through, and then there is no tag."""
        failed = 0
        for seed in range(6):
            with self.subTest(seed=seed):
                src, dst = self.registry(), self.registry()
                image = images.multi(2, shared=1, own=1, seed=seed)
                ref = image.put(src, 'app', 'v1')
                src.storm(0.2, seed)
                dst.storm(0.2, seed + 1000)
                result = self.dray('copy', '--retries', 0, ref, dst.ref('app:v1'))
                self.assertIn(result.code, (0, 1))
                failed += result.code
                self.assertInOrder(dst)
                for digest, content in dst.blobs.items():
                    self.assertEqual(content.digest_as('sha256'), digest)
        self.assertGreater(failed, 2)


class Lines(SystemTest):
    """Real registries, behind lines that are cut."""

    def proxy(self, reg):
        made = Proxy(reg.host)
        self.addCleanup(made.stop)
        return made

    def test_docker_registry(self):
        src, dst = self.debian(), self.debian()
        down, up = self.proxy(src), self.proxy(dst)
        for seed in seeds()[:2]:
            with self.subTest(seed=seed):
                print(f'DRAY_SEED={seed}')
                rng = random.Random(seed)
                image = images.multi(2, shared=1, own=1, size=600 * KIB, big=24 * MIB, seed=seed)
                self.push(image, src.ref(f'app{seed}:v1'))
                for _ in range(8):    # bodies on their way, and heads of requests and answers
                    for proxy, bodies, heads in ((down, 'down', 'up'), (up, 'up', 'down')):
                        way, most = rng.choice(((bodies, 2 * MIB), (heads, 3000)))
                        proxy.cut(rng.randrange(most), way, 1, rng.choice(('reset', 'close')))
                before = down.cuts + up.cuts
                result = self.dray('copy', '--retries', 20, '--chunk-size', 2 * MIB,
                                   down.ref(f'app{seed}:v1'), up.ref(f'app{seed}:v1'), timeout=90)
                self.assertOk(result)
                self.assertCopied(src.ref(f'app{seed}:v1'), dst.ref(f'app{seed}:v1'))
                self.assertGreater(down.cuts + up.cuts, before + 3)
                down.mend()
                up.mend()

    def test_all_of_it_at_once(self):
        """Every connection breaks, again and again, while the copy is under way."""
        src, dst = self.debian(), self.debian()
        down, up = self.proxy(src), self.proxy(dst)
        self.push(images.image(4, size=10 * MIB), src.ref('app:v1'))
        run = self.start('copy', '--limit-rate', '20MiB', '--chunk-size', 2 * MIB, '--retries', 20,
                         down.ref('app:v1'), up.ref('app:v1'))
        for moved in (2 * MIB, 8 * MIB, 16 * MIB, 24 * MIB):
            while run.running() and down.down < moved:
                pass
            down.cut_all()
            up.cut_all()
        self.assertOk(run.wait())
        self.assertCopied(src.ref('app:v1'), dst.ref('app:v1'))
        self.assertLess(down.down, 2.2 * 40 * MIB)


if __name__ == '__main__':
    unittest.main()

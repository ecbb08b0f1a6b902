"""Silence: how long it is borne, by what is silent, and how it is told. --stall-timeout is about
the other side alone; connecting has its own time, and so has the answer to a commit."""

import socket

from tests.system.lib import SystemTest, images, unittest

KIB, MIB = 1 << 10, 1 << 20
FLAGS = ('--stall-timeout', '1s', '--connect-timeout', '3s', '--retries', 0)


class StallTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.fresh()

    def fresh(self, size=20 * MIB):
        self.src, self.dst = self.registry(), self.registry()
        self.image = images.image(1, size=size)
        self.layer = self.image.parts[1].digest
        self.ref = self.image.put(self.src, 'app', 'v1')

    def copy(self, *flags, ref=None):
        return self.dray('copy', *FLAGS, *flags, ref or self.ref, self.dst.ref('app:v1'))

    def assertGivenUp(self, result, host, *words, seconds=1):
        self.assertFails(result, 1, host, *words)
        self.assertGreater(result.seconds, seconds - 0.1)
        self.assertLess(result.seconds, seconds + 2)
        self.assertEqual(self.dst.tags('app'), {})


class Words(StallTest):
    def test_no_connection(self):
        full = socket.create_server(('127.0.0.1', 0), backlog=0)
        self.addCleanup(full.close)
        for _ in range(4):    # its queue is full then: the kernel answers no more
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
            self.addCleanup(waiting.close)
        host = f'127.0.0.1:{full.getsockname()[1]}'
        result = self.dray('copy', '--stall-timeout', '1s', '--connect-timeout', '2s', '--retries',
                           0, f'{host}/app:v1', self.dst.ref('app:v1'))
        self.assertGivenUp(result, host, 'no connection', '2 s', seconds=2)

    def test_no_answer(self):
        for side, kind in (('src', 'manifest'), ('src', 'blob'), ('dst', 'upload-open')):
            with self.subTest(side=side, kind=kind):
                self.fresh()
                reg = getattr(self, side)
                reg.on(kind).stall()
                self.assertGivenUp(self.copy(), reg.host, 'no answer for 1 s')

    def test_no_end_of_an_answer(self):
        self.src.on('blob', path=f'*{self.layer}').stall(after=5000)
        self.assertGivenUp(self.copy(), self.src.host, 'stood still for 1 s after 5000 bytes')

    def test_no_end_of_a_body(self):
        self.dst.on('upload-patch').stall(received=5000)
        self.assertGivenUp(self.copy(), self.dst.host, 'stood still for 1 s after', 'bytes sent')

    def test_no_answer_to_a_body(self):
        self.dst.on('upload-patch').stall(acted=True)
        self.assertGivenUp(self.copy(), self.dst.host, 'no answer for 1 s')


class Patience(StallTest):
    def test_trickles(self):
        """A little, now and then, both ways at once."""
        self.fresh(300 * KIB)
        self.src.on('blob', path=f'*{self.layer}').rate(150 * KIB)
        self.dst.on('upload-put').rate(150 * KIB)
        result = self.assertOk(self.copy())
        self.assertGreater(result.seconds, 1.8)
        self.assertCopied(self.ref, self.dst.ref('app:v1'))

    def test_each_answer_in_just_less(self):
        self.fresh(4 * KIB)
        self.src.latency = self.dst.latency = 0.6
        self.assertOk(self.copy())
        self.assertCopied(self.ref, self.dst.ref('app:v1'))

    def test_a_commit_has_minutes(self):
        self.dst.on('upload-put', when=lambda request: request.arg('digest') == self.layer).delay(2)
        result = self.assertOk(self.copy())
        self.assertGreater(result.seconds, 2)
        self.assertEqual(self.dst.count('upload-put'), 2)

    def test_silence_is_got_over(self):
        """Once in each place, with tries left, it costs its second and nothing more."""
        self.src.on('manifest', nth=1).stall()
        self.src.on('blob', path=f'*{self.layer}', nth=1).stall(after=0.4)
        self.dst.on('upload-patch', nth=1).stall(acted=True)
        result = self.assertOk(self.copy('--retries', 3))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertLess(self.src.bytes_sent('blob'), 1.1 * self.image.size)
        self.assertLess(self.dst.bytes_received(), 1.1 * self.image.size)
        self.assertLess(result.seconds, 8)


if __name__ == '__main__':
    unittest.main()

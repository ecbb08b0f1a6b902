"""Politeness: how many requests at once and how fast, and what follows when a host says no."""

import signal
import time

from tests.system.lib import H2Server, Registry, SystemTest, images, unittest

KIB = 1 << 10
DIGEST = 'sha256:' + 'a' * 64


class PacingTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def put(self, image):
        self.image, self.ref = image, image.put(self.src, 'app', 'v1')

    def copy(self, *flags, **options):
        return self.dray('copy', self.ref, self.dst.ref('app:v1'), *flags, **options)

    def assertCopies(self, *flags, **options):
        result = self.assertOk(self.copy(*flags, **options))
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        return result


def ended(entry):
    return entry.time + entry.seconds


def between(entries, begin, end):
    return [entry for entry in entries if begin < entry.time < end]


class Refusals(PacingTest):
    def test_eight_in_a_row_get_through(self):
        """With default flags. A 429 is no failure of the request: the next waits longer. They are in
        a row from when the config has been read, which is no refusal."""
        self.put(images.image(1))
        self.src.on('blob', path=f'*{self.image.parts[1].digest}', times=8).status(429)
        self.assertCopies(timeout=120)
        times = [entry.time for entry in self.src.requests('blob', path=f'*{self.image.parts[1].digest}')]
        self.assertEqual(len(times), 9)
        config, = self.src.requests('blob', path=f'*{self.image.parts[0].digest}')
        times = [at for at in times if at > ended(config)]
        gaps = [after - before for before, after in zip(times, times[1:])]
        self.assertGreater(len(gaps), 3)
        for number, gap in enumerate(gaps):
            if number >= 3:    # what a busy machine is late by is longer than the first
                self.assertGreater(gap, 0.03 * 2 ** number, gaps)

    def test_without_end_it_is_over_some_time(self):
        self.put(images.image(1))
        self.src.on('blob').status(429, retry_after=0)
        self.assertFails(self.copy('--retries', 1), 1, '429', 'after 3 attempts', 'log in')
        self.src.log.clear()
        self.assertFails(self.copy('--retries', 0), 1, '429')
        self.assertLessEqual(self.src.count('blob'), 2)

    def test_one_holds_all_of_its_kind_and_no_others(self):
        """Blobs are asked for again two seconds later; what has come is sent to the target."""
        self.put(images.image(images.layers(30)))
        self.src.latency = 0.02
        self.src.on('blob', nth=9).status(429, retry_after=2)
        result = self.assertCopies()
        self.assertGreaterEqual(result.seconds, 2)
        self.assertEqual(self.src.count('blob', status=429), 1)
        refused = self.src.requests('blob', status=429)[0]
        early = between(self.src.requests('blob'), ended(refused) + 0.1, ended(refused) + 1.9)
        self.assertEqual(early, [])
        again = [e for e in self.src.requests('blob', path=refused.path) if e.status == 200]
        self.assertEqual(len(again), 1)
        stored = self.dst.requests('upload-put', status=201)
        self.assertTrue([e for e in stored if ended(e) - self.dst.log[0].time < 1.5], 'nothing went on')

    def test_after_a_hold_one_asks_first(self):
        """A host that is not ready yet refuses one request, not as many as wait."""
        self.put(images.image(images.layers(30)))
        self.src.latency = 0.01
        gate = self.src.on('blob', times=8)
        held = gate.status(429, retry_after=1).hold()
        self.src.on('blob', times=2).status(429, retry_after=1)
        running = self.start('copy', self.ref, self.dst.ref('app:v1'))
        held.wait_reached(8)
        held.release()
        self.assertOk(running.wait())
        refused = self.src.requests('blob', status=429)
        self.assertEqual(len(refused), 10)
        gaps = [after.time - before.time for before, after in zip(refused[7:], refused[8:])]
        self.assertGreater(min(gaps), 0.9, gaps)

    def test_a_503_with_a_time_holds_the_host(self):
        self.put(images.multi(platforms=4))
        self.dst.latency = 0.01
        self.dst.on('upload-put', nth=3).status(503, retry_after=1)
        self.assertCopies()
        refused = self.dst.requests('upload-put', status=503)[0]
        early = between(self.dst.log, ended(refused) + 0.1, ended(refused) + 0.9)
        self.assertEqual(early, [])


class Rates(PacingTest):
    def rate(self, side, limit, count, **settings):
        self.put(images.image(images.layers(count)))
        side.configure(rate_limit=limit, **settings)
        result = self.assertCopies(timeout=120)
        entries = list(side.log)
        late = between(entries, entries[0].time + 2, entries[-1].time)
        refused = [entry for entry in late if entry.status == 429]
        self.assertLessEqual(len(refused), 4 + len(late) // 8, side.dump())
        self.assertLessEqual(side.count(status=429), 64 + len(entries) // 8)
        return result

    def test_of_a_target(self):
        """82 requests at 20 a second, a second's worth at once: 3.1 s at best."""
        self.assertLess(self.rate(self.dst, 20, 40).seconds, 12)

    def test_of_a_target_that_does_not_say_when(self):
        self.assertLess(self.rate(self.dst, 20, 40, retry_after=None).seconds, 12)

    def test_of_a_source(self):
        """42 requests at 5 a second: 7.4 s at best."""
        self.assertLess(self.rate(self.src, 5, 40).seconds, 20)

    def test_of_one_kind(self):
        """Manifests are put one a second (ECR: ten); nothing else has to wait."""
        self.put(images.multi(platforms=4))
        self.dst.configure(rate_limit={'manifest': 1}, retry_after=None)
        self.assertCopies()
        self.assertLessEqual(self.dst.count('manifest', status=429), 12)
        self.assertEqual(self.dst.count('upload-*', status=429), 0)


class PullLimit(PacingTest):
    def test_the_message_says_when_it_ends(self):
        self.put(images.image())
        self.src.configure(pull_limit=0)
        result = self.assertFails(self.copy(), 1, self.ref, 'TOOMANYREQUESTS', 'UTC', 'log in',
                                  'in 360 minutes')
        self.assertRegex(result.err, r'resets by \d\d:\d\d UTC')
        self.assertEqual(self.src.count('manifest', method='GET'), 1)
        self.assertLess(result.seconds, 5)

    def test_what_the_limit_leaves_is_made_use_of(self):
        """Two of six; the third finds out, and no more is asked."""
        self.put(images.multi(platforms=5))
        self.src.configure(pull_limit=2)
        self.assertFails(self.copy('-j', 16), 1, 'resets by')
        self.assertEqual(self.src.count('manifest', method='GET', status=200), 2)
        self.assertLessEqual(self.src.count('manifest', status=429), 1)

    def test_an_image_that_is_there_needs_none(self):
        self.put(images.multi(platforms=2))
        self.image.put(self.dst, 'app', 'v1')
        self.src.configure(pull_limit=0)
        self.assertOk(self.copy())
        self.assertOk(self.dray('digest', self.ref))
        self.assertEqual(self.src.count('manifest', method='GET'), 0)

    def test_a_short_wait_is_waited(self):
        self.put(images.image())
        self.src.on('manifest', times=1).status(
            429, headers={'ratelimit-remaining': '0;w=21600', 'ratelimit-reset': '2'})
        result = self.assertCopies('-v')
        self.assertGreaterEqual(result.seconds, 2)
        self.assertIn('a limit is reached: no reading of manifests for 2 s', result.err)

    def test_so_is_a_short_window(self):
        self.put(images.image())
        self.src.on('manifest', times=1).status(429, headers={'ratelimit-remaining': '0;w=2'})
        self.assertGreaterEqual(self.assertCopies().seconds, 2)

    def test_a_deadline_decides_what_is_waited_for(self):
        self.put(images.image())
        self.src.configure(pull_limit=0)
        running = self.start('copy', self.ref, self.dst.ref('app:v1'), '--deadline', '24h')
        until = time.monotonic() + 20
        while 'for 21' not in running.read_err() and time.monotonic() < until:
            time.sleep(0.01)
        self.assertRegex(running.read_err(), r'a limit is reached: no reading of manifests for 21[56]\d\d s')
        self.assertTrue(running.running())
        running.signal(signal.SIGINT)
        self.assertEqual(running.wait(5).code, 130)
        self.src.configure(pull_limit=None)
        self.src.on('manifest').status(429, retry_after=60)
        result = self.assertFails(self.copy('--deadline', '30s'), 1, 'in 1 minute')
        self.assertLess(result.seconds, 5)

    def test_a_limit_that_is_told_is_not_run_into(self):
        """None are left, says a good answer: the next is asked for after the reset."""
        for names in ('RateLimit-Remaining', 'RateLimit-Reset'), ('RateLimit',), (
                'X-RateLimit-Remaining', 'X-RateLimit-Reset'):
            with self.subTest(names=names):
                headers = dict(zip(names, ('0', '2')))
                if len(names) == 1:
                    headers = {names[0]: '"default";r=0;t=2'}
                elif names[0].startswith('X'):
                    headers[names[1]] = str(int(time.time()) + 4)
                self.src, self.dst = self.registry(), self.registry()
                self.put(images.multi(platforms=3))
                rule = self.src.on('manifest', nth=1)
                for name, value in headers.items():
                    rule.header(name, value)
                result = self.assertCopies()
                index, *children = self.src.requests('manifest')
                self.assertEqual(self.src.count(status=429), 0)
                self.assertGreaterEqual(min(e.time for e in children) - ended(index), 1.9)
                self.assertLess(result.seconds, 12)

    def test_one_that_lasts_too_long_is_not_asked(self):
        self.put(images.multi(platforms=3))
        self.src.on('manifest', nth=1).header('RateLimit', '"day";r=0;t=7200')
        self.assertFails(self.copy(), 1, self.ref, 'not asked for', 'in 120 minutes')
        self.assertEqual(self.src.count('manifest'), 1)


class AtOnce(PacingTest):
    def test_begins_with_few_and_grows(self):
        self.put(images.image(images.layers(150)))
        self.src.latency = 0.02
        gate = self.src.on('blob', times=8).hold()
        running = self.start('copy', self.ref, self.dst.ref('app:v1'))
        gate.wait_reached(8)
        time.sleep(0.2)      # that no ninth comes can only be seen by waiting
        self.assertEqual(self.src.log.peak('blob'), 8)
        gate.release()
        self.assertOk(running.wait())
        self.assertGreater(self.src.log.peak('blob'), 16)

    def test_refusals_halve_it_and_it_recovers(self):
        self.put(images.image(images.layers(150)))
        self.src.latency = 0.02
        first = self.src.on('blob', times=8)
        refusing = first.status(503).hold()
        running = self.start('copy', self.ref, self.dst.ref('app:v1'))
        refusing.wait_reached(8)
        held = self.src.on('blob', times=4).hold()
        refusing.release()
        held.wait_reached(4)
        self.src.log.clear()
        time.sleep(0.5)      # those that were refused have tried again by then, if they may
        self.assertEqual(self.src.log.peak('blob'), 4)
        held.release()
        self.assertOk(running.wait())
        self.assertGreater(self.src.log.peak('blob'), 6)

    def test_lost_connections_halve_it_too(self):
        """A registry that takes six connections, and resets the others."""
        for how in '503', 'reset':
            with self.subTest(how=how):
                self.src = self.registry(max_connections=6, over_limit=how, latency=0.01)
                self.put(images.image(images.layers(100)))
                self.assertCopies()
                self.assertLessEqual(self.src.count(where=lambda e: e.note), 40)

    def test_never_more_connections_than_allowed(self):
        image = images.image([*images.layers(40), *(
            images.Part(images.contents.noise(300 * KIB, number)) for number in range(12))])
        authority = self.authority()
        for tls in None, authority.server:
            for most in 2, 5:
                with self.subTest(most=most, tls=bool(tls)):
                    self.src = self.registry(latency=0.005, tls=tls)
                    self.dst = self.registry(latency=0.005, tls=tls)
                    flags = ['--max-connections', most, '--ca-file', authority.ca_file]
                    for reg in (self.src, self.dst) if tls else ():
                        self.trust(reg, authority)
                        flags += ['--tls', reg.host]
                    self.put(image)
                    self.assertCopies(*flags)
                    self.assertLessEqual(self.src.peak_connections, most)
                    self.assertLessEqual(self.dst.peak_connections, most)

    def test_nor_from_a_host_to_itself(self):
        self.dst = self.src = self.registry(latency=0.005, mount='decline')
        image = images.image([*images.layers(20), *(
            images.Part(images.contents.noise(300 * KIB, number)) for number in range(8))])
        self.image, self.ref = image, image.put(self.src, 'from', 'v1')
        self.assertCopies('--max-connections', 3)
        self.assertLessEqual(self.src.peak_connections, 3)


class Unreachable(PacingTest):
    def test_a_host_that_comes_back(self):
        """Connections are refused for a while: it is tried less and less, and goes on."""
        self.put(images.image(images.layers(60)))
        self.src.latency = 0.02
        gate = self.src.on('blob', nth=20).hold()
        running = self.start('copy', '-o', 'json', self.ref, self.dst.ref('app:v1'))
        gate.wait_reached()
        self.src.stop()
        time.sleep(1.5)
        back = Registry(share=self.src, port=self.src.port)
        self.addCleanup(back.stop)
        result = self.assertOk(running.wait())
        self.assertCopied(self.ref, self.dst.ref('app:v1'))
        self.assertLess(result.json()['totals']['retries'], 120)


class Http2(PacingTest):
    """Ways of HTTP/2 to refuse a request that are nobody's failure."""

    def ask(self, acts, retries):
        authority = self.authority()
        server = H2Server(authority.server, acts, {'docker-content-digest': DIGEST})
        self.addCleanup(server.stop)
        result = self.dray('digest', '--ca-file', authority.ca_file, '--tls', server.host,
                           '--retries', retries, f'{server.host}/app:v1')
        return server, result

    def test_refused_streams_cost_no_attempt(self):
        server, result = self.ask(['refuse'] * 4 + ['answer'], 0)
        self.assertEqual(self.assertOk(result).out.strip(), DIGEST)
        self.assertEqual(server.requests, 5)

    def test_they_are_not_tried_without_end(self):
        server, result = self.ask(['refuse'], 1)
        self.assertFails(result, 1, server.host)
        self.assertLess(server.requests, 20)

    def test_nor_does_goaway_before_the_request(self):
        server, result = self.ask(['goaway'] * 4 + ['answer'], 0)
        self.assertEqual(self.assertOk(result).out.strip(), DIGEST)
        self.assertEqual((server.requests, server.connections), (5, 5))
        self.assertLess(result.seconds, 5)

    def test_goaway_after_the_request_lets_it_be_answered(self):
        server, result = self.ask(['goaway-ok', 'answer'], 0)
        self.assertOk(result)
        self.assertEqual(server.requests, 1)

    def test_other_ends_cost_one(self):
        for act in 'lost', 'broken':
            with self.subTest(act=act):
                self.assertFails(self.ask([act, 'answer'], 0)[1], 1)
                self.assertOk(self.ask([act, 'answer'], 1)[1])


if __name__ == '__main__':
    unittest.main()

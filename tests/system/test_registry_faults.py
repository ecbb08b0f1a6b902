"""Each fault of the test registry is what it says, and so are TLS, the proxy and lib.py."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time

from lib import Proxy, http_date, unittest
from test_registry_itself import ABSENT, Base


class Faults(Base):
    def setUp(self):
        super().setUp()
        self.reg = self.registry()
        self.path, self.data = self.blob(self.reg)

    def get(self, headers=()):
        return self.ask(self.reg, 'GET', self.path, headers=headers)

    def raw(self, request=None, limit=1 << 20):
        """Everything that comes in answer to a request, and whether the end was a reset."""
        request = request or f'GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
        with socket.create_connection(('127.0.0.1', self.reg.port), timeout=10) as sock:
            sock.sendall(request)
            got = b''
            while len(got) < limit:
                try:
                    piece = sock.recv(65536)
                except ConnectionResetError:
                    return got, True
                if not piece:
                    return got, False
                got += piece
        return got, None

    def patch(self, data):
        """Sends a PATCH by hand; returns the answer's status line, or None if there is none."""
        location = self.open(self.reg)
        head = f'PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n'
        with contextlib.suppress(ConnectionError), socket.create_connection(
                ('127.0.0.1', self.reg.port), timeout=10) as sock:
            sock.sendall(head.encode())
            with contextlib.suppress(ConnectionError):
                sock.sendall(data)
            return sock.recv(65536).split(b'\r\n')[0].decode() or None
        return None

    def test_which_requests(self):
        rule = self.reg.on('blob', nth=(2, 4)).status(500)
        self.assertEqual([self.get()[0] for _ in range(5)], [200, 500, 200, 500, 200])
        self.assertEqual((rule.hits, self.reg.count(fault=True)), (2, 2))
        self.reg.rules.clear()
        self.reg.on('blob', method='HEAD', times=1, skip=1).status(403)
        self.assertEqual([self.ask(self.reg, 'HEAD', self.path)[0] for _ in range(3)],
                         [200, 403, 200])
        self.reg.rules.clear()
        self.reg.on('*', path='/v2/*/tags/*').status(418)
        self.assertEqual(self.ask(self.reg, 'GET', '/v2/app/tags/list')[0], 418)
        self.assertEqual(self.get()[0], 200)
        self.reg.rules.clear()
        self.reg.on('blob', each=True, nth=1).status(500)
        other = self.reg.put_blob('app', b'other')
        self.assertEqual([self.get()[0], self.get()[0],
                          self.ask(self.reg, 'GET', f'/v2/app/blobs/{other}')[0]], [500, 200, 500])

    def test_chance_is_reproducible(self):
        def run():
            self.reg.rules.clear()
            rule = self.reg.on('blob', chance=0.5, seed=3).any_of(
                lambda act: act.status(500), lambda act: act.status(503))
            statuses = [self.get()[0] for _ in range(30)]
            self.assertEqual(rule.hits, 30 - statuses.count(200))
            return statuses
        first = run()
        self.assertEqual(set(first), {200, 500, 503})
        self.assertEqual(run(), first)

    def test_statuses(self):
        self.reg.on('blob', nth=1).status(429, retry_after=http_date(5), headers={'X-Y': 'z'})
        self.reg.on('blob', nth=2).html(502)
        self.reg.on('blob', nth=3).status(503, b'')
        self.reg.on('blob', nth=4).status(403, code='DENIED', message='no "way"')
        status, headers, body = self.get()
        self.assertEqual((status, headers['X-Y'], json.loads(body)['errors'][0]['code']),
                         (429, 'z', 'TOOMANYREQUESTS'))
        self.assertTrue(headers['Retry-After'].endswith('GMT'))
        status, headers, body = self.get()
        self.assertEqual((status, headers['Content-Type'], body[:6]), (502, 'text/html', b'<html>'))
        self.assertEqual(self.get()[::2], (503, b''))
        self.assertEqual(json.loads(self.get()[2])['errors'][0]['message'], 'no "way"')

    def test_redirects(self):
        self.reg.on('blob', nth=1).redirect('../else?where')
        self.reg.on('blob', nth=2).redirect('loop', 302)
        self.reg.on('blob', nth=3).redirect(self.registry())
        self.assertEqual(self.get()[1]['Location'], '../else?where')
        self.assertEqual(self.get()[1]['Location'], self.path)
        self.assertEqual(self.get()[1]['Location'], self.registries[1].url + self.path)

    def test_bodies_that_end_early(self):
        self.reg.on('blob', nth=1).truncate(1000)
        self.reg.on('blob', nth=2).reset(after=0.5)
        self.reg.on('blob', nth=3).reset(after=0)
        for length, reset in ((1000, False), (50_000, True), (0, True)):
            got, was_reset = self.raw()
            head, _, body = got.partition(b'\r\n\r\n')
            self.assertIn(b'Content-Length: 100000', head)
            self.assertEqual((body, was_reset), (self.data[:length], reset))
        self.reg.settle()
        self.assertEqual([entry.bytes_out for entry in self.reg.requests('blob')],
                         [1000, 50_000, 0])

    def test_no_answer(self):
        self.reg.on('blob', nth=1).reset()
        self.reg.on('blob', nth=2).close()
        self.assertEqual(self.raw(), (b'', True))
        self.assertEqual(self.raw(), (b'', False))

    def test_uploads_that_break(self):
        data = bytes(300_000)
        for act, kept in ((lambda rule: rule.reset(received=100_000), 100_000),
                          (lambda rule: rule.close(received=0.5), 150_000),
                          (lambda rule: rule.lose_answer(), 300_000)):
            act(self.reg.on('upload-patch', times=1))
            self.assertIsNone(self.patch(data))
            self.assertTrue(self.reg.settle())
            self.assertEqual(self.reg.uploads[-1].size, kept)
            entry = self.reg.requests('upload-patch')[-1]
            self.assertEqual((entry.status, entry.bytes_in), (None, kept))
        gate, location = self.reg.on('upload-patch', times=1).hold(received=1), self.open(self.reg)
        with socket.create_connection(('127.0.0.1', self.reg.port)) as sock:
            sock.sendall(f'PATCH {location} HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc'.encode())
            gate.wait_reached()
        self.assertTrue(self.reg.settle())
        self.assertEqual(self.reg.uploads[-1].size, 1)
        self.reg.keep_partial = False
        self.reg.on('upload-patch', times=1).reset(received=100_000)
        self.patch(data)
        self.reg.settle()
        self.assertEqual(self.reg.uploads[-1].size, 0)
        self.reg.on('upload-patch', times=1).status(413, received=10)
        self.assertEqual(self.patch(bytes(5 << 20)), 'HTTP/1.1 413 Content Too Large')

    def test_gates(self):
        answers = []
        for options in ({}, {'after': 1000}, {'acted': True}):
            gate = self.reg.on('blob', times=1).hold(**options)
            thread = threading.Thread(target=lambda: answers.append(self.get()))
            thread.start()
            gate.wait_reached()
            self.assertEqual((len(answers), self.reg.log.peak('blob')), (0, 1))
            self.assertEqual(self.reg.requests('blob')[-1].bytes_out, options.get('after', 0))
            gate.release()
            thread.join()
            self.assertEqual(answers.pop()[2], self.data)
        with self.assertRaises(AssertionError):
            self.reg.on('tags').hold().wait_reached(seconds=0)

    def test_a_stall_ends_with_the_client_and_with_the_registry(self):
        self.reg.on('blob').stall(after=10)
        connection = self.connect(self.reg)
        connection.request('GET', self.path)
        response = connection.getresponse()
        self.assertEqual(response.read(10), self.data[:10])
        self.assertFalse(self.reg.settle(0.05))
        response.close()
        connection.close()
        self.assertTrue(self.reg.settle())
        self.connect(self.reg).request('GET', self.path)
        began = time.monotonic()
        self.reg.stop()
        self.assertLess(time.monotonic() - began, 1)

    def test_lies(self):
        rule = self.reg.on('blob', nth=1).wrong_digest().content_type('a/b').header('X', 'y')
        headers = self.get()[1]
        self.assertEqual((headers['Docker-Content-Digest'], headers['Content-Type'], headers['X']),
                         (ABSENT, 'a/b', 'y'))
        self.assertEqual(self.reg.requests('blob')[0].fault, str(rule.fault))
        self.reg.on('blob', nth=1).no_digest().body(b'other')
        _, headers, body = self.get()
        self.assertEqual((headers['Docker-Content-Digest'], body), (None, b'other'))
        self.reg.on('blob', nth=1).content_length(200_000)
        with self.assertRaises(http.client.IncompleteRead):
            self.get()
        self.reg.on('blob', nth=1).content_range('bytes 7-8/9')
        status, headers, _ = self.get({'Range': 'bytes=0-1'})
        self.assertEqual((status, headers['Content-Range']), (206, 'bytes 7-8/9'))
        self.reg.on('blob', nth=1).ignore_range()
        self.assertEqual(self.get({'Range': 'bytes=0-1'})[::2], (200, self.data))
        self.reg.on('blob', nth=1).corrupt(at=70_000)
        broken = self.get({'Range': 'bytes=60000-99999'})[2]
        self.assertEqual([at for at in range(40_000) if broken[at] != self.data[60_000 + at]],
                         [10_000])

    def test_odd_http(self):
        self.reg.on('blob', nth=1).chunked()
        _, headers, body = self.get()
        self.assertEqual((headers['Transfer-Encoding'], headers['Content-Length'], body),
                         ('chunked', None, self.data))
        self.reg.on('blob', nth=1).endless()
        got, reset = self.raw(limit=5_000_000)
        self.assertEqual((len(got) >= 5_000_000, reset), (True, None))
        self.reg.settle()
        self.reg.on('blob', nth=1).malformed_status()
        self.assertTrue(self.raw()[0].startswith(b'HTTP/1.1 what ever'))
        self.reg.on('blob', nth=1).malformed_header()
        self.assertIn(b'\nno colon here\r\n', self.raw()[0])
        self.reg.on('blob', nth=1).huge_headers(300_000).body(b'')
        self.assertGreater(len(self.raw(limit=300_000)[0]), 299_999)

    def test_slowness(self):
        self.reg.on('blob', nth=1).delay(0.1)
        self.reg.on('blob', nth=2).rate(500_000)
        for least in (0.1, 0.18):
            began = time.monotonic()
            self.assertEqual(self.get()[2], self.data)
            self.assertGreater(time.monotonic() - began, least)

    def test_a_rule_sees_authorised_requests_only(self):
        self.reg.configure(auth='bearer')
        self.reg.on('blob', nth=1).status(500)
        self.assertEqual(self.get()[0], 401)
        token = {'Authorization': f'Bearer {self.reg.make_token("repository:app:pull")}'}
        self.assertEqual(self.get(token)[0], 500)
        self.reg.on('blob', before_auth=True).status(502)
        self.assertEqual(self.get()[0], 502)


class Surroundings(Base):
    def test_tls(self):
        authority = self.authority()
        good, strict = self.registry(tls=authority.server), self.registry(
            tls=authority.server, client_ca=authority.ca_file)
        trusting = authority.client_context()
        showing = authority.client_context(authority.client)

        def ask(reg, context, host='127.0.0.1'):
            connection = http.client.HTTPSConnection(host, reg.port, context=context, timeout=10)
            with contextlib.closing(connection):
                connection.request('GET', '/v2/')
                return connection.getresponse().status
        self.assertEqual([ask(good, trusting), ask(good, trusting, 'localhost'),
                          ask(strict, showing)], [200, 200, 200])
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            ask(strict, trusting)
        for pair, word in ((authority.expired, 'expired'), (authority.wrong_host, 'IP address')):
            bad = self.registry(tls=pair)
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, word):
                ask(bad, trusting)
        with self.assertRaises(ssl.SSLError):
            ask(self.registry(), trusting)
        with socket.create_connection(('127.0.0.1', good.port)) as sock:
            sock.sendall(b'GET /v2/ HTTP/1.1\r\n\r\n')
            self.assertIn(b'HTTP request to an HTTPS server', sock.makefile('rb').read())

    def test_proxy(self):
        reg = self.registry()
        path, data = self.blob(reg, 3_000_000)
        proxy = Proxy(reg.host)
        self.addCleanup(proxy.stop)
        self.assertEqual(self.ask(proxy, 'GET', path)[2], data)
        self.assertGreater(proxy.down, len(data))
        proxy.cut(after=1_000_000, times=1)
        proxy.cut(after=2_000_000, times=1, how='close')
        with self.assertRaises(ConnectionResetError):
            self.ask(proxy, 'GET', path)
        with self.assertRaises(http.client.IncompleteRead):
            self.ask(proxy, 'GET', path)
        location = self.open(reg)
        proxy.cut(after=500_000, direction='up', times=1)
        with self.assertRaises(ConnectionError):
            self.ask(proxy, 'PATCH', location, data)
        self.assertTrue(reg.settle())
        self.assertTrue(400_000 < reg.uploads[0].size <= 500_000, reg.uploads[0].size)
        self.assertEqual((proxy.cuts, proxy.connections), (3, 4))
        proxy.latency = 0.03
        began = time.monotonic()
        self.assertEqual(self.ask(proxy, 'GET', '/v2/')[0], 200)
        self.assertGreater(time.monotonic() - began, 0.12)

    def test_running_a_program(self):
        def run(script, **options):
            return self.start('-c', script, program='/bin/sh', **options).wait()
        result = run('cat; echo "HOME=$HOME CI=$CI" >&2; exit 3', stdin='in', env={'CI': 'x'})
        self.assertEqual((result.code, result.out), (3, 'in'))
        self.assertFails(result, 3, f'home={self.dir}/home', 'ci=x')
        self.assertTrue(result.peak_kb > 0 and result.cpu_seconds < result.seconds + 1)
        sleeper = self.start('60', program='/bin/sleep')
        self.assertTrue(sleeper.running())
        sleeper.signal(15)
        self.assertEqual(sleeper.wait().code, -15)
        with self.assertRaisesRegex(AssertionError, 'SANITIZER'):
            run('echo "==1==ERROR: AddressSanitizer: leak" >&2')
        secret = 'geheim-42'
        for shown in (secret, *(base64.b64encode(f'{user}:{secret}'.encode()).decode()
                                for user in ('a', 'ab', 'abc'))):
            with self.assertRaises(AssertionError):
                self.assertNoSecret(run(f'echo {shown}'), secret)
        self.assertNoSecret(run('echo nothing'), secret)


if __name__ == '__main__':
    unittest.main()

"""TLS: who is trusted, and what is said of others; certs.d; web proxies from the environment."""

import os
import shutil
import subprocess

from tests.system.lib import SystemTest, images, unittest


class TlsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.ca = self.authority()

    def secure(self, pair=None, **settings):
        reg = self.registry(tls=pair or self.ca.server, **settings)
        self.trust(reg, self.ca)
        images.image(1).put(reg, 'app', 'v1')
        return reg

    def digest(self, reg, *flags, host=None, **options):
        return self.dray('digest', f'{host or reg.host}/app:v1', '--tls', host or reg.host, *flags,
                         **options)

    def assertUntrusted(self, result, reg, *words):
        """One short error that names image, host and reason; and no second try."""
        self.assertFails(result, 1, f'{reg.host}/app:v1', 'certificate', *words)
        self.assertEqual(len(result.err.splitlines()), 1, result.err)
        self.assertLess(len(result.err), 400)
        self.assertEqual(reg.count(), 0)
        self.assertLessEqual(len(reg.tls_failures), 1)


class Verification(TlsTest):
    def test_an_unknown_authority(self):
        reg = self.secure()
        self.assertUntrusted(self.digest(reg), reg, '--ca-file')

    def test_a_copy_in_either_direction(self):
        reg, plain = self.secure(), self.registry()
        ref = images.multi(2, big=3 << 20).put(plain, 'app', 'v1')
        into = (ref, reg.ref('new:v1'), '--tls', reg.host)
        self.assertFails(self.dray('copy', *into), 1, ref, reg.ref('new:v1'), '--ca-file')
        self.assertOk(self.dray('copy', *into, '--ca-file', self.ca.ca_file))
        self.assertCopied(ref, reg.ref('new:v1'))
        out = (reg.ref('new:v1'), plain.ref('back:v1'), '--tls', reg.host)
        self.assertFails(self.dray('copy', *out), 1, reg.ref('new:v1'), '--ca-file')
        self.assertOk(self.dray('copy', *out, '--ca-file', self.ca.ca_file))
        self.assertCopied(ref, plain.ref('back:v1'))

    def test_where_an_authority_may_be_named(self):
        reg = self.secure()
        folder = self.path('cas')
        os.makedirs(folder)
        shutil.copy(self.ca.ca_file, f'{folder}/mine.pem')
        empty = self.path('nothing')
        os.makedirs(empty)
        for env in ({'SSL_CERT_FILE': self.ca.ca_file}, {'SSL_CERT_DIR': folder},
                    {'SSL_CERT_DIR': f'{empty}:{folder}'},
                    {'SSL_CERT_FILE': self.ca.ca_file, 'SSL_CERT_DIR': empty}):
            with self.subTest(env=env):
                self.assertOk(self.digest(reg, env=env))
        self.assertFails(self.digest(reg, env={'SSL_CERT_DIR': empty}), 1, 'certificate')
        other = self.authority()
        self.assertOk(self.digest(reg, '--ca-file', other.ca_file, '--ca-file', self.ca.ca_file))
        self.assertUntrusted(self.digest(self.secure(), '--ca-file', other.ca_file),
                             self.registries[-1])

    def test_a_system_store_that_is_none(self):
        reg = self.secure()
        missing = self.path('none.pem')
        result = self.assertFails(self.digest(reg, env={'SSL_CERT_FILE': missing}), 1,
                                  'certificate')
        self.assertIn(f'warning: SSL_CERT_FILE: no certificates in {missing}', result.err)
        self.assertOk(self.digest(reg, '--ca-file', self.ca.ca_file,
                                  env={'SSL_CERT_FILE': missing}))

    def test_a_ca_file_that_is_none(self):
        """Exit 2 and the file's name, before anything is sent."""
        reg = self.secure()
        for path in (self.path('none.pem'), self.write('empty.pem', ''), self.dir,
                     self.write('text.pem', 'hello'), self.ca.server.key,
                     self.write('broken.pem', '-----BEGIN CERTIFICATE-----\nQUJD\n'
                                              '-----END CERTIFICATE-----\n')):
            with self.subTest(path=path):
                result = self.digest(reg, '--ca-file', path)
                self.assertFails(result, 2, path)
                self.assertEqual(reg.accepted, 0)

    def test_bad_certificates(self):
        alone = self.self_signed()
        for pair, word in ((self.ca.expired, "expired; if this machine's clock is right"),
                           (self.ca.not_yet, "not yet valid; this machine's clock"),
                           (self.ca.wrong_host, '127.0.0.1'), (alone, 'self')):
            reg = self.secure(pair)
            with self.subTest(word=word):
                self.assertUntrusted(self.digest(reg, '--ca-file', self.ca.ca_file), reg, word)

    def test_advice_is_given_only_where_it_helps(self):
        for pair in (self.ca.expired, self.ca.not_yet, self.ca.wrong_host):
            reg = self.secure(pair)
            result = self.digest(reg, '--ca-file', self.ca.ca_file)
            self.assertNotIn('--ca-file', self.assertFails(result, 1).err)

    def self_signed(self):
        pair = type(self.ca.server)(self.path('self.crt'), self.path('self.key'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', pair.key, '-out',
                        pair.cert, '-days', '2', '-subj', '/CN=localhost', '-addext',
                        'subjectAltName=IP:127.0.0.1'], check=True, capture_output=True)
        return pair

    def test_a_certificate_may_be_trusted_by_itself(self):
        pair = self.self_signed()
        self.assertOk(self.digest(self.secure(pair), '--ca-file', pair.cert))

    def test_insecure_works_and_warns(self):
        for pair in (self.ca.server, self.ca.expired, self.ca.wrong_host, self.self_signed()):
            reg, plain = self.secure(pair), self.registry()
            result = self.dray('copy', reg.ref('app:v1'), plain.ref('app:v1'), '--insecure',
                               reg.host)
            self.assertOk(result)
            warnings = [line for line in result.err.splitlines() if 'warning' in line]
            self.assertEqual(len(warnings), 1, result.err)
            self.assertIn(reg.host, warnings[0])
            self.assertEqual(plain.tags('app'), reg.tags('app'))

    def test_insecure_is_for_that_host_alone(self):
        reg, other = self.secure(), self.secure()
        flags = ('--insecure', other.host)
        self.assertUntrusted(self.digest(reg, *flags), reg)
        self.assertOk(self.digest(other, *flags))

    def test_both_names_of_this_machine(self):
        reg = self.secure()
        name = f'localhost:{reg.port}'
        self.assertOk(self.digest(reg, '--ca-file', self.ca.ca_file, host=name))


class Http2(TlsTest):
    def test_small_requests_share_a_connection(self):
        """Debian's registry speaks HTTP/2; a large blob still has a connection of its own."""
        src, dst = self.debian(authority=self.ca), self.debian(authority=self.ca)
        ref, target = src.ref('app:v1'), dst.ref('app:v1')
        self.push(images.multi(3, shared=4, own=6, attestations=1, big=6 << 20), ref)
        result = self.assertOk(self.dray('copy', '-v', ref, target, '--tls', src.host, '--tls',
                                         dst.host, '--ca-file', self.ca.ca_file))
        self.assertCopied(ref, target)
        lines = [line for line in result.err.splitlines() if ' https://' in line
                 and '/manifests/' in line]
        self.assertTrue(lines and all(line.endswith('h2)') for line in lines), result.err)
        large = [line for line in result.err.splitlines() if f'{6 << 20} ' in line]
        self.assertFalse([line for line in large if line.endswith('h2)')], result.err)


class CertsD(TlsTest):
    """XDG_CONFIG_HOME/containers/certs.d/HOST:PORT: *.crt are authorities, *.cert and *.key show
    who we are."""

    def put(self, reg, name, source):
        folder = self.path('home/.config/containers/certs.d', reg.host)
        os.makedirs(folder, exist_ok=True)
        return shutil.copy(source, f'{folder}/{name}')

    def test_an_authority_for_one_host(self):
        reg, other = self.secure(), self.secure()
        self.put(reg, 'ca.crt', self.ca.ca_file)
        self.assertOk(self.digest(reg))
        self.assertUntrusted(self.digest(other), other, '--ca-file')
        self.assertOk(self.digest(reg, env={'XDG_CONFIG_HOME': None}))

    def test_a_client_certificate(self):
        reg = self.secure(client_ca=self.ca.ca_file)
        self.access[reg.host].context.load_cert_chain(self.ca.client.cert, self.ca.client.key)
        self.put(reg, 'ca.crt', self.ca.ca_file)
        result = self.digest(reg, '--retries', 1)
        self.assertFails(result, 1, reg.ref('app:v1'), reg.host, 'certificate')
        self.assertEqual(reg.count(), 0)
        self.put(reg, 'client.cert', self.ca.client.cert)
        self.put(reg, 'client.key', self.ca.client.key)
        self.assertOk(self.digest(reg))
        plain = self.registry()
        ref = images.multi(2, big=2 << 20).put(plain, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, reg.ref('new:v1'), '--tls', reg.host))
        self.assertCopied(ref, reg.ref('new:v1'))

    def test_half_a_pair_is_a_mistake(self):
        reg = self.secure()
        self.put(reg, 'ca.crt', self.ca.ca_file)
        cert = self.put(reg, 'client.cert', self.ca.client.cert)
        self.assertFails(self.digest(reg), 1, cert, 'client.key')
        os.remove(cert)
        key = self.put(reg, 'client.key', self.ca.client.key)
        self.assertFails(self.digest(reg), 1, key, 'client.cert')

    def test_a_file_that_holds_nothing(self):
        reg = self.secure()
        path = self.put(reg, 'ca.crt', self.write('text', 'hello'))
        self.assertFails(self.digest(reg), 1, path)
        self.assertEqual(reg.count(), 0)


class WrongScheme(TlsTest):
    """TLS met with plain HTTP and the reverse: the message names the flag with the host."""

    def test_plain_http_to_a_tls_registry(self):
        reg, plain = self.secure(), self.registry()
        ref = images.image().put(plain, 'app', 'v1')
        for args in (('digest', reg.ref('app:v1')), ('manifest', reg.ref('app:v1')),
                     ('tags', reg.ref('app')), ('copy', reg.ref('app:v1'), plain.ref('b:v1')),
                     ('copy', ref, reg.ref('b:v1'))):
            with self.subTest(args=args):
                result = self.assertFails(self.dray(*args), 1, f'--tls {reg.host}')
                self.assertEqual(result.err.count('error:'), 1)

    def test_plain_http_to_a_server_that_answers_by_a_tls_alert(self):
        reg = self.registry()
        reg.on().raw(b'\x15\x03\x01\x00\x02\x02\x46')
        result = self.dray('digest', reg.ref('app:v1'), '--retries', 1)
        self.assertFails(result, 1, f'--tls {reg.host}')
        self.assertEqual(reg.count(), 1)

    def test_tls_to_a_plain_registry(self):
        reg, plain = self.registry(), self.registry()
        ref = images.image().put(plain, 'app', 'v1')
        for args in (('digest', reg.ref('app:v1')), ('copy', reg.ref('app:v1'), plain.ref('b:v1')),
                     ('copy', ref, reg.ref('b:v1'))):
            with self.subTest(args=args):
                result = self.dray(*args, '--tls', reg.host)
                self.assertFails(result, 1, f'--plain-http {reg.host}')
                self.assertLess(result.seconds, 3)

    def test_plain_http_by_flag(self):
        """For a name that would get TLS otherwise; a proxy leads it here."""
        reg = self.registry()
        images.image().put(reg, 'app', 'v1')
        env = {'http_proxy': reg.url}
        self.assertOk(self.dray('digest', 'registry.test/app:v1', '--plain-http', 'registry.test',
                                env=env))
        self.assertEqual(reg.requests()[0].headers.get('Host'), 'registry.test')

    def test_a_redirect_from_https_to_plain_http(self):
        """Fine for a blob, whose digest is checked; not for a manifest asked for by tag, nor for
        anything that is sent."""
        plain = self.registry()
        src, dst = self.secure(cdn=plain), self.registry()
        flags = ('--tls', src.host, '--ca-file', self.ca.ca_file)
        self.assertOk(self.dray('copy', src.ref('app:v1'), dst.ref('app:v1'), *flags))
        self.assertGreater(plain.count('cdn'), 0)
        self.assertCopied(src.ref('app:v1'), dst.ref('app:v1'))
        src.on('manifest').redirect(plain)
        plain.log.clear()
        self.assertFails(self.dray('digest', src.ref('app:v1'), *flags), 1, 'plain HTTP', src.host)
        self.assertEqual(plain.count(), 0)

    def test_an_upload_to_plain_http(self):
        plain, dst = self.registry(), self.secure()
        ref = images.image().put(plain, 'app', 'v1')
        trap = self.registry(share=dst)
        flags = ('--tls', dst.host, '--ca-file', self.ca.ca_file, '--retries', 1)
        dst.on(('upload-put', 'upload-patch')).redirect(trap)
        self.assertFails(self.dray('copy', ref, dst.ref('app:v2'), *flags), 1, 'plain HTTP')
        self.assertEqual(trap.count(), 0)

    def test_an_upload_location_on_plain_http(self):
        plain = self.registry()
        dst = self.secure(auth='basic', users={'joe': 'joes-own-password'})
        self.docker_config({dst.host: ('joe', 'joes-own-password')})
        ref = images.image().put(plain, 'app', 'v1')
        trap = self.registry(share=dst)
        dst.location_host = trap
        flags = ('--tls', dst.host, '--ca-file', self.ca.ca_file, '--retries', 1)
        self.dray('copy', ref, dst.ref('app:v2'), *flags)
        self.assertGreater(dst.count('upload-open', status=202), 0)
        self.assertNoCredentialAt(trap)


class Proxies(TlsTest):
    def setUp(self):
        super().setUp()
        self.reg = self.secure(self.ca.server_for('registry.test'))
        self.proxy = self.tunnels({'registry.test:443': self.reg.port})

    def ask(self, **env):
        return self.dray('digest', '-v', 'registry.test/app:v1', '--ca-file', self.ca.ca_file,
                         '--retries', 1, env=env)

    def test_tunnels_for_https(self):
        for name in ('HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'):
            with self.subTest(name=name):
                self.proxy.asked.clear()
                self.assertOk(self.ask(**{name: self.proxy.url}))
                self.assertEqual({(method, target) for method, target, _ in self.proxy.asked},
                                 {('CONNECT', 'registry.test:443')})
                self.assertFalse(any('authorization' in fields or 'proxy-authorization' in fields
                                     for _, _, fields in self.proxy.asked))

    def test_the_name_is_verified_behind_it(self):
        self.proxy.names['registry.test:443'] = self.secure(self.ca.wrong_host).port
        self.assertFails(self.ask(HTTPS_PROXY=self.proxy.url), 1, 'registry.test', 'certificate')

    def test_credentials_for_it(self):
        """They go to it alone and are shown nowhere; the registry's never go to the proxy."""
        reg = self.reg
        reg.configure(auth='basic', anonymous=None, users={'joe': 'joes-own-password'})
        self.docker_config({'registry.test': ('joe', 'joes-own-password')})
        result = self.ask(HTTPS_PROXY=f'http://me:proxy-pass-word@{self.proxy.host}')
        self.assertOk(result)
        self.assertNoSecret(result, 'proxy-pass-word', 'joes-own-password')
        heads = [fields for _, _, fields in self.proxy.asked]
        self.assertTrue(all(fields['proxy-authorization'].startswith('Basic ') for fields in heads))
        self.assertFalse(any('authorization' in fields for fields in heads))
        self.assertFalse(any('Proxy-Authorization' in entry.headers for entry in reg.log))

    def test_plain_http(self):
        """Only http_proxy in small letters counts: CGI servers set the other from a request."""
        reg = self.registry()
        images.image().put(reg, 'app', 'v1')
        args = ('copy', 'plain.test/app:v1', reg.ref('new:v1'), '--plain-http', 'plain.test')
        self.assertOk(self.dray(*args, env={'http_proxy': reg.url, 'NO_PROXY': '127.0.0.1'}))
        hosts = {entry.headers.get('Host') for entry in reg.requests(repo='app')}
        self.assertEqual(hosts, {'plain.test'})
        self.assertFails(self.dray(*args, env={'HTTP_PROXY': reg.url}), 1, 'unknown host')

    def test_no_proxy(self):
        reg, trap = self.registry(), self.tunnels(answer=b'HTTP/1.1 500 No\r\n\r\n')
        images.image().put(reg, 'app', 'v1')
        for name in ('NO_PROXY', 'no_proxy'):
            for value in ('127.0.0.1', 'x.test,127.0.0.1', '*', '127.0.0.0/8'):
                with self.subTest(name=name, value=value):
                    env = {'http_proxy': trap.url, name: value}
                    self.assertOk(self.dray('digest', reg.ref('app:v1'), env=env))
        self.assertEqual(trap.asked, [])
        self.assertFails(self.dray('digest', reg.ref('app:v1'), '--retries', 0,
                                   env={'http_proxy': trap.url, 'NO_PROXY': 'x.test'}), 1)
        self.assertEqual(len(trap.asked), 1)

    def test_one_that_refuses(self):
        for status, text in ((407, 'Proxy Authentication Required'), (403, 'Forbidden')):
            body = b'<html><body><h1>Blocked\x1b[31m</h1></body></html>'
            proxy = self.tunnels(answer=(
                f'HTTP/1.1 {status} {text}\r\nContent-Type: text/html\r\nContent-Length: '
                f'{len(body)}\r\nConnection: close\r\n\r\n').encode() + body)
            with self.subTest(status=status):
                result = self.ask(HTTPS_PROXY=proxy.url)
                self.assertFails(result, 1, 'registry.test/app:v1', 'proxy', str(status))
                self.assertEqual(result.err.count('error:'), 1)
                self.assertNotIn('<html', result.err)
                self.assertNotIn('\x1b', result.err)
                self.assertEqual(len(proxy.asked), 1, 'asking again is pointless')

    def test_one_that_is_not_there(self):
        gone = self.tunnels()
        gone.stop()
        result = self.ask(HTTPS_PROXY=gone.url)
        self.assertFails(result, 1, 'registry.test/app:v1', gone.host.partition(':')[2])
        result = self.ask(HTTPS_PROXY='http://proxy.invalid:3128')
        self.assertFails(result, 1, 'registry.test/app:v1', 'proxy.invalid')
        self.assertLess(result.seconds, 5)


if __name__ == '__main__':
    unittest.main()

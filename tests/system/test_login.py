"""dray login and logout: checked, kept as docker keeps them, and never shown."""

import base64
import fcntl
import json
import os
import pty
import select
import signal
import stat
import termios
import time

from tests.system.lib import DRAY, SystemTest, images, unittest

PASSWORD = 's3cret:"pass" wörd-17'
HUB = 'https://index.docker.io/v1/'


def auth_of(user, password=PASSWORD):
    return base64.b64encode(f'{user}:{password}'.encode()).decode()


class LoginTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.config = self.path('home/.docker/config.json')

    def ended(self, result):
        super().ended(result)
        self.assertNoSecret(result, PASSWORD, 'wrong-password')

    def login(self, reg, *flags, stdin=PASSWORD, **options):
        return self.dray('login', '-v', '-u', 'joe', '--password-stdin', *flags,
                         getattr(reg, 'host', reg), stdin=stdin, **options)

    def locked(self, auth='basic', **settings):
        return self.registry(auth=auth, anonymous=None, users={'joe': PASSWORD}, **settings)

    def text(self, path=None):
        with open(path or self.config, encoding='utf-8') as file:
            return file.read()

    def assertEntry(self, host, path=None):
        self.assertEqual(json.loads(self.text(path))['auths'][host], {'auth': auth_of('joe')})


class Checked(LoginTest):
    def test_the_right_ones_are_kept(self):
        """In each way of asking; and they serve at once."""
        for reg in (self.locked(), self.locked('bearer'),
                    self.locked('bearer', no_www_authenticate=True),
                    self.locked('bearer', token_server=self.locked('bearer'))):
            with self.subTest(reg=reg.host):
                result = self.assertOk(self.login(reg))
                self.assertEqual(result.out, f'logged in to {reg.host} as joe; '
                                             f'kept in {self.config}\n')
                self.assertEntry(reg.host)
                images.image(1).put(reg, 'app', 'v1')
                self.assertOk(self.dray('digest', reg.ref('app:v1')))

    def test_debians_registry(self):
        reg = self.debian({'joe': PASSWORD})
        self.assertOk(self.login(reg))
        self.assertEntry(reg.host)
        self.assertFails(self.login(reg, stdin='wrong-password'), 1, 'refused')
        self.assertEntry(reg.host)

    def test_wrong_ones_are_not_kept(self):
        for auth in ('basic', 'bearer'):
            reg = self.locked(auth)
            with self.subTest(auth):
                self.assertFails(self.login(reg, stdin='wrong-password'), 1, reg.host, 'user joe',
                                 'refused', '401', 'nothing was stored', 'access token')
                self.assertFalse(os.path.exists(self.config))

    def test_a_registry_in_trouble_keeps_nothing(self):
        reg = self.locked()
        reg.on('ping', before_auth=True).status(500)
        self.assertFails(self.login(reg, '--retries', '0'), 1, reg.host, '500',
                         'nothing was stored')
        reg.stop()
        self.assertFails(self.login(reg, '--retries', '0'), 1, reg.host, 'nothing was stored')
        self.assertFalse(os.path.exists(self.config))

    def test_what_cannot_be_checked_is_kept_with_a_warning(self):
        reg = self.registry()
        self.assertIn('could not be checked', self.assertOk(self.login(reg)).err)
        self.assertEntry(reg.host)

    def test_only_these_are_sent_and_only_there(self):
        """Whatever else is known of the host."""
        reg, other = self.locked(), self.registry()
        self.docker_config({reg.host: ('joe', 'old-one')})
        self.assertOk(self.login(reg))
        self.assertEqual({value for _, _, value in reg.authorization_seen},
                         {f'Basic {auth_of("joe")}'})
        self.assertNoCredentialAt(other)

    def test_the_hub(self):
        authority, name = self.authority(), 'registry-1.docker.io'
        hub = self.locked('bearer', tls=authority.server_for(name))
        env = {'HTTPS_PROXY': self.tunnels({f'{name}:443': hub.port}).url,
               'SSL_CERT_FILE': authority.ca_file}
        self.docker_config({'docker.io': ('joe', 'old-one')})
        result = self.assertOk(self.login('docker.io', env=env))
        self.assertIn('logged in to docker.io as joe', result.out)
        self.assertEntry(HUB)
        self.assertEntry('docker.io')     # skopeo's key, which would else be found first
        self.assertEqual(self.assertOk(self.dray('logout', HUB)).out,
                         f'logged out of {HUB}; forgotten in {self.config}\n')
        self.assertEqual(json.loads(self.text()), {'auths': {}})


class Kept(LoginTest):
    def setUp(self):
        super().setUp()
        self.reg = self.locked()

    def test_the_bytes_of_the_file(self):
        self.write('home/.docker/config.json', '{"psFormat":"{{.ID}} é","auths":{"z.io":{}},"new":'
                                               '{"deep":[1,true,null]},"HttpHeaders":{"a":"b/c"}}')
        self.assertOk(self.login(self.reg))
        before = (
            '{\n\t"psFormat": "{{.ID}} é",\n\t"auths": {\n\t\t"z.io": {}%s\n\t},\n'
            '\t"new": {\n\t\t"deep": [\n\t\t\t1,\n\t\t\ttrue,\n\t\t\tnull\n\t\t]\n\t},\n'
            '\t"HttpHeaders": {\n\t\t"a": "b/c"\n\t}\n}\n')
        self.assertEqual(self.text(), before % (
            f',\n\t\t"{self.reg.host}": {{\n\t\t\t"auth": "{auth_of("joe")}"\n\t\t}}'))
        self.assertOk(self.dray('logout', self.reg.host))
        self.assertEqual(self.text(), before % '')

    def test_only_the_owner_reads_it(self):
        self.write('home/.docker/config.json', '{}', 0o644)
        self.assertOk(self.login(self.reg))
        self.assertEqual(stat.S_IMODE(os.stat(self.config).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.config)), ['config.json'])

    def test_a_link_is_not_replaced(self):
        target = self.write('elsewhere/real.json', '{}')
        os.makedirs(os.path.dirname(self.config))
        os.symlink(target, self.config)
        self.assertOk(self.login(self.reg))
        self.assertTrue(os.path.islink(self.config))
        self.assertEntry(self.reg.host, target)

    def test_which_file_it_is(self):
        """The one that is read first."""
        named = self.path('named/auth.json')
        given = self.path('given.json')
        docker = self.path('docker')
        for flags, env, path in (
                ((), {'DOCKER_CONFIG': None}, self.config),
                ((), {'DOCKER_CONFIG': docker}, f'{docker}/config.json'),
                ((), {'REGISTRY_AUTH_FILE': named, 'DOCKER_CONFIG': docker}, named),
                (('--authfile', given), {'REGISTRY_AUTH_FILE': named}, given)):
            with self.subTest(path=path):
                self.assertIn(path, self.assertOk(self.login(self.reg, *flags, env=env)).out)
                self.assertEntry(self.reg.host, path)
                os.unlink(path)
        self.assertFails(self.login(self.reg, env={'DOCKER_CONFIG': None, 'HOME': None}), 2,
                         '--authfile')

    def test_a_variable_that_comes_before_the_file_is_told_of(self):
        def variable(host):
            return {'DOCKER_AUTH_CONFIG': json.dumps({'auths': {host: {'auth': auth_of('al')}}})}
        words = 'DOCKER_AUTH_CONFIG has credentials'
        named = self.path('named.json')
        for flags, env, told in (((), variable(self.reg.host), True),
                                 ((), variable('other.io'), False),
                                 (('--authfile', named), variable(self.reg.host), False),
                                 ((), {**variable(self.reg.host), 'REGISTRY_AUTH_FILE': named},
                                  False)):
            with self.subTest(flags=flags, told=told):
                result = self.assertOk(self.login(self.reg, *flags, env=env))
                self.assertEqual(words in result.err, told)

    def test_two_at_once_do_not_undo_each_other(self):
        hosts = [self.reg.host] + [self.locked().host for _ in range(4)]
        self.docker_config({})
        for run in [self.start('login', '-u', 'joe', '--password-stdin', host, stdin=PASSWORD)
                    for host in hosts]:
            self.assertOk(run.wait())
        self.assertEqual(set(json.loads(self.text())['auths']), set(hosts))

    def test_a_malformed_file_stays_as_it_is(self):
        self.write('home/.docker/config.json', '{"auths": ')
        self.assertFails(self.login(self.reg), 2, self.config)
        self.assertFails(self.dray('logout', self.reg.host), 2, self.config)
        self.assertEqual(self.text(), '{"auths": ')
        self.assertEqual(self.reg.count(), 0)

    def test_a_file_that_cannot_be_written(self):
        path = f'{self.write("file", "")}/config.json'
        self.assertFails(self.login(self.reg, env={'REGISTRY_AUTH_FILE': path}), 1, path)

    def test_logout_of_what_is_not_there(self):
        result = self.assertOk(self.dray('logout', self.reg.host))
        self.assertEqual(result.out, f'not logged in to {self.reg.host}\n')
        self.assertFalse(os.path.exists(self.config))
        self.assertEqual(self.reg.count(), 0)

    def test_quiet_says_nothing(self):
        result = self.assertOk(self.dray('login', '-q', '-u', 'joe', '--password-stdin',
                                         self.reg.host, stdin=PASSWORD))
        self.assertEqual(result.out + result.err, '')
        self.assertEqual(self.assertOk(self.dray('logout', '-q', self.reg.host)).out, '')


class Helper(LoginTest):
    """A program that keeps what it is told in a file beside it."""

    SCRIPT = ('#!/bin/sh\necho "$1" >>"$0.log"\ncase $1 in\n'
              'store) cat >"$0.kept" ;;\n'
              'erase) [ "$(cat)" = "$(sed -nE \'s/.*"ServerURL":"([^"]*)".*/\\1/p\' "$0.kept")" ] &&'
              ' rm "$0.kept" ;;\nget) cat "$0.kept" ;;\nesac\n')

    def setUp(self):
        super().setUp()
        self.reg = self.locked()
        self.env = {'PATH': f'{self.path("bin")}:{os.environ["PATH"]}'}
        self.program = self.helper(self.SCRIPT)

    def helper(self, script, name='test'):
        return self.write(f'bin/docker-credential-{name}', script, 0o700)

    def said(self):
        with open(f'{self.program}.log', encoding='utf-8') as file:
            return file.read().split()

    def test_a_store_keeps_the_secret(self):
        """The file gets a mark, as docker makes it, and no secret."""
        self.docker_config({self.reg.host: ('joe', 'old-one')}, credsStore='test')
        result = self.assertOk(self.login(self.reg, env=self.env))
        self.assertEqual(result.out, f'logged in to {self.reg.host} as joe; '
                                     'kept in docker-credential-test\n')
        with open(f'{self.program}.kept', encoding='utf-8') as file:
            self.assertEqual(json.load(file), {'ServerURL': self.reg.host, 'Username': 'joe',
                                               'Secret': PASSWORD})
        self.assertEqual(json.loads(self.text()),
                         {'auths': {self.reg.host: {}}, 'credsStore': 'test'})
        images.image(1).put(self.reg, 'app', 'v1')
        self.assertOk(self.dray('digest', self.reg.ref('app:v1'), env=self.env))
        out = self.assertOk(self.dray('logout', self.reg.host, env=self.env)).out
        self.assertEqual(out, f'logged out of {self.reg.host}; '
                              'forgotten in docker-credential-test\n')
        self.assertFalse(os.path.exists(f'{self.program}.kept'))
        self.assertEqual(json.loads(self.text()), {'auths': {}, 'credsStore': 'test'})
        self.assertEqual(self.said(), ['store', 'get', 'erase'])

    def test_a_helper_of_the_host_comes_first(self):
        self.docker_config({}, credsStore='nowhere', credHelpers={self.reg.host: 'test'})
        self.assertOk(self.login(self.reg, env=self.env))
        self.assertEqual(self.said(), ['store'])

    def test_wrong_ones_never_reach_it(self):
        self.docker_config({}, credsStore='test')
        self.assertFails(self.login(self.reg, env=self.env, stdin='wrong-password'), 1, 'refused')
        self.assertFalse(os.path.exists(f'{self.program}.log'))

    def test_one_that_fails_is_named(self):
        self.docker_config({}, credsStore='test')
        for script, words in (('echo "the keychain is locked"; exit 1', ['the keychain is locked']),
                              ('cat; exit 1', ['quotes the secret']),
                              ('exit 3', ['exit status 3'])):
            with self.subTest(script):
                self.helper(f'#!/bin/sh\n{script}\n')
                self.assertFails(self.login(self.reg, env=self.env), 1, 'docker-credential-test',
                                 self.config, self.reg.host, *words)
                self.assertEqual(json.loads(self.text()), {'auths': {}, 'credsStore': 'test'})
        os.unlink(self.program)
        self.assertFails(self.login(self.reg, env=self.env), 1, 'docker-credential-test',
                         'not installed')

    def test_it_has_nothing_to_forget(self):
        self.docker_config({}, credsStore='test')
        self.helper('#!/bin/sh\necho "credentials not found in native keychain"; exit 1\n')
        self.assertIn('not logged in',
                      self.assertOk(self.dray('logout', self.reg.host, env=self.env)).out)

    def test_a_long_secret(self):
        """Longer than a pipe takes at once: nobody waits for a helper that reads late."""
        long = 'x' * 65536
        self.reg.users = {'joe': long}
        self.docker_config({}, credsStore='test')
        self.reg.auth = None
        self.assertOk(self.login(self.reg, env=self.env, stdin=long))
        with open(f'{self.program}.kept', encoding='utf-8') as file:
            self.assertEqual(json.load(file)['Secret'], long)


class Asked(LoginTest):
    """What is read from standard input, and what is refused before anything is sent."""

    def setUp(self):
        super().setUp()
        self.reg = self.locked()

    def test_one_line_end_is_none_of_the_password(self):
        for end in ('', '\n', '\r\n'):
            self.assertOk(self.login(self.reg, stdin=PASSWORD + end))

    def test_what_is_no_password(self):
        for stdin, word in (('', 'no password'), ('\n', 'no password'), ('a\n\n', 'line breaks'),
                            ('a\nb', 'line breaks'), ('a\0b', 'NUL'), ('x' * 65538, '64 KiB')):
            with self.subTest(word, size=len(stdin)):
                self.assertFails(self.login(self.reg, stdin=stdin), 2, word)
        self.assertEqual(self.reg.count(), 0)

    def test_a_password_never_stands_on_the_command_line(self):
        for flags in ([f'-p{PASSWORD}'], ['-p', PASSWORD], [f'--password={PASSWORD}'],
                      ['--password', PASSWORD], [f'-up{PASSWORD}', '-p']):
            with self.subTest(flags):
                result = self.dray('login', '-u', 'joe', *flags, self.reg.host)
                self.assertFails(result, 2, '--password-stdin', 'command line')
        self.assertNotIn('--password ', self.dray('login', '--help').out)

    def test_what_is_missing(self):
        host = self.reg.host
        for args, words in ((('--password-stdin', host), ['-u USER']),
                            (('-u', 'joe', host), ['no terminal', '--password-stdin']),
                            ((host,), ['-u USER']), (('-u', 'joe'), ['REGISTRY']),
                            (('-u', 'a:b', '--password-stdin', host), ['colons']),
                            (('-u', 'joe', '--password-stdin', 'ghcr.io/me'), ['write ghcr.io']),
                            (('-u', 'joe', '--password-stdin', 'a b'), ["'a b'", 'host'])):
            with self.subTest(args):
                self.assertFails(self.dray('login', *args, stdin='x'), 2, *words)
        self.assertFails(self.dray('logout', 'ghcr.io/me'), 2, 'write ghcr.io')
        self.assertEqual(self.reg.count(), 0)


class Terminal(LoginTest):
    """A person at a terminal, played through its other end."""

    def setUp(self):
        super().setUp()
        self.reg = self.locked()
        self.ours, self.theirs = pty.openpty()
        self.addCleanup(os.close, self.ours)
        self.addCleanup(os.close, self.theirs)
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ''

    def run_at(self, *args):
        """dray with the terminal for its standard input and error."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                fcntl.ioctl(self.theirs, termios.TIOCSCTTY, 0)
                for fd, number in ((self.theirs, 0), (write, 1), (self.theirs, 2)):
                    os.dup2(fd, number)
                os.execve(DRAY, [DRAY, *args], self.environment())
            finally:
                os._exit(99)
        os.close(write)
        self.child = child
        self.out = read

    def expect(self, text):
        until = time.monotonic() + 30
        while text not in self.seen:
            if not select.select([self.ours], [], [], max(0, until - time.monotonic()))[0]:
                self.fail(f'no {text!r} within 30 s: {self.seen!r}')
            self.seen += os.read(self.ours, 4096).decode()

    def hidden(self):
        return not termios.tcgetattr(self.theirs)[3] & termios.ECHO

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """The exit status; what it wrote to stdout is in self.said."""
        self.said = ''
        while piece := os.read(self.out, 4096):
            self.said += piece.decode()
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 4096).decode()
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)
        self.assertNotIn(PASSWORD, self.seen + self.said)
        return status

    def test_it_asks_for_both(self):
        self.run_at('login', self.reg.host)
        self.expect('User: ')
        self.assertFalse(self.hidden())
        self.type('joe\n')
        self.expect('Password or token: ')
        self.assertTrue(self.hidden())
        self.type(f'{PASSWORD}\n')
        self.assertEqual(self.end(), 0, self.seen)
        self.assertIn(f'logged in to {self.reg.host} as joe', self.said)
        self.assertEntry(self.reg.host)

    def test_it_asks_for_the_password_alone(self):
        self.run_at('login', '-u', 'joe', self.reg.host)
        self.expect('Password or token: ')
        self.type('wrong-pa\x7f\x7f' + '\x15' + f'{PASSWORD}\n')    # the terminal's own editing
        self.assertEqual(self.end(), 0, self.seen)
        self.assertNotIn('User: ', self.seen)
        self.assertEntry(self.reg.host)

    def test_signals_leave_the_terminal_as_it_was(self):
        for name, act, status in (('^C', lambda: self.type('half\x03'), 130),
                                  ('TERM', lambda: os.kill(self.child, signal.SIGTERM), 143),
                                  ('HUP', lambda: os.kill(self.child, signal.SIGHUP), 129)):
            with self.subTest(name):
                self.seen = ''
                self.run_at('login', '-u', 'joe', self.reg.host)
                self.expect('Password or token: ')
                act()
                self.assertEqual(self.end(), status, self.seen)
        self.assertEqual(self.reg.count(), 0)

    def test_nothing_typed(self):
        for keys in ('\n', '\x04'):
            self.seen = ''
            self.run_at('login', '-u', 'joe', self.reg.host)
            self.expect('Password or token: ')
            self.type(keys)
            self.assertEqual(self.end(), 2, self.seen)
            self.assertIn('--password-stdin', self.seen)
        self.assertEqual(self.reg.count(), 0)


if __name__ == '__main__':
    unittest.main()

"""Where credentials come from: files, variables, helper programs; which of them win, and where."""

import base64
import contextlib
import json
import os

from tests.system.lib import SystemTest, images, unittest

TOKEN = 'identity-5b1c9e'


def auth_of(user, password):
    return base64.b64encode(f'{user}:{password}'.encode()).decode()


def password_of(user):
    return f'pass-{user}-word'


class CredentialsTest(SystemTest):
    """The user who comes to a registry tells which credentials were taken."""

    USERS = ('authfile', 'variable', 'json', 'docker', 'runtime', 'config', 'ci', 'helper',
             'a', 'b', 'c')

    def setUp(self):
        super().setUp()
        self.reg = self.locked()

    def locked(self, auth='basic', **settings):
        reg = self.registry(**{'auth': auth, 'anonymous': None, 'users': {
            user: password_of(user) for user in self.USERS}, **settings})
        images.image(1).put(reg, 'app', 'v1')
        return reg

    def ended(self, result):
        super().ended(result)
        self.assertNoSecret(result, TOKEN, *(password_of(user) for user in self.USERS))

    def users_of(self, reg):
        """Those who came, in order, each once."""
        users = []
        for _, _, value in reg.authorization_seen:
            if value.startswith('Basic '):
                user = base64.b64decode(value[6:]).decode().partition(':')[0]
                users += [user] if user not in users else []
        return users

    def assertUser(self, user, *flags, env=None, repo='app'):
        """A request made with these comes as the user; None: without any credentials."""
        self.reg.authorization_seen.clear()
        result = self.dray('digest', '-v', self.reg.ref(f'{repo}:v1'), *flags, env=env)
        if user is None:
            self.assertFails(result, 1, self.reg.host, 'no credentials')
            self.assertNoCredentialAt(self.reg)
        else:
            self.assertOk(result)
            self.assertEqual(self.users_of(self.reg), [user])
        return result

    def auths(self, user, *hosts):
        """The JSON of a credentials file that has this user for the hosts."""
        return {'auths': {host: {'auth': auth_of(user, password_of(user))}
                          for host in hosts or (self.reg.host,)}}


class Sources(CredentialsTest):
    def every_source(self, *hosts):
        """[(user, flags, env)] of each source in order, with its file written."""
        files = {name: self.write(path, self.auths(name, *hosts)) for name, path in (
            ('authfile', 'auth.json'), ('variable', 'named.json'),
            ('docker', 'home/.docker/config.json'), ('runtime', 'home/run/containers/auth.json'),
            ('config', 'home/.config/containers/auth.json'))}
        text = json.dumps(self.auths('json', *hosts))
        return files, [
            ('authfile', ('--authfile', files['authfile']), {}),
            ('variable', (), {'REGISTRY_AUTH_FILE': files['variable']}),
            ('json', (), {'DOCKER_AUTH_CONFIG': text}),
            ('docker', (), {}), ('runtime', (), {}), ('config', (), {}),
            ('ci', (), {'CI_REGISTRY': self.reg.host, 'CI_REGISTRY_USER': 'ci',
                        'CI_REGISTRY_PASSWORD': password_of('ci')})]

    def test_their_order(self):
        """Each wins over all that follow, and is what is left without those before."""
        files, sources = self.every_source()
        while sources:
            user = sources[0][0]
            flags = [word for _, words, _ in sources for word in words]
            env = {name: value for _, _, more in sources for name, value in more.items()}
            with self.subTest(user=user):
                self.assertUser(user, *flags, env=env)
            del sources[0]
            if user in files:
                os.remove(files[user])
        self.assertUser(None)

    def test_one_that_lacks_the_host_is_passed_over(self):
        files, sources = self.every_source()
        for user, path in files.items():
            self.write(path, self.auths(user, 'elsewhere.test'))
        env = {name: value for _, _, more in sources for name, value in more.items()}
        env['DOCKER_AUTH_CONFIG'] = json.dumps(self.auths('json', 'elsewhere.test'))
        self.assertUser('ci', env=env)
        self.write(files['config'], self.auths('config'))
        self.assertUser('config', env=env)
        self.write(files['docker'], self.auths('docker'))
        self.assertUser('docker', env=env)

    def test_authfile_excludes_the_rest(self):
        files, sources = self.every_source()
        self.write(files['authfile'], self.auths('authfile', 'elsewhere.test'))
        env = {name: value for _, _, more in sources for name, value in more.items()
               if not name.startswith('CI_')}
        self.assertUser(None, '--authfile', files['authfile'], env=env)

    def test_the_home_folder(self):
        without = {'DOCKER_CONFIG': None, 'XDG_CONFIG_HOME': None, 'XDG_RUNTIME_DIR': None}
        self.write('home/.config/containers/auth.json', self.auths('config'))
        self.assertUser('config', env=without)
        self.docker_config({self.reg.host: ('docker', password_of('docker'))})
        self.assertUser('docker', env=without)

    def test_no_home(self):
        self.assertUser(None, env={'HOME': None, 'DOCKER_CONFIG': None, 'XDG_CONFIG_HOME': None,
                                   'XDG_RUNTIME_DIR': None})

    def test_files_that_may_be_missing(self):
        self.assertUser('ci', env={
            'REGISTRY_AUTH_FILE': self.path('none.json'), 'DOCKER_CONFIG': self.path('none'),
            'CI_REGISTRY': self.reg.host, 'CI_REGISTRY_USER': 'ci',
            'CI_REGISTRY_PASSWORD': password_of('ci')})

    def test_empty_files_say_nothing(self):
        for text in ('', '\n', '{}', '{"auths": {}}', '{"auths": null}', '{"other": [1]}'):
            with self.subTest(text=text):
                self.write('home/.docker/config.json', text)
                self.assertUser(None)


class Keys(CredentialsTest):
    def test_what_an_entry_may_hold(self):
        for entry in ({'auth': auth_of('a', password_of('a'))},
                      {'username': 'a', 'password': password_of('a')},
                      {'auth': '', 'username': 'a', 'password': password_of('a')},
                      {'auth': base64.b64encode(f'a:{password_of("a")}\0\0'.encode()).decode()},
                      {'auth': auth_of('a', password_of('a')), 'email': 'a@b.test'}):
            with self.subTest(entry=entry):
                self.docker_config({self.reg.host: entry})
                self.assertUser('a')

    def test_tokens(self):
        """They win over a password beside them; a registry's own over an identity's."""
        reg = self.locked('bearer', identity_tokens={TOKEN: 'b'})
        entry = {'auth': auth_of('a', password_of('a')), 'identitytoken': TOKEN}
        self.docker_config({reg.host: entry})
        self.assertOk(self.dray('digest', '-v', reg.ref('app:v1')))
        self.assertEqual([(asked.grant, asked.user) for asked in reg.token_requests],
                         [('refresh_token', 'b')])
        token = reg.make_token('repository:app:pull')
        self.docker_config({reg.host: {**entry, 'registrytoken': token}})
        self.assertNoSecret(self.assertOk(self.dray('digest', '-v', reg.ref('app:v1'))), token)
        self.assertEqual(reg.count('token'), 1)
        self.assertEqual(reg.authorization_seen[-1][2], f'Bearer {token}')

    def test_how_a_host_may_be_written(self):
        """Another port is another host."""
        host = f'localhost:{self.reg.port}'
        for key in (host, f'https://{host}', f'https://{host}/', f'http://{host}/v1/',
                    f'https://{host}/v2/', f'{host}/v1/', host.upper()):
            with self.subTest(key=key):
                self.docker_config({key: ('a', password_of('a'))})
                self.assertOk(self.dray('digest', f'{host}/app:v1'))
        for key in ('localhost', 'localhost:1', f'x{host}', f'{host}0', f'https://x/{host}'):
            with self.subTest(key=key):
                self.docker_config({key: ('a', password_of('a'))})
                self.assertFails(self.dray('digest', f'{host}/app:v1'), 1, 'no credentials')

    def test_the_longest_key_wins(self):
        repos = {'team/app': 'c', 'team/app/deep': 'c', 'team/apple': 'b', 'team/x': 'b',
                 'team/y/app': 'b', 'teams/app': 'a', 'app': 'a', 'other/team/app': 'a'}
        host = self.reg.host
        keys = {host: 'a', f'{host}/team': 'b', f'{host}/team/app': 'c', f'{host}/tea': 'json'}
        for order in (list(keys), list(reversed(keys))):
            self.docker_config({key: (keys[key], password_of(keys[key])) for key in order})
            for repo, user in repos.items():
                with self.subTest(repo=repo, first=order[0]):
                    images.image(1).put(self.reg, repo, 'v1')
                    self.assertUser(user, repo=repo)

    def test_one_copy_with_two_users_of_one_host(self):
        host = self.reg.host
        self.docker_config({f'{host}/one': ('a', password_of('a')),
                            f'{host}/two': ('b', password_of('b'))})
        ref = images.image(2).put(self.reg, 'one/app', 'v1')
        self.assertOk(self.dray('copy', '-v', ref, self.reg.ref('two/app:v1')))
        self.assertCopied(ref, self.reg.ref('two/app:v1'))
        users = {path.split('/')[2]: value for _, path, value in self.reg.authorization_seen}
        self.assertEqual(users, {name: 'Basic ' + auth_of(user, password_of(user))
                                 for name, user in (('one', 'a'), ('two', 'b'))})

    def test_an_empty_entry_is_only_a_marker(self):
        for entry in ({}, {'auth': ''}, {'auth': auth_of('', '')}, None):
            with self.subTest(entry=entry):
                self.write('home/.docker/config.json', {'auths': {self.reg.host: entry}})
                self.assertUser(None)
                self.write('home/.config/containers/auth.json', self.auths('config'))
                self.assertUser('config')
                os.remove(self.path('home/.config/containers/auth.json'))


class Malformed(CredentialsTest):
    """Exit 2, the file's name, and no request, wherever the file comes from."""

    def assertRefused(self, name, *flags, env=None):
        target = self.registry()
        result = self.dray('copy', '-v', self.reg.ref('app:v1'), target.ref('app:v1'), *flags,
                           env=env)
        self.assertFails(result, 2, name)
        self.assertEqual(len(result.err.splitlines()), 1, result.err)
        self.assertEqual(result.out, '')
        self.assertEqual((self.reg.accepted, target.accepted), (0, 0))

    def test_every_mistake(self):
        good = auth_of('a', password_of('a'))
        host = self.reg.host
        for text in ('{', 'hello', '[]', '"x"', f'{{"auths": {{"{host}": {{"auth": "{good}"}}}}',
                     {'auths': []}, {'auths': 'x'}, {'auths': {host: 'x'}},
                     {'auths': {host: {'auth': 7}}}, {'auths': {host: {'auth': 'no base64!'}}},
                     {'auths': {host: {'auth': good[:-3] + '*'}}},
                     {'auths': {host: {'auth': base64.b64encode(b'nocolon').decode()}}},
                     {'auths': {host: {'username': 'a', 'password': ['b']}}},
                     {'auths': {host: {'identitytoken': {}}}},
                     {'auths': {host: {'registrytoken': 'a\r\nEvil: b'}}},
                     {'credHelpers': 'x'}, {'credHelpers': {host: 3}}, {'credsStore': {}},
                     {'credHelpers': {host: '../../tmp/x'}}, {'credsStore': 'a b;c'},
                     '{"auths": {"' + 'x' * (1 << 20) + '": {}}}'):
            with self.subTest(text=str(text)[:60]):
                self.assertRefused(self.write('home/.docker/config.json', text))

    def test_every_place(self):
        for path, flags, env in (
                ('auth.json', ('--authfile', self.path('auth.json')), {}),
                ('named.json', (), {'REGISTRY_AUTH_FILE': self.path('named.json')}),
                ('home/run/containers/auth.json', (), {}),
                ('home/.config/containers/auth.json', (), {})):
            with self.subTest(path=path):
                written = self.write(path, '{"auths":')
                self.assertRefused(written, *flags, env=env)
                os.remove(written)
        self.assertRefused('DOCKER_AUTH_CONFIG', env={'DOCKER_AUTH_CONFIG': 'user:password'})

    def test_an_authfile_that_is_none(self):
        self.assertRefused('none.json', '--authfile', self.path('none.json'))
        self.assertRefused(self.dir, '--authfile', self.dir)


class Helpers(CredentialsTest):
    def helper(self, name, script):
        """A program in PATH that notes its arguments and input, then runs the script."""
        path = self.write(f'bin/docker-credential-{name}', (
            f'#!/bin/sh\nread -r input\necho "$1 $input" >> "{self.path("calls")}"\n{script}\n'),
            0o700)
        self.env = {'PATH': f'{os.path.dirname(path)}:{os.environ["PATH"]}'}
        return os.path.basename(path)

    def answer(self, user='helper', secret=None):
        return "echo '" + json.dumps({'ServerURL': self.reg.host, 'Username': user,
                                      'Secret': secret or password_of(user)}) + "'"

    @property
    def calls(self):
        with open(self.path('calls'), encoding='utf-8') as file:
            return file.read().splitlines()

    def use(self, name, auths=None, **more):
        self.docker_config(auths, credHelpers={self.reg.host: name}, **more)

    def assertHelperFails(self, program, *words):
        """One error that names the program and the host."""
        result = self.dray('digest', '-v', self.reg.ref('app:v1'), env=self.env)
        self.assertFails(result, 1, self.reg.ref('app:v1'), program, *words)
        self.assertEqual(result.err.count('error:'), 1)
        self.assertNoCredentialAt(self.reg)
        return result

    def test_it_is_asked_for_the_host(self):
        self.helper('test', self.answer())
        self.use('test', {self.reg.host: {}})
        self.assertUser('helper', env=self.env)
        self.assertEqual(self.calls, [f'get {self.reg.host}'])

    def test_once_a_run(self):
        self.helper('test', self.answer())
        self.use('test')
        ref = images.multi(3, own=4).put(self.reg, 'one', 'v1')
        self.assertOk(self.dray('copy', '-v', ref, self.reg.ref('two:v1'), env=self.env))
        self.assertCopied(ref, self.reg.ref('two:v1'))
        self.assertEqual(len(self.calls), 1)

    def test_it_is_not_run_for_a_registry_that_does_not_ask(self):
        self.helper('test', 'exit 1')
        self.docker_config(credsStore='test')
        open_reg = self.registry()
        images.image().put(open_reg, 'app', 'v1')
        self.assertOk(self.dray('digest', open_reg.ref('app:v1'), env=self.env))
        self.assertFalse(os.path.exists(self.path('calls')))

    def test_a_store_for_all_hosts(self):
        """A helper of the host wins over it."""
        self.helper('all', self.answer('a'))
        self.docker_config({self.reg.host: {}}, credsStore='all')
        self.assertUser('a', env=self.env)
        self.helper('one', self.answer('b'))
        self.docker_config(credsStore='all', credHelpers={self.reg.host: 'one', 'x.test': 'none'})
        self.assertUser('b', env=self.env)

    def test_an_identity_token(self):
        reg = self.reg = self.locked('bearer', identity_tokens={TOKEN: 'b'})
        self.helper('test', self.answer('<token>', TOKEN))
        self.use('test')
        self.assertOk(self.dray('digest', '-v', reg.ref('app:v1'), env=self.env))
        self.assertEqual([(asked.grant, asked.user) for asked in reg.token_requests],
                         [('refresh_token', 'b')])

    def test_not_found_means_none(self):
        """The file's own entry and the next sources then count."""
        self.helper('test', 'echo "credentials not found in native keychain"; exit 1')
        self.use('test')
        self.assertUser(None, env=self.env)
        self.write('home/.config/containers/auth.json', self.auths('config'))
        self.assertUser('config', env=self.env)
        self.use('test', {self.reg.host: ('docker', password_of('docker'))})
        self.assertUser('docker', env=self.env)

    def test_failures(self):
        secret = password_of('helper')
        for script, *words in (
                ('echo "the keychain is locked"; exit 1', 'the keychain is locked'),
                ('printf "\\033[31mred\\033[0m\\r\\nsecond line\\n"; exit 3', '3'),
                ('exit 2', '2'),
                ('kill -9 $$',),
                ('echo',), ('true',),
                ('echo "{"',),
                (f"echo '[\"{secret}\"]'",),
                (f"echo '{{\"Username\": 7, \"Secret\": \"{secret}\"}}'",),
                (f"echo 'it is {secret}'",)):
            with self.subTest(script=script):
                program = self.helper('test', script)
                self.use('test')
                result = self.assertHelperFails(program, self.reg.host, *words)
                self.assertNotIn('\033', result.err)
                self.assertNotIn('\r', result.err)
        self.assertEqual(set(self.calls), {f'get {self.reg.host}'})

    def test_a_missing_program(self):
        self.env = {}
        self.use('nowhere')
        self.assertHelperFails('docker-credential-nowhere', 'not installed')

    def test_one_that_is_no_program(self):
        self.helper('test', '')
        os.chmod(self.path('bin/docker-credential-test'), 0o600)
        self.use('test')
        self.assertHelperFails('docker-credential-test')

    def test_one_that_babbles(self):
        program = self.helper('test', 'while :; do echo "babble babble babble babble"; done')
        self.use('test')
        result = self.assertHelperFails(program)
        self.assertLess(result.seconds, 8)

    def test_a_slow_one(self):
        """It has ten seconds; then it is ended."""
        program = self.helper('test', f'echo $$ > "{self.path("pid")}"; exec sleep 60')
        self.use('test')
        result = self.assertHelperFails(program, 'time')
        self.assertTrue(9.5 < result.seconds < 13, result.seconds)
        with open(self.path('pid'), encoding='utf-8') as file:
            self.assertFalse(os.path.exists(f'/proc/{file.read().strip()}'))

    def test_one_that_does_not_read_its_input(self):
        path = self.helper('test', '')
        self.write(f'bin/{path}', f'#!/bin/sh\nexec <&-\n{self.answer()}\n', 0o700)
        self.use('test')
        self.assertUser('helper', env=self.env)

    def test_one_that_leaves_a_child_with_its_output(self):
        self.helper('test', f'{self.answer()}\nsleep 30 & echo $! > "{self.path("child")}"')
        self.use('test')
        result = self.assertUser('helper', env=self.env)
        with open(self.path('child'), encoding='utf-8') as file:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read()), 9)
        self.assertLess(result.seconds, 8)

    def test_a_large_answer(self):
        padding = 'x' * 300_000
        self.write('padding', json.dumps({'Username': 'helper', 'Secret': password_of('helper'),
                                          'Padding': padding}))
        self.helper('test', f'cat "{self.path("padding")}"')
        self.use('test')
        self.assertUser('helper', env=self.env)


class ContinuousIntegration(CredentialsTest):
    def ci(self, user='ci', password=None, host=None):
        return {'CI_REGISTRY': host or self.reg.host, 'CI_REGISTRY_USER': user,
                'CI_REGISTRY_PASSWORD': password or password_of(user)}

    def test_gitlab(self):
        self.assertUser('ci', env=self.ci())
        self.assertUser(None, env=self.ci(host='elsewhere.test'))
        self.reg.users['gitlab-ci-token'] = password_of('job')
        job = {'CI_JOB_TOKEN': password_of('job')}
        self.assertUser('gitlab-ci-token', env={'CI_REGISTRY': self.reg.host, **job})
        self.assertUser('ci', env={**self.ci(), **job})

    def test_a_file_wins(self):
        self.docker_config({self.reg.host: ('docker', password_of('docker'))})
        self.assertUser('docker', env=self.ci())

    def refused(self, anonymous):
        """A registry whose token server does not know the CI's user."""
        return self.locked('bearer', anonymous=anonymous)

    def test_refused_for_a_pull_they_give_way(self):
        src, dst = self.refused('pull'), self.registry()
        ref = images.multi(3, own=4).put(src, 'app', 'v2')
        result = self.assertOk(self.dray('copy', ref, dst.ref('app:v2'),
                                         env=self.ci('stranger', host=src.host)))
        self.assertCopied(ref, dst.ref('app:v2'))
        self.assertNoSecret(result, password_of('stranger'))
        warnings = [line for line in result.err.splitlines() if 'warning:' in line]
        self.assertEqual(len(warnings), 1, result.err)
        self.assertIn(src.host, warnings[0])
        self.assertEqual(src.count('token', status=401), 1)

    def test_refused_for_a_push_they_are_an_error(self):
        src, dst = self.registry(), self.refused('pull')
        ref = images.image().put(src, 'app', 'v2')
        result = self.dray('copy', ref, dst.ref('app:v2'), env=self.ci('stranger', host=dst.host))
        self.assertFails(result, 1, dst.ref('app:v2'), 'stranger', 'CI_REGISTRY_PASSWORD')
        self.assertNoSecret(result, password_of('stranger'))
        self.assertEqual(dst.tags('app').get('v2'), None)

    def test_refused_and_no_anonymous_pull_either(self):
        src = self.refused(None)
        result = self.dray('digest', src.ref('app:v1'), env=self.ci('stranger', host=src.host))
        self.assertFails(result, 1, src.ref('app:v1'), src.host)
        self.assertLessEqual(src.count('token'), 2)


class RealNames(CredentialsTest):
    """Registries that are known by their names; a web proxy leads to ours instead."""

    def names(self, *hosts):
        authority = self.authority()
        reg = self.locked(tls=authority.server_for(*hosts))
        proxy = self.tunnels({f'{host}:443': reg.port for host in hosts})
        self.flags = ('--ca-file', authority.ca_file)
        self.env = {'HTTPS_PROXY': proxy.url}
        return reg

    def test_github(self):
        reg = self.names('ghcr.io')
        self.env.update(GITHUB_ACTOR='ci', GITHUB_TOKEN=password_of('ci'))
        self.assertOk(self.dray('digest', '-v', 'ghcr.io/app:v1', *self.flags, env=self.env))
        self.docker_config({'ghcr.io': ('docker', password_of('docker'))})
        self.assertOk(self.dray('digest', '-v', 'ghcr.io/app:v1', *self.flags, env=self.env))
        self.assertEqual(self.users_of(reg), ['ci', 'docker'])

    def test_github_credentials_are_for_github_alone(self):
        self.assertUser(None, env={'GITHUB_ACTOR': 'ci', 'GITHUB_TOKEN': password_of('ci')})

    def test_docker_hub(self):
        """Its key is index.docker.io, its API elsewhere, and an official image is in library/."""
        reg = self.names('registry-1.docker.io')
        images.image(1).put(reg, 'library/alpine', 'latest')
        for number, key in enumerate(('https://index.docker.io/v1/', 'docker.io', 'index.docker.io',
                                      'registry-1.docker.io', 'https://docker.io')):
            with self.subTest(key=key):
                user = self.USERS[number]
                self.docker_config({key: (user, password_of(user))})
                reg.authorization_seen.clear()
                self.assertOk(self.dray('digest', 'alpine', *self.flags, env=self.env))
                self.assertEqual(self.users_of(reg), [user])

    def test_the_hubs_key_for_helpers(self):
        self.names('registry-1.docker.io')
        images.image(1).put(self.registries[-1], 'library/alpine', 'latest')
        self.write('bin/docker-credential-test', (
            f'#!/bin/sh\nread -r url\necho "$url" > "{self.path("url")}"\n'
            f"""echo '{json.dumps({"Username": "a", "Secret": password_of("a")})}'\n"""), 0o700)
        self.docker_config({'https://index.docker.io/v1/': {}}, credsStore='test')
        self.env['PATH'] = f'{self.path("bin")}:{os.environ["PATH"]}'
        self.assertOk(self.dray('digest', 'alpine', *self.flags, env=self.env))
        with open(self.path('url'), encoding='utf-8') as file:
            self.assertEqual(file.read().strip(), 'https://index.docker.io/v1/')


if __name__ == '__main__':
    unittest.main()

"""Who dray says it is: challenges, tokens, Basic; and that no credentials go astray."""

import base64
import re

from tests.system.lib import SystemTest, images, unittest

PASSWORD, OTHER_PASSWORD = 'qP7-left-the-building', 'zK3-over-the-hills'
IDENTITY = 'identity-1f9e4c77a0'


def basic(user, password):
    return 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()


class AuthTest(SystemTest):
    """Whatever a test does: no run shows a password or a token of its registries."""

    def ended(self, result):
        super().ended(result)
        for reg in self.registries:
            if hasattr(reg, 'accounts'):
                self.assertNoSecret(result, PASSWORD, OTHER_PASSWORD, IDENTITY, *reg.users.values(),
                                    *reg.identity_tokens, *reg.accounts.tokens)

    def locked(self, auth='bearer', user='joe', password=PASSWORD, **settings):
        """A registry that lets only one user in, and the other side's plain one."""
        return self.registry(**{'auth': auth, 'users': {user: password}, 'anonymous': None,
                                **settings})

    def copy(self, source, target, *flags, **options):
        """Copies at -v, so that whatever can be shown is."""
        return self.dray('copy', '-v', '--retries', 2, source, target, *flags, **options)

    def assertCopies(self, image, src, dst, *flags, **options):
        ref = image.put(src, 'app', 'v1')
        result = self.assertOk(self.copy(ref, dst.ref('app:v1'), *flags, **options))
        self.assertCopied(ref, dst.ref('app:v1'))
        return result

    def assertOneError(self, result, *words):
        """Exit 1 with one line that says error."""
        self.assertFails(result, 1, *words)
        errors = [line for line in result.err.splitlines() if 'error:' in line]
        self.assertEqual(len(errors), 1, result.err)
        return errors[0]

    def tokens_asked(self, reg):
        return [(asked.grant, asked.user, asked.scopes) for asked in reg.token_requests]


class Tokens(AuthTest):
    def test_a_password_gets_a_token_by_get(self):
        src, dst = self.locked(), self.locked(user='eve', password=OTHER_PASSWORD)
        self.docker_config({src.host: ('joe', PASSWORD), dst.host: ('eve', OTHER_PASSWORD)})
        self.assertCopies(images.image(), src, dst)
        self.assertEqual(self.tokens_asked(src), [('GET', 'joe', ['repository:app:pull'])])
        self.assertEqual(self.tokens_asked(dst), [('GET', 'eve', ['repository:app:pull,push'])])
        self.assertEqual({asked.service for asked in src.token_requests}, {src.service})
        sent = {(path, value) for _, path, value in src.authorization_seen if 'Basic' in value}
        self.assertEqual(sent, {('/token', basic('joe', PASSWORD))})

    def test_an_identity_token_is_posted(self):
        src = self.locked(identity_tokens={IDENTITY: 'joe'})
        self.docker_config({src.host: {'identitytoken': IDENTITY}})
        self.assertCopies(images.image(), src, self.registry())
        self.assertEqual(self.tokens_asked(src),
                         [('refresh_token', 'joe', ['repository:app:pull'])])
        self.assertFalse(any(IDENTITY in entry.query for entry in src.log), src.dump())

    def test_a_token_server_without_oauth2_is_asked_by_get(self):
        reg = self.locked(identity_tokens={IDENTITY: 'joe'}, token_post=404)
        self.docker_config({reg.host: {'identitytoken': IDENTITY}})
        ref = images.image(3).put(reg, 'from/here', 'v1')
        self.assertOk(self.copy(ref, reg.ref('to/there:v1')))
        self.assertCopied(ref, reg.ref('to/there:v1'))
        self.assertEqual({asked.grant for asked in reg.token_requests}, {'GET'})
        self.assertEqual({asked.user for asked in reg.token_requests}, {'joe'})
        self.assertLessEqual(reg.count('token', method='POST'), 2, 'a 404 is remembered')

    def test_anonymous_tokens(self):
        src = self.registry(auth='bearer')
        self.assertCopies(images.image(), src, self.registry())
        self.assertEqual(self.tokens_asked(src), [('GET', None, ['repository:app:pull'])])

    def test_nothing_is_sent_to_a_registry_that_does_not_ask(self):
        src, dst = self.registry(), self.registry()
        self.docker_config({src.host: ('joe', PASSWORD), dst.host: ('eve', OTHER_PASSWORD)})
        self.assertCopies(images.image(), src, dst)
        self.assertNoCredentialAt(src, dst)

    def test_one_token_serves_many_blobs(self):
        src, dst = self.locked(), self.locked()
        self.docker_config({reg.host: ('joe', PASSWORD) for reg in (src, dst)})
        image = images.multi(platforms=4, shared=3, own=8, attestations=2)
        self.assertCopies(image, src, dst)
        for reg in (src, dst):
            self.assertEqual(reg.count('token'), 1)
            self.assertEqual(reg.count(status=401), 1, 'only the first request goes without')

    def test_each_scope_is_asked_for_once(self):
        reg = self.locked()
        self.docker_config({reg.host: ('joe', PASSWORD)})
        ref = images.multi(platforms=3, shared=3, own=5).put(reg, 'one', 'v1')
        self.assertOk(self.copy(ref, reg.ref('two:v1')))
        self.assertCopied(ref, reg.ref('two:v1'))
        self.assertEqual(reg.count('mount', status=201), reg.count('mount'))
        asked = [tuple(asked.scopes) for asked in reg.token_requests]
        self.assertEqual(len(asked), len(set(asked)), asked)
        self.assertIn(('repository:two:pull,push', 'repository:one:pull'), asked)

    def test_a_token_server_that_reads_one_scope_prevents_no_push(self):
        reg = self.locked(first_scope_only=True)
        self.docker_config({reg.host: ('joe', PASSWORD)})
        ref = images.image(3).put(reg, 'one', 'v1')
        self.assertOk(self.copy(ref, reg.ref('two:v1')))
        self.assertCopied(ref, reg.ref('two:v1'))

    def test_every_form_of_a_token(self):
        for settings in ({'token_field': 'access_token'}, {'token_field': 'both'},
                         {'expires_in': None}, {'token_size': 6000}):
            with self.subTest(**settings):
                src = self.locked(**settings)
                self.docker_config({src.host: ('joe', PASSWORD)})
                self.assertCopies(images.image(), src, self.registry())
                self.assertEqual(src.count('token'), 1)

    def test_a_registry_token_needs_no_token_server(self):
        src = self.locked()
        token = src.make_token('repository:app:pull')
        self.docker_config({src.host: {'registrytoken': token}})
        self.assertCopies(images.image(), src, self.registry())
        self.assertEqual(src.count('token'), 0)

    def test_a_token_server_elsewhere(self):
        accounts = self.registry()
        src = self.locked(token_server=accounts)
        self.docker_config({src.host: ('joe', PASSWORD)})
        self.assertCopies(images.image(), src, self.registry())
        self.assertEqual(accounts.count('token', status=200), 1)
        self.assertFalse([value for _, _, value in src.authorization_seen if 'Basic' in value])
        self.assertEqual(accounts.authorization_seen, [('GET', '/token', basic('joe', PASSWORD))])


class Expiry(AuthTest):
    """Tokens that end while they are in use. That one is renewed a while before its end is a matter
    of 30 s and more, and so of the unit tests."""

    def test_a_source_that_forgets_its_tokens(self):
        src = self.locked()
        self.docker_config({src.host: ('joe', PASSWORD)})
        gate = src.on('blob', nth=5).hold()
        image = images.image(30)
        run = self.start('copy', '-v', image.put(src, 'app', 'v1'),
                         self.registry().ref('app:v1'), '--max-connections', 2)
        gate.wait_reached()
        src.expire_tokens()
        gate.release()
        self.assertOk(run.wait())
        self.assertEqual(src.count('token'), 2)
        self.assertCopied(src.ref('app:v1'), self.registries[1].ref('app:v1'))

    def test_a_target_that_forgets_its_tokens(self):
        for size in (4096, 6 << 20):    # in one piece from memory, and streamed
            with self.subTest(size=size):
                src, dst = self.registry(), self.locked()
                self.docker_config({dst.host: ('joe', PASSWORD)})
                gate = dst.on(('upload-open', 'mount'), nth=3).hold(acted=True)
                image = images.image(4, size=size)
                run = self.start('copy', '-v', image.put(src, 'app', 'v1'), dst.ref('app:v1'))
                gate.wait_reached()
                dst.expire_tokens()
                gate.release()
                self.assertOk(run.wait())
                self.assertCopied(src.ref('app:v1'), dst.ref('app:v1'))
                self.assertEqual(dst.count('token'), 2)
                self.assertEqual(dst.uploads, [])

    def test_tokens_that_are_never_accepted_end_it(self):
        src = self.locked(token_lifetime=-1)
        self.docker_config({src.host: ('joe', PASSWORD)})
        ref = images.image().put(src, 'app', 'v1')
        self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host, '401')
        self.assertLessEqual(src.count('manifest'), 3)


class Challenges(AuthTest):
    def assertUnderstood(self, scopes=('repository:app:pull',), **settings):
        src = self.locked(**settings)
        self.docker_config({src.host: ('joe', PASSWORD)})
        self.assertCopies(images.image(), src, self.registry())
        self.assertEqual([asked.scopes for asked in src.token_requests], [list(scopes)])
        return src

    def test_forms(self):
        bearer = 'Bearer realm="{realm}",service="{service}",scope="{scope}"'
        for form in (
                'bEaReR ReAlM="{realm}",SERVICE="{service}",Scope="{scope}"',
                'Bearer   realm = "{realm}" ,,  service={service} , scope="{scope}"',
                'Bearer error="say \\"realm=\\\\, please\\"", realm="{realm}",service="{service}"',
                'Bearer realm="{realm}",service="{service}",scope="a:b:c,d",error="x, Basic y=z"',
                'Bearer scope="{scope}",service="{service}",realm="{realm}"',
                'Bearer realm="/token",service="{service}"',
                ['Basic realm="x"', bearer],
                [bearer, 'Basic realm="x"'],
                f'Basic realm="x, y", {bearer}',
                f'{bearer}, Basic realm="x"',
                f'Negotiate, {bearer}',
                f'NTLM TlRMTVNTUAA==, {bearer}',
                ['Digest realm="d",nonce="n",qop="auth,auth-int"', bearer]):
            with self.subTest(form=form):
                self.assertUnderstood(challenge=form)

    def test_a_placeholder_for_a_scope(self):
        self.assertUnderstood(challenge_scope='repository:user/image:pull')

    def test_no_scope(self):
        self.assertUnderstood(challenge_scope='')

    def test_no_challenge_but_that_of_v2(self):
        src = self.assertUnderstood(no_www_authenticate=True)
        self.assertEqual(src.count('ping'), 1)

    def test_no_challenge_anywhere(self):
        src = self.locked(no_www_authenticate='always')
        self.docker_config({src.host: ('joe', PASSWORD)})
        ref = images.image().put(src, 'app', 'v1')
        self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host)
        self.assertNoCredentialAt(src)
        self.assertLessEqual(src.count(), 3, src.dump())

    def test_a_challenge_that_names_no_url(self):
        for realm in ('', 'ftp://127.0.0.1/token', 'http://', 'http://user:pass@/x', '//[::1'):
            with self.subTest(realm=realm):
                src = self.locked(challenge=f'Bearer realm="{realm}",service="x"')
                self.docker_config({src.host: ('joe', PASSWORD)})
                ref = images.image().put(src, 'app', 'v1')
                self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host)
                self.assertNoCredentialAt(src)

    def test_a_realm_on_plain_http_gets_no_credentials(self):
        authority, trap = self.authority(), self.registry()
        for form in ('Bearer realm="{trap}/token",service="x"',
                     'Basic realm="x", Bearer realm="{trap}/token"'):
            src = self.locked(tls=authority.server, challenge=form.replace('{trap}', trap.url))
            self.trust(src, authority)
            self.docker_config({src.host: ('joe', PASSWORD), trap.host: ('eve', OTHER_PASSWORD)})
            ref = images.image().put(src, 'app', 'v1')
            result = self.copy(ref, self.registry().ref('app:v1'), '--tls', src.host, '--ca-file',
                               authority.ca_file)
            self.assertOneError(result, ref, src.host, 'plain http')
            self.assertEqual(len(trap.log), 0)
            self.assertNoCredentialAt(src)


class Basic(AuthTest):
    def test_both_sides(self):
        src, dst = self.locked('basic'), self.locked('basic', 'eve', OTHER_PASSWORD)
        self.docker_config({src.host: ('joe', PASSWORD), dst.host: ('eve', OTHER_PASSWORD)})
        self.assertCopies(images.multi(), src, dst)
        self.assertEqual({value for _, _, value in src.authorization_seen},
                         {basic('joe', PASSWORD)})
        self.assertEqual(dst.count(status=401), 1)

    def test_debians_registry(self):
        src, dst = self.registry(), self.debian(users={'joe': PASSWORD})
        self.docker_config({dst.host: ('joe', PASSWORD)})
        self.assertCopies(images.multi(big=3 << 20), src, dst)

    def test_odd_passwords(self):
        for password in ('with:colons:in it-', 'pä$$wörd-€uro', '%41&=?#+ long-enough'):
            with self.subTest(password=password):
                src = self.locked('basic', password=password)
                self.docker_config({src.host: ('joe', password)})
                self.assertCopies(images.image(), src, self.registry())


class Refusals(AuthTest):
    def test_a_wrong_password(self):
        """Named are the user and the host; the password is not, and nothing is tried twice."""
        for auth in ('bearer', 'basic'):
            for side in ('source', 'target'):
                with self.subTest(auth=auth, side=side):
                    locked, plain = self.locked(auth), self.registry()
                    config = self.docker_config({locked.host: ('joe', OTHER_PASSWORD)})
                    image = images.image()
                    src, dst = (locked, plain) if side == 'source' else (plain, locked)
                    ref = image.put(src, 'app', 'v1')
                    result = self.copy(ref, dst.ref('app:v1'))
                    line = self.assertOneError(result, ref, dst.ref('app:v1'), locked.host, 'joe',
                                               config)
                    self.assertLess(len(line), 500)
                    self.assertLess(result.seconds, 5)
                    self.assertEqual(locked.count(), 2, 'a request, and one with the credentials')
                    self.assertEqual(dst.tags('app'), {})
                    self.assertEqual(dst.blobs, {})

    def test_no_credentials(self):
        for auth in ('bearer', 'basic'):
            with self.subTest(auth=auth):
                src = self.locked(auth)
                ref = images.image().put(src, 'app', 'v1')
                self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host,
                                    'no credentials', '--authfile')

    def test_an_identity_token_that_has_ended(self):
        src = self.locked()
        self.docker_config({src.host: {'identitytoken': IDENTITY}})
        ref = images.image().put(src, 'app', 'v1')
        self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host, '401')
        self.assertEqual(src.count('token'), 1)

    def test_a_user_who_may_not_push(self):
        for status in (401, 403):
            with self.subTest(status=status):
                dst = self.locked(rights={'joe': {'*': 'pull'}}, deny_status=status)
                self.docker_config({dst.host: ('joe', PASSWORD)})
                src = self.registry()
                ref = images.image().put(src, 'app', 'v1')
                result = self.copy(ref, dst.ref('app:v1'))
                self.assertOneError(result, dst.ref('app:v1'), str(status))
                self.assertEqual(dst.tags('app'), {})
                self.assertLess(result.seconds, 5)

    def test_tokens_for_less_than_was_asked(self):
        """The registry's 401 names what is missing; a second token for the same is no better."""
        src = self.locked(rights={'joe': {'other': 'pull'}})
        self.docker_config({src.host: ('joe', PASSWORD)})
        ref = images.image().put(src, 'app', 'v1')
        self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, src.host, '401')
        self.assertLessEqual(src.count('token'), 2)


class TokenServers(AuthTest):
    """What a token server may answer instead of a token."""

    def asked(self, fault, times=None):
        """(registry, result of a copy) while the token server has the fault."""
        src = self.locked()
        self.docker_config({src.host: ('joe', PASSWORD)})
        fault(src.on('token', times=times))
        ref = images.image().put(src, 'app', 'v1')
        return src, self.copy(ref, self.registry().ref('app:v1'))

    def test_busy_for_a_while(self):
        for fault in (lambda rule: rule.status(500), lambda rule: rule.html(502),
                      lambda rule: rule.reset(), lambda rule: rule.truncate(after=5),
                      lambda rule: rule.lose_answer()):
            src, result = self.asked(fault, times=1)
            with self.subTest(fault=src.requests(fault=True)[0].fault):
                self.assertOk(result)
                self.assertEqual(src.count('token'), 2)

    def test_a_wait_that_it_asks_for(self):
        src, result = self.asked(lambda rule: rule.status(429, retry_after=1), times=1)
        self.assertOk(result)
        first, second = src.requests('token')
        self.assertGreaterEqual(second.time - first.time, 1)

    def test_no_token(self):
        for body in (b'', b'{}', b'[]', b'{"token": ""}', b'{"token": 7}', b'<html>hi</html>',
                     b'{"token": "a\\nX-Evil: b"}', b'{"token": "a b"}', b'{"token": "abc"'):
            with self.subTest(body=body):
                src, result = self.asked(lambda rule, body=body: rule.body(body))
                self.assertOneError(result, src.ref('app:v1'), 'token')
                self.assertEqual(src.count('token'), 1, 'asking again is pointless')
                self.assertNotIn('X-Evil', str(src.authorization_seen))

    def test_an_endless_answer(self):
        src, result = self.asked(lambda rule: rule.body(b'{"token":"' + b'x' * 100_000).endless())
        self.assertOneError(result, src.ref('app:v1'))
        self.assertLess(result.peak_kb, 200_000)    # the sanitizer's own included
        self.assertLess(src.bytes_sent('token'), 64 << 20)

    def test_credentials_do_not_follow_a_redirect(self):
        trap = self.registry()
        src, result = self.asked(lambda rule: rule.redirect(trap.url + '/token'))
        self.assertOneError(result, src.ref('app:v1'), 'redirect')
        self.assertEqual(len(trap.log), 0)

    def test_a_redirect_of_its_own(self):
        _, result = self.asked(lambda rule: rule.redirect(
            lambda request: '/token?' + request.query_string), times=1)
        self.assertOk(result)


class Elsewhere(AuthTest):
    """Credentials of one host never reach another."""

    def test_the_other_side(self):
        src = self.locked()
        dst = self.locked('basic', 'eve', OTHER_PASSWORD)
        self.docker_config({src.host: ('joe', PASSWORD), dst.host: ('eve', OTHER_PASSWORD)})
        self.assertCopies(images.image(), src, dst)
        self.assertEqual({value for _, _, value in dst.authorization_seen},
                         {basic('eve', OTHER_PASSWORD)})
        for _, _, value in src.authorization_seen:
            self.assertTrue(value == basic('joe', PASSWORD) or value[7:] in src.accounts.tokens)

    def test_a_cdn(self):
        for auth in ('bearer', 'basic'):
            for status in (301, 302, 303, 307, 308):
                with self.subTest(auth=auth, status=status):
                    cdn = self.registry(refuse_authorization=True)
                    src = self.locked(auth, cdn=cdn, cdn_status=status)
                    self.docker_config({src.host: ('joe', PASSWORD), cdn.host: ('eve', 'unwanted')})
                    self.assertCopies(images.image(3, size=300_000), src, self.registry())
                    self.assertNoCredentialAt(cdn)
                    self.assertEqual(cdn.count('cdn', status=200), 4)

    def test_manifests_behind_a_redirect(self):
        cdn = self.registry(refuse_authorization=True)
        src = self.locked(cdn=cdn, cdn_manifests=True)
        self.docker_config({src.host: ('joe', PASSWORD)})
        self.assertCopies(images.multi(2), src, self.registry())
        self.assertNoCredentialAt(cdn)

    def test_a_cdn_that_asks_for_credentials(self):
        trap = self.registry()
        trap.on('cdn').status(401, headers={
            'WWW-Authenticate': f'Bearer realm="{trap.url}/token",service="x"'})
        src = self.locked(cdn=trap)
        self.docker_config({src.host: ('joe', PASSWORD)})
        ref = images.image().put(src, 'app', 'v1')
        self.assertOneError(self.copy(ref, self.registry().ref('app:v1')), ref, '401')
        self.assertNoCredentialAt(trap)
        self.assertEqual(trap.count('token'), 0)

    def test_a_location_on_another_host(self):
        for size in (4096, 3 << 20):
            with self.subTest(size=size):
                src, dst = self.registry(), self.locked()
                dst.location_host = other = self.registry(share=dst)
                self.docker_config({dst.host: ('joe', PASSWORD)})
                self.assertCopies(images.image(size=size), src, dst)
                self.assertGreater(other.count('upload-p*'), 0)
                self.assertNoCredentialAt(other)

    def test_an_upload_that_is_redirected(self):
        src, dst = self.registry(), self.locked()
        other = self.registry(share=dst)
        dst.on(('upload-put', 'upload-patch')).redirect(other)
        self.docker_config({dst.host: ('joe', PASSWORD)})
        self.assertCopies(images.image(), src, dst)
        self.assertGreater(other.count('upload-put', status=201), 0)
        self.assertNoCredentialAt(other)

    def test_a_list_of_tags_that_goes_on_elsewhere(self):
        trap, src = self.registry(), self.locked()
        self.docker_config({src.host: ('joe', PASSWORD)})
        images.image().put(src, 'app', 'v1')
        src.on('tags', times=1).header('Link', f'<{trap.url}/v2/app/tags/list?last=x>; rel="next"')
        self.dray('tags', '-v', src.ref('app'))
        self.assertNoCredentialAt(trap)


class Output(AuthTest):
    def test_urls_are_shown_without_their_queries(self):
        """They hold signatures, sessions and user names."""
        cdn = self.registry()
        src = self.locked(cdn=cdn)
        dst = self.locked(location_query=True)
        self.docker_config({reg.host: ('joe', PASSWORD) for reg in (src, dst)})
        result = self.assertCopies(images.image(size=300_000), src, dst, '-o', 'json')
        self.assertIn(f'GET {src.url}/token', result.err)
        self.assertIn(f'PUT {dst.url}/v2/app/blobs/uploads/', result.err)
        self.assertFalse(re.search(r'https?://\S*\?', result.err + result.out), result.err)


if __name__ == '__main__':
    unittest.main()

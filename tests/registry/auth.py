"""Who may do what: Basic and Bearer, and the token server."""

import base64
import fnmatch
import secrets
import threading
import time
import typing
import urllib.parse

from .answers import error, json_response

BODY_MAX = 1 << 20


class TokenRequest(typing.NamedTuple):
    """One request to the token server. grant is 'GET', 'refresh_token' or 'password'; user is None
    for an anonymous one; scopes as they came, in order."""
    method: str
    grant: str
    user: str
    scopes: list
    service: str


class Token(typing.NamedTuple):
    user: str
    expires: float
    access: dict    # repository -> set of actions


def needs(request, entry):
    """[(repository, {actions})] that the request has to be allowed."""
    kind = entry.kind
    if kind in ('manifest', 'blob') and request.method == 'DELETE':
        return [(entry.repo, {'delete'})]
    if kind == 'mount' and request.arg('from'):
        return [(entry.repo, {'pull', 'push'}), (request.arg('from'), {'pull'})]
    if kind == 'upload-status' or request.method in ('GET', 'HEAD'):
        return [(entry.repo, {'pull'})] if entry.repo else []
    return [(entry.repo, {'pull', 'push'})] if entry.repo else []


def scope_text(wanted):
    order = ('pull', 'push', 'delete')
    return ' '.join(f'repository:{repo}:{",".join(act for act in order if act in actions)}'
                    for repo, actions in wanted)


def basic_of(headers):
    """(user, password) of a Basic Authorization, or None."""
    scheme, _, value = (headers.get('Authorization') or '').partition(' ')
    if scheme.lower() != 'basic':
        return None
    try:
        user, _, password = base64.b64decode(value.strip()).decode().partition(':')
    except ValueError:
        return '', ''
    return user, password


class Auth:
    """The accounts of one registry, and its tokens. reg holds the settings."""

    def __init__(self, reg):
        self.reg = reg
        self.tokens = {}
        self.requests = []
        self._lock = threading.Lock()

    def _known(self, credentials):
        user, password = credentials
        return user in self.reg.users and self.reg.users[user] == password

    def _may(self, user, repo):
        """The actions that a user (None: anonymous) may do there."""
        if user is None:
            return set((self.reg.anonymous or '').split(',')) - {''}
        rights = self.reg.rights.get(user, {'*': 'pull,push,delete'})
        return {act for glob, acts in rights.items() if fnmatch.fnmatchcase(repo, glob)
                for act in acts.split(',')}

    def make_token(self, scope='', user=None, lifetime=300):
        """A token for a scope such as 'repository:app:pull,push', several with spaces."""
        access = {}
        for part in scope.split():
            _, _, rest = part.partition(':')
            repo, _, actions = rest.rpartition(':')
            access.setdefault(repo, set()).update(actions.split(','))
        token = secrets.token_hex(self.reg.token_size // 2 + 1)[:self.reg.token_size]
        with self._lock:
            self.tokens[token] = Token(user, time.monotonic() + lifetime, access)
        return token

    def expire(self):
        """Ends every token that was given out so far."""
        with self._lock:
            self.tokens = {key: token._replace(expires=0) for key, token in self.tokens.items()}

    # The registry's side

    def refuse(self, request, entry):
        """None if the request may go on, else the answer."""
        reg = self.reg
        if reg.auth is None or entry.kind in ('token', 'cdn'):
            return None
        wanted = needs(request, entry)
        if reg.auth == 'basic':
            return self._refuse_basic(request, entry, wanted)
        scheme, _, value = (request.headers.get('Authorization') or '').partition(' ')
        if scheme.lower() != 'bearer':
            return self._challenge(request, entry, wanted)
        token = self.tokens.get(value.strip())
        if token is None or token.expires <= time.monotonic():
            return self._challenge(request, entry, wanted, 'invalid_token')
        if any(not actions <= token.access.get(repo, set()) for repo, actions in wanted):
            return self._denied(request, entry, wanted)
        return None

    def _refuse_basic(self, request, entry, wanted):
        credentials = basic_of(request.headers)
        if credentials is None:
            user = None
            allowed = self.reg.anonymous and entry.kind != 'ping'
            if not allowed or any(not acts <= self._may(None, repo) for repo, acts in wanted):
                return self._challenge(request, entry, wanted)
        elif not self._known(credentials):
            return self._challenge(request, entry, wanted)
        else:
            user = credentials[0]
        if any(not actions <= self._may(user, repo) for repo, actions in wanted):
            return error(403, 'DENIED', 'requested access to the resource is denied')
        return None

    def _denied(self, request, entry, wanted):
        if self.reg.deny_status == 401:
            return self._challenge(request, entry, wanted, 'insufficient_scope')
        return error(self.reg.deny_status, 'DENIED', 'requested access to the resource is denied')

    def _challenge(self, request, entry, wanted, problem=''):
        reg = self.reg
        response = error(401, 'UNAUTHORIZED', 'authentication required')
        if reg.no_www_authenticate == 'always' or (
                reg.no_www_authenticate and entry.kind != 'ping'):
            return response
        scope = scope_text(wanted) if reg.challenge_scope is None else reg.challenge_scope
        realm = (reg.token_server or reg).url_for(request) + '/token'
        if reg.challenge is not None:
            templates = [reg.challenge] if isinstance(reg.challenge, str) else reg.challenge
        elif reg.auth == 'basic':
            templates = ['Basic realm="{service}"']
        else:
            templates = ['Bearer realm="{realm}",service="{service}"'
                         + (',scope="{scope}"' if scope else '')
                         + (',error="{error}"' if problem else '')]
        for template in templates:
            response.headers.add('WWW-Authenticate', template.format(
                realm=realm, service=reg.service, scope=scope, error=problem))
        return response

    # The token server's side

    def token(self, exchange):
        """Answers a request to /token."""
        reg, request = self.reg, exchange.request
        if request.method == 'POST':
            if reg.token_post != 200:
                exchange.discard()
                return error(reg.token_post)
            form = urllib.parse.parse_qs((exchange.read(BODY_MAX) or b'').decode('latin-1'))
            return self._oauth2(request, {key: values[0] for key, values in form.items()})
        if request.method != 'GET':
            return error(405)
        credentials, user = basic_of(request.headers), None
        if credentials is not None:
            user = reg.identity_tokens.get(credentials[1])
            if user is None and self._known(credentials):
                user = credentials[0]
        scopes = [part for value in request.query.get('scope', []) for part in value.split()]
        self._note(request, 'GET', user, scopes, request.arg('service'))
        if user is None and (credentials is not None or reg.anonymous is None):
            return error(401, 'UNAUTHORIZED', 'incorrect username or password')
        return self._give(user, scopes)

    def _oauth2(self, request, form):
        grant, user = form.get('grant_type'), None
        if grant == 'refresh_token':
            user = self.reg.identity_tokens.get(form.get('refresh_token'))
        elif grant == 'password' and self._known((form.get('username'), form.get('password'))):
            user = form['username']
        scopes = form.get('scope', '').split()
        self._note(request, grant, user, scopes, form.get('service'))
        if grant not in ('refresh_token', 'password') or not form.get('client_id') or (
                not form.get('service')):
            return json_response(400, {'error': 'invalid_request'})
        if user is None:
            return error(401, 'UNAUTHORIZED', 'incorrect username or password')
        return self._give(user, scopes, oauth2=True)

    def _note(self, request, grant, user, scopes, service):
        with self._lock:
            self.requests.append(TokenRequest(request.method, grant, user, scopes, service))

    def _give(self, user, scopes, oauth2=False):
        reg = self.reg
        granted = []
        for scope in scopes[:1] if reg.first_scope_only else scopes:
            kind, _, rest = scope.partition(':')
            repo, _, actions = rest.rpartition(':')
            acts = set(actions.split(',')) & self._may(user, repo)
            if kind == 'repository' and acts:
                granted.append(f'repository:{repo}:{",".join(sorted(acts))}')
        lifetime = reg.token_lifetime
        if lifetime is None:
            lifetime = 60 if reg.expires_in is None else reg.expires_in
        token = self.make_token(' '.join(granted), user, lifetime)
        field = 'access_token' if oauth2 else reg.token_field
        value = {name: token for name in ('token', 'access_token') if field in (name, 'both')}
        value['issued_at'] = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        if reg.expires_in is not None:
            value['expires_in'] = reg.expires_in
        return json_response(200, value)

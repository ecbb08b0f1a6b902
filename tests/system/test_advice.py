"""What a registry's no means, and what to do about it: each row of the tables in oci/advice.c and
net/http_error.h meets an answer as a real registry gives it (sources: there)."""

import base64
import json
import re

from tests.system.lib import TOP, SystemTest, images, unittest

PASSWORD = 'hv3-of-the-advised'
ECR = '123456789012.dkr.ecr.eu-west-1.amazonaws.com'
GAR = 'europe-west1-docker.pkg.dev'
HUB, GITLAB, ALIYUN = 'docker.io', 'registry.gitlab.com', 'registry.cn-hangzhou.aliyuncs.com'
HOSTS = ('ghcr.io', 'public.ecr.aws', ECR, GAR, GITLAB, ALIYUN, HUB)


def errors(code, message, detail=None):
    return json.dumps({'errors': [{'code': code, 'message': message, 'detail': detail}]})


def schema(media_type):
    """Quay's words for a type that it does not know."""
    return {'message': f"failed to parse manifest: manifest data does not match schema: '{media_type}'"
                       " is not one of ['application/vnd.docker.image.rootfs.diff.tar.gzip', "
                       "'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip']\n\nFailed "
                       "validating 'enum' in schema['properties']['layers']"}


# Of a push: key, host (None: any), which request, status, body, words of the advice.
PUSHES = (
    ('package that the job may not write', None, 'upload-open', 403,
     errors('DENIED', 'permission_denied: write_package'),
     '`permissions: packages: write`', 'Manage Actions access'),
    ('package that the job may not create', None, 'upload-open', 403,
     errors('DENIED', 'installation not allowed to Create organization package'),
     '`permissions: packages: write`', 'organization must let'),
    ('package of another organization', None, 'upload-open', 403,
     errors('DENIED', 'permission_denied: The requested installation does not exist.'),
     "repository's owner"),
    ('token without the scope for packages', None, 'upload-open', 403,
     errors('DENIED', 'permission_denied: The token provided does not match expected scopes.'),
     'write:packages'),
    ('ECR repository that does not exist', ECR, 'upload-open', 404,
     errors('NAME_UNKNOWN', "The repository with name 'acme/tools/app' does not exist in the "
                            "registry with id '123456789012'"),
     'aws ecr create-repository --repository-name acme/tools/app{n} --region eu-west-1'),
    ('ECR repository that does not exist', None, 'upload-open', 404,
     errors('NAME_UNKNOWN', "The repository with name 'x' does not exist in the registry with id '1'"),
     'aws ecr create-repository --repository-name acme/tools/app{n} --region REGION'),
    ('ECR Public repository that does not exist', 'public.ecr.aws', 'upload-open', 404,
     errors('NAME_UNKNOWN', "The repository with name 'tools' does not exist in the registry with "
                            "id 'acme'"),
     'aws ecr-public create-repository --region us-east-1 --repository-name tools/app{n}'),
    ('ECR password that has expired', None, 'upload-open', 403,
     errors('DENIED', 'Your authorization token has expired. Reauthenticate and try again.'),
     '12 hours'),
    ('action that IAM does not allow', None, 'upload-open', 403,
     errors('DENIED', 'User: arn:aws:sts::1:assumed-role/ci is not authorized to perform: '
                      'ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:1:repository/x'),
     "in the identity's policy"),
    ('ECR that closes the connection', ECR, 'upload-open', None, None,
     'ecr:InitiateLayerUpload', '--repository-name acme/tools/app{n} --region eu-west-1'),
    ('immutable tag', None, 'manifest', 400,
     errors('TAG_INVALID', "The image tag 'v1' already exists in the 'app' repository and cannot be "
                           "overwritten because the repository is immutable."),
     'push under another tag'),
    ('immutable tag', None, 'manifest', 412,
     errors('PRECONDITION', "Failed to process request due to 'app:v1' configured as immutable."),
     'push under another tag'),
    ('immutable tag', ALIYUN, 'manifest', 403,
     errors('DENIED', 'The requested tag already exists and cannot be overwritten.'),
     'push under another tag'),
    ('immutable tag on Docker Hub', HUB, 'manifest', 403,
     errors('DENIED', 'requested access to the resource is denied'), 'Tag mutability'),
    ('access token without the scope', None, 'token', 401,
     '{"details": "access token has insufficient scopes"}', 'Read & Write'),
    ('namespace on Docker Hub', HUB, 'upload-open', 401,
     errors('DENIED', 'requested access to the resource is denied'), 'acme must be your Docker ID'),
    ('Harbor project that does not exist', None, 'upload-open', 404,
     errors('NOT_FOUND', 'project acme not found'), 'create the project acme'),
    ('Harbor project that does not exist', None, 'upload-open', 401,
     errors('UNAUTHORIZED', 'project not found, name: acme'), 'create the project acme'),
    ('role in a Harbor project', None, 'upload-open', 401,
     errors('UNAUTHORIZED', 'unauthorized to access repository: acme/tools/app, action: push'),
     'a Developer in it'),
    ('storage quota', None, 'upload-put', 403,
     errors('DENIED', 'adding 29.0 MiB of storage resource, which when updated to current usage of '
                      '152.4 MiB will exceed the configured upper limit of 10.0 MiB.'),
     'quota is used up'),
    ('Harbor that is read only', None, 'upload-open', 403,
     errors('DENIED', 'Upload/Delete is prohibited in read only mode.'), 'garbage collection'),
    ('Artifact Registry repository that does not exist', GAR, 'upload-open', 404,
     errors('NAME_UNKNOWN', 'Repository "tools" not found'),
     'gcloud artifacts repositories create tools --repository-format=docker '
     '--location=europe-west1 --project=acme'),
    ('permission in Artifact Registry', None, 'upload-open', 403,
     errors('DENIED', 'Permission "artifactregistry.repositories.uploadArtifacts" denied on '
                      'resource "projects/acme/locations/us/repositories/tools" (or it may not '
                      'exist)'),
     'roles/artifactregistry.writer'),
    ('gcr.io that was never created', None, 'upload-open', 403,
     errors('DENIED', 'gcr.io repo does not exist. Creating on push requires the '
                      'artifactregistry.repositories.createOnPush permission'),
     'roles/artifactregistry.createOnPushWriter'),
    ('network rules of an Azure registry', None, 'upload-open', 403,
     errors('DENIED', "client with IP '172.214.169.102' is not allowed access. Refer "
                      'https://aka.ms/acr/firewall to grant access.').replace("'", '\\u0027'),
     'az acr network-rule add'),
    ('role in an Azure registry', None, 'upload-open', 401,
     errors('UNAUTHORIZED', 'authentication required, visit https://aka.ms/acr/authorization for '
                            'more information.'), 'AcrPush'),
    ('lock in an Azure registry', None, 'manifest', 405,
     errors('REGISTRY_DISALLOWED_OPERATION', 'The operation is disallowed on this registry, '
                                             'repository or image.'),
     '--write-enabled true'),
    ('path or token on GitLab', GITLAB, 'token', 403, errors('DENIED', 'access forbidden'),
     '$CI_REGISTRY_IMAGE'),
    ('path or token on GitLab', GITLAB, 'upload-open', 401,
     errors('DENIED', 'requested access to the resource is denied'), '$CI_REGISTRY_IMAGE'),
    ('permission on Quay', None, 'upload-open', 401,
     errors('UNAUTHORIZED', 'access to the requested resource is not authorized'),
     'acme must be your user'),
    ('type that SWR refuses', None, 'manifest', 400,
     errors('MANIFEST_INVALID', "Invalid image, fail to parse 'manifest.json'"),
     'oci-mediatypes=false'),
    ('organization on SWR', None, 'token', 401,
     errors('DENIED', 'you do not have the permission', ''), 'organization acme must be yours'),
    ('namespace on Aliyun', ALIYUN, 'upload-open', 401,
     errors('DENIED', 'requested access to the resource is denied'), 'create the namespace acme'),
    ('type that the registry refuses', None, 'manifest', 415, '', 'it does not take this media type'),
    ('disk that is full', None, 'upload-open', 507, '', "storage is full"),
    ('disk that is full', None, 'upload-open', 500,
     '{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"DriverName":"filesystem",'
     '"Enclosed":{"Op":"mkdir","Path":"/var/lib/registry/docker","Err":28}}}]}', "storage is full"),
    ('request that is too large', None, 'upload-put', 413,
     '<html><head><title>413 Request Entity Too Large</title></head></html>',
     'client_max_body_size', '--chunk-size'),
)
# Of a pull.
PULLS = (
    ('private package', 'ghcr.io', 'token', 403, errors('DENIED', 'denied'), 'is private'),
    ('pull limit', HUB, 'manifest', 429,
     errors('TOOMANYREQUESTS', 'You have reached your pull rate limit. You may increase the limit by '
                               'upgrading: https://www.docker.com/increase-rate-limit'),
     'counts pulls of manifests by account', 'its limit resets by'),
    ('abuse limit', HUB, 'manifest', 429, 'Too Many Requests', '--max-connections'),
    ('permission in Artifact Registry', None, 'manifest', 403,
     errors('DENIED', 'Permission "artifactregistry.repositories.downloadArtifacts" denied on '
                      'resource "projects/acme" (or it may not exist)'),
     'roles/artifactregistry.reader'),
    ('access that GitLab forbids', GITLAB, 'token', 403, errors('DENIED', 'access forbidden'),
     'job token allowlist'),
    ('TLS where plain HTTP was spoken', None, 'manifest', 400,
     'Client sent an HTTP request to an HTTPS server.\n', 'uses TLS: add --tls 127.0.0.1'),
    ('web page instead of an answer', None, 'manifest', 403,
     '<html><head><title>Access to this site is blocked</title></head></html>',
     'registries send no web pages'),
)
# Keys whose tests are others', below and in test_tls.
ELSEWHERE = {'type that Quay refuses', 'token for less than was asked', 'unknown authority',
             'certificate that has expired', 'certificate that is not valid yet'}


class AdviceTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.src = self.registry()
        self.ref = images.image(2).put(self.src, 'app', 'v1')

    def ended(self, result):
        super().ended(result)
        self.assertNoSecret(result, PASSWORD)

    def error(self, result, *words):
        """The one error of the run; each of the words is in it once."""
        self.assertFails(result, 1)
        lines = [line for line in result.err.splitlines() if 'error: ' in line]
        self.assertEqual(len(lines), 1, result)
        for word in words:
            self.assertEqual(lines[0].count(word), 1, f'{word!r} in\n{lines[0]}')
        self.assertLess(len(lines[0]), 1200)
        return lines[0]

    def locked(self, auth='bearer', **settings):
        return self.registry(auth=auth, users={'joe': PASSWORD}, anonymous=None, **settings)


class Tables(AdviceTest):
    def setUp(self):
        super().setUp()
        authority = self.authority()
        names = {'registry-1.docker.io' if host == HUB else host for host in HOSTS}
        self.real = self.locked(tls=authority.server_for(*sorted(names)), relative_location=True)
        self.any = self.locked()
        proxy = self.tunnels({f'{name}:443': self.real.port for name in names})
        self.env = {'HTTPS_PROXY': proxy.url}
        self.flags = ('--retries', 0, '--ca-file', authority.ca_file)
        self.docker_config({host: ('joe', PASSWORD)
                            for host in (*HOSTS, self.any.host, 'https://index.docker.io/v1/')})

    def check(self, cases, push):
        for n, (key, host, kind, status, body, *words) in enumerate(cases):
            with self.subTest(key=key, host=host, status=status):
                reg = self.real if host else self.any
                method = '*' if kind != 'manifest' else 'PUT' if push else 'GET'
                reg.rules.clear()
                rule = reg.on(kind, method=method)
                if status is None:
                    rule.close()
                else:
                    rule.status(status, body, retry_after=7200 if status == 429 else None)
                ref = f'{host or reg.host}/acme/tools/app{n}:v1'
                args = ('copy', self.ref, ref) if push else ('manifest', ref)
                result = self.dray(*args, *self.flags, env=self.env)
                self.error(result, *(word.format(n=n) for word in words))
                self.assertGreater(rule.hits, 0)

    def test_pushes(self):
        self.check(PUSHES, True)

    def test_pulls(self):
        self.check(PULLS, False)


class Others(AdviceTest):
    def test_gitlab_by_its_variables(self):
        """Whatever the host is called."""
        for name in ('CI_REGISTRY_PASSWORD', 'CI_JOB_TOKEN'):
            dst = self.locked(rights={'joe': {'*': 'pull'}})
            dst.users['gitlab-ci-token'] = PASSWORD
            dst.rights['gitlab-ci-token'] = {'*': 'pull'}
            env = {'CI_REGISTRY': dst.host, 'CI_REGISTRY_USER': 'joe', name: PASSWORD}
            with self.subTest(name=name):
                result = self.dray('copy', self.ref, dst.ref('group/app:v1'), env=env)
                self.error(result, 'lack this permission', f'from {name})', '$CI_REGISTRY_IMAGE')

    def test_a_token_for_less(self):
        for rights, args, words in (
                ({'*': 'pull'}, ('copy', self.ref), 'does not let push to acme/app: '),
                ({'other': 'pull'}, ('digest',), 'does not let read acme/app: ')):
            reg = self.locked(rights={'joe': rights})
            self.docker_config({reg.host: ('joe', PASSWORD)})
            with self.subTest(words=words):
                result = self.dray(*args, reg.ref('acme/app:v1'))
                self.error(result, 'lack this permission (user joe', words)

    def test_a_layer_that_quay_refuses(self):
        """Which, of what type, and in which of an index's children."""
        plain = 'application/vnd.docker.image.rootfs.diff.tar'
        odd = images.image([images.Part(b'1' * 200, media_type=plain)], docker=True)
        ref = images.index([images.image(1), odd]).put(self.src, 'multi', 'v1')
        dst = self.registry()
        dst.on('manifest', method='PUT', path=f'*{odd.digest}').status(
            400, errors('MANIFEST_INVALID', 'manifest invalid', schema(plain)))
        line = self.error(self.dray('copy', ref, dst.ref('multi:v1')),
                          'Quay does not take this media type', f"schema: '{plain}' is not one of",
                          f'it is about {odd.parts[1].digest} ({plain})',
                          f'pushing manifest {odd.digest}')
        self.assertIn('manifest invalid', line)

    def test_a_type_that_quay_does_not_know(self):
        dst = self.registry()
        dst.on('manifest', method='PUT').status(415, errors(
            'MANIFEST_INVALID', 'manifest invalid',
            {'message': 'manifest schema version not supported'}))
        self.error(self.dray('copy', self.ref, dst.ref('app:v1')), images.OCI_MANIFEST,
                   'schema version not supported', 'Quay does not take this media type')

    def test_a_child_that_an_index_may_not_have(self):
        dst = self.registry(refuse_media_types=[images.OCI_INDEX])
        index = images.multi(2)
        ref = index.put(self.src, 'multi', 'v1')
        self.error(self.dray('copy', ref, dst.ref('multi:v1')),
                   f'pushing manifest {index.digest} ({images.OCI_INDEX})')

    def test_a_location_on_another_host(self):
        """Which answers 401: it was given no credentials, and that is right."""
        dst = self.locked()
        dst.location_host = other = self.registry(share=dst)
        other.on('upload-p*').status(401, code='UNAUTHORIZED', message='who are you?')
        self.docker_config({dst.host: ('joe', PASSWORD), other.host: ('joe', PASSWORD)})
        line = self.error(self.dray('copy', self.ref, dst.ref('app:v1')), 'who are you?',
                          f'asked at {other.host}, where {dst.host} has led')
        self.assertNotIn('no credentials', line)
        self.assertNoCredentialAt(other)

    def test_clocks_that_differ(self):
        for date, words in (('Thu, 01 Jan 2015 00:00:00 GMT', "minutes behind this machine's"),
                            ('Fri, 01 Jan 2100 00:00:00 GMT', "minutes ahead of this machine's")):
            src = self.locked('basic')
            self.docker_config({src.host: ('joe', PASSWORD)})
            src.on('manifest').status(401, headers={'Date': date})
            with self.subTest(date=date):
                self.error(self.dray('digest', src.ref('app:v1')), words)
        src.rules.clear()
        src.on('manifest').status(401)
        self.assertNotIn('clock', self.error(self.dray('digest', src.ref('app:v1')), 'user joe'))

    def test_capitals_on_github(self):
        result = self.dray('copy', self.ref, 'ghcr.io/Octo-Org/app:v1')
        self.assertFails(result, 2, 'ghcr.io/octo-org/app:v1', '${GITHUB_REPOSITORY,,}')

    def test_a_web_page_in_place_of_a_token(self):
        src = self.locked()
        self.docker_config({src.host: ('joe', PASSWORD)})
        src.on('token').html(200)
        self.error(self.dray('digest', src.ref('app:v1')), 'a web page')

    def test_a_web_page_in_place_of_a_manifest(self):
        src = self.registry()
        src.on('manifest').html(200)
        self.error(self.dray('copy', src.ref('app:v1'), self.src.ref('new:v1')), 'a web page')

    def test_a_token_server_that_repeats_the_password(self):
        src = self.locked()
        self.docker_config({src.host: ('joe', PASSWORD)})
        pair = base64.b64encode(f'joe:{PASSWORD}'.encode()).decode()
        for secret in PASSWORD, pair:
            src.rules.clear()
            src.on('token').status(401, message=f'bad password {secret}')
            line = self.error(self.dray('digest', src.ref('app:v1')), '401')
            self.assertNotIn('bad password', line)

    def test_a_registry_s_words_are_not_taken_for_more_than_they_are(self):
        """A pull of what is missing is no reason to create it; without credentials, those come
        first."""
        src = self.registry()
        src.on('manifest').status(404, PUSHES[5][4])
        self.assertNotIn('create', self.error(self.dray('manifest', src.ref('app:v1')), '404'))
        dst = self.registry()
        dst.on('upload-open').status(403, PUSHES[0][4])
        line = self.error(self.dray('copy', self.ref, dst.ref('app:v1')), 'no credentials')
        self.assertNotIn('Actions access', line)


class Words(unittest.TestCase):
    """Tables, tests and docs keep in step."""

    @staticmethod
    def read(path):
        with open(f'{TOP}/{path}', encoding='utf-8') as file:
            return file.read()

    def keys(self):
        tables = self.read('engine/oci/advice.c') + self.read('engine/net/http_error.c')
        found = set(re.findall(r'^    \{"([^"]+)",', tables, re.M))
        self.assertGreater(len(found), 35)
        return found

    def test_every_row_is_tested(self):
        self.assertEqual({case[0] for case in PUSHES + PULLS} | ELSEWHERE, self.keys())

    def test_every_row_is_in_the_docs(self):
        listed = re.findall(r'^\| ([^|]+) \|', self.read('docs/registries.md'), re.M)
        self.assertEqual([key for key in sorted(self.keys()) if listed.count(key) != 1], [])


if __name__ == '__main__':
    unittest.main()

"""The action and the example workflows for GitHub, read from their files and run step by step."""

import hashlib
import http.server
import json
import os
import platform
import re
import subprocess
import threading

from tests.system import runner
from tests.system.lib import DRAY, TOP, SystemTest, images, unittest

HOSTS = ('gcr.io', 'ghcr.io')
TOKEN = 'ghs_token-of-the-job-42'
ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64'}[platform.machine()]
FILE = f'dray-linux-{ARCH}'
USES = 'OWNER/dray@v0.1.0'


class Releases:
    """A server with the files of a release, at the paths that GitHub has them. files: name -> bytes."""

    def __init__(self, **tags):
        self.tags, self.asked = tags, []
        releases = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                releases.asked.append(self.path)
                found = re.fullmatch('/OWNER/dray/releases/(?:download/([^/]+)|(latest)/download)/([^/]+)',
                                     self.path)
                body = found and releases.tags.get((found[1] or found[2]).replace('.', '_'), {}).get(found[3])
                self.send_response(200 if body else 404)
                self.send_header('Content-Length', str(len(body or b'')))
                self.end_headers()
                self.wfile.write(body or b'')

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def release(program):
    digest = hashlib.sha256(program).hexdigest()
    return {FILE: program, 'SHA256SUMS': f'{"0" * 64}  dray_0.1.0_{ARCH}.deb\n{digest}  {FILE}\n'.encode()}


class GitHubTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # As it would be in a release, but for the sanitizers' size.
        cls.program = f'#!/bin/sh\nexec {DRAY} "$@"\n'.encode()
        cls.digest = hashlib.sha256(cls.program).hexdigest()

    def setUp(self):
        super().setUp()
        authority = self.authority()
        tls = authority.server_for(*HOSTS)
        self.at = {host: self.registry(tls=tls) for host in HOSTS}
        self.ghcr, self.gcr = self.at['ghcr.io'], self.at['gcr.io']
        self.ghcr.configure(auth='bearer', anonymous=None, relative_location=True, users={'octocat': TOKEN},
                            rights={'octocat': {'octo-org/hello-world/*': 'pull,push'}})
        proxy = self.tunnels({f'{host}:443': reg.port for host, reg in self.at.items()})
        self.releases = Releases(v0_1_0=release(self.program), latest=release(self.program))
        self.addCleanup(self.releases.stop)
        env = self.environment(HTTPS_PROXY=proxy.url, NO_PROXY='127.0.0.1', PATH=os.environ['PATH'],
                               SSL_CERT_FILE=authority.ca_file)
        self.action = runner.action_at(self.path('home'), 'OWNER/dray', 'v0.1.0')
        self.runner = runner.Runner(self.path('home'), env, {
            'repository': 'Octo-Org/Hello-World', 'actor': 'octocat', 'token': TOKEN,
            'server_url': self.releases.url}, actions={USES: self.action})

    def assertJob(self, wanted, *args, **options):
        result = self.runner.job(*args, **options)
        said = '\n'.join(map(str, self.runner.steps))
        self.assertEqual(result, wanted, said)
        self.assertNotIn(TOKEN, said)
        return said

    def workflow(self, **given):
        """A job with the action alone."""
        return {'on': {}, 'jobs': {'job': {'steps': [{'uses': USES, 'id': 'dray', 'with': given}]}}}

    def step(self, wanted, **given):
        """Runs the action; returns what it said and its outputs."""
        said = self.assertJob(wanted, self.workflow(**given), 'job')
        return said, self.runner.outputs['dray']


class Action(GitHubTest):
    def setUp(self):
        super().setUp()
        self.image = images.multi(platforms=2)
        self.image.put(self.gcr, 'p/app', 'v1')

    def test_several_targets_and_flags(self):
        said, outputs = self.step(
            'success', src='gcr.io/p/app:v1', jobs='3', args='--progress none --report "a page.html"',
            dst='\n  ghcr.io/Octo-Org/Hello-World/a\n\nghcr.io/Octo-Org/Hello-World/b:v2\n')
        repo = 'octo-org/hello-world'
        self.assertEqual(self.ghcr.tags(f'{repo}/a'), {'v1': self.image.digest})
        self.assertEqual(self.ghcr.tags(f'{repo}/b'), {'v2': self.image.digest})
        self.assertEqual(json.loads(outputs.pop('digests')), {
            f'ghcr.io/{repo}/a:v1': self.image.digest, f'ghcr.io/{repo}/b:v2': self.image.digest})
        self.assertEqual(outputs, {'digest': '', 'copied': '2', 'unchanged': '0', 'failed': '0'})
        self.assertIn('::group::dray copy\n', said)
        self.assertTrue(os.path.exists(f'{self.runner.workspace}/a page.html'))
        self.assertIn('| copied | ', self.runner.summary)
        self.assertEqual(self.releases.asked, [f'/OWNER/dray/releases/download/v0.1.0/{name}'
                                               for name in (FILE, 'SHA256SUMS')])

    def test_mirror_files(self):
        host = self.registry().host
        workflow = self.workflow(config='one.yml\ntwo.yml\n', args='--dry-run')
        workflow['jobs']['job']['steps'].insert(0, {'run': '\n'.join(
            f'printf "%s\\n" "version: 1" "mirrors:" "- {{from: gcr.io/p/app:v1, to: {host}/{name}}}" >{name}.yml'
            for name in ('one', 'two'))})
        said = self.assertJob('success', workflow, 'job')
        self.assertIn('::group::dray sync\n', said)
        for name in ('one', 'two'):
            self.assertIn(f'would copy gcr.io/p/app:v1 -> {host}/{name}:v1', said)

    def test_a_copy_that_fails_fails_the_step_and_hands_on(self):
        said, outputs = self.step('failure', src='gcr.io/p/app:v2', dst='ghcr.io/octo-org/hello-world/a')
        self.assertIn('::error title=not_found', said)
        self.assertEqual(outputs['failed'], '1')

    def test_without_an_image_dray_is_on_the_path(self):
        workflow = self.workflow(version='latest')
        workflow['jobs']['job']['steps'].append({'run': 'dray digest gcr.io/p/app:v1'})
        self.assertJob('success', workflow, 'job')
        self.assertEqual(self.runner.steps[-1].out, f'{self.image.digest}\n')
        self.assertEqual(self.releases.asked[0], f'/OWNER/dray/releases/latest/download/{FILE}')

    def test_a_program_that_was_changed_is_not_run(self):
        other = b'#!/bin/sh\ntouch "$GITHUB_WORKSPACE/was-run"\n'
        for tag in ('v0_1_0', 'latest', 'v0_2_0'):
            self.releases.tags[tag] = {**release(self.program), FILE: other}
        self.releases.tags['v0_3_0'] = {**release(self.program), 'SHA256SUMS': b'no such line\n'}
        self.releases.tags['v0_4_0'] = release(other)
        for version in ('', 'latest', 'v0.2.0', 'v0.3.0', f'v0.4.0@sha256:{self.digest}'):
            with self.subTest(version):
                said, _ = self.step('failure', src='gcr.io/p/app:v1', dst='ghcr.io/octo-org/hello-world/a',
                                    version=version)
                self.assertRegex(said, '::error title=dray::.* is not what was released')
                self.assertFalse(os.path.exists(f'{self.runner.workspace}/was-run'))
        self.assertEqual(self.ghcr.count('upload-*'), 0)

    def test_a_version_with_its_sum(self):
        del self.releases.tags['v0_1_0']['SHA256SUMS']
        self.step('success', src='gcr.io/p/app:v1', dst='ghcr.io/octo-org/hello-world/a',
                  version=f'v0.1.0@sha256:{self.digest}')

    def test_what_makes_no_sense_is_said(self):
        for given, message in (
                ({'version': 'v9.9.9'}, 'cannot be fetched'), ({'version': 'main'}, "version 'main' is neither"),
                ({'src': 'a:v1'}, 'src wants one image'), ({'dst': 'a:v1'}, 'src wants one image'),
                ({'src': 'a\nb', 'dst': 'c'}, 'src wants one image'),
                ({'src': 'a', 'dst': 'b', 'config': 'c'}, 'config stands in place of'),
                ({'src': 'a', 'dst': 'b', 'args': '"--dry-run'}, 'a quote is not closed')):
            with self.subTest(given):
                said, outputs = self.step('failure', **given)
                self.assertRegex(said, f'(?m)^::error title=dray::.*{message}')
                self.assertEqual(set(outputs.values()), {''})

    def test_inputs_are_words_and_never_commands(self):
        evil = '$(touch ran) `touch ran`; touch ran'
        for given in ({'src': evil, 'dst': 'gcr.io/b'}, {'src': 'gcr.io/a', 'dst': evil},
                      {'config': evil}, {'src': 'gcr.io/a', 'dst': 'gcr.io/b', 'args': evil},
                      {'src': '--help', 'dst': 'gcr.io/b'}, {'version': evil}):
            with self.subTest(given):
                self.step('failure', **given)
                self.assertNotIn('ran', os.listdir(self.runner.workspace))

    def test_inputs_reach_the_shell_through_variables_alone(self):
        action = runner.load(f'{TOP}/action.yml')
        self.assertEqual(set(action['inputs']), {'src', 'dst', 'config', 'args', 'jobs', 'token', 'version'})
        self.assertEqual(set(action['outputs']), {'digest', 'digests', 'copied', 'unchanged', 'failed'})
        for step in action['runs']['steps']:
            self.assertNotIn('uses', step)
            self.assertNotIn('${{', step['run'])


class OneImage(GitHubTest):
    def test_the_seed_s_job(self):
        workflow = runner.load(f'{TOP}/docs/ci/github/one-image.yml')
        self.assertEqual(workflow['permissions'], {'packages': 'write'})
        image = images.multi(3, attestations=1)
        image.put(self.gcr, 'kaniko-project/executor', 'v1.8.0')
        self.assertJob('success', workflow, 'copy')
        self.assertEqual(self.ghcr.tags('octo-org/hello-world/kaniko-executor'), {'v1.8.0': image.digest})
        self.assertEqual(self.runner.steps[-1].out, f'It is {image.digest}\n')
        self.assertNoCredentialAt(self.gcr)
        image.put(self.gcr, 'other', 'v2')
        self.assertJob('success', workflow, 'copy', inputs={'image': 'gcr.io/other', 'tag': 'v2', 'name': 'x'})
        self.assertEqual(self.ghcr.tags('octo-org/hello-world/x'), {'v2': image.digest})


class Nightly(GitHubTest):
    def setUp(self):
        super().setUp()
        self.workflow = runner.load(f'{TOP}/docs/ci/github/nightly.yml')
        self.image = {}
        for name in ('one', 'two', 'three', 'four', 'five'):
            self.image[name] = images.image(seed=name)
            self.image[name].put(self.gcr, f'p/{name}', 'v1')
        self.origin, self.work = self.path('origin'), self.path('repository')
        self.git('init', '--quiet', '--bare', '--initial-branch', 'main', self.origin, cwd=self.dir)
        self.git('init', '--quiet', '--initial-branch', 'main', self.work, cwd=self.dir)
        self.commit('mirror.yml', 'version: 1\nmirrors:\n' + ''.join(
            f'  - {{from: gcr.io/p/{name}:v1, to: "ghcr.io/${{GITHUB_REPOSITORY,,}}/{name}"}}\n'
            for name in self.image))
        self.runner.origin = self.origin
        # gh: notes how it was called; knows of a pull request once one was made.
        self.write('bin/gh', '#!/bin/sh\n[ -n "$GH_TOKEN" ] || exit 4\n'
                             f'printf "%s\\n" "$*" >>{self.path("gh-calls")}\n'
                             f'case $* in "pr list"*) cat {self.path("open")} 2>/dev/null || true ;;\n'
                             f'"pr create"*) echo 1 >{self.path("open")} ;; esac\n', mode=0o700)
        self.runner.env['PATH'] = f'{self.path("bin")}:{self.runner.env["PATH"]}'

    def git(self, *args, cwd=None):
        return subprocess.run(['git', '-c', 'user.name=a', '-c', 'user.email=a@example.org', *args],
                              cwd=cwd or self.work, env=self.environment(), check=True,
                              capture_output=True, text=True).stdout

    def commit(self, name, text):
        self.write(f'repository/{name}', text)
        self.git('add', '.')
        self.git('commit', '--quiet', '--message', name)
        self.git('push', '--quiet', self.origin, 'main')

    def night(self, wanted='success', proposed=True):
        """All jobs of a run; returns the lock file that the pull request has."""
        self.runner.artifacts = {}
        self.runner.github['run_id'] += 1
        shards = self.workflow['jobs']['mirror']['strategy']['matrix']['shard']
        self.assertEqual(shards, list(range(1, len(shards) + 1)))
        results = []
        for shard in shards:
            results.append(self.runner.job(self.workflow, 'mirror', matrix={'shard': shard}, total=len(shards)))
            self.said = '\n'.join(map(str, self.runner.steps))
        result = 'failure' if 'failure' in results else 'success'
        self.assertEqual(result, wanted, self.said)
        self.assertEqual(len(self.runner.artifacts), len(shards))
        self.assertJob('success', self.workflow, 'lock', needs={'mirror': result})
        if proposed:
            return self.git('show', 'dray/mirror-lock:mirror.lock', cwd=self.origin)
        return None

    def line(self, name, image):
        return f'ghcr.io/octo-org/hello-world/{name}:v1 gcr.io/p/{name}:v1 {image.digest}'

    def test_nights(self):
        lock = self.night()
        wanted = sorted(self.line(name, image) for name, image in self.image.items())
        self.assertEqual(lock.splitlines()[1:], wanted)
        self.assertRegex(lock, '^# dray lock 1')
        for name, image in self.image.items():
            self.assertEqual(self.ghcr.tags(f'octo-org/hello-world/{name}'), {'v1': image.digest})
        with open(self.path('gh-calls'), encoding='utf-8') as file:
            self.assertEqual([call[:9] for call in file.read().splitlines()], ['pr list -', 'pr create'])

        # It was merged. Nothing has moved: nobody is asked.
        self.git('pull', '--quiet', self.origin, 'dray/mirror-lock')
        self.git('push', '--quiet', self.origin, 'main')
        os.remove(self.path('open'))
        self.git('branch', '--delete', '--force', 'dray/mirror-lock', cwd=self.origin)
        self.night(proposed=False)
        self.assertEqual(self.git('branch', '--list', 'dray/*', cwd=self.origin), '')

        # One has moved, one is gone: that one keeps its line, and the run has failed.
        moved = images.image(seed='moved')
        moved.put(self.gcr, 'p/two', 'v1')
        self.gcr.on('manifest', repo='p/five', each=True).status(404, code='MANIFEST_UNKNOWN')
        lock = self.night('failure')
        self.assertEqual(lock.splitlines()[1:],
                         sorted(line.replace(self.image['two'].digest, moved.digest) for line in wanted))
        self.assertEqual(self.git('diff', '--stat', 'main', 'dray/mirror-lock', cwd=self.origin).count('|'), 1)
        self.night('failure')       # the pull request is there already
        with open(self.path('gh-calls'), encoding='utf-8') as file:
            self.assertEqual(file.read().count('pr create'), 2)

    def test_the_state_goes_from_night_to_night(self):
        large = images.image(1, size=4 << 20, seed='large')
        large.put(self.gcr, 'p/one', 'v1')
        text = self.workflow['jobs']['mirror']['steps'][2]['with']
        text['args'] += ' --chunk-size 1MiB --retries 0'
        broken = self.ghcr.on('upload-patch', when=lambda request: request.length > 100_000, nth=3)
        broken.reset(received=1000)
        shards = len(self.workflow['jobs']['mirror']['strategy']['matrix']['shard'])

        def run():
            return {shard: self.runner.job(self.workflow, 'mirror', matrix={'shard': shard}, total=shards)
                    for shard in range(1, shards + 1)}
        self.assertIn('failure', run().values())
        self.assertEqual(broken.hits, 1)
        self.ghcr.rules.clear()
        self.gcr.log.clear()
        self.runner.github['run_id'] += 1
        self.assertEqual(set(run().values()), {'success'}, '\n'.join(map(str, self.runner.steps)))
        self.assertEqual(self.ghcr.tags('octo-org/hello-world/one'), {'v1': large.digest})
        ranges = [entry.range for entry in self.gcr.requests('blob', repo='p/one') if entry.range]
        self.assertEqual(len(ranges), 1)


class Files(SystemTest):
    def test_shell_in_the_workflows_is_clean(self):
        for name in os.listdir(f'{TOP}/docs/ci/github'):
            workflow = runner.load(f'{TOP}/docs/ci/github/{name}')
            for job in workflow['jobs'].values():
                for step in job['steps']:
                    if 'run' not in step:
                        continue
                    self.assertNotIn('${{', step['run'])
                    done = subprocess.run(['shellcheck', '-s', 'bash', '-'], input=step['run'], text=True,
                                          capture_output=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == '__main__':
    unittest.main()

"""Runs what README.md tells people to run, word for word. The registries that it names are test
registries with certificates for these names, behind a web proxy that knows where they are."""

import hashlib
import json
import os
import re
import subprocess
import tempfile

from tests.system.lib import DRAY, SANITIZER_WORDS, TOP, SystemTest, images, unittest

BEFORE = 'what dray is for doing without; needs docker and its daemon'
NOT_RUN = {
    'docker login ghcr.io -u me --password-stdin <<<"$GHCR_TOKEN"': BEFORE,
    'docker pull gcr.io/kaniko-project/executor:v1.8.0': BEFORE,
    'docker tag gcr.io/kaniko-project/executor:v1.8.0 '
    'ghcr.io/me/seoul/kaniko-executor:v1.8.0': BEFORE,
    'docker push ghcr.io/me/seoul/kaniko-executor:v1.8.0': BEFORE,
    'docker logout ghcr.io': BEFORE,
    'tests/run': 'would run this test again',
    'apt-get update && apt-get install -y git ca-certificates': 'needs root and a network',
    'curl -fsSL --remote-name-all https://github.com/OWNER/dray/releases/latest/download/'
    '{dray-linux-amd64,SHA256SUMS}': 'needs a network; the files are there in its place',
    'gh attestation verify dray-linux-amd64 --repo OWNER/dray': 'needs a network and gh',
    'sudo apt-get install ./dray_*_amd64.deb': 'needs root; test_package.py looks into it',
    'docker run --rm --user "$(id -u)" -v ~/.docker:/home/dray/.docker:ro ghcr.io/owner/dray '
    'copy alpine:3.20 ghcr.io/me/alpine': 'needs docker; test_package.py runs the image',
    'git clone --depth 1 "$DRAY_GIT" dray': 'needs a network; a checkout is there in its place',
}
HUB = 'registry-1.docker.io'
HOSTS = ('gcr.io', 'quay.io', 'registry.k8s.io', HUB, 'ghcr.io', 'registry.gitlab.com')
PASSWORD, TOKEN, JOB = 'my-own-password-71', 'ghs_token-of-the-job-42', 'glcbt-of-the-job-99'


def readme():
    with open(f'{TOP}/README.md', encoding='utf-8') as file:
        return file.read()


def blocks():
    """[(language, text)] of the fenced blocks."""
    return re.findall(r'^```(\w*)\n(.*?)^```$', readme(), re.M | re.S)


def commands(text):
    """The commands of a workflow: those of its steps, or of its script."""
    return re.findall(r'^ *(?:- )?run: (.+)$', text, re.M) or re.findall(
        r'^ +- (.+)$', text.partition('script:\n')[2], re.M)


def shape(value):
    """What stays the same from image to image of a document, or of a text."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    if isinstance(value, str):
        value = re.sub(r'sha256:\S+', 'DIGEST', value)
        return re.sub(r'\b[\d.]+ (s|blobs?|B|[KMG]iB)\b', 'SO MUCH', value)
    return value if value is None else type(value)


class Readme(SystemTest):
    @classmethod
    def setUpClass(cls):
        """A folder as a CI job has it, with a checkout in it that was not built yet. (The libraries
        that third_party/setup builds are there.)"""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix='dray-checkout-')
        cls.addClassCleanup(folder.cleanup)
        cls.workspace, cls.checkout = folder.name, f'{folder.name}/dray'
        os.mkdir(cls.checkout)
        for name in os.listdir(TOP):
            if name not in ('build', '.git'):
                os.symlink(f'{TOP}/{name}', f'{cls.checkout}/{name}')
        os.mkdir(f'{cls.checkout}/build')
        os.symlink(f'{TOP}/build/deps', f'{cls.checkout}/build/deps')
        os.symlink(DRAY, f'{cls.checkout}/dray-linux-amd64')
        with open(DRAY, 'rb') as program:
            digest = hashlib.file_digest(program, 'sha256').hexdigest()
        with open(f'{cls.checkout}/SHA256SUMS', 'w', encoding='ascii') as sums:
            sums.write(f'{"0" * 64}  dray-linux-arm64\n{digest}  dray-linux-amd64\n')

    def setUp(self):
        super().setUp()
        authority = self.authority()
        tls = authority.server_for(*HOSTS)
        self.at = {host: self.registry(tls=tls) for host in HOSTS}
        self.lan = self.registry()
        locked = {'auth': 'bearer', 'anonymous': None, 'relative_location': True}
        self.at['ghcr.io'].configure(**locked, users={'me': PASSWORD, 'octocat': TOKEN}, rights={
            'me': {'me/*': 'pull,push'}, 'octocat': {'octo-org/hello-world/*': 'pull,push'}})
        self.at['registry.gitlab.com'].configure(**locked, users={'gitlab-ci-token': JOB})
        proxy = self.tunnels({f'{host}:443': reg.port for host, reg in self.at.items()})
        os.mkdir(self.path('bin'))
        os.symlink(DRAY, self.path('bin/dray'))
        self.around = {'HTTPS_PROXY': proxy.url, 'http_proxy': self.lan.url,
                       'NO_PROXY': '127.0.0.1', 'SSL_CERT_FILE': authority.ca_file,
                       'PATH': f'{self.path("bin")}:{os.environ["PATH"]}'}
        self.image = {}
        for host, repo, tag in (('gcr.io', 'kaniko-project/executor', 'v1.23.2'),
                                ('quay.io', 'coreos/etcd', 'v3.5.9'),
                                ('registry.k8s.io', 'pause', '3.9'),
                                (HUB, 'library/alpine', '3.20')):
            self.image[repo] = images.multi(3, seed=repo, attestations=2)
            self.image[repo].put(self.at[host], repo, tag)
        self.image['kaniko-project/executor'].put(self.at['gcr.io'], 'kaniko-project/executor',
                                                  'v1.8.0')

    def assertTagged(self, reg, repo, source, *tags):
        """The repository has these tags and no others, all of the source's image."""
        self.assertEqual(reg.tags(repo), {tag: self.image[source].digest for tag in tags})

    def run_lines(self, text, cwd, **env):
        """Runs it as one script; returns what it said on stdout."""
        lines = [line for line in text.splitlines() if line not in NOT_RUN]
        self.assertNotIn('tests/run', ' '.join(lines), 'this test would run itself')
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', '\n'.join(lines)], cwd=cwd, timeout=200, check=False,
            env=self.environment(**self.around, **env), stdin=subprocess.DEVNULL,
            capture_output=True, text=True)
        said = f'{text}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}'
        self.assertEqual(done.returncode, 0, said)
        for word in (*SANITIZER_WORDS, PASSWORD, TOKEN, JOB):
            self.assertNotIn(word, said)
        return done.stdout

    def test_shell_blocks(self):
        self.docker_config({'ghcr.io': ('me', PASSWORD)})
        said = None
        for language, text in blocks():
            with self.subTest(text):
                if language == 'sh':
                    said = self.run_lines(text, self.checkout, GHCR_TOKEN=PASSWORD)
                elif language == 'text':
                    self.assertEqual(shape(said), shape(text))
                elif language == 'json':
                    self.assertEqual(shape(json.loads(said)), shape(json.loads(text)))
        self.assertTrue(os.access(self.path('home/.local/bin/dray'), os.X_OK))
        self.assertTrue(os.path.exists(self.path('home/.local/share/doc/dray/README.md')))
        ghcr, kaniko = self.at['ghcr.io'], 'kaniko-project/executor'
        self.assertTagged(ghcr, 'me/kaniko-executor', kaniko, 'v1.23.2', 'stable')
        self.assertTagged(ghcr, 'me/etcd', 'coreos/etcd', 'v3.5.9')
        self.assertTagged(self.lan, 'etcd', 'coreos/etcd', 'v3.5.9')
        self.assertTagged(ghcr, 'me/seoul/kaniko-executor', kaniko, 'v1.8.0')
        self.assertTagged(ghcr, 'me/pause', 'pause', '3.9')
        self.assertTagged(ghcr, 'me/base/library/alpine', 'library/alpine', '3.20')
        self.assertTagged(ghcr, 'me/mirror/coreos/etcd', 'coreos/etcd', 'v3.5.9')
        self.assertTagged(ghcr, 'me/mirror/pause', 'pause', '3.9')
        self.assertTagged(self.lan, 'registry.k8s.io/pause', 'pause', '3.9')
        self.assertTagged(self.lan, 'pause', 'pause', '3.9')
        self.assertEqual(ghcr.tags('me/alpine'), {}, 'a dry run')

    def test_github(self):
        workflow = next(text for language, text in blocks() if 'runs-on:' in text)
        self.assertIn('packages: write', workflow)
        self.assertIn('shell: bash', workflow)    # ${NAME,,} is bash's
        self.assertIn('  GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n', workflow)
        for command in commands(workflow):
            self.run_lines(command, self.workspace, GITHUB_ACTIONS='true', GITHUB_ACTOR='octocat',
                           GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY='Octo-Org/Hello-World')
        self.assertTagged(self.at['ghcr.io'], 'octo-org/hello-world/kaniko-executor',
                          'kaniko-project/executor', 'v1.23.2')
        self.assertNoCredentialAt(self.at['gcr.io'], self.lan)

    def test_the_action_builds_its_own_checkout(self):
        said = self.run_lines(
            'dray/cmd/action', self.workspace, INPUT_VERSION='source', INPUT_CONFIG='',
            INPUT_ARGS='', INPUT_SRC='gcr.io/kaniko-project/executor:v1.23.2',
            INPUT_DST='ghcr.io/Octo-Org/Hello-World/kaniko-executor:built', RUNNER_TEMP=self.dir,
            GITHUB_PATH=self.path('path'), GITHUB_ACTIONS='true', GITHUB_ACTOR='octocat',
            GITHUB_TOKEN=TOKEN, GITHUB_REPOSITORY='Octo-Org/Hello-World')
        self.assertIn('build/release/dray is built', said)
        self.assertTagged(self.at['ghcr.io'], 'octo-org/hello-world/kaniko-executor',
                          'kaniko-project/executor', 'built')

    def test_gitlab(self):
        workflow = next(text for language, text in blocks() if 'script:' in text)
        self.run_lines('\n'.join(commands(workflow)), self.workspace, GITLAB_CI='true',
                       CI_REGISTRY='registry.gitlab.com', CI_REGISTRY_USER='gitlab-ci-token',
                       CI_REGISTRY_PASSWORD=JOB, CI_REGISTRY_IMAGE='registry.gitlab.com/group/app')
        self.assertTagged(self.at['registry.gitlab.com'], 'group/app/kaniko-executor',
                          'kaniko-project/executor', 'v1.23.2')
        self.assertNoCredentialAt(self.at['gcr.io'], self.lan)


class Words(SystemTest):
    """What can be checked without running it."""

    def test_every_block_is_run_or_excused(self):
        found = blocks()
        self.assertEqual(len(re.findall('^```', readme(), re.M)), 2 * len(found))
        lines = []
        for at, (language, text) in enumerate(found):
            with self.subTest(text):
                self.assertIn(language, ('sh', 'text', 'json', 'yaml'))
                if language == 'sh':
                    lines += text.splitlines()
                elif language == 'yaml':
                    self.assertNotRegex(text, r'run: [|>]')
                    self.assertEqual(len(commands(text)),
                                     text.count('run: ') or text.count('- ', text.index('script:')))
                    lines += commands(text)
                else:
                    self.assertEqual(found[at - 1][0], 'sh', 'it is the output of what is above')
        for line, reason in NOT_RUN.items():
            self.assertIn(line, lines, reason)

    def test_the_flags_are_those_of_the_help(self):
        wanted = self.assertOk(self.dray('copy', '--help')).out.partition('\nFlags:\n')[2]
        there = {}
        for flag, text in re.findall(r'^ {2}(\S.*?|    \S.*?)  +(.*(?:\n {20,}.*)*)', wanted, re.M):
            default = re.search(r'\(default\s+([^)]+)\)', text)
            there[flag.strip()] = default[1] if default else ''
        del there['-h, --help']
        table = readme().partition('## Flags')[2].partition('\n## ')[0].replace('\\|', '¦')
        listed = {}
        for line in table.splitlines():
            if line.startswith('| `'):
                flag, _, default = (cell.strip() for cell in line.strip('|').split('|'))
                listed[flag.replace('`', '').replace('¦', '|')] = default
        self.assertEqual(listed, there)

    def test_links_lead_somewhere(self):
        links = re.findall(r'\]\(([^)]+)\)', readme())
        self.assertTrue(links)
        for link in links:
            self.assertTrue(os.path.exists(f'{TOP}/{link}'), link)


if __name__ == '__main__':
    unittest.main()

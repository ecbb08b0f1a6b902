"""docs/ci/gitlab.yml, included in a project: its jobs run as GitLab's runner does."""

import hashlib
import os
import subprocess
import xml.etree.ElementTree

from tests.system import runner
from tests.system.lib import DRAY, TOP, SystemTest, images, unittest
from tests.system.test_github import FILE, Releases, release

REGISTRY = 'registry.gitlab.com'
HOSTS = ('gcr.io', REGISTRY)
PASSWORD = 'glcbt-of-the-job-99'
PLACE = 'group/app'


class GitLab(SystemTest):
    def setUp(self):
        super().setUp()
        authority = self.authority()
        tls = authority.server_for(*HOSTS)
        self.at = {host: self.registry(tls=tls) for host in HOSTS}
        self.at[REGISTRY].configure(auth='bearer', anonymous=None, relative_location=True,
                                    users={'gitlab-ci-token': PASSWORD})
        proxy = self.tunnels({f'{host}:443': reg.port for host, reg in self.at.items()})
        program = f'#!/bin/sh\nexec {DRAY} "$@"\n'.encode()
        self.digest = hashlib.sha256(program).hexdigest()
        self.releases = Releases(v0_1_0=release(program))
        self.addCleanup(self.releases.stop)
        self.env = self.environment(
            HTTPS_PROXY=proxy.url, NO_PROXY='127.0.0.1', SSL_CERT_FILE=authority.ca_file, CI='true',
            PATH=os.environ['PATH'], GITLAB_CI='true', CI_REGISTRY=REGISTRY, CI_REGISTRY_USER='gitlab-ci-token',
            CI_REGISTRY_PASSWORD=PASSWORD, CI_REGISTRY_IMAGE=f'{REGISTRY}/{PLACE}', CI_JOB_NAME_SLUG='mirror')
        self.file = runner.load(f'{TOP}/docs/ci/gitlab.yml')
        self.project = self.path('project')
        os.mkdir(self.project)
        self.image = images.multi(2)
        self.image.put(self.at['gcr.io'], 'kaniko-project/executor', 'v1.8.0')

    def job(self, name):
        """With what it extends: maps are merged, all else is replaced."""
        def merge(below, above):
            if isinstance(below, dict) and isinstance(above, dict):
                return {key: merge(below.get(key), above.get(key, below.get(key)))
                        for key in {**below, **above}}
            return above
        job = self.file[name]
        return merge(self.job(job['extends']), job) if 'extends' in job else job

    def shell(self, lines, env):
        """One shell for all of a job's lines, which ends with the first that fails."""
        done = subprocess.run(['bash', '-c', '\n'.join(['set -eo pipefail', *lines])], cwd=self.project,
                              env={**self.env, **env}, check=False, timeout=120, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        return done

    def run_job(self, name, code=0, **variables):
        """Runs it, and what comes after it in any case; returns what it said."""
        job = self.job(name)
        env = {**self.file['variables'], **job.get('variables', {}),
               'DRAY_RELEASE': f'{self.releases.url}/OWNER/dray/releases/download/v0.1.0', **variables}
        for key, value in env.items():
            env[key] = value.replace('$CI_REGISTRY_IMAGE', self.env['CI_REGISTRY_IMAGE'])
        done = self.shell(job['before_script'] + job['script'], env)
        said = f'exit {done.returncode}\n{done.stdout}\n{done.stderr}'
        self.assertEqual(done.returncode, code, said)
        after = self.shell(job.get('after_script', []), env)
        self.assertEqual(after.returncode, 0, after.stderr)
        return said

    def read(self, name):
        with open(f'{self.project}/{name}', encoding='utf-8') as file:
            return file.read()

    def test_a_copy(self):
        said = self.run_job('.dray-copy', DRAY_SRC='gcr.io/kaniko-project/executor:v1.8.0',
                            DRAY_DST='$CI_REGISTRY_IMAGE/kaniko $CI_REGISTRY_IMAGE/other:v2')
        self.assertIn('section_start:', said)
        reg = self.at[REGISTRY]
        self.assertEqual(reg.tags(f'{PLACE}/kaniko'), {'v1.8.0': self.image.digest})
        self.assertEqual(reg.tags(f'{PLACE}/other'), {'v2': self.image.digest})
        job = self.job('.dray-copy')
        dotenv = dict(line.split('=', 1) for line in self.read(job['artifacts']['reports']['dotenv']).splitlines())
        self.assertEqual(dotenv.pop('DRAY_DIGEST'), self.image.digest)
        self.assertEqual(set(dotenv.pop('DRAY_IMAGES').split(' ')), {
            f'{REGISTRY}/{PLACE}/{name}@{self.image.digest}' for name in ('kaniko:v1.8.0', 'other:v2')})
        self.assertEqual(dotenv, {})
        suite, = xml.etree.ElementTree.fromstring(self.read(job['artifacts']['reports']['junit']))
        self.assertEqual((suite.get('tests'), suite.get('failures')), ('2', '0'))
        self.assertNoCredentialAt(self.at['gcr.io'])
        self.assertEqual(self.releases.asked, [f'/OWNER/dray/releases/download/v0.1.0/{name}'
                                               for name in (FILE, 'SHA256SUMS')])

    def test_a_copy_that_fails_has_its_reports(self):
        self.run_job('.dray-copy', 1, DRAY_SRC='gcr.io/no/such:v1', DRAY_DST='$CI_REGISTRY_IMAGE/x',
                     DRAY_SHA256=self.digest, DRAY_FLAGS='--retries 1 -v')
        self.assertEqual(self.read('dray.env'), 'DRAY_DIGEST=\nDRAY_IMAGES=\n')
        suite, = xml.etree.ElementTree.fromstring(self.read('dray.xml'))
        self.assertEqual(suite.get('failures'), '1')
        self.assertTrue(self.read('dray.html'))

    def test_a_program_that_was_changed_is_not_run(self):
        self.releases.tags['v0_1_0'][FILE] = b'#!/bin/sh\ntouch was-run\n'
        for variables in ({}, {'DRAY_SHA256': self.digest}):
            done = self.shell(self.job('.dray')['before_script'], {
                **self.file['variables'],
                'DRAY_RELEASE': f'{self.releases.url}/OWNER/dray/releases/download/v0.1.0', **variables})
            self.assertNotEqual(done.returncode, 0)
            self.assertFalse(os.path.exists(f'{self.project}/was-run'))

    def test_shards_of_a_mirror(self):
        names = ('one', 'two', 'three', 'four', 'five')
        digests = {}
        for name in names:
            image = images.image(seed=name)
            image.put(self.at['gcr.io'], f'p/{name}', 'v1')
            digests[name] = image.digest
        self.write('project/mirror.yml', 'version: 1\nmirrors:\n' + ''.join(
            f'  - {{from: gcr.io/p/{name}, to: "${{CI_REGISTRY_IMAGE}}/{name}"}}\n' for name in names))
        cases, keys = [], set()
        for index in (1, 2):
            self.run_job('.dray-sync', CI_NODE_INDEX=str(index), CI_NODE_TOTAL='2')
            suite, = xml.etree.ElementTree.fromstring(self.read('dray.xml'))
            cases += [case.get('name') for case in suite]
            keys.add(self.job('.dray-sync')['cache']['key'].replace('$CI_NODE_INDEX', str(index)))
        self.assertEqual(sorted(cases), sorted(f'{REGISTRY}/{PLACE}/{name}:v1' for name in names))
        self.assertEqual(len(keys), 2)
        for name in names:
            self.assertEqual(self.at[REGISTRY].tags(f'{PLACE}/{name}'), {'v1': digests[name]})
        self.run_job('.dray-sync', CI_NODE_TOTAL='1')       # as GitLab has it without `parallel:`

    def test_its_shell_is_clean(self):
        for name in ('.dray', '.dray-copy', '.dray-sync'):
            for part in ('before_script', 'script', 'after_script'):
                lines = self.file[name].get(part, [])
                done = subprocess.run(['shellcheck', '-s', 'bash', '-e', 'SC2086', '-'], text=True, check=False,
                                      input='\n'.join(lines), capture_output=True)
                self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == '__main__':
    unittest.main()

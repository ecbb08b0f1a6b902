"""The recipes of docs/ci/README.md: each shard of each runs, with two registries and one mirror file."""

import json
import os
import re
import subprocess

from tests.system import runner
from tests.system.lib import DRAY, TOP, SystemTest, images, unittest
from tests.system.test_github import Releases, release

NAMES = ('one', 'two', 'three', 'four', 'five', 'six')


def text():
    with open(f'{TOP}/docs/ci/README.md', encoding='utf-8') as file:
        return file.read()


def block(language, heading):
    return re.search(rf'\n```{language}\n(.*?)\n```\n', text().partition(f'\n## {heading}\n')[2], re.S)[1]


class Recipes(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()
        self.dst.configure(auth='basic', anonymous=None, users={'me': 'my-password-71'})
        self.digests = {}
        for name in NAMES:
            image = images.image(seed=name)
            image.put(self.src, f'p/{name}', 'v1')
            self.digests[name] = image.digest
        self.write('mirror.yml', 'version: 1\nmirrors:\n' + ''.join(
            f'  - {{from: "{self.src.ref(f"p/{name}")}", to: "{self.dst.ref(name)}"}}\n' for name in NAMES))
        self.config = self.docker_config({self.dst.host: ('me', 'my-password-71')})
        with open(self.config, encoding='utf-8') as file:
            self.auth = file.read()
        os.rename(self.config, self.path('config.json'))
        self.shares = []

    def share(self, *command, **env):
        """Runs a shard's command; notes what it copied."""
        before = set(self.copied())
        done = subprocess.run(command, cwd=self.dir, env={**self.environment(PATH=os.environ['PATH']), **env},
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('my-password-71', done.stdout + done.stderr)
        self.shares.append(set(self.copied()) - before)
        return done

    def copied(self):
        return [name for name in NAMES if self.dst.tags(name)]

    def assertAll(self, shards):
        """Everything was copied, and by more than one."""
        self.assertEqual(len(self.shares), shards)
        self.assertGreater(sum(map(bool, self.shares)), 1, self.shares)
        self.assertEqual({name: self.dst.tags(name) for name in NAMES},
                         {name: {'v1': digest} for name, digest in self.digests.items()})

    def test_jenkins(self):
        recipe = block('groovy', 'Jenkins')
        releases = Releases(v0_1_0={
            key.replace('arm64', 'amd64'): value.replace(b'arm64', b'amd64') if key == 'SHA256SUMS' else value
            for key, value in release(f'#!/bin/sh\nexec {DRAY} "$@"\n'.encode()).items()})
        self.addCleanup(releases.stop)
        url = re.search("DRAY = '(.*)'", recipe)[1].replace('https://github.com', releases.url)
        shards = re.findall(r"'(\d+)'", re.search("name 'SHARD'; values (.*?) }", recipe)[1])
        variable = re.search(r"variable: '(\w+)'", recipe)[1]
        scripts = re.findall("sh '''\n(.*?)'''", recipe, re.S)
        for shard in shards:
            self.share('sh', '-xec', ''.join(scripts), DRAY=url, SHARD=shard,
                       **{variable: self.path('config.json')})
            self.assertTrue(os.path.exists(self.path(re.search("junit '(.*?)'", recipe)[1])))
        self.assertAll(4)

    def test_woodpecker(self):
        recipe = block('yaml', 'Woodpecker and Drone')
        shards = runner.yaml.safe_load(recipe)['matrix']['SHARD']
        for shard in shards:
            step, = runner.yaml.safe_load(recipe.replace('${SHARD}', shard))['steps']
            self.assertEqual(list(step['environment'].values()), [{'from_secret': 'registries'}])
            self.share(DRAY, *step['entrypoint'][1:], **{name: self.auth for name in step['environment']})
        self.assertAll(4)

    def test_kubernetes(self):
        job = runner.yaml.safe_load(block('yaml', 'Kubernetes'))['spec']['jobTemplate']['spec']
        pod = job['template']['spec']
        container, = pod['containers']
        self.assertEqual(job['completionMode'], 'Indexed')
        self.assertEqual({mount['name'] for mount in container['volumeMounts']},
                         {volume['name'] for volume in pod['volumes']})
        places = {mount['mountPath']: self.path('pod', mount['name']) for mount in container['volumeMounts']}
        self.write('pod/registries/.dockerconfigjson', self.auth)
        os.makedirs(self.path('pod/mirror'))
        os.rename(self.path('mirror.yml'), self.path('pod/mirror/mirror.yml'))
        os.makedirs(self.path('pod/home'))

        def inside(word):
            for place, folder in places.items():
                word = re.sub(f'^{place}(?=/|$)', folder, word)
            return word
        env = {entry['name']: inside(entry['value']) for entry in container['env']}
        for index in range(job['completions']):
            done = self.share(DRAY, *map(inside, container['args']), JOB_COMPLETION_INDEX=str(index),
                              HOME=inside('/home/dray'), **env)
            for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]:
                json.loads(line)
        self.assertAll(4)

    def test_links_lead_somewhere(self):
        links = [link.partition('#')[0] for link in re.findall(r'\]\(([^)]+)\)', text())]
        self.assertIn('github/nightly.yml', links)
        for link in links:
            self.assertTrue(os.path.exists(f'{TOP}/docs/ci/{link}'), link)

    def test_the_tables_are_those_of_the_action(self):
        action = runner.load(f'{TOP}/action.yml')
        part = text().partition('\n## The action\n')[2].partition('\n## ')[0]
        inputs, outputs = part.partition('| output |')[::2]
        for table, names in ((inputs, action['inputs']), (outputs, action['outputs'])):
            found = {name for row in re.findall(r'^\| (`.*?) \|', table, re.M) for name in re.findall('`(.*?)`', row)}
            self.assertEqual(found, set(names))


class Scale(unittest.TestCase):
    """docs/scale.md shows the heart of jobs that are run, whole, by the tests of docs/ci."""

    def setUp(self):
        with open(f'{TOP}/docs/scale.md', encoding='utf-8') as file:
            self.text = file.read()
        self.github, self.gitlab, self.kubernetes = (
            runner.yaml.safe_load(found) for found in re.findall('```yaml\n(.*?)```', self.text, re.S))

    def test_github(self):
        whole = runner.load(f'{TOP}/docs/ci/github/nightly.yml')['jobs']['mirror']
        step = next(one for one in whole['steps'] if 'config' in one.get('with', {}))
        self.assertEqual(self.github['strategy'], whole['strategy'])
        shown, = self.github['steps']
        self.assertEqual(shown['uses'], step['uses'])
        self.assertLessEqual(set(shown['with']['args'].split()), set(step['with']['args'].split()))

    def test_gitlab(self):
        whole = runner.load(f'{TOP}/docs/ci/gitlab.yml')
        self.assertIn(self.gitlab['mirror']['extends'], whole)

    def test_kubernetes(self):
        job = runner.yaml.safe_load(block('yaml', 'Kubernetes'))['spec']['jobTemplate']['spec']
        self.assertEqual(set(self.kubernetes) - set(job), set())
        self.assertEqual(self.kubernetes['completionMode'], job['completionMode'])
        shown, = self.kubernetes['template']['spec']['containers']
        whole, = job['template']['spec']['containers']
        count = str(self.kubernetes['completions'])
        self.assertIn(count, shown['args'])
        args = [str(job['completions']) if word == count else word for word in shown['args']]
        self.assertLessEqual(set(args), set(whole['args']))

    def test_links_of_all_pages_lead_somewhere(self):
        for name in os.listdir(f'{TOP}/docs'):
            if name.endswith('.md'):
                with open(f'{TOP}/docs/{name}', encoding='utf-8') as file:
                    for link in re.findall(r'\]\(([^)#]+)[^)]*\)', file.read()):
                        with self.subTest(f'{name}: {link}'):
                            self.assertTrue('://' in link or os.path.exists(f'{TOP}/docs/{link}'))


if __name__ == '__main__':
    unittest.main()

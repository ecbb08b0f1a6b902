"""dray sync with the files of skopeo sync, image-syncer and regsync."""

from tests.system.lib import unittest
from tests.system.mirrors import MirrorTest


class Foreign(MirrorTest):
    def setUp(self):
        super().setUp()
        self.put('team/app', 'v1.0', 'v1.1', 'v2.0', 'edge')
        self.put('pause', '3.9')

    def file(self, name, text):
        return self.write(name, text.replace('@src', self.src.host).replace('@dst', self.dst.host))

    def assertTags(self, **repos):
        """Which tags the target's repositories have; __ stands for a slash."""
        for repo, tags in repos.items():
            self.assertEqual(set(self.dst.tags(repo.replace('__', '/'))), set(tags.split()), repo)

    def test_skopeo_sync(self):
        path = self.file('skopeo.yml', '''
"@src":
  images:
    pause: ["3.9"]
  images-by-tag-regex:
    team/app: ^v1
  tls-verify: false
''')
        self.assertFails(self.dray('sync', path), 2, 'skopeo.yml', '--to')
        self.assertOk(self.dray('sync', '--to', self.dst.ref('m/'), path))
        self.assertTags(m__pause='3.9', m__app='v1.0 v1.1')
        self.assertOk(self.dray('sync', '--scoped', '--to', self.dst.ref('s/'), path))
        host = self.src.host.replace(':', '-')
        self.assertEqual(set(self.dst.tags(f's/{host}/team/app')), {'v1.0', 'v1.1'})

    def test_image_syncer(self):
        images = self.file('images.yaml', '''
"@src/team/app:v1.0,edge": "@dst/two"
"@src/pause:3.9": ["@dst/a", "@dst/b:x"]
''')
        auth = self.file('auth.yaml', '"@dst": {username: joe, password: secret, insecure: true}')
        self.dst.configure(auth='basic', users={'joe': 'secret'}, anonymous=None)
        result = self.assertOk(self.dray('sync', '--auth', auth, images))
        self.assertNoSecret(result, 'secret')
        self.assertTags(two='v1.0 edge', a='3.9', b='x')

    def test_regsync(self):
        path = self.file('regsync.yml', '''
version: 1
creds:
  - registry: "@dst"
    user: joe
    pass: '{{env "PASS"}}'
    tls: disabled
defaults: {parallel: 2, interval: 60m}
sync:
  - source: "@src/team/app"
    target: "@dst/app"
    type: repository
    tags: {allow: ["v\\\\d+.*"], deny: ["v2.*"]}
  - source: "@src/pause:3.9"
    target: "@dst/pause:stable"
    type: image
''')
        self.dst.configure(auth='basic', users={'joe': 'secret'}, anonymous=None)
        result = self.assertOk(self.dray('sync', path, env={'PASS': 'secret'}))
        self.assertNoSecret(result, 'secret')
        self.assertIn('regsync.yml:8:', result.err)    # parallel, interval: warned about
        self.assertTags(app='v1.0 v1.1', pause='stable')

    def test_a_flag_of_another_s_file(self):
        mirror = self.mirror('from: @src/pause:3.9\nto: @dst/x')
        for flags, words in ((('--to', 'lan:5000/'), '--to'), (('--scoped',), '--scoped')):
            with self.subTest(flags):
                self.assertFails(self.dray('sync', *flags, mirror), 2, 'mirror.yml', words)
        self.assertFails(self.dray('sync', '--auth', self.path('none'), mirror), 2, 'none')


if __name__ == '__main__':
    unittest.main()

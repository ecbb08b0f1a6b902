"""What people install: a release's files, what is in them, and the workflow that makes them."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile

from tests.system.lib import TOP, SystemTest, images, unittest

ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine]
TOKEN = 'ghs_token-of-the-release-17'


def read(path, mode='r'):
    with open(path, mode, **({} if 'b' in mode else {'encoding': 'utf-8'})) as file:
        return file.read()


VERSION = re.search(r'^project\(dray VERSION (\S+)', read(f'{TOP}/CMakeLists.txt'), re.M)[1]
BINARY, DEB = f'dray-linux-{ARCH}', f'dray_{VERSION}_{ARCH}.deb'
TARBALL = f'dray-{VERSION}-linux-{ARCH}'


def run(*command, cwd=TOP, env=None, code=0):
    """Returns what it said on stdout; on stderr, if it is to fail."""
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300, check=False)
    if done.returncode != code:
        raise AssertionError(f'{command}: {done.returncode}\n{done.stdout}\n{done.stderr}')
    return done.stderr if code else done.stdout


def tree(top):
    """{path: content} of the files below a folder, and {path: mode}."""
    files, modes = {}, {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            there = os.path.relpath(path, top)
            files[there], modes[there] = read(path, 'rb'), stat.S_IMODE(os.stat(path).st_mode)
    return files, modes


def documents():
    """{path: content} of what is installed beside the program."""
    below, _ = tree(f'{TOP}/docs')
    return {'share/doc/dray/README.md': read(f'{TOP}/README.md', 'rb'),
            **{f'share/doc/dray/docs/{name}': content for name, content in below.items()}}


def setUpModule():
    """A checkout with what cmd/release makes for this machine."""
    folder = tempfile.TemporaryDirectory(prefix='dray-release-')
    unittest.addModuleCleanup(folder.cleanup)
    Release.checkout = f'{folder.name}/dray'
    Release.dist = f'{Release.checkout}/build/dist'
    os.makedirs(f'{Release.checkout}/build')
    for name in os.listdir(TOP):
        if name != 'build':
            os.symlink(f'{TOP}/{name}', f'{Release.checkout}/{name}')
    run('cmd/release', '--no-install', '--out', Release.dist)
    Release.program = read(f'{Release.dist}/{BINARY}', 'rb')


class Release(SystemTest):
    checkout = dist = program = None    # setUpModule()

    def assertInstalled(self, top):
        """The program and the documents, and nothing else."""
        files, modes = tree(top)
        self.assertEqual(set(files), {'bin/dray', *documents()})
        self.assertEqual(files.pop('bin/dray'), self.program)
        self.assertEqual(files, documents())
        self.assertEqual({name for name, mode in modes.items() if mode & 0o111}, {'bin/dray'})


class Files(Release):
    def test_all_are_there_and_the_sums_are_right(self):
        names = {BINARY, DEB, f'{TARBALL}.tar.gz'}
        self.assertEqual(set(os.listdir(self.dist)), {*names, 'SHA256SUMS', 'image'})
        self.assertEqual(
            read(f'{self.dist}/SHA256SUMS'),
            ''.join(f'{hashlib.sha256(read(f"{self.dist}/{name}", "rb")).hexdigest()}  {name}\n'
                    for name in sorted(names)))

    def test_the_program_needs_no_other_file(self):
        program = f'{self.dist}/{BINARY}'
        headers = run('readelf', '--wide', '--program-headers', '--dynamic', program)
        self.assertIn('LOAD', headers)
        self.assertNotRegex(headers, 'INTERP|NEEDED')
        self.assertNotIn('.debug_info', run('readelf', '--wide', '--sections', program))

    def test_it_says_what_it_was_built_from(self):
        said = run(f'{self.dist}/{BINARY}', 'version')
        commit = 'unknown'
        if os.path.exists(f'{TOP}/.git'):
            commit = run('git', 'rev-parse', '--short=12', 'HEAD').strip()
        self.assertEqual(said.splitlines()[0], f'dray {VERSION} ({commit})')

    def test_the_tarball_is_one_folder(self):
        with tarfile.open(f'{self.dist}/{TARBALL}.tar.gz') as archive:
            for member in archive.getmembers():
                self.assertEqual(member.name.partition('/')[0], TARBALL)
                self.assertEqual((member.uname, member.gname), ('root', 'root'))
                self.assertFalse(member.mode & 0o022)
            archive.extractall(self.dir)
        self.assertInstalled(self.path(TARBALL))

    @unittest.skipUnless(shutil.which('dpkg-deb'), 'no dpkg-deb here')
    def test_the_package_depends_on_nothing(self):
        control = run('dpkg-deb', '--field', f'{self.dist}/{DEB}')
        fields = dict(re.findall(r'^([\w-]+): (.*)$', control, re.M))
        size, maintainer = fields.pop('Installed-Size'), fields.pop('Maintainer')
        self.assertGreaterEqual(int(size), len(self.program) // 1024)
        self.assertRegex(maintainer, r'^.+ <.+@.+>$')
        self.assertEqual(fields, {
            'Package': 'dray', 'Version': VERSION, 'Architecture': ARCH, 'Section': 'net',
            'Priority': 'optional', 'Recommends': 'ca-certificates',
            'Description': 'copy container images between registries'})
        for line in run('dpkg-deb', '--contents', f'{self.dist}/{DEB}').splitlines():
            self.assertRegex(line, r'^[d-]rw[x-]r-[x-]r-[x-] root/root ')
        run('dpkg-deb', '--extract', f'{self.dist}/{DEB}', self.path('deb'))
        self.assertEqual(os.listdir(self.path('deb')), ['usr'])
        self.assertInstalled(self.path('deb', 'usr'))

    def test_installing_it_gives_the_same(self):
        run('cmake', '--install', 'build/release', '--prefix', self.path('prefix'))
        self.assertInstalled(self.path('prefix'))

    def test_what_would_make_a_wrong_release_is_refused(self):
        out = self.path('out')
        said = run('cmd/release', '--no-install', '--out', out, '--tag', f'v{VERSION}9', code=1)
        self.assertEqual(
            said, f'release: the tag is v{VERSION}9, and CMakeLists.txt says {VERSION}\n')
        self.assertFalse(os.path.exists(out))
        said = run('cmd/release', '--no-install', '--out', self.dist, code=1)
        self.assertEqual(said, f'release: {self.dist} is not empty\n')


class Image(Release):
    """Dockerfile's image, put together by hand and with buildah."""

    def instructions(self):
        text = re.sub(r'^#.*\n|\\\n', '', read(f'{TOP}/Dockerfile'), flags=re.M)
        return [tuple(line.split(maxsplit=1)) for line in text.splitlines()]

    @unittest.skipUnless(os.geteuid() == 0, 'only root may chroot')
    def test_it_holds_all_that_a_copy_needs(self):
        root, settings = self.path('root'), {}
        for word, rest in self.instructions():
            if word != 'COPY':
                self.assertIn(word, ('FROM', 'ARG', 'USER', 'ENV', 'WORKDIR', 'ENTRYPOINT', 'CMD'))
                settings[word] = rest
                continue
            mode, source, target = re.fullmatch(r'--chmod=(\d+) (\S+) (/\S+)', rest).groups()
            source = f'{self.dist}/image/{source.replace("$TARGETARCH", ARCH)}'
            os.makedirs(os.path.dirname(root + target), exist_ok=True)
            (shutil.copytree if os.path.isdir(source) else shutil.copyfile)(source, root + target)
            os.chmod(root + target, int(mode, 8))
        os.chmod(self.dir, 0o755)    # as the roots of containers are
        self.assertEqual(settings['FROM'], 'scratch')
        user = settings['USER']
        self.assertRegex(user, r'^[1-9]\d*:[1-9]\d*$')
        program, = re.fullmatch(r'\["(\S+)"\]', settings['ENTRYPOINT']).groups()
        source, target = self.registry(), self.registry()
        image = images.multi(2)
        image.put(source, 'app', 'v1')
        name, _, value = settings['ENV'].partition('=')
        chroot = shutil.which('chroot', path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
        alone = {key: None for key in self.environment() if key != 'PATH'}
        result = self.start(f'--userspec={user}', root, program, 'copy', f'{source.host}/app:v1',
                            f'{target.host}/app', program=chroot, env={**alone, name: value}).wait()
        self.assertIn('copied ', self.assertOk(result).out)
        self.assertNotIn('warning', result.err)    # there is room for the state of transfers
        self.assertCopied(f'{source.host}/app:v1', f'{target.host}/app:v1')
        self.assertIn('BEGIN CERTIFICATE', read(f'{root}/etc/ssl/certs/ca-certificates.crt'))


class Workflow(Release):
    def steps(self):
        workflow = read(f'{TOP}/.github/workflows/release.yml')
        return re.findall(r'^ +(?:- )?run: (.+)$', workflow, re.M)

    def test_no_action_can_change_under_us(self):
        for name in os.listdir(f'{TOP}/.github/workflows'):
            text = read(f'{TOP}/.github/workflows/{name}')
            with self.subTest(name):
                self.assertIn('uses: ', text)
                for action in re.findall(r'uses: (.*)', text):
                    self.assertRegex(action, r'^(actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+'
                                             r'|\./\.github/workflows/\w+\.yml)$')
                self.assertNotRegex(text, r'run: *[|>]|run:.*\$\{\{ *(github|inputs)\.')

    def test_its_commands_are_there(self):
        self.assertEqual([step for step in self.steps() if not step.startswith('docker run ')],
                         ['.ci/release image', '.ci/release publish'])
        build, = (step for step in self.steps() if step.startswith('docker run '))
        self.assertRegex(build, r' --env GITHUB_REF_NAME .* debian:12 \.ci/release build$')
        ci = read(f'{TOP}/.github/workflows/ci.yml')
        commands, = re.findall(r'command: \[(.*)\]', ci)
        self.assertIn('run: ${{ matrix.command }}', ci)
        for command in commands.split(', '):
            self.assertTrue(os.access(f'{TOP}/{command.split()[0]}', os.X_OK), command)

    def publish(self, *args, **more):
        env = self.environment(GITHUB_REF_NAME=f'v{VERSION}', GITHUB_REPOSITORY='Octo-Org/Dray',
                               GITHUB_ACTOR='octocat', GITHUB_SERVER_URL='https://github.com',
                               GITHUB_OUTPUT=self.path('output'), GH_TOKEN=TOKEN, **more)
        return run('.ci/release', *args, cwd=self.checkout, env=env)

    def test_the_release_has_all_files(self):
        os.mkdir(self.path('bin'))
        self.write('bin/gh', '#!/bin/sh\nprintf "%s\\n" "$@"\n', 0o700)
        args = self.publish('publish', PATH=f'{self.path("bin")}:{os.environ["PATH"]}').splitlines()
        self.assertEqual(args[:3], ['release', 'create', f'v{VERSION}'])
        self.assertIn('--verify-tag', args)
        files = [arg for arg in args if os.path.exists(f'{self.checkout}/{arg}')]
        self.assertEqual({os.path.basename(file) for file in files},
                         {BINARY, DEB, f'{TARBALL}.tar.gz', 'SHA256SUMS'})

    @unittest.skipUnless(shutil.which('buildah'), 'no buildah here')
    def test_the_image_is_pushed_for_all_architectures(self):
        for arch in ('amd64', 'arm64'):    # the other one's is built by tests/run arm64
            folder = f'{self.dist}/image/{arch}'
            if not os.path.exists(folder):
                shutil.copytree(f'{self.dist}/image/{ARCH}', folder)
                self.addCleanup(shutil.rmtree, folder)
        authority = self.authority()
        ghcr = self.registry(tls=authority.server_for('ghcr.io'), auth='bearer', anonymous=None,
                             users={'octocat': TOKEN},
                             rights={'octocat': {'octo-org/dray': 'pull,push'}})
        proxy = self.tunnels({'ghcr.io:443': ghcr.port})
        storage = self.write('storage.conf', f"""[storage]
driver = "vfs"
runroot = "{self.path('run')}"
graphroot = "{self.path('store')}"
""")
        self.publish('image', HTTPS_PROXY=proxy.url, SSL_CERT_FILE=authority.ca_file,
                     CONTAINERS_STORAGE_CONF=storage)
        output = dict(line.split('=', 1) for line in read(self.path('output')).splitlines())
        self.assertEqual(output['name'], 'ghcr.io/octo-org/dray')
        self.assertEqual(ghcr.tags('octo-org/dray'),
                         {VERSION: output['digest'], 'latest': output['digest']})


if __name__ == '__main__':
    unittest.main()

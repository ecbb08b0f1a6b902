"""Against Debian's docker-registry, with skopeo as an independent witness: each reads what the
other wrote, and the digests are the same."""

import hashlib
import json
import os
import shutil
import subprocess

from tests.system.lib import Proxy, SystemTest, images, unittest

MIB = 1 << 20
USER = {'joe': 'se:cret/ü'}


@unittest.skipUnless(shutil.which('docker-registry'), 'docker-registry is not installed')
class Debian(SystemTest):
    def demo(self, **fields):
        return images.multi(platforms=3, attestations=1, big=20 * MIB, **fields)

    def copied(self, source, target, *flags):
        result = self.assertOk(self.dray('copy', *flags, source, target))
        return self.assertCopied(source, target), result


class Plain(Debian):
    def test_a_multi_platform_image(self):
        src, dst = self.debian(), self.debian()
        image = self.demo()
        ref = src.ref('team/app:v1')
        self.push(image, ref)
        src.clear()
        proof, _ = self.copied(ref, dst.ref('mirror/app:v1'))
        self.assertEqual(proof.digest, image.digest)
        blobs, manifests = len(image.blobs), len(image.walk())
        self.assertEqual(src.count('blob', method='GET'), blobs)
        self.assertEqual(src.count('manifest', method='GET'), manifests)
        self.assertEqual(dst.count('upload-open'), blobs)
        self.assertEqual(dst.count('upload-put'), blobs)
        self.assertEqual(dst.count('upload-patch'), 1)
        self.assertEqual(dst.count('blob'), 0)
        self.assertEqual(dst.count('manifest', method='PUT'), manifests)

    def test_again_is_one_head_on_each_side(self):
        src, dst = self.debian(), self.debian()
        self.push(self.demo(), src.ref('app:v1'))
        self.copied(src.ref('app:v1'), dst.ref('app:v1'))
        src.clear()
        dst.clear()
        self.copied(src.ref('app:v1'), dst.ref('app:v1'))
        for reg in src, dst:
            self.assertEqual([(line.method, line.kind) for line in reg.requests()],
                             [('HEAD', 'manifest')])

    def test_every_kind_of_manifest_and_blob(self):
        """All but what this registry itself does not know: sha512 and foreign layers by URL."""
        src, dst = self.debian(), self.debian()
        odd = images.image([images.Part(b''), images.Part(b'1'), *images.layers(2)], spaces=True,
                           annotations={'org.example.note': 'é "quoted"'})
        first = images.image(seed='first')
        image = images.index([first, odd, images.attestation(first),
                              images.artifact(subject=first), images.image(docker=True, seed='d'),
                              images.index([images.image(seed='inner')])], spaces=True)
        self.push(image, src.ref('app:v1'))
        self.copied(src.ref('app:v1'), dst.ref('app:v1'))

    def test_chunks(self):
        src, dst = self.debian(), self.debian()
        self.push(self.demo(), src.ref('app:v1'))
        self.copied(src.ref('app:v1'), dst.ref('auto:v1'))
        self.copied(src.ref('app:v1'), dst.ref('large:v1'), '--chunk-size', '8MiB')
        self.copied(src.ref('app:v1'), dst.ref('small:v1'), '--chunk-size', '700k', '-j', '2')

    def test_within_one_registry_blobs_are_mounted(self):
        reg = self.debian()
        image = self.demo()
        self.push(image, reg.ref('app:v1'))
        reg.clear()
        _, result = self.copied(reg.ref('app:v1'), reg.ref('other/app:v1'), '-o', 'json')
        self.assertEqual(result.json()['images'][0]['blobs'],
                         {'transferred': 0, 'mounted': len(image.blobs), 'existing': 0})
        self.assertEqual(reg.count('mount', status=201), len(image.blobs))
        self.assertEqual(reg.count(('upload-*', 'blob')), 0)

    def test_a_changed_image_sends_what_changed(self):
        src, dst = self.debian(), self.debian()
        image = self.demo()
        self.push(image, src.ref('app:v1'))
        self.copied(src.ref('app:v1'), dst.ref('app:v1'))
        new = images.image(images.layers(1, seed='new'), seed='new')
        self.push(images.index([*image.children[1:], new]), src.ref('app:v1'))
        dst.clear()
        self.copied(src.ref('app:v1'), dst.ref('app:v1'))
        self.assertEqual(dst.count('upload-put'), len(new.blobs))

    def test_over_a_line_that_breaks(self):
        src, dst = self.debian(), self.debian()
        self.push(self.demo(), src.ref('app:v1'))
        with Proxy(src.host) as near:
            near.cut(after=5 * MIB)
            self.assertOk(self.dray('copy', near.ref('app:v1'), dst.ref('app:v1')))
            self.assertGreater(near.cuts, 3)
        self.assertCopied(src.ref('app:v1'), dst.ref('app:v1'))

    def test_manifest_digest_and_tags(self):
        reg = self.debian()
        image = self.demo(spaces=True)
        for tag in 'v1.10', 'v1.9', 'latest':
            self.push(image, reg.ref(f'app:{tag}'))
        ref = reg.ref('app:latest')
        self.assertEqual(self.assertOk(self.dray('manifest', ref)).out.encode(), image.data)
        self.assertEqual(self.assertOk(self.dray('digest', ref)).out, f'{image.digest}\n')
        self.assertEqual(self.assertOk(self.dray('tags', reg.ref('app'))).out,
                         'v1.9\nv1.10\nlatest\n')


class Guarded(Debian):
    def test_htpasswd(self):
        src, dst = self.debian(users=USER), self.debian(users=USER)
        self.push(self.demo(), src.ref('app:v1'))
        self.docker_config({reg.host: ('joe', USER['joe']) for reg in (src, dst)})
        _, result = self.copied(src.ref('app:v1'), dst.ref('app:v1'), '-v')
        self.assertNoSecret(result, USER['joe'])
        self.assertEqual(dst.count(status=401), 1)

    def test_htpasswd_with_a_wrong_password(self):
        src, dst = self.debian(), self.debian(users=USER)
        self.push(self.demo(), src.ref('app:v1'))
        self.docker_config({dst.host: ('joe', 'wrong')})
        result = self.dray('copy', src.ref('app:v1'), dst.ref('app:v1'))
        self.assertFails(result, 1, dst.ref('app:v1'), '401', 'credentials')
        self.assertNoSecret(result, 'wrong')

    def test_tls(self):
        authority = self.authority()
        src, dst = (self.debian(authority=authority) for _ in range(2))
        image = images.multi(platforms=3, own=5, big=20 * MIB)
        self.push(image, src.ref('app:v1'))
        flags = ('--ca-file', authority.ca_file, '--tls', src.host, '--tls', dst.host)
        _, result = self.copied(src.ref('app:v1'), dst.ref('app:v1'), '-v', *flags)
        self.assertHttp2(result)
        self.assertFails(self.dray('copy', *flags[2:], src.ref('app:v1'), dst.ref('app:v2')), 1,
                         'certificate', dst.host)

    def assertHttp2(self, result):
        """HTTP/2 for manifests and small blobs, HTTP/1.1 for the large one."""
        lines = [line for line in result.err.splitlines() if ' https://' in line and ' ms' in line]
        self.assertGreater(len(lines), 20)
        large = [line for line in lines if f' {20 * MIB} ' in line]
        self.assertEqual(len(large), 2, '\n'.join(lines))    # one GET, one PATCH
        for line in lines:
            self.assertEqual(', h2' in line, line not in large, line)

    def test_tls_and_htpasswd(self):
        authority = self.authority()
        src, dst = self.debian(), self.debian(users=USER, authority=authority)
        self.push(self.demo(), src.ref('app:v1'))
        self.docker_config({dst.host: ('joe', USER['joe'])})
        self.copied(src.ref('app:v1'), dst.ref('app:v1'), '--ca-file', authority.ca_file,
                    '--tls', dst.host)


@unittest.skipUnless(shutil.which('skopeo'), 'skopeo is not installed')
class Skopeo(Debian):
    """skopeo reads what dray wrote, dray copies what skopeo pushed."""

    def skopeo(self, *args):
        policy = self.write('policy.json', {'default': [{'type': 'insecureAcceptAnything'}]})
        done = subprocess.run(['skopeo', '--policy', policy, '--tmpdir', self.dir, *args],
                              capture_output=True, env=self.environment(), cwd=self.dir, timeout=60)
        self.assertEqual(done.returncode, 0, f'skopeo {args}\n{done.stderr.decode()}')
        return done.stdout

    def raw_digest(self, reg, name):
        raw = self.skopeo('inspect', '--raw', '--tls-verify=false', f'docker://{reg.ref(name)}')
        return f'sha256:{hashlib.sha256(raw).hexdigest()}'

    def layout(self, reg, name, folder):
        """Has skopeo copy an image with all platforms into a folder: its index's digest."""
        self.skopeo('copy', '--all', '--preserve-digests', '--src-tls-verify=false',
                    f'docker://{reg.ref(name)}', f'oci:{self.path(folder)}:v1')
        with open(self.path(folder, 'index.json'), encoding='utf-8') as file:
            return json.load(file)['manifests'][0]['digest']

    def test_reads_what_dray_wrote(self):
        src, dst = self.debian(), self.debian()
        for name, image in (('index', self.demo()), ('list', images.multi(docker=True)),
                            ('single', images.image(3)), ('spaces', images.multi(spaces=True))):
            with self.subTest(name):
                self.push(image, src.ref(f'{name}:v1'))
                self.copied(src.ref(f'{name}:v1'), dst.ref(f'{name}:v1'))
                self.assertEqual(self.raw_digest(dst, f'{name}:v1'), image.digest)
        digest = self.layout(dst, 'index:v1', 'out')
        self.assertEqual(digest, images.multi(platforms=3, attestations=1, big=20 * MIB).digest)
        self.assertEqual(self.hashes('out'), {
            one for image in self.demo().walk() for one in (image.digest, *image.blobs)})

    def hashes(self, folder):
        """Digests of all that a layout holds, computed from the bytes."""
        found = set()
        for path, _, names in os.walk(self.path(folder, 'blobs')):
            for name in names:
                with open(os.path.join(path, name), 'rb') as file:
                    found.add(f'sha256:{hashlib.file_digest(file, "sha256").hexdigest()}')
        return found

    def test_what_skopeo_pushed_is_copied(self):
        first, middle, last = self.debian(), self.debian(), self.debian()
        image = self.demo()
        self.push(image, first.ref('app:v1'))
        self.layout(first, 'app:v1', 'layout')
        self.skopeo('copy', '--all', '--preserve-digests', '--dest-tls-verify=false',
                    f'oci:{self.path("layout")}:v1', f'docker://{middle.ref("oci:v1")}')
        proof, _ = self.copied(middle.ref('oci:v1'), last.ref('oci:v1'))
        self.assertEqual(proof.digest, image.digest)
        self.assertEqual(self.raw_digest(last, 'oci:v1'), image.digest)

    def test_what_skopeo_pushed_from_a_folder_is_copied(self):
        first, middle, last = self.debian(), self.debian(), self.debian()
        self.push(images.image(3, docker=True), first.ref('app:v1'))
        self.skopeo('copy', '--src-tls-verify=false', f'docker://{first.ref("app:v1")}',
                    f'dir:{self.path("folder")}')
        for form in 'v2s2', 'oci':
            with self.subTest(form):
                self.skopeo('copy', '--format', form, '--dest-tls-verify=false',
                            f'dir:{self.path("folder")}', f'docker://{middle.ref(f"{form}:v1")}')
                proof, _ = self.copied(middle.ref(f'{form}:v1'), last.ref(f'{form}:v1'))
                self.assertEqual(self.raw_digest(middle, f'{form}:v1'), proof.digest)
                self.assertEqual(self.raw_digest(last, f'{form}:v1'), proof.digest)

    def test_finds_nothing_to_do_after_skopeo_and_the_other_way_round(self):
        src, dst = self.debian(), self.debian()
        self.push(self.demo(), src.ref('app:v1'))
        self.skopeo('copy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false',
                    f'docker://{src.ref("app:v1")}', f'docker://{dst.ref("app:v1")}')
        result = self.assertOk(self.dray('copy', '-o', 'json', src.ref('app:v1'),
                                         dst.ref('app:v1')))
        self.assertEqual(result.json()['totals']['unchanged'], 1)
        self.copied(src.ref('app:v1'), dst.ref('app:v2'))
        dst.clear()
        self.skopeo('copy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false',
                    f'docker://{src.ref("app:v1")}', f'docker://{dst.ref("app:v2")}')
        self.assertEqual(dst.count(('upload-*', 'mount')), 0)

    def test_with_tls_and_htpasswd(self):
        authority = self.authority()
        src, dst = self.debian(), self.debian(users=USER, authority=authority)
        image = self.demo()
        self.push(image, src.ref('app:v1'))
        self.docker_config({dst.host: ('joe', USER['joe'])})
        self.copied(src.ref('app:v1'), dst.ref('app:v1'), '--ca-file', authority.ca_file, '--tls',
                    dst.host)
        certs = self.path('certs')
        os.mkdir(certs)
        shutil.copy(authority.ca_file, os.path.join(certs, 'ca.crt'))
        raw = self.skopeo('inspect', '--raw', '--cert-dir', certs, '--creds',
                          f'joe:{USER["joe"]}', f'docker://{dst.ref("app:v1")}')
        self.assertEqual(raw, image.data)


if __name__ == '__main__':
    unittest.main()

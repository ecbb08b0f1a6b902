"""What a manifest may hold, byte for byte; and what is refused, clearly and in little memory."""

import json
import os

from tests.system.lib import DRAY, TOP, SystemTest, images, unittest

MIB = 1 << 20
RELEASE = os.path.abspath(os.environ.get('DRAY_RELEASE') or
                          os.path.join(TOP, 'build', 'release', 'dray'))


def by_hand(text, parts=(), children=(), media_type=images.OCI_MANIFEST, **fields):
    """An image whose manifest is this text."""
    return images.Image(media_type, text.encode() if isinstance(text, str) else text, parts,
                        children, **fields)


class Manifests(SystemTest):
    def setUp(self):
        super().setUp()
        self.src, self.dst = self.registry(), self.registry()

    def copied(self, image, tag='v1'):
        ref, repo = image.put(self.src, 'app', tag), f'app/{tag}'
        self.assertOk(self.dray('copy', ref, self.dst.ref(repo)))
        proof = self.assertCopied(ref, self.dst.ref(f'{repo}:{tag}'))
        self.assertEqual(proof.digest, image.digest)
        self.assertEqual(proof.manifests, len(image.walk()))
        self.assertInOrder(self.dst)
        for one in image.walk():
            self.assertEqual(self.dst.store.manifest(repo, one.digest)[1:],
                             (one.media_type, one.data))
        self.assertEqual(set(self.dst.blobs_of(repo)), set(image.blobs))


class Kinds(Manifests):
    def test_oci_index(self):
        self.copied(images.multi(platforms=4, attestations=2, annotations={'a.b': 'c'}))

    def test_docker_list(self):
        self.copied(images.multi(platforms=4, docker=True))

    def test_images_alone(self):
        self.copied(images.image(3), 'oci')
        self.copied(images.image(3, docker=True), 'docker')

    def test_an_image_without_a_media_type_of_its_own(self):
        self.copied(images.image(1, media_type=False))

    def test_nested_indexes(self):
        image = images.image(seed='deep')
        for number in range(5):
            image = images.index([image, images.image(1, seed=number)],
                                 docker=number % 2, annotations={'level': str(number)})
        self.copied(image)

    def test_an_index_of_nothing(self):
        self.copied(images.index([]), 'oci')
        self.copied(images.index([], docker=True), 'docker')

    def test_a_child_that_is_listed_twice(self):
        child = images.image(1)
        self.copied(images.index([child, child, images.index([child])]))

    def test_artifacts(self):
        subject = images.image(1)
        everything = images.index([
            subject, images.artifact(), images.artifact(subject=subject),
            images.artifact([], artifact_type='application/vnd.nothing'),
            images.image(config_part=images.Part(b'<x/>', 'text/xml'),
                         parts=[images.Part(b'#!', 'application/x-sh'),
                                images.Part(b'wasm', 'application/wasm')])])
        self.copied(everything)

    def test_an_artifact_whose_layers_are_null_or_left_out(self):
        for number, layers in enumerate(('', ',"layers":null', ',"layers":[]')):
            config = images.Part(b'{}', images.OCI_EMPTY)
            text = json.dumps({'schemaVersion': 2, 'mediaType': images.OCI_MANIFEST,
                               'config': config.descriptor(None)})
            self.copied(by_hand(text[:-1] + layers + '}', [config]), f'v{number}')

    def test_every_kind_in_one_index(self):
        self.copied(images.every_kind())

    def test_a_blob_that_is_listed_twice(self):
        part, = images.layers(1)
        self.copied(images.image([part, part, images.Part(part.content, 'text/plain')]))

    def test_an_index_with_a_blob_in_it(self):
        """OCI allows any media type in an index: what is no manifest is a blob."""
        blob = images.Part(b'{"just": "data"}', 'application/vnd.example.data')
        child = images.image(1)
        value = {'schemaVersion': 2, 'mediaType': images.OCI_INDEX,
                 'manifests': [child.descriptor(), blob.descriptor(None)]}
        self.dst.check_manifest_refs = False
        image = by_hand(json.dumps(value), [blob], [child], images.OCI_INDEX)
        ref = image.put(self.src, 'app', 'v1')
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        self.assertEqual(set(self.dst.blobs_of('app')), set(image.blobs))
        self.assertEqual(self.dst.tags('app'), {'v1': image.digest})


class Blobs(Manifests):
    def test_zero_and_one_byte(self):
        self.copied(images.image([images.Part(b''), images.Part(b'1')]))

    def test_around_the_sizes_at_which_the_way_changes(self):
        sizes = [base + step for base in (256 << 10, MIB, 16 * MIB, 32 * MIB)
                 for step in (-1, 0, 1)]
        self.copied(images.image([images.Part(images.contents.noise(size, size))
                                  for size in sizes]))

    def test_sha512(self):
        contents = (b'', b'1', images.contents.noise(5000), images.contents.noise(17 * MIB))
        image = images.image([images.Part(content, algorithm='sha512') for content in contents])
        self.copied(image)
        for upload in self.dst.requests('upload-open'):
            if 'sha512' in upload.query:
                break
        else:
            self.fail('no upload was opened for sha512')

    def test_a_corrupt_sha512_blob(self):
        part = images.Part(images.contents.noise(5000), algorithm='sha512')
        ref = images.image([part]).put(self.src, 'app', 'v1')
        self.src.on('blob', path=f'*{part.digest}').corrupt(at=17)
        result = self.dray('copy', ref, self.dst.ref('app'))
        self.assertFails(result, 1, part.digest, 'corrupt', self.src.host)
        self.assertEqual(self.dst.tags('app'), {})

    def test_a_manifest_addressed_by_sha512(self):
        child = images.image(1, algorithm='sha512')
        self.copied(images.index([child, images.image(1, seed='usual')]))

    def test_an_image_asked_for_by_sha512(self):
        image = images.image(2, algorithm='sha512')
        ref = image.put(self.src, 'app')
        self.assertOk(self.dray('copy', ref, self.dst.ref('app')))
        self.assertCopied(ref, self.dst.ref(f'app@{image.digest}'))

    def test_foreign_layers_are_left_alone(self):
        elsewhere = self.registry()
        image = images.image([
            images.foreign(f'{elsewhere.url}/layer', seed='docker'),
            images.foreign(f'{elsewhere.url}/other', seed='oci', media_type='application/vnd.oci.'
                           'image.layer.nondistributable.v1.tar+gzip'), *images.layers(1)],
            docker=True, platform='windows/amd64')
        self.copied(image)
        self.assertEqual(len(elsewhere.log), 0)
        for part in image.parts:
            if part.foreign:
                for reg in self.src, self.dst:
                    self.assertEqual(reg.count(path=f'*{part.digest}*'), 0)

    def test_a_foreign_layer_that_has_no_other_home_is_copied(self):
        part = images.Part(images.contents.noise(3000), images.DOCKER_FOREIGN)
        self.copied(images.image([part], docker=True))
        self.assertIn(part.digest, self.dst.blobs)

    def test_a_usual_layer_with_urls_is_copied(self):
        part = images.Part(images.contents.noise(3000), urls=['https://mirror.test/layer'])
        self.copied(images.image([part]))
        self.assertIn(part.digest, self.dst.blobs)


class Bytes(Manifests):
    """Manifests are not rewritten, whatever they look like."""

    def text(self, extra='', between='', **changes):
        """A manifest as text, with this at its end and this around its tokens."""
        config = images.config([])
        value = {'schemaVersion': 2, 'mediaType': images.OCI_MANIFEST,
                 'config': config.descriptor(images.OCI_CONFIG), 'layers': [], **changes}
        out = json.dumps(value, separators=(f'{between},{between}', f'{between}:{between}'))
        return by_hand(f'{between}{out[:-1]}{extra}{between}}}{between}', [config])

    def test_white_space(self):
        self.copied(self.text(between=' \t\r\n\n '), 'much')
        self.copied(self.text(), 'none')
        self.copied(images.multi(spaces=True), 'index')

    def test_order_of_the_fields(self):
        image = images.image(1)
        reverse = dict(reversed(json.loads(image.data).items()))
        self.copied(by_hand(json.dumps(reverse), image.parts))

    def test_unknown_fields(self):
        self.copied(self.text(',"unknown":{"a":[1,2.50,-0,1e3,null,true,{"":""}]},"0":0'))

    def test_escapes_and_other_letters(self):
        self.copied(self.text(
            r',"annotations":{"\u0061":"\ud83d\ude00 \" \\ \/ \b\f\n\r\t","ключ":"值 é"}'))

    def test_a_manifest_of_almost_4_mib(self):
        image = self.text(f',"annotations":{{"long":"{"x" * (4 * MIB - 1000)}"}}')
        self.assertLess(len(image.data), 4 * MIB)
        self.copied(image)

    def test_many_layers(self):
        parts = images.layers(20)
        self.copied(images.image([parts[number % 20] for number in range(2000)]))

    def test_parameters_of_the_content_type(self):
        self.src.on('manifest').change(lambda _, response: response.headers.set(
            'Content-Type', response.headers.get('Content-Type') + '; charset=utf-8'))
        self.copied(images.multi(platforms=2))
        for put in self.dst.requests('manifest', method='PUT'):
            self.assertNotIn(';', put.headers.get('Content-Type'))

    def test_a_wrong_content_type_from_the_source(self):
        for number, kind in enumerate(('application/json', 'text/plain', None)):
            self.src.on('manifest').content_type(kind)
            self.copied(images.multi(platforms=2, seed=number), f'v{number}')
            self.src.rules.clear()

    def test_manifest_prints_the_bytes(self):
        image = images.every_kind()
        ref = image.put(self.src, 'app', 'v1')
        with open(self.path('out'), 'w+b') as out:
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.spawn(ref, out), 0)[1]), 0)
            out.seek(0)
            self.assertEqual(out.read(), image.data)

    def spawn(self, ref, out):
        return os.posix_spawn(DRAY, [DRAY, 'manifest', ref], self.environment(),
                              file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])


class Refusals(Manifests):
    """Exit 1, one message, no tag."""

    def refused(self, ref, *words):
        result = self.assertFails(self.dray('copy', ref, self.dst.ref('app')), 1, *words)
        self.assertEqual(len(result.err.strip().splitlines()), 1, result.err)
        self.assertEqual(self.dst.tags('app'), {})

    def put_raw(self, data, media_type=images.OCI_MANIFEST, tag='v1'):
        self.src.put_manifest('app', data if isinstance(data, bytes) else data.encode(),
                              media_type, tag)
        return self.src.ref(f'app:{tag}')


class Refused(Refusals):
    def test_schema_1(self):
        for kind in images.DOCKER_SCHEMA1, 'application/vnd.docker.distribution.manifest.v1+json':
            value = {'schemaVersion': 1, 'name': 'app', 'tag': 'v1', 'fsLayers': [], 'history': []}
            self.src.check_accept = False
            self.refused(self.put_raw(json.dumps(value), kind), 'schema 1', self.src.host)

    def test_schema_1_inside_an_index(self):
        old = by_hand('{"schemaVersion":1,"fsLayers":[]}', media_type=images.DOCKER_SCHEMA1)
        self.refused(images.index([images.image(1), old]).put(self.src, 'app', 'v1'), 'schema 1',
                     old.digest)

    def test_malformed(self):
        for data in (b'', b'{', b'[]', b'null', b'"text"', b'<html>Welcome</html>', b'\xff\xfe{}',
                     b'{"schemaVersion":2}', b'{"schemaVersion":2,"manifests":7}',
                     b'{"schemaVersion":2,"manifests":[7]}', b'{"schemaVersion":2,"layers":[]}',
                     b'{"schemaVersion":2,"manifests":[{"digest":"sha256:short","size":1}]}',
                     b'{"schemaVersion":2,"manifests":[{"digest":"../../etc/passwd","size":1}]}',
                     b'{"schemaVersion":2,"config":{"digest":"sha256:' + b'0' * 64 +
                     b'","size":-1},"layers":[]}'):
            with self.subTest(data=data):
                self.refused(self.put_raw(data), 'manifest', self.src.ref('app:v1'))

    def test_an_index_and_an_image_at_once(self):
        child, image = images.image(1), images.image(2)
        value = {**json.loads(image.data), 'manifests': [child.descriptor()]}
        child.put(self.src, 'app')
        image.put(self.src, 'app')
        self.refused(self.put_raw(json.dumps(value)), 'index and an image at once')

    def test_above_4_mib(self):
        self.refused(self.put_raw(b'{"schemaVersion":2,"x":"' + b'x' * (4 * MIB + 100_000) + b'"}'),
                     '4 MiB', self.src.ref('app:v1'))

    def test_a_child_above_4_mib(self):
        child = by_hand(b'{"schemaVersion":2,"x":"' + b'x' * (4 * MIB + 100_000) + b'"}')
        self.refused(images.index([child]).put(self.src, 'app', 'v1'), '4 MiB', child.digest)

    def test_lying_about_its_digest(self):
        image, other = images.image(1), images.image(1, seed='other')
        image.put(self.src, 'app')
        self.src.put_manifest('app', image.data, image.media_type, 'v1', other.digest)
        self.refused(self.src.ref('app:v1'), other.digest, image.digest, 'corrupt')
        self.refused(self.src.ref(f'app@{other.digest}'), other.digest, image.digest)

    def test_a_child_that_lies_about_its_digest(self):
        child, other = images.image(1), images.image(1, seed='other')
        child.put(self.src, 'app')
        ref = images.index([other]).put(self.src, 'app', 'v1')
        self.src.put_manifest('app', child.data, child.media_type, digest=other.digest)
        self.refused(ref, other.digest, 'corrupt', self.src.host)

    def test_lying_about_a_child_s_size(self):
        child = images.image(1)
        for size in 0, len(child.data) - 1, len(child.data) + 1, 5 * MIB, 1 << 62:
            with self.subTest(size=size):
                value = {'schemaVersion': 2, 'mediaType': images.OCI_INDEX,
                         'manifests': [child.descriptor(size=size)]}
                child.put(self.src, 'app')
                self.refused(self.put_raw(json.dumps(value), images.OCI_INDEX), child.digest)

    def test_lying_about_a_blob_s_size(self):
        for size in 0, 1, 999, 1001, 20 * MIB, 1 << 62:
            with self.subTest(size=size):
                part = images.Part(images.contents.noise(1000), size=size)
                ref = images.image([part]).put(self.src, 'app', 'v1')
                self.refused(ref, part.digest, 'size' if size else '')
                self.assertNotIn(part.digest, self.dst.blobs)

    def test_nested_too_deep(self):
        image = images.image(1)
        for number in range(30):
            image = images.index([image], annotations={'level': str(number)})
        self.refused(image.put(self.src, 'app', 'v1'), 'nested')
        self.assertLess(len(self.src.log), 20)

    def test_a_type_that_nobody_knows(self):
        image = by_hand('{"schemaVersion":2,"mediaType":"application/vnd.example.new+json"}',
                        media_type='application/vnd.example.new+json')
        self.refused(image.put(self.src, 'app', 'v1'), 'application/vnd.example.new+json')

    def test_a_digest_header_that_does_not_fit(self):
        self.src.on('manifest').wrong_digest()
        image = images.image(1)
        self.refused(image.put(self.src, 'app', 'v1'), image.digest, 'corrupt', self.src.host)


class RefusedByTheTarget(Refusals):
    """What a registry says no to is said, with what it was about."""

    def test_a_type(self):
        for kind in images.OCI_INDEX, images.OCI_MANIFEST:
            self.dst.refuse_media_types = [kind]
            ref = images.multi(platforms=2).put(self.src, 'app', 'v1')
            self.refused(ref, kind, self.dst.host, 'not accepted here')

    def test_a_manifest_for_its_size(self):
        self.dst.max_manifest = 300
        image = images.image(3)
        self.refused(image.put(self.src, 'app', 'v1'), image.digest, self.dst.host, '413')

    def test_a_manifest_without_a_media_type(self):
        self.dst.require_media_type = True
        ref = images.image(media_type=False).put(self.src, 'app', 'v1')
        self.refused(ref, 'mediaType', self.dst.host)

    def test_an_empty_blob(self):
        self.dst.refuse_empty_blobs = True
        image = images.image([images.Part(b'')])
        self.refused(image.put(self.src, 'app', 'v1'), image.parts[1].digest, self.dst.host,
                     'empty blobs')
        self.assertLess(len(self.dst.log), 12)

    def test_moving_an_immutable_tag(self):
        old = images.image(1, seed='old')
        old.put(self.dst, 'app', 'v1')
        self.dst.immutable_tags = True
        ref = images.image(1).put(self.src, 'app', 'v1')
        for status in 400, 403, 412:
            with self.subTest(status=status):
                self.dst.immutable_status = status
                result = self.dray('copy', ref, self.dst.ref('app'))
                self.assertFails(result, 1, 'immutable', self.dst.ref('app:v1'))
                self.assertEqual(self.dst.tags('app'), {'v1': old.digest})

    def test_an_immutable_tag_that_is_right_is_not_put_again(self):
        image = images.multi(platforms=2)
        image.put(self.dst, 'app', 'v1')
        self.dst.immutable_tags = 'always'
        self.assertOk(self.dray('copy', image.put(self.src, 'app', 'v1'), self.dst.ref('app')))


class Bounded(Refusals):
    """What is sent to use up memory is refused before it does. With a release build the peak is
    measured too; a sanitizer's would drown it."""

    def refused(self, ref, *words):
        super().refused(ref, *words)
        if os.path.exists(RELEASE):
            again = self.start('copy', ref, self.dst.ref('app'), program=RELEASE).wait(60)
            self.assertEqual(again.code, 1, again)
            self.assertLess(again.peak_kb / 1024, 40, again)

    def test_endless(self):
        self.src.on('manifest', method='GET').endless()
        self.refused(images.image(1).put(self.src, 'app', 'v1'), '4 MiB')
        self.assertLess(max(entry.bytes_out for entry in self.src.log), 64 * MIB)

    def test_an_endless_child(self):
        child = images.image(1)
        self.src.on('manifest', method='GET', path=f'*{child.digest}').endless()
        self.refused(images.index([child]).put(self.src, 'app', 'v1'), '4 MiB', child.digest)

    def test_endless_brackets(self):
        for data in (b'[' * (4 * MIB - 10), b'{"a":' * 700_000,
                     b'{"schemaVersion":2,"x":' + b'[' * 2 * MIB + b']' * (2 * MIB - 100) + b'}'):
            self.refused(self.put_raw(data), 'too deep')

    def test_endless_values(self):
        for data in (b'[' + b'[],' * 1_300_000 + b'[]]',
                     b'{"schemaVersion":2,"x":[' + b'0,' * 2_000_000 + b'0]}',
                     b'{"schemaVersion":2,"manifests":[' + b'{},' * 1_300_000 + b'{}]}'):
            self.refused(self.put_raw(data), 'too many values')

    def test_as_many_layers_as_fit(self):
        descriptor = '{"mediaType":"a","digest":"sha256:%064x","size":1}'
        config = images.config([])
        text = json.dumps({'schemaVersion': 2, 'config': config.descriptor(images.OCI_CONFIG),
                           'layers': []})
        layers = ','.join(descriptor % number for number in range(12_000))
        image = by_hand(text.replace('[]', f'[{layers}]'), [config])
        self.assertLess(len(image.data), 4 * MIB)
        self.refused(image.put(self.src, 'app', 'v1'), '404')

    def test_as_many_children_as_fit(self):
        descriptor = f'{{"mediaType":"{images.OCI_MANIFEST}","digest":"sha256:%064x","size":1}}'
        children = ','.join(descriptor % number for number in range(12_000))
        self.refused(self.put_raw(f'{{"schemaVersion":2,"manifests":[{children}]}}',
                                  images.OCI_INDEX), self.src.host)


if __name__ == '__main__':
    unittest.main()

"""dray inspect: what an image consists of, and what refers to it."""

import json

from tests.system.documents import documented, form
from tests.system.lib import SystemTest, images, unittest


class InspectTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.reg = self.registry()

    def inspect(self, ref, *flags):
        return self.assertOk(self.dray('inspect', *flags, ref))

    def document(self, ref, *flags):
        return self.inspect(ref, '-o', 'json', *flags).json()


class Text(InspectTest):
    def test_one_image(self):
        image = images.image(2, platform='linux/arm64/v8', annotations={'org.example.a': 'b'})
        config, *layers = [part.digest for part in image.parts]
        size = image.parts[0].content.size
        self.assertEqual(self.inspect(image.put(self.reg, 'app', 'v1')).out, '\n'.join([
            self.reg.ref('app:v1'),
            f'linux/arm64/v8 {image.digest}, 8.3 KiB in 3 blobs',
            f'  {len(image.data)} B {images.OCI_MANIFEST}',
            '  org.example.a: b',
            f'  config {config}, {size} B {images.OCI_CONFIG}',
            f'  layer {layers[0]}, 4.0 KiB {images.OCI_LAYER}',
            f'  layer {layers[1]}, 4.0 KiB {images.OCI_LAYER}',
            '0 referrers', '']))

    def test_an_index(self):
        """Its manifests in order, each with its platform, one level further in; blobs once."""
        image = images.multi(2, shared=1, own=1, attestations=1, docker=True,
                             annotations={'of': 'index'})
        lines = self.inspect(image.put(self.reg, 'app', 'v1')).out.splitlines()
        self.assertIn(f'index {image.digest}, ', lines[1])
        self.assertIn(' in 3 manifests', lines[1])
        self.assertEqual(lines[3], '  of: index')
        heads = [line for line in lines if line.startswith('  ') and ' blobs' in line]
        self.assertEqual([line.split(',')[0].split() for line in heads],
                         [[child.platform, child.digest] for child in image.children])
        self.assertTrue(all(line.startswith('  ') and line[2] != ' ' for line in heads))
        for part in image.blobs:
            self.assertIn(part, '\n'.join(lines))

    def test_verbose_tells_when_and_how_it_was_made(self):
        parts = images.layers(1)
        config = images.config(parts, extra={'history': [
            {'created': '2024-02-03T04:05:06Z', 'created_by': 'ADD rootfs /'},
            {'created_by': 'CMD ["sh"]', 'comment': 'buildkit', 'empty_layer': True}]})
        image = images.index([images.image(parts, config_part=config), images.artifact()])
        ref = image.put(self.reg, 'app', 'v1')
        result = self.inspect(ref, '-v')
        for line in ('    created 2024-01-01T00:00:00Z\n',
                     '    step 2024-02-03T04:05:06Z ADD rootfs /\n',
                     '    step  CMD ["sh"] # buildkit (no layer)\n'):
            self.assertIn(line, result.out)
        self.assertEqual([entry.reference for entry in self.reg.requests('blob')],
                         [config.digest], 'the config of an artifact is none')
        self.reg.log.clear()
        self.assertNotIn('created', self.inspect(ref).out)
        self.assertEqual(self.reg.count('blob'), 0)

    def test_nothing_reaches_the_terminal(self):
        """Nor can a value look like a line of ours."""
        image = images.image(1, annotations={'a\n0 referrers': '\x1b[2Jgone\r\nlayer x\u202e\x9b'})
        out = self.inspect(image.put(self.reg, 'app', 'v1')).out
        self.assertTrue(out.replace('\n', '').isprintable(), ascii(out))
        self.assertEqual(len(out.splitlines()), 7)


class Document(InspectTest):
    def test_all_of_it(self):
        layer = images.Part(b'layer', annotations={'note': 'n'})
        config = images.config([layer], extra={'history': [{'created_by': 'x'}]})
        child = images.image([layer], config_part=config, platform='linux/arm/v7')
        child.annotations = {'listed': 'so'}
        image = images.index([child], annotations={'of': 'index'})
        found = self.document(image.put(self.reg, 'app', 'v1'), '-v')
        part = {'artifact_type': None, 'annotations': {}, 'platform': None}
        self.assertEqual(found, {
            'version': 1, 'reference': self.reg.ref('app:v1'), 'image': {
                **part, 'media_type': images.OCI_INDEX, 'digest': image.digest,
                'size': len(image.data), 'annotations': {'of': 'index'}, 'subject': None,
                'bytes': image.size, 'manifests': [{
                    **part, 'media_type': images.OCI_MANIFEST, 'digest': child.digest,
                    'size': len(child.data), 'platform': 'linux/arm/v7', 'subject': None,
                    'annotations': {'listed': 'so'}, 'bytes': image.size,
                    'created': '2024-01-01T00:00:00Z', 'history': [
                        {'created': None, 'created_by': 'x', 'comment': None, 'empty': False}],
                    'config': {**part, 'media_type': images.OCI_CONFIG, 'digest': config.digest,
                               'size': config.content.size},
                    'layers': [{**part, 'media_type': images.OCI_LAYER, 'digest': layer.digest,
                                'size': 5, 'annotations': {'note': 'n'}}]}]},
            'referrers': {'from': 'api', 'manifests': []}})

    def test_it_is_as_documented(self):
        layer = images.layers(1)
        config = images.config(layer, extra={'history': [
            {'created': '2024-05-22T18:18:12Z', 'created_by': 'ADD rootfs /'}]})
        child = images.image(layer, config_part=config,
                             annotations={'org.opencontainers.image.version': '3.20'})
        ref = images.index([child]).put(self.reg, 'alpine', '3.20')
        self.assertEqual(form(self.document(ref, '-v')), form(documented('dray inspect')))

    def test_every_kind(self):
        image = images.every_kind()
        found = self.document(image.put(self.reg, 'app', 'v1'))['image']
        self.assertEqual([part['digest'] for part in found['manifests']],
                         [child.digest for child in image.children])
        self.assertEqual(found['bytes'], image.size)
        self.assertEqual(found['manifests'][3]['artifact_type'], 'application/vnd.example+type')
        self.assertEqual(found['manifests'][3]['subject'], image.children[0].digest)
        self.assertEqual(found['manifests'][6]['manifests'][0]['platform'], 'linux/s390x')
        self.assertIn('"quoted"', found['manifests'][1]['annotations']['org.example.note'])

    def test_a_manifest_that_is_not_there_is_marked(self):
        """As in an index of which only some platforms were copied."""
        image = images.multi(2)
        ref = image.put(self.reg, 'app', 'v1')
        self.reg.on('manifest', path=f'*/{image.children[1].digest}').status(404)
        first, second = self.document(ref)['image']['manifests']
        self.assertNotIn('missing', first)
        self.assertIs(second['missing'], True)
        self.assertEqual(second['platform'], 'linux/arm64')
        self.assertIn(f'  linux/arm64 {image.children[1].digest}, not in this repository\n',
                      self.inspect(ref).out)

    def test_by_digest(self):
        image = images.image(1)
        ref = image.put(self.reg, 'app')
        self.assertEqual(self.document(ref)['image']['digest'], image.digest)


class Referrers(InspectTest):
    def setUp(self):
        super().setUp()
        self.image = images.multi(1)
        self.ref = self.image.put(self.reg, 'app', 'v1')
        self.tag = f'sha256-{self.image.digest[7:]}'
        self.signs = [images.artifact(subject=self.image, artifact_type=f'application/x.{number}',
                                      annotations={'number': str(number)}) for number in range(3)]

    def check(self, source):
        referrers = self.document(self.ref)['referrers']
        self.assertEqual(referrers['from'], source)
        self.assertEqual({(part['digest'], part['size'], part['artifact_type'])
                          for part in referrers['manifests']},
                         {(sign.digest, len(sign.data), f'application/x.{number}')
                          for number, sign in enumerate(self.signs)})

    def test_by_the_api(self):
        for sign in self.signs:
            sign.put(self.reg, 'app')
        self.check('api')
        self.reg.tags_page = 2
        self.check('api')
        lines = self.inspect(self.ref).out.partition('3 referrers\n')[2].splitlines()
        self.assertEqual(sorted(lines)[-3:], sorted(
            f'  {sign.digest}, {len(sign.data)} B application/x.{number}'
            for number, sign in enumerate(self.signs)))

    def test_by_the_fallback_tag(self):
        self.reg.referrers_api = False
        self.check_none('tag')
        for sign in self.signs:
            sign.put(self.reg, 'app')
        listed = [sign.descriptor(artifactType=f'application/x.{number}')
                  for number, sign in enumerate(self.signs)]
        self.reg.put_manifest('app', json.dumps({
            'schemaVersion': 2, 'mediaType': images.OCI_INDEX, 'manifests': listed}).encode(),
            images.OCI_INDEX, self.tag)
        self.check('tag')

    def check_none(self, source):
        self.assertEqual(self.document(self.ref)['referrers'], {'from': source, 'manifests': []})

    def test_cosigns_own_tags(self):
        signature = images.artifact((b'signature',))
        signature.put(self.reg, 'app', f'{self.tag}.sig')
        only, = self.document(self.ref)['referrers']['manifests']
        self.assertEqual((only['digest'], only['tag']), (signature.digest, f'{self.tag}.sig'))
        self.assertIn(f"1 referrer\n  {signature.digest}, cosign's tag {self.tag}.sig\n",
                      self.inspect(self.ref).out)

    def test_an_image_is_shown_without_them(self):
        self.reg.on('referrers').status(403)
        result = self.inspect(self.ref, '--retries', '0', '-o', 'json')
        self.assertIn('403', result.err)
        self.assertIsNone(result.json()['referrers']['from'])

    def test_debians_registry(self):
        reg = self.debian()
        self.push(self.image, reg.ref('app:v1'))
        found = self.document(reg.ref('app:v1'))
        self.assertEqual(found['image']['digest'], self.image.digest)
        self.assertEqual(found['referrers'], {'from': 'tag', 'manifests': []})


class Failures(InspectTest):
    def test_what_is_not_there(self):
        result = self.dray('inspect', '-o', 'json', self.reg.ref('none:v1'))
        self.assertFails(result, 1, self.reg.ref('none:v1'), '404')
        self.assertEqual(result.out, '')

    def test_a_config_that_is_corrupt(self):
        image = images.image(1)
        ref = image.put(self.reg, 'app', 'v1')
        self.reg.on('blob').corrupt(at=3)
        self.assertFails(self.dray('inspect', ref), 1, image.parts[0].digest, 'corrupt')

    def test_a_config_that_says_nothing(self):
        image = images.image(1, config_part=images.Part(b'[7]', images.OCI_CONFIG))
        self.assertIn(f'image {image.digest}', self.inspect(image.put(self.reg, 'app', 'v1')).out)

    def test_too_deep(self):
        image = images.image(1)
        for _ in range(8):
            image = images.index([image])
        self.assertFails(self.dray('inspect', image.put(self.reg, 'app', 'v1')), 1, 'nested')

    def test_usage(self):
        self.assertFails(self.dray('inspect', 'oci:folder'), 2, 'oci:folder')
        self.assertFails(self.dray('inspect'), 2, 'REF')

    def test_a_signal(self):
        ref = images.multi(3).put(self.reg, 'app', 'v1')
        gate = self.reg.on('referrers').hold()
        run = self.start('inspect', ref)
        gate.wait_reached()
        run.signal(2)
        result = run.wait()
        gate.release()
        self.assertFails(result, 130, 'signal')
        self.assertEqual(result.out, '')


if __name__ == '__main__':
    unittest.main()

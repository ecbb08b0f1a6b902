"""Images of every kind, built in memory from seeds, and a command to push and prove them.

    python3 tests/registry/images.py push-demo HOST:PORT/REPO:TAG
    python3 tests/registry/images.py push-bench [options] HOST:PORT/REPO
    python3 tests/registry/images.py prove SRC DST

The same arguments make the same digests, so that two tests, or two runs, can share content."""

import argparse
import json
import os
import re
import sys

if __package__ in (None, ''):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from registry import content as contents
from registry.content import Held, digest_of, noise

OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
OCI_EMPTY = 'application/vnd.oci.empty.v1+json'
DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
DOCKER_FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
IN_TOTO = 'application/vnd.in-toto+json'

PLATFORMS = ('linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/s390x', 'linux/ppc64le',
             'linux/riscv64', 'linux/386', 'linux/arm/v6')


def to_json(value, spaces=False):
    """Compact JSON; with spaces=True white space that nobody would write."""
    if not spaces:
        return json.dumps(value, separators=(',', ':')).encode()
    text = json.dumps(value, indent=7, separators=('\t,\r', ' :  '))
    return f' \n\t{text}\r\n\n'.encode()


class Part:
    """A blob in a manifest. fields go into its descriptor, and may lie about digest and size."""

    def __init__(self, content, media_type=None, algorithm='sha256', foreign=False, **fields):
        self.content = content if isinstance(content, contents.Content) else Held(content)
        self.media_type, self.foreign, self.fields = media_type, foreign, fields
        self.digest = self.content.digest if algorithm == 'sha256' else (
            self.content.digest_as(algorithm))

    def descriptor(self, media_type):
        return {'mediaType': self.media_type or media_type, 'digest': self.digest,
                'size': self.content.size, **self.fields}


class Image:
    """A manifest with all that it reaches: parts (blobs) and children (manifests)."""

    def __init__(self, media_type, data, parts=(), children=(), platform=None, algorithm='sha256'):
        self.media_type, self.data = media_type, data
        self.parts, self.children, self.platform = list(parts), list(children), platform
        self.annotations = None    # of its descriptor in an index
        self.digest = digest_of(data, algorithm)

    def descriptor(self, **fields):
        out = {'mediaType': self.media_type, 'digest': self.digest, 'size': len(self.data)}
        if self.platform:
            out['platform'] = platform_of(self.platform)
        return {**out, **fields}

    def walk(self):
        """Every image below and this one, children first, each once."""
        seen = {}
        for child in self.children:
            for image in child.walk():
                seen.setdefault(image.digest, image)
        seen.setdefault(self.digest, self)
        return list(seen.values())

    @property
    def blobs(self):
        """digest -> content of every blob that is in the registry, each once."""
        return {part.digest: part.content for image in self.walk() for part in image.parts
                if not part.foreign}

    @property
    def size(self):
        """Bytes of all blobs."""
        return sum(content.size for content in self.blobs.values())

    def put(self, reg, repo, tag=None):
        """Stores everything in a Registry object, without requests; returns the reference."""
        for digest, content in self.blobs.items():
            reg.put_blob(repo, content, digest)
        for image in self.walk():
            reg.put_manifest(repo, image.data, image.media_type, digest=image.digest)
        if tag:
            reg.put_manifest(repo, self.data, self.media_type, tag, self.digest)
        return reg.ref(f'{repo}:{tag}' if tag else f'{repo}@{self.digest}')


def platform_of(text):
    system, architecture, *variant = text.split('/')
    out = {'architecture': architecture, 'os': system}
    return {**out, 'variant': variant[0]} if variant else out


def layers(count, size=4096, seed=0):
    return [Part(contents.layer(size, f'{seed}.{number}')) for number in range(count)]


def foreign(url, size=1000, seed='foreign', media_type=DOCKER_FOREIGN):
    """A layer that lives elsewhere: it is never put into a registry."""
    return Part(noise(size, seed), media_type, foreign=True, urls=[url])


def config(parts, platform='linux/amd64', extra=None):
    """The config of an image with these layers."""
    value = {'created': '2024-01-01T00:00:00Z', **platform_of(platform),
             'config': {'Cmd': ['/bin/true']},
             'rootfs': {'type': 'layers', 'diff_ids': [contents.diff_id(part.content)
                                                       for part in parts]}, **(extra or {})}
    return Part(to_json(value))


def image(parts=2, size=4096, seed=0, docker=False, platform='linux/amd64', config_part=None,
          annotations=None, subject=None, artifact_type=None, extra=None, spaces=False,
          algorithm='sha256', media_type=True):
    """An image; parts are Parts (or bytes, or contents), or the number of layers to make. extra
    goes into the manifest; media_type=False leaves its mediaType field out; subject is an Image."""
    if isinstance(parts, int):
        parts = layers(parts, size, seed)
    parts = [part if isinstance(part, Part) else Part(part) for part in parts]
    config_part = config_part or config(parts, platform, {'seed': str(seed)})
    kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
    value = {'schemaVersion': 2, 'mediaType': kind,
             'config': config_part.descriptor(DOCKER_CONFIG if docker else OCI_CONFIG),
             'layers': [part.descriptor(DOCKER_LAYER if docker else OCI_LAYER) for part in parts]}
    if not media_type:
        del value['mediaType']
    if artifact_type:
        value['artifactType'] = artifact_type
    if subject is not None:
        value['subject'] = {key: field for key, field in subject.descriptor().items()
                            if key != 'platform'}
    if annotations:
        value['annotations'] = annotations
    value.update(extra or {})
    return Image(kind, to_json(value, spaces), [config_part, *parts], (), platform, algorithm)


def artifact(parts=(b'signed',), artifact_type='application/vnd.example+type', subject=None,
             part_type='application/vnd.example.data', **fields):
    """An artifact: the empty config and any parts."""
    parts = [part if isinstance(part, Part) else Part(part, part_type) for part in parts]
    out = image(parts, config_part=Part(b'{}', OCI_EMPTY), artifact_type=artifact_type,
                subject=subject, **fields)
    out.platform = None
    return out


def attestation(of, seed='attestation'):
    """What buildkit adds to an index for one of its images; goes into an index like any child."""
    statement = Part(to_json({'_type': 'https://in-toto.io/Statement/v0.1', 'seed': str(seed),
                              'subject': [{'name': '_', 'digest': {'sha256': of.digest[7:]}}]}),
                     IN_TOTO, annotations={'in-toto.io/predicate-type':
                                           'https://spdx.dev/Document'})
    out = image([statement], platform='unknown/unknown', seed=seed)
    out.annotations = {'vnd.docker.reference.digest': of.digest,
                       'vnd.docker.reference.type': 'attestation-manifest'}
    return out


def index(children, docker=False, annotations=None, subject=None, extra=None, spaces=False,
          algorithm='sha256'):
    """An OCI index or a docker manifest list of these images (indexes nest)."""
    kind = DOCKER_LIST if docker else OCI_INDEX
    listed = []
    for child in children:
        notes = {'annotations': child.annotations} if child.annotations else {}
        listed.append(child.descriptor(**notes))
    value = {'schemaVersion': 2, 'mediaType': kind, 'manifests': listed}
    if subject is not None:
        value['subject'] = subject.descriptor()
    if annotations:
        value['annotations'] = annotations
    value.update(extra or {})
    return Image(kind, to_json(value, spaces), (), children, None, algorithm)


def multi(platforms=3, shared=2, own=1, size=4096, seed=0, attestations=0, docker=False, big=0,
          **fields):
    """An index of images for several platforms that share layers; big is the size of one more
    layer of the first platform, attestations how many platforms have one."""
    common = layers(shared, size, f'{seed}.shared')
    images = []
    for number, platform in enumerate(PLATFORMS[:platforms]):
        parts = common + layers(own, size, f'{seed}.{platform}')
        if big and number == 0:
            parts += layers(1, big, f'{seed}.big')
        images.append(image(parts, seed=f'{seed}.{platform}', docker=docker, platform=platform))
    notes = [attestation(of, f'{seed}.{of.platform}') for of in images[:attestations]]
    return index(images + notes, docker, **fields)


def every_kind(seed=0):
    """One nested index with an example of all that may be in one."""
    first = image(seed=f'{seed}.first')
    odd = image([Part(b''), Part(b'1'), Part(noise(5000, f'{seed}.odd'), algorithm='sha512')],
                seed=f'{seed}.odd', spaces=True, platform='linux/arm64/v8',
                annotations={'org.example.note': 'é \u2028 "quoted"'},
                extra={'unknownField': {'deep': [1, 2.5, None, {'x': []}]}})
    return index([first, odd, attestation(first), artifact(subject=first),
                  image(seed=f'{seed}.docker', docker=True, platform='linux/386'),
                  image([foreign('https://elsewhere.test/layer'), *layers(1, seed=f'{seed}.f')],
                        docker=True, platform='windows/amd64', seed=f'{seed}.foreign'),
                  index([image(seed=f'{seed}.inner', platform='linux/s390x')])],
                 annotations={'org.example.all': 'kinds'}, extra={'future': True}, spaces=True)


def size_of(text):
    """Bytes from '20k', '64MiB', '1GiB' or a plain number."""
    found = re.fullmatch(r'(\d+)(?:([kKMG])(iB)?B?)?', text)
    if not found:
        raise argparse.ArgumentTypeError(f'{text} is no size')
    base = 1024 if found[3] else 1000
    return int(found[1]) * base ** {None: 0, 'k': 1, 'K': 1, 'M': 2, 'G': 3}[found[2]]


def shown(count):
    for unit in ('B', 'KiB', 'MiB'):
        if count < 1024:
            return f'{count:.1f} {unit}' if unit != 'B' else f'{count} B'
        count /= 1024
    return f'{count:.1f} GiB'


def _bench(client, options):
    """Tags of an image each; the shared layers are the same everywhere."""
    repo = options.target
    common = layers(options.shared, options.layer_size, f'{options.seed}.shared')
    done = {}
    for number in range(options.tags):
        seed = f'{options.seed}.{number}'
        images = [image(common + layers(options.layers - options.shared, options.layer_size,
                                        f'{seed}.{platform}'), seed=f'{seed}.{platform}',
                        platform=platform) for platform in PLATFORMS[:options.platforms]]
        whole = images[0] if options.platforms == 1 else index(images)
        client.push(whole, f'{repo}:v{number}', done, threads=options.threads)
    return f'{options.tags} tags, {len(done)} blobs {shown(sum(done.values()))}'


def main(args=None):
    from registry import client
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    commands = parser.add_subparsers(dest='command', required=True)
    demo = commands.add_parser('push-demo', help='3 platforms, an attestation, a large layer')
    demo.add_argument('target')
    demo.add_argument('--layer-size', type=size_of, default=64 << 20)
    bench = commands.add_parser('push-bench', help='many images for measuring')
    bench.add_argument('target')
    bench.add_argument('--layers', type=int, default=1, help='of each image')
    bench.add_argument('--layer-size', type=size_of, default=1 << 20)
    bench.add_argument('--tags', type=int, default=1)
    bench.add_argument('--platforms', type=int, default=1)
    bench.add_argument('--shared', type=int, default=0, help='layers that all images share')
    bench.add_argument('--seed', default='bench')
    bench.add_argument('--threads', type=int, default=8)
    prove = commands.add_parser('prove', help='compares two images byte for byte')
    prove.add_argument('source')
    prove.add_argument('target')
    options = parser.parse_args(args)
    try:
        if options.command == 'push-demo':
            whole = multi(3, seed='demo', size=100_000, attestations=1, big=options.layer_size)
            client.push(whole, options.target)
            print(f'{options.target} is {whole.digest}: {len(whole.walk())} manifests '
                  f'{len(whole.blobs)} blobs {shown(whole.size)}')
        elif options.command == 'push-bench':
            print(f'{options.target}: {_bench(client, options)}')
        else:
            print(client.prove(options.source, options.target))
    except (client.Failed, AssertionError, OSError) as problem:
        print(f'images.py: {problem}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Runs a test registry by hand:  python3 tests/registry/serve.py no_patch=True chunk_max=4194304

Settings are those of settings.py; values are read as Python where they can be. --demo puts the
image demo:v1 into it, --tls gives it a certificate. Ends with Control-C and shows its log."""

import argparse
import ast
import os
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from registry import Authority, Registry, images  # noqa: E402


def setting(text):
    name, found, value = text.partition('=')
    if not found:
        raise argparse.ArgumentTypeError(f'{text} is not NAME=VALUE')
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('settings', nargs='*', type=setting, metavar='NAME=VALUE')
    parser.add_argument('--demo', action='store_true')
    parser.add_argument('--tls', action='store_true')
    options = parser.parse_args()
    chosen = dict(options.settings)
    authority = Authority() if options.tls else None
    if authority:
        chosen['tls'] = authority.server
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Registry(**chosen) as reg:
        print(reg.host)
        if authority:
            print(f'CA: {authority.ca_file}')
        if options.demo:
            print(images.multi(attestations=1, big=5 << 20).put(reg, 'demo', 'v1'))
        sys.stdout.flush()
        ended.wait()
        print(reg.dump())


if __name__ == '__main__':
    main()

"""What the benchmarks share: programs, what a run took, and the machine."""

import contextlib
import os
import statistics
import tempfile
import typing


class Tool(typing.NamedTuple):
    name: str
    path: str
    version: str
    copy: tuple       # the words before SRC and DST
    scheme: str = ''  # and what stands before these

    def command(self, source, target):
        return [self.path, *self.copy, self.scheme + source, self.scheme + target]


class Run(typing.NamedTuple):
    """What one run took, or the median of several; None is not known. The names are the JSON's."""
    wall_s: float = None
    cpu_s: float = None
    peak_mib: float = None
    source_requests: int = None
    target_requests: int = None


def median(runs):
    """Of each figure by itself; of an even number the lower one, which did occur."""
    return Run(*(None if None in values else statistics.median_low(values)
                 for values in zip(*runs)))


def ratio(run, other):
    return Run(*(one / two if one is not None and two else None for one, two in zip(run, other)))


@contextlib.contextmanager
def clean_environment():
    """A home without credentials, settings or caches, that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix='dray-bench-') as home:
        yield {'PATH': os.environ.get('PATH', os.defpath), 'LANG': 'C.UTF-8', 'HOME': home,
               'XDG_RUNTIME_DIR': home}


def machine():
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        models = [line.partition(':')[2].strip() for line in file if line.startswith('model name')]
    return {'cpus': os.cpu_count(), 'model': models[0] if models else os.uname().machine,
            'load': os.getloadavg()[0]}


def count(value):
    number = int(value)
    if number < 1:
        raise ValueError
    return number

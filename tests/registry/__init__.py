"""The test registry; see README.md."""

from . import images
from .answers import HTML, http_date
from .client import Access, Client, Failed, prove, push
from .content import layer, noise
from .debian import DebianRegistry
from .faults import STORM, Gate
from .h2 import H2Server
from .proxy import Proxy
from .server import Registry
from .tls import Authority
from .tunnel import Tunnels

__all__ = ['HTML', 'STORM', 'Access', 'Authority', 'Client', 'DebianRegistry', 'Failed', 'Gate',
           'H2Server', 'Proxy', 'Registry', 'Tunnels', 'http_date', 'images', 'layer', 'noise', 'prove', 'push']

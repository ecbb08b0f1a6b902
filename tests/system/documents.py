"""The documents that dray prints, as docs/documents.md shows them."""

import json
import re

from tests.system.lib import TOP


def form(value):
    """The keys of a document in their order, and the types of what they stand for."""
    if isinstance(value, dict):
        return [(key, form(part)) for key, part in value.items()]
    return [form(part) for part in value] if isinstance(value, list) else type(value)


def documented(command):
    """The example of a command's document."""
    with open(f'{TOP}/docs/documents.md', encoding='utf-8') as file:
        part = file.read().partition(f'\n## {command}\n')[2]
    return json.loads(re.search(r'^```json\n(.*?)^```$', part, re.M | re.S)[1])

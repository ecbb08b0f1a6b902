"""JSON Schema, as much of it as docs/output.schema.json uses; a keyword that is not here is an error."""

import json
import re

from tests.system.lib import TOP

TYPES = {'object': dict, 'array': list, 'string': str, 'integer': int, 'number': (int, float),
         'boolean': bool, 'null': type(None)}
ANNOTATIONS = {'$schema', 'title', 'definitions'}


class Misfit(AssertionError):
    """Says where a value is not what the schema wants."""


def _has_type(value, name):
    if isinstance(value, bool):
        return name == 'boolean'
    return isinstance(value, TYPES[name])


class Schema:
    def __init__(self, path):
        with open(f'{TOP}/{path}', encoding='utf-8') as file:
            self.root = json.load(file)

    def check(self, value, definition=None):
        """Raises Misfit. definition: one of the schema's, instead of all of it."""
        self._fit(self.root['definitions'][definition] if definition else self.root, value, '$')

    def _fit(self, rule, value, where):
        for key, wanted in rule.items():
            if key not in ANNOTATIONS:
                getattr(self, '_' + key.lstrip('$'))(rule, wanted, value, where)

    @staticmethod
    def _want(good, where, value, what):
        if not good:
            raise Misfit(f'{where}: {value!r} is not {what}')

    def _ref(self, _rule, path, value, where):
        self._fit(self.root['definitions'][path.removeprefix('#/definitions/')], value, where)

    def _type(self, _rule, names, value, where):
        names = [names] if isinstance(names, str) else names
        self._want(any(_has_type(value, name) for name in names), where, value, names)

    def _const(self, _rule, wanted, value, where):
        self._want(value == wanted and type(value) is type(wanted), where, value, wanted)

    def _enum(self, _rule, wanted, value, where):
        self._want(value in wanted, where, value, wanted)

    def _minimum(self, _rule, least, value, where):
        self._want(value is None or value >= least, where, value, f'at least {least}')

    def _maximum(self, _rule, most, value, where):
        self._want(value is None or value <= most, where, value, f'at most {most}')

    def _pattern(self, _rule, pattern, value, where):
        self._want(re.search(pattern, value), where, value, pattern)

    def _items(self, _rule, rule, value, where):
        for number, item in enumerate(value):
            self._fit(rule, item, f'{where}[{number}]')

    def _properties(self, _rule, rules, value, where):
        for key, rule in rules.items():
            if key in value:
                self._fit(rule, value[key], f'{where}.{key}')

    def _required(self, _rule, keys, value, where):
        for key in keys:
            self._want(key in value, where, value, f'an object with {key}')

    def _additionalProperties(self, rule, allowed, value, where):
        assert allowed is False
        for key in value:
            self._want(key in rule['properties'], f'{where}.{key}', value[key], 'a known key')

    def _oneOf(self, _rule, rules, value, where):
        misfits = []
        for rule in rules:
            try:
                self._fit(rule, value, where)
            except Misfit as misfit:
                misfits.append(str(misfit))
        self._want(len(misfits) == len(rules) - 1, where, value, f'one alone of these: {misfits}')


OUTPUT = Schema('docs/output.schema.json')

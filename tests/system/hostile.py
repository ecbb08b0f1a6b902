"""A registry that tries to be more than text: in a terminal, a CI system's log, a page, a table."""

import html.parser
import re

WORDS = ('\x1b[31mred\x1b[2J\x9b1m\r\n::error::pwned\n ::set-output name=digest::sha256:0\n'
         '##[add-mask]x ##[set-output name=digest;]y\x1b[0Ksection_end:1:dray\r\x1b[0K'
         '| cell | <img src=x onerror=alert(1)> </td></table><script>z</script> `code` **bold** '
         '[link](javascript:1) @everyone &lt; \\| ]]> -->\u202e\u2028\ufffe %0A::debug::')


def refuse(reg, kind='manifest', method='GET', **which):
    """Lets a registry answer so to everything of a kind."""
    reg.on(kind, method=method, **which).status(403, code='DENIED', message=WORDS)


def find(text, ours=()):
    """What is wrong with what was printed: escape codes, commands. ours: lines that may begin with
    '::', without what follows the second '::'."""
    wrong = [f'a control character in {line!r}' for line in text.split('\n')
             if re.search('[\x00-\x1f\x7f-\x9f\u202e\u2028]', line)]
    for line in text.split('\n'):
        if '##[' in line:
            wrong.append(f'a command in {line!r}')
        if line.lstrip().startswith('::') and not line.startswith(tuple(ours)):
            wrong.append(f'a command: {line!r}')
    return wrong


class Page(html.parser.HTMLParser):
    """Gathers the elements and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self.text = [], set(), ''
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def cells(row):
    """Those of a row of a Markdown table."""
    return re.split(r'(?<!\\)\|', row.strip().strip('|'))

"""A registry that tries to be more than text: in a terminal, a CI system's log, a page, a table."""

import html.parser
import re

# A registry's message is cut at 256 bytes.
WORDS = ('\x1b[2J\x9b1m\ufffe\u202e\u2028\r\n::error::pwned\n ::debug::x\n##[add-mask]x ##[error]y'
         '\x1b[0Ksection_end:1:dray\r\x1b[0K%0A::debug::| cell | \\| <img src=x onerror=alert(1)> '
         '</td><script>z</script> `code` **b** _i_ [l](javascript:1) @all &lt; ]]> -->')


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

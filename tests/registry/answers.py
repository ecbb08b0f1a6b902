"""Answers before they are sent."""

import email.utils
import json
import time

from .content import Content, Held
from .wire import Headers

JSON = 'application/json'
HTML = b'<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>\n'

# The error code that a status gets when the test names none.
CODES = {400: 'UNSUPPORTED', 401: 'UNAUTHORIZED', 403: 'DENIED', 404: 'NOT_FOUND',
         405: 'UNSUPPORTED', 413: 'SIZE_INVALID', 416: 'RANGE_INVALID', 429: 'TOOMANYREQUESTS'}


def http_date(seconds=0):
    """The time so many seconds from now, as a Retry-After may have it."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


class Response:
    def __init__(self, status, headers=(), body=b'', start=0, end=None):
        self.status = status
        self.headers = Headers(headers)
        self.body = body if isinstance(body, Content) else Held(body)
        self.start = start
        self.end = self.body.size if end is None else end

    @property
    def length(self):
        return self.end - self.start


def json_response(status, value, headers=()):
    return Response(status, [('Content-Type', JSON), *Headers(headers)], json.dumps(value).encode())


def error(status, code=None, message='', headers=(), detail=None):
    code = code or CODES.get(status, 'UNKNOWN')
    entry = {'code': code, 'message': message or code.lower().replace('_', ' ')}
    if detail is not None:
        entry['detail'] = detail
    return json_response(status, {'errors': [entry]}, headers)

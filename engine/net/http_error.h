/* net/http_error.h - curl's codes in our words: the one table. Pure.
 * Source: libcurl-errors(3), and what 7.88.1 returns in practice. */
#ifndef DRAY_NET_HTTP_ERROR_H
#define DRAY_NET_HTTP_ERROR_H

#include <stdbool.h>

#include "base/err.h"

/* code is a CURLcode other than CURLE_OK, detail what curl wrote to its error buffer.
 * Returns true where trying again is pointless. */
bool http_error(struct err *err, int code, const char *detail, const char *url);

/* The server has ended the HTTP/2 connection in good order; the request was very likely not carried
 * out. (A single request that is refused with REFUSED_STREAM curl sends again by itself, five
 * times, each time over a new connection.) */
bool http_error_is_goaway(int code, const char *detail);

/* Words for a host that there is no way to, by the kinds of addresses that its name has led to. */
const char *http_error_unreachable(bool has_v4, bool has_v6);

/* The connection was up when it happened: the request may have reached the server. */
bool http_error_after_connect(int code);

#endif

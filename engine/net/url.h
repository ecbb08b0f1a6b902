/* net/url.h - URLs, by curl's parser. Pure. Source: RFC 3986. */
#ifndef DRAY_NET_URL_H
#define DRAY_NET_URL_H

#include <stdbool.h>

/* location (absolute or relative, as in a Location header) seen from base; without fragment; the
 * caller's. NULL where it is no http(s) URL, or carries user:password@. */
char *url_join(const char *base, const char *location);

/* Same scheme, host and port (default ports filled in). */
bool url_same_origin(const char *a, const char *b);
bool url_is_https(const char *url);

char *url_host(const char *url); /* "HOST[:PORT]" as it stands in the URL; the caller's; NULL */

/* The URL without its query, for logs: queries of CDN URLs are secrets. The caller's. */
char *url_for_log(const char *url);

char *url_escape(const char *text); /* percent-encoding of all but unreserved; the caller's */

#endif

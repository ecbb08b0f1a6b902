/* net/challenge.h - WWW-Authenticate. Pure. Source: RFC 9110 section 11.6.1, docker's token
 * specification, and what real registries send. */
#ifndef DRAY_NET_CHALLENGE_H
#define DRAY_NET_CHALLENGE_H

#include <stddef.h>

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
  enum challenge_scheme scheme;
  char *realm;   /* Bearer: the token server's URL, possibly relative; NULL: none given */
  char *service; /* NULL: none */
  char *scope;   /* as the server sent it; NULL: none */
};

/* Reads one header's value, which may hold several challenges, and keeps the best seen so far in
 * *challenge (Bearer with a realm before Basic before nothing): call it for each header, starting
 * from a zeroed struct. Garbage is skipped. Values above 8 KiB are ignored. */
void challenge_parse(struct challenge *challenge, const char *value);
void challenge_free(struct challenge *challenge); /* zeroed again */

#endif

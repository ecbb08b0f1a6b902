#include "oci/ref.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

enum { NAME_MAX_BYTES = 255, TAG_MAX_BYTES = 128 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }

static bool span_is(const char *text, size_t len, const char *allowed) {
  return len > 0 && strspn(text, allowed) >= len;
}

__attribute__((format(printf, 3, 4))) static int bad(struct err *err, const char *text,
                                                     const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = err_setv(err, ERR_USAGE, format, args);
  va_end(args);
  err_prefix(err, "bad reference \"%.300s\"", text);
  return rc;
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*, and these joined by slashes. */
static bool path_valid(const char *s) {
  for (;;) {
    if (!is_lower(*s) && !is_digit(*s))
      return false;
    while (is_lower(*s) || is_digit(*s))
      s++;
    if (!*s)
      return true;
    if (*s == '-')
      s += strspn(s, "-");
    else if (*s == '_')
      s += s[1] == '_' ? 2 : 1;
    else if (*s == '.' || *s == '/')
      s++;
    else
      return false;
  }
}

/* A domain name, an IPv4 address, or an IPv6 address in brackets; then maybe a port. */
static bool host_valid(const char *host) {
  const char *port;
  if (*host == '[') {
    port = strchr(host, ']');
    if (!port || !span_is(host + 1, (size_t)(port - host - 1), "0123456789abcdefABCDEF:"))
      return false;
    port++;
  } else {
    port = host + strcspn(host, ":");
    for (const char *s = host; s < port; s++) {
      bool edge = s == host || s[-1] == '.' || s + 1 == port || s[1] == '.';
      if (!is_alnum(*s) && (edge || (*s != '-' && *s != '.')))
        return false;
    }
    if (port == host)
      return false;
  }
  int64_t number;
  return !*port || (*port == ':' && text_number(port + 1, 1, 65535, &number) == 0);
}

/* Is the first part of a name (that has a slash) a host? */
static bool looks_like_host(const char *part) {
  if (strpbrk(part, ".:") || strcmp(part, "localhost") == 0)
    return true;
  while (*part && !is_upper(*part))
    part++;
  return *part != '\0';
}

static bool is_docker_hub(const char *host) {
  return strcmp(host, "docker.io") == 0 || strcmp(host, "index.docker.io") == 0 ||
         strcmp(host, "registry-1.docker.io") == 0;
}

/* "…host/Path:Tag" with the path in lower case. */
static char *lower_path(const char *text, const char *path, size_t path_len) {
  char *lower = mem_strdup(text);
  char *at = lower + (path - text);
  for (size_t i = 0; i < path_len; i++)
    if (is_upper(at[i]))
      at[i] = (char)(at[i] + 32);
  return lower;
}

/* name is the part of text before tag and digest. */
static int parse_name(const char *text, const char *name, size_t len, struct oci_repo *repo,
                      struct err *err) {
  const char *slash = memchr(name, '/', len), *path = name;
  char *host = slash ? mem_strndup(name, (size_t)(slash - name)) : NULL;
  if (host && looks_like_host(host)) {
    path = slash + 1;
    if (!host_valid(host)) {
      bad(err, text, "\"%.255s\" is no host", host);
      free(host);
      return -ERR_USAGE;
    }
  } else {
    free(host);
    host = NULL;
  }
  if (!host || is_docker_hub(host)) {
    free(host);
    host = mem_strdup("docker.io");
  }
  size_t path_len = len - (size_t)(path - name);
  bool official = strcmp(host, "docker.io") == 0 && !memchr(path, '/', path_len);
  repo->host = host;
  repo->path = mem_printf("%s%.*s", official ? "library/" : "", (int)path_len, path);
  if (strlen(repo->host) + 1 + strlen(repo->path) > NAME_MAX_BYTES)
    return bad(err, text, "its name is longer than %d characters", NAME_MAX_BYTES);
  if (path_valid(repo->path))
    return 0;
  char *lower = lower_path(text, path, path_len);
  char *lower_name = lower_path(repo->path, repo->path, strlen(repo->path));
  if (path_valid(lower_name))
    bad(err, text, "repositories have no capitals; \"%.400s\" would be right%s", lower,
        strcmp(repo->host, "ghcr.io") == 0 /* where GITHUB_REPOSITORY may have some */
            ? ": bash's ${GITHUB_REPOSITORY,,} has none"
            : "");
  else
    bad(err, text, "a repository is made of a-z and 0-9, with . _ __ - or / between them");
  free(lower);
  free(lower_name);
  return -ERR_USAGE;
}

static int parse_registry(const char *text, struct oci_ref *ref, struct err *err) {
  const char *name = text;
  if (text_starts(name, "docker://"))
    name += strlen("docker://");
  if (strncasecmp(name, "https://", 8) == 0 || strncasecmp(name, "http://", 7) == 0)
    return bad(err, text, "leave \"%.*s\" out", (int)(strchr(name, '/') + 2 - name), name);
  if (strlen(name) == 64 && span_is(name, 64, "0123456789abcdef"))
    return bad(err, text, "that is the ID of an image, not its name");

  const char *at = strchr(name, '@');
  size_t len = at ? (size_t)(at - name) : strlen(name);
  struct err why;
  if (at && oci_digest_parse(at + 1, strlen(at + 1), &ref->digest, &why) != 0)
    return bad(err, text, "%s", why.message);

  const char *colon = memrchr(name, ':', len);
  if (colon && !memchr(colon, '/', (size_t)(name + len - colon))) {
    ref->tag = mem_strndup(colon + 1, (size_t)(name + len - colon - 1));
    len = (size_t)(colon - name);
    if (!oci_tag_valid(ref->tag))
      return bad(err, text, "\"%.150s\" is no tag (up to %d of A-Z a-z 0-9 . _ -)", ref->tag,
                 TAG_MAX_BYTES);
  }
  return parse_name(text, name, len, &ref->repo, err);
}

/* oci: and oci-archive: take a valid tag behind the last colon; docker-archive: takes all behind
 * the first one, which is a reference of its own. */
static int parse_file(const char *text, const char *file, struct oci_ref *ref, struct err *err) {
  bool docker = ref->transport == OCI_DOCKER_ARCHIVE;
  const char *colon = docker ? strchr(file, ':') : strrchr(file, ':');
  if (colon && (docker || !colon[1] || oci_tag_valid(colon + 1)))
    ref->tag = mem_strdup(colon + 1);
  else
    colon = file + strlen(file);
  ref->file = mem_strndup(file, (size_t)(colon - file));
  if (!*ref->file)
    return bad(err, text, "a file or folder is missing behind the colon");
  if (ref->tag && !*ref->tag)
    return bad(err, text, "nothing stands behind the last colon");
  struct oci_ref inner = {0};
  struct err why;
  if (docker && ref->tag && parse_registry(ref->tag, &inner, &why) != 0) {
    oci_ref_free(&inner);
    return bad(err, text, "%s", why.message);
  }
  oci_ref_free(&inner);
  return 0;
}

static const char *const prefixes[] = {
    [OCI_REGISTRY] = "",
    [OCI_LAYOUT] = "oci:",
    [OCI_ARCHIVE] = "oci-archive:",
    [OCI_DOCKER_ARCHIVE] = "docker-archive:",
};

int oci_ref_parse(const char *text, struct oci_ref *ref, struct err *err) {
  *ref = (struct oci_ref){0};
  for (enum oci_transport t = OCI_LAYOUT; t <= OCI_DOCKER_ARCHIVE; t++)
    if (text_starts(text, prefixes[t]))
      ref->transport = t;
  int status = ref->transport == OCI_REGISTRY
                   ? parse_registry(text, ref, err)
                   : parse_file(text, text + strlen(prefixes[ref->transport]), ref, err);
  if (status != 0)
    oci_ref_free(ref);
  return status;
}

int oci_ref_parse_repo(const char *text, struct oci_ref *ref, struct err *err) {
  int status = oci_ref_parse(text, ref, err);
  if (status != 0)
    return status;
  const char *extra = ref->transport != OCI_REGISTRY    ? "a file"
                      : ref->tag                        ? "with a tag"
                      : oci_digest_is_set(&ref->digest) ? "with a digest"
                                                        : NULL;
  if (!extra)
    return 0;
  oci_ref_free(ref);
  return err_set(err, ERR_USAGE, "\"%.400s\" is %s: a repository alone is wanted here", text,
                 extra);
}

void oci_ref_free(struct oci_ref *ref) {
  free(ref->repo.host);
  free(ref->repo.path);
  free(ref->file);
  free(ref->tag);
  *ref = (struct oci_ref){0};
}

void oci_ref_copy(struct oci_ref *to, const struct oci_ref *from) {
  *to = *from;
  to->repo.host = mem_strdup(from->repo.host);
  to->repo.path = mem_strdup(from->repo.path);
  to->file = mem_strdup(from->file);
  to->tag = mem_strdup(from->tag);
}

char *oci_ref_format(const struct oci_ref *ref) {
  bool registry = ref->transport == OCI_REGISTRY;
  return mem_printf("%s%s%s%s%s%s%s%s", prefixes[ref->transport],
                    registry ? ref->repo.host : ref->file, registry ? "/" : "",
                    registry ? ref->repo.path : "", ref->tag ? ":" : "", ref->tag ? ref->tag : "",
                    oci_digest_is_set(&ref->digest) ? "@" : "", ref->digest.text);
}

const char *oci_ref_reference(const struct oci_ref *ref) {
  if (oci_digest_is_set(&ref->digest))
    return ref->digest.text;
  return ref->tag ? ref->tag : "latest";
}

const char *oci_api_host(const char *host) {
  return strcmp(host, "docker.io") == 0 ? "registry-1.docker.io" : host;
}

bool oci_tag_valid(const char *tag) {
  size_t len = 0;
  while (is_alnum(tag[len]) || tag[len] == '_' || (len > 0 && (tag[len] == '.' || tag[len] == '-')))
    len++;
  return len > 0 && len <= TAG_MAX_BYTES && !tag[len];
}

bool oci_host_is_loopback(const char *host) {
  bool brackets = *host == '[';
  size_t len = brackets ? strcspn(host, "]") : strcspn(host, ":");
  char address[64];
  if (len >= sizeof address)
    return false;
  snprintf(address, sizeof address, "%.*s", (int)len, host);
  unsigned char v6[16], v4[4];
  if (brackets)
    return inet_pton(AF_INET6, address + 1, v6) == 1 && memcmp(v6, &in6addr_loopback, 16) == 0;
  return text_same(address, "localhost") || (inet_pton(AF_INET, address, v4) == 1 && v4[0] == 127);
}

char *oci_repo_key(const struct oci_repo *repo) {
  char *key = mem_printf("%s/%s", repo->host, repo->path);
  for (char *at = key; *at != '/'; at++)
    if (*at >= 'A' && *at <= 'Z')
      *at = (char)(*at + ('a' - 'A'));
  return key;
}

bool oci_repo_equal(const struct oci_repo *a, const struct oci_repo *b) {
  return text_same(a->host, b->host) && strcmp(a->path, b->path) == 0;
}

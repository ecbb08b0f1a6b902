#include "sync/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum { TEXT_MAX = 1024 }; /* bytes; a reference has 255 and a tag at most */

struct target {
  char *text;
  char *pattern; /* text without docker://, with {path} for a slash at the end */
};

enum placeholder { HOST, PATH, NAME, TAG, PLACEHOLDERS };

static const char *const names[] = {
    [HOST] = "host", [PATH] = "path", [NAME] = "name", [TAG] = "tag", [PLACEHOLDERS] = NULL};

/* at is behind the opening brace. */
static enum placeholder find(const char *at, size_t len) {
  enum placeholder i = HOST;
  while (i < PLACEHOLDERS && (strlen(names[i]) != len || memcmp(names[i], at, len) != 0))
    i++;
  return i;
}

static int bad(struct err *err, const char *text, const char *why) {
  return err_set(err, ERR_USAGE, "bad target \"%.300s\": %s", text, why);
}

static int check_placeholders(const char *text, struct err *err) {
  for (const char *open = text; (open = strchr(open, '{')); open++) {
    const char *close = strchr(open, '}');
    if (!close)
      return bad(err, text, "a brace is not closed");
    if (find(open + 1, (size_t)(close - open - 1)) < PLACEHOLDERS)
      continue;
    char *word = mem_strndup(open + 1, (size_t)(close - open - 1));
    const char *nearest = text_nearest(word, names);
    char *hint = nearest ? mem_printf("did you mean {%s}?", nearest)
                         : mem_strdup("there are {host}, {path}, {name} and {tag}");
    char *why = mem_printf("unknown placeholder {%.50s}: %s", word, hint);
    bad(err, text, why);
    free(why);
    free(hint);
    free(word);
    return -ERR_USAGE;
  }
  return 0;
}

static int check(const struct target *target, struct err *err) {
  const char *text = target->text;
  if (strlen(text) > TEXT_MAX)
    return bad(err, text, "it is too long");
  if (strchr(text, '@'))
    return bad(err, text, "a target has no digest");
  int rc = check_placeholders(text, err);
  if (rc != 0)
    return rc;
  struct oci_ref ref,
      sample = {.repo = {.host = "host.example", .path = "path/name"}, .tag = "tag"};
  rc = target_expand(target, &sample, &ref, err);
  oci_ref_free(&ref);
  return rc;
}

int target_parse(const char *text, struct target **out, struct err *err) {
  struct target *target = mem_zalloc(sizeof *target);
  const char *start = text_starts(text, "docker://") ? text + strlen("docker://") : text;
  target->text = mem_strdup(text);
  target->pattern = mem_printf("%s%s", start, text_ends(start, "/") ? "{path}" : "");
  int rc = check(target, err);
  if (rc != 0) {
    target_free(target);
    target = NULL;
  }
  *out = target;
  return rc;
}

void target_free(struct target *target) {
  if (!target)
    return;
  free(target->text);
  free(target->pattern);
  free(target);
}

const char *target_text(const struct target *target) { return target->text; }

/* Behind the colon of a tag, or NULL. */
static const char *own_tag(const struct target *target) {
  const char *slash = strrchr(target->pattern, '/'), *colon = strrchr(target->pattern, ':');
  return colon && (!slash || colon > slash) ? colon + 1 : NULL;
}

bool target_has_fixed_tag(const struct target *target) {
  return own_tag(target) && !strstr(target->pattern, "{tag}");
}

bool target_has_repo_by_tag(const struct target *target) {
  const char *tag = strstr(target->pattern, "{tag}"), *own = own_tag(target);
  return tag && (!own || tag < own);
}

static void add_host(struct buf *buf, const char *host) {
  for (; *host; host++) {
    char c = *host == ':' ? '-' : *host;
    if (c >= 'A' && c <= 'Z')
      c = (char)(c + ('a' - 'A'));
    buf_add(buf, &c, 1);
  }
}

static void add_part(struct buf *buf, enum placeholder part, const struct oci_ref *source) {
  const char *path = source->repo.path, *slash = strrchr(path, '/');
  switch (part) {
  case HOST:
    add_host(buf, source->repo.host);
    break;
  case PATH:
    buf_adds(buf, path);
    break;
  case NAME:
    buf_adds(buf, slash ? slash + 1 : path);
    break;
  case TAG:
    buf_adds(buf, source->tag);
    break;
  case PLACEHOLDERS:
    break;
  }
}

static int check_repo(const struct target *target, const struct oci_ref *ref, struct err *err) {
  if (ref->transport != OCI_REGISTRY)
    return bad(err, target->text, "only registries can be targets");
  if (strcmp(ref->repo.host, "docker.io") != 0 || !text_starts(ref->repo.path, "library/"))
    return 0;
  return err_set(err, ERR_USAGE,
                 "bad target \"%.300s\": that is docker.io/%s, where only Docker publishes; the "
                 "registry's host stands in front, as in HOST/%s",
                 target->text, ref->repo.path, ref->repo.path + strlen("library/"));
}

int target_expand(const struct target *target, const struct oci_ref *source, struct oci_ref *ref,
                  struct err *err) {
  struct buf buf;
  *ref = (struct oci_ref){0};
  if (!source->tag && strstr(target->pattern, "{tag}"))
    return bad(err, target->text, "its source has no tag for {tag}");
  buf_init(&buf, SIZE_MAX);
  for (const char *at = target->pattern; *at;) {
    size_t plain = strcspn(at, "{");
    buf_add(&buf, at, plain);
    at += plain;
    if (*at) {
      size_t len = strcspn(at + 1, "}");
      add_part(&buf, find(at + 1, len), source);
      at += len + 2;
    }
  }
  int rc = oci_ref_parse(buf_str(&buf), ref, err);
  buf_free(&buf);
  if (rc != 0)
    return rc;
  if (!ref->tag && source->tag)
    ref->tag = mem_strdup(source->tag);
  else if (!ref->tag)
    ref->digest = source->digest;
  return check_repo(target, ref, err);
}

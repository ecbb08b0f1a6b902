#include "oci/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const char *const systems[] = {
    "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "illumos", "dragonfly",
    "aix",   "android", "ios",    "plan9",   "js",     "wasi",    "wasip1",  NULL};
static const char *const machines[] = {
    "amd64",  "arm64",  "arm",      "386",   "ppc64le", "s390x", "riscv64", "loong64", "mips",
    "mipsle", "mips64", "mips64le", "ppc64", "ppc",     "riscv", "s390",    "sparc64", "sparc",
    "wasm",   "x86_64", "x86-64",   "i386",  "aarch64", "armhf", "armel",   NULL};

/* Spellings of one thing. All that apply are taken, in this order. NULL: any, and it stays. */
static const struct spelling {
  const char *architecture, *variant, *new_architecture, *new_variant;
} spellings[] = {
    {"x86_64", NULL, "amd64", NULL},  {"x86-64", NULL, "amd64", NULL}, {"i386", NULL, "386", NULL},
    {"aarch64", NULL, "arm64", NULL}, {"armhf", "", "arm", "v7"},      {"armel", "", "arm", "v6"},
    {"arm", "5", "arm", "v5"},        {"arm", "6", "arm", "v6"},       {"arm", "7", "arm", "v7"},
    {"arm", "8", "arm", "v8"},        {"arm64", "8", "arm64", ""},     {"arm64", "v8", "arm64", ""},
    {"amd64", "v1", "amd64", ""},
};

static bool is_one_of(const char *word, const char *const *list) {
  while (*list && strcmp(word, *list) != 0)
    list++;
  return *list != NULL;
}

/* dst[room] = text; -1: it does not fit. */
static int put(char *dst, size_t room, const char *text) {
  int len = snprintf(dst, room, "%s", text);
  return len >= 0 && (size_t)len < room ? 0 : -1;
}

static void normalise(struct oci_platform *p) {
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    const struct spelling *s = &spellings[i];
    if (strcmp(p->architecture, s->architecture) != 0 ||
        (s->variant && strcmp(p->variant, s->variant) != 0))
      continue;
    put(p->architecture, sizeof p->architecture, s->new_architecture);
    if (s->new_variant)
      put(p->variant, sizeof p->variant, s->new_variant);
  }
}

int oci_platform_read(const char *os, const char *architecture, const char *variant,
                      const char *os_version, struct oci_platform *platform) {
  if (!os || !*os || !architecture || !*architecture ||
      put(platform->os, sizeof platform->os, os) < 0 ||
      put(platform->architecture, sizeof platform->architecture, architecture) < 0 ||
      put(platform->variant, sizeof platform->variant, variant ? variant : "") < 0 ||
      put(platform->os_version, sizeof platform->os_version, os_version ? os_version : "") < 0)
    return -1;
  normalise(platform);
  return 0;
}

/* "windows" may be asked for as 10.0.17763, which 10.0.17763.5122 is. */
static bool is_version(const char *wanted, const char *version) {
  size_t len = strlen(wanted);
  return strncmp(wanted, version, len) == 0 && (!len || !version[len] || version[len] == '.');
}

static bool same_machine(const struct oci_platform *wanted, const struct oci_platform *entry) {
  return strcmp(wanted->os, entry->os) == 0 &&
         strcmp(wanted->architecture, entry->architecture) == 0 &&
         is_version(wanted->os_version, entry->os_version);
}

static bool any_arm(const struct oci_platform *wanted) {
  return strcmp(wanted->architecture, "arm") == 0 && !wanted->variant[0];
}

bool oci_platform_fits(const struct oci_platform *wanted, const struct oci_platform *entry) {
  return same_machine(wanted, entry) &&
         strcmp(any_arm(wanted) ? "v7" : wanted->variant, entry->variant) == 0;
}

bool oci_platform_serves(const struct oci_platform *wanted, const struct oci_platform *entry) {
  return any_arm(wanted) && same_machine(wanted, entry);
}

char *oci_platform_format(char dst[OCI_PLATFORM_TEXT], const struct oci_platform *p) {
  snprintf(dst, OCI_PLATFORM_TEXT, "%s/%s%s%s%s%s", p->os, p->architecture,
           p->variant[0] ? "/" : "", p->variant, p->os_version[0] ? ":" : "", p->os_version);
  return dst;
}

/* -- what people write -- */

struct words {
  char text[OCI_PLATFORM_TEXT]; /* in small letters, cut at the slashes */
  const char *part[3];          /* NULL: missing */
  const char *os_version;       /* or NULL */
};

/* -1: it has not the shape of a platform, nor of a part of one. */
static int split(const char *text, struct words *w) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  *w = (struct words){.text = ""};
  if (put(w->text, sizeof w->text, text) < 0)
    return -1;
  for (char *c = w->text; *c; c++)
    *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
  char *version = strchr(w->text, ':');
  if (version) {
    *version++ = '\0';
    w->os_version = version;
    if (!*version || version[strspn(version, letters)])
      return -1;
  }
  char *at = w->text;
  for (size_t i = 0; at; i++) {
    char *slash = strchr(at, '/');
    if (slash)
      *slash++ = '\0';
    if (i == 3 || !*at || at[strspn(at, letters)])
      return -1;
    w->part[i] = at;
    at = slash;
  }
  return 0;
}

/* What was meant by "amd64", "amd64/linux", "Linux/AMD64", "linux/amd46": linux/amd64. A name that
 * is near no known one is meant as it is. */
static void guess(const struct words *w, char meant[OCI_PLATFORM_TEXT]) {
  const char *os = w->part[0], *machine = w->part[1], *variant = w->part[2];
  bool swapped = machine && is_one_of(os, machines) && is_one_of(machine, systems);
  if (swapped) {
    os = w->part[1];
    machine = w->part[0];
  } else if (!machine) {
    machine = text_nearest(os, machines);
    if (machine || !text_nearest(os, systems))
      os = "linux";
    if (!machine)
      machine = "amd64";
  }
  const char *near_os = text_nearest(os, systems), *near_machine = text_nearest(machine, machines);
  snprintf(meant, OCI_PLATFORM_TEXT, "%s/%s%s%s%s%s", near_os ? near_os : os,
           near_machine ? near_machine : machine, variant ? "/" : "", variant ? variant : "",
           w->os_version ? ":" : "", w->os_version ? w->os_version : "");
}

int oci_platform_parse(const char *text, struct oci_platform *platform, struct err *err) {
  struct words w;
  char meant[OCI_PLATFORM_TEXT] = "linux/amd64";
  bool shaped = split(text, &w) == 0;
  if (shaped)
    guess(&w, meant);
  if (!shaped || strcmp(meant, text) != 0)
    return err_set(err, ERR_USAGE,
                   "\"%.100s\" is no platform: OS/ARCH[/VARIANT] is wanted, such as %s", text,
                   meant);
  if (oci_platform_read(w.part[0], w.part[1], w.part[2], w.os_version, platform) < 0)
    return err_set(err, ERR_USAGE, "\"%.100s\" is no platform: a name in it is too long", text);
  return 0;
}

int oci_platforms_add(struct oci_platforms *platforms, const char *text, struct err *err) {
  struct oci_platform platform = {0};
  char ours[OCI_PLATFORM_TEXT], other[OCI_PLATFORM_TEXT];
  int rc = oci_platform_parse(text, &platform, err);
  if (rc < 0)
    return rc;
  oci_platform_format(ours, &platform);
  for (size_t i = 0; i < platforms->count; i++)
    if (strcmp(oci_platform_format(other, &platforms->items[i]), ours) == 0)
      return 0;
  platforms->items = mem_realloc(platforms->items, platforms->count + 1, sizeof *platforms->items);
  platforms->items[platforms->count++] = platform;
  return 0;
}

void oci_platforms_copy(struct oci_platforms *to, const struct oci_platforms *from) {
  *to = (struct oci_platforms){NULL, 0};
  if (!from->count)
    return;
  to->count = from->count;
  to->items = mem_realloc(NULL, to->count, sizeof *to->items);
  memcpy(to->items, from->items, to->count * sizeof *to->items);
}

void oci_platforms_free(struct oci_platforms *platforms) {
  free(platforms->items);
  *platforms = (struct oci_platforms){NULL, 0};
}

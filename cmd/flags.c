#include "flags.h"

#include <string.h>

#include "engine/dray.h"

enum { SECOND = 1000, HOUR = 60 * 60 * SECOND };

static const char *const formats[] = {
    [OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", [OUTPUT_NDJSON] = "ndjson", NULL};
static const char *const documents[] = {[OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", NULL};
static const char *const progresses[] = {[PROGRESS_AUTO] = "auto",
                                         [PROGRESS_BAR] = "bar",
                                         [PROGRESS_PLAIN] = "plain",
                                         [PROGRESS_NONE] = "none",
                                         NULL};

static const char *const log_formats[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};
static const char *const endings[] = {".html", ".md", ".xml", ".json", NULL};
static const char *const if_exists[] = {
    [DRAY_REPLACE] = "replace", [DRAY_SKIP] = "skip", [DRAY_FAIL] = "fail", NULL};

const struct flag flags[FLAGS] = {
    [FLAG_JOBS] = {.name = "jobs",
                   .alias = "concurrency",
                   .letter = 'j',
                   .kind = FLAG_NUMBER,
                   .group = GROUP_COPY | GROUP_VERIFY,
                   .value = "N",
                   .min = 1,
                   .max = 256,
                   .env = "DRAY_JOBS",
                   .help = "blobs above 256 KiB in flight at once"},
    [FLAG_MAX_CONNECTIONS] = {.name = "max-connections",
                              .kind = FLAG_NUMBER,
                              .group = GROUP_COPY | GROUP_VERIFY,
                              .value = "N",
                              .min = 2,
                              .max = 1024,
                              .help = "ceiling of connections to one host"},
    [FLAG_CHUNK_SIZE] = {.name = "chunk-size",
                         .kind = FLAG_SIZE,
                         .group = GROUP_COPY,
                         .value = "SIZE|auto",
                         .automatic = true,
                         .help = "upload in chunks of SIZE, such as 4MiB or 512k; auto picks by "
                                 "registry"},
    [FLAG_LIMIT_RATE] = {.name = "limit-rate",
                         .kind = FLAG_SIZE,
                         .group = GROUP_COPY | GROUP_VERIFY,
                         .value = "SIZE",
                         .help = "bytes per second, all transfers together"},
    [FLAG_PLATFORM] = {.name = "platform",
                       .kind = FLAG_TEXTS,
                       .group = GROUP_COPY,
                       .value = "OS/ARCH[/VARIANT]",
                       .help = "only this platform's own image; with several, an index of only "
                               "these, with another digest (default all)"},
    [FLAG_SPARSE] = {.name = "sparse",
                     .kind = FLAG_SWITCH,
                     .group = GROUP_COPY,
                     .help =
                         "with --platform: the index stays as it is, and only these are copied"},
    [FLAG_REFERRERS] = {.name = "referrers",
                        .kind = FLAG_SWITCH,
                        .negatable = true,
                        .group = GROUP_COPY,
                        .help = "signatures, SBOMs and attestations that refer to the image and to "
                                "an index's children are copied too"},
    [FLAG_IF_EXISTS] = {.name = "if-exists",
                        .kind = FLAG_CHOICE,
                        .group = GROUP_COPY,
                        .value = "replace|skip|fail",
                        .choices = if_exists,
                        .help = "a target tag that points elsewhere"},
    [FLAG_DEADLINE] = {.name = "deadline",
                       .kind = FLAG_DURATION,
                       .group = GROUP_COPY | GROUP_VERIFY,
                       .value = "DUR",
                       .min = 1,
                       .max = 30 * 24 * (int64_t)HOUR,
                       .help = "end cleanly after DUR; another run goes on from there"},
    [FLAG_STATE] = {.name = "state",
                    .kind = FLAG_TEXT,
                    .group = GROUP_COPY,
                    .value = "FILE|none",
                    .help = "where partial transfers are remembered from run to run "
                            "(default $XDG_STATE_HOME/dray/state.db)"},
    [FLAG_DRY_RUN] = {.name = "dry-run",
                      .kind = FLAG_SWITCH,
                      .group = GROUP_COPY,
                      .help = "say what would be copied, how many bytes, and how many metered "
                              "pulls of the source it takes"},
    [FLAG_FAIL_FAST] = {.name = "fail-fast",
                        .kind = FLAG_SWITCH,
                        .group = GROUP_COPY,
                        .help = "stop at the first failed image; otherwise the others go on"},
    [FLAG_ALL_TAGS] = {.name = "all-tags",
                       .kind = FLAG_SWITCH,
                       .group = GROUP_IMAGES,
                       .help = "copy the tags of a repository: SRC-REPO DST-REPO [DST-REPO...]"},
    [FLAG_FROM_FILE] = {.name = "from-file",
                        .kind = FLAG_TEXT,
                        .group = GROUP_IMAGES,
                        .value = "FILE",
                        .help = "copy each line of FILE, SRC DST [DST...]; - is standard input"},
    [FLAG_CHECK] = {.name = "check",
                    .kind = FLAG_SWITCH,
                    .group = GROUP_SYNC,
                    .help = "change nothing, and end with 3 where something is to be done"},
    [FLAG_DELETE] = {.name = "delete",
                     .kind = FLAG_SWITCH,
                     .group = GROUP_SYNC,
                     .help = "let 'delete: true' act; otherwise it is only reported"},
    [FLAG_DELETE_MAX] = {.name = "delete-max",
                         .kind = FLAG_NUMBER,
                         .group = GROUP_SYNC,
                         .value = "PERCENT",
                         .min = 0,
                         .max = 100,
                         .help = "delete nothing of a repository where more than 10 tags, and more "
                                 "than so many of its own, would go"},
    [FLAG_SHARD] = {.name = "shard",
                    .kind = FLAG_TEXT,
                    .group = GROUP_SYNC,
                    .value = "I/N|auto",
                    .help = "only the I-th of N parts that together are everything; auto takes "
                            "both from the CI's variables"},
    [FLAG_SHARDS] = {.name = "shards",
                     .kind = FLAG_NUMBER,
                     .group = GROUP_SYNC,
                     .value = "N",
                     .min = 1,
                     .max = 10000,
                     .help = "with --shard auto: N, where JOB_COMPLETION_INDEX is I"},
    [FLAG_LOCK] = {.name = "lock",
                   .kind = FLAG_TEXT,
                   .group = GROUP_SYNC,
                   .value = "FILE",
                   .help = "write down which digest each mirrored image has"},
    [FLAG_LOCKED] = {.name = "locked",
                     .kind = FLAG_SWITCH,
                     .group = GROUP_SYNC,
                     .help = "copy the digests that the lock file has, whatever the tags are now"},
    [FLAG_TO] = {.name = "to",
                 .kind = FLAG_TEXT,
                 .group = GROUP_SYNC,
                 .value = "TARGET/",
                 .help = "of a file of skopeo sync: images go to TARGET/NAME"},
    [FLAG_SCOPED] = {.name = "scoped",
                     .kind = FLAG_SWITCH,
                     .group = GROUP_SYNC,
                     .help = "of a file of skopeo sync: images go to TARGET/HOST/PATH"},
    [FLAG_AUTH] = {.name = "auth",
                   .kind = FLAG_TEXT,
                   .group = GROUP_SYNC,
                   .value = "FILE",
                   .help = "of a file of image-syncer: its file of logins"},
    [FLAG_TAGS] = {.name = "tags",
                   .kind = FLAG_TEXTS,
                   .group = GROUP_TAGS,
                   .value = "PATTERN",
                   .help = "only tags that it fits"},
    [FLAG_EXCLUDE] = {.name = "exclude",
                      .kind = FLAG_TEXTS,
                      .group = GROUP_TAGS,
                      .value = "PATTERN",
                      .help = "no tags that it fits"},
    [FLAG_NEWEST] = {.name = "newest",
                     .kind = FLAG_NUMBER,
                     .group = GROUP_TAGS,
                     .value = "N",
                     .min = 1,
                     .max = 1000000,
                     .help = "only the last N versions of these"},
    [FLAG_DEEP] = {.name = "deep",
                   .kind = FLAG_SWITCH,
                   .group = GROUP_VERIFY,
                   .help = "read every byte of both sides and check the digests"},
    [FLAG_USER] = {.name = "user",
                   .alias = "username",
                   .letter = 'u',
                   .kind = FLAG_TEXT,
                   .group = GROUP_LOGIN,
                   .value = "USER",
                   .help = "whose credentials these are; asked for on a terminal"},
    [FLAG_PASSWORD_STDIN] = {.name = "password-stdin",
                             .kind = FLAG_SWITCH,
                             .group = GROUP_LOGIN,
                             .help = "read the password, or token, from standard input"},
    [FLAG_PASSWORD] = {.name = "password",
                       .letter = 'p',
                       .kind = FLAG_TEXT,
                       .group = GROUP_LOGIN,
                       .value = "",
                       .refusal = "a command line can be read by everybody on the machine: give "
                                  "the password by --password-stdin, or at the prompt"},
    [FLAG_OUTPUT] = {.name = "output",
                     .letter = 'o',
                     .kind = FLAG_CHOICE,
                     .group = GROUP_COPY,
                     .value = "text|json|ndjson",
                     .choices = formats,
                     .help = "stdout: a summary, one JSON document at the end, or a JSON object a "
                             "line as things happen"},
    [FLAG_RESULT] = {.name = "output",
                     .letter = 'o',
                     .kind = FLAG_CHOICE,
                     .group = GROUP_VERIFY | GROUP_INSPECT,
                     .value = "text|json",
                     .choices = documents,
                     .help = "stdout: text, or a JSON document"},
    [FLAG_PROGRESS] = {.name = "progress",
                       .kind = FLAG_CHOICE,
                       .group = GROUP_COPY | GROUP_VERIFY,
                       .value = "auto|bar|plain|none",
                       .choices = progresses,
                       .help = "stderr: bars on a terminal, elsewhere a line every 10 s, and with "
                               "-o json one an image; or nothing"},
    [FLAG_REPORT] = {.name = "report",
                     .kind = FLAG_REPORTS,
                     .group = GROUP_COPY,
                     .value = "FILE",
                     .choices = endings,
                     .help = "what was copied, as the ending says: .html a page, .md a table, "
                             ".xml JUnit, .json the result document"},
    [FLAG_LOG_FORMAT] = {.name = "log-format",
                         .kind = FLAG_CHOICE,
                         .group = GROUP_CONNECTION,
                         .value = "text|json",
                         .choices = log_formats,
                         .help = "stderr: lines for people, or a JSON object a line"},
    [FLAG_RETRIES] = {.name = "retries",
                      .kind = FLAG_NUMBER,
                      .group = GROUP_CONNECTION,
                      .value = "N",
                      .min = 0,
                      .max = 100,
                      .help = "attempts after the first for one request without progress"},
    [FLAG_STALL_TIMEOUT] = {.name = "stall-timeout",
                            .kind = FLAG_DURATION,
                            .group = GROUP_CONNECTION,
                            .value = "DUR",
                            .min = SECOND,
                            .max = 24 * HOUR,
                            .help = "give a silent transfer up and try again"},
    [FLAG_CONNECT_TIMEOUT] = {.name = "connect-timeout",
                              .kind = FLAG_DURATION,
                              .group = GROUP_CONNECTION,
                              .value = "DUR",
                              .min = 1,
                              .max = HOUR,
                              .help = "give a connection up that does not come about"},
    [FLAG_PLAIN_HTTP] = {.name = "plain-http",
                         .kind = FLAG_HOSTS,
                         .group = GROUP_CONNECTION,
                         .value = "HOST",
                         .help = "no TLS for this host"},
    [FLAG_TLS] = {.name = "tls",
                  .kind = FLAG_HOSTS,
                  .group = GROUP_CONNECTION,
                  .value = "HOST",
                  .help = "TLS for this loopback host"},
    [FLAG_INSECURE] = {.name = "insecure",
                       .kind = FLAG_HOSTS,
                       .group = GROUP_CONNECTION,
                       .value = "HOST",
                       .help = "TLS for this host without checking who it is"},
    [FLAG_CA_FILE] = {.name = "ca-file",
                      .kind = FLAG_TEXTS,
                      .group = GROUP_CONNECTION,
                      .value = "FILE",
                      .help = "trust the authorities in this PEM file too"},
    [FLAG_AUTHFILE] = {.name = "authfile",
                       .kind = FLAG_TEXT,
                       .group = GROUP_CONNECTION,
                       .value = "FILE",
                       .help = "credentials, from this file alone"},
    [FLAG_QUIET] = {.name = "quiet",
                    .letter = 'q',
                    .kind = FLAG_SWITCH,
                    .group = GROUP_CONNECTION,
                    .help = "only errors"},
    [FLAG_VERBOSE] = {.name = "verbose",
                      .letter = 'v',
                      .kind = FLAG_SWITCH,
                      .group = GROUP_CONNECTION,
                      .env = "RUNNER_DEBUG",
                      .help = "every request, on stderr"},
    [FLAG_HELP] = {.name = "help",
                   .letter = 'h',
                   .kind = FLAG_SWITCH,
                   .group = GROUP_EVERY,
                   .help = "this text"},
};

bool flags_known(const struct command *command, enum flag_id id) {
  return command->groups & flags[id].group;
}

static bool is_name(const char *name, const char *word, size_t len) {
  return name && strlen(name) == len && memcmp(name, word, len) == 0;
}

bool flags_negates(enum flag_id id, const char *name, size_t len) {
  return flags[id].negatable && len > 3 && memcmp(name, "no-", 3) == 0 &&
         is_name(flags[id].name, name + 3, len - 3);
}

enum flag_id flags_find(const struct command *command, const char *name, size_t len) {
  enum flag_id id = 0;
  while (id < FLAGS && !(flags_known(command, id) &&
                         (is_name(flags[id].name, name, len) ||
                          is_name(flags[id].alias, name, len) || flags_negates(id, name, len))))
    id++;
  return id;
}

enum flag_id flags_find_letter(const struct command *command, char letter) {
  enum flag_id id = 0;
  while (id < FLAGS && !(flags_known(command, id) && flags[id].letter == letter))
    id++;
  return id;
}

const char *flags_nearest(const struct command *command, const char *name) {
  const char *names[2 * FLAGS + 1] = {NULL};
  size_t count = 0;
  for (enum flag_id id = 0; id < FLAGS; id++) {
    if (!flags_known(command, id) || flags[id].refusal)
      continue;
    names[count++] = flags[id].name;
    if (flags[id].alias)
      names[count++] = flags[id].alias;
  }
  const char *nearest = dray_nearest(name, names);
  /* Other programs take "--connect" for "--connect-timeout". */
  size_t len = strlen(name);
  for (size_t i = 0; !nearest && len >= 3 && i < count; i++)
    if (strncmp(names[i], name, len) == 0)
      nearest = names[i];
  return nearest;
}

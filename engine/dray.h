/* engine/dray.h - the one public face of the engine: options in, one stream of events out.
 * No other header of the engine is for outsiders. Nothing is global: several engines may live in
 * one process, each used by one thread at a time. All text given out is printable UTF-8. */
#ifndef DRAY_H
#define DRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status of a command, as documented. */
enum dray_status {
  DRAY_OK = 0,
  DRAY_FAILED = 1,     /* at least one image failed */
  DRAY_USAGE = 2,      /* usage or configuration error, before anything was sent */
  DRAY_DIFFERENT = 3,  /* verify, sync --check */
  DRAY_SIGNALLED = 128 /* + the signal's number */
};

struct dray_error {
  const char *code;    /* "not_found", "unauthorized", …; never NULL */
  const char *message; /* which image, which host, what happened, what to do */
  const char *host;    /* HOST[:PORT], or NULL */
  int http_status;     /* 0: none */
};

enum dray_log_level { DRAY_LOG_ERROR, DRAY_LOG_WARN, DRAY_LOG_INFO, DRAY_LOG_DEBUG };

enum dray_event_kind {
  DRAY_EVENT_START,  /* a command begins */
  DRAY_EVENT_PLAN,   /* an image is resolved */
  DRAY_EVENT_BLOB,   /* a blob is at the target: sent, mounted, or found there */
  DRAY_EVENT_RETRY,  /* a request is tried again */
  DRAY_EVENT_IMAGE,  /* an image has ended, well or not */
  DRAY_EVENT_LOG,    /* a line for people */
  DRAY_EVENT_TICK,   /* about ten times a second while anything runs */
  DRAY_EVENT_SIGNAL, /* SIGINT or SIGTERM came: the run is being stopped */
  DRAY_EVENT_END     /* the command has ended */
};

enum dray_image_status {
  DRAY_COPIED,
  DRAY_UNCHANGED,
  DRAY_IMAGE_FAILED,
  DRAY_SKIPPED,
  DRAY_DELETED,
  DRAY_PLANNED
};

/* The result document's names of them: "copied" … "planned". */
const char *dray_image_status_name(enum dray_image_status status);

struct dray_image {
  const char *source, *target; /* as people write them */
  const char *digest;          /* what the target has now; "" while unknown */
  const char *source_digest;   /* another one where only some platforms were copied; likewise */
  const char *media_type;      /* "" while unknown */
  enum dray_image_status status;
  uint64_t bytes;         /* blob bytes sent to the target */
  uint64_t planned_bytes; /* dry run: what would be sent at most */
  uint64_t pulls;         /* dry run: manifest GETs of the source (metered by some registries) */
  double seconds;
  unsigned transferred, mounted, existing; /* blobs; in a dry run transferred is what would be */
  unsigned resumed;               /* of those transferred: where an earlier run had stopped */
  const struct dray_error *error; /* NULL: none */
};

struct dray_totals {
  uint64_t images, copied, unchanged, failed, skipped, deleted, planned;
  uint64_t bytes, planned_bytes, pulls;
  uint64_t requests; /* every one sent: tokens, redirects, retries too */
  uint64_t retries;
  double seconds;
};

/* All that is pointed to is valid during the call only. */
struct dray_event {
  enum dray_event_kind kind;
  union {
    struct {
      const char *source, *target, *digest;
      unsigned manifests, blobs;
      uint64_t bytes; /* of all its blobs */
    } plan;
    struct {
      const char *from, *to; /* hosts; from is NULL where nothing was read */
      const char *digest;
      uint64_t size, offset; /* offset: where a resumed transfer began */
      bool resumed, mounted, existed;
      double began, seconds; /* since the call began; how long it took */
    } blob;
    struct {
      const char *host, *what, *reason; /* what: "GET /v2/…" */
      unsigned attempt;                 /* the one that failed, from 1 */
      int64_t wait_ms;
    } retry;
    const struct dray_image *image;
    struct {
      enum dray_log_level level;
      const char *text; /* one line */
    } log;
    struct {
      struct dray_totals totals; /* so far */
      uint64_t known_images;     /* found so far; grows while listing goes on */
      uint64_t known_bytes;      /* of the blobs planned so far; grows while planning goes on */
      uint64_t moved_bytes;      /* sent so far, blobs under way included */
      unsigned active;           /* blobs under way */
    } tick;
    int signal;
    struct dray_totals end;
  } u;
};

/* Runs on the thread that is in a dray_… call, and must not call the engine. */
typedef void dray_event_fn(void *arg, const struct dray_event *event);

/* What becomes of a target tag that points elsewhere. */
enum dray_if_exists { DRAY_REPLACE, DRAY_SKIP, DRAY_FAIL };

/* What refers to an image (signatures, SBOMs, attestations) may be brought after it. */
enum dray_referrers {
  DRAY_REFERRERS_BY_FILE, /* where a mirror file says so */
  DRAY_REFERRERS,
  DRAY_NO_REFERRERS
};

struct dray_options {
  int jobs;                 /* 1..256; large blobs in flight */
  int max_connections;      /* 2..1024, to one host */
  int64_t chunk_size;       /* bytes; 0: by registry */
  int retries;              /* 0..100 */
  int64_t stall_timeout_ms; /* >= 1000 */
  int64_t connect_timeout_ms;
  int64_t limit_rate;  /* bytes per second, all transfers together; 0: none */
  int64_t deadline_ms; /* a run ends cleanly after that; 0: none */
  const char *state;   /* the file where partial transfers are remembered; NULL: none */
  bool dry_run;
  const char *const *platforms; /* OS/ARCH[/VARIANT], NULL at the end; NULL or none: all, or those
                                   that a mirror file names */
  bool sparse; /* with platforms: an index stays as it is, only its wanted children are copied */
  enum dray_if_exists if_exists;
  enum dray_referrers referrers;
  bool fail_fast;                /* the first failed image ends the run; else the others go on */
  const char *const *plain_http; /* hosts (HOST[:PORT]), NULL at the end; NULL: none */
  const char *const *tls;
  const char *const *insecure;
  const char *const *ca_files;
  const char *authfile;
  bool authfile_may_be_missing; /* dray_login() will make it */
  enum dray_log_level log_level;
  bool signals; /* SIGINT and SIGTERM end the running call cleanly; a second one ends the process */
  const char *(*getenv)(void *arg, const char *name); /* NULL: the process's environment */
  void *getenv_arg;
  dray_event_fn *event; /* may be NULL */
  void *event_arg;
};
/* The documented defaults, DRAY_JOBS not read. */
void dray_options_init(struct dray_options *options);

struct dray;

/* Reads credentials and CA files; sends nothing. Options are copied, strings too.
 * NULL: *error says why (valid until the next dray_new() with the same struct; free with
 * dray_error_free). It is always a configuration error: exit status 2. */
struct dray *dray_new(const struct dray_options *options, struct dray_error *error);
void dray_error_free(struct dray_error *error);
void dray_free(struct dray *dray);

struct dray_copy {
  const char *source;
  const char *const *targets; /* at least one, NULL at the end */
};

/* Copies; ends when all have ended. References are checked before anything is sent: DRAY_USAGE,
 * with the reason in dray_last_error(). Otherwise failures are in the IMAGE events. */
enum dray_status dray_copy(struct dray *dray, const struct dray_copy *copies, size_t count);

/* The manifest's bytes as received (*data the caller's, for free()), its digest, its media type. */
enum dray_status dray_manifest(struct dray *dray, const char *ref, char **data, size_t *len);
/* *digest is the caller's. */
enum dray_status dray_digest(struct dray *dray, const char *ref, char **digest);
/* Which tags: those that one of include fits (without any: all) and none of exclude; of these, with
 * newest above 0, only the last so many versions. A pattern is a version range (">=1.8 <2") where it
 * begins with one of < > = ^ ~, a regular expression between slashes, else a glob. */
struct dray_selection {
  const char *const *include, *const *exclude; /* NULL at the end; NULL: none */
  int64_t newest;
};
/* selection: NULL is all. *tags: NULL-terminated, in semantic-version order, then by name; one
 * allocation for free(). A wrong pattern is DRAY_USAGE, before anything is sent. */
enum dray_status dray_tags(struct dray *dray, const char *repo,
                           const struct dray_selection *selection, char ***tags);

/* A repository's tags to each of targets (repositories, NULL at the end; placeholders as in a mirror
 * file). Before anything is sent: DRAY_USAGE, as dray_copy(). */
enum dray_status dray_copy_tags(struct dray *dray, const char *source, const char *const *targets,
                                const struct dray_selection *selection);
/* Lines of `SRC DST [DST…]`, of a file or ("-") standard input; # begins a comment. */
enum dray_status dray_copy_list(struct dray *dray, const char *path);

/* The rules of mirror files, together. */
struct dray_sync {
  const char *const *files; /* at least one, NULL at the end; "-" is standard input */
  /* For files of skopeo sync and image-syncer. */
  const char *to;    /* where a skopeo file's images go; NULL: not given */
  bool scoped;       /* … below their registry and path */
  const char *auth;  /* image-syncer's file of logins; NULL: none */
  bool check;        /* with dray_options.dry_run: DRAY_DIFFERENT where something is to be done */
  bool delete;       /* let `delete: true` act; otherwise such tags are only told of */
  int delete_max;    /* per cent of a repository's tags, where more than 10 would go */
  const char *shard; /* "I/N", "auto"; NULL: all */
  int shards;        /* with "auto": N, where the environment has only I; 0: not given */
  const char *lock;  /* the lock file; NULL: none */
  bool locked;       /* copy what it says, and leave it alone */
};
/* Must be the engine's first call, since the files say how registries are spoken to. Before anything
 * is sent: DRAY_USAGE, with FILE:LINE:COLUMN in dray_last_error(). */
enum dray_status dray_sync(struct dray *dray, const struct dray_sync *sync);

/* -- looking closer -- */

enum { DRAY_DIFFERENCES_SHOWN = 100 };

/* What the target lacks, or has otherwise than the source. */
struct dray_difference {
  const char *part;    /* "image", "manifest", "blob" */
  const char *problem; /* "missing"; "other": the image is another one; "corrupt" */
  const char *digest;  /* the source's */
  const char *text;    /* all of it in a line for people */
};

struct dray_verified {
  const char *source, *target; /* as people write them */
  const char *digest;          /* of the source; "" while unknown */
  const char *target_digest;   /* "" while unknown, and where it is missing */
  bool deep;
  unsigned manifests, blobs; /* compared; each digest once */
  uint64_t bytes;            /* of these blobs */
  double seconds;
  size_t differences;                  /* all of them */
  const struct dray_difference *shown; /* the first, at most DRAY_DIFFERENCES_SHOWN */
  size_t shown_count;
};

/* Is all that source's image reaches at target, under the same digest? deep: every byte is read on
 * both sides. DRAY_DIFFERENT: no. DRAY_FAILED: not everything could be compared; *verified has what
 * was found until then. *verified: NULL with DRAY_USAGE, else for dray_verified_free(). */
enum dray_status dray_verify(struct dray *dray, const char *source, const char *target, bool deep,
                             struct dray_verified **verified);
void dray_verified_free(struct dray_verified *verified);
/* The document of it; error: why it failed, or NULL. The caller's; ends with a newline. */
char *dray_verified_json(const struct dray_verified *verified, const struct dray_error *error);

struct dray_annotation {
  const char *name, *value;
};

/* How an image was made, in the words of its config. */
struct dray_step {
  const char *created, *created_by, *comment;
  bool empty; /* it made no layer */
};

/* A manifest or a blob. Text is "" where it is not told. */
struct dray_part {
  const char *media_type, *artifact_type, *digest;
  const char *platform; /* OS/ARCH[/VARIANT][:OS-VERSION] */
  const char *subject;  /* the digest of what it refers to */
  const char *tag;      /* of a referrer that only a tag of cosign's leads to */
  uint64_t size;        /* bytes of itself */
  uint64_t bytes;       /* of the blobs below, each once */
  bool is_manifest, is_index;
  bool is_foreign;                           /* a layer that stays where its urls point */
  bool is_missing;                           /* a manifest that is listed, but is not there */
  const struct dray_annotation *annotations; /* its own, then what its descriptor adds */
  size_t annotation_count;
  const struct dray_part *parts; /* an index's manifests; an image's config, then its layers */
  size_t part_count;
  const char *created;             /* with `details`, of an image */
  const struct dray_step *history; /* likewise */
  size_t history_count;
};

struct dray_inspected {
  const char *reference; /* as people write it */
  struct dray_part image;
  const char *referrers_from; /* "api"; "tag": the fallback tag; "": they could not be listed */
  const struct dray_part *referrers;
  size_t referrer_count;
};

/* An image with all that its manifests say. details: its configs are read, too. *inspected: NULL
 * unless DRAY_OK; for dray_inspected_free(). */
enum dray_status dray_inspect(struct dray *dray, const char *ref, bool details,
                              struct dray_inspected **inspected);
void dray_inspected_free(struct dray_inspected *inspected);
/* The document of it; the caller's; ends with a newline. */
char *dray_inspected_json(const struct dray_inspected *inspected);

/* -- credentials -- */

struct dray_login {
  const char *registry; /* HOST[:PORT]; a URL's scheme and path say nothing */
  const char *user;
  const char *password;
};

/* Checks the credentials against the registry, then keeps them where docker's are: in authfile, else
 * the file that REGISTRY_AUTH_FILE names, else docker's config.json, or with the helper program that
 * the file names. *place, the caller's, says which of them it was. DRAY_FAILED: nothing was kept. */
enum dray_status dray_login(struct dray *dray, const struct dray_login *login, char **place);
/* Forgets them there. *place: NULL where there were none, which is DRAY_OK. */
enum dray_status dray_logout(struct dray *dray, const char *registry, char **place);

/* Why the last call failed; valid until the next one. NULL: it did not. */
const struct dray_error *dray_last_error(const struct dray *dray);

/* An event as the line of JSON that is documented, with a newline; the caller's. NULL: events of this
 * kind are not told so. In a dry run the last one has planned_bytes and pulls in its totals. */
char *dray_event_json(const struct dray_event *event, bool dry_run);

/* The result document and the totals, gathered from events: hand it each one. A dry run's document
 * has planned_bytes and pulls in its totals. */
struct dray_report;
struct dray_report *dray_report_new(bool dry_run);
void dray_report_add(struct dray_report *report, const struct dray_event *event);
char *dray_report_json(const struct dray_report *report); /* the caller's; ends with a newline */
void dray_report_free(struct dray_report *report);

/* For command lines. dray_parse_*: 0, or -1 where the text is none.
 * dray_nearest: the likeliest of candidates (NULL at the end), or NULL. */
int dray_parse_size(const char *text, int64_t *bytes);
int dray_parse_duration(const char *text, int64_t *ms);
int dray_parse_number(const char *text, int64_t min, int64_t max, int64_t *value);
const char *dray_nearest(const char *word, const char *const *candidates);
char *dray_format_bytes(char dst[64], uint64_t bytes);
/* $XDG_STATE_HOME/dray/state.db, else ~/.local/state/dray/state.db; the caller's. NULL: there is no
 * HOME. */
char *dray_default_state(void);

/* "libcurl/7.88.1 BoringSSL … SQLite/3.40.1 …": the libraries inside; the caller's. */
char *dray_libraries(void);

#endif

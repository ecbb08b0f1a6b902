#include "transfer/referrers_copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/referrers.h"
#include "oci/registry.h"
#include "transfer/digest_tags.h"
#include "transfer/referrer_list.h"
#include "transfer/referrer_tag.h"
#include "transfer/tag_look.h"

enum { AT_WORK = 16, LEVELS_MAX = 8, SUBJECTS_MAX = 20000 };

enum copy_state {
  COPY_TAGS, /* which of the source's are made from digests? */
  COPY_WORK,
  COPY_END
};

enum subject_state {
  SUBJECT_READ,    /* an index: its children are subjects too */
  SUBJECT_LIST,    /* what refers to it at the source … */
  SUBJECT_COMPARE, /* … and at each target */
  SUBJECT_COPY,    /* what is missing */
  SUBJECT_TELL,    /* those who would not list it by themselves */
  SUBJECT_END
};

/* A manifest at a target. */
struct side {
  struct subject *subject;
  struct referrer_list *list;
  struct referrer_tag *tag;
  struct oci_referrers there;
  bool api;
  bool lacks; /* some of what was found */
};

/* A manifest that may be referred to. */
struct subject {
  struct list node; /* copy->subjects, while it waits for its turn */
  struct ready ready;
  struct referrers_copy *copy;
  enum subject_state state;
  struct oci_digest digest;
  int level;     /* 0: of the image itself */
  bool is_index; /* that is to be read */
  struct call *call;
  struct referrer_list *list;
  struct oci_referrers found;
  struct side *sides; /* by target; NULL: nothing was found */
  size_t open;        /* that its state waits for */
};

/* A referrer, or a tag of cosign's, on its way to those targets that lack it. */
struct errand {
  struct list node; /* copy->waiting, then copy->running */
  struct subject *subject;
  bool uncertain; /* there may be no such tag */
  bool whole;     /* HEAD is not known there: GET it */
  struct call *call;
  struct image_copy *image;
  char *tag; /* NULL: a referrer, by its digest */
  struct oci_ref src;
  size_t count;
  struct oci_ref dst[IMAGE_TARGETS_MAX];
  struct image_target targets[IMAGE_TARGETS_MAX];
  size_t which[IMAGE_TARGETS_MAX]; /* of the copy's targets */
};

struct target {
  bool changed;
  struct manifest_counts counts;
  struct err err;
};

struct referrers_copy {
  struct referrers_copy_spec spec;
  struct ready ready;
  enum copy_state state;
  struct digest_tags_wait tags;
  struct map *all;      /* digest → subject */
  struct list subjects; /* that wait for their turn */
  size_t at_work;       /* subjects */
  bool answered;        /* the source, once: from then on it is known whether it has the API */
  struct list waiting, running; /* errands */
  size_t errands;               /* that run */
  size_t open;                  /* calls and jobs under way */
  bool failed;
  struct target targets[IMAGE_TARGETS_MAX];
};

static void wake(struct referrers_copy *copy) {
  loop_ready(copy->spec.transfer->loop, &copy->ready);
}

static void become(struct referrers_copy *copy, enum copy_state state) {
  copy->state = state;
  wake(copy);
}

static void subject_become(struct subject *subject, enum subject_state state) {
  subject->state = state;
  loop_ready(subject->copy->spec.transfer->loop, &subject->ready);
}

/* -- failure -- */

static void cancel_subject(struct subject *subject) {
  ready_cancel(&subject->ready);
  if (subject->call)
    call_cancel(subject->call);
  if (subject->list)
    referrer_list_cancel(subject->list);
  for (size_t i = 0; subject->sides && i < subject->copy->spec.target_count; i++) {
    if (subject->sides[i].list)
      referrer_list_cancel(subject->sides[i].list);
    if (subject->sides[i].tag)
      referrer_tag_cancel(subject->sides[i].tag);
  }
}

static void cancel_all(struct referrers_copy *copy) {
  void *subject;
  copy->failed = true;
  if (copy->state == COPY_TAGS && copy->open)
    digest_tags_cancel(&copy->tags);
  for (size_t i = 0; map_next(copy->all, &i, NULL, &subject);)
    cancel_subject(subject);
  list_each(node, &copy->running) {
    struct errand *errand = list_entry(node, struct errand, node);
    if (errand->call)
      call_cancel(errand->call);
    else if (errand->image)
      image_copy_cancel(errand->image);
  }
  wake(copy);
}

/* The first reason is kept. */
static void target_fail(struct referrers_copy *copy, size_t target, const struct err *err) {
  size_t left = 0;
  if (copy->targets[target].err.code == ERR_NONE)
    copy->targets[target].err = *err;
  for (size_t i = 0; i < copy->spec.target_count; i++)
    left += copy->targets[i].err.code == ERR_NONE;
  if (!left && !copy->failed)
    cancel_all(copy);
}

static void fail(struct referrers_copy *copy, const struct err *err) {
  for (size_t i = 0; i < copy->spec.target_count; i++)
    target_fail(copy, i, err);
}

/* A call or a job has ended. False: that does not matter any more. */
static bool closed(struct referrers_copy *copy) {
  copy->open--;
  if (copy->failed)
    wake(copy);
  return !copy->failed;
}

/* One of those that the subject's state waits for. */
static void subject_closed(struct subject *subject, enum subject_state next) {
  if (--subject->open == 0)
    subject_become(subject, next);
}

/* -- subjects -- */

static void add_subject(struct referrers_copy *copy, const struct oci_digest *digest, int level,
                        bool is_index);

static void on_subject(struct ready *ready);

static void add_children(struct referrers_copy *copy, const struct oci_manifest *parsed,
                         const bool *kept) {
  for (size_t i = 0; parsed->kind == OCI_INDEX && i < parsed->count; i++) {
    const char *type = parsed->items[i].media_type;
    if (parsed->items[i].is_manifest && (!kept || kept[i]))
      add_subject(copy, &parsed->items[i].digest, 0, oci_type_is_index(type));
  }
}

static void add_subject(struct referrers_copy *copy, const struct oci_digest *digest, int level,
                        bool is_index) {
  struct err err;
  if (map_get(copy->all, digest->text))
    return;
  if (level > LEVELS_MAX || map_count(copy->all) == SUBJECTS_MAX) {
    err_set(&err, ERR_TOO_LARGE,
            "%s: what refers to the image is itself referred to more than %d levels deep, or there "
            "are more than %d manifests",
            copy->spec.src->host, LEVELS_MAX, SUBJECTS_MAX);
    fail(copy, &err);
    return;
  }
  struct subject *subject = mem_zalloc(sizeof *subject);
  subject->copy = copy;
  subject->digest = *digest;
  subject->level = level;
  subject->is_index = is_index;
  ready_init(&subject->ready, on_subject);
  map_put(copy->all, digest->text, subject);
  list_push(&copy->subjects, &subject->node);
  wake(copy);
}

static void on_read(void *arg, const struct call_result *result) {
  struct subject *subject = arg;
  struct referrers_copy *copy = subject->copy;
  const struct http_reply *reply = result->reply;
  const char *host = copy->spec.readable->host;
  struct oci_manifest *parsed;
  struct err err;
  subject->call = NULL;
  if (!closed(copy))
    return;
  if (oci_answer(result, host, subject->digest.text, &err) < 0 ||
      oci_manifest_check(host, &subject->digest, -1, http_header(reply, "Content-Type"),
                         buf_str(&reply->body), reply->body.len, &parsed, &err) < 0) {
    fail(copy, &err);
    return;
  }
  add_children(copy, parsed, NULL);
  oci_manifest_free(parsed);
  if (!copy->failed)
    subject_become(subject, SUBJECT_LIST);
}

static void read_index(struct subject *subject) {
  const struct referrers_copy_spec *spec = &subject->copy->spec;
  subject->copy->open++;
  subject->call = tag_ask(spec->transfer, spec->readable, subject->digest.text, "GET", spec->push,
                          on_read, subject);
}

static void on_listed(void *arg, const struct referrer_list_result *result) {
  struct subject *subject = arg;
  struct referrers_copy *copy = subject->copy;
  subject->list = NULL;
  if (!closed(copy))
    return;
  copy->answered = true;
  wake(copy);
  if (result->err) {
    fail(copy, result->err);
    return;
  }
  subject->found = *result->found;
  *result->found = (struct oci_referrers){NULL, 0};
  for (size_t i = 0; i < subject->found.count && !copy->failed; i++)
    add_subject(copy, &subject->found.items[i].digest, subject->level + 1, false);
  if (!copy->failed)
    subject_become(subject, subject->found.count ? SUBJECT_COMPARE : SUBJECT_COPY);
}

static enum digest_tag find_tag(const struct referrers_copy *copy, const char *tag) {
  return digest_tags_find(copy->spec.transfer->digest_tags, copy->spec.src, tag);
}

static void list_subject(struct subject *subject) {
  struct referrers_copy *copy = subject->copy;
  char *tag = oci_referrers_tag(&subject->digest, "");
  copy->open++;
  subject->list = referrer_list_start(
      &(struct referrer_list_spec){.transfer = copy->spec.transfer,
                                   .repo = copy->spec.src,
                                   .digest = &subject->digest,
                                   .no_tag = find_tag(copy, tag) == DIGEST_TAG_MISSING,
                                   .done = on_listed,
                                   .arg = subject});
  free(tag);
}

static bool is_there(const struct oci_referrers *referrers, const struct oci_digest *digest) {
  for (size_t i = 0; i < referrers->count; i++)
    if (oci_digest_equal(&referrers->items[i].digest, digest))
      return true;
  return false;
}

static size_t target_of(const struct side *side) { return (size_t)(side - side->subject->sides); }

static void on_compared(void *arg, const struct referrer_list_result *result) {
  struct side *side = arg;
  struct subject *subject = side->subject;
  side->list = NULL;
  if (!closed(subject->copy))
    return;
  if (result->err)
    target_fail(subject->copy, target_of(side), result->err);
  side->api = result->api;
  side->there = *result->found;
  *result->found = (struct oci_referrers){NULL, 0};
  for (size_t i = 0; i < subject->found.count; i++)
    side->lacks = side->lacks || !is_there(&side->there, &subject->found.items[i].digest);
  if (!subject->copy->failed)
    subject_closed(subject, SUBJECT_COPY);
}

static void compare(struct subject *subject) {
  struct referrers_copy *copy = subject->copy;
  subject->sides = mem_zalloc(copy->spec.target_count * sizeof *subject->sides);
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    struct side *side = &subject->sides[i];
    side->subject = subject;
    if (copy->targets[i].err.code != ERR_NONE)
      continue;
    subject->open++;
    copy->open++;
    side->list = referrer_list_start(&(struct referrer_list_spec){.transfer = copy->spec.transfer,
                                                                  .repo = copy->spec.targets[i],
                                                                  .digest = &subject->digest,
                                                                  .push = true,
                                                                  .done = on_compared,
                                                                  .arg = side});
  }
}

static void on_told(void *arg, const struct err *err) {
  struct side *side = arg;
  struct subject *subject = side->subject;
  side->tag = NULL;
  if (!closed(subject->copy))
    return;
  if (err)
    target_fail(subject->copy, target_of(side), err);
  if (!subject->copy->failed)
    subject_closed(subject, SUBJECT_END);
}

static void tell(struct subject *subject) {
  struct referrers_copy *copy = subject->copy;
  for (size_t i = 0; subject->sides && i < copy->spec.target_count; i++) {
    struct side *side = &subject->sides[i];
    if (side->api || !side->lacks || copy->targets[i].err.code != ERR_NONE ||
        copy->spec.transfer->dry_run)
      continue;
    subject->open++;
    copy->open++;
    copy->targets[i].changed = true;
    side->tag = referrer_tag_start(&(struct referrer_tag_spec){.transfer = copy->spec.transfer,
                                                               .repo = copy->spec.targets[i],
                                                               .digest = &subject->digest,
                                                               .referrers = &subject->found,
                                                               .done = on_told,
                                                               .arg = side});
  }
  if (!subject->open)
    subject_become(subject, SUBJECT_END);
}

/* -- errands -- */

static void errand_free(struct errand *errand) {
  list_remove(&errand->node);
  image_copy_free(errand->image);
  free(errand->tag);
  free(errand);
}

static void errand_end(struct errand *errand) {
  struct subject *subject = errand->subject;
  struct referrers_copy *copy = subject->copy;
  copy->errands--;
  errand_free(errand);
  wake(copy);
  if (closed(copy))
    subject_closed(subject, SUBJECT_TELL);
}

static void on_target_done(void *arg, size_t at, const struct image_result *result) {
  struct errand *errand = arg;
  struct referrers_copy *copy = errand->subject->copy;
  struct target *target = &copy->targets[errand->which[at]];
  manifest_counts_add(&target->counts, &result->counts);
  if (result->err) {
    struct err err = *result->err;
    err_prefix(&err, "%s, which belongs to %s", errand->tag ? errand->tag : errand->src.digest.text,
               errand->subject->digest.text);
    target_fail(copy, errand->which[at], &err);
  } else if (!result->unchanged && !result->skipped) {
    target->changed = true;
  }
}

static void on_image_done(void *arg) { errand_end(arg); }

static void copy_image(struct errand *errand) {
  const struct referrers_copy_spec *spec = &errand->subject->copy->spec;
  errand->image = image_copy_start(&(struct image_copy_spec){.transfer = spec->transfer,
                                                             .src = &errand->src,
                                                             .targets = errand->targets,
                                                             .target_count = errand->count,
                                                             .if_exists = spec->if_exists,
                                                             .order = spec->order,
                                                             .target_done = on_target_done,
                                                             .done = on_image_done,
                                                             .arg = errand});
}

static void seek(struct errand *errand);

static void on_sought(void *arg, const struct call_result *result) {
  struct errand *errand = arg;
  struct referrers_copy *copy = errand->subject->copy;
  const struct http_reply *reply = result->reply;
  int status = reply->err.code == ERR_NONE ? reply->status : 0;
  struct err err;
  errand->call = NULL;
  if (copy->failed) {
    errand_end(errand);
  } else if (status == 200) {
    copy_image(errand);
  } else if (!errand->whole && (status == 405 || status == 501)) {
    errand->whole = true;
    seek(errand);
  } else {
    if (status != 404 && oci_answer(result, copy->spec.src->host, errand->tag, &err) < 0)
      fail(copy, &err);
    errand_end(errand);
  }
}

static void seek(struct errand *errand) {
  const struct referrers_copy_spec *spec = &errand->subject->copy->spec;
  errand->call = tag_ask(spec->transfer, spec->src, errand->tag, errand->whole ? "GET" : "HEAD",
                         false, on_sought, errand);
}

/* referrer: NULL with a tag, which is the errand's then. */
static void add_errand(struct subject *subject, const struct oci_referrer *referrer, char *tag,
                       bool uncertain) {
  struct referrers_copy *copy = subject->copy;
  struct errand *errand = mem_zalloc(sizeof *errand);
  errand->subject = subject;
  errand->tag = tag;
  errand->uncertain = uncertain;
  errand->src = (struct oci_ref){.repo = *copy->spec.src, .tag = tag};
  if (referrer)
    errand->src.digest = referrer->digest;
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    if (copy->targets[i].err.code != ERR_NONE ||
        (referrer && is_there(&subject->sides[i].there, &referrer->digest)))
      continue;
    size_t at = errand->count++;
    errand->dst[at] = errand->src;
    errand->dst[at].repo = *copy->spec.targets[i];
    errand->targets[at] =
        (struct image_target){.ref = &errand->dst[at], .tag = referrer ? TAG_ABSENT : TAG_UNKNOWN};
    errand->which[at] = i;
  }
  list_init(&errand->node);
  if (!errand->count) {
    errand_free(errand);
    return;
  }
  subject->open++;
  list_push(&copy->waiting, &errand->node);
  wake(copy);
}

static void add_errands(struct subject *subject) {
  struct referrers_copy *copy = subject->copy;
  for (size_t i = 0; i < subject->found.count; i++)
    add_errand(subject, &subject->found.items[i], NULL, false);
  for (size_t i = 0; oci_cosign_suffixes[i]; i++) {
    char *tag = oci_referrers_tag(&subject->digest, oci_cosign_suffixes[i]);
    enum digest_tag is = find_tag(copy, tag);
    if (is == DIGEST_TAG_THERE || (is == DIGEST_TAG_UNKNOWN && subject->level == 0))
      add_errand(subject, NULL, tag, is == DIGEST_TAG_UNKNOWN);
    else
      free(tag);
  }
  if (!subject->open)
    subject_become(subject, SUBJECT_TELL);
}

static void run_errands(struct referrers_copy *copy) {
  struct list *node;
  while (copy->errands < AT_WORK && (node = list_pop(&copy->waiting))) {
    struct errand *errand = list_entry(node, struct errand, node);
    list_push(&copy->running, node);
    copy->errands++;
    copy->open++;
    if (errand->uncertain)
      seek(errand);
    else
      copy_image(errand);
  }
}

static void on_subject(struct ready *ready) {
  struct subject *subject = list_entry(ready, struct subject, ready);
  if (subject->copy->failed)
    return;
  switch (subject->state) {
  case SUBJECT_READ:
    if (subject->is_index)
      read_index(subject);
    else
      subject_become(subject, SUBJECT_LIST);
    return;
  case SUBJECT_LIST:
    list_subject(subject);
    return;
  case SUBJECT_COMPARE:
    compare(subject);
    return;
  case SUBJECT_COPY:
    add_errands(subject);
    return;
  case SUBJECT_TELL:
    tell(subject);
    return;
  case SUBJECT_END:
    subject->copy->at_work--;
    wake(subject->copy);
    return;
  }
}

static void on_tags(struct digest_tags_wait *wait) {
  struct referrers_copy *copy = list_entry(wait, struct referrers_copy, tags);
  if (closed(copy))
    become(copy, COPY_WORK);
}

/* -- all of it -- */

static void work(struct referrers_copy *copy) {
  struct list *node;
  size_t most = copy->answered ? AT_WORK : 1;
  while (!copy->failed && copy->at_work < most && (node = list_pop(&copy->subjects))) {
    copy->at_work++;
    subject_become(list_entry(node, struct subject, node), SUBJECT_READ);
  }
  if (!copy->failed)
    run_errands(copy);
  if (!copy->open && (copy->failed || !copy->at_work))
    become(copy, COPY_END);
}

static void step(struct ready *ready) {
  struct referrers_copy *copy = list_entry(ready, struct referrers_copy, ready);
  switch (copy->state) {
  case COPY_TAGS:
    if (copy->failed && !copy->open)
      become(copy, COPY_END);
    return;
  case COPY_WORK:
    work(copy);
    return;
  case COPY_END:
    copy->spec.done(copy->spec.arg);
    return;
  }
}

struct referrers_copy *referrers_copy_start(const struct referrers_copy_spec *spec) {
  assert(spec->target_count >= 1 && spec->target_count <= IMAGE_TARGETS_MAX);
  struct referrers_copy *copy = mem_zalloc(sizeof *copy);
  copy->spec = *spec;
  copy->all = map_new();
  list_init(&copy->subjects);
  list_init(&copy->waiting);
  list_init(&copy->running);
  ready_init(&copy->ready, step);
  add_subject(copy, &spec->root->digest, 0, !spec->root->parsed);
  if (spec->root->parsed)
    add_children(copy, spec->root->parsed, spec->root->kept);
  copy->open++;
  copy->tags.known = on_tags;
  digest_tags_ask(spec->transfer->digest_tags, spec->src, &copy->tags);
  return copy;
}

void referrers_copy_cancel(struct referrers_copy *copy) {
  struct err err;
  if (copy->failed || copy->state == COPY_END)
    return;
  err_set(&err, ERR_CANCELED, "%s: canceled", copy->spec.src->host);
  fail(copy, &err);
}

static void subject_free(void *value) {
  struct subject *subject = value;
  ready_cancel(&subject->ready);
  for (size_t i = 0; subject->sides && i < subject->copy->spec.target_count; i++)
    oci_referrers_free(&subject->sides[i].there);
  free(subject->sides);
  oci_referrers_free(&subject->found);
  free(subject);
}

void referrers_copy_free(struct referrers_copy *copy) {
  if (!copy)
    return;
  assert(copy->state == COPY_END && !copy->open);
  ready_cancel(&copy->ready);
  for (struct list *node; (node = copy->waiting.next) != &copy->waiting;)
    errand_free(list_entry(node, struct errand, node));
  map_free(copy->all, subject_free);
  free(copy);
}

struct referrers_result referrers_copy_result(const struct referrers_copy *copy, size_t target) {
  const struct target *of = &copy->targets[target];
  return (struct referrers_result){.changed = of->changed,
                                   .counts = of->counts,
                                   .err = of->err.code == ERR_NONE ? NULL : &of->err};
}

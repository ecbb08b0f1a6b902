/* transfer/tag_look.h - what a target has, before anything is sent: HEAD (or GET) of its tag, and
 * where that is absent whether the repository has anything at all. A plain member of the job.
 *   tag: HEAD (too little? GET) → 404: list one tag
 * Thread: the loop's. changed runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pulling manifests", "Listing Tags". */
#ifndef DRAY_TRANSFER_TAG_LOOK_H
#define DRAY_TRANSFER_TAG_LOOK_H

#include <stdbool.h>

#include "base/err.h"
#include "net/call.h"
#include "oci/ref.h"
#include "transfer/transfer.h"

enum look_state { LOOK_TAG, LOOK_LIST, LOOK_DONE };

struct tag_look {
  struct transfer *transfer;
  const struct oci_ref *ref;
  struct call *call;
  enum look_state state;
  bool whole; /* HEAD told too little: GET it */
  bool canceled;
  /* From LOOK_LIST on: */
  struct oci_digest digest; /* what is there under that name; unset: nothing, or not known */
  char *media_type;         /* likewise; NULL: nothing */
  bool exists;              /* it has an image under that name */
  /* In LOOK_DONE: */
  bool may_have_blobs;
  /* Its state has changed. err: it could not be looked at; those of oci_answer(). */
  void (*changed)(struct tag_look *look, const struct err *err);
};

/* Asks nothing yet. ref: with a tag or a digest. */
void tag_look_init(struct tag_look *look, struct transfer *transfer, const struct oci_ref *ref,
                   void (*changed)(struct tag_look *look, const struct err *err));
void tag_look_start(struct tag_look *look);
/* Nothing is asked: there is no such tag. may_have_blobs: the repository has others. */
void tag_look_skip(struct tag_look *look, bool may_have_blobs);
void tag_look_cancel(struct tag_look *look); /* it ends at once or soon: call is NULL then */
void tag_look_end(struct tag_look *look);    /* frees what it holds; nothing is under way */

/* Asks for a manifest of a repository, by HEAD or GET. */
struct call *tag_ask(struct transfer *transfer, const struct oci_repo *repo, const char *reference,
                     const char *method, bool push,
                     void (*done)(void *arg, const struct call_result *result), void *arg);
/* The digest that a reply to HEAD or GET of a manifest announces. */
bool tag_announced(const struct call_result *result, struct oci_digest *digest);

#endif

/* transfer/transfer.h - what all jobs of one engine share. A plain struct, filled by whoever runs
 * the engine; every pointer is borrowed and outlives the jobs. Thread: the loop's. */
#ifndef DRAY_TRANSFER_TRANSFER_H
#define DRAY_TRANSFER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/map.h"
#include "net/endpoint.h"
#include "oci/digest.h"
#include "oci/ref.h"

/* Bytes: blobs up to it are requests, not streams. */
#define TRANSFER_SMALL ((uint64_t)256 * 1024)

enum blob_outcome { BLOB_COPIED, BLOB_MOUNTED, BLOB_EXISTED };

struct blob_note {
  const char *from, *to; /* hosts; from is NULL where nothing was read */
  const struct oci_digest *digest;
  uint64_t size, offset;
  uint64_t began_ms, ms; /* when bytes began to move, on the loop's clock; how long it took */
  enum blob_outcome outcome;
};

struct transfer {
  struct loop *loop;
  struct endpoints *endpoints;
  struct sched *sched;
  int jobs; /* streams at once */
  struct blob_table *blobs;
  struct manifest_table *manifests;
  struct journal *journal; /* NULL: nothing is remembered for later runs */
  struct map *quirks;      /* host → struct quirks: what it has refused so far */
  struct digest_tags *digest_tags;
  struct map *no_referrers; /* repositories, HOST/PATH, whose registry lacks the referrers API */
  const struct log *log;
  int64_t chunk_size; /* bytes; 0: by registry */
  size_t ring;        /* bytes of a stream's pipe, where few are at work */
  struct rate *rate;  /* of what is read from sources, times the targets; NULL: no limit */
  bool dry_run;
  bool stopping; /* everything is being canceled: leave at once, clean up nothing at servers */
  const char *stop_reason; /* then: why, for messages */
  void (*on_blob)(void *arg, const struct blob_note *note);
  void *on_blob_arg;

  uint64_t known_bytes; /* of blobs planned so far */
  uint64_t moved_bytes; /* handed to targets, repeats included */
  unsigned active;      /* blobs under way */
};

static inline struct endpoint *transfer_endpoint(struct transfer *transfer,
                                                 const struct oci_repo *repo) {
  return endpoints_get(transfer->endpoints, repo->host, oci_api_host(repo->host),
                       oci_host_is_loopback(repo->host));
}

#endif

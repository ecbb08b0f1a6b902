/* oci/ref.h - references: where an image is.
 * Grammar: distribution's reference package, as the docker CLI reads it. Pure. */
#ifndef DRAY_OCI_REF_H
#define DRAY_OCI_REF_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/digest.h"

enum oci_transport { OCI_REGISTRY, OCI_LAYOUT, OCI_ARCHIVE, OCI_DOCKER_ARCHIVE };

/* A repository of a registry. host is as people write it ("docker.io", "127.0.0.1:5000",
 * "[::1]:5000"; index.docker.io and registry-1.docker.io are docker.io), path has docker.io's
 * "library/" added. */
struct oci_repo {
  char *host;
  char *path;
};

struct oci_ref {
  enum oci_transport transport;
  struct oci_repo repo;     /* OCI_REGISTRY only, else both NULL */
  char *file;               /* the folder or file of the other transports, else NULL */
  char *tag;                /* NULL: none given (no "latest" is added here). OCI_DOCKER_ARCHIVE: the
                               reference within, as written */
  struct oci_digest digest; /* unset: none given */
};

/* Reads [docker://]HOST[:PORT]/REPO[:TAG][@DIGEST], oci:DIR[:TAG], oci-archive:FILE[:TAG],
 * docker-archive:FILE[:REF]. The first part is a host where it has a '.', a ':' or is "localhost"
 * (or has capitals, as docker has it).
 * Errors: ERR_USAGE, with the text in the message; capitals in the repository give the lower-case
 * form in the message; "https://…" and "http://…" are told to leave the scheme out.
 * *ref is the caller's: oci_ref_free(), also harmless after an error. */
int oci_ref_parse(const char *text, struct oci_ref *ref, struct err *err);
/* The same for a repository alone: a tag or digest is ERR_USAGE. */
int oci_ref_parse_repo(const char *text, struct oci_ref *ref, struct err *err);
void oci_ref_free(struct oci_ref *ref);
void oci_ref_copy(struct oci_ref *to, const struct oci_ref *from);

/* How people write it: "docker.io/library/alpine:latest", "ghcr.io/a/b@sha256:…", with both
 * "a/b:t@sha256:…". The caller's. */
char *oci_ref_format(const struct oci_ref *ref);

/* What stands in /v2/REPO/manifests/…: the digest where there is one, else the tag, else
 * "latest". */
const char *oci_ref_reference(const struct oci_ref *ref);

/* The host to connect to: registry-1.docker.io for docker.io, else host itself. */
const char *oci_api_host(const char *host);

bool oci_tag_valid(const char *tag); /* [A-Za-z0-9_][A-Za-z0-9._-]{0,127} */
/* localhost, 127.0.0.0/8, [::1], with or without port. */
bool oci_host_is_loopback(const char *host);
/* HOST/PATH, the host in lower case: the same for all spellings of a repository. The caller's. */
char *oci_repo_key(const struct oci_repo *repo);
bool oci_repo_equal(const struct oci_repo *a, const struct oci_repo *b);

#endif

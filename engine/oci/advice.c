#include "oci/advice.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum side { ANY, PUSH, PULL };

/* Globs may be several, with | between them. In the advice stand {repo}, {project} (its first part),
 * {second} (the next), {rest} (all but the first), {host} and {region}. */
struct row {
  const char *key;  /* in docs/registries.md and the tests */
  const char *host; /* globs; NULL: any */
  const char *who;  /* globs within it, in small letters; NULL: anybody */
  const char *what; /* its beginning; NULL: anything */
  int status;       /* 0: any, or none; 4: any 4xx but 429, which is a limit whatever is said */
  enum side side;
  const char *said; /* the same; NULL: anything */
  enum oci_advice_kind kind;
  const char *advice;
};

#define ECR "*.dkr.ecr.*.amazonaws.com|*.dkr.ecr.*.amazonaws.com.cn|*.dkr.ecr-fips.*.amazonaws.com"
#define GITLAB "gitlab.*|*.gitlab.*"
#define ALIYUN "registry.*.aliyuncs.com|registry-*.aliyuncs.com|*.cr.aliyuncs.com"
#define GAR_CREATE                                                                                 \
  "create it: gcloud artifacts repositories create {second} --repository-format=docker "           \
  "--location={region} --project={project}"
#define GITLAB_SAYS "denied|insufficient_scope|authentication required"
#define GITLAB_ADVICE                                                                              \
  "GitLab: a job's token (CI_JOB_TOKEN, CI_REGISTRY_PASSWORD) may push only below its own "        \
  "project's path, $CI_REGISTRY_IMAGE and at most two names more; elsewhere use a deploy token "   \
  "with write_registry"

/* The first that fits counts: rows with a host, or with more words, stand before those without.
 * Issues are those of GitHub unless they are said to be others'. */
static const struct row rows[] = {
    /* docker/build-push-action #806, ynotbhatc/rego_policy_libraries #89; docs.github.com, "About
     * permissions for GitHub Packages" */
    {"package that the job may not write", NULL, NULL, NULL, 403, PUSH,
     "permission_denied: write_package", ADVICE_RIGHTS,
     "GitHub: the job needs `permissions: packages: write`; if it has that, the package is not "
     "linked to this repository: add it, with the role Write, under Manage Actions access in the "
     "package's settings"},
    /* docker/build-push-action #606, pinchbench/skill #17, airbus/sen #173 */
    {"package that the job may not create", NULL, NULL, NULL, 403, PUSH,
     "installation not allowed to", ADVICE_RIGHTS,
     "GitHub: the job needs `permissions: packages: write`, and the organization must let its "
     "members create packages"},
    /* grafana/k6 #2111 */
    {"package of another organization", NULL, NULL, NULL, 403, ANY,
     "requested installation does not exist", ADVICE_RIGHTS,
     "GitHub: a job's token is good for packages of its own repository's owner; for another's use "
     "a personal access token (classic)"},
    /* daltoniam/switchboard #139; docs.github.com, "Working with the Container registry" */
    {"token without the scope for packages", NULL, NULL, NULL, 403, ANY,
     "token provided does not match expected scopes", ADVICE_RIGHTS,
     "GitHub: it takes a personal access token (classic) with the scope write:packages to push, "
     "read:packages to pull"},
    /* sigstore/scaffolding #127 */
    {"private package", "ghcr.io", NULL, NULL, 403, PULL, "denied", ADVICE_ALONE,
     "the package is private and may not be read with these credentials, or there is none of that "
     "name"},

    /* plexsystems/sinker #55; AWS, "Pushing an image to an Amazon ECR private repository" */
    {"ECR Public repository that does not exist", "public.ecr.aws", NULL, NULL, 404, PUSH,
     "repository with name * does not exist", ADVICE_ALONE,
     "create it: aws ecr-public create-repository --region us-east-1 --repository-name {rest}"},
    {"ECR repository that does not exist", NULL, NULL, NULL, 404, PUSH,
     "repository with name * does not exist in the registry", ADVICE_ALONE,
     "create it: aws ecr create-repository --repository-name {repo} --region {region}"},
    /* aws/aws-cli #6580; AWS, "Private registry authentication in Amazon ECR" */
    {"ECR password that has expired", NULL, NULL, NULL, 0, ANY, "authorization token has expired",
     ADVICE_ALONE,
     "a password for ECR lives 12 hours: log in again with `aws ecr get-login-password`, or have "
     "docker-credential-ecr-login do it"},
    /* aws-actions/amazon-ecr-login #232 */
    {"action that IAM does not allow", NULL, NULL, NULL, 403, ANY,
     "is not authorized to perform: ecr", ADVICE_RIGHTS,
     "AWS: allow that action in the identity's policy, and for another account in the repository's "
     "policy too"},
    /* zarf-dev/zarf #1938, CircleCI-Public/aws-ecr-orb #259 */
    {"ECR that closes the connection", ECR, NULL, "opening an upload", 0, PUSH,
     "closed without an answer", ADVICE_ALONE,
     "ECR does that where the repository does not exist (aws ecr create-repository "
     "--repository-name {repo} --region {region}) or ecr:InitiateLayerUpload is not allowed"},

    /* ECR: moby/buildkit #3776 (TAG_INVALID). Harbor: its ErrImmutable (412). Aliyun: "Configure a
     * repository to be immutable". Quay: Red Hat's PROJQUAY-10859 */
    {"immutable tag", NULL, NULL, "pushing manifest", 4, PUSH, "immutable|cannot be overwritten",
     ADVICE_ALONE,
     "the tag exists, and the registry does not let it move: push under another tag, or change "
     "that rule at the registry"},
    /* docker/hub-feedback #2466: a 403, after all blobs were taken */
    {"immutable tag on Docker Hub", "docker.io", NULL, "pushing manifest", 403, PUSH, NULL,
     ADVICE_ALONE,
     "the blobs were accepted: if the tag exists and is immutable (the repository's Settings, "
     "General, Tag mutability), push under another tag"},

    /* docker/hub-feedback #2429, #2464; docs.docker.com, "Docker Hub pull usage and limits" */
    {"pull limit", NULL, NULL, NULL, 429, ANY, "pull rate limit", ADVICE_TOO,
     "Docker Hub counts pulls of manifests by account, without one by address; paid accounts have "
     "no limit"},
    {"abuse limit", "docker.io", NULL, NULL, 429, ANY, NULL, ADVICE_TOO,
     "that is Docker Hub's limit against abuse, not the one for pulls: ask it less with "
     "--max-connections 4"},
    /* spinalcordtoolbox/spinalcordtoolbox #5286 */
    {"access token without the scope", NULL, NULL, NULL, 0, ANY,
     "access token has insufficient scopes", ADVICE_RIGHTS,
     "Docker Hub: make a personal access token with the permission Read & Write"},
    /* docker/build-push-action #223; full plans: docker/hub-feedback #871, #1585 */
    {"namespace on Docker Hub", "docker.io", NULL, NULL, 4, PUSH, "denied|insufficient_scope",
     ADVICE_RIGHTS,
     "{project} must be your Docker ID or an organization that you may push to; it may also have "
     "no private repository left"},

    /* goharbor/harbor #890, #966, #20544 */
    {"Harbor project that does not exist", NULL, NULL, NULL, 4, PUSH, "\"project*not found",
     ADVICE_ALONE,
     "create the project {project} there first (Harbor makes none by itself), or correct the "
     "name"},
    /* goharbor/harbor #18096, and its middleware v2auth */
    {"role in a Harbor project", NULL, NULL, NULL, 4, PUSH, "unauthorized to access repository",
     ADVICE_RIGHTS,
     "Harbor: the project {project} must exist, and the account be a Developer in it or more (a "
     "robot needs the permission to push)"},
    /* goharbor/harbor #8802, #17390 */
    {"storage quota", NULL, NULL, NULL, 4, PUSH, "will exceed the configured upper limit",
     ADVICE_ALONE,
     "Harbor: the project's quota is used up: raise it, or delete artifacts and collect "
     "garbage"},
    /* goharbor/harbor #4524 */
    {"Harbor that is read only", NULL, NULL, NULL, 403, PUSH, "prohibited in read only mode",
     ADVICE_ALONE,
     "its administrator has made Harbor read only, as for a garbage collection: try again "
     "later"},

    /* GoogleCloudPlatform/developer-journey-app #117; "Troubleshoot container issues" */
    {"Artifact Registry repository that does not exist", NULL, NULL, NULL, 404, PUSH,
     "repository \\\"*\\\" not found", ADVICE_ALONE, GAR_CREATE},
    /* GoogleCloudPlatform/cymbal-superstore #4 */
    {"permission in Artifact Registry", NULL, NULL, NULL, 403, PUSH,
     "artifactregistry.repositories.uploadartifacts", ADVICE_RIGHTS,
     "it takes roles/artifactregistry.writer on the repository; if there is none yet, " GAR_CREATE},
    {"permission in Artifact Registry", NULL, NULL, NULL, 403, PULL,
     "artifactregistry.repositories.downloadartifacts", ADVICE_RIGHTS,
     "it takes roles/artifactregistry.reader on the repository, if there is one"},
    /* Google, "Transition from Container Registry": gcr.io is a repository in Artifact Registry */
    {"gcr.io that was never created", NULL, NULL, NULL, 4, PUSH,
     "artifactregistry.repositories.createonpush", ADVICE_RIGHTS,
     "grant roles/artifactregistry.createOnPushWriter for the first push, or create the "
     "repository: gcloud artifacts repositories create gcr.io --repository-format=docker "
     "--location=us --project={project}"},

    /* docker/build-push-action #1214 */
    {"network rules of an Azure registry", NULL, NULL, NULL, 403, ANY,
     "client with ip * is not allowed access", ADVICE_ALONE,
     "let the address in (az acr network-rule add), or run where the registry can be reached"},
    /* Azure/acr #506 */
    {"role in an Azure registry", NULL, NULL, NULL, 401, ANY, "aka.ms/acr/authorization",
     ADVICE_RIGHTS,
     "log in with `az acr login`; the identity needs the role AcrPush to push, AcrPull to pull"},
    /* Microsoft, "Troubleshoot push issues in Azure Container Registry", error 1 */
    {"lock in an Azure registry", NULL, NULL, NULL, 4, ANY, "operation is disallowed", ADVICE_ALONE,
     "the repository or image is locked (az acr repository update --write-enabled true), or the "
     "registry's storage is full (az acr show-usage)"},

    /* docs.gitlab.com, "GitLab CI/CD job token"; gitlab.com gitlab-org/gitlab #503790, #444268;
     * getwud/wud #600 */
    {"path or token on GitLab", NULL, "from ci_", NULL, 4, PUSH, GITLAB_SAYS, ADVICE_RIGHTS,
     GITLAB_ADVICE},
    {"path or token on GitLab", GITLAB, NULL, NULL, 4, PUSH, GITLAB_SAYS, ADVICE_RIGHTS,
     GITLAB_ADVICE},
    {"access that GitLab forbids", NULL, NULL, NULL, 403, PULL, "access forbidden", ADVICE_RIGHTS,
     "GitLab: the token needs read_registry; a job's token reads another project only if that one "
     "has this project on its job token allowlist"},

    /* google/go-containerregistry #2078, openshift/oc-mirror #253, tektoncd/chains #252;
     * 415: uber-archive/makisu #189, oras-project/oras #738 */
    {"type that Quay refuses", NULL, NULL, "pushing manifest", 4, PUSH,
     "manifest data does not match schema|manifest schema version not supported", ADVICE_ALONE,
     "Quay does not take this media type, and dray changes none: rebuild the image with types that "
     "it takes, or have Quay allow it (FEATURE_GENERAL_OCI_SUPPORT, ALLOWED_OCI_ARTIFACT_TYPES)"},
    /* quay.io's answer for what is private or not there, as its users report it */
    {"permission on Quay", NULL, NULL, NULL, 401, PUSH, "requested resource is not authorized",
     ADVICE_RIGHTS,
     "Quay: {project} must be your user or organization; a robot needs Write on the repository, "
     "and Creator in a team to make a new one"},
    /* regclient/regclient #720, AliyunContainerService/image-syncer #161, vllm-ascend #16117 */
    {"type that SWR refuses", NULL, NULL, "pushing manifest", 400, PUSH,
     "fail to parse 'manifest.json'", ADVICE_ALONE,
     "Huawei SWR takes no OCI index, only docker's manifest list, so a copy with the same digest "
     "is impossible: build the image with oci-mediatypes=false"},
    /* kweaver-ai/kweaver-core #55; Huawei's FAQ, "Why does pushing an image fail" */
    {"organization on SWR", NULL, NULL, NULL, 0, ANY, "you do not have the permission",
     ADVICE_RIGHTS,
     "Huawei SWR: the organization {project} must be yours (create it first), and the console's "
     "login commands expire"},
    /* iCloudBot/DockerRescue #2, aliyun/acr-login #12; "alicloud_cr_namespace", auto_create */
    {"namespace on Aliyun", ALIYUN, NULL, NULL, 4, PUSH, "denied|insufficient_scope", ADVICE_RIGHTS,
     "create the namespace {project} in the console, and the repository too where the namespace "
     "does not create them by itself"},

    /* RFC 6750, 3.1; distribution's token authentication */
    {"token for less than was asked", NULL, NULL, NULL, 4, PUSH, "insufficient_scope",
     ADVICE_RIGHTS,
     "its token server gave a token that does not let push to {repo}: does the account have that "
     "right, and does {project} exist?"},
    {"token for less than was asked", NULL, NULL, NULL, 4, PULL, "insufficient_scope",
     ADVICE_RIGHTS,
     "its token server gave a token that does not let read {repo}: does the account have that "
     "right, and does the repository exist?"},
    {"type that the registry refuses", NULL, NULL, "pushing manifest", 415, PUSH, NULL,
     ADVICE_ALONE,
     "it does not take this media type, and dray changes none: rebuild the image with other types, "
     "or push it elsewhere"},
    /* distribution #4896, and its driver's ENOSPC (28) */
    {"disk that is full", NULL, NULL, NULL, 507, PUSH, NULL, ADVICE_ALONE,
     "the registry's storage is full: free some there"},
    {"disk that is full", NULL, NULL, NULL, 0, PUSH,
     "no space left on device|\"drivername\":*\"err\":28}", ADVICE_ALONE,
     "the registry's storage is full: free some there"},
    /* nginx's client_max_body_size; Cloudflare, "413 Payload Too Large" */
    {"request that is too large", NULL, NULL, "uploading", 413, PUSH, NULL, ADVICE_ALONE,
     "what stands before the registry takes no request of that size: raise its limit (nginx: "
     "client_max_body_size), or send smaller ones with --chunk-size"},
    /* Go's and nginx's words */
    {"TLS where plain HTTP was spoken", NULL, NULL, NULL, 400, ANY,
     "to an https server|to https port", ADVICE_ALONE, "the registry uses TLS: add --tls {host}"},
    /* captive portals and web filters; RFC 6585, 6 */
    {"web page instead of an answer", NULL, NULL, NULL, 4, ANY, "<html", ADVICE_ALONE,
     "registries send no web pages: does a web proxy or firewall answer in its place?"},
};

/* Does one of the globs fit text, or a part of it? */
static bool any_fits(const char *globs, const char *text, bool part) {
  bool found = false;
  while (*globs && !found) {
    size_t len = strcspn(globs, "|");
    const char *more = part ? "*" : "";
    char *glob = mem_printf("%s%.*s%s", more, (int)len, globs, more);
    found = text_glob(glob, text);
    free(glob);
    globs += len + (globs[len] == '|');
  }
  return found;
}

static char *small_letters(const char *text) {
  char *small = mem_strdup(text);
  for (char *c = small; *c; c++)
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c - 'A' + 'a');
  return small;
}

static bool fits(const struct row *row, const struct oci_refusal *refusal) {
  bool status = row->status == 0 || row->status == refusal->status ||
                (row->status == 4 && refusal->status / 100 == 4 && refusal->status != 429);
  return status && (row->side == ANY || (row->side == PUSH) == refusal->push) &&
         (!row->what || text_starts(refusal->what, row->what)) &&
         (!row->host || any_fits(row->host, refusal->host, false)) &&
         (!row->said || any_fits(row->said, refusal->said, true)) &&
         (!row->who || any_fits(row->who, refusal->who, true));
}

/* ECR: ACCOUNT.dkr.ecr.REGION.amazonaws.com. Artifact Registry: LOCATION-docker.pkg.dev. */
static char *region_of(const char *host) {
  static const char gar[] = "-docker.pkg.dev", ecr[] = ".dkr.ecr";
  if (text_ends(host, gar))
    return mem_strndup(host, strlen(host) - strlen(gar));
  if (!any_fits(ECR, host, false))
    return mem_strdup("REGION");
  const char *region = strstr(host, ecr) + strlen(ecr);
  region += strcspn(region, ".") + 1; /* "-fips" */
  return mem_strndup(region, strcspn(region, "."));
}

/* What a placeholder stands for; the caller's. */
static char *value_of(const char *name, const struct oci_refusal *refusal) {
  const char *path = refusal->path, *second = path + strcspn(path, "/");
  second += *second == '/';
  if (text_starts(name, "repo"))
    return mem_strdup(path);
  if (text_starts(name, "project"))
    return mem_strndup(path, strcspn(path, "/"));
  if (text_starts(name, "host"))
    return mem_strdup(refusal->host);
  if (text_starts(name, "rest"))
    return mem_strdup(second);
  if (text_starts(name, "second"))
    return mem_strndup(second, strcspn(second, "/"));
  return region_of(refusal->host);
}

static char *fill_in(const char *advice, const struct oci_refusal *refusal) {
  struct buf words;
  buf_init(&words, SIZE_MAX);
  for (const char *s = advice; *s;) {
    size_t len = strcspn(s, "{");
    buf_add(&words, s, len);
    s += len;
    if (*s) {
      char *value = value_of(s + 1, refusal);
      buf_adds(&words, value);
      free(value);
      s = strchr(s, '}') + 1;
    }
  }
  return buf_take(&words);
}

char *oci_advice(const struct oci_refusal *refusal, enum oci_advice_kind *kind) {
  char *said = small_letters(refusal->said), *who = small_letters(refusal->who);
  struct oci_refusal small = *refusal;
  small.said = said;
  small.who = who;
  char *advice = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof *rows && !advice; i++)
    if (fits(&rows[i], &small)) {
      *kind = rows[i].kind;
      advice = fill_in(rows[i].advice, refusal);
    }
  free(said);
  free(who);
  return advice;
}

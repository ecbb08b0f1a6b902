/* Every key of the three formats; docs/foreign.md has the same, and a test compares them. */
#include "sync/foreign.h"

#define CRON "dray runs once; cron or CI starts it"
#define MIRRORS "dray asks the registry itself"
#define CERTS "put the files into /etc/docker/certs.d/HOST, or give an authority's by --ca-file"

static const struct foreign_key skopeo_registry[] = {
    {"images", FOREIGN_HONOURED, NULL},
    {"images-by-tag-regex", FOREIGN_HONOURED, NULL},
    {"images-by-semver", FOREIGN_HONOURED, NULL},
    {"credentials", FOREIGN_HONOURED, NULL},
    {"tls-verify", FOREIGN_HONOURED, NULL},
    {"cert-dir", FOREIGN_WARNED, CERTS},
    {0}};

static const struct foreign_key skopeo_credentials[] = {
    {"username", FOREIGN_HONOURED, NULL},
    {"password", FOREIGN_HONOURED, NULL},
    {"identitytoken", FOREIGN_WARNED, "put it into a docker config.json (--authfile)"},
    {0}};

static const struct foreign_key syncer_file[] = {
    {"images", FOREIGN_HONOURED, NULL}, {"auth", FOREIGN_HONOURED, NULL}, {0}};

static const struct foreign_key syncer_auth[] = {{"username", FOREIGN_HONOURED, NULL},
                                                 {"password", FOREIGN_HONOURED, NULL},
                                                 {"insecure", FOREIGN_HONOURED, NULL},
                                                 {0}};

static const struct foreign_key regsync_file[] = {{"version", FOREIGN_HONOURED, NULL},
                                                  {"creds", FOREIGN_HONOURED, NULL},
                                                  {"defaults", FOREIGN_HONOURED, NULL},
                                                  {"sync", FOREIGN_HONOURED, NULL},
                                                  {0}};

static const struct foreign_key regsync_creds[] = {
    {"registry", FOREIGN_HONOURED, NULL},
    {"user", FOREIGN_HONOURED, NULL},
    {"pass", FOREIGN_HONOURED, NULL},
    {"tls", FOREIGN_HONOURED, NULL},
    {"reqPerSec", FOREIGN_HONOURED, NULL},
    {"reqConcurrent", FOREIGN_HONOURED, NULL},
    {"blobChunk", FOREIGN_HONOURED, NULL},
    {"blobMax", FOREIGN_WARNED, "dray decides itself which blobs go in chunks; see --chunk-size"},
    {"regcert", FOREIGN_WARNED, CERTS},
    {"clientCert", FOREIGN_WARNED, CERTS},
    {"clientKey", FOREIGN_WARNED, CERTS},
    {"token", FOREIGN_WARNED, "put it into a docker config.json (--authfile)"},
    {"credHelper", FOREIGN_WARNED, "name the helper in a docker config.json, by credHelpers"},
    {"credExpire", FOREIGN_WARNED, "a helper is asked once a run"},
    {"credHost", FOREIGN_WARNED, "a helper is asked for the registry's own name"},
    {"hostname", FOREIGN_WARNED, "dray connects to the registry's own name"},
    {"pathPrefix", FOREIGN_WARNED, MIRRORS},
    {"mirrors", FOREIGN_WARNED, MIRRORS},
    {"priority", FOREIGN_WARNED, MIRRORS},
    {"repoAuth", FOREIGN_WARNED_IF_TRUE, "dray asks for as many tokens as the registry wants"},
    {"api", FOREIGN_WARNED, "dray speaks the distribution API only"},
    {"apiOpts", FOREIGN_WARNED, "dray speaks the distribution API only"},
    {"scheme", FOREIGN_WARNED, "write \"tls: disabled\" for http, as regsync has it"},
    {0}};

/* Of defaults and of an entry. */
#define REGSYNC_OPTIONS                                                                            \
  {"referrers", FOREIGN_HONOURED, NULL}, {"digestTags", FOREIGN_HONOURED, NULL},                   \
      {"referrerFilters", FOREIGN_WARNED, "all that refers to an image is copied"},                \
      {"referrerSource", FOREIGN_WARNED,                                                           \
       "what refers to an image is asked of its own repository"},                                  \
      {"referrerTarget", FOREIGN_WARNED, "what refers to an image goes to its own repository"},    \
      {"referrerSlow", FOREIGN_WARNED_IF_TRUE, "filters are not honoured either"},                 \
      {"fastCheck", FOREIGN_WARNED_IF_TRUE, "with referrers they are looked at each time"},        \
      {"forceRecursive", FOREIGN_WARNED_IF_TRUE, "dray verify --deep checks a copy"},              \
      {"includeExternal", FOREIGN_WARNED_IF_TRUE, "layers that lie elsewhere stay there"},         \
      {"mediaTypes", FOREIGN_WARNED, "images of all types are copied"},                            \
      {"backup", FOREIGN_WARNED, "tags are replaced; --if-exists skip leaves them alone"},         \
      {"interval", FOREIGN_WARNED, CRON}, {"schedule", FOREIGN_WARNED, CRON},                      \
      {"ratelimit", FOREIGN_WARNED, "dray waits when a registry tells it to"}, {                   \
    "hooks", FOREIGN_WARNED, "run them in the job, around dray"                                    \
  }

static const struct foreign_key regsync_defaults[] = {
    REGSYNC_OPTIONS,
    {"parallel", FOREIGN_WARNED, "see --jobs"},
    {"blobLimit", FOREIGN_WARNED, "dray has its own limits, and streams blobs of any size"},
    {"cacheCount", FOREIGN_WARNED, "dray asks for nothing twice in a run"},
    {"cacheTime", FOREIGN_WARNED, "dray asks for nothing twice in a run"},
    {"skipDockerConfig", FOREIGN_WARNED_IF_TRUE, "--authfile excludes docker's own"},
    {"userAgent", FOREIGN_WARNED, "dray says who it is"},
    {0}};

static const struct foreign_key regsync_sync[] = {
    {"source", FOREIGN_HONOURED, NULL},
    {"target", FOREIGN_HONOURED, NULL},
    {"type", FOREIGN_HONOURED, NULL},
    {"tags", FOREIGN_HONOURED, NULL},
    {"tagSets", FOREIGN_HONOURED, NULL},
    {"repos", FOREIGN_WARNED, "it has no meaning but with type: registry"},
    {"platform", FOREIGN_HONOURED, NULL},
    {"platforms", FOREIGN_HONOURED, NULL},
    REGSYNC_OPTIONS,
    {0}};

static const struct foreign_key regsync_tags[] = {{"allow", FOREIGN_HONOURED, NULL},
                                                  {"deny", FOREIGN_HONOURED, NULL},
                                                  {"semverRange", FOREIGN_HONOURED, NULL},
                                                  {0}};

const struct foreign_key *foreign_keys(enum foreign_object object) {
  static const struct foreign_key *const objects[FOREIGN_OBJECTS] = {
      [SKOPEO_REGISTRY] = skopeo_registry,   [SKOPEO_CREDENTIALS] = skopeo_credentials,
      [SYNCER_FILE] = syncer_file,           [SYNCER_AUTH] = syncer_auth,
      [REGSYNC_FILE] = regsync_file,         [REGSYNC_CREDS] = regsync_creds,
      [REGSYNC_DEFAULTS] = regsync_defaults, [REGSYNC_SYNC] = regsync_sync,
      [REGSYNC_TAGS] = regsync_tags,
  };
  return objects[object];
}

#include "command.h"

#include <string.h>

#include "engine/dray.h"

const struct command commands[COMMANDS] = {
    {.name = "copy",
     .operands = "SRC DST [DST...]",
     .needs = "SRC and DST",
     .least = 2,
     .most = SIZE_MAX,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_COPY | GROUP_IMAGES | GROUP_TAGS,
     .summary = "copy an image to one or more targets",
     .text =
         "Copies one image, an index with all its platforms, to one or more targets. The digest "
         "stays what it is, unless only some platforms are wanted, and what a target has already "
         "is not sent again.\n"
         "SRC and DST are [HOST[:PORT]/]REPO[:TAG][@DIGEST] as docker reads them. A target "
         "without a tag takes the source's tag. With a tag and a digest, the digest decides "
         "and the tag is the name at the target.\n"
         "With --all-tags SRC and DST are repositories, and --tags, --exclude and --newest choose "
         "from SRC's tags as in 'dray tags'. With --from-file the images stand in FILE.",
     .examples = "dray copy gcr.io/kaniko-project/executor:v1.23.2 ghcr.io/me/kaniko:v1.23.2\n"
                 "dray copy --dry-run alpine:3.20 registry.lan:5000/alpine quay.io/me/alpine\n"
                 "dray copy -o json --plain-http lan:5000 alpine lan:5000/alpine\n"
                 "dray copy --all-tags --tags '>=3.5 <4' quay.io/coreos/etcd lan:5000/etcd\n"
                 "dray copy --from-file images.txt",
     .run = copy_run},
    {.name = "sync",
     .operands = "FILE...",
     .needs = "a mirror FILE",
     .least = 1,
     .most = SIZE_MAX,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_COPY | GROUP_SYNC,
     .summary = "mirror what mirror files say",
     .text =
         "Brings everything that the rules of mirror files name to its targets: images, whole "
         "repositories, or some of their tags. What a target has already is not sent again, "
         "and one image that fails does not stop the others.\n"
         "FILE is YAML or JSON, as docs/mirror.md explains; - is standard input. Files of skopeo "
         "sync, image-syncer and regsync will do as they are.",
     .examples = "dray sync --check mirror.yml\n"
                 "dray sync --lock mirror.lock mirror.yml\n"
                 "dray sync --shard 2/5 --delete mirror.yml\n"
                 "dray sync --to registry.lan/mirror/ skopeo-sync.yml",
     .run = sync_run},
    {.name = "verify",
     .operands = "SRC DST",
     .needs = "SRC and DST",
     .least = 2,
     .most = 2,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_VERIFY,
     .summary = "compare an image with its copy",
     .text = "Checks that DST has the digest of SRC, and that each manifest and blob which that "
             "reaches is there. Each difference is a line; the exit status is 3 then, and 1 where "
             "SRC itself is not whole or one side could not be asked.\n"
             "SRC and DST are [HOST[:PORT]/]REPO[:TAG][@DIGEST] as docker reads them. A DST "
             "without a tag takes the tag of SRC.",
     .examples = "dray verify quay.io/coreos/etcd:v3.5.9 registry.lan:5000/etcd\n"
                 "dray verify --deep -o json alpine:3.20 ghcr.io/me/alpine",
     .run = verify_run},
    {.name = "inspect",
     .operands = "REF",
     .needs = "REF",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_INSPECT,
     .summary = "show what an image consists of",
     .text = "Shows an image as a tree: manifests with their platforms, configs and layers with "
             "their sizes, annotations; then what refers to it, such as signatures. With -v, also "
             "when and how each image was made, from its config.\n"
             "REF is [HOST[:PORT]/]REPO[:TAG][@DIGEST] as docker reads it.",
     .examples = "dray inspect alpine:3.20\n"
                 "dray inspect -v -o json registry.k8s.io/pause:3.9",
     .run = inspect_run},
    {.name = "manifest",
     .operands = "REF",
     .needs = "REF",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION,
     .summary = "print an image's manifest, byte for byte",
     .text = "Prints the manifest of an image or index as the registry has it, byte for byte.\n"
             "REF is [HOST[:PORT]/]REPO[:TAG][@DIGEST] as docker reads it.",
     .examples = "dray manifest registry.k8s.io/pause:3.9",
     .run = manifest_run},
    {.name = "digest",
     .operands = "REF",
     .needs = "REF",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION,
     .summary = "print an image's digest",
     .text = "Prints the digest that a tag stands for.\n"
             "REF is [HOST[:PORT]/]REPO[:TAG][@DIGEST] as docker reads it.",
     .examples = "dray digest registry.k8s.io/pause:3.9",
     .run = digest_run},
    {.name = "tags",
     .operands = "REPO",
     .needs = "REPO",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_TAGS,
     .summary = "list a repository's tags",
     .text = "Lists the tags of a repository, one a line: versions in their order, then the other "
             "tags by name.\n"
             "REPO is [HOST[:PORT]/]REPO as docker reads it.\n"
             "A PATTERN is a range of versions where it begins with one of < > = ^ ~, a regular "
             "expression of the whole tag between slashes, else a glob with * and ?.",
     .examples = "dray tags quay.io/coreos/etcd\n"
                 "dray tags --tags '>=3.5 <4' --exclude '*-arm64' --newest 5 quay.io/coreos/etcd",
     .run = tags_run},
    {.name = "login",
     .operands = "REGISTRY",
     .needs = "REGISTRY",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION | GROUP_LOGIN,
     .makes_authfile = true,
     .summary = "check credentials and keep them",
     .text = "Checks a user and a password, or an access token, against a registry, and keeps them "
             "where docker login does, for dray, docker and skopeo: in the file of --authfile, "
             "else of REGISTRY_AUTH_FILE, else in docker's config.json; or with the credential "
             "helper that the file names.\n"
             "REGISTRY is HOST[:PORT]; docker.io is Docker Hub.",
     .examples = "dray login -u me ghcr.io\n"
                 "dray login -u me --password-stdin ghcr.io <token.txt",
     .run = login_run},
    {.name = "logout",
     .operands = "REGISTRY",
     .needs = "REGISTRY",
     .least = 1,
     .most = 1,
     .groups = GROUP_EVERY | GROUP_CONNECTION,
     .makes_authfile = true,
     .summary = "forget a registry's credentials",
     .text = "Takes a registry's credentials out of the file where dray login keeps them, and out "
             "of the credential helper that the file names.\n"
             "REGISTRY is HOST[:PORT]; docker.io is Docker Hub.",
     .examples = "dray logout ghcr.io",
     .run = logout_run},
    {.name = "version",
     .operands = "",
     .groups = GROUP_EVERY,
     .summary = "print the version and the libraries inside",
     .text = "Prints the version of dray and of the libraries inside.",
     .examples = "dray version",
     .run = version_run},
    {.name = "help",
     .operands = "[COMMAND]",
     .most = 1,
     .groups = GROUP_EVERY,
     .summary = "explain dray or one of its commands",
     .text = "Explains dray or one of its commands.",
     .examples = "dray help copy",
     .run = help_run},
};

const struct command *command_find(const char *name) {
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

const char *command_nearest(const char *name) {
  const char *names[COMMANDS + 1] = {NULL};
  for (size_t i = 0; i < COMMANDS; i++)
    names[i] = commands[i].name;
  return dray_nearest(name, names);
}

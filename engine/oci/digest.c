#include "oci/digest.h"

#include <string.h>

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct oci_hasher){0}.state), "SHA-256 fits");
_Static_assert(sizeof(SHA512_CTX) <= sizeof((struct oci_hasher){0}.state), "SHA-512 fits");

const char *oci_digest_algorithm_name(enum oci_algorithm algorithm) {
  return algorithm == OCI_SHA512 ? "sha512" : "sha256";
}

static size_t hash_size(enum oci_algorithm algorithm) {
  return algorithm == OCI_SHA512 ? SHA512_DIGEST_LENGTH : SHA256_DIGEST_LENGTH;
}

static bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

static bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/* algorithm: words of a-z 0-9 with one of + . _ - between them; then ':' and [A-Za-z0-9=_-]+ */
static bool is_well_formed(const char *text, size_t len) {
  size_t i = 0;
  for (; i < len && text[i] != ':'; i++)
    if (!is_lower_alnum(text[i]) &&
        (!memchr("+._-", text[i], 4) || i == 0 || !is_lower_alnum(text[i - 1])))
      return false;
  if (i == 0 || i + 1 >= len || !is_lower_alnum(text[i - 1]))
    return false;
  for (i++; i < len; i++)
    if (!is_lower_alnum(text[i]) && !(text[i] >= 'A' && text[i] <= 'Z') &&
        !memchr("=_-", text[i], 3))
      return false;
  return true;
}

int oci_digest_parse(const char *text, size_t len, struct oci_digest *digest, struct err *err) {
  *digest = (struct oci_digest){0};
  int shown = len < 150 ? (int)len : 150;
  static const enum oci_algorithm known[] = {OCI_SHA256, OCI_SHA512};
  for (size_t k = 0; k < 2; k++) {
    if (len < 7 || memcmp(text, oci_digest_algorithm_name(known[k]), 6) != 0 || text[6] != ':')
      continue;
    size_t i = 7;
    while (i < len && is_lower_hex(text[i]))
      i++;
    if (i < len || len != 7 + 2 * hash_size(known[k]))
      return err_set(err, ERR_PROTOCOL,
                     "\"%.*s\" is no digest: %s: and %zu digits of 0-9 a-f wanted", shown, text,
                     oci_digest_algorithm_name(known[k]), 2 * hash_size(known[k]));
    digest->algorithm = known[k];
    memcpy(digest->text, text, len);
    return 0;
  }
  if (is_well_formed(text, len))
    return err_set(err, ERR_UNSUPPORTED, "digest \"%.*s\" is neither sha256 nor sha512", shown,
                   text);
  return err_set(err, ERR_PROTOCOL, "\"%.*s\" is no digest", shown, text);
}

bool oci_digest_equal(const struct oci_digest *a, const struct oci_digest *b) {
  return oci_digest_is_set(a) && a->algorithm == b->algorithm && strcmp(a->text, b->text) == 0;
}

const char *oci_digest_hex(const struct oci_digest *digest) {
  return digest->text + (oci_digest_is_set(digest) ? 7 : 0);
}

void oci_digest_of(enum oci_algorithm algorithm, const void *data, size_t len,
                   struct oci_digest *digest) {
  struct oci_hasher hasher;
  oci_hasher_init(&hasher, algorithm);
  oci_hasher_update(&hasher, data, len);
  oci_hasher_digest(&hasher, digest);
}

void oci_hasher_init(struct oci_hasher *hasher, enum oci_algorithm algorithm) {
  *hasher = (struct oci_hasher){.algorithm = algorithm};
  if (algorithm == OCI_SHA512)
    SHA512_Init((SHA512_CTX *)hasher->state);
  else
    SHA256_Init((SHA256_CTX *)hasher->state);
}

void oci_hasher_update(struct oci_hasher *hasher, const void *data, size_t len) {
  if (len == 0)
    return;
  if (hasher->algorithm == OCI_SHA512)
    SHA512_Update((SHA512_CTX *)hasher->state, data, len);
  else
    SHA256_Update((SHA256_CTX *)hasher->state, data, len);
  hasher->bytes += len;
}

void oci_hasher_digest(const struct oci_hasher *hasher, struct oci_digest *digest) {
  struct oci_hasher copy = *hasher;
  unsigned char hash[SHA512_DIGEST_LENGTH];
  if (copy.algorithm == OCI_SHA512)
    SHA512_Final(hash, (SHA512_CTX *)copy.state);
  else
    SHA256_Final(hash, (SHA256_CTX *)copy.state);
  *digest = (struct oci_digest){.algorithm = copy.algorithm};
  memcpy(digest->text, oci_digest_algorithm_name(copy.algorithm), 6);
  digest->text[6] = ':';
  char *out = digest->text + 7;
  for (size_t i = 0; i < hash_size(copy.algorithm); i++) {
    *out++ = "0123456789abcdef"[hash[i] >> 4];
    *out++ = "0123456789abcdef"[hash[i] & 15];
  }
}

/* The stored form: "drh" and the version, the algorithm, the number of bytes hashed, the chaining
 * words, then the bytes of the block under way; numbers most significant byte first. Its length
 * follows from the number of bytes, and so do the counters of the SHA context. */
static const unsigned char magic[4] = {'d', 'r', 'h', 1};
enum { HEAD = sizeof magic + 1 + 8 };

static unsigned char *put(unsigned char *out, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0; value >>= 8)
    out[i] = (unsigned char)value;
  return out + size;
}

static uint64_t get(const unsigned char **in, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value = value << 8 | *(*in)++;
  return value;
}

size_t oci_hasher_store(const struct oci_hasher *hasher, unsigned char out[OCI_HASHER_STORED]) {
  unsigned char *end = out;
  memcpy(end, magic, sizeof magic);
  end = put(end + sizeof magic, hasher->algorithm, 1);
  end = put(end, hasher->bytes, 8);
  if (hasher->algorithm == OCI_SHA512) {
    SHA512_CTX ctx;
    memcpy(&ctx, hasher->state, sizeof ctx);
    for (int i = 0; i < 8; i++)
      end = put(end, ctx.h[i], 8);
    memcpy(end, ctx.p, ctx.num);
    end += ctx.num;
  } else {
    SHA256_CTX ctx;
    memcpy(&ctx, hasher->state, sizeof ctx);
    for (int i = 0; i < 8; i++)
      end = put(end, ctx.h[i], 4);
    memcpy(end, ctx.data, ctx.num);
    end += ctx.num;
  }
  return (size_t)(end - out);
}

int oci_hasher_load(struct oci_hasher *hasher, const unsigned char *data, size_t len) {
  if (len < HEAD || memcmp(data, magic, sizeof magic) != 0)
    return -1;
  const unsigned char *in = data + sizeof magic;
  uint64_t algorithm = get(&in, 1), bytes = get(&in, 8);
  if ((algorithm != OCI_SHA256 && algorithm != OCI_SHA512) || bytes > INT64_MAX / 8)
    return -1;
  size_t words = algorithm == OCI_SHA512 ? 64 : 32;
  size_t partial = bytes % (2 * words);
  if (len != HEAD + words + partial)
    return -1;
  oci_hasher_init(hasher, (enum oci_algorithm)algorithm);
  hasher->bytes = bytes;
  if (algorithm == OCI_SHA512) {
    SHA512_CTX *ctx = (SHA512_CTX *)hasher->state;
    for (int i = 0; i < 8; i++)
      ctx->h[i] = get(&in, 8);
    ctx->Nl = bytes * 8;
    ctx->num = (unsigned)partial;
    memcpy(ctx->p, in, partial);
  } else {
    SHA256_CTX *ctx = (SHA256_CTX *)hasher->state;
    for (int i = 0; i < 8; i++)
      ctx->h[i] = (uint32_t)get(&in, 4);
    ctx->Nl = (uint32_t)(bytes << 3);
    ctx->Nh = (uint32_t)(bytes >> 29);
    ctx->num = (unsigned)partial;
    memcpy(ctx->data, in, partial);
  }
  return 0;
}

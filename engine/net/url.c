#include "net/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static char *part(CURLU *url, CURLUPart what, unsigned flags) {
  char *text = NULL;
  if (curl_url_get(url, what, &text, flags) != CURLUE_OK)
    return NULL;
  char *own = mem_strdup(text);
  curl_free(text);
  return own;
}

static CURLU *parse(const char *text) {
  CURLU *url = curl_url();
  if (url && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
    curl_url_cleanup(url);
    url = NULL;
  }
  return url;
}

static bool is_http(CURLU *url) {
  char *scheme = part(url, CURLUPART_SCHEME, 0);
  bool yes = scheme && (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
  free(scheme);
  return yes;
}

static bool has_user(CURLU *url) {
  char *user = part(url, CURLUPART_USER, 0), *password = part(url, CURLUPART_PASSWORD, 0);
  bool yes = user || password;
  free(user);
  free(password);
  return yes;
}

char *url_join(const char *base, const char *location) {
  CURLU *url = parse(base);
  if (!url)
    return NULL;
  char *joined = NULL;
  if (curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
      is_http(url) && !has_user(url)) {
    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    joined = part(url, CURLUPART_URL, 0);
  }
  curl_url_cleanup(url);
  return joined;
}

bool url_same_origin(const char *a, const char *b) {
  CURLU *ua = parse(a), *ub = parse(b);
  bool same = ua && ub;
  static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
  for (size_t i = 0; same && i < sizeof parts / sizeof *parts; i++) {
    char *pa = part(ua, parts[i], CURLU_DEFAULT_PORT), *pb = part(ub, parts[i], CURLU_DEFAULT_PORT);
    same = pa && pb && text_same(pa, pb);
    free(pa);
    free(pb);
  }
  curl_url_cleanup(ua);
  curl_url_cleanup(ub);
  return same;
}

bool url_is_https(const char *url) { return strncmp(url, "https://", 8) == 0; }

char *url_host(const char *text) {
  CURLU *url = parse(text);
  if (!url)
    return NULL;
  char *host = part(url, CURLUPART_HOST, 0), *port = part(url, CURLUPART_PORT, 0);
  curl_url_cleanup(url);
  if (host && port) {
    char *both = mem_printf("%s:%s", host, port);
    free(host);
    host = both;
  }
  free(port);
  return host;
}

char *url_for_log(const char *url) { return mem_strndup(url, strcspn(url, "?#")); }

char *url_escape(const char *text) {
  char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));
  char *own = mem_strdup(escaped ? escaped : "");
  curl_free(escaped);
  return own;
}

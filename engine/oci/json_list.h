/* oci/json_list.h - a list in a JSON text, as the bytes that it is made of: items are cut out or one
 * is added, and every other byte stays as it was. Pure. */
#ifndef DRAY_OCI_JSON_LIST_H
#define DRAY_OCI_JSON_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Places in the text, in bytes. */
struct oci_json_list {
  size_t start, end; /* the whole value, brackets included; or null, which is an empty list */
  size_t count;
  struct oci_json_span {
    size_t start, end;
  } * items; /* the caller's, for free() */
};

/* text is an object that oci_json_load() has read, key one of its members: a list or null. -1: it is
 * not there, as where the key is written with escapes. */
int oci_json_list_find(const char *text, size_t len, const char *key, struct oci_json_list *list);

/* The text with only those items for which kept[i]; the caller's. *new_len: without the NUL. */
char *oci_json_list_cut(const char *text, size_t len, const struct oci_json_list *list,
                        const bool *kept, size_t *new_len);
/* The text with an item more, at the end. */
char *oci_json_list_add(const char *text, size_t len, const struct oci_json_list *list,
                        const char *item, size_t *new_len);

#endif

/* oci/json.h - JSON from outside, parsed in bounded memory. Pure. */
#ifndef DRAY_OCI_JSON_H
#define DRAY_OCI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

#define OCI_JSON_VALUES_MAX 50000 /* values in one document: bounds the parser's memory */
#define OCI_JSON_DEPTH_MAX 64     /* nesting */

/* The tree is the caller's: json_decref(). NULL: ERR_PROTOCOL (not JSON, a key twice in one
 * object, too many values, too deep), with words fit for the end of "image X: …". */
json_t *oci_json_load(const char *bytes, size_t len, struct err *err);

/* A number of bytes. False: it is none. (Where a document holds a number that no integer can, all of
 * its numbers are read as reals.) */
bool oci_json_count(const json_t *number, uint64_t *count);

/* "jansson/2.14": what is inside; the caller's. */
char *oci_json_library(void);

/* The member's text; NULL where it is missing, no string, or holds a NUL. */
const char *oci_json_text(const json_t *object, const char *key);

#endif

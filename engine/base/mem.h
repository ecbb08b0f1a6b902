/* base/mem.h - allocation that does not fail: out of memory ends the process with a message.
 * All of it is freed by free(). Thread: any. */
#ifndef DRAY_BASE_MEM_H
#define DRAY_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);                           /* zeroed */
void *mem_realloc(void *old, size_t count, size_t size); /* checks count * size */
char *mem_strdup(const char *text);                      /* NULL gives NULL */
char *mem_strndup(const char *text, size_t len);         /* always terminated */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Overwrites secrets; not optimised away. */
void mem_wipe(void *data, size_t size);

#endif

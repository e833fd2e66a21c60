/* SPDX-License-Identifier: MIT
 *
 * fuzz_query.c - a key on the first line, a query or path behind it.
 */
#include "fuzz.h"

#include "base/percent.h"
#include "http/request.h"
#include <sio/error.h>

enum { ROOM = 4096 };

/* A smaller buffer holds the same, or says that it is too small. */
static void check_sizes(const sio_request *r, const char *key, const char *value, long n) {
  for (size_t size = 0; size < 20; size++) {
    char *small = malloc(size ? size : 1);
    long got = sio__request_copy_decoded_query_parameter(r, key, small, size);
    if (n < 0 || (size_t)n < size)
      DEMAND(got == n && (n < 0 || memcmp(small, value, (size_t)n + 1) == 0));
    else
      DEMAND(got == SIO_ETOOBIG);
    DEMAND(size == 0 || memchr(small, '\0', size));
    free(small);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *line = memchr(data, '\n', size);
  if (!line || size >= ROOM) return 0;
  size_t n = (size_t)(line - (const char *)data);
  char *key = piece(data, n + 1), *query = piece(line + 1, size - n - 1);
  char value[ROOM], path[ROOM];
  key[n] = '\0';
  const sio_request r = { .query = slice(query, size - n - 1) };
  long got = sio__request_copy_decoded_query_parameter(&r, key, value, sizeof value);
  DEMAND(got == UV_ENOENT || (got >= 0 && (size_t)got <= r.query.n && value[got] == '\0'));
  check_sizes(&r, key, value, got);
  got = sio__percent_decode_path(path, sizeof path, r.query);
  DEMAND(got < (long)sizeof path);
  free(query);
  free(key);
  return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * handshake_query.c - reads the parameters of Engine.IO in the query of a request.
 */
#include "eio/handshake_query.h"

/* Copies the value of the query parameter `key` to `text` and returns it. Returns an empty slice if
 * the parameter is missing or its value is too long. The value may contain a NUL. */
static sio_slice copy_query_parameter_or_empty(const sio_request *r, const char *key, char *text,
                                               size_t size) {
  long n = sio__request_copy_decoded_query_parameter(r, key, text, size);
  return slice(text, n > 0 ? (size_t)n : 0);
}

static bool query_parameter_equals(const sio_request *r, const char *key, const char *value) {
  char text[16];
  return slice_equals_str(copy_query_parameter_or_empty(r, key, text, sizeof text), value);
}

unsigned sio__handshake_query_protocol_version(const struct eio *e, const sio_request *r) {
  if (query_parameter_equals(r, "EIO", "4")) return 4;
  return e->opts->allow_eio3 && query_parameter_equals(r, "EIO", "3") ? 3 : 0;
}

sio_slice sio__handshake_query_undecoded_value(const sio_request *r, const char *key) {
  sio_slice rest = r->query, part, found = slice("", 0);
  size_t n = strlen(key);
  while (sio__slice_split(&rest, '&', &part))
    if (part.n > n && part.p[n] == '=' && memcmp(part.p, key, n) == 0)
      found = slice(part.p + n + 1, part.n - n - 1);
  return found;
}

bool sio__handshake_query_has_sid(const sio_request *r) {
  char some[2];
  long n = sio__request_copy_decoded_query_parameter(r, "sid", some, sizeof some);
  return n > 0 || n == SIO_ETOOBIG;
}

void sio__handshake_query_parse(const struct eio *e, const sio_request *r,
                                struct handshake_query *q) {
  char text[16];
  sio_slice transport = copy_query_parameter_or_empty(r, "transport", text, sizeof text);
  q->websocket = slice_equals_str(transport, "websocket");
  q->polling = slice_equals_str(transport, "polling");
  q->has_sid = sio__handshake_query_has_sid(r);
  q->sid = copy_query_parameter_or_empty(r, "sid", q->sid_text, sizeof q->sid_text);
  q->protocol = sio__handshake_query_protocol_version(e, r);
}

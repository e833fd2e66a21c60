/* SPDX-License-Identifier: MIT
 *
 * handshake_query.c - reads the parameters of Engine.IO in the query of a request.
 */
#include "eio/handshake_query.h"

/* Decodes the value of a query parameter into `text` and returns the decoded value, which may
 * contain a NUL. Returns an empty slice if the parameter is missing, or if its value is too
 * long. */
static sio_slice decode_value_or_empty(sio_slice value, char *text, size_t size) {
  long n = sio__query_decode_value(value, text, size);
  return slice(text, n > 0 ? (size_t)n : 0);
}

static unsigned protocol_version_of_value(const struct eio *e, sio_slice value) {
  char text[16];
  sio_slice version = decode_value_or_empty(value, text, sizeof text);
  if (slice_equals_str(version, "4")) return 4;
  return e->opts->allow_eio3 && slice_equals_str(version, "3") ? 3 : 0;
}

/* Returns true if the value is not empty. */
static bool is_query_value_nonempty(sio_slice value) {
  char some[2];
  long n = sio__query_decode_value(value, some, sizeof some);
  return n > 0 || n == SIO_ETOOBIG;
}

static sio_slice find_query_parameter(const sio_request *r, const char *key) {
  sio_slice value;
  sio__query_find_parameters(r->query, &key, 1, &value);
  return value;
}

unsigned sio__handshake_query_protocol_version(const struct eio *e, const sio_request *r) {
  return protocol_version_of_value(e, find_query_parameter(r, "EIO"));
}

bool sio__handshake_query_has_sid(const sio_request *r) {
  return is_query_value_nonempty(find_query_parameter(r, "sid"));
}

void sio__handshake_query_parse(const struct eio *e, const sio_request *r,
                                struct handshake_query *q) {
  static const char *const keys[] = { "sid", "transport", "EIO" };
  sio_slice values[3];
  char text[16];
  sio__query_find_parameters(r->query, keys, 3, values);
  q->raw_sid = values[0];
  q->raw_transport = values[1];
  q->raw_version = values[2];
  q->sid = decode_value_or_empty(q->raw_sid, q->sid_text, sizeof q->sid_text);
  q->has_sid = is_query_value_nonempty(q->raw_sid);
  sio_slice transport = decode_value_or_empty(q->raw_transport, text, sizeof text);
  q->websocket = slice_equals_str(transport, "websocket");
  q->polling = slice_equals_str(transport, "polling");
  q->protocol = protocol_version_of_value(e, q->raw_version);
}

/* SPDX-License-Identifier: MIT
 *
 * protocol4.c - the auth of Socket.IO 2 clients, which is a query string after the namespace's
 * name.
 */
#include "packet/protocol4.h"

#include "base/err.h"
#include "base/percent.h"
#include "packet/json_string.h"

void sio__packet_split_query_from_namespace(struct packet *p) {
  const char *mark = memchr(p->nsp.p, '?', p->nsp.n);
  if (!mark) return;
  p->query = slice(mark + 1, p->nsp.n - (size_t)(mark + 1 - p->nsp.p));
  p->nsp.n = (size_t)(mark - p->nsp.p);
}

static int put_percent_decoded_json_string(struct buf *out, sio_slice raw) {
  char *text = sio__malloc(raw.n + 1);
  if (!text) return UV_ENOMEM;
  size_t n = 0;
  while (raw.n > 0) text[n++] = (char)sio__percent_decode_byte(&raw, true);
  sio_slice decoded = slice(text, n);
  int err = sio__buf_reserve(out, sio__json_quoted_length(decoded));
  if (!err) out->n += sio__json_quote_string(out->p + out->n, decoded);
  sio__free(text);
  return err;
}

static int put_query_pair_as_json_member(struct buf *out, sio_slice pair) {
  const char *equals = memchr(pair.p, '=', pair.n);
  size_t n = equals ? (size_t)(equals - pair.p) : pair.n, skip = equals ? n + 1 : n;
  int err = out->n > 1 ? sio__buf_put(out, ",", 1) : 0;
  if (!err) err = put_percent_decoded_json_string(out, slice(pair.p, n));
  if (!err) err = sio__buf_put(out, ":", 1);
  return err ? err : put_percent_decoded_json_string(out, slice(pair.p + skip, pair.n - skip));
}

int sio__auth_query_to_json_object(struct buf *out, sio_slice query) {
  sio_slice pair;
  buf_init(out, SIZE_MAX);
  int err = sio__buf_put(out, "{", 1);
  while (!err && sio__slice_split(&query, '&', &pair))
    if (pair.n > 0) err = put_query_pair_as_json_member(out, pair);
  if (!err) err = sio__buf_put(out, "}", 1);
  if (err) sio__buf_clear(out);
  return err;
}

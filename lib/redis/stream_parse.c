/* SPDX-License-Identifier: MIT
 *
 * stream_parse.c - reads and writes ids, and reads the entries in the replies of Redis.
 */
#include "redis/stream_parse.h"

#include "base/num.h"

bool sio__stream_id_parse(struct stream_id *id, sio_slice text) {
  const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;
  if (!dash) return false;
  size_t n = (size_t)(dash - text.p);
  return sio__slice_parse_u64(slice(text.p, n), &id->ms) &&
         sio__slice_parse_u64(slice(dash + 1, text.n - n - 1), &id->seq);
}

sio_slice sio__stream_id_format(struct stream_id id, char out[STREAM_ID_MAX]) {
  size_t n = sio__u64_to_text(out, id.ms);
  out[n++] = '-';
  return slice(out, n + sio__u64_to_text(out + n, id.seq));
}

bool sio__stream_parse_last_id(const redisReply *reply, struct stream_id *id) {
  *id = (struct stream_id){ 0, 0 };
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 1) return false;
  if (!reply->elements) return true;
  const redisReply *e = reply->element[0];
  return e->type == REDIS_REPLY_ARRAY && e->elements == 2 && is_text_reply(e->element[0]) &&
         sio__stream_id_parse(id, reply_text(e->element[0]));
}

bool sio__stream_parse_entry(struct stream_fields *f, const redisReply *entry,
                             struct stream_id *id) {
  sio_slice seq = slice(NULL, 0);
  const struct {
    const char *name;
    sio_slice *to;
  } known[] = { { "uid", &f->uid },
                { "nsp", &f->nsp },
                { "type", &f->type },
                { "data", &f->data },
                { "seq", &seq } };
  *f = (struct stream_fields){ 0 };
  if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2) return false;
  const redisReply *text = entry->element[0], *list = entry->element[1];
  if (!is_text_reply(text) || !sio__stream_id_parse(id, reply_text(text))) return false;
  if (list->type != REDIS_REPLY_ARRAY) return false;
  for (size_t i = 0; i + 1 < list->elements; i += 2) {
    if (!is_text_reply(list->element[i]) || !is_text_reply(list->element[i + 1])) return false;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
      if (slice_equals_str(reply_text(list->element[i]), known[k].name))
        *known[k].to = reply_text(list->element[i + 1]);
  }
  if (!sio__slice_parse_u64(seq, &f->seq)) f->seq = 0;
  return true;
}

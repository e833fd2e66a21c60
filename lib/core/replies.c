/* SPDX-License-Identifier: MIT
 *
 * replies.c - the replies of sockets to a broadcast with acks, or of servers to
 * sio_server_side_emit(). Each reply is one block of memory that contains the id of the socket (""
 * if none is known), the JSON and the attachments. An event is made from a reply when the host
 * calls sio_replies_event().
 */
#include "base/mem.h"
#include "core/event.h"
#include "core/query.h"

/* A reply in the form of an event, which sio_replies_event() makes. */
struct reply_event {
  struct json_scan scan;
  struct sio_event event;
};

/* The memory of a reply; sio_answer.reserved[0] points to it. In the same block the array bins is
 * followed by the id of the socket, the JSON and the bytes of the attachments. */
struct reply {
  struct reply_event *event; /* NULL until sio_replies_event() has made it */
  sio_slice list;            /* the answer in brackets: "[json]" */
  uint32_t nbins;
  sio_slice bins[];
};

static struct reply *reply_of_answer(const sio_answer *a) { return (struct reply *)a->reserved[0]; }

/* ---- adding ----------------------------------------------------------------------------- */

static size_t measure_reply_memory(size_t id, sio_slice json, const sio_slice *bins,
                                   uint32_t nbins) {
  size_t size = size_add(sizeof(struct reply) + id + 1 + 2, json.n);
  size = size_add(size, size_mul(nbins, sizeof(sio_slice)));
  for (uint32_t i = 0; i < nbins; i++) size = size_add(size, bins[i].n);
  return size;
}

/* Copies the id of the answering socket, the JSON and the attachments to r. Returns the copy of the
 * id. */
static const char *copy_answer_parts_into_reply(struct reply *r, sio_slice id, sio_slice json,
                                                const sio_slice *bins) {
  char *at = (char *)(r->bins + r->nbins), *own_id = at;
  if (id.n) memcpy(at, id.p, id.n);
  at[id.n] = '\0';
  at += id.n + 1;
  r->list = slice(at, json.n + 2);
  *at++ = '[';
  memcpy(at, json.p, json.n);
  at += json.n;
  *at++ = ']';
  for (uint32_t i = 0; i < r->nbins; i++) {
    if (bins[i].n) memcpy(at, bins[i].p, bins[i].n);
    r->bins[i] = slice(at, bins[i].n);
    at += bins[i].n;
  }
  return own_id;
}

static int reserve_answer_slot(sio_query *q) {
  if (q->replies.count < q->replies_cap) return 0;
  sio_answer *list = sio__array_grow(q->replies.list, &q->replies_cap, sizeof *list, 8);
  if (!list) return UV_ENOMEM;
  q->replies.list = list;
  return 0;
}

int sio__replies_add_reply(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins) {
  size_t id_len = id ? strlen(id) : 0, size = measure_reply_memory(id_len, json, bins, nbins);
  if (!sio__query_reserve_answer_bytes_or_drop(q, size)) return 0;
  struct reply *r = reserve_answer_slot(q) ? NULL : sio__malloc(size);
  if (!r) return UV_ENOMEM;
  *r = (struct reply){ .nbins = nbins };
  const char *own_id = copy_answer_parts_into_reply(r, slice(id, id_len), json, bins);
  q->replies.list[q->replies.count++] =
      (sio_answer){ own_id, slice(r->list.p + 1, json.n), { (uintptr_t)r } };
  return 0;
}

static void free_received_reply(struct reply *r) {
  if (r->event) {
    sio__event_clear(&r->event->event);
    sio__json_scan_clear(&r->event->scan);
    sio__free(r->event);
  }
  sio__free(r);
}

void sio__replies_clear(sio_replies *r) {
  for (size_t i = 0; i < r->count; i++) free_received_reply(reply_of_answer(&r->list[i]));
  sio__free(r->list);
}

/* ---- reading replies ------------------------------------------------------------------------- */

/* Makes an event from a reply. The JSON of the reply was checked when it arrived, so this can fail
 * only if memory runs out: then returns NULL. */
static struct reply_event *reply_event_new(const struct reply *r) {
  struct reply_event *o = sio__calloc(1, sizeof *o);
  if (!o) return NULL;
  if (sio__json_scan_text(&o->scan, r->list, JSON_DEPTH_MAX + 1, NULL)) {
    sio__json_scan_clear(&o->scan);
    sio__free(o);
    return NULL;
  }
  struct packet p = { .type = PACKET_ACK,
                      .id = PACKET_NO_ID,
                      .json = r->list,
                      .scan = &o->scan,
                      .bins = r->bins,
                      .nbins = r->nbins };
  sio__event_init(&o->event, NULL, &p);
  return o;
}

sio_event *sio_replies_event(sio_replies *r, size_t i) {
  if (i >= r->count) return NULL;
  struct reply *reply = reply_of_answer(&r->list[i]);
  if (!reply->event) reply->event = reply_event_new(reply);
  return reply->event ? &reply->event->event : NULL;
}

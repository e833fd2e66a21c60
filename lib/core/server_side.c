/* SPDX-License-Identifier: MIT
 *
 * server_side.c - events from one server to the others: saying, hearing, answering.
 *
 * What another server says is a struct sio_event without socket. Where its ack goes stands in a
 * struct server_side: on the stack while handlers run, in the sio_ack once one took it.
 */
#include "core/server_side.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/emit.h"
#include "core/event.h"
#include "core/foreign.h"
#include "core/nsp.h"
#include "core/query.h"

static bool is_reserved(const char *event) {
  return strcmp(event, "connect") == 0 || strcmp(event, "connection") == 0 ||
         strcmp(event, "new_namespace") == 0;
}

/* ---- saying ------------------------------------------------------------------------------ */

/* The name goes as the first value: what clients may not be sent, servers may. */
static int encode_with_name(sio_packet *p, sio_nsp *nsp, const char *event, sio_args args) {
  struct core *core = nsp->core;
  size_t n = size_add(args.n, 1);
  sio_val *all = sio__malloc(size_mul(n, sizeof *all));
  if (!all) return UV_ENOMEM;
  all[0] = sio_str(event);
  for (size_t i = 0; i < args.n; i++) all[i + 1] = args.v[i];
  *p = (sio_packet){ .nsp = nsp, .event = event, .args = args };
  int err = sio__encode(&core->loop.msgs, &core->scratch, &p->msg, nsp->name, NULL,
                        sio__args(all, n), PACKET_NO_ID);
  sio__free(all);
  return err;
}

static int send_to_other_servers(sio_nsp *nsp, const char *event, sio_args args, sio_query *q) {
  sio_packet p;
  int err = encode_with_name(&p, nsp, event, args);
  if (err) return err;
  p.query = q;
  if (nsp->ops->server_emit) err = nsp->ops->server_emit(nsp->adapter, &p, q);
  msg_unref(p.msg);
  return err;
}

static void end_server_side_replies(sio_query *q, int status) {
  q->cb.replies(status, &q->replies, q->user);
}

int sio_server_side_emit(sio_nsp *nsp, const char *event, sio_args args, unsigned timeout_ms,
                         sio_broadcast_ack_cb cb, void *user) {
  sio_query *q;
  if (!nsp) return UV_EINVAL;
  if (!event || is_reserved(event)) return SIO_ENAME;
  if (!cb) return nsp->core->closing ? SIO_ECLOSED : send_to_other_servers(nsp, event, args, NULL);
  int err = sio__query_new(&q, nsp, timeout_ms, end_server_side_replies, user);
  if (err) return err;
  q->cb.replies = cb;
  err = send_to_other_servers(nsp, event, args, q);
  if (err)
    sio__query_discard(q);
  else
    sio__query_start(q, false);
  return err;
}

/* ---- hearing ------------------------------------------------------------------------------- */

int sio_on_server_side(sio_nsp *nsp, const char *event, sio_server_side_cb cb, void *user) {
  if (!event || is_reserved(event)) return SIO_ENAME;
  return sio__nsp_add_handler(&nsp->server_side, slice_str(event), (hook_fn)cb, user);
}

static int run_server_side_handlers(sio_nsp *nsp, const struct packet *p,
                                    struct server_side *from) {
  struct sio_event e;
  int err = sio__foreign_open(&e, p);
  if (err) return err;
  e.server_side = from;
  sio__nsp_run_server_side_handlers(nsp, &e);
  sio__event_clear(&e);
  return 0;
}

int sio_server_side_receive(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins,
                            sio_server_side_answer answer, const sio_return *to) {
  struct json_scan scan = { 0 };
  struct server_side from = { .nsp = nsp, .answer = answer };
  if (to) from.to = *to;
  int err = sio__foreign_check_event(&scan, json, nbins);
  struct packet p = { .type = PACKET_EVENT,
                      .id = answer ? 0 : PACKET_NO_ID,
                      .json = json,
                      .scan = &scan,
                      .bins = bins,
                      .nbins = (uint32_t)nbins };
  if (!err) err = run_server_side_handlers(nsp, &p, &from);
  sio__json_scan_clear(&scan);
  return err;
}

/* ---- answering ------------------------------------------------------------------------------- */

static int list_answer_attachments(const struct msg *first, sio_slice **out, uint32_t *n) {
  *n = 0;
  *out = NULL;
  for (const struct msg *m = first; m; m = m->next) ++*n;
  if (*n == 0) return 0;
  sio_slice *bins = *out = sio__calloc(*n, sizeof *bins);
  if (!bins) return UV_ENOMEM;
  for (const struct msg *m = first; m; m = m->next) *bins++ = slice(msg_data(m), m->len);
  return 0;
}

static int call_with_first_reply(const struct server_side *to, struct json_scan *scan,
                                 const struct msg *m) {
  const char *p = msg_data(m), *array = memchr(p, '[', m->len);
  sio_slice json = slice(array, m->len - (size_t)(array - p)), *bins;
  uint32_t nbins;
  int err = sio__json_scan(scan, json, JSON_DEPTH_MAX + 1, NULL);
  if (!err) err = list_answer_attachments(m->next, &bins, &nbins);
  if (err) return err;
  bool some = scan->nargs > 0, refers = scan->nholes > 0 && scan->holes[0].arg == 0;
  to->answer(to->nsp->adapter, &to->to, some ? json_arg(scan, json, 0) : SLICE("null"), bins,
             refers ? nbins : 0);
  sio__free(bins);
  return 0;
}

int sio__server_side_send_ack(const struct server_side *to, sio_args args) {
  struct json_scan scan = { 0 };
  struct msg *m;
  struct core *core = to->nsp->core;
  if (!to->nsp->adapter) return SIO_ECLOSED;
  int err = sio__encode(&core->loop.msgs, &core->scratch, &m, "/", NULL, args, PACKET_NO_ID);
  if (err) return err;
  err = call_with_first_reply(to, &scan, m);
  sio__json_scan_clear(&scan);
  msg_unref(m);
  return err;
}

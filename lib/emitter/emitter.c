/* SPDX-License-Identifier: MIT
 *
 * emitter.c - publishes events and requests to the servers of a cluster, for a program that is not
 * one of these servers.
 */
#include "base/err.h"
#include "base/sized.h"
#include "emitter/message.h"
#include <sio/emitter.h>

enum { NSP_MAX = 255 };

static const char uid_of_emitters[] = "emitter";

struct sio_emitter {
  sio_emitter_publish_cb publish;
  void *user;
  struct msgs home;
  struct decode_scratch scratch;
  sio_slice key;
  char key_text[];
};

int sio_emitter_new(const sio_emitter_options *in, sio_emitter **out) {
  sio_emitter_options o;
  if (!out || !in || sio__read_sized_struct(&o, sizeof o, in, sizeof o) || !o.publish)
    return UV_EINVAL;
  const char *key = o.key ? o.key : "socket.io";
  size_t n = strlen(key);
  sio_emitter *e = sio__calloc(1, sizeof *e + n + 1);
  if (!e) return UV_ENOMEM;
  e->publish = o.publish;
  e->user = o.user;
  sio__msg_allocator_init(&e->home);
  memcpy(e->key_text, key, n);
  e->key = slice(e->key_text, n);
  *out = e;
  return 0;
}

void sio_emitter_free(sio_emitter *e) {
  if (!e) return;
  sio__decode_scratch_clear(&e->scratch);
  sio__msg_allocator_clear(&e->home);
  sio__free(e);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Writes nsp to out with a slash before it if it has none: "chat" becomes "/chat", and NULL becomes
 * "/". Sets *full to the name in out. Returns false if the name is too long. */
static bool emitter_copy_nsp_name_with_slash(char out[NSP_MAX + 2], const char *nsp,
                                             sio_slice *full) {
  size_t n = nsp ? strlen(nsp) : 0;
  bool slash = n == 0 || *nsp != '/';
  if (n + slash > NSP_MAX) return false;
  if (slash) *out = '/';
  if (n) memcpy(out + slash, nsp, n);
  *full = slice(out, n + slash);
  return true;
}

static bool is_emitter_target_empty(const sio_emitter_target *to) {
  return to->rooms && !to->rooms[0];
}

static struct message_target message_target_from_emitter_target(const sio_emitter_target *to) {
  return (struct message_target){
    .rooms = to->rooms, .except = to->except, .flags = to->flags, .by_emitter = true
  };
}

/* ---- publishing ------------------------------------------------------------------------------ */

/* Publishes m on the channel whose name is made from e->key, kind, nsp and last. If m->err is set
 * or memory runs out, returns the error and publishes nothing. Clears m in any case. */
static int emitter_publish_and_clear_message(sio_emitter *e, const char *kind, sio_slice nsp,
                                             const char *last, struct message *m) {
  struct message channel;
  sio__message_init(&channel, &e->home);
  sio__message_write_channel_name(&channel, e->key, kind, nsp, last);
  int err = m->err ? m->err : channel.err;
  if (!err) err = e->publish(sio__message_text(&channel), sio__message_text(m), e->user);
  sio__message_clear(&channel);
  sio__message_clear(m);
  return err;
}

/* An encoded event. json is the JSON array in msg. bins[] are the attachments for its placeholders,
 * in the msgs that are linked after msg. */
struct emitter_event {
  struct msg *msg;
  sio_slice json;
  sio_slice *bins;
  size_t nbins;
};

static void emitter_event_clear(struct emitter_event *ev) {
  msg_unref(ev->msg);
  sio__free(ev->bins);
}

static int emitter_event_collect_attachments(struct emitter_event *ev) {
  for (const struct msg *m = ev->msg->next; m; m = m->next) ev->nbins++;
  if (!ev->nbins) return 0;
  sio_slice *bins = ev->bins = sio__calloc(ev->nbins, sizeof *bins);
  if (!bins) return UV_ENOMEM;
  for (const struct msg *m = ev->msg->next; m; m = m->next) *bins++ = slice(msg_data(m), m->len);
  return 0;
}

/* Encodes an event as the JSON array [name, arguments...], or [arguments...] if name is NULL. */
static int emitter_event_encode(struct emitter_event *ev, sio_emitter *e, const char *name,
                                sio_args args) {
  *ev = (struct emitter_event){ 0 };
  int err =
      sio__encode_event_or_ack(&e->home, &e->scratch, &ev->msg, "/", name, args, PACKET_NO_ID);
  if (err) return err;
  const char *text = msg_data(ev->msg), *at = memchr(text, '[', ev->msg->len);
  ev->json = slice(at, ev->msg->len - (size_t)(at - text));
  return emitter_event_collect_attachments(ev);
}

/* Moves `text` to *encoded: as MessagePack if `as_msgpack` is true or the event has attachments,
 * which JSON cannot hold, otherwise as JSON. */
static void emitter_move_or_convert_to_msgpack(struct message *encoded, struct message *text,
                                               const struct emitter_event *ev, bool as_msgpack,
                                               struct msgs *home) {
  if (!as_msgpack && !ev->nbins) {
    *encoded = *text;
    return;
  }
  sio__message_init(encoded, home);
  sio__message_convert_to_msgpack(encoded, text, ev->bins, ev->nbins);
  sio__message_clear(text);
}

static int emitter_publish_broadcast(sio_emitter *e, sio_slice nsp, const struct emitter_event *ev,
                                     const struct message_target *to) {
  struct message text, packed;
  sio__message_init(&text, &e->home);
  sio__message_write_broadcast(&text, uid_of_emitters, nsp, ev->json, to);
  emitter_move_or_convert_to_msgpack(&packed, &text, ev, true, &e->home);
  return emitter_publish_and_clear_message(e, "", nsp, sio__message_target_only_room_or_null(to),
                                           &packed);
}

int sio_emitter_emit(sio_emitter *e, sio_emitter_target to, const char *event, sio_args args) {
  char name[NSP_MAX + 2];
  sio_slice nsp;
  struct emitter_event ev;
  struct message_target target = message_target_from_emitter_target(&to);
  if (!e) return UV_EINVAL;
  if (!event || !emitter_copy_nsp_name_with_slash(name, to.nsp, &nsp)) return SIO_ENAME;
  int err = emitter_event_encode(&ev, e, event, args);
  if (!err && !is_emitter_target_empty(&to)) err = emitter_publish_broadcast(e, nsp, &ev, &target);
  emitter_event_clear(&ev);
  return err;
}

static int emitter_publish_join_leave_or_disconnect(sio_emitter *e, const sio_emitter_target *to,
                                                    enum message_type type,
                                                    const char *const *rooms, bool session) {
  char name[NSP_MAX + 2];
  sio_slice nsp;
  struct message m;
  struct message_target target = message_target_from_emitter_target(to);
  if (!e) return UV_EINVAL;
  if (!emitter_copy_nsp_name_with_slash(name, to->nsp, &nsp)) return SIO_ENAME;
  if (is_emitter_target_empty(to)) return 0;
  sio__message_init(&m, &e->home);
  sio__message_write_join_leave_or_disconnect(&m, NULL, type, &target, rooms, session);
  return emitter_publish_and_clear_message(e, "-request", nsp, NULL, &m);
}

int sio_emitter_join(sio_emitter *e, sio_emitter_target to, const char *const *rooms) {
  return rooms ? emitter_publish_join_leave_or_disconnect(e, &to, MESSAGE_JOIN, rooms, false)
               : UV_EINVAL;
}

int sio_emitter_leave(sio_emitter *e, sio_emitter_target to, const char *const *rooms) {
  return rooms ? emitter_publish_join_leave_or_disconnect(e, &to, MESSAGE_LEAVE, rooms, false)
               : UV_EINVAL;
}

int sio_emitter_disconnect(sio_emitter *e, sio_emitter_target to, bool session) {
  return emitter_publish_join_leave_or_disconnect(e, &to, MESSAGE_DISCONNECT, NULL, session);
}

/* ---- server-side events ---------------------------------------------------------------------- */

static int emitter_publish_server_event(sio_emitter *e, sio_slice nsp,
                                        const struct emitter_event *ev) {
  struct message text, m;
  sio__message_init(&text, &e->home);
  sio__message_write_server_event(&text, uid_of_emitters, NULL, ev->json);
  emitter_move_or_convert_to_msgpack(&m, &text, ev, false, &e->home);
  return emitter_publish_and_clear_message(e, "-request", nsp, NULL, &m);
}

/* Encodes an event without a name, and with the name as its first argument, so that the name is not
 * checked: names that are reserved between clients and servers ("connect", for example) are allowed
 * between servers. */
static int emitter_encode_server_event(struct emitter_event *ev, sio_emitter *e, const char *event,
                                       sio_args args) {
  size_t n = size_add(args.n, 1);
  *ev = (struct emitter_event){ 0 };
  sio_val *all = sio__malloc(size_mul(n, sizeof *all));
  if (!all) return UV_ENOMEM;
  all[0] = sio_str(event);
  for (size_t i = 0; i < args.n; i++) all[i + 1] = args.v[i];
  int err = emitter_event_encode(ev, e, NULL, sio_argv(all, n));
  sio__free(all);
  return err;
}

int sio_emitter_server_side_emit(sio_emitter *e, const char *nsp, const char *event,
                                 sio_args args) {
  char name[NSP_MAX + 2];
  sio_slice full;
  struct emitter_event ev;
  if (!e) return UV_EINVAL;
  if (!event || !emitter_copy_nsp_name_with_slash(name, nsp, &full)) return SIO_ENAME;
  int err = emitter_encode_server_event(&ev, e, event, args);
  if (!err) err = emitter_publish_server_event(e, full, &ev);
  emitter_event_clear(&ev);
  return err;
}

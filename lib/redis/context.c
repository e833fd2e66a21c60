/* SPDX-License-Identifier: MIT
 *
 * context.c - what the two connections do together, and what the host is told of it.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/sized.h"
#include <stdio.h>

enum {
  KIB = 1024,
  MIB = 1024 * KIB,
  SUBSCRIPTIONS_MAX = 1024 * MIB /* their number is that of the rooms here */
};

/* ---- the host is told later ------------------------------------------------------------------ */

static void context_tell_state(sio_redis *r) {
  if (r->state == r->told_state) return;
  r->told_state = r->state;
  if (r->on_state) r->on_state(r, r->state, r->why, r->on_state_user);
}

static void on_soon(uv_idle_t *h) {
  sio_redis *r = h->data;
  uv_idle_stop(h);
  sio__link_flush(&r->subscriber);
  sio__link_flush(&r->commands);
  sio__notes_tell(&r->notes);
  context_tell_state(r);
}

static void context_wake(sio_redis *r) {
  if (!r->freed) uv_idle_start(&r->soon, on_soon);
}

#define CONTEXT_NOTE(r, kind, level, ...)                                    \
  do {                                                                       \
    sio__note(&(r)->notes, (kind), (level), uv_now((r)->loop), __VA_ARGS__); \
    context_wake(r);                                                         \
  } while (0)

static enum sio_redis_state state_of(const sio_redis *r) {
  if (!r->users || r->freed) return SIO_REDIS_IDLE;
  bool ready = r->commands.state == LINK_READY && r->subscriber.state == LINK_READY;
  return ready && !r->to_confirm ? SIO_REDIS_READY : SIO_REDIS_CONNECTING;
}

static void context_update(sio_redis *r, const char *why) {
  enum sio_redis_state now = state_of(r);
  if (now == r->state) return;
  r->state = now;
  snprintf(r->why, sizeof r->why, "%s", why);
  if (now == SIO_REDIS_READY)
    CONTEXT_NOTE(r, NOTE_STATE, SIO_LOG_INFO, "connected to Redis and subscribed");
  context_wake(r);
}

/* ---- both connections ------------------------------------------------------------------------ */

static sio_redis *context_of(struct link *l) {
  return l->expects_replies ? container_of(l, sio_redis, commands)
                            : container_of(l, sio_redis, subscriber);
}

static void on_link_down(struct link *l, const char *why, unsigned wait_ms) {
  sio_redis *r = context_of(l);
  const char *which = l->expects_replies ? "for commands" : "that is subscribed";
  r->stats.failures++;
  if (!l->expects_replies) r->to_confirm = 0;
  CONTEXT_NOTE(r, NOTE_DOWN, SIO_LOG_WARN, "the connection to Redis %s: %s; next attempt in %u ms",
               which, why, wait_ms);
  context_update(r, why);
}

/* Redis answered a command with an error: READONLY, OOM, NOPERM, LOADING, ... */
static void context_hear_error(sio_redis *r, const redisReply *reply) {
  char text[160];
  r->stats.errors++;
  CONTEXT_NOTE(r, NOTE_REFUSED, SIO_LOG_WARN, "Redis refuses a command: %s",
               sio__note_clean(text, sizeof text, reply_text(reply)));
}

/* ---- commands -------------------------------------------------------------------------------- */

static void on_commands_ready(struct link *l) {
  sio_redis *r = context_of(l);
  r->stats.connects++;
  context_wake(r);
  context_update(r, "");
}

/* PUBSUB NUMSUB: a channel and a number. */
static int64_t numsub_of(const redisReply *reply) {
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) return UV_EIO;
  const redisReply *n = reply->element[1];
  return n->type == REDIS_REPLY_INTEGER && n->integer >= 0 ? n->integer : UV_EIO;
}

static void on_command_reply(struct link *l, const redisReply *reply) {
  sio_redis *r = context_of(l);
  struct link_expect expect;
  if (!sio__link_take_expect(l, &expect)) return;
  if (reply_is_error(reply)) context_hear_error(r, reply);
  if (expect.id[0]) r->counted(r, expect.id, numsub_of(reply));
}

static void on_lost(struct link *l, const struct link_expect *expect) {
  sio_redis *r = context_of(l);
  if (expect->id[0]) r->counted(r, expect->id, UV_ENOTCONN);
}

static const struct link_ops command_ops = {
  .ready = on_commands_ready, .reply = on_command_reply, .lost = on_lost, .down = on_link_down
};

static int context_command(sio_redis *r, const sio_slice *words, size_t n, const char *id) {
  struct link_expect expect = { { 0 } };
  if (id) memcpy(expect.id, id, strlen(id));
  bool open = r->users && !r->freed;
  int err = open ? sio__link_command(&r->commands, &expect, words, n) : UV_ENOTCONN;
  context_wake(r);
  return err;
}

void sio__redis_dropped(sio_redis *r, int err) {
  r->stats.dropped++;
  CONTEXT_NOTE(r, NOTE_DROPPED, SIO_LOG_WARN, "a message to the other servers is dropped: %s",
               err == UV_ENOBUFS ? "max_queued bytes wait for Redis" : sio_strerror(err));
}

int sio__redis_publish(sio_redis *r, bool sharded, sio_slice channel, sio_slice payload) {
  const sio_slice words[] = { sharded ? SLICE("SPUBLISH") : SLICE("PUBLISH"), channel, payload };
  int err = context_command(r, words, 3, NULL);
  if (err)
    sio__redis_dropped(r, err);
  else
    r->stats.published++;
  return err;
}

int sio__redis_count(sio_redis *r, bool sharded, sio_slice channel, const char *id) {
  const sio_slice words[] = { SLICE("PUBSUB"), sharded ? SLICE("SHARDNUMSUB") : SLICE("NUMSUB"),
                              channel };
  return context_command(r, words, 3, id);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static sio_slice subscription_key(const void *item) {
  const struct subscription *s = item;
  return slice(s->name, s->name_len);
}

static int context_send_subscription(sio_redis *r, const struct subscription *s, bool on) {
  static const char *const verbs[][2] = { { "UNSUBSCRIBE", "SUBSCRIBE" },
                                          { "PUNSUBSCRIBE", "PSUBSCRIBE" },
                                          { "SUNSUBSCRIBE", "SSUBSCRIBE" } };
  const sio_slice words[] = { slice_str(verbs[s->kind][on]), slice(s->name, s->name_len) };
  int err = sio__link_command(&r->subscriber, NULL, words, 2);
  context_wake(r);
  return err;
}

/* All subscriptions on a new connection. */
static void on_subscriber_ready(struct link *l) {
  sio_redis *r = context_of(l);
  int err = 0;
  const struct subscription *s;
  sio__link_drop_queue(l);
  r->to_confirm = 0;
  for (uint32_t i = 0; !err && (s = sio__map_next(&r->subscriptions, &i)); r->to_confirm++)
    err = context_send_subscription(r, s, true);
  r->stats.connects++;
  if (err)
    sio__link_break(l, err == UV_ENOBUFS ? "max_queued is too small for the subscriptions"
                                         : "no memory for the subscriptions");
  else
    context_update(r, "");
}

/* A namespace that is made later does not make the others unready. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s) {
  int err = sio__map_put(&r->subscriptions, s);
  if (err || r->subscriber.state != LINK_READY) return err;
  err = context_send_subscription(r, s, true);
  if (err) sio__map_del(&r->subscriptions, subscription_key(s));
  return err;
}

void sio__redis_unsubscribe(sio_redis *r, struct subscription *s) {
  if (sio__map_get(&r->subscriptions, subscription_key(s)) != s) return;
  sio__map_del(&r->subscriptions, subscription_key(s));
  if (r->subscriber.state == LINK_READY) (void)context_send_subscription(r, s, false);
}

/* ["message",channel,payload] or ["pmessage",pattern,channel,payload] */
static void context_hear_message(sio_redis *r, redisReply *const *v, size_t n) {
  sio_slice channel = reply_text(v[n - 2]);
  struct subscription *s = sio__map_get(&r->subscriptions, reply_text(v[1]));
  r->stats.received++;
  if (s) s->heard(s, channel, reply_text(v[n - 1]));
}

static bool all_are_text(const redisReply *reply) {
  for (size_t i = 0; i < reply->elements; i++)
    if (!reply_is_text(reply->element[i])) return false;
  return true;
}

static void context_confirm(sio_redis *r) {
  if (r->to_confirm) r->to_confirm--;
  context_update(r, "");
}

static bool is_confirmation(sio_slice kind) {
  return slice_is(kind, "subscribe") || slice_is(kind, "psubscribe") ||
         slice_is(kind, "ssubscribe");
}

/* 0: it is no message. */
static size_t message_length(sio_slice kind) {
  if (slice_is(kind, "message") || slice_is(kind, "smessage")) return 3;
  return slice_is(kind, "pmessage") ? 4 : 0;
}

static void on_subscriber_reply(struct link *l, const redisReply *reply) {
  sio_redis *r = context_of(l);
  if (reply_is_error(reply)) context_hear_error(r, reply);
  if (reply_is_error(reply) && r->to_confirm) sio__link_break(l, "a subscription is refused");
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return;
  if (!reply_is_text(reply->element[0])) return;
  sio_slice kind = reply_text(reply->element[0]);
  if (is_confirmation(kind)) context_confirm(r);
  size_t n = message_length(kind);
  if (n && reply->elements == n && all_are_text(reply)) context_hear_message(r, reply->element, n);
}

static const struct link_ops subscriber_ops = {
  .ready = on_subscriber_ready, .reply = on_subscriber_reply, .lost = on_lost, .down = on_link_down
};

void sio__redis_malformed(sio_redis *r, sio_slice channel, const char *what) {
  char name[80];
  r->stats.malformed++;
  CONTEXT_NOTE(r, NOTE_MALFORMED, SIO_LOG_WARN, "a message on %s is ignored: %s",
               sio__note_clean(name, sizeof name, channel), what);
}

/* ---- opened and closed ----------------------------------------------------------------------- */

void sio__redis_use(sio_redis *r) {
  if (r->users++ || r->freed) return;
  sio__link_start(&r->subscriber);
  sio__link_start(&r->commands);
  context_update(r, "");
}

void sio__redis_unuse(sio_redis *r) {
  if (--r->users || r->freed) return;
  sio__link_stop(&r->commands);
  sio__link_stop(&r->subscriber);
  r->to_confirm = 0;
  context_update(r, "no server uses it");
}

static void context_release(sio_redis *r) {
  sio__map_clear(&r->subscriptions);
  sio__map_clear(&r->questions);
  sio__msgs_clear(&r->msgs);
  sio__redis_url_clear(&r->options.url);
  sio__free(r->client_name);
  sio__free(r);
}

static void context_check_closed(sio_redis *r) {
  if (r->freed && !r->handles && !r->refs) context_release(r);
}

void sio__redis_ref(sio_redis *r) { r->refs++; }

void sio__redis_unref(sio_redis *r) {
  r->refs--;
  context_check_closed(r);
}

static void on_link_closed(struct link *l) { context_check_closed(context_of(l)); }

static void on_soon_closed(uv_handle_t *h) {
  sio_redis *r = h->data;
  r->handles--;
  context_check_closed(r);
}

void sio_redis_free(sio_redis *r) {
  if (!r || r->freed) return;
  r->freed = true;
  r->state = SIO_REDIS_IDLE;
  r->notes.log = NULL;
  sio__link_close(&r->commands);
  sio__link_close(&r->subscriber);
  uv_close((uv_handle_t *)&r->soon, on_soon_closed);
}

/* ---- options --------------------------------------------------------------------------------- */

struct context_complaint {
  char *text;
  size_t size;
};

static int context_refuse(const struct context_complaint *why, int err, const char *text) {
  if (why->text && why->size) snprintf(why->text, why->size, "%s", text);
  return err;
}

static unsigned number_or(unsigned v, unsigned normal) { return v ? v : normal; }

static bool has_space(const char *s) {
  for (; *s; s++)
    if (*s <= ' ' || *s > '~') return true;
  return false;
}

static bool redis_tls_is_usable(const sio_tls *tls) {
  const sio_tls_ops *o = tls->ops;
  return o && (o->size == 0 || o->size >= sizeof *o) && o->open && o->read && o->write &&
         o->established && o->failure && o->close;
}

static int context_check_options(const sio_redis_options *o, const struct context_complaint *why) {
  if (o->username && !o->password)
    return context_refuse(why, UV_EINVAL, "username: there is no password");
  if (o->client_name && (!*o->client_name || has_space(o->client_name)))
    return context_refuse(why, UV_EINVAL, "client_name: it is empty or has a space");
  if (o->tls && !redis_tls_is_usable(o->tls))
    return context_refuse(why, UV_EINVAL, "tls: it lacks a function");
  if (o->log_level < SIO_LOG_OFF || o->log_level > SIO_LOG_TRACE)
    return context_refuse(why, UV_EINVAL, "log_level: it is none of enum sio_log_level");
  return 0;
}

/* The login of the options takes the place of that in the URL. All in one block. */
static int context_read_login(sio_redis *r, const sio_redis_options *o) {
  struct redis_url *u = &r->options.url;
  const char *name = o->client_name ? o->client_name : "libsio";
  size_t n = strlen(name) + 1, user = o->username ? strlen(o->username) + 1 : 0;
  size_t password = o->password ? strlen(o->password) + 1 : 0;
  char *p = r->client_name = sio__malloc(n + user + password);
  if (!p) return UV_ENOMEM;
  r->options.client_name = memcpy(p, name, n);
  if (password) u->user = user ? memcpy(p + n, o->username, user) : NULL;
  if (password) u->password = memcpy(p + n + user, o->password, password);
  return 0;
}

static int context_read_options(sio_redis *r, const sio_redis_options *o,
                                const struct context_complaint *why) {
  struct link_options *l = &r->options;
  const char *text;
  int err = sio__redis_url_parse(&l->url, o->url, &text);
  if (!err) err = context_read_login(r, o);
  if (err) return context_refuse(why, err, err == UV_ENOMEM ? uv_strerror(err) : text);
  if (l->url.secure != (o->tls != NULL))
    return context_refuse(why, UV_EINVAL, "tls: it goes with a url of rediss:// and with no other");
  l->tls = o->tls;
  l->connect_timeout_ms = number_or(o->connect_timeout_ms, 5000);
  l->ping_interval_ms = number_or(o->ping_interval_ms, 10000);
  l->retry_min_ms = number_or(o->retry_min_ms, 50);
  l->retry_max_ms = number_or(o->retry_max_ms, 5000);
  if (l->retry_max_ms < l->retry_min_ms) l->retry_max_ms = l->retry_min_ms;
  l->max_queued = o->max_queued ? o->max_queued : 4 * MIB;
  l->max_message = o->max_message ? o->max_message : 32 * MIB;
  r->notes = (struct notes){ .log = o->log, .user = o->log_user };
  r->notes.level = o->log_level ? o->log_level : SIO_LOG_WARN;
  r->on_state = o->on_state;
  r->on_state_user = o->on_state_user;
  return 0;
}

static void context_init_handles(sio_redis *r) {
  sio__link_init(&r->commands, r->loop, &command_ops, &r->options, &r->handles, on_link_closed);
  sio__link_init(&r->subscriber, r->loop, &subscriber_ops, &r->options, &r->handles,
                 on_link_closed);
  r->commands.expects_replies = true;
  r->subscriber.max_out = SUBSCRIPTIONS_MAX;
  uv_idle_init(r->loop, &r->soon);
  r->soon.data = r;
  r->handles++;
}

int sio_redis_new_sized(uv_loop_t *loop, const sio_redis_options *in, size_t in_size,
                        char *why_text, size_t why_size, sio_redis **out) {
  const struct context_complaint why = { why_text, why_size };
  sio_redis_options o;
  (void)context_refuse(&why, 0, "");
  if (!out || !loop) return context_refuse(&why, UV_EINVAL, "no loop");
  if (sio__copy_sized_struct(&o, sizeof o, in, in_size))
    return context_refuse(&why, UV_EINVAL, "an option of a newer version is set");
  int err = context_check_options(&o, &why);
  if (err) return err;
  sio_redis *r = sio__calloc(1, sizeof *r);
  if (!r) return context_refuse(&why, UV_ENOMEM, uv_strerror(UV_ENOMEM));
  r->loop = loop;
  err = context_read_options(r, &o, &why);
  sio__map_init(&r->subscriptions, subscription_key);
  sio__msgs_init(&r->msgs);
  if (err) {
    context_release(r);
    return err;
  }
  context_init_handles(r);
  *out = r;
  return 0;
}

void sio_redis_get_stats_sized(const sio_redis *r, sio_redis_stats *out, size_t size) {
  sio_redis_stats s = r->stats;
  s.state = (int)r->state;
  s.unanswered = r->commands.unanswered;
  s.queued = sio__link_queued(&r->commands);
  memset(out, 0, size);
  memcpy(out, &s, size < sizeof s ? size : sizeof s);
}

/* SPDX-License-Identifier: MIT
 *
 * context.c - options, opening and closing, and what is reported to the host.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/sized.h"
#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * KIB };

/* ---- flushing, and what is reported to the host ---------------------------------------------- */

static void redis_report_state_to_host_if_changed(sio_redis *r) {
  if (r->state == r->told_state) return;
  r->told_state = r->state;
  if (r->on_state) r->on_state(r, r->state, r->why, r->on_state_user);
}

static void on_idle_flush_and_report_state(uv_idle_t *h) {
  sio_redis *r = h->data;
  uv_idle_stop(h);
  if (r->has_refused && r->users) sio__redis_await_refused_subscriptions(r);
  if (r->misplaced && r->users) sio__redis_repair_subscriptions(r);
  redis_servers_each(p, r) {
    sio__link_flush(&p->subscriber);
    if (!sio__redis_server_commands_are_held(p)) sio__link_flush(&p->commands);
  }
  list_each (it, tmp, &r->parts) {
    struct redis_part *p = container_of(it, struct redis_part, link);
    p->flush(p);
  }
  sio__redis_log_deliver_lines_to_host(&r->notes);
  redis_report_state_to_host_if_changed(r);
}

void sio__redis_schedule_flush(sio_redis *r) {
  if (!r->freed) uv_idle_start(&r->soon, on_idle_flush_and_report_state);
}

static bool is_redis_server_ready(const struct redis_server *p) {
  return p->commands.state == LINK_READY && p->subscriber.state == LINK_READY;
}

static bool are_all_streams_ready(const sio_redis *r) {
  for (const struct list *it = r->parts.next; it != &r->parts; it = it->next) {
    const struct redis_part *p = container_of(it, struct redis_part, link);
    if (!p->is_ready(p)) return false;
  }
  return true;
}

static enum sio_redis_state compute_redis_state(const sio_redis *r) {
  bool ready = !r->to_confirm && !r->unplaced;
  if (!r->users || r->freed) return SIO_REDIS_IDLE;
  redis_servers_each(p, r) if ((p->subscriptions || p == r->only_server) &&
                               !is_redis_server_ready(p)) ready = false;
  if (redis_is_cluster(r) && !r->cluster.known) ready = false;
  return ready && are_all_streams_ready(r) ? SIO_REDIS_READY : SIO_REDIS_CONNECTING;
}

void sio__redis_update_state(sio_redis *r, const char *why) {
  enum sio_redis_state now = compute_redis_state(r);
  if (now == r->state) return;
  r->state = now;
  snprintf(r->why, sizeof r->why, "%s", why);
  if (now == SIO_REDIS_READY)
    REDIS_LOG(r, REDIS_LOG_STATE, SIO_LOG_INFO, "connected to Redis and subscribed");
  sio__redis_schedule_flush(r);
}

void sio__redis_count_and_log_failed_connection(sio_redis *r, const char *purpose, const char *why,
                                                unsigned wait_ms) {
  r->stats.failures++;
  REDIS_LOG(r, REDIS_LOG_CONNECTION_FAILED, SIO_LOG_WARN,
            "the connection to Redis %s failed: %s; next attempt in %u ms", purpose, why, wait_ms);
  sio__redis_update_state(r, why);
}

void sio__redis_count_and_log_error_reply(sio_redis *r, const redisReply *reply) {
  char text[160];
  r->stats.errors++;
  REDIS_LOG(r, REDIS_LOG_ERROR_REPLY, SIO_LOG_WARN, "Redis refuses a command: %s",
            sio__copy_with_unprintable_replaced(text, sizeof text, reply_text(reply)));
}

static void redis_count_and_log_drop(sio_redis *r, int err, const char *queue_is_full) {
  r->stats.dropped++;
  REDIS_LOG(r, REDIS_LOG_DROPPED, SIO_LOG_WARN,
            "a message or other command for Redis is dropped: %s",
            err == UV_ENOBUFS ? queue_is_full : sio_strerror(err));
}

void sio__redis_count_and_log_dropped_message(sio_redis *r, int err) {
  redis_count_and_log_drop(r, err, "max_queued leaves no room for it");
}

void sio__redis_count_and_log_dropped_subscription(sio_redis *r, int err) {
  redis_count_and_log_drop(r, err, "the commands for the subscriptions are longer than 1 GiB");
}

static const char *describe_why_message_is_ignored(int err) {
  if (err == SIO_EPROTO) return "the message is malformed";
  return err == UV_EBUSY ? "max_acks queries are pending" : sio_strerror(err);
}

void sio__redis_count_and_log_ignored_message(sio_redis *r, sio_slice channel, int err) {
  char name[80];
  if (err == SIO_ECLOSED) return;
  if (err == UV_ENOMEM || err == UV_EBUSY)
    r->stats.unhandled++;
  else
    r->stats.malformed++;
  REDIS_LOG(r, REDIS_LOG_IGNORED, SIO_LOG_WARN, "a message on %s is ignored: %s",
            sio__copy_with_unprintable_replaced(name, sizeof name, channel),
            describe_why_message_is_ignored(err));
}

/* ---- opening and closing --------------------------------------------------------------------- */

void sio__redis_count_adapter_and_connect_if_first(sio_redis *r) {
  if (r->users++ || r->freed) return;
  if (r->only_server) sio__redis_server_connect(r->only_server);
  if (redis_is_cluster(r)) sio__cluster_request_slot_table_soon(r);
  sio__redis_update_state(r, "");
}

static void redis_stop_connections(sio_redis *r) {
  sio__link_disconnect_and_drop_commands(&r->discovery);
  redis_servers_each(p, r) {
    sio__link_disconnect_and_drop_commands(&p->commands);
    sio__link_disconnect_and_drop_commands(&p->subscriber);
    sio__mark_subscriptions_of_server_unconfirmed(p);
    uv_timer_stop(&p->hold);
    p->failing = p->commands_held = false;
  }
  if (redis_is_cluster(r)) sio__cluster_stop_and_reset(r);
}

void sio__redis_uncount_adapter_and_stop_if_last(sio_redis *r) {
  if (--r->users || r->freed) return;
  redis_stop_connections(r);
  sio__redis_update_state(r, "no namespace uses this sio_redis");
}

static void redis_context_free(sio_redis *r) {
  sio__map_clear(&r->subscriptions);
  sio__map_clear(&r->pending_requests);
  sio__msg_allocator_clear(&r->msgs);
  sio__redis_url_clear(&r->options.url);
  sio__cluster_free_slots(r);
  sio__free(r->texts);
  sio__free(r);
}

void sio__redis_free_if_closed(sio_redis *r) {
  if (r->freed && !r->handles && !r->refs) redis_context_free(r);
}

void sio__redis_ref(sio_redis *r) { r->refs++; }

void sio__redis_unref(sio_redis *r) {
  r->refs--;
  sio__redis_free_if_closed(r);
}

static void on_discovery_closed_free_redis_if_last(struct link *l) {
  sio__redis_free_if_closed(container_of(l, sio_redis, discovery));
}

static void on_redis_handle_closed_free_if_last(uv_handle_t *h) {
  sio_redis *r = h->data;
  r->handles--;
  sio__redis_free_if_closed(r);
}

static void redis_close_server_connections(sio_redis *r) {
  sio__redis_detach_subscriptions_from_servers(r);
  redis_servers_each(p, r) sio__redis_server_close_both_connections(p);
  r->only_server = NULL;
}

void sio_redis_free(sio_redis *r) {
  if (!r || r->freed) return;
  r->freed = true;
  r->state = SIO_REDIS_IDLE;
  r->notes.log = NULL;
  redis_close_server_connections(r);
  sio__link_disconnect_and_close_timer(&r->discovery);
  if (redis_is_cluster(r)) sio__cluster_reset_and_close_timers(r);
  list_each (it, tmp, &r->parts) {
    struct redis_part *p = container_of(it, struct redis_part, link);
    p->close(p);
  }
  uv_close((uv_handle_t *)&r->soon, on_redis_handle_closed_free_if_last);
}

/* ---- options --------------------------------------------------------------------------------- */

struct option_error_text {
  char *text;
  size_t size;
};

static int report_option_error(const struct option_error_text *why, int err, const char *text) {
  if (why->text && why->size) snprintf(why->text, why->size, "%s", text);
  return err;
}

static unsigned value_or_default(unsigned v, unsigned normal) { return v ? v : normal; }

static bool has_space_or_unprintable(const char *s) {
  for (; *s; s++)
    if (*s <= ' ' || *s > '~') return true;
  return false;
}

static bool is_complete_tls_provider(const sio_tls *tls) {
  const sio_tls_ops *o = tls->ops;
  return o && (o->size == 0 || o->size >= sizeof *o) && o->open && o->read && o->write &&
         o->established && o->failure && o->close;
}

static int validate_redis_options(const sio_redis_options *o, const struct option_error_text *why) {
  if (o->username && !o->password)
    return report_option_error(why, UV_EINVAL, "username: it is set, but password is not");
  if (o->sentinel_username && !o->sentinel_password)
    return report_option_error(why, UV_EINVAL,
                               "sentinel_username: it is set, but sentinel_password is not");
  if (o->client_name && (!*o->client_name || has_space_or_unprintable(o->client_name)))
    return report_option_error(
        why, UV_EINVAL,
        "client_name: it is empty, or contains a space or a character that is not printable ASCII");
  if (o->tls && !is_complete_tls_provider(o->tls))
    return report_option_error(why, UV_EINVAL, "tls: its table of functions is not complete");
  if (o->log_level < SIO_LOG_OFF || o->log_level > SIO_LOG_TRACE)
    return report_option_error(why, UV_EINVAL,
                               "log_level: it is not a value of enum sio_log_level");
  return 0;
}

/* Copies s to *at, and moves *at to the end of the copy. Returns the copy; NULL if s is NULL. */
static const char *copy_option_string_and_advance(char **at, const char *s) {
  if (!s) return NULL;
  char *copy = memcpy(*at, s, strlen(s) + 1);
  *at += strlen(s) + 1;
  return copy;
}

static size_t string_size_or_zero_if_null(const char *s) { return s ? strlen(s) + 1 : 0; }

/* Copies the names and passwords in the options into one block of memory, r->texts. If the options
 * have a password, it replaces the password in the url, and the user name in the options, which may
 * be NULL, replaces the user name in the url. */
static int redis_copy_login_and_client_name(sio_redis *r, const sio_redis_options *o) {
  struct redis_url *u = &r->options.url;
  const char *name = o->client_name ? o->client_name : "libsio";
  char *at = r->texts = sio__malloc(
      string_size_or_zero_if_null(name) + string_size_or_zero_if_null(o->username) +
      string_size_or_zero_if_null(o->password) + string_size_or_zero_if_null(o->sentinel_username) +
      string_size_or_zero_if_null(o->sentinel_password));
  if (!at) return UV_ENOMEM;
  r->options.client_name = copy_option_string_and_advance(&at, name);
  if (o->password) {
    u->user = copy_option_string_and_advance(&at, o->username);
    u->password = copy_option_string_and_advance(&at, o->password);
  }
  r->discovery_options.url.user = copy_option_string_and_advance(&at, o->sentinel_username);
  r->discovery_options.url.password = copy_option_string_and_advance(&at, o->sentinel_password);
  return 0;
}

/* Initialises r->discovery_options, for the connection to a sentinel or to any node of a cluster:
 * sets the user name and the password, and the last login command, whose reply is the address of
 * the master or the slot table. If the url names sentinels, the last login command of all other
 * connections becomes ROLE. */
static void redis_init_discovery_options(sio_redis *r) {
  struct link_options *g = &r->discovery_options;
  const struct redis_url login = g->url;
  *g = r->options;
  g->max_elements = REPLY_ELEMENTS_SLOTS;
  if (redis_has_sentinels(r)) {
    g->greeting[0] = SLICE("SENTINEL");
    g->greeting[1] = SLICE("GET-MASTER-ADDR-BY-NAME");
    g->greeting[2] = slice_str(g->url.master);
    g->ngreeting = 3;
    g->url.database = NULL;
    g->url.user = login.user;
    g->url.password = login.password;
    r->options.greeting[0] = SLICE("ROLE");
    r->options.ngreeting = 1;
  } else {
    g->greeting[0] = SLICE("CLUSTER");
    g->greeting[1] = SLICE("SLOTS");
    g->ngreeting = 2;
  }
}

static int redis_parse_and_copy_options(sio_redis *r, const sio_redis_options *o,
                                        const struct option_error_text *why) {
  struct link_options *l = &r->options;
  const char *text;
  int err = sio__redis_url_parse(&l->url, o->url, &text);
  if (!err) err = redis_copy_login_and_client_name(r, o);
  if (err) return report_option_error(why, err, err == UV_ENOMEM ? uv_strerror(err) : text);
  if (l->url.secure != (o->tls != NULL))
    return report_option_error(
        why, UV_EINVAL, "tls: it must be set if the url begins with \"rediss\", and only then");
  if (o->sentinel_password && !redis_has_sentinels(r))
    return report_option_error(why, UV_EINVAL,
                               "sentinel_password: the url does not name sentinels");
  l->tls = o->tls;
  l->connect_timeout_ms = value_or_default(o->connect_timeout_ms, 5000);
  l->ping_interval_ms = value_or_default(o->ping_interval_ms, 10000);
  l->retry_min_ms = value_or_default(o->retry_min_ms, 50);
  l->retry_max_ms = value_or_default(o->retry_max_ms, 5000);
  if (l->retry_max_ms < l->retry_min_ms) l->retry_max_ms = l->retry_min_ms;
  l->max_queued = o->max_queued ? o->max_queued : 4 * MIB;
  l->max_message = o->max_message ? o->max_message : 32 * MIB;
  r->notes = (struct redis_log){ .log = o->log, .user = o->log_user };
  r->notes.level = o->log_level ? o->log_level : SIO_LOG_WARN;
  r->on_state = o->on_state;
  r->on_state_user = o->on_state_user;
  l->max_elements = redis_is_cluster(r) ? REPLY_ELEMENTS_SLOTS : REPLY_ELEMENTS;
  redis_init_discovery_options(r);
  return 0;
}

/* The steps that can fail come before the first uv handle is initialised: later, *r could be freed
 * only after its handles have closed. */
static int redis_init_servers_and_handles(sio_redis *r) {
  const struct redis_host *h = &r->options.url.hosts[0];
  int err = 0;
  if (redis_is_cluster(r))
    err = sio__cluster_init_slots_and_timers(r);
  else if (!(r->only_server = sio__redis_server_new(r)))
    err = UV_ENOMEM;
  if (err) return err;
  if (r->only_server && r->options.url.nhosts) {
    sio__link_set_address(&r->only_server->commands, h->name, h->port);
    sio__link_set_address(&r->only_server->subscriber, h->name, h->port);
  }
  sio__link_init(&r->discovery, r->loop,
                 redis_is_cluster(r) ? &sio__cluster_ops : &sio__sentinel_ops,
                 &r->discovery_options, &r->handles, on_discovery_closed_free_redis_if_last);
  uv_idle_init(r->loop, &r->soon);
  r->soon.data = r;
  r->handles++;
  return 0;
}

int sio_redis_new(uv_loop_t *loop, const sio_redis_options *in, char *why_text, size_t why_size,
                  sio_redis **out) {
  const struct option_error_text why = { why_text, why_size };
  sio_redis_options o;
  (void)report_option_error(&why, 0, "");
  if (!out || !loop)
    return report_option_error(&why, UV_EINVAL, "the loop, or the pointer for the result, is NULL");
  if (sio__read_sized_struct(&o, sizeof o, in, sizeof o))
    return report_option_error(&why, UV_EINVAL,
                               "the size is invalid, or an option of a newer version is set");
  int err = validate_redis_options(&o, &why);
  if (err) return err;
  sio_redis *r = sio__calloc(1, sizeof *r);
  if (!r) return report_option_error(&why, UV_ENOMEM, uv_strerror(UV_ENOMEM));
  r->loop = loop;
  list_init(&r->pairs);
  list_init(&r->parts);
  sio__subscriptions_init(r);
  sio__msg_allocator_init(&r->msgs);
  err = redis_parse_and_copy_options(r, &o, &why);
  if (!err && (err = redis_init_servers_and_handles(r)))
    (void)report_option_error(&why, err, uv_strerror(err));
  if (err) {
    redis_context_free(r);
    return err;
  }
  *out = r;
  return 0;
}

void sio_redis_get_stats(const sio_redis *r, sio_redis_stats *out, size_t size) {
  sio_redis_stats s = r->stats;
  s.state = (int)r->state;
  s.queued = 0;
  redis_servers_each(p, r) s.queued += sio__link_queued_bytes(&p->commands);
  list_each (it, tmp, &r->parts) {
    const struct redis_part *p = container_of(it, struct redis_part, link);
    s.queued += p->queued(p);
  }
  memset(out, 0, size);
  memcpy(out, &s, size < sizeof s ? size : sizeof s);
}

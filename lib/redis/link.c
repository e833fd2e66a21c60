/* SPDX-License-Identifier: MIT
 *
 * link.c - the states of a link: connecting, logging in, being ready, failing and trying again.
 */
#include "redis/link.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "redis/command.h"
#include "redis/link_lookup.h"
#include "redis/link_socket.h"
#include "redis/log.h"
#include <stdio.h>

enum {
  WHY_MAX = 200,
  ASK_AGAIN_MS = 1000, /* the longest delay between attempts if options->greeting is set */
  TICKS = 4            /* how many ticks of the timer are in ping_interval_ms */
};

/* ---- failing --------------------------------------------------------------------------------- */

static uv_loop_t *loop_of_link(const struct link *l) { return l->timer.loop; }

static void link_locate_server_and_connect(struct link *l);

static void on_timer_connect_link_again(uv_timer_t *t) { link_locate_server_and_connect(t->data); }

/* The delay doubles with each failure, up to a maximum. Then it is shortened by a random part of at
 * most half, so that Socket.IO servers do not all reconnect at the same time. */
static unsigned link_count_failure_and_get_retry_delay(struct link *l) {
  unsigned wait = l->options->retry_min_ms, most = l->options->retry_max_ms, random = 0;
  if (l->options->ngreeting && most > ASK_AGAIN_MS) most = ASK_AGAIN_MS;
  for (unsigned i = 0; i < l->failures && wait < most; i++) wait *= 2;
  if (wait > most) wait = most;
  l->failures++;
  (void)sio__fill_random(&random, sizeof random);
  return wait - random % (wait / 2 + 1);
}

static void link_fail_and_retry(struct link *l, const char *why) {
  bool lasted =
      l->state == LINK_READY && uv_now(loop_of_link(l)) - l->ready_ms > l->options->retry_max_ms;
  if (lasted) l->failures = 0;
  unsigned wait = link_count_failure_and_get_retry_delay(l);
  sio__link_close_socket(l);
  sio__link_cancel_lookup(l);
  sio__link_free_addresses(l);
  sio__link_drop_written_commands(l);
  l->state = LINK_WAITING;
  l->locating = false;
  uv_timer_start(&l->timer, on_timer_connect_link_again, wait, 0);
  l->ops->down(l, why, wait);
}

static void link_fail_with_error(struct link *l, const char *what, int err) {
  char why[WHY_MAX];
  snprintf(why, sizeof why, "%s: %s", what,
           err == UV_EOF ? "Redis closed the connection" : sio_strerror(err));
  link_fail_and_retry(l, why);
}

/* ---- ready ----------------------------------------------------------------------------------- */

static void link_queue_ping(struct link *l) {
  static const sio_slice ping[] = { { "PING", 4 } };
  static const struct link_expect nobody = { .slot = LINK_NO_SLOT };
  (void)sio__link_queue_command(l, l->expects_replies ? &nobody : NULL, ping, 1);
}

/* If Redis sends nothing for ping_interval_ms, the link queues a PING, if there is room; if Redis
 * sends nothing for another ping_interval_ms, the link breaks the connection. Time is measured in
 * ticks: if the host blocks the loop, that counts as one tick, and bytes that came in that time are
 * read before the next tick. While commands are held, a PING would not be written, so silence does
 * not count. */
static void on_timer_ping_or_break_silent_link(uv_timer_t *t) {
  struct link *l = t->data;
  bool held = l->ops->is_held && l->ops->is_held(l);
  l->silent_ticks = l->has_received || held ? 0 : l->silent_ticks + 1;
  l->has_received = false;
  if (l->silent_ticks == 2 * TICKS) {
    link_fail_and_retry(l, "Redis does not answer");
    return;
  }
  if (l->silent_ticks == TICKS) link_queue_ping(l);
  if (++l->ticks % TICKS == 0 && l->ops->tick) l->ops->tick(l);
  if (!held) sio__link_flush(l);
}

static void link_set_ready(struct link *l) {
  l->state = LINK_READY;
  l->ready_ms = uv_now(loop_of_link(l));
  l->has_received = true;
  l->ticks = 0;
  sio__link_free_addresses(l);
  unsigned tick_ms = (l->options->ping_interval_ms - 1) / TICKS + 1;
  uv_timer_start(&l->timer, on_timer_ping_or_break_silent_link, tick_ms, tick_ms);
  l->ops->ready(l);
}

void sio__link_flush(struct link *l) {
  if (l->state != LINK_READY || !l->out.n) return;
  char *bytes = l->out.p;
  size_t n = l->out.n;
  l->nwritten = l->nexpects;
  buf_init(&l->out, l->max_out);
  int err = sio__link_socket_send_and_free_bytes(l->socket, bytes, n);
  if (err) link_fail_with_error(l, "the connection broke", err);
}

/* ---- logging in ------------------------------------------------------------------------------ */

static int write_login_commands(struct buf *b, const struct link_options *o, unsigned *n) {
  const struct redis_url *u = &o->url;
  sio_slice auth[3] = { SLICE("AUTH"), slice_str(u->user), slice_str(u->password) };
  const sio_slice db[] = { SLICE("SELECT"), slice_str(u->database) };
  const sio_slice name[] = { SLICE("CLIENT"), SLICE("SETNAME"), slice_str(o->client_name) };
  const sio_slice ping[] = { SLICE("PING") };
  int err = 0;
  if (!u->user) auth[1] = auth[2];
  if (u->password) err = sio__write_resp_command(b, auth, u->user ? 3 : 2);
  if (!err && u->database) err = sio__write_resp_command(b, db, 2);
  if (!err) err = sio__write_resp_command(b, name, 3);
  if (!err && !o->ngreeting) err = sio__write_resp_command(b, ping, 1);
  if (!err && o->ngreeting) err = sio__write_resp_command(b, o->greeting, o->ngreeting);
  *n = 2u + (u->password != NULL) + (u->database != NULL);
  return err;
}

static void link_send_login_and_start_reading(struct link *l) {
  struct buf b;
  struct link_socket *w = l->socket;
  buf_init(&b, SIZE_MAX / 2);
  int err = write_login_commands(&b, l->options, &w->greetings);
  if (!err)
    err = sio__link_socket_send_and_free_bytes(w, b.p, b.n);
  else
    sio__buf_clear(&b);
  if (!err) err = sio__link_socket_start_reading_unless_tls(w);
  if (err) link_fail_with_error(l, "cannot log in", err);
}

static void link_fail_with_reply_text(struct link *l, const char *what, sio_slice text) {
  char clean[128], why[WHY_MAX];
  snprintf(why, sizeof why, "%s%s", what,
           sio__copy_with_unprintable_replaced(clean, sizeof clean, text));
  link_fail_and_retry(l, why);
}

/* If Redis answers a command of the login with an error, the attempt to connect fails. But an error
 * reply to CLIENT SETNAME is ignored, because Redis may forbid that command. */
static void handle_login_reply(struct link *l, struct link_socket *w, const redisReply *r) {
  bool is_name = w->greetings == 2, is_last = w->greetings == 1;
  w->greetings--;
  if (is_error_reply(r) && !is_name) {
    link_fail_with_reply_text(l, "Redis answers with an error: ", reply_text(r));
    return;
  }
  const char *wrong = is_last ? l->ops->greeted(l, r) : NULL;
  if (wrong)
    link_fail_with_reply_text(l, "", slice_str(wrong));
  else if (is_last)
    link_set_ready(l);
}

/* ---- replies --------------------------------------------------------------------------------- */

static const char *describe_reader_error(int err) {
  switch (err) {
    case SIO_ETOOBIG:
      return "Redis sent a message that is longer than max_message allows, or has too many "
             "elements";
    case UV_ENOMEM: return "no memory for what Redis sent";
    default: return "the peer does not speak the protocol of Redis";
  }
}

static void dispatch_link_reply(struct link_socket *w, const redisReply *r) {
  struct link *l = w->link;
  if (w->greetings)
    handle_login_reply(l, w, r);
  else
    l->ops->reply(l, r);
}

static void parse_and_dispatch_received_replies(struct link_socket *w, const char *p, size_t n) {
  redisReply *r = NULL;
  int err = sio__reply_reader_feed(&w->reader, p, n);
  while (!err && w->link) {
    err = sio__reply_reader_next(&w->reader, &r);
    if (err || !r) break;
    dispatch_link_reply(w, r);
    freeReplyObject(r);
  }
  if (err && w->link) link_fail_and_retry(w->link, describe_reader_error(err));
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void link_connect_to_next_address(struct link *l, int err);

static void send_login_or_try_next_address(struct link_socket *w, int status) {
  struct link *l = w->link;
  if (!status) {
    link_send_login_and_start_reading(l);
    return;
  }
  sio__link_close_socket(l);
  link_connect_to_next_address(l, status);
}

static void on_link_failed(struct link *l, const char *what, int err) {
  if (!what) what = l->state == LINK_READY ? "the connection broke" : "cannot log in";
  if (err)
    link_fail_with_error(l, what, err);
  else
    link_fail_and_retry(l, what);
}

static const struct link_socket_ops link_socket_ops = { .connected = send_login_or_try_next_address,
                                                        .received =
                                                            parse_and_dispatch_received_replies,
                                                        .failed = on_link_failed };

/* Connects to the next address of the host. If that fails at once, as with an IPv6 address on a
 * machine without IPv6, tries the addresses after it. err: the error of the address that was tried
 * before, which is reported if there is no further address. */
static void link_connect_to_next_address(struct link *l, int err) {
  for (struct addrinfo *a; (a = l->next_address);) {
    struct link_socket *w = sio__link_socket_new(l, &link_socket_ops);
    l->next_address = a->ai_next;
    err = w ? sio__link_socket_connect(w, a->ai_addr) : UV_ENOMEM;
    if (!err) return;
    sio__link_close_socket(l);
  }
  link_fail_with_error(l, "cannot connect", err);
}

static void connect_to_resolved_address_or_fail(struct link *l, int status) {
  if (status)
    link_fail_with_error(l, "cannot resolve the host", status);
  else
    link_connect_to_next_address(l, 0);
}

static int link_connect_to_unix_socket(struct link *l) {
  struct link_socket *w = sio__link_socket_new(l, &link_socket_ops);
  if (!w) return UV_ENOMEM;
  sio__link_socket_connect_to_path(w, l->options->url.path);
  return 0;
}

static void on_link_connect_timeout(uv_timer_t *t) {
  struct link *l = t->data;
  link_fail_with_error(l, l->socket ? "cannot connect" : "cannot resolve the host", UV_ETIMEDOUT);
}

static void link_resolve_host_and_connect(struct link *l) {
  uv_timer_start(&l->timer, on_link_connect_timeout, l->options->connect_timeout_ms, 0);
  int err = l->options->url.path ? link_connect_to_unix_socket(l)
                                 : sio__link_resolve_host(l, connect_to_resolved_address_or_fail);
  if (err) link_fail_with_error(l, "cannot connect", err);
}

static void link_locate_server_and_connect(struct link *l) {
  l->state = LINK_CONNECTING;
  l->locating = !l->ops->locate(l);
  if (!l->locating) link_resolve_host_and_connect(l);
}

void sio__link_connect_to_located_address(struct link *l) {
  if (!l->locating) return;
  l->locating = false;
  link_resolve_host_and_connect(l);
}

/* ---- functions for the users of a link ------------------------------------------------------- */

void sio__link_init(struct link *l, uv_loop_t *loop, const struct link_ops *ops,
                    const struct link_options *options, unsigned *handles,
                    void (*closed)(struct link *l)) {
  *l = (struct link){ .ops = ops, .options = options, .handles = handles, .closed = closed };
  sio__link_set_max_queued(l, options->max_queued);
  uv_timer_init(loop, &l->timer);
  l->timer.data = l;
  ++*handles;
}

void sio__link_set_max_queued(struct link *l, size_t bytes) { l->max_out = l->out.max = bytes; }

void sio__link_set_address(struct link *l, const char *host, const char *port) {
  snprintf(l->to.host, sizeof l->to.host, "%s", host);
  snprintf(l->to.port, sizeof l->to.port, "%s", port);
}

/* The attempt begins in a timer callback, because it may fail at once and call ops->down. */
void sio__link_start_connecting_if_down(struct link *l) {
  if (l->state != LINK_DOWN) return;
  l->state = LINK_WAITING;
  l->failures = 0;
  uv_timer_start(&l->timer, on_timer_connect_link_again, 0, 0);
}

void sio__link_break_and_reconnect(struct link *l, const char *reason) {
  if (l->state == LINK_READY) link_fail_and_retry(l, reason);
}

void sio__link_disconnect_and_drop_commands(struct link *l) {
  sio__link_flush(l);
  sio__link_close_socket(l);
  sio__link_cancel_lookup(l);
  sio__link_free_addresses(l);
  sio__link_drop_written_commands(l);
  sio__link_drop_all_commands(l);
  uv_timer_stop(&l->timer);
  l->locating = false;
  l->state = LINK_DOWN;
}

static void on_link_timer_closed(uv_handle_t *h) {
  struct link *l = h->data;
  --*l->handles;
  l->closed(l);
}

void sio__link_disconnect_and_close_timer(struct link *l) {
  sio__link_disconnect_and_drop_commands(l);
  sio__buf_clear(&l->out);
  sio__free(l->expects);
  l->expects = NULL;
  l->cap_expects = 0;
  uv_close((uv_handle_t *)&l->timer, on_link_timer_closed);
}

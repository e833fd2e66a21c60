/* SPDX-License-Identifier: MIT
 *
 * host_redis.c - servers that meet on a Redis, as those of several processes do: each has a loop
 * and a sio_redis of its own.
 */
#include "cluster.h"
#include "crossing.h"
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "memory.h"
#include "redis.h"
#include "redis/link_queue.h"
#include "redis/reply.h"
#include <string.h>

/* A connection that vanished is given up within 2.25 times ping_interval_ms of its last bytes,
 * which may come 3 s late, to a thread that is not run for 2 s. After these 27.5 s the next
 * attempt waits for retry_max_ms, 5 s, and what waits is held for 1 s. */
enum { PING_MS = 10000, LATE_US = 5000000, CANARY_US = 40000000, MANY_TURNS = 200 };

static struct {
  const sio_adapter_ops *adapter;
  sio_redis_options options;
  sio_redis_adapter_options how;
  unsigned replies, readers; /* of hiredis, that are not freed */
  uint64_t calm_at;          /* 0: not yet */
  bool has_canaries;
} r;

/* ---- replies of hiredis -------------------------------------------------------------- */

/* hiredis allocates by itself. */
__typeof__(sio__reply_reader_next) __real_sio__reply_reader_next, __wrap_sio__reply_reader_next;
__typeof__(freeReplyObject) __real_freeReplyObject, __wrap_freeReplyObject;
__typeof__(sio__reply_reader_init) __real_sio__reply_reader_init, __wrap_sio__reply_reader_init;
__typeof__(sio__reply_reader_clear) __real_sio__reply_reader_clear, __wrap_sio__reply_reader_clear;

int __wrap_sio__reply_reader_next(struct reply_reader *reader, redisReply **out) {
  int err = __real_sio__reply_reader_next(reader, out);
  r.replies += *out != NULL;
  return err;
}

void __wrap_freeReplyObject(void *reply) {
  if (reply && !r.replies--) fault("a reply of Redis is freed twice", "%p", reply);
  __real_freeReplyObject(reply);
}

int __wrap_sio__reply_reader_init(struct reply_reader *reader, size_t max, size_t max_elements) {
  int err = __real_sio__reply_reader_init(reader, max, max_elements);
  r.readers += !err;
  return err;
}

void __wrap_sio__reply_reader_clear(struct reply_reader *reader) {
  r.readers -= reader->reader != NULL;
  __real_sio__reply_reader_clear(reader);
}

/* ---- what waits for Redis ------------------------------------------------------------ */

/* One buffer of a server takes the commands of all, up to max_queued. Whoever makes it grow has not
 * filled it, so it counts for nobody (check.c: REDIS). */
__typeof__(sio__link_queue_command) __real_sio__link_queue_command, __wrap_sio__link_queue_command;

int __wrap_sio__link_queue_command(struct link *l, const struct link_expect *expect,
                                   const sio_slice *words, size_t n) {
  unsigned owner = memory.owner;
  memory.owner = 0;
  int err = __real_sio__link_queue_command(l, expect, words, n);
  memory.owner = owner;
  return err;
}

/* ---- callbacks ----------------------------------------------------------------------- */

static void called(const char *what) {
  if (!host.here->redis) fault("a callback of a sio_redis that is freed", "%s", what);
  if (host.sending) fault("a callback runs inside a call that sends", "%s", what);
  if (host.here->srv) host_called(what, NULL);
}

static void on_state(sio_redis *redis_, enum sio_redis_state state, const char *why, void *user) {
  (void)user;
  TELL("server %d: Redis is %s: %s", host_member(),
       state == SIO_REDIS_IDLE    ? "not used"
       : state == SIO_REDIS_READY ? "ready"
                                  : "being connected",
       why);
  if (redis_ != host.here->redis) fault("a callback of another sio_redis", "%p", (void *)redis_);
  if (*why && state == SIO_REDIS_READY) fault("a Redis that is ready says why not", "%s", why);
  called("redis state");
}

static void on_line(const sio_log_line *l, void *user) {
  (void)user;
  TELL("log: %s: %s", l->part, l->text);
  called("redis log");
}

static sio_redis_stats stats_of(int member) {
  sio_redis_stats st = { 0 };
  if (host.members[member].redis) sio_redis_get_stats(host.members[member].redis, &st, sizeof st);
  return st;
}

/* ---- options ------------------------------------------------------------------------- */

static void draw_connections(sio_redis_options *o) {
  o->url = DRAW_OF(char *const, "redis://redis", "unix:///sim/redis", "redis://:secret@redis/2");
  if (seldom()) o->connect_timeout_ms = draw_between(100, 5000);
  if (often()) o->ping_interval_ms = draw_between(300, 5000);
  if (often()) o->retry_min_ms = draw_between(1, 500);
  if (often()) o->retry_max_ms = draw_between(100, 4000);
  o->max_queued = seldom() ? draw_between(12000, 100000) : 1 << 20;
  o->on_state = on_state;
  o->log = on_line;
  o->log_level = (int)draw_between(SIO_LOG_WARN, SIO_LOG_INFO);
}

static void draw_adapter(sio_redis_adapter_options *o) {
  const sio_adapter_ops *const kinds[] = { sio_redis_adapter, sio_redis_sharded_adapter,
                                           sio_redis_streams_adapter };
  unsigned kind = draw(3);
  r.adapter = kinds[kind];
  o->publish_on_specific_response_channel = draw(2);
  if (kind == 1) o->subscription_mode = (int)draw(3);
  if (kind < 2) return;
  o->use_sharded_pub_sub = draw(2);
  if (seldom()) o->max_len = draw_between(5, 100);
  if (often()) o->read_count = draw_between(1, 300);
  if (often()) o->block_time_in_ms = draw_between(50, 5000);
}

void host_redis_draw(void) {
  static const char *const names[] = { "classic", "sharded", "streams" };
  memset(&r, 0, sizeof r);
  redis_draw();
  draw_connections(&r.options);
  draw_adapter(&r.how);
  unsigned kind = r.adapter == sio_redis_adapter           ? 0
                  : r.adapter == sio_redis_sharded_adapter ? 1
                                                           : 2;
  TELL("%d servers on Redis: the %s adapter, %s, mode %d, max_queued %zu, ping %u, retry %u to %u",
       host.nmembers, names[kind], r.options.url, r.how.subscription_mode, r.options.max_queued,
       r.options.ping_interval_ms, r.options.retry_min_ms, r.options.retry_max_ms);
}

/* Members of one sio_threads have one, which is the first one's. */
bool host_redis_draw_cluster(void) {
  memset(&r, 0, sizeof r);
  redis_draw();
  draw_connections(&r.options);
  r.options.max_queued = 1 << 20;
  r.adapter = sio_redis_streams_adapter;
  if (often()) r.how.read_count = draw_between(1, 300);
  if (often()) r.how.block_time_in_ms = draw_between(50, 5000);
  TELL("%d threads on Redis: %s, ping %u, retry %u to %u", host.nmembers, r.options.url,
       r.options.ping_interval_ms, r.options.retry_min_ms, r.options.retry_max_ms);
  return true;
}

void host_redis_connect_threads(void) {
  uint32_t fail_one_in = memory.fail_one_in;
  memory.fail_one_in = 0;
  int err = sio_threads_set_adapter(host.here->srv, r.adapter, &host.here->adapter);
  memory.fail_one_in = fail_one_in;
  if (err) fault("threads are not connected with a cluster", "%d", err);
}

/* Here no allocation fails: what cannot be made there is in test/oom. */
void host_redis_start(sio_options *o) {
  char why[256];
  uint32_t fail_one_in = memory.fail_one_in;
  if (!redis.on || (host.clustered && host_member())) return;
  memory.fail_one_in = 0;
  if (sio_redis_new(&loop.uv[loop.current], &r.options, why, sizeof why, &host.here->redis))
    fault("a sio_redis is refused", "%s", why);
  memory.fail_one_in = fail_one_in;
  host.here->adapter = r.how;
  host.here->adapter.redis = host.here->redis;
  if (host.clustered) return;
  o->adapter = r.adapter;
  o->adapter_user = &host.here->adapter;
}

/* ---- acts ----------------------------------------------------------------------------- */

static void free_redis(void) {
  if (host.here->redis) TELL("the host frees the Redis of server %d", host_member());
  sio_redis_free(host.here->redis);
  host.here->redis = NULL;
}

void host_redis_act(void) {
  sio_redis_stats st;
  if (!host.here->redis) return;
  sio_redis_get_stats(host.here->redis, &st, sizeof st);
  if (st.state < SIO_REDIS_IDLE || st.state > SIO_REDIS_READY)
    fault("a state that is none", "%d", st.state);
  for (unsigned i = draw_size(8) + 1; i > 0; i--) host_send_canary();
}

/* Now, or when all is over. */
void host_redis_gone(void) {
  if (redis.on && draw(2)) free_redis();
}

/* Each server speaks to all when all have had the time to come back. */
static void send_canary(void) {
  if (host.here->srv && !host.here->closing && !host.here->draining) host_send_canary();
}

/* Where connections are cut when commands come, several are written at once. */
static void speak_now_and_then(void) {
  unsigned most = redis.breaks ? 8 : 0;
  if (!draw_one_in(8)) return;
  for (unsigned i = draw_size(most) + 1; i > 0; i--) send_canary();
}

/* Of commands, of entries of the stream, and of commands to the server that has the stream. */
static void check_queued(void) {
  size_t most = r.options.max_queued * (r.adapter == sio_redis_streams_adapter ? 3 : 1);
  for (int i = 0; i < host.nmembers; i++)
    if (stats_of(i).queued > most)
      fault("more waits for Redis than max_queued", "%zu bytes of server %d", stats_of(i).queued,
            i);
}

static void check_silent(void) {
  unsigned ping_ms = r.options.ping_interval_ms ? r.options.ping_interval_ms : PING_MS;
  if (kernel.now < r.calm_at + ping_ms * (uint64_t)2250 + LATE_US) return;
  for (int i = 0; i < kernel.nwires; i++) {
    const struct wire *w = &kernel.wires[i];
    if (w->used && w->peer == &redis_peer && w->vanished && !w->server_closed)
      fault("a silent connection to Redis is not given up", "wire %d", w->id);
  }
}

void host_redis_idle(void) {
  if (!redis.on) return;
  check_queued();
  if (!host.calm) {
    if (!host.clustered) speak_now_and_then();
    return;
  }
  if (!r.calm_at) r.calm_at = kernel.now;
  check_silent();
  if (r.has_canaries || kernel.now < r.calm_at + CANARY_US) return;
  r.has_canaries = true;
  if (host.clustered)
    cluster_broadcast_all();
  else
    host_for_each_member(send_canary);
}

/* ---- what must hold ------------------------------------------------------------------- */

/* An entry of a stream that got no answer is added again, or it is counted as dropped. If Redis has
 * lost its memory or trimmed the stream, a sender does not always know what was there. */
uint64_t host_redis_counted(int member) {
  sio_redis_stats st = stats_of(member);
  if (!host.members[member].redis) return UINT64_MAX;
  if (r.adapter == sio_redis_streams_adapter && !redis.losses) return st.dropped;
  return st.dropped + st.unanswered + st.errors;
}

static bool is_ready(int member) {
  return host.members[member].redis && stats_of(member).state == SIO_REDIS_READY;
}

/* When nothing fails any more, and both say that they are connected and subscribed. */
bool host_redis_is_sure(int from, int to) {
  return !redis.on || (host.calm && is_ready(from) && is_ready(to));
}

static void must_be_ready(void) {
  sio_redis_stats st = stats_of(host_member());
  if (host.here->srv && host.here->redis && st.state != SIO_REDIS_READY)
    fault("a server does not come back to Redis", "server %d is in state %d", host_member(),
          st.state);
  /* The state of sockets is written again and again. */
  if (host.here->redis && st.queued && !memory.failed && !host.clustered)
    fault("commands wait for a Redis that is there", "%zu bytes of server %d", st.queued,
          host_member());
}

void host_redis_check_settled(void) {
  if (redis.on) host_for_each_member(must_be_ready);
}

void host_redis_check_end(void) {
  if (!redis.on) return;
  host_for_each_member(free_redis);
  for (int i = 0; i < MANY_TURNS && loop_has_handles(); i++) loop_turn_until(kernel.now + 1000000);
  if (r.replies) fault("a reply of Redis is not freed", "%u", r.replies);
  if (r.readers) fault("a reader of replies is not freed", "%u", r.readers);
}

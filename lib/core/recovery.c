/* SPDX-License-Identifier: MIT
 *
 * recovery.c - records of recoverable sockets: which client may return, as which socket, and from
 * which event on.
 */
#include "core/recovery.h"

#include "core/client.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/tree.h"

enum {
  SWEEPS = 4,              /* per max_disconnection_ms                               */
  QUEUE_EXTRA = 32,        /* what a queued message costs beyond itself, at most     */
  REPEATS = 2,             /* how often on the whole what was replayed may be again  */
  REPEATS_FREE = 16 * 1024 /* bytes that may be replayed again however often       */
};

static const sio_recovery *recovery_options(const struct recovery *r) {
  return r->nsp->core->opts->recovery;
}

static uint64_t recovery_now(const struct recovery *r) { return loop_now(&r->nsp->core->loop); }

static struct recovery *recovery_of(const sio_socket *s) { return s->nsp->recovery; }

static size_t data_size(const struct recovery *r) { return r->nsp->core->opts->socket_data_size; }

/* ---- records ---------------------------------------------------------------------------- */

static sio_slice recoverable_key(const void *b) {
  return slice(((const struct recoverable *)b)->pid, SIO__ID_LEN);
}

static void empty_recoverable(struct recoverable *b) {
  sio__free(b->rooms);
  sio__free(b->data);
  sio__free(b->shared);
  b->rooms = NULL;
  b->rooms_size = 0;
  b->data = NULL;
  b->shared = NULL;
}

static void take_from_away(struct recovery *r, struct recoverable *b) {
  if (!recovery_queue_contains(&b->away)) return;
  sio__recovery_queue_remove(&r->away, &b->away);
  if (r->away.n == 0) nsp_check_unused(r->nsp);
}

static void free_recoverable(struct recovery *r, struct recoverable *b) {
  if (b->socket) b->socket->recoverable = NULL;
  take_from_away(r, b);
  sio__map_del(&r->by_pid, recoverable_key(b));
  empty_recoverable(b);
  sio__free(b);
}

static struct recoverable *recoverable_at(struct recovery_queue_entry *p) {
  return container_of(p, struct recoverable, away);
}

static struct recoverable *oldest_away(const struct recovery *r) {
  return recoverable_at(sio__recovery_queue_oldest(&r->away));
}

static struct recoverable *recoverable_new(struct recovery *r, sio_socket *s) {
  struct recoverable *b = sio__calloc(1, sizeof *b);
  if (!b) return NULL;
  list_init(&b->away.by_time);
  b->first = b->last = r->log.seq;
  b->socket = s;
  memcpy(b->id, s->id, sizeof b->id);
  if (sio__random_id(b->pid) == 0 && sio__map_put(&r->by_pid, b) == 0) return b;
  sio__free(b);
  return NULL;
}

/* ---- what is too old ------------------------------------------------------------------------ */

/* How long a dead connection may go unnoticed: what was sent into it is missed as well. */
static uint64_t blind_time_ms(const struct recovery *r) {
  const sio_options *o = r->nsp->core->opts;
  return (uint64_t)o->ping_interval_ms + o->ping_timeout_ms;
}

static bool is_expired(const struct recovery *r, const struct recoverable *b) {
  return recovery_now(r) - b->left_at > recovery_options(r)->max_disconnection_ms;
}

static void start_sweeping(struct recovery *r) {
  if (timer_active(&r->sweep)) return;
  sio__loop_start_timer(&r->nsp->core->loop, &r->sweep,
                        recovery_options(r)->max_disconnection_ms / SWEEPS + 1);
}

static void remove_expired(struct recovery *r) {
  uint64_t kept_ms = recovery_options(r)->max_disconnection_ms + blind_time_ms(r),
           now = recovery_now(r);
  while (r->away.n && is_expired(r, oldest_away(r))) free_recoverable(r, oldest_away(r));
  if (r->by_pid.n == 0) sio__replay_log_clear(&r->log);
  if (now > kept_ms) sio__replay_log_drop_older(&r->log, now - kept_ms);
}

static void recovery_on_sweep_timer(struct timer *t) {
  struct recovery *r = container_of(t, struct recovery, sweep);
  remove_expired(r);
  if (r->away.n || !list_empty(&r->log.entries)) start_sweeping(r);
}

/* ---- events ---------------------------------------------------------------------------------- */

size_t sio__recovery_offset(const struct recovery *r, bool is_volatile,
                            char out[REPLAY_OFFSET_MAX]) {
  return sio__replay_log_write_offset(&r->log, r->log.seq + !is_volatile, out);
}

void sio__recovery_keep(const sio_packet *p, const sio_target *to) {
  struct recovery *r = p->nsp->recovery;
  if (!p->seq || r->by_pid.n == 0) return;
  sio__replay_log_add(&r->log, p->seq, recovery_now(r), p->msg, to, to->skip ? to->skip->id : NULL);
  start_sweeping(r);
}

void sio__recovery_discard(const sio_packet *p) {
  if (p->nsp->recovery) sio__replay_log_remove_newest(&p->nsp->recovery->log, p->seq);
}

/* ---- coming back ----------------------------------------------------------------------------- */

/* What a CONNECT says. */
struct claim {
  sio_slice pid, offset;
  bool has_offset, sound;
};

static void read_claim(struct claim *c, const struct cJSON *auth) {
  bool present;
  sio__tree_member(auth, "pid", &c->pid, &present);
  c->sound = sio__tree_member(auth, "offset", &c->offset, &c->has_offset) || !c->has_offset;
}

/* Most peers that say who they are have no pid: those need no tree. */
static bool may_claim(const sio_socket *s) {
  sio_slice auth = sio_socket_auth(s);
  return recovery_of(s) && sio__session_protocol(s->session) == 4 &&
         memmem(auth.p, auth.n, "\"pid\"", 5);
}

static void detach_old_socket(struct recovery *r, struct recoverable *b) {
  b->socket->recoverable = NULL;
  b->socket = NULL;
  sio__recovery_queue_add_oldest(&r->away, &b->away);
  start_sweeping(r);
}

/* Its peer is here again, so whatever the old connection looks like, nobody is at its end. */
static void end_old_connection(struct recovery *r, struct recoverable *b) {
  static const sio_close_info why = { .reason = SIO_REASON_TRANSPORT_CLOSE,
                                      .detail = "its peer is back over another connection",
                                      .ws_text = "" };
  sio_socket *old = b->socket;
  sio__session_end(old->session, true, why.reason, 0, why.detail);
  if (old->state == SOCKET_PENDING) {
    detach_old_socket(r, b);
  } else if (old->state == SOCKET_CONNECTED) {
    sio__socket_start_leaving(old, why.reason);
    sio__socket_finish_leaving(old, &why);
  } else {
    sio__socket_finish_leaving(old, NULL);
  }
}

static int find_start(const struct recovery *r, const struct claim *c, struct recoverable *b) {
  uint64_t seq = b->first, said;
  if (!c->sound) return SIO_RECOVERY_BAD_OFFSET;
  enum replay_offset_kind place = c->has_offset
                                      ? sio__replay_log_read_offset(&r->log, c->offset, &said)
                                      : REPLAY_OFFSET_FOREIGN;
  if (place == REPLAY_OFFSET_INVALID) return SIO_RECOVERY_BAD_OFFSET;
  if (place == REPLAY_OFFSET_VALID && said > seq) seq = said;
  if (seq >= b->last) seq = b->left;
  if (seq < r->log.last_dropped) return SIO_RECOVERY_LOG_GONE;
  b->from = seq;
  return 0;
}

static bool is_in_room_list(const char *room, const void *socket) {
  const sio_socket *s = socket;
  return strcmp(room, s->id) == 0 || s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

/* The first entry after e that the socket missed; with e NULL the first of all. */
static const struct replay_log_entry *next_missed_entry(const sio_socket *s,
                                                        const struct replay_log_entry *e) {
  const struct replay_log *log = &recovery_of(s)->log;
  e = e ? sio__replay_log_next(log, e) : sio__replay_log_after(log, s->recoverable->from);
  while (e && !sio__replay_log_entry_matches(e, is_in_room_list, s))
    e = sio__replay_log_next(log, e);
  return e;
}

/* What it is sent at this return. */
struct tally {
  size_t held;                   /* memory that it takes while it waits              */
  uint64_t new_bytes, old_bytes; /* of the record, this return included               */
  uint64_t last;                 /* the number of the last event                     */
};

static struct tally measure_missed(const sio_socket *s) {
  const struct recoverable *b = s->recoverable;
  struct tally t = { .new_bytes = b->new_bytes, .old_bytes = b->old_bytes, .last = b->from };
  for (const struct replay_log_entry *e = NULL; (e = next_missed_entry(s, e));) {
    uint64_t *bytes = e->seq > b->replayed ? &t.new_bytes : &t.old_bytes;
    for (const struct msg *m = e->msg; m; m = m->next) {
      *bytes += m->len;
      t.held += msg_memory_size(m) + QUEUE_EXTRA;
    }
    t.last = e->seq;
  }
  return t;
}

/* A peer that could not be sent it all would be closed, come back, and be closed again; or some of
 * it would be dropped. And a peer whose connection broke before it had all says the old offset
 * again, or one that is a little newer; but one that says it for ever would be sent megabytes for
 * each of its requests. */
static bool may_be_replayed(const sio_socket *s) {
  const sio_options *o = s->nsp->core->opts;
  struct tally t = measure_missed(s);
  size_t room = o->queue_high ? o->queue_high : o->max_queued;
  return sio__session_queued(s->session) + t.held <= room &&
         t.old_bytes <= REPEATS * t.new_bytes + REPEATS_FREE;
}

static int join_rooms(sio_socket *s, const struct recoverable *b) {
  int err = 0;
  for (size_t at = 0; at < b->rooms_size && !err; at += strlen(b->rooms + at) + 1)
    err = sio_join(s, b->rooms + at);
  return err;
}

static int restore_shared_data(sio_socket *s, const struct recoverable *b) {
  if (!b->shared) return 0;
  s->shared = sio__strndup(b->shared, strlen(b->shared));
  return s->shared ? 0 : UV_ENOMEM;
}

/* The socket takes over id, rooms and data of the record, or nothing of them. */
static int become_recovered_socket(struct recovery *r, sio_socket *s, struct recoverable *b) {
  char fresh_id[sizeof s->own_id];
  memcpy(fresh_id, s->own_id, sizeof fresh_id);
  memcpy(s->own_id, b->id, sizeof s->own_id);
  s->recoverable = b;
  int cause = restore_shared_data(s, b) || join_rooms(s, b) ? SIO_RECOVERY_NO_MEMORY : 0;
  if (!cause && !may_be_replayed(s)) cause = SIO_RECOVERY_TOO_MUCH;
  if (cause) {
    s->recoverable = NULL;
    memcpy(s->own_id, fresh_id, sizeof fresh_id);
    sio__free(s->shared);
    s->shared = NULL;
    s->nsp->ops->leave_all(s->nsp->adapter, s);
    return cause;
  }
  take_from_away(r, b);
  b->socket = s;
  s->recovered = true;
  if (b->data) memcpy(sio_socket_data(s), b->data, data_size(r));
  return 0;
}

static int restore_socket(struct recovery *r, sio_socket *s, const struct claim *c) {
  struct recoverable *b = sio__map_get(&r->by_pid, c->pid);
  if (b && b->socket) {
    end_old_connection(r, b);
    b = sio__map_get(&r->by_pid, c->pid);
  }
  if (!socket_is_open(s)) return 0;
  if (!b) return SIO_RECOVERY_NO_SESSION;
  int cause = is_expired(r, b) ? SIO_RECOVERY_NO_SESSION : find_start(r, c, b);
  if (!cause) cause = become_recovered_socket(r, s, b);
  if (cause) free_recoverable(r, b);
  return cause;
}

static const char *cause_text(int cause) {
  static const char *const texts[SIO_RECOVERY_END] = {
    [SIO_RECOVERY_NO_SESSION] = "no such session, or not any more",
    [SIO_RECOVERY_BAD_OFFSET] = "its offset is invalid",
    [SIO_RECOVERY_LOG_GONE] = "what it missed is not kept any more",
    [SIO_RECOVERY_TOO_MUCH] = "it missed more than may wait for it, or was sent it too often",
    [SIO_RECOVERY_NO_MEMORY] = "out of memory",
  };
  return texts[cause];
}

static void count_failure(const sio_socket *s, int cause) {
  struct core *core = s->nsp->core;
  core->stats.recovery_failed[cause]++;
  LOG_RATED(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_NOT_RECOVERED, NULL,
            "a peer of %s is not recovered: %s", s->nsp->name, cause_text(cause));
}

void sio__recovery_arrive(sio_socket *s) {
  struct claim claim;
  if (!may_claim(s)) return;
  struct cJSON *auth = sio__tree_parse(sio_socket_auth(s));
  if (!auth) {
    count_failure(s, SIO_RECOVERY_NO_MEMORY);
    return;
  }
  read_claim(&claim, auth);
  int cause = claim.pid.n ? restore_socket(recovery_of(s), s, &claim) : 0;
  if (cause) count_failure(s, cause);
  sio__tree_free(auth);
}

/* ---- being let in ---------------------------------------------------------------------------- */

static int send_missed(sio_socket *s) {
  for (const struct replay_log_entry *e = NULL; (e = next_missed_entry(s, e));) {
    int err = sio__session_send(s->session, e->msg, 0);
    s->nsp->events_out += !err;
    if (err) return err;
  }
  return 0;
}

/* Middleware took its time, and what was to be sent is gone. */
static int fail_log_gone(sio_socket *s) {
  count_failure(s, SIO_RECOVERY_LOG_GONE);
  sio__session_end(s->session, true, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
                   "what it missed was dropped while it waited to be let in");
  return SIO_ETOOBIG;
}

int sio__recovery_welcome(sio_socket *s) {
  struct recovery *r = recovery_of(s);
  if (!r || sio__session_protocol(s->session) != 4) return 0;
  if (s->recoverable)
    return s->recoverable->from < r->log.last_dropped ? fail_log_gone(s) : send_missed(s);
  s->recoverable = recoverable_new(r, s);
  if (!s->recoverable)
    LOG_RATED(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
              "socket %s cannot be recovered later: out of memory", s->own_id);
  return 0;
}

const char *sio__recovery_pid(const sio_socket *s) {
  return s->recoverable ? s->recoverable->pid : NULL;
}

void sio__recovery_joined(sio_socket *s) {
  struct recoverable *b = s->recoverable;
  if (!b || !s->recovered) return;
  struct tally t = measure_missed(s);
  b->first = b->from;
  b->last = t.last;
  b->new_bytes = t.new_bytes;
  b->old_bytes = t.old_bytes;
  if (b->last > b->replayed) b->replayed = b->last;
  empty_recoverable(b);
  struct core *core = s->nsp->core;
  core->stats.recovered++;
  LOG_RATED(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_SOCKET_JOINED, NULL, "socket %s is back",
            s->id);
}

void sio__recovery_refused(sio_socket *s) {
  if (s->recoverable) free_recoverable(recovery_of(s), s->recoverable);
}

void sio__recovery_dropped(sio_socket *s) {
  if (!s->recoverable) return;
  if (s->recovered)
    detach_old_socket(recovery_of(s), s->recoverable);
  else
    free_recoverable(recovery_of(s), s->recoverable);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* Nothing outlives a server that shuts down. */
static bool may_return(int reason) {
  switch (reason) {
    case SIO_REASON_TRANSPORT_ERROR:
    case SIO_REASON_TRANSPORT_CLOSE:
    case SIO_REASON_FORCED_CLOSE:
    case SIO_REASON_PING_TIMEOUT:
    case SIO_REASON_FORCED_SERVER_CLOSE: return true;
    default: return false;
  }
}

void sio__recovery_leave(sio_socket *s, int reason) {
  if (!s->recoverable) return;
  if (may_return(reason) && !s->nsp->core->closing)
    s->recoverable->left = recovery_of(s)->log.seq;
  else
    free_recoverable(recovery_of(s), s->recoverable);
}

struct packing {
  struct recoverable *recoverable;
  size_t at;
};

static void measure_room(const char *room, void *user) {
  ((struct packing *)user)->at += strlen(room) + 1;
}

static void pack_room(const char *room, void *user) {
  struct packing *p = user;
  size_t n = strlen(room) + 1;
  memcpy(p->recoverable->rooms + p->at, room, n);
  p->at += n;
}

static bool pack_rooms(sio_socket *s) {
  struct packing p = { .recoverable = s->recoverable };
  s->nsp->ops->rooms(s->nsp->adapter, s, measure_room, &p);
  if (p.at == 0) return true;
  p.recoverable->rooms = sio__malloc(p.at);
  if (!p.recoverable->rooms) return false;
  p.recoverable->rooms_size = p.at;
  p.at = 0;
  s->nsp->ops->rooms(s->nsp->adapter, s, pack_room, &p);
  return true;
}

static void recovery_give_up(sio_socket *s) {
  LOG_RATED(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
            "socket %s cannot be recovered: out of memory", s->own_id);
  free_recoverable(recovery_of(s), s->recoverable);
}

void sio__recovery_pack(sio_socket *s) {
  if (s->recoverable && !pack_rooms(s)) recovery_give_up(s);
}

static void *copy_bytes(const void *p, size_t n) {
  void *copy = sio__malloc(n);
  if (copy) memcpy(copy, p, n);
  return copy;
}

static bool pack_data(struct recovery *r, sio_socket *s) {
  struct recoverable *b = s->recoverable;
  size_t n = data_size(r);
  if (n && !(b->data = copy_bytes(sio_socket_data(s), n))) return false;
  return !s->shared || (b->shared = copy_bytes(s->shared, strlen(s->shared) + 1));
}

void sio__recovery_stow(sio_socket *s) {
  struct recovery *r = recovery_of(s);
  struct recoverable *b = s->recoverable;
  if (!b) return;
  if (!pack_data(r, s)) {
    recovery_give_up(s);
    return;
  }
  s->recoverable = NULL;
  b->socket = NULL;
  b->left_at = recovery_now(r);
  sio__recovery_queue_add(&r->away, &b->away, sio_session_address(s->session));
  if (r->away.n > recovery_options(r)->max_sessions)
    free_recoverable(r, recoverable_at(sio__recovery_queue_choose_dropped(&r->away, &b->away)));
  start_sweeping(r);
}

bool sio_socket_recovered(const sio_socket *s) { return s->recovered; }

/* ---- start and end --------------------------------------------------------------------------- */

int sio__recovery_new(struct recovery **out, sio_nsp *nsp) {
  const sio_recovery *o = nsp->core->opts->recovery;
  *out = NULL;
  if (!o) return 0;
  struct recovery *r = sio__calloc(1, sizeof *r);
  if (!r) return UV_ENOMEM;
  int err = sio__replay_log_init(&r->log, o->max_log_bytes);
  if (err) {
    sio__free(r);
    return err;
  }
  r->nsp = nsp;
  sio__map_init(&r->by_pid, recoverable_key);
  sio__recovery_queue_init(&r->away);
  timer_init(&r->sweep, recovery_on_sweep_timer);
  *out = r;
  return 0;
}

void sio__recovery_free(struct recovery *r) {
  if (!r) return;
  sio__loop_stop_timer(&r->nsp->core->loop, &r->sweep);
  struct recoverable *b;
  for (uint32_t i = 0; (b = sio__map_next(&r->by_pid, &i));) {
    empty_recoverable(b);
    sio__free(b);
  }
  sio__map_clear(&r->by_pid);
  sio__recovery_queue_clear(&r->away);
  sio__replay_log_clear(&r->log);
  sio__free(r);
}

/* SPDX-License-Identifier: MIT
 *
 * recovery.c - recovery records: creates them, gives them to returning sockets, and frees expired
 * ones.
 */
#include "core/recovery.h"

#include "core/client.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/tree.h"

enum {
  EXPIRY_CHECKS = 4,      /* per max_disconnection_ms */
  QUEUE_ENTRY_BYTES = 32, /* the most memory that a queued message takes in addition to the msg */
  MAX_REPEATS = 2, /* replayed-again bytes may be at most this multiple of bytes replayed once */
  FREE_REPEATS = 16 * 1024 /* bytes that may always be replayed again */
};

static const sio_recovery *get_recovery_options(const struct recovery *r) {
  return r->nsp->core->opts->recovery;
}

static uint64_t recovery_now_ms(const struct recovery *r) { return loop_now(&r->nsp->core->loop); }

static struct recovery *recovery_of_socket(const sio_socket *s) { return s->nsp->recovery; }

static size_t saved_data_size(const struct recovery *r) {
  return r->nsp->core->opts->socket_data_size;
}

static void *copy_bytes_to_heap(const void *p, size_t n) {
  void *copy = sio__malloc(n);
  if (copy) memcpy(copy, p, n);
  return copy;
}

/* ---- records ---------------------------------------------------------------------------- */

static sio_slice recovery_record_key(const void *rec) {
  return slice(((const struct recovery_record *)rec)->pid, SIO__ID_LEN);
}

static void missed_events_free(struct missed_events *m) {
  if (!m) return;
  for (uint32_t i = 0; i < m->n; i++) msg_unref(m->msgs[i]);
  sio__free(m->msgs);
  sio__free(m);
}

static void free_saved_socket_state(struct recovery_record *rec) {
  missed_events_free(rec->missed);
  rec->missed = NULL;
  sio__free(rec->rooms);
  sio__free(rec->data);
  sio__free(rec->shared);
  rec->rooms = NULL;
  rec->rooms_size = 0;
  rec->data = NULL;
  rec->shared = NULL;
}

static void recovery_record_remove_from_queue(struct recovery *r, struct recovery_record *rec) {
  if (!is_in_recovery_queue(&rec->away)) return;
  sio__recovery_queue_remove_entry(&r->away, &rec->away);
  if (r->away.n == 0) nsp_schedule_removal_if_unused(r->nsp);
}

static void recovery_record_free(struct recovery *r, struct recovery_record *rec) {
  const sio_adapter_ops *ops = r->nsp->ops;
  if (r->kept_by_adapter && !rec->persisted && ops->forget) ops->forget(r->nsp->adapter, rec->pid);
  if (rec->socket) rec->socket->recovery_record = NULL;
  recovery_record_remove_from_queue(r, rec);
  sio__map_del(&r->by_pid, recovery_record_key(rec));
  free_saved_socket_state(rec);
  sio__free(rec);
}

static struct recovery_record *recovery_record_of_entry(struct recovery_queue_entry *p) {
  return container_of(p, struct recovery_record, away);
}

static struct recovery_record *oldest_recovery_record(const struct recovery *r) {
  return recovery_record_of_entry(sio__recovery_queue_get_oldest(&r->away));
}

static struct recovery_record *recovery_record_new(const struct recovery *r, const char *id) {
  struct recovery_record *rec = sio__calloc(1, sizeof *rec);
  if (!rec) return NULL;
  list_init(&rec->away.by_time);
  rec->start = rec->last_sent = r->log.seq;
  memcpy(rec->id, id, sizeof rec->id);
  return rec;
}

static struct recovery_record *recovery_record_new_for_socket(struct recovery *r, sio_socket *s) {
  struct recovery_record *rec = recovery_record_new(r, s->id);
  if (!rec) return NULL;
  rec->socket = s;
  if (sio__make_random_id(rec->pid) == 0 && sio__map_put(&r->by_pid, rec) == 0) return rec;
  sio__free(rec);
  return NULL;
}

/* ---- records that the adapter keeps ---------------------------------------------------------- */

/* Makes a list of the names in rec->rooms, which the caller frees. Returns NULL if memory runs
 * out. */
static const char **list_saved_rooms(const struct recovery_record *rec) {
  size_t n = 0;
  for (size_t at = 0; at < rec->rooms_size; at += strlen(rec->rooms + at) + 1) n++;
  const char **list = sio__calloc(n + 1, sizeof *list);
  if (!list) return NULL;
  n = 0;
  for (size_t at = 0; at < rec->rooms_size; at += strlen(rec->rooms + at) + 1)
    list[n++] = rec->rooms + at;
  return list;
}

static void recovery_record_pass_to_adapter(struct recovery *r, struct recovery_record *rec) {
  const char **rooms = list_saved_rooms(rec);
  if (!rooms) {
    LOG_RATED_ABOUT(&r->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
                    ABOUT_NSP(r->nsp->name), "socket %s cannot be recovered: out of memory",
                    rec->id);
    return;
  }
  const sio_saved_socket saved = { .size = sizeof saved,
                                   .id = rec->id,
                                   .pid = rec->pid,
                                   .rooms = rooms,
                                   .shared = slice_str(rec->shared ? rec->shared : "{}"),
                                   .data = rec->data,
                                   .data_size = rec->data ? saved_data_size(r) : 0 };
  rec->persisted = true;
  r->nsp->ops->persist(r->nsp->adapter, &saved);
  sio__free((void *)rooms);
}

/* ---- expiry --------------------------------------------------------------------------------- */

/* Returns how long it may take until a dead connection is noticed. Events that are sent in that
 * time are lost, so the log has to keep them as well. */
static uint64_t dead_connection_detection_ms(const struct recovery *r) {
  const sio_options *o = r->nsp->core->opts;
  return (uint64_t)o->ping_interval_ms + o->ping_timeout_ms;
}

static bool is_recovery_record_expired(const struct recovery *r,
                                       const struct recovery_record *rec) {
  return recovery_now_ms(r) - rec->left_at_ms > get_recovery_options(r)->max_disconnection_ms;
}

static void start_recovery_expiry_timer(struct recovery *r) {
  if (timer_is_active(&r->expiry_timer)) return;
  sio__loop_start_timer(&r->nsp->core->loop, &r->expiry_timer,
                        get_recovery_options(r)->max_disconnection_ms / EXPIRY_CHECKS + 1);
}

static void free_expired_recovery_records(struct recovery *r) {
  uint64_t kept_ms =
               get_recovery_options(r)->max_disconnection_ms + dead_connection_detection_ms(r),
           now = recovery_now_ms(r);
  while (r->away.n && is_recovery_record_expired(r, oldest_recovery_record(r)))
    recovery_record_free(r, oldest_recovery_record(r));
  if (r->by_pid.n == 0) sio__replay_log_clear(&r->log);
  if (now > kept_ms) sio__replay_log_drop_older_than(&r->log, now - kept_ms);
}

static void recovery_on_expiry_timer(struct timer *t) {
  struct recovery *r = container_of(t, struct recovery, expiry_timer);
  free_expired_recovery_records(r);
  if (r->away.n || !list_empty(&r->log.entries)) start_recovery_expiry_timer(r);
}

/* ---- events ---------------------------------------------------------------------------------- */

size_t sio__recovery_write_next_offset(const struct recovery *r, bool is_volatile,
                                       char out[REPLAY_OFFSET_MAX]) {
  return sio__replay_log_write_offset(&r->log, r->log.seq + !is_volatile, out);
}

void sio__recovery_keep_event(struct recovery *r, uint64_t seq, struct msg *msg,
                              const sio_target *to) {
  if (r->by_pid.n == 0) return;
  sio__replay_log_add(&r->log, seq, recovery_now_ms(r), msg, to, to->skip ? to->skip->id : NULL);
  start_recovery_expiry_timer(r);
}

void sio__recovery_discard_newest_event(struct recovery *r, uint64_t seq) {
  sio__replay_log_remove_newest(&r->log, seq);
}

/* ---- returning ------------------------------------------------------------------------------- */

static void read_recovery_claim(struct recovery_claim *c) {
  bool present;
  sio__tree_find_string_member(c->auth, "pid", &c->pid, &present);
  c->is_valid =
      sio__tree_find_string_member(c->auth, "offset", &c->offset, &c->has_offset) || !c->has_offset;
}

void sio__recovery_claim_clear(struct recovery_claim *c) { sio__tree_wipe_and_free(c->auth); }

/* True if the auth may contain a pid. Most auth objects contain none, and are not parsed. */
static bool can_auth_contain_pid(const sio_socket *s) {
  sio_slice auth = sio_socket_auth(s);
  return recovery_of_socket(s) && sio__session_protocol(s->session) == 4 &&
         memmem(auth.p, auth.n, "\"pid\"", 5);
}

static void recovery_record_return_to_queue(struct recovery *r, struct recovery_record *rec) {
  if (rec->socket) rec->socket->recovery_record = NULL;
  rec->socket = NULL;
  if (r->kept_by_adapter) {
    recovery_record_pass_to_adapter(r, rec);
    recovery_record_free(r, rec);
    return;
  }
  sio__recovery_queue_add_oldest(&r->away, &rec->away);
  start_recovery_expiry_timer(r);
}

/* Closes the old socket of a peer that has returned over a new connection. The old connection is
 * dead even if it looks alive. */
static void close_old_socket_of_record(struct recovery *r, struct recovery_record *rec) {
  static const sio_close_info why = { .reason = SIO_REASON_TRANSPORT_CLOSE,
                                      .detail = "the peer returned over another connection",
                                      .ws_text = "" };
  sio_socket *old = rec->socket;
  sio__session_end(old->session, true, why.reason, 0, why.detail);
  if (old->state == SOCKET_PENDING) {
    recovery_record_return_to_queue(r, rec);
  } else if (old->state == SOCKET_CONNECTED) {
    sio__socket_start_leaving(old, why.reason);
    sio__socket_finish_leaving(old, &why);
  } else {
    sio__socket_finish_leaving(old, NULL);
  }
}

static bool is_saved_socket_in_room(const char *room, const void *record) {
  const struct recovery_record *rec = record;
  if (strcmp(room, rec->id) == 0) return true;
  for (size_t at = 0; at < rec->rooms_size; at += strlen(rec->rooms + at) + 1)
    if (strcmp(room, rec->rooms + at) == 0) return true;
  return false;
}

/* For an offset of another thread's log: returns the number that the last event up to that offset
 * has in this log. Only events that have moved here with the record are considered. */
static uint64_t find_moved_event_number(const struct recovery *r, const struct recovery_record *rec,
                                        sio_slice offset, uint64_t claimed) {
  uint64_t seq = rec->start;
  const struct replay_log_entry *e = sio__replay_log_first_entry_after(&r->log, seq);
  for (; e; e = sio__replay_log_next_entry(&r->log, e))
    if (sio__is_replay_entry_up_to_former_offset(e, offset, claimed) &&
        sio__replay_log_entry_matches_rooms(e, is_saved_socket_in_room, rec))
      seq = e->seq;
  return seq;
}

/* Sets rec->replay_from and returns 0; or returns the reason why the socket cannot be recovered
 * (SIO_RECOVERY_...). */
static int choose_replay_start(const struct recovery *r, const struct recovery_claim *c,
                               struct recovery_record *rec) {
  uint64_t seq = rec->start, claimed;
  if (!c->is_valid) return SIO_RECOVERY_BAD_OFFSET;
  enum replay_offset_kind kind = c->has_offset
                                     ? sio__replay_log_read_offset(&r->log, c->offset, &claimed)
                                     : REPLAY_OFFSET_FOREIGN;
  if (kind == REPLAY_OFFSET_INVALID) return SIO_RECOVERY_BAD_OFFSET;
  if (kind == REPLAY_OFFSET_VALID && claimed > seq) seq = claimed;
  if (kind == REPLAY_OFFSET_FOREIGN && c->has_offset && r->nsp->core->threads)
    seq = find_moved_event_number(r, rec, c->offset, claimed);
  if (seq >= rec->last_sent) seq = rec->seq_at_leave;
  if (seq < r->log.last_dropped) return SIO_RECOVERY_LOG_GONE;
  rec->replay_from = seq;
  return 0;
}

static bool is_socket_in_room(const char *room, const void *socket) {
  const sio_socket *s = socket;
  return strcmp(room, s->id) == 0 || s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

/* Returns the first event after e that the socket has missed. If e is NULL, returns the first one
 * of all. */
static const struct replay_log_entry *find_next_missed_event(const sio_socket *s,
                                                             const struct replay_log_entry *e) {
  const struct replay_log *log = &recovery_of_socket(s)->log;
  e = e ? sio__replay_log_next_entry(log, e)
        : sio__replay_log_first_entry_after(log, s->recovery_record->replay_from);
  while (e && !sio__replay_log_entry_matches_rooms(e, is_socket_in_room, s))
    e = sio__replay_log_next_entry(log, e);
  return e;
}

/* The size of the events that have to be replayed if the client returns. */
struct replay_size {
  size_t queued_bytes;                /* the memory that these events take in the session's queue */
  uint64_t first_bytes, repeat_bytes; /* the totals of the record, including these events */
  uint64_t last_seq;                  /* the number of the last of these events */
};

static struct replay_size measure_replay(const sio_socket *s) {
  const struct recovery_record *rec = s->recovery_record;
  struct replay_size t = { .queued_bytes = rec->missed ? rec->missed->queued_bytes : 0,
                           .first_bytes = rec->first_replay_bytes,
                           .repeat_bytes = rec->repeat_bytes,
                           .last_seq = rec->replay_from };
  for (const struct replay_log_entry *e = NULL; (e = find_next_missed_event(s, e));) {
    uint64_t *bytes = e->seq > rec->last_replayed ? &t.first_bytes : &t.repeat_bytes;
    for (const struct msg *m = e->msg; m; m = m->next) {
      *bytes += m->len;
      t.queued_bytes += msg_memory_size(m) + QUEUE_ENTRY_BYTES;
    }
    t.last_seq = e->seq;
  }
  return t;
}

static size_t max_replay_queue_bytes(const sio_nsp *nsp) {
  const sio_options *o = nsp->core->opts;
  return o->queue_high ? o->queue_high : o->max_queued;
}

/* True if the missed events may be replayed. All of them must fit into the queue of the session, or
 * the peer would lose some of them again. Repeated replays are limited too: a peer whose connection
 * breaks during a replay may return with an old offset, but one that did so forever would be sent
 * megabytes for each small request. */
static bool is_replay_allowed(const sio_socket *s) {
  struct replay_size t = measure_replay(s);
  return sio__session_queued_bytes(s->session) + t.queued_bytes <= max_replay_queue_bytes(s->nsp) &&
         t.repeat_bytes <= MAX_REPEATS * t.first_bytes + FREE_REPEATS;
}

static int rejoin_saved_rooms(sio_socket *s, const struct recovery_record *rec) {
  int err = 0;
  for (size_t at = 0; at < rec->rooms_size && !err; at += strlen(rec->rooms + at) + 1)
    err = sio_join(s, rec->rooms + at);
  return err;
}

static int restore_shared_data(sio_socket *s, const struct recovery_record *rec) {
  if (!rec->shared) return 0;
  s->shared = sio__strndup(rec->shared, strlen(rec->shared));
  return s->shared ? 0 : UV_ENOMEM;
}

/* Gives the id, rooms and data of the record to the socket. Returns 0, or the reason of the
 * failure; then the socket is unchanged. */
static int give_recovery_record_to_socket(struct recovery *r, sio_socket *s,
                                          struct recovery_record *rec) {
  char new_id[sizeof s->own_id];
  memcpy(new_id, s->own_id, sizeof new_id);
  memcpy(s->own_id, rec->id, sizeof s->own_id);
  s->recovery_record = rec;
  int cause =
      restore_shared_data(s, rec) || rejoin_saved_rooms(s, rec) ? SIO_RECOVERY_NO_MEMORY : 0;
  if (!cause && !is_replay_allowed(s)) cause = SIO_RECOVERY_TOO_MUCH;
  if (cause) {
    s->recovery_record = NULL;
    memcpy(s->own_id, new_id, sizeof new_id);
    sio__free(s->shared);
    s->shared = NULL;
    s->nsp->ops->leave_all(s->nsp->adapter, s);
    return cause;
  }
  recovery_record_remove_from_queue(r, rec);
  rec->socket = s;
  s->recovered = true;
  if (rec->data) memcpy(sio_socket_data(s), rec->data, saved_data_size(r));
  return 0;
}

enum { ASK_ADAPTER = -1 };

static bool can_adapter_have_record(const struct recovery *r, const struct recovery_claim *c) {
  return r->nsp->ops->restore && c->pid.n == SIO__ID_LEN;
}

static int restore_socket_by_pid(struct recovery *r, sio_socket *s,
                                 const struct recovery_claim *c) {
  struct recovery_record *rec = sio__map_get(&r->by_pid, c->pid);
  if (rec && rec->socket) {
    close_old_socket_of_record(r, rec);
    rec = sio__map_get(&r->by_pid, c->pid);
  }
  if (!socket_is_open(s)) return 0;
  if (!rec || !sio__recovery_has_record(r, c->pid))
    return can_adapter_have_record(r, c) ? ASK_ADAPTER : SIO_RECOVERY_NO_SESSION;
  int cause =
      is_recovery_record_expired(r, rec) ? SIO_RECOVERY_NO_SESSION : choose_replay_start(r, c, rec);
  if (!cause) cause = give_recovery_record_to_socket(r, s, rec);
  if (cause)
    recovery_record_free(r, rec);
  else if (r->nsp->core->threads)
    rec->since = sio__threads_next_number(r->nsp->core->threads);
  return cause;
}

static const char *recovery_failure_text(int cause) {
  static const char *const texts[SIO_RECOVERY_END] = {
    [SIO_RECOVERY_NO_SESSION] = "the pid is unknown or has expired",
    [SIO_RECOVERY_BAD_OFFSET] = "the offset is invalid",
    [SIO_RECOVERY_LOG_GONE] = "missed events have been dropped from the replay log",
    [SIO_RECOVERY_TOO_MUCH] =
        "the missed events do not fit into the queue, or were replayed too often",
    [SIO_RECOVERY_NO_MEMORY] = "out of memory",
    [SIO_RECOVERY_NO_ANSWER] = "the adapter cannot look for the socket, or did not answer in time",
  };
  return texts[cause];
}

static void report_recovery_failure(const sio_socket *s, int cause) {
  struct core *core = s->nsp->core;
  core->stats.recovery_failed[cause]++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_NOT_RECOVERED, NULL, ABOUT_SOCKET(s),
                  "a peer in namespace %s is not recovered: %s", s->nsp->name,
                  recovery_failure_text(cause));
}

bool sio__recovery_restore_socket(sio_socket *s, struct recovery_claim *claim) {
  *claim = (struct recovery_claim){ 0 };
  if (!can_auth_contain_pid(s)) return false;
  claim->auth = sio__tree_from_json(sio_socket_auth(s));
  if (!claim->auth) {
    report_recovery_failure(s, SIO_RECOVERY_NO_MEMORY);
    return false;
  }
  read_recovery_claim(claim);
  int cause = claim->pid.n ? restore_socket_by_pid(recovery_of_socket(s), s, claim) : 0;
  if (cause == ASK_ADAPTER && claim->is_valid) return true;
  if (cause) report_recovery_failure(s, claim->is_valid ? cause : SIO_RECOVERY_BAD_OFFSET);
  return false;
}

/* ---- returning with the help of the adapter -------------------------------------------------- */

static bool is_saved_id_valid(const char *id) {
  return strnlen(id, SIO__ID_LEN + 1) == SIO__ID_LEN &&
         strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
             SIO__ID_LEN;
}

static int record_copy_saved_rooms(struct recovery_record *rec, const char *const *rooms) {
  size_t n = 0;
  for (const char *const *p = rooms; p && *p; p++) n += strlen(*p) + 1;
  if (!n) return 0;
  char *at = rec->rooms = sio__malloc(n);
  if (!at) return UV_ENOMEM;
  rec->rooms_size = n;
  for (const char *const *p = rooms; *p; at += strlen(*p++) + 1) memcpy(at, *p, strlen(*p) + 1);
  return 0;
}

static int record_copy_saved_socket(struct recovery *r, struct recovery_record *rec,
                                    const sio_saved_socket *s) {
  int err = record_copy_saved_rooms(rec, s->rooms);
  if (!err && s->shared.n && !slice_equals_str(s->shared, "{}") &&
      !(rec->shared = sio__strndup(s->shared.p, s->shared.n)))
    err = UV_ENOMEM;
  if (!err && s->data && s->data_size == saved_data_size(r) && s->data_size &&
      !(rec->data = copy_bytes_to_heap(s->data, s->data_size)))
    err = UV_ENOMEM;
  rec->left_at_ms = recovery_now_ms(r);
  rec->replay_from = rec->seq_at_leave = r->log.seq;
  return err;
}

int sio__recovery_add_found_socket(struct recovery *r, const sio_saved_socket *s,
                                   struct recovery_record **out) {
  if (!is_saved_id_valid(s->id) || !is_saved_id_valid(s->pid)) return SIO_EPROTO;
  if (sio_socket_find(r->nsp, s->id) || sio__map_get(&r->by_pid, slice(s->pid, SIO__ID_LEN)))
    return SIO_EEXISTS;
  struct recovery_record *rec = recovery_record_new(r, s->id);
  if (!rec) return UV_ENOMEM;
  memcpy(rec->pid, s->pid, sizeof rec->pid);
  int err = record_copy_saved_socket(r, rec, s);
  if (!err) err = sio__map_put(&r->by_pid, rec);
  if (!err) {
    *out = rec;
    return 0;
  }
  free_saved_socket_state(rec);
  sio__free(rec);
  return err;
}

static size_t msg_chain_queued_size(const struct msg *msg) {
  size_t n = 0;
  for (; msg; msg = msg->next) n += msg_memory_size(msg) + QUEUE_ENTRY_BYTES;
  return n;
}

static int missed_events_add(struct missed_events *m, struct msg *msg, size_t max) {
  size_t bytes = msg_chain_queued_size(msg);
  if (m->queued_bytes + bytes > max) return SIO_ETOOBIG;
  if (m->n == m->cap) {
    uint32_t cap = m->cap ? m->cap * 2 : 16;
    struct msg **p = sio__realloc(m->msgs, cap * sizeof *p);
    if (!p) return UV_ENOMEM;
    m->msgs = p;
    m->cap = cap;
  }
  m->msgs[m->n++] = msg_ref(msg);
  m->queued_bytes += bytes;
  return 0;
}

static struct missed_events *get_or_add_missed_events(struct recovery_record *rec) {
  if (!rec->missed) rec->missed = sio__calloc(1, sizeof *rec->missed);
  return rec->missed;
}

int sio__recovery_add_missed_event(struct recovery *r, struct recovery_record *rec,
                                   struct msg *msg) {
  struct missed_events *m = get_or_add_missed_events(rec);
  if (!m) return UV_ENOMEM;
  return missed_events_add(m, msg, max_replay_queue_bytes(r->nsp));
}

void sio__recovery_give_record_to_socket(sio_socket *s, struct recovery_record *rec, int cause) {
  if (!cause && sio_socket_find(s->nsp, rec->id)) cause = SIO_RECOVERY_NO_SESSION;
  if (!cause) cause = give_recovery_record_to_socket(recovery_of_socket(s), s, rec);
  if (!cause) return;
  report_recovery_failure(s, cause);
  if (rec) recovery_record_free(recovery_of_socket(s), rec);
}

void sio__recovery_keep_found_record(struct recovery *r, struct recovery_record *rec) {
  recovery_record_return_to_queue(r, rec);
}

unsigned sio__nsp_recovery_ms(const sio_nsp *nsp) {
  const sio_recovery *o = nsp->core->opts->recovery;
  return o ? o->max_disconnection_ms : 0;
}

/* ---- records that move to the server of another thread --------------------------------------- */

bool sio__recovery_has_record(const struct recovery *r, sio_slice pid) {
  const struct recovery_record *rec = sio__map_get(&r->by_pid, pid);
  return rec && (rec->socket || is_in_recovery_queue(&rec->away));
}

int sio__recovery_find_for_other_thread(struct recovery *r, const struct recovery_claim *c,
                                        uint64_t number, struct recovery_record **out) {
  struct recovery_record *rec = sio__map_get(&r->by_pid, c->pid);
  if (rec && rec->since >= number) return SIO_RECOVERY_NO_SESSION;
  if (rec && rec->socket) {
    close_old_socket_of_record(r, rec);
    rec = sio__map_get(&r->by_pid, c->pid);
  }
  if (!rec) return SIO_RECOVERY_NO_SESSION;
  int cause =
      is_recovery_record_expired(r, rec) ? SIO_RECOVERY_NO_SESSION : choose_replay_start(r, c, rec);
  if (cause)
    recovery_record_free(r, rec);
  else
    *out = rec;
  return cause;
}

static bool is_saved_socket_in_any_room(const struct recovery_record *rec,
                                        const char *const *rooms) {
  for (; rooms && *rooms; rooms++)
    if (is_saved_socket_in_room(*rooms, rec)) return true;
  return false;
}

bool sio__is_saved_socket_in_target(const struct recovery_record *rec, const char *const *rooms,
                                    const char *const *except) {
  return (!rooms || is_saved_socket_in_any_room(rec, rooms)) &&
         !is_saved_socket_in_any_room(rec, except);
}

const struct replay_log_entry *sio__recovery_next_missed_event(const struct recovery *r,
                                                               const struct recovery_record *rec,
                                                               const struct replay_log_entry *e) {
  e = e ? sio__replay_log_next_entry(&r->log, e)
        : sio__replay_log_first_entry_after(&r->log, rec->replay_from);
  while (e && !sio__replay_log_entry_matches_rooms(e, is_saved_socket_in_room, rec))
    e = sio__replay_log_next_entry(&r->log, e);
  return e;
}

void sio__recovery_detach_record(struct recovery *r, struct recovery_record *rec) {
  assert(!rec->socket);
  sio__map_del(&r->by_pid, recovery_record_key(rec));
  recovery_record_remove_from_queue(r, rec);
}

void sio__recovery_put_back_record(struct recovery *r, struct recovery_record *rec) {
  if (sio__map_put(&r->by_pid, rec) == 0)
    recovery_record_return_to_queue(r, rec);
  else
    sio__recovery_record_free_detached(rec);
}

int sio__recovery_attach_record(struct recovery *r, struct recovery_record *rec) {
  int err = sio__map_put(&r->by_pid, rec);
  if (err) return err;
  rec->start = rec->last_sent = rec->replay_from = rec->seq_at_leave = r->log.seq;
  rec->last_replayed = r->log.seq;
  rec->left_at_ms = recovery_now_ms(r);
  return 0;
}

void sio__recovery_record_free_detached(struct recovery_record *rec) {
  free_saved_socket_state(rec);
  sio__free(rec);
}

void sio__recovery_free_record(struct recovery *r, struct recovery_record *rec) {
  recovery_record_free(r, rec);
}

/* ---- before and after CONNECT ---------------------------------------------------------------- */

static int send_missed_event(sio_socket *s, struct msg *msg) {
  int err = sio__session_send(s->session, msg, 0);
  s->nsp->events_out += !err;
  return err;
}

static int replay_missed_events(sio_socket *s) {
  const struct missed_events *missed = s->recovery_record->missed;
  for (uint32_t i = 0; missed && i < missed->n; i++) {
    int err = send_missed_event(s, missed->msgs[i]);
    if (err) return err;
  }
  for (const struct replay_log_entry *e = NULL; (e = find_next_missed_event(s, e));) {
    int err = send_missed_event(s, e->msg);
    if (err) return err;
  }
  return 0;
}

/* Ends a session whose missed events were dropped from the replay log while its middleware ran. */
static int close_unrecoverable_session(sio_socket *s) {
  report_recovery_failure(s, SIO_RECOVERY_LOG_GONE);
  sio__session_end(s->session, true, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
                   "missed events were dropped from the replay log before the socket could join");
  return SIO_ETOOBIG;
}

int sio__recovery_before_connect_answer(sio_socket *s) {
  struct recovery *r = recovery_of_socket(s);
  if (!r || sio__session_protocol(s->session) != 4) return 0;
  if (s->recovery_record) {
    bool gone = s->recovery_record->replay_from < r->log.last_dropped ||
                s->recovery_record->missed_one_is_lost;
    return gone ? close_unrecoverable_session(s) : replay_missed_events(s);
  }
  s->recovery_record = recovery_record_new_for_socket(r, s);
  if (!s->recovery_record)
    LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
                    ABOUT_SOCKET(s), "socket %s cannot be recovered later: out of memory",
                    s->own_id);
  return 0;
}

const char *sio__recovery_pid_of_socket(const sio_socket *s) {
  return s->recovery_record ? s->recovery_record->pid : NULL;
}

void sio__recovery_after_connect_answer(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (!rec || !s->recovered) return;
  struct replay_size t = measure_replay(s);
  rec->start = rec->replay_from;
  rec->last_sent = t.last_seq;
  rec->first_replay_bytes = t.first_bytes;
  rec->repeat_bytes = t.repeat_bytes;
  if (rec->last_sent > rec->last_replayed) rec->last_replayed = rec->last_sent;
  free_saved_socket_state(rec);
  struct core *core = s->nsp->core;
  core->stats.recovered++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_SOCKET_JOINED, NULL, ABOUT_SOCKET(s),
                  "socket %s is recovered", s->id);
}

void sio__recovery_on_connect_refused(sio_socket *s) {
  if (s->recovery_record) recovery_record_free(recovery_of_socket(s), s->recovery_record);
}

void sio__recovery_on_pending_socket_lost(sio_socket *s) {
  if (!s->recovery_record) return;
  if (s->recovered)
    recovery_record_return_to_queue(recovery_of_socket(s), s->recovery_record);
  else
    recovery_record_free(recovery_of_socket(s), s->recovery_record);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* True if the reason means that the connection was lost, and not that the peer or the host has
 * disconnected the socket. */
static bool is_recoverable_reason(const struct recovery *r, int reason) {
  switch (reason) {
    case SIO_REASON_SERVER_SHUTTING_DOWN: return r->kept_by_adapter;
    case SIO_REASON_TRANSPORT_ERROR:
    case SIO_REASON_TRANSPORT_CLOSE:
    case SIO_REASON_FORCED_CLOSE:
    case SIO_REASON_PING_TIMEOUT:
    case SIO_REASON_FORCED_SERVER_CLOSE: return true;
    default: return false;
  }
}

void sio__recovery_on_socket_leave(sio_socket *s, int reason) {
  if (!s->recovery_record) return;
  const struct recovery *r = recovery_of_socket(s);
  bool kept = r->kept_by_adapter || !s->nsp->core->closing;
  if (is_recoverable_reason(r, reason) && kept)
    s->recovery_record->seq_at_leave = recovery_of_socket(s)->log.seq;
  else
    recovery_record_free(recovery_of_socket(s), s->recovery_record);
}

struct room_copy {
  struct recovery_record *record;
  size_t at;
};

static void add_room_name_size(const char *room, void *user) {
  ((struct room_copy *)user)->at += strlen(room) + 1;
}

static void copy_room_name(const char *room, void *user) {
  struct room_copy *p = user;
  size_t n = strlen(room) + 1;
  memcpy(p->record->rooms + p->at, room, n);
  p->at += n;
}

static bool save_socket_rooms(sio_socket *s) {
  struct room_copy p = { .record = s->recovery_record };
  s->nsp->ops->rooms(s->nsp->adapter, s, add_room_name_size, &p);
  if (p.at == 0) return true;
  p.record->rooms = sio__malloc(p.at);
  if (!p.record->rooms) return false;
  p.record->rooms_size = p.at;
  p.at = 0;
  s->nsp->ops->rooms(s->nsp->adapter, s, copy_room_name, &p);
  return true;
}

static void drop_unsaved_recovery_record(sio_socket *s) {
  LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
                  ABOUT_SOCKET(s), "socket %s cannot be recovered: out of memory", s->own_id);
  recovery_record_free(recovery_of_socket(s), s->recovery_record);
}

void sio__recovery_save_socket_rooms(sio_socket *s) {
  if (s->recovery_record && !save_socket_rooms(s)) drop_unsaved_recovery_record(s);
}

static bool save_socket_data(struct recovery *r, sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  size_t n = saved_data_size(r);
  if (n && !(rec->data = copy_bytes_to_heap(sio_socket_data(s), n))) return false;
  return !s->shared || (rec->shared = copy_bytes_to_heap(s->shared, strlen(s->shared) + 1));
}

void sio__recovery_save_socket_data(sio_socket *s) {
  struct recovery *r = recovery_of_socket(s);
  struct recovery_record *rec = s->recovery_record;
  if (!rec) return;
  if (!save_socket_data(r, s)) {
    drop_unsaved_recovery_record(s);
    return;
  }
  s->recovery_record = NULL;
  rec->socket = NULL;
  rec->left_at_ms = recovery_now_ms(r);
  if (r->kept_by_adapter) {
    recovery_record_pass_to_adapter(r, rec);
    recovery_record_free(r, rec);
    return;
  }
  sio__recovery_queue_add(&r->away, &rec->away, sio__session_address(s->session));
  if (r->away.n > get_recovery_options(r)->max_sessions)
    recovery_record_free(r, recovery_record_of_entry(
                                sio__recovery_queue_choose_entry_to_drop(&r->away, &rec->away)));
  start_recovery_expiry_timer(r);
}

bool sio_socket_recovered(const sio_socket *s) { return s->recovered; }

/* ---- new and free ---------------------------------------------------------------------------- */

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
  r->kept_by_adapter = nsp->ops->flags & SIO_ADAPTER_RECOVERS;
  sio__map_init(&r->by_pid, recovery_record_key);
  sio__recovery_queue_init(&r->away);
  timer_init(&r->expiry_timer, recovery_on_expiry_timer);
  *out = r;
  return 0;
}

void sio__recovery_free(struct recovery *r) {
  if (!r) return;
  sio__loop_stop_timer(&r->nsp->core->loop, &r->expiry_timer);
  struct recovery_record *rec;
  for (uint32_t i = 0; (rec = sio__map_next(&r->by_pid, &i));) {
    free_saved_socket_state(rec);
    sio__free(rec);
  }
  sio__map_clear(&r->by_pid);
  sio__recovery_queue_clear(&r->away);
  sio__replay_log_clear(&r->log);
  sio__free(r);
}

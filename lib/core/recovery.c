/* SPDX-License-Identifier: MIT
 *
 * recovery.c - the recovery records of a namespace: creates them, keeps those of lost sockets or
 * passes them to the adapter, and frees expired ones.
 */
#include "core/recovery.h"

#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

enum { EXPIRY_CHECKS = 4 /* per max_disconnection_ms */ };

static const sio_recovery *get_recovery_options(const struct recovery *r) {
  return r->nsp->core->opts->recovery;
}

static uint64_t recovery_now_ms(const struct recovery *r) { return loop_now(&r->nsp->core->loop); }

/* ---- records ---------------------------------------------------------------------------- */

static sio_slice get_map_key_of_recovery_record(const void *rec) {
  return slice(((const struct recovery_record *)rec)->pid, SIO__ID_LEN);
}

static void recovery_record_remove_from_queue(struct recovery *r, struct recovery_record *rec) {
  if (!is_recovery_entry_in_queue(&rec->away)) return;
  sio__recovery_queue_remove_entry(&r->away, &rec->away);
  if (r->away.n == 0) nsp_schedule_removal_if_unused(r->nsp);
}

void sio__recovery_free_detached_record(struct recovery_record *rec) {
  sio__saved_state_clear(&rec->saved);
  sio__replay_free_missed_events(&rec->replay);
  sio__free(rec);
}

void sio__recovery_free_record(struct recovery *r, struct recovery_record *rec) {
  const sio_adapter_ops *ops = r->nsp->ops;
  if (is_recovery_kept_by_adapter(r) && !rec->persisted && ops->forget)
    ops->forget(r->nsp->adapter, rec->pid);
  if (rec->socket) rec->socket->recovery_record = NULL;
  recovery_record_remove_from_queue(r, rec);
  sio__map_del(&r->by_pid, get_map_key_of_recovery_record(rec));
  sio__recovery_free_detached_record(rec);
}

static struct recovery_record *recovery_record_new(const struct recovery *r, const char *id) {
  struct recovery_record *rec = sio__calloc(1, sizeof *rec);
  if (!rec) return NULL;
  list_init(&rec->away.by_time);
  sio__replay_set_start_to_newest_event(&rec->replay, &r->log);
  memcpy(rec->id, id, sizeof rec->id);
  return rec;
}

struct recovery_record *sio__recovery_add_record_of_socket(struct recovery *r, sio_socket *s) {
  struct recovery_record *rec = recovery_record_new(r, s->id);
  if (!rec) return NULL;
  rec->socket = s;
  if (sio__make_random_id(rec->pid) == 0 && sio__map_put(&r->by_pid, rec) == 0) return rec;
  sio__free(rec);
  return NULL;
}

static bool is_saved_socket_id_or_pid_valid(const char *id) {
  return strnlen(id, SIO__ID_LEN + 1) == SIO__ID_LEN &&
         strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
             SIO__ID_LEN;
}

static bool are_saved_room_names_valid(const char *const *rooms) {
  for (; rooms && *rooms; rooms++)
    if (!sio__is_valid_room_name(*rooms)) return false;
  return true;
}

int sio__recovery_add_record_found_by_adapter(struct recovery *r, const sio_saved_socket *s,
                                              const sio_session *client,
                                              struct recovery_record **out) {
  if (!is_saved_socket_id_or_pid_valid(s->id) || !is_saved_socket_id_or_pid_valid(s->pid) ||
      !are_saved_room_names_valid(s->rooms))
    return SIO_EPROTO;
  if (sio_socket_find(r->nsp, s->id) || sio__map_get(&r->by_pid, slice(s->pid, SIO__ID_LEN)))
    return SIO_EEXISTS;
  struct recovery_record *rec = recovery_record_new(r, s->id);
  if (!rec) return UV_ENOMEM;
  memcpy(rec->pid, s->pid, sizeof rec->pid);
  rec->left_at_ms = recovery_now_ms(r);
  sio__recovery_queue_entry_set_address(&rec->away, sio__session_client_address(client));
  sio__replay_set_leave_to_newest_event(&rec->replay, &r->log);
  int err = sio__saved_state_copy_from_adapter(&rec->saved, r->nsp, s);
  if (!err) err = sio__map_put(&r->by_pid, rec);
  if (err)
    sio__recovery_free_detached_record(rec);
  else
    *out = rec;
  return err;
}

struct recovery_record *sio__recovery_find_record_by_pid(const struct recovery *r, sio_slice pid) {
  struct recovery_record *rec = sio__map_get(&r->by_pid, pid);
  return rec && (rec->socket || is_recovery_entry_in_queue(&rec->away)) ? rec : NULL;
}

bool sio__is_lost_socket_in_room(const char *room, const void *record) {
  const struct recovery_record *rec = record;
  return strcmp(room, rec->id) == 0 || sio__saved_state_has_room(&rec->saved, room);
}

/* ---- expiry --------------------------------------------------------------------------------- */

static struct recovery_record *recovery_record_of_queue_entry(struct recovery_queue_entry *p) {
  return container_of(p, struct recovery_record, away);
}

static struct recovery_record *get_oldest_record_of_lost_socket(const struct recovery *r) {
  return recovery_record_of_queue_entry(sio__recovery_queue_get_oldest(&r->away));
}

/* Returns the time after which a dead connection is noticed at the latest, unless the host blocks
 * the loop. Events that are sent to the client in that time may be lost, so the log has to keep
 * them, too. */
static uint64_t max_dead_connection_detection_ms(const struct recovery *r) {
  const sio_options *o = r->nsp->core->opts;
  return (uint64_t)o->ping_interval_ms + o->ping_timeout_ms;
}

bool sio__is_recovery_record_expired(const struct recovery *r, const struct recovery_record *rec) {
  return recovery_now_ms(r) - rec->left_at_ms > get_recovery_options(r)->max_disconnection_ms;
}

static void start_recovery_expiry_timer(struct recovery *r) {
  if (timer_is_active(&r->expiry_timer)) return;
  sio__loop_start_timer(&r->nsp->core->loop, &r->expiry_timer,
                        get_recovery_options(r)->max_disconnection_ms / EXPIRY_CHECKS + 1);
}

static void free_expired_recovery_records_and_events(struct recovery *r) {
  uint64_t kept_ms =
               get_recovery_options(r)->max_disconnection_ms + max_dead_connection_detection_ms(r),
           now = recovery_now_ms(r);
  while (r->away.n && sio__is_recovery_record_expired(r, get_oldest_record_of_lost_socket(r)))
    sio__recovery_free_record(r, get_oldest_record_of_lost_socket(r));
  if (r->by_pid.n == 0) sio__replay_log_clear(&r->log);
  if (now > kept_ms) sio__replay_log_drop_older_than(&r->log, now - kept_ms);
}

static void recovery_free_expired_on_timer(struct timer *t) {
  struct recovery *r = container_of(t, struct recovery, expiry_timer);
  free_expired_recovery_records_and_events(r);
  if (r->away.n || !list_is_empty(&r->log.entries)) start_recovery_expiry_timer(r);
}

/* ---- keeping the records of lost sockets ----------------------------------------------------- */

static void recovery_record_unlink_socket(struct recovery_record *rec) {
  if (rec->socket) rec->socket->recovery_record = NULL;
  rec->socket = NULL;
}

static void recovery_record_give_to_adapter_and_free(struct recovery *r,
                                                     struct recovery_record *rec) {
  sio_saved_socket saved = { .size = sizeof saved, .id = rec->id, .pid = rec->pid };
  if (sio__saved_state_describe_for_adapter(&rec->saved, r->nsp, &saved)) {
    LOG_RATED_ABOUT(&r->nsp->core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NO_MEMORY, NULL,
                    ABOUT_NSP(r->nsp->name),
                    "socket %s cannot be recovered: no memory to save its state", rec->id);
  } else {
    rec->persisted = true;
    r->nsp->ops->persist(r->nsp->adapter, &saved);
    sio__free((void *)saved.rooms);
  }
  sio__recovery_free_record(r, rec);
}

/* Called when rec was added to r->away. If more than max_sessions records are in r->away, frees one
 * of them, which may be rec. Starts the expiry timer. */
static void free_excess_lost_socket_and_start_timer(struct recovery *r,
                                                    const struct recovery_record *rec) {
  if (r->away.n > get_recovery_options(r)->max_sessions)
    sio__recovery_free_record(r,
                              recovery_record_of_queue_entry(
                                  sio__recovery_queue_choose_entry_to_drop(&r->away, &rec->away)));
  start_recovery_expiry_timer(r);
}

void sio__recovery_keep_record_of_lost_socket(struct recovery *r, struct recovery_record *rec) {
  const sio_session *session = rec->socket->session;
  recovery_record_unlink_socket(rec);
  rec->left_at_ms = recovery_now_ms(r);
  if (is_recovery_kept_by_adapter(r)) {
    recovery_record_give_to_adapter_and_free(r, rec);
    return;
  }
  sio__recovery_queue_entry_set_address(&rec->away, sio__session_client_address(session));
  sio__recovery_queue_add_as_newest(&r->away, &rec->away);
  free_excess_lost_socket_and_start_timer(r, rec);
}

void sio__recovery_return_record_to_lost_sockets(struct recovery *r, struct recovery_record *rec) {
  recovery_record_unlink_socket(rec);
  if (is_recovery_kept_by_adapter(r)) {
    recovery_record_give_to_adapter_and_free(r, rec);
    return;
  }
  if (r->away.n && rec->left_at_ms > get_oldest_record_of_lost_socket(r)->left_at_ms)
    sio__recovery_queue_add_as_newest(&r->away, &rec->away);
  else
    sio__recovery_queue_add_as_oldest(&r->away, &rec->away);
  free_excess_lost_socket_and_start_timer(r, rec);
}

void sio__recovery_assign_record_to_socket(struct recovery *r, struct recovery_record *rec,
                                           sio_socket *s) {
  recovery_record_remove_from_queue(r, rec);
  rec->socket = s;
}

/* ---- records that move to the server of another thread --------------------------------------- */

void sio__recovery_detach_record(struct recovery *r, struct recovery_record *rec) {
  assert(!rec->socket);
  sio__map_del(&r->by_pid, get_map_key_of_recovery_record(rec));
  recovery_record_remove_from_queue(r, rec);
}

void sio__recovery_put_back_detached_record(struct recovery *r, struct recovery_record *rec) {
  if (sio__map_put(&r->by_pid, rec) == 0)
    sio__recovery_return_record_to_lost_sockets(r, rec);
  else
    sio__recovery_free_detached_record(rec);
}

int sio__recovery_adopt_record_of_other_thread(struct recovery *r, struct recovery_record *rec) {
  int err = sio__map_put(&r->by_pid, rec);
  if (err) return err;
  sio__replay_set_start_to_newest_event(&rec->replay, &r->log);
  sio__replay_set_leave_to_newest_event(&rec->replay, &r->log);
  rec->replay.last_replayed = r->log.seq;
  rec->left_at_ms = recovery_now_ms(r);
  return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

size_t sio__recovery_format_next_event_offset(const struct recovery *r, bool is_volatile,
                                              char out[REPLAY_OFFSET_MAX]) {
  return sio__replay_log_format_event_offset(&r->log, r->log.seq + !is_volatile, out);
}

void sio__recovery_add_event_to_log(struct recovery *r, uint64_t seq, struct msg *msg,
                                    const sio_target *to) {
  if (r->by_pid.n == 0) return;
  sio__replay_log_add_event(&r->log, seq, recovery_now_ms(r), msg, to,
                            to->skip ? to->skip->id : NULL);
  start_recovery_expiry_timer(r);
}

void sio__recovery_discard_event_if_newest(struct recovery *r, uint64_t seq) {
  sio__replay_log_remove_event_if_newest(&r->log, seq);
}

/* ---- new and free ---------------------------------------------------------------------------- */

static const atomic_bool *get_recovery_kept_by_adapter_flag(const sio_nsp *nsp) {
  static const atomic_bool always = true, never = false;
  const sio_threads *threads = nsp->core->opts->threads; /* core->threads is set later */
  if (threads) return &threads->cluster_recovers;
  return nsp->ops->flags & SIO_ADAPTER_RECOVERS ? &always : &never;
}

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
  r->kept_by_adapter = get_recovery_kept_by_adapter_flag(nsp);
  sio__map_init(&r->by_pid, get_map_key_of_recovery_record);
  sio__recovery_queue_init(&r->away);
  timer_init(&r->expiry_timer, recovery_free_expired_on_timer);
  *out = r;
  return 0;
}

void sio__recovery_free(struct recovery *r) {
  if (!r) return;
  sio__loop_stop_timer(&r->nsp->core->loop, &r->expiry_timer);
  struct recovery_record *rec;
  for (uint32_t i = 0; (rec = sio__map_next(&r->by_pid, &i));)
    sio__recovery_free_detached_record(rec);
  sio__map_clear(&r->by_pid);
  sio__recovery_queue_clear(&r->away);
  sio__replay_log_clear(&r->log);
  sio__free(r);
}

unsigned sio__nsp_max_disconnection_ms(const sio_nsp *nsp) {
  const sio_recovery *o = nsp->core->opts->recovery;
  return o ? o->max_disconnection_ms : 0;
}

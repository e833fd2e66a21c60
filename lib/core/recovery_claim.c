/* SPDX-License-Identifier: MIT
 *
 * recovery_claim.c - reads the claim of a returning client, checks it, and gives the record to the
 * client's new socket.
 */
#include "core/recovery_claim.h"

#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/tree.h"

/* ---- the claim ------------------------------------------------------------------------------ */

static void read_pid_and_offset_from_auth(struct recovery_claim *c) {
  bool present;
  sio__tree_find_string_member(c->auth, "pid", &c->pid, &present);
  c->is_valid =
      sio__tree_find_string_member(c->auth, "offset", &c->offset, &c->has_offset) || !c->has_offset;
}

void sio__recovery_claim_clear(struct recovery_claim *c) { sio__tree_wipe_and_free(c->auth); }

/* Returns false if recovery is off, if the client is one of Socket.IO 2, or if the auth does not
 * contain the bytes "pid" with quotes. Then the auth need not be parsed. */
static bool can_socket_have_recovery_claim(const sio_socket *s) {
  sio_slice auth = sio_socket_auth(s);
  return s->nsp->recovery && sio__session_protocol_version(s->session) == 4 &&
         memmem(auth.p, auth.n, "\"pid\"", 5);
}

/* Checks whether the client with this claim can be recovered from the record. If so, sets
 * rec->replay.from, after which the replay begins, and returns 0; otherwise returns the reason. */
static int check_recovery_claim_and_set_replay_start(const struct recovery *r,
                                                     const struct recovery_claim *c,
                                                     struct recovery_record *rec) {
  if (sio__is_recovery_record_expired(r, rec)) return SIO_RECOVERY_NO_SESSION;
  if (!c->is_valid) return SIO_RECOVERY_BAD_OFFSET;
  if (rec->replay.lost_cause) return rec->replay.lost_cause;
  return sio__replay_choose_start(&rec->replay, &r->log, c->has_offset ? &c->offset : NULL,
                                  sio__is_lost_socket_in_room, rec);
}

/* ---- failures ------------------------------------------------------------------------------- */

static const char *recovery_failure_text(int cause) {
  static const char *const texts[SIO_RECOVERY_END] = {
    [SIO_RECOVERY_NO_SESSION] =
        "the client's pid is unknown, has expired or is in use, or its saved state is invalid",
    [SIO_RECOVERY_BAD_OFFSET] = "the client's offset is invalid",
    [SIO_RECOVERY_LOG_GONE] = "not all events that the client may have missed are still kept",
    [SIO_RECOVERY_TOO_MUCH] =
        "the missed events exceed queue_high or max_queued, were replayed too "
        "often, or could not all be kept",
    [SIO_RECOVERY_NO_MEMORY] = "out of memory",
    [SIO_RECOVERY_NO_ANSWER] = "the adapter cannot look for the socket, or did not answer in time",
  };
  return texts[cause];
}

void sio__recovery_count_and_log_failure(const sio_socket *s, int cause) {
  struct core *core = s->nsp->core;
  core->stats.recovery_failed[cause]++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_NOT_RECOVERED, NULL, ABOUT_SOCKET(s),
                  "a client in namespace %s is not recovered: %s", s->nsp->name,
                  recovery_failure_text(cause));
}

/* ---- taking over the record ----------------------------------------------------------------- */

/* Ends the session of the record's socket, because the peer has returned over another connection.
 * Normally the peer has given up the old one, and this server has not noticed that yet. Afterwards
 * the record has no socket, or was freed. */
static void close_old_socket_and_session_of_record(struct recovery *r,
                                                   struct recovery_record *rec) {
  static const sio_close_info why = { .reason = SIO_REASON_TRANSPORT_CLOSE,
                                      .detail = "the client returned over another connection",
                                      .ws_text = "" };
  sio_socket *old = rec->socket;
  sio__session_end(old->session, true, why.reason, 0, why.detail);
  if (old->state == SOCKET_PENDING) {
    sio__recovery_return_record_to_lost_sockets(r, rec);
  } else if (old->state == SOCKET_CONNECTED) {
    sio__socket_start_leaving(old, why.reason);
    sio__socket_finish_leaving_and_run_hooks(old, &why);
  } else {
    sio__socket_finish_leaving_and_run_hooks(old, NULL);
  }
}

/* Finds a record by recovery_record.pid. If the record has a socket, ends the session of that
 * socket. This may free the record; then returns NULL. */
static struct recovery_record *find_recovery_record_and_close_old_session(struct recovery *r,
                                                                          sio_slice pid) {
  struct recovery_record *rec = sio__recovery_find_record_by_pid(r, pid);
  if (!rec || !rec->socket) return rec;
  close_old_socket_and_session_of_record(r, rec);
  return sio__recovery_find_record_by_pid(r, pid);
}

/* Gives the rooms and the data in the record to s, and checks whether the missed events may be sent
 * to s. Returns 0, or the reason why s cannot be recovered. If a callback of sio_on_room() has
 * ended the session of s meanwhile, returns 0, too: the record goes back to the lost sockets when s
 * is discarded, so that the client can still return. */
static int apply_record_and_check_replay(const struct recovery *r, sio_socket *s,
                                         const struct recovery_record *rec) {
  int err = sio__saved_state_apply_to_socket(&rec->saved, s);
  if (!socket_can_join_rooms(s)) return 0;
  if (err) return SIO_RECOVERY_NO_MEMORY;
  return sio__replay_is_allowed(&rec->replay, &r->log, s) ? 0 : SIO_RECOVERY_TOO_MUCH;
}

/* Gives the id, the rooms and the data in the record to the new socket s. Returns 0, or the reason
 * why that failed (SIO_RECOVERY_...); then s has its own id again, and no rooms and data. */
static int restore_socket_from_recovery_record(struct recovery *r, sio_socket *s,
                                               struct recovery_record *rec) {
  char new_id[sizeof s->own_id];
  memcpy(new_id, s->own_id, sizeof new_id);
  memcpy(s->own_id, rec->id, sizeof s->own_id);
  s->recovery_record = rec; /* The adapter may ask for rec->pid while s joins its rooms. */
  s->recovered = true;
  int cause = apply_record_and_check_replay(r, s, rec);
  if (cause) {
    s->recovery_record = NULL;
    sio__saved_state_undo_apply_to_socket(s);
    memcpy(s->own_id, new_id,
           sizeof new_id); /* The `leave` callbacks saw the id that `join` saw. */
    s->recovered = false;
    return cause;
  }
  sio__recovery_assign_record_to_socket(r, rec, s);
  return 0;
}

/* ---- a client that returns to this server --------------------------------------------------- */

enum { ASK_ADAPTER = -1 };

static bool should_ask_adapter_for_record(const struct recovery *r,
                                          const struct recovery_claim *c) {
  return r->nsp->ops->restore && c->pid.n == SIO__ID_LEN;
}

static int restore_socket_by_pid(struct recovery *r, sio_socket *s,
                                 const struct recovery_claim *c) {
  struct recovery_record *rec = find_recovery_record_and_close_old_session(r, c->pid);
  if (!socket_can_join_rooms(s)) return 0;
  if (!rec) return should_ask_adapter_for_record(r, c) ? ASK_ADAPTER : SIO_RECOVERY_NO_SESSION;
  int cause = check_recovery_claim_and_set_replay_start(r, c, rec);
  if (!cause) cause = restore_socket_from_recovery_record(r, s, rec);
  if (cause)
    sio__recovery_free_record(r, rec);
  else if (r->nsp->core->threads)
    rec->since = sio__threads_next_number(r->nsp->core->threads);
  return cause;
}

bool sio__recovery_restore_or_should_ask_adapter(sio_socket *s, struct recovery_claim *claim) {
  *claim = (struct recovery_claim){ 0 };
  if (!can_socket_have_recovery_claim(s)) return false;
  claim->auth = sio__tree_from_json(sio_socket_auth(s));
  if (!claim->auth) {
    sio__recovery_count_and_log_failure(s, SIO_RECOVERY_NO_MEMORY);
    return false;
  }
  read_pid_and_offset_from_auth(claim);
  int cause = claim->pid.n ? restore_socket_by_pid(s->nsp->recovery, s, claim) : 0;
  if (cause == ASK_ADAPTER && claim->is_valid) return true;
  if (cause)
    sio__recovery_count_and_log_failure(s, claim->is_valid ? cause : SIO_RECOVERY_BAD_OFFSET);
  return false;
}

void sio__recovery_restore_from_found_record(sio_socket *s, struct recovery_record *rec,
                                             int cause) {
  struct recovery *r = s->nsp->recovery;
  if (!cause && sio_socket_find(s->nsp, rec->id)) cause = SIO_RECOVERY_NO_SESSION;
  if (!cause) cause = restore_socket_from_recovery_record(r, s, rec);
  if (!cause) return;
  sio__recovery_count_and_log_failure(s, cause);
  if (rec) sio__recovery_free_record(r, rec);
}

/* ---- a client that has returned to the server of another thread ------------------------------ */

void sio__recovery_close_old_session_by_pid(struct recovery *r, sio_slice pid, uint64_t number) {
  struct recovery_record *rec = sio__recovery_find_record_by_pid(r, pid);
  if (rec && rec->socket && rec->since < number) close_old_socket_and_session_of_record(r, rec);
}

int sio__recovery_claim_record_for_other_thread(struct recovery *r, const struct recovery_claim *c,
                                                uint64_t number, struct recovery_record **out) {
  const struct recovery_record *newer = sio__recovery_find_record_by_pid(r, c->pid);
  if (newer && newer->since >= number) return SIO_RECOVERY_NO_SESSION;
  struct recovery_record *rec = find_recovery_record_and_close_old_session(r, c->pid);
  if (!rec) return SIO_RECOVERY_NO_SESSION;
  int cause = check_recovery_claim_and_set_replay_start(r, c, rec);
  if (cause)
    sio__recovery_free_record(r, rec);
  else
    *out = rec;
  return cause;
}

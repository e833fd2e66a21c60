/* SPDX-License-Identifier: MIT
 *
 * recovery_socket.c - creates, fills and frees the recovery record of a socket as it connects and
 * leaves.
 */
#include "core/recovery_socket.h"

#include "core/core.h"
#include "core/nsp.h"
#include "core/recovery_claim.h"
#include "core/socket.h"

static struct recovery *recovery_of_socket(const sio_socket *s) { return s->nsp->recovery; }

static void free_record_of_socket(sio_socket *s) {
  if (s->recovery_record) sio__recovery_free_record(recovery_of_socket(s), s->recovery_record);
}

/* ---- before and after CONNECT ---------------------------------------------------------------- */

/* Ends the session of a returning client. While middleware ran for its new socket, events that it
 * has missed were dropped from the replay log, or could not be kept, so they cannot be sent. */
static int close_unrecoverable_session(sio_socket *s) {
  sio__recovery_report_failure(s, SIO_RECOVERY_LOG_GONE);
  sio__session_end(
      s->session, true, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
      "events that the client missed were dropped from the replay log before it could rejoin");
  return SIO_ETOOBIG;
}

static int replay_missed_events(sio_socket *s) {
  const struct replay *p = &s->recovery_record->replay;
  const struct replay_log *log = &recovery_of_socket(s)->log;
  return sio__replay_is_complete(p, log) ? sio__replay_send(p, log, s)
                                         : close_unrecoverable_session(s);
}

int sio__recovery_before_connect_answer(sio_socket *s) {
  struct recovery *r = recovery_of_socket(s);
  if (!r || sio__session_protocol(s->session) != 4) return 0;
  if (s->recovery_record) return replay_missed_events(s);
  s->recovery_record = sio__recovery_add_record(r, s);
  if (!s->recovery_record)
    LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
                    ABOUT_SOCKET(s),
                    "socket %s cannot be recovered if its connection breaks: out of memory",
                    s->own_id);
  return 0;
}

void sio__recovery_after_connect_answer(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (!rec || !s->recovered) return;
  sio__replay_finish(&rec->replay, &recovery_of_socket(s)->log, s);
  sio__saved_state_clear(&rec->saved);
  struct core *core = s->nsp->core;
  core->stats.recovered++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_SOCKET_JOINED, NULL, ABOUT_SOCKET(s),
                  "socket %s is recovered", s->id);
}

void sio__recovery_on_connect_refused(sio_socket *s) { free_record_of_socket(s); }

void sio__recovery_on_pending_socket_discarded(sio_socket *s) {
  if (s->recovery_record && s->recovered)
    sio__recovery_make_record_away_again(recovery_of_socket(s), s->recovery_record);
  else
    free_record_of_socket(s);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* True if the socket may be recovered: the reason says that its session has ended, and not that the
 * peer or the host has disconnected the socket from its namespace. If this server is closing, the
 * socket may be recovered on another server, if the adapter keeps its state. */
static bool is_recoverable_reason(const struct recovery *r, int reason) {
  switch (reason) {
    case SIO_REASON_SERVER_SHUTTING_DOWN: return is_recovery_kept_by_adapter(r);
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
  bool kept = is_recovery_kept_by_adapter(r) || !s->nsp->core->closing;
  if (is_recoverable_reason(r, reason) && kept)
    s->recovery_record->replay.seq_at_leave = r->log.seq;
  else
    free_record_of_socket(s);
}

static void free_record_that_cannot_be_saved(sio_socket *s) {
  LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NO_MEMORY, NULL,
                  ABOUT_SOCKET(s), "socket %s cannot be recovered: no memory for its rooms or data",
                  s->own_id);
  free_record_of_socket(s);
}

void sio__recovery_save_socket_rooms(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (rec && sio__saved_state_copy_rooms(&rec->saved, s)) free_record_that_cannot_be_saved(s);
}

void sio__recovery_save_socket_data(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (!rec) return;
  if (sio__saved_state_copy_data(&rec->saved, s))
    free_record_that_cannot_be_saved(s);
  else
    sio__recovery_keep_record_of_lost_socket(recovery_of_socket(s), rec);
}

const char *sio__recovery_pid_of_socket(const sio_socket *s) {
  return s->recovery_record ? s->recovery_record->pid : NULL;
}

bool sio_socket_recovered(const sio_socket *s) { return s->recovered; }

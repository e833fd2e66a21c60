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

static void free_recovery_record_of_socket(sio_socket *s) {
  if (s->recovery_record) sio__recovery_free_record(recovery_of_socket(s), s->recovery_record);
}

/* ---- before and after CONNECT ---------------------------------------------------------------- */

/* Ends the session of a returning client, because something has happened while its new socket
 * waited. SIO_RECOVERY_LOG_GONE: events that the client may have missed were dropped from the
 * replay log. SIO_RECOVERY_TOO_MUCH: it has missed more, or its queue has become so long, that the
 * missed events do not fit into the queue any more. Otherwise one of them could not be kept. */
static int end_session_with_incomplete_replay(sio_socket *s, int cause) {
  sio__recovery_count_and_log_failure(s, cause);
  sio__session_end(
      s->session, true, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
      cause == SIO_RECOVERY_TOO_MUCH
          ? "the events that the client has missed no longer fit into its queue"
          : "not all events that the client may have missed were kept until it could rejoin");
  return SIO_ETOOBIG;
}

static int replay_missed_events_or_end_session(sio_socket *s) {
  const struct replay *p = &s->recovery_record->replay;
  const struct replay_log *log = &recovery_of_socket(s)->log;
  if (!sio__replay_has_all_missed_events(p, log))
    return end_session_with_incomplete_replay(s, p->lost_cause ? p->lost_cause
                                                               : SIO_RECOVERY_LOG_GONE);
  int err = sio__replay_send_missed_events(p, log, s);
  return err == SIO_EDROPPED ? end_session_with_incomplete_replay(s, SIO_RECOVERY_TOO_MUCH) : err;
}

int sio__recovery_send_missed_or_add_record(sio_socket *s) {
  struct recovery *r = recovery_of_socket(s);
  if (!r || sio__session_protocol_version(s->session) != 4) return 0;
  if (s->recovery_record) return replay_missed_events_or_end_session(s);
  s->recovery_record = sio__recovery_add_record_of_socket(r, s);
  if (!s->recovery_record)
    LOG_RATED_ABOUT(
        &s->nsp->core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NO_MEMORY, NULL, ABOUT_SOCKET(s),
        "socket %s cannot be recovered if its connection breaks: no memory, or no random id",
        s->own_id);
  return 0;
}

void sio__recovery_finish_after_connect_answer(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (!rec || !s->recovered) return;
  sio__replay_update_after_missed_events_sent(&rec->replay, &recovery_of_socket(s)->log, s);
  sio__saved_state_clear(&rec->saved);
  struct core *core = s->nsp->core;
  core->stats.recovered++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_SOCKET_JOINED, NULL, ABOUT_SOCKET(s),
                  "socket %s is recovered", s->id);
}

void sio__recovery_free_record_of_refused_socket(sio_socket *s) {
  free_recovery_record_of_socket(s);
}

void sio__recovery_return_or_free_pending_record(sio_socket *s) {
  if (s->recovery_record && s->recovered)
    sio__recovery_return_record_to_lost_sockets(recovery_of_socket(s), s->recovery_record);
  else
    free_recovery_record_of_socket(s);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* True if a socket that left for this reason may be recovered. It may not if the peer or the host
 * has disconnected it from its namespace, or if its session ended with a parse error. If this
 * server is closing, the socket may be recovered on another server, if the adapter keeps its
 * state. */
static bool is_disconnect_reason_recoverable(const struct recovery *r, int reason) {
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

void sio__recovery_free_record_unless_recoverable(sio_socket *s, int reason) {
  if (!s->recovery_record) return;
  const struct recovery *r = recovery_of_socket(s);
  bool kept = is_recovery_kept_by_adapter(r) || !s->nsp->core->closing;
  if (is_disconnect_reason_recoverable(r, reason) && kept)
    s->recovery_record->replay.seq_at_leave = r->log.seq;
  else
    free_recovery_record_of_socket(s);
}

static void log_and_free_unsavable_recovery_record(sio_socket *s) {
  LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NO_MEMORY, NULL,
                  ABOUT_SOCKET(s), "socket %s cannot be recovered: no memory for its rooms or data",
                  s->own_id);
  free_recovery_record_of_socket(s);
}

void sio__recovery_save_socket_rooms(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (rec && sio__saved_state_copy_rooms_of_socket(&rec->saved, s))
    log_and_free_unsavable_recovery_record(s);
}

void sio__recovery_save_data_and_keep_record(sio_socket *s) {
  struct recovery_record *rec = s->recovery_record;
  if (!rec) return;
  if (sio__saved_state_copy_data_of_socket(&rec->saved, s))
    log_and_free_unsavable_recovery_record(s);
  else
    sio__recovery_keep_record_of_lost_socket(recovery_of_socket(s), rec);
}

const char *sio__recovery_pid_of_socket(const sio_socket *s) {
  return s->recovery_record ? s->recovery_record->pid : NULL;
}

bool sio_socket_recovered(const sio_socket *s) { return s->recovered; }

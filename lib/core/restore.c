/* SPDX-License-Identifier: MIT
 *
 * restore.c - asks the adapter to find a lost socket of which this server has no recovery record.
 */
#include "core/restore.h"

#include "base/mem.h"
#include "base/sized.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/socket.h"
#include <assert.h>

static void socket_restore_call_on_answer(sio_restore *r) {
  sio__loop_stop_timer(&r->socket->nsp->core->loop, &r->timer);
  r->state = RESTORE_JOINING;
  r->on_answer(r);
}

static void socket_restore_call_on_answer_in_task(struct task *t) {
  socket_restore_call_on_answer(container_of(t, sio_restore, task));
}

static void socket_restore_give_up_on_timeout(struct timer *t) {
  sio_restore *r = container_of(t, sio_restore, timer);
  if (r->state != RESTORE_ASKED) return;
  r->cause = SIO_RECOVERY_NO_ANSWER;
  socket_restore_call_on_answer(r);
}

static sio_restore *socket_restore_alloc(sio_slice pid, sio_slice offset) {
  sio_restore *r = sio__calloc(1, size_add(sizeof *r, size_add(pid.n, offset.n)));
  if (!r) return NULL;
  memcpy(r->text, pid.p, pid.n);
  if (offset.n) memcpy(r->text + pid.n, offset.p, offset.n);
  r->pid_len = pid.n;
  r->offset_len = offset.n;
  return r;
}

sio_restore *sio__relayed_restore_new(const struct relayed_restore_ops *relay, void *owner,
                                      sio_slice pid, sio_slice offset, bool has_offset) {
  sio_restore *r = socket_restore_alloc(pid, offset);
  if (!r) return NULL;
  r->relay = relay;
  r->owner = owner;
  r->has_offset = has_offset;
  return r;
}

static sio_restore *socket_restore_new(sio_socket *s, sio_slice pid, sio_slice offset) {
  sio_restore *r = socket_restore_alloc(pid, offset);
  if (!r) return NULL;
  r->socket = s;
  task_init(&r->task, socket_restore_call_on_answer_in_task);
  timer_init(&r->timer, socket_restore_give_up_on_timeout);
  return r;
}

int sio__socket_restore_ask_adapter(sio_socket *s, const struct recovery_claim *claim,
                                    void (*on_answer)(sio_restore *r), void *owner,
                                    sio_restore **out) {
  sio_nsp *nsp = s->nsp;
  sio_restore *r = *out = socket_restore_new(s, claim->pid, claim->offset);
  if (!r) return UV_ENOMEM;
  r->has_offset = claim->has_offset;
  r->on_answer = on_answer;
  r->owner = owner;
  sio__loop_start_timer(&nsp->core->loop, &r->timer, nsp->core->opts->request_timeout_ms);
  nsp->ops->restore(nsp->adapter, r);
  return 0;
}

void sio__socket_restore_apply_answer(sio_restore *r) {
  struct recovery_record *rec = r->record;
  int cause = r->cause;
  if (!cause) cause = rec->replay.lost_cause;
  r->record = NULL;
  sio__recovery_restore_from_found_record(r->socket, rec, cause);
}

void sio__socket_restore_end_and_free(sio_restore *r) {
  sio_nsp *nsp = r->socket->nsp;
  task_cancel(&r->task);
  sio__loop_stop_timer(&nsp->core->loop, &r->timer);
  if (r->record) sio__recovery_return_record_to_lost_sockets(nsp->recovery, r->record);
  if (nsp->ops->restore_over) nsp->ops->restore_over(nsp->adapter, r);
  sio__free(r);
}

/* ---- for adapters ---------------------------------------------------------------------------- */

void sio__socket_restore_get_info(const sio_restore *r, sio_restore_info *out) {
  const sio_restore_info info = { .pid = slice(r->text, r->pid_len),
                                  .offset = slice(r->text + r->pid_len, r->offset_len),
                                  .has_offset = r->has_offset };
  sio__fill_sized_struct(out, &info, sizeof info);
}

int sio__socket_restore_add_found_socket(sio_restore *r, const sio_saved_socket *s) {
  sio_saved_socket saved;
  if (r->relay) return r->relay->found(r, s);
  if (r->record || r->state != RESTORE_ASKED) return UV_EINVAL;
  if (sio__read_sized_struct(&saved, sizeof saved, s, sizeof saved)) return UV_EINVAL;
  int err = sio__recovery_add_record_found_by_adapter(r->socket->nsp->recovery, &saved,
                                                      r->socket->session, &r->record);
  if (err == UV_ENOMEM) r->cause = SIO_RECOVERY_NO_MEMORY;
  return err;
}

/* Adds an event that the client has missed. With SIO_ADAPTER_RECOVERS the event is added to the
 * record, with the adapter's offset. Otherwise it gets an offset of this server and is added to the
 * replay log of the namespace, addressed to the room whose name is the id of the client's
 * socket. */
static int add_missed_event_to_record_or_log(struct recovery *recovery, struct recovery_record *rec,
                                             sio_slice json, const sio_slice *bins, size_t nbins,
                                             sio_slice offset) {
  sio_packet *p;
  const sio_target to = { .nsp = recovery->nsp, .rooms = SIO_ROOMS(rec->id) };
  bool kept = is_recovery_kept_by_adapter(recovery);
  if (!kept) offset = slice(NULL, 0);
  int err = sio__packet_new_from_remote_event(&to, json, bins, nbins, NULL, offset, &p);
  if (err) return err;
  if (kept) err = sio__replay_add_missed_event(&rec->replay, recovery->nsp, p->msg);
  sio__remote_packet_free(p);
  return err;
}

static int recovery_failure_of_lost_event(int err) {
  return err == UV_ENOMEM ? SIO_RECOVERY_NO_MEMORY : SIO_RECOVERY_TOO_MUCH;
}

int sio__recovery_add_event_from_other_thread(struct recovery *recovery,
                                              struct recovery_record *rec, sio_slice json,
                                              const sio_slice *bins, size_t nbins) {
  if (rec->replay.lost_cause) return SIO_ETOOBIG;
  int err = add_missed_event_to_record_or_log(recovery, rec, json, bins, nbins, slice(NULL, 0));
  if (err) rec->replay.lost_cause = recovery_failure_of_lost_event(err);
  return err;
}

bool sio__socket_restore_set_record(sio_restore *r, struct recovery_record *rec) {
  if (r->record || r->state != RESTORE_ASKED) return false;
  r->record = rec;
  return true;
}

int sio__socket_restore_add_missed_event(sio_restore *r, sio_slice json, const sio_slice *bins,
                                         size_t nbins, sio_slice offset) {
  if (r->relay) return r->relay->event(r, json, bins, nbins, offset);
  struct recovery_record *rec = r->record ? r->record : r->socket->recovery_record;
  if (!rec || r->socket->state != SOCKET_PENDING) return 0;
  if (rec->replay.lost_cause) return SIO_ETOOBIG;
  int err =
      add_missed_event_to_record_or_log(r->socket->nsp->recovery, rec, json, bins, nbins, offset);
  if (err == SIO_ETOOBIG || err == UV_ENOMEM)
    rec->replay.lost_cause = recovery_failure_of_lost_event(err);
  return err;
}

void sio__socket_restore_end_answer_of_adapter(sio_restore *r, int cause) {
  assert(cause >= 0 && cause < SIO_RECOVERY_END);
  if (r->relay) {
    r->relay->done(r, cause);
    return;
  }
  if (r->state != RESTORE_ASKED) return;
  if (!cause && !r->record) cause = SIO_RECOVERY_NO_SESSION;
  if (!r->cause) r->cause = cause;
  r->state = RESTORE_ANSWERED;
  sio__loop_defer(&r->socket->nsp->core->loop, &r->task);
}

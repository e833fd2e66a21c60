/* SPDX-License-Identifier: MIT
 *
 * threads_recovery.c - connection state recovery over several threads.
 *
 * The server of each thread keeps records of clients that it has lost, and a log of the events that
 * such clients miss, as a server without threads does. If a client returns to the server of another
 * thread, that server asks the servers of all other threads:
 *
 *   server B, to which the client returns           server A, which has its record
 *     REQUEST_RESTORE with pid and offset  ------>   takes the record out
 *                                          <------   the record, and the events of A's log that the
 *                                                    client missed
 *
 * B numbers these events, adds them to its own log for the room of the client's id, and lets the
 * client join. An event must neither be lost nor come twice, although A and B receive the
 * broadcasts of other servers at different times. So each broadcast carries its sender and a
 * number, and:
 *
 *  - B waits at a barrier before it asks: each broadcast that B has received until then is in A's
 *    queue before the request, so A's log has it. From then on B keeps what it receives.
 *  - A waits at a barrier before it answers: each broadcast that A has received is in B's queue
 *    before the answer. A says which was the last one of each server.
 *  - When the answer arrives, B adds what it has kept and A had not received.
 */
#include "adapters/threads_recovery.h"
#include "adapters/recent_broadcasts.h"
#include "adapters/threads_queries.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/restore.h"

/* A client that waits for its recovery record from another thread. If the client does not wait any
 * more, this struct stays for a time, because the record may still arrive. */
struct thread_restore {
  struct list link;
  uint64_t number;
  sio_restore *restore; /* NULL if the client does not wait any more */
  unsigned open;        /* the number of servers that have not answered yet */
  int cause;            /* the reason to report if the client is not recovered */
  /* The number (recent_broadcast.position) of the first broadcast that is added to the list of
   * recent broadcasts while this client waits. */
  uint64_t position;
  uint64_t began_ms;
  struct list deferred; /* struct deferred_request */
  char pid[SIO__ID_LEN + 1];
};

/* A REQUEST_RESTORE that is answered later: for an earlier connection of the same client, this
 * server itself has asked for the record, so the record may be on its way to this server. */
struct deferred_request {
  struct list link;
  struct request *request; /* this struct holds one reference */
};

struct threads_recovery {
  /* For the server of each other thread, the last serial number (request.serial) that has arrived
   * from there. For this server, the last serial number that it has sent. */
  uint64_t seen[MEMBERS_MAX];
  struct list restores;            /* struct thread_restore */
  struct recent_broadcasts recent; /* empty while `restores` is empty */
};

/* The answer to REQUEST_RESTORE: a recovery record and the events that its client missed, which
 * this struct owns; or the reason why there is no record. */
struct record_message {
  uint64_t number; /* request.number of the REQUEST_RESTORE */
  int cause;       /* why `record` is NULL; 0 if it is not */
  struct recovery_record *record;
  /* The tag of the sender's replay log. In that log the event events[i] has the number
   * events[i]->serial. */
  char tag[REPLAY_TAG_LEN];
  uint64_t seen[MEMBERS_MAX]; /* threads_recovery.seen of the sender */
  size_t nevents, replayed;   /* the first `replayed` events were sent to the client before */
  struct request **events;
  size_t bytes;
  char nsp[];
};

/* ---- broadcasts ---------------------------------------------------------------------------- */

void sio__threads_recovery_set_serial_of_kept_broadcast(struct threads_adapter *a,
                                                        struct request *r) {
  if (a->recovery && !(r->flags & SIO_VOLATILE) && !does_cluster_keep_lost_sockets(a))
    r->serial = sio__threads_next_number(core_of_threads_adapter(a)->threads);
}

void sio__threads_recovery_remember_broadcast(struct threads_adapter *a, struct request *r) {
  struct threads_recovery *v = a->recovery;
  if (!v || !r->serial) return;
  v->seen[r->from.place] = r->serial;
  if (!list_is_empty(&v->restores)) sio__recent_broadcasts_add_and_trim(&v->recent, r);
}

/* ---- the member that asks ------------------------------------------------------------------ */

static void resend_deferred_requests_to_self(struct threads_adapter *a, struct thread_restore *w) {
  struct core *core = core_of_threads_adapter(a);
  struct list *it;
  while ((it = list_take_first(&w->deferred))) {
    struct deferred_request *d = container_of(it, struct deferred_request, link);
    struct request *r = d->request;
    sio__free(d);
    int err = sio__threads_send(core->threads, core->member, a->run_request, r, r->size);
    if (!err) continue;
    if (err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
    sio__threads_recovery_answer_without_record(core, r);
    sio__thread_request_unref(r);
  }
}

static void thread_restore_free(struct threads_adapter *a, struct thread_restore *w) {
  list_remove(&w->link);
  resend_deferred_requests_to_self(a, w);
  sio__free(w);
  if (list_is_empty(&a->recovery->restores)) sio__recent_broadcasts_clear(&a->recovery->recent);
}

static void thread_restore_free_if_done(struct threads_adapter *a, struct thread_restore *w) {
  if (!w->restore && w->open == 0) thread_restore_free(a, w);
}

/* Frees each struct thread_restore whose client does not wait any more and that is too old: an
 * answer is probably lost, for example because a server had no memory to send it. */
static void free_outdated_thread_restores(struct threads_adapter *a) {
  const struct core *core = core_of_threads_adapter(a);
  uint64_t now = loop_now(&core->loop), max = 2 * (uint64_t)core->opts->request_timeout_ms;
  list_each (it, next, &a->recovery->restores) {
    struct thread_restore *w = container_of(it, struct thread_restore, link);
    if (!w->restore && now - w->began_ms > max) thread_restore_free(a, w);
  }
}

static struct thread_restore *find_thread_restore_by_pid(const struct threads_recovery *v,
                                                         const char *pid) {
  list_each (it, next, &v->restores) {
    struct thread_restore *w = container_of(it, struct thread_restore, link);
    if (strcmp(w->pid, pid) == 0) return w;
  }
  return NULL;
}

static struct thread_restore *thread_restore_new(struct threads_adapter *a, sio_restore *r,
                                                 sio_slice pid) {
  struct core *core = core_of_threads_adapter(a);
  struct thread_restore *w = sio__calloc(1, sizeof *w);
  if (!w) return NULL;
  w->number = sio__threads_next_number(core->threads);
  w->restore = r;
  w->cause = SIO_RECOVERY_NO_SESSION;
  w->position = a->recovery->recent.next_position;
  w->began_ms = loop_now(&core->loop);
  list_init(&w->deferred);
  memcpy(w->pid, pid.p, SIO__ID_LEN);
  list_append(&a->recovery->restores, &w->link);
  return w;
}

static void ask_thread_for_recovery_record(struct threads_adapter *a, struct thread_restore *w,
                                           struct member_id to, struct request *r) {
  struct core *core = core_of_threads_adapter(a);
  atomic_fetch_add(&r->refs, 1);
  int err = sio__threads_send(core->threads, to, a->run_request, r, r->size);
  if (!err) {
    w->open++;
    return;
  }
  sio__thread_request_unref(r);
  if (err != SIO_ECLOSED) {
    w->cause = SIO_RECOVERY_NO_ANSWER;
    sio__thread_message_report_lost(core, err, r->nsp);
  }
}

/* Asks the servers of all other threads for a record. also_self is true if this server has asked
 * for the same record before, for an earlier connection of the client: then this server asks itself
 * too, because the record may arrive here first. */
static void ask_all_threads_for_recovery_record(struct threads_adapter *a, struct thread_restore *w,
                                                struct request *r, bool also_self) {
  struct core *core = core_of_threads_adapter(a);
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_other_members(core->threads, core->member, others);
  sio__threads_block_until_broadcasts_queued(core->threads);
  for (unsigned i = 0; i < n; i++) ask_thread_for_recovery_record(a, w, others[i], r);
  if (also_self) ask_thread_for_recovery_record(a, w, core->member, r);
}

void sio__threads_ask_others_for_recovery_record(sio_adapter *adapter, sio_restore *restore) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio_restore_info info = { .size = sizeof info };
  sio__socket_restore_get_info(restore, &info);
  free_outdated_thread_restores(a);
  char pid[SIO__ID_LEN + 1] = { 0 };
  memcpy(pid, info.pid.p, SIO__ID_LEN); /* `restore` is called only for pids of this length */
  bool also_self = find_thread_restore_by_pid(a->recovery, pid);
  const struct request from = { .kind = REQUEST_RESTORE,
                                .from = core_of_threads_adapter(a)->member,
                                .nsp = a->nsp->name,
                                .key = pid,
                                .json = info.offset,
                                .session = info.has_offset };
  struct thread_restore *w = thread_restore_new(a, restore, info.pid);
  struct request *r = w ? sio__thread_request_copy(&from, NULL) : NULL;
  if (r) {
    r->number = w->number;
    ask_all_threads_for_recovery_record(a, w, r, also_self);
    sio__thread_request_unref(r);
  }
  if (!r || w->open == 0)
    sio__socket_restore_end_answer_of_adapter(restore, r ? w->cause : SIO_RECOVERY_NO_MEMORY);
}

void sio__threads_end_restore_from_other_threads(sio_adapter *adapter, sio_restore *restore) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  if (!a->recovery) return;
  list_each (it, next, &a->recovery->restores) {
    struct thread_restore *w = container_of(it, struct thread_restore, link);
    if (w->restore != restore) continue;
    w->restore = NULL;
    thread_restore_free_if_done(a, w);
  }
}

/* ---- the server that has the record -------------------------------------------------------- */

static void recovery_record_message_free(struct record_message *m) {
  for (size_t i = 0; i < m->nevents; i++)
    if (m->events[i]) sio__thread_request_unref(m->events[i]);
  sio__free(m->events);
  if (m->record) sio__recovery_free_detached_record(m->record);
  sio__free(m);
}

static struct record_message *recovery_record_message_new(const struct request *r) {
  size_t n = strlen(r->nsp) + 1;
  struct record_message *m = sio__calloc(1, sizeof *m + n);
  if (!m) return NULL;
  m->number = r->number;
  m->bytes = sizeof *m + n;
  memcpy(m->nsp, r->nsp, n);
  return m;
}

static void handle_recovery_record_message(void *server, void *arg);

static int send_recovery_answer_after_broadcasts(struct core *core, const struct request *r,
                                                 struct record_message *m) {
  sio__threads_block_until_broadcasts_queued(core->threads);
  return sio__threads_send(core->threads, r->from, handle_recovery_record_message, m, m->bytes);
}

static void send_answer_without_recovery_record(struct core *core, const struct request *r,
                                                int cause) {
  struct record_message *m = recovery_record_message_new(r);
  int err = UV_ENOMEM;
  if (m) {
    m->cause = cause;
    err = send_recovery_answer_after_broadcasts(core, r, m);
  }
  if (err && m) recovery_record_message_free(m);
  if (err && err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
}

void sio__threads_recovery_answer_without_record(struct core *core, const struct request *r) {
  send_answer_without_recovery_record(core, r, SIO_RECOVERY_NO_SESSION);
}

/* Copies the event of a log entry, without the replay offset at its end, into a new struct request.
 * Returns NULL if memory runs out. */
static struct request *copy_log_entry_to_request(sio_nsp *nsp, const struct replay_log_entry *e) {
  sio_packet p = { .nsp = nsp, .msg = msg_ref(e->msg), .offset_len = e->offset_len };
  sio_packet_info info = { .size = sizeof info };
  if (e->text) p.text = msg_ref(e->text);
  struct request from = { .nsp = "" }, *copy = NULL;
  if (sio__packet_get_info(&p, &info) == 0) {
    from.json = info.json;
    from.bins = info.bins;
    from.nbins = info.nbins;
    copy = sio__thread_request_copy(&from, NULL);
  }
  sio__packet_clear(&p);
  return copy;
}

static const struct replay_log_entry *find_next_event_missed_by_client(
    const struct recovery *recovery, const struct recovery_record *rec,
    const struct replay_log_entry *e) {
  return sio__replay_find_next_missed(&rec->replay, &recovery->log, e, sio__is_lost_socket_in_room,
                                      rec);
}

static int add_missed_events_to_record_message(struct record_message *m,
                                               const struct recovery *recovery,
                                               const struct recovery_record *rec) {
  size_t n = 0;
  const struct replay_log_entry *e = NULL;
  while ((e = find_next_event_missed_by_client(recovery, rec, e))) n++;
  if (n && !(m->events = sio__calloc(n, sizeof *m->events))) return UV_ENOMEM;
  while ((e = find_next_event_missed_by_client(recovery, rec, e))) {
    struct request *copy = copy_log_entry_to_request(recovery->nsp, e);
    if (!copy) return UV_ENOMEM;
    copy->serial = e->seq;
    m->events[m->nevents++] = copy;
    m->bytes += copy->size;
    m->replayed += e->seq <= rec->replay.last_replayed;
  }
  return 0;
}

/* Counts and logs that the record could not be sent, and tells the server that has sent the request
 * r that its client cannot have it. Does nothing if that server is closing. */
static void report_unsent_recovery_record(struct core *core, const struct request *r, int err) {
  if (err == SIO_ECLOSED) return;
  sio__thread_message_report_lost(core, err, r->nsp);
  send_answer_without_recovery_record(
      core, r, err == UV_ENOMEM ? SIO_RECOVERY_NO_MEMORY : SIO_RECOVERY_NO_ANSWER);
}

/* Sends the record to the server that has sent the request r. The record is removed here first,
 * because the other thread owns it as soon as it is sent. If sending fails, it is put back. */
static void send_recovery_record_to_requester(struct threads_adapter *a, const struct request *r,
                                              struct recovery_record *rec) {
  struct core *core = core_of_threads_adapter(a);
  struct recovery *recovery = a->nsp->recovery;
  struct record_message *m = recovery_record_message_new(r);
  int err = m ? add_missed_events_to_record_message(m, recovery, rec) : UV_ENOMEM;
  if (!err) {
    memcpy(m->seen, a->recovery->seen, sizeof m->seen);
    memcpy(m->tag, recovery->log.tag, sizeof m->tag);
    sio__recovery_detach_record(recovery, rec);
    m->record = rec;
    err = send_recovery_answer_after_broadcasts(core, r, m);
    if (!err) return;
    m->record = NULL;
    sio__recovery_put_back_detached_record(recovery, rec);
  }
  if (m) recovery_record_message_free(m);
  report_unsent_recovery_record(core, r, err);
}

/* Defers a REQUEST_RESTORE, because this server itself has asked for the same record (w), which may
 * be on its way to this server. The request is handled again when w has ended. Returns false if
 * memory runs out. */
static bool defer_restore_request(struct thread_restore *w, struct request *r) {
  struct deferred_request *d = sio__malloc(sizeof *d);
  if (!d) return false;
  atomic_fetch_add(&r->refs, 1);
  d->request = r;
  list_append(&w->deferred, &d->link);
  return true;
}

static void send_recovery_record_or_failure(struct threads_adapter *a, struct request *r) {
  struct recovery_record *rec;
  struct recovery *recovery = a->nsp->recovery;
  const struct recovery_claim claim = {
    .pid = slice_str(r->key), .offset = r->json, .has_offset = r->session, .is_valid = true
  };
  int cause = sio__recovery_claim_record_for_other_thread(recovery, &claim, r->number, &rec);
  if (cause)
    send_answer_without_recovery_record(core_of_threads_adapter(a), r, cause);
  else
    send_recovery_record_to_requester(a, r, rec);
}

void sio__threads_recovery_answer_or_defer_request(struct threads_adapter *a, struct request *r) {
  struct recovery *recovery = a->nsp->recovery;
  if (recovery && a->recovery && sio__recovery_find_record_by_pid(recovery, slice_str(r->key))) {
    send_recovery_record_or_failure(a, r);
    return;
  }
  struct thread_restore *w = a->recovery ? find_thread_restore_by_pid(a->recovery, r->key) : NULL;
  if (!w || w->number >= r->number || !defer_restore_request(w, r))
    sio__threads_recovery_answer_without_record(core_of_threads_adapter(a), r);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void add_received_missed_events_to_replay_log(struct recovery *recovery,
                                                     struct recovery_record *rec,
                                                     const struct record_message *m) {
  for (size_t i = 0; i < m->nevents; i++) {
    const struct request *e = m->events[i];
    if (sio__recovery_add_event_from_other_thread(recovery, rec, e->json, e->bins, e->nbins))
      return;
    sio__replay_log_set_former_offset_of_newest(&recovery->log, recovery->log.seq, m->tag,
                                                e->serial);
    if (i + 1 == m->replayed) rec->replay.last_replayed = recovery->log.seq;
  }
}

static bool was_saved_socket_in_any_listed_room_or_id(const struct recovery_record *rec,
                                                      const char *const *rooms) {
  for (; rooms && *rooms; rooms++)
    if (sio__is_lost_socket_in_room(*rooms, rec)) return true;
  return false;
}

static bool is_broadcast_for_saved_socket(const struct request *r,
                                          const struct recovery_record *rec) {
  return (!r->rooms || was_saved_socket_in_any_listed_room_or_id(rec, r->rooms)) &&
         !was_saved_socket_in_any_listed_room_or_id(rec, r->except);
}

static void add_unseen_recent_broadcasts_to_record(struct threads_adapter *a,
                                                   struct recovery_record *rec,
                                                   const struct record_message *m,
                                                   uint64_t position) {
  list_each (it, next, &a->recovery->recent.list) {
    const struct recent_broadcast *b = container_of(it, struct recent_broadcast, link);
    const struct request *r = b->request;
    if (b->position >= position && r->serial > m->seen[r->from.place] &&
        is_broadcast_for_saved_socket(r, rec))
      sio__recovery_add_event_from_other_thread(a->nsp->recovery, rec, r->json, r->bins, r->nbins);
  }
}

/* Adds the record in m to the records of this server, and the events that the client missed to the
 * log. Returns the record; or NULL if m has none or it cannot be used. */
static struct recovery_record *adopt_received_recovery_record(struct threads_adapter *a,
                                                              const struct thread_restore *w,
                                                              struct record_message *m) {
  struct recovery *recovery = a->nsp->recovery;
  struct recovery_record *rec = m->record;
  if (!rec || !w || !recovery ||
      !sio__recent_broadcasts_has_all_since(&a->recovery->recent, w->position) ||
      sio__recovery_adopt_record_of_other_thread(recovery, rec))
    return NULL;
  m->record = NULL;
  rec->since = w->number;
  add_received_missed_events_to_replay_log(recovery, rec, m);
  add_unseen_recent_broadcasts_to_record(a, rec, m, w->position);
  return rec;
}

/* Gives the record to the client that waits for it. If the client does not wait any more, keeps the
 * record in case the client returns; but frees it if an event that the client missed is lost,
 * because the client could not be sent that event. */
static void give_recovery_record_to_client_or_keep(struct threads_adapter *a,
                                                   struct thread_restore *w,
                                                   struct recovery_record *rec) {
  if (w->restore && sio__socket_restore_set_record(w->restore, rec))
    sio__socket_restore_end_answer_of_adapter(w->restore, 0);
  else if (rec->replay.lost_cause)
    sio__recovery_free_record(a->nsp->recovery, rec);
  else
    sio__recovery_return_record_to_lost_sockets(a->nsp->recovery, rec);
}

static void on_recovery_answer_received(struct threads_adapter *a, struct thread_restore *w,
                                        struct record_message *m) {
  bool had_record = m->record;
  struct recovery_record *rec = adopt_received_recovery_record(a, w, m);
  if (rec)
    give_recovery_record_to_client_or_keep(a, w, rec);
  else if (had_record)
    w->cause = SIO_RECOVERY_LOG_GONE;
  else if (m->cause != SIO_RECOVERY_NO_SESSION)
    w->cause = m->cause;
  w->open--;
  if (w->restore && w->open == 0) sio__socket_restore_end_answer_of_adapter(w->restore, w->cause);
  thread_restore_free_if_done(a, w);
}

static struct thread_restore *find_thread_restore_by_number(const struct threads_recovery *v,
                                                            uint64_t number) {
  list_each (it, next, &v->restores) {
    struct thread_restore *w = container_of(it, struct thread_restore, link);
    if (w->number == number) return w;
  }
  return NULL;
}

static void handle_recovery_record_message(void *server, void *arg) {
  struct record_message *m = arg;
  struct threads_adapter *a = threads_adapter_of_nsp(sio_nsp_find(server, m->nsp));
  struct thread_restore *w =
      a && a->recovery ? find_thread_restore_by_number(a->recovery, m->number) : NULL;
  if (w) on_recovery_answer_received(a, w, m);
  recovery_record_message_free(m);
}

/* ---- opening ------------------------------------------------------------------------------- */

int sio__threads_recovery_new(struct threads_recovery **out, const struct core *core) {
  *out = NULL;
  if (!core->opts->recovery) return 0;
  struct threads_recovery *v = sio__calloc(1, sizeof *v);
  if (!v) return UV_ENOMEM;
  list_init(&v->restores);
  sio__recent_broadcasts_init(&v->recent, core->opts->recovery->max_log_bytes);
  *out = v;
  return 0;
}

void sio__threads_recovery_free(struct threads_recovery *v) {
  struct list *it, *deferred;
  if (!v) return;
  sio__recent_broadcasts_clear(&v->recent);
  while ((it = list_take_first(&v->restores))) {
    struct thread_restore *w = container_of(it, struct thread_restore, link);
    while ((deferred = list_take_first(&w->deferred))) {
      struct deferred_request *d = container_of(deferred, struct deferred_request, link);
      sio__thread_request_unref(d->request);
      sio__free(d);
    }
    sio__free(w);
  }
  sio__free(v);
}

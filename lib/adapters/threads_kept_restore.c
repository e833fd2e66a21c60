/* SPDX-License-Identifier: MIT
 *
 * threads_kept_restore.c - asks the member whose adapter keeps lost sockets for one of them. In
 * that member, passes the question on to the adapter, and sends the adapter's answer back.
 */
#include "adapters/threads_kept_restore.h"
#include "adapters/threads_queries.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/restore.h"
#include "core/socket.h"

/* A client of this thread that waits for its lost socket. First the servers of the other threads
 * close their old connection of this client, if they have one (REQUEST_RELEASE). Then the adapter
 * of the cluster is asked for the socket. */
struct kept_restore {
  struct list link;
  uint64_t number;
  sio_restore *restore;
  unsigned open; /* how many servers have not answered REQUEST_RELEASE yet */
  bool asked;    /* ask_cluster_adapter_for_lost_socket() was called */
  /* Broadcasts that are delivered on this thread are also added to the events that the client has
   * missed. This begins when REQUEST_RESTORE_DONE reports success. Always false on the thread that
   * has the adapter of the cluster: there the adapter adds these events itself. */
  bool following;
  int cause; /* why the socket that was found cannot be used, or 0 */
  char pid[SIO__ID_LEN + 1];
};

/* A restore in the member (the server of one thread) that has the adapter of the cluster, for a
 * client that returns to another member. */
struct relayed_restore {
  struct list link;
  struct threads_adapter *adapter;
  sio_restore *restore;
  struct member_id from;
  uint64_t number, began_ms;
  bool done; /* RESTORE_DONE was sent */
  int err;   /* the error of a message that could not be sent, or 0 */
};

static struct kept_restore *waiting_restore_of_list_node(struct list *it) {
  return container_of(it, struct kept_restore, link);
}
static struct relayed_restore *relayed_restore_of_list_node(struct list *it) {
  return container_of(it, struct relayed_restore, link);
}

/* ---- the member to which the client returns -------------------------------------------------- */

static struct kept_restore *find_waiting_restore_by_number(const struct threads_adapter *a,
                                                           uint64_t number) {
  if (!a->kept) return NULL;
  list_each (it, next, &a->kept->restores) {
    if (waiting_restore_of_list_node(it)->number == number) return waiting_restore_of_list_node(it);
  }
  return NULL;
}

static void ask_cluster_adapter_for_lost_socket(struct threads_adapter *a, struct kept_restore *k) {
  sio_restore_info info = { .size = sizeof info };
  sio__socket_restore_get_info(k->restore, &info);
  struct request r = { .kind = REQUEST_KEPT_RESTORE,
                       .key = k->pid,
                       .number = k->number,
                       .offset = info.offset,
                       .session = info.has_offset };
  k->asked = true;
  if (has_keeping_adapter_below(a) && !a->is_shut)
    a->below->restore(a->under, k->restore);
  else if (has_keeping_adapter_below(a) || sio__threads_send_request_to_cluster_member(a, &r))
    sio__socket_restore_end_answer_of_adapter(k->restore, SIO_RECOVERY_NO_ANSWER);
}

static struct kept_restore *waiting_restore_new(struct threads_adapter *a, sio_restore *r) {
  sio_restore_info info = { .size = sizeof info };
  struct kept_restore *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  sio__socket_restore_get_info(r, &info);
  memcpy(k->pid, info.pid.p, SIO__ID_LEN); /* `restore` is called only for pids of this length */
  k->number = sio__threads_next_number(core_of_threads_adapter(a)->threads);
  k->restore = r;
  list_append(&a->kept->restores, &k->link);
  return k;
}

void sio__threads_restore_socket_from_cluster(struct threads_adapter *a, sio_restore *restore) {
  struct core *core = core_of_threads_adapter(a);
  struct member_id others[MEMBERS_MAX];
  struct kept_restore *k = waiting_restore_new(a, restore);
  if (!k) {
    sio__socket_restore_end_answer_of_adapter(restore, SIO_RECOVERY_NO_MEMORY);
    return;
  }
  unsigned n = sio__threads_list_other_members(core->threads, core->member, others);
  struct request r = { .kind = REQUEST_RELEASE, .key = k->pid, .number = k->number };
  for (unsigned i = 0; i < n; i++)
    if (sio__thread_request_send_to_one(a, others[i], &r) == 0) k->open++;
  if (k->open == 0) ask_cluster_adapter_for_lost_socket(a, k);
}

void sio__threads_end_restore_from_cluster(struct threads_adapter *a, sio_restore *restore) {
  if (!a->kept) return;
  list_each (it, next, &a->kept->restores) {
    struct kept_restore *k = waiting_restore_of_list_node(it);
    struct request r = { .kind = REQUEST_RESTORE_OVER, .number = k->number };
    if (k->restore != restore) continue;
    if (restore->socket->recovery_record) restore->socket->recovery_record->since = k->number;
    if (k->asked && !has_keeping_adapter_below(a))
      (void)sio__threads_send_request_to_cluster_member(a, &r);
    else if (k->asked && a->below->restore_over)
      a->below->restore_over(a->under, restore);
    list_remove(it);
    sio__free(k);
  }
}

static void count_released_and_ask_cluster_after_last(struct threads_adapter *a,
                                                      const struct request *r) {
  struct kept_restore *k = find_waiting_restore_by_number(a, r->number);
  if (!k || k->open == 0) return;
  k->open--;
  if (k->open == 0) ask_cluster_adapter_for_lost_socket(a, k);
}

/* ---- what the adapter has found -------------------------------------------------------------- */

static int recovery_failure_of_error(int err) {
  return err == UV_ENOMEM ? SIO_RECOVERY_NO_MEMORY : SIO_RECOVERY_NO_SESSION;
}

/* Gives the found socket to the client that waits for it. If the client does not wait any more,
 * gives the socket back to the adapter of the cluster. */
static void add_found_socket_or_save_it_again(struct threads_adapter *a, const struct request *r) {
  struct kept_restore *k = find_waiting_restore_by_number(a, r->number);
  const sio_saved_socket saved = {
    .size = sizeof saved, .id = r->id, .pid = r->key, .rooms = r->rooms, .shared = r->json
  };
  if (!k) {
    sio__threads_save_lost_socket_in_cluster(a, &saved);
    return;
  }
  int err = sio__socket_restore_add_found_socket(k->restore, &saved);
  if (err)
    k->cause = recovery_failure_of_error(err);
  else
    k->restore->record->since = k->number;
}

static void add_received_event_to_restore(struct threads_adapter *a, const struct request *r) {
  struct kept_restore *k = find_waiting_restore_by_number(a, r->number);
  if (k)
    (void)sio__socket_restore_add_missed_event(k->restore, r->json, r->bins, r->nbins, r->offset);
}

static void finish_restore_from_cluster(struct threads_adapter *a, const struct request *r) {
  struct kept_restore *k = find_waiting_restore_by_number(a, r->number);
  if (!k) return;
  int cause = k->cause ? k->cause : r->cause;
  k->following = !cause;
  sio__socket_restore_end_answer_of_adapter(k->restore, cause);
}

static const struct recovery_record *recovery_record_of_restore(const sio_restore *r) {
  return r->record ? r->record : r->socket->recovery_record;
}

static bool was_saved_socket_in_listed_room_or_id(const struct recovery_record *rec,
                                                  const char *const *rooms) {
  for (; rooms && *rooms; rooms++)
    if (sio__is_lost_socket_in_room(*rooms, rec)) return true;
  return false;
}

void sio__threads_add_event_to_found_restores(struct threads_adapter *a, const struct request *r) {
  if (!a->kept || r->number || (r->flags & SIO_VOLATILE)) return;
  list_each (it, next, &a->kept->restores) {
    const struct kept_restore *k = waiting_restore_of_list_node(it);
    const struct recovery_record *rec =
        k->following ? recovery_record_of_restore(k->restore) : NULL;
    if (rec && (!r->rooms || was_saved_socket_in_listed_room_or_id(rec, r->rooms)) &&
        !was_saved_socket_in_listed_room_or_id(rec, r->except))
      (void)sio__socket_restore_add_missed_event(k->restore, r->json, r->bins, r->nbins, r->offset);
  }
}

/* ---- the member that has the adapter --------------------------------------------------------- */

static struct relayed_restore *relayed_restore_find(const struct threads_adapter *a,
                                                    uint64_t number) {
  list_each (it, next, &a->kept->relays) {
    struct relayed_restore *k = relayed_restore_of_list_node(it);
    if (k->number == number) return k;
  }
  return NULL;
}

static void relayed_restore_end_and_free(struct relayed_restore *k) {
  struct threads_adapter *a = k->adapter;
  list_remove(&k->link);
  if (a->below->restore_over) a->below->restore_over(a->under, k->restore);
  sio__free(k->restore);
  sio__free(k);
}

static int relayed_restore_send_request_unless_failed(struct relayed_restore *k, struct request r) {
  r.number = k->number;
  if (!k->err) k->err = sio__thread_request_send_to_one(k->adapter, k->from, &r);
  return k->err;
}

static int send_found_socket_to_asking_thread(sio_restore *r, const sio_saved_socket *s) {
  return relayed_restore_send_request_unless_failed(r->owner,
                                                    (struct request){ .kind = REQUEST_RESTORE_FOUND,
                                                                      .key = s->pid,
                                                                      .id = s->id,
                                                                      .rooms = s->rooms,
                                                                      .json = s->shared });
}

/* Sends an event that the client has missed to the member (the server of another thread) to which
 * the client returns. After REQUEST_RESTORE_DONE, sends nothing: from then on that member itself
 * adds the events that it delivers. */
static int send_missed_event_to_asking_thread(sio_restore *r, sio_slice json, const sio_slice *bins,
                                              size_t nbins, sio_slice offset) {
  struct relayed_restore *k = r->owner;
  if (k->done) return 0;
  return relayed_restore_send_request_unless_failed(k,
                                                    (struct request){ .kind = REQUEST_RESTORE_EVENT,
                                                                      .json = json,
                                                                      .bins = bins,
                                                                      .nbins = nbins,
                                                                      .offset = offset });
}

/* If the socket or an event could not be sent, the client must not be recovered. */
static void send_restore_result_to_asking_thread(sio_restore *r, int cause) {
  struct relayed_restore *k = r->owner;
  if (!cause && k->err)
    cause = k->err == UV_ENOMEM ? SIO_RECOVERY_NO_MEMORY : SIO_RECOVERY_TOO_MUCH;
  k->err = 0;
  k->done = true;
  (void)relayed_restore_send_request_unless_failed(
      k, (struct request){ .kind = REQUEST_RESTORE_DONE, .cause = cause });
}

/* Ends the restores that began long ago, because their REQUEST_RESTORE_OVER was perhaps lost. */
static void end_outdated_relayed_restores(struct threads_adapter *a) {
  const struct core *core = core_of_threads_adapter(a);
  uint64_t now = loop_now(&core->loop), max = 2 * (uint64_t)core->opts->request_timeout_ms;
  list_each (it, next, &a->kept->relays) {
    struct relayed_restore *k = relayed_restore_of_list_node(it);
    if (now - k->began_ms > max) relayed_restore_end_and_free(k);
  }
}

static struct relayed_restore *relayed_restore_new(struct threads_adapter *a,
                                                   const struct request *r) {
  static const struct relayed_restore_ops ops = { send_found_socket_to_asking_thread,
                                                  send_missed_event_to_asking_thread,
                                                  send_restore_result_to_asking_thread };
  struct relayed_restore *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  k->restore = sio__relayed_restore_new(&ops, k, slice_str(r->key), r->offset, r->session);
  if (!k->restore) {
    sio__free(k);
    return NULL;
  }
  k->adapter = a;
  k->from = r->from;
  k->number = r->number;
  k->began_ms = loop_now(&core_of_threads_adapter(a)->loop);
  list_append(&a->kept->relays, &k->link);
  return k;
}

typedef void (*run_request_fn)(void *server, void *request);

static void send_answer_to_restore_or_release(struct core *core, const struct request *r,
                                              run_request_fn run, int kind, int cause) {
  const struct request from = { .kind = kind, .nsp = r->nsp, .number = r->number, .cause = cause };
  struct request *copy = sio__thread_request_copy(&from, NULL);
  int err = copy ? sio__threads_send(core->threads, r->from, run, copy, copy->size) : UV_ENOMEM;
  if (err && copy) sio__thread_request_unref(copy);
  if (err && err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
}

static void restore_socket_for_other_thread(struct threads_adapter *a, const struct request *r) {
  struct core *core = core_of_threads_adapter(a);
  if (!has_keeping_adapter_below(a) || a->is_shut) {
    send_answer_to_restore_or_release(core, r, a->run_request, REQUEST_RESTORE_DONE,
                                      SIO_RECOVERY_NO_ANSWER);
    return;
  }
  end_outdated_relayed_restores(a);
  struct relayed_restore *k = relayed_restore_new(a, r);
  if (k)
    a->below->restore(a->under, k->restore);
  else
    send_answer_to_restore_or_release(core, r, a->run_request, REQUEST_RESTORE_DONE,
                                      SIO_RECOVERY_NO_MEMORY);
}

static void end_relayed_restore_of_request(struct threads_adapter *a, const struct request *r) {
  struct relayed_restore *k = a->kept ? relayed_restore_find(a, r->number) : NULL;
  if (k) relayed_restore_end_and_free(k);
}

/* ---- all requests ---------------------------------------------------------------------------- */

static void close_old_socket_and_send_released(struct threads_adapter *a, const struct request *r) {
  if (a->nsp->recovery)
    sio__recovery_close_old_session_by_pid(a->nsp->recovery, slice_str(r->key), r->number);
  send_answer_to_restore_or_release(a->nsp->core, r, a->run_request, REQUEST_RELEASED, 0);
}

void sio__threads_run_request_about_kept_lost_socket(struct threads_adapter *a, struct request *r) {
  switch (r->kind) {
    case REQUEST_RELEASE: close_old_socket_and_send_released(a, r); return;
    case REQUEST_RELEASED: count_released_and_ask_cluster_after_last(a, r); return;
    case REQUEST_KEPT_RESTORE: restore_socket_for_other_thread(a, r); return;
    case REQUEST_RESTORE_FOUND: add_found_socket_or_save_it_again(a, r); return;
    case REQUEST_RESTORE_EVENT: add_received_event_to_restore(a, r); return;
    case REQUEST_RESTORE_DONE: finish_restore_from_cluster(a, r); return;
    case REQUEST_RESTORE_OVER: end_relayed_restore_of_request(a, r); return;
    case REQUEST_SAVE: sio__threads_save_socket_of_other_thread(a, r); return;
    case REQUEST_FORGET: sio__threads_delete_saved_socket_of_other_thread(a, r); return;
  }
}

void sio__threads_answer_recovery_request_of_unknown_nsp(struct core *core, const struct request *r,
                                                         run_request_fn run_request) {
  if (r->kind == REQUEST_RELEASE)
    send_answer_to_restore_or_release(core, r, run_request, REQUEST_RELEASED, 0);
  else if (r->kind == REQUEST_KEPT_RESTORE)
    send_answer_to_restore_or_release(core, r, run_request, REQUEST_RESTORE_DONE,
                                      SIO_RECOVERY_NO_SESSION);
}

void sio__threads_free_restores_from_cluster(struct threads_adapter *a) {
  struct list *it;
  if (!a->kept) return;
  while ((it = list_take_first(&a->kept->restores))) sio__free(waiting_restore_of_list_node(it));
  while ((it = list_take_first(&a->kept->relays))) {
    struct relayed_restore *k = relayed_restore_of_list_node(it);
    sio__free(k->restore);
    sio__free(k);
  }
}

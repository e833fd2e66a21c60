/* SPDX-License-Identifier: MIT
 *
 * threads_kept.c - sends the data of this thread's sockets to the member whose adapter keeps them.
 */
#include "adapters/threads_kept.h"
#include "adapters/threads_queries.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/recovery_socket.h"
#include "core/saved_state.h"
#include <sio/socket.h>

/* A connected socket of this thread, whose data is also sent to the member (the server of another
 * thread) with the adapter of the cluster. */
struct kept_socket {
  struct list by_age, dirty;
  sio_socket *socket;
  uint64_t sent_ms;
  char pid[SIO__ID_LEN + 1];
};

/* The timer fires about KEPT_CHECKS times in max_disconnection_ms. Each time, a socket's data is
 * sent again if it was sent a third (KEPT_PART) of max_disconnection_ms ago or earlier. */
enum { KEPT_CHECKS = 6, KEPT_PART = 3 };

static sio_slice get_map_key_of_recoverable_socket(const void *item) {
  return slice_str(((const struct kept_socket *)item)->pid);
}

static struct core *core_of_recoverable_sockets(const struct threads_kept *v) {
  return core_of_threads_adapter(v->adapter);
}

static uint64_t recoverable_sockets_now_ms(const struct threads_kept *v) {
  return loop_now(&core_of_recoverable_sockets(v)->loop);
}

static unsigned max_disconnection_ms_of_server(const struct threads_kept *v) {
  return core_of_recoverable_sockets(v)->opts->recovery->max_disconnection_ms;
}

static void recoverable_sockets_start_resend_timer(struct threads_kept *v) {
  if (!timer_is_active(&v->timer))
    sio__loop_start_timer(&core_of_recoverable_sockets(v)->loop, &v->timer,
                          max_disconnection_ms_of_server(v) / KEPT_CHECKS + 1);
}

static void recoverable_socket_remove_and_free(struct threads_kept *v, struct kept_socket *k) {
  sio__map_del(&v->sockets, get_map_key_of_recoverable_socket(k));
  list_remove(&k->by_age);
  list_remove(&k->dirty);
  sio__free(k);
}

static void recoverable_socket_schedule_save(struct threads_kept *v, struct kept_socket *k) {
  if (list_is_empty(&k->dirty)) list_append(&v->dirty, &k->dirty);
  sio__loop_defer(&core_of_recoverable_sockets(v)->loop, &v->send_task);
}

/* ---- to the member that has the adapter ------------------------------------------------------ */

int sio__threads_send_request_to_cluster_member(struct threads_adapter *a, struct request *r) {
  struct member_id cluster;
  return sio__threads_find_cluster_member(core_of_threads_adapter(a)->threads, &cluster)
             ? sio__thread_request_send_to_one(a, cluster, r)
             : SIO_ECLOSED;
}

static int send_saved_socket_to_cluster_member(struct threads_adapter *a,
                                               const sio_saved_socket *s) {
  struct request r = {
    .kind = REQUEST_SAVE, .key = s->pid, .id = s->id, .rooms = s->rooms, .json = s->shared
  };
  return sio__threads_send_request_to_cluster_member(a, &r);
}

static int send_recoverable_socket_to_cluster_member(struct threads_kept *v,
                                                     const struct kept_socket *k) {
  struct saved_state rooms = { 0 };
  sio_saved_socket saved = { .size = sizeof saved, .id = sio_socket_id(k->socket), .pid = k->pid };
  int err = sio__saved_state_copy_rooms_of_socket(&rooms, k->socket);
  if (!err) err = sio__saved_state_describe_for_adapter(&rooms, v->adapter->nsp, &saved);
  if (!err) {
    saved.shared = sio_socket_shared(k->socket);
    err = send_saved_socket_to_cluster_member(v->adapter, &saved);
    sio__free((void *)(uintptr_t)saved.rooms);
  }
  sio__saved_state_clear(&rooms);
  return err;
}

/* Sends the data of the sockets in v->dirty. A socket whose data cannot be sent now stays in the
 * list with those after it, and the timer tries again. But SIO_ECLOSED means that the member with
 * the adapter of the cluster has left: the socket is removed from the list, because nobody keeps
 * sockets any more. */
static void save_changed_sockets_in_cluster(struct threads_kept *v) {
  struct list *it;
  while ((it = list_first(&v->dirty))) {
    struct kept_socket *k = container_of(it, struct kept_socket, dirty);
    int err = send_recoverable_socket_to_cluster_member(v, k);
    if (err && err != SIO_ECLOSED) return;
    k->sent_ms = recoverable_sockets_now_ms(v);
    list_remove(&k->dirty);
    list_remove(&k->by_age);
    list_append(&v->by_age, &k->by_age);
  }
}

static void on_task_save_changed_sockets_in_cluster(struct task *t) {
  save_changed_sockets_in_cluster(container_of(t, struct threads_kept, send_task));
}

static void on_timer_resend_old_saved_sockets_to_cluster(struct timer *t) {
  struct threads_kept *v = container_of(t, struct threads_kept, timer);
  uint64_t now = recoverable_sockets_now_ms(v);
  list_each (it, next, &v->by_age) {
    struct kept_socket *k = container_of(it, struct kept_socket, by_age);
    if (now - k->sent_ms >= max_disconnection_ms_of_server(v) / KEPT_PART)
      recoverable_socket_schedule_save(v, k);
  }
  save_changed_sockets_in_cluster(v);
  if (v->sockets.n) recoverable_sockets_start_resend_timer(v);
}

/* ---- what happens to the sockets of this thread ---------------------------------------------- */

static struct kept_socket *find_recoverable_socket_by_pid(const struct threads_kept *v,
                                                          const char *pid) {
  return v && pid ? sio__map_get(&v->sockets, slice_str(pid)) : NULL;
}

/* If another member (the server of another thread) has the adapter that recovers sockets, the data
 * of s is sent to that member soon, and again after changes. If memory runs out, the data is sent
 * only when the connection breaks: the client cannot be recovered if the process is killed before
 * that. */
void sio__threads_start_saving_connected_socket(struct threads_adapter *a, sio_socket *s) {
  struct threads_kept *v = a->kept;
  const char *pid = sio__recovery_pid_of_socket(s);
  if (!v || !pid || has_keeping_adapter_below(a) || !does_cluster_keep_lost_sockets(a)) return;
  struct kept_socket *k = sio__calloc(1, sizeof *k);
  if (!k) return;
  k->socket = s;
  memcpy(k->pid, pid, strlen(pid) + 1);
  list_init(&k->dirty);
  list_append(&v->by_age, &k->by_age);
  if (sio__map_put(&v->sockets, k)) {
    list_remove(&k->by_age);
    sio__free(k);
    return;
  }
  recoverable_socket_schedule_save(v, k);
  recoverable_sockets_start_resend_timer(v);
}

void sio__threads_schedule_save_of_socket(struct threads_adapter *a, const sio_socket *s) {
  if (!a->kept || !a->kept->sockets.n) return;
  struct kept_socket *k = find_recoverable_socket_by_pid(a->kept, sio__recovery_pid_of_socket(s));
  if (k) recoverable_socket_schedule_save(a->kept, k);
}

static void recoverable_socket_stop_tracking_by_pid(struct threads_adapter *a, const char *pid) {
  struct kept_socket *k = find_recoverable_socket_by_pid(a->kept, pid);
  if (k) recoverable_socket_remove_and_free(a->kept, k);
}

void sio__threads_save_lost_socket_in_cluster(struct threads_adapter *a,
                                              const sio_saved_socket *s) {
  recoverable_socket_stop_tracking_by_pid(a, s->pid);
  if (has_keeping_adapter_below(a))
    a->below->persist(a->under, s); /* sio_threads_set_adapter() has checked that it is set */
  else
    (void)send_saved_socket_to_cluster_member(a, s);
}

void sio__threads_delete_saved_socket_in_cluster(struct threads_adapter *a, const char *pid) {
  struct request r = { .kind = REQUEST_FORGET, .key = pid };
  recoverable_socket_stop_tracking_by_pid(a, pid);
  if (!has_keeping_adapter_below(a))
    (void)sio__threads_send_request_to_cluster_member(a, &r);
  else if (a->below->forget)
    a->below->forget(a->under, pid);
}

/* ---- requests of other members --------------------------------------------------------------- */

void sio__threads_save_socket_of_other_thread(struct threads_adapter *a, const struct request *r) {
  const sio_saved_socket saved = {
    .size = sizeof saved, .id = r->id, .pid = r->key, .rooms = r->rooms, .shared = r->json
  };
  if (has_keeping_adapter_below(a)) a->below->persist(a->under, &saved);
}

void sio__threads_delete_saved_socket_of_other_thread(struct threads_adapter *a,
                                                      const struct request *r) {
  if (has_keeping_adapter_below(a) && a->below->forget) a->below->forget(a->under, r->key);
}

/* ---- opening --------------------------------------------------------------------------------- */

int sio__threads_recoverable_sockets_new(struct threads_kept **out, struct threads_adapter *a) {
  *out = NULL;
  if (!a->nsp->core->opts->recovery) return 0;
  struct threads_kept *v = sio__calloc(1, sizeof *v);
  if (!v) return UV_ENOMEM;
  v->adapter = a;
  sio__map_init(&v->sockets, get_map_key_of_recoverable_socket);
  list_init(&v->by_age);
  list_init(&v->dirty);
  list_init(&v->restores);
  list_init(&v->relays);
  task_init(&v->send_task, on_task_save_changed_sockets_in_cluster);
  timer_init(&v->timer, on_timer_resend_old_saved_sockets_to_cluster);
  *out = v;
  return 0;
}

void sio__threads_save_changed_sockets_at_stop(struct threads_adapter *a) {
  if (a->kept) save_changed_sockets_in_cluster(a->kept);
}

void sio__threads_recoverable_sockets_free(struct threads_adapter *a) {
  struct threads_kept *v = a->kept;
  struct list *it;
  if (!v) return;
  while ((it = list_first(&v->by_age)))
    recoverable_socket_remove_and_free(v, container_of(it, struct kept_socket, by_age));
  sio__map_clear(&v->sockets);
  task_cancel(&v->send_task);
  sio__loop_stop_timer(&core_of_recoverable_sockets(v)->loop, &v->timer);
  sio__free(v);
  a->kept = NULL;
}

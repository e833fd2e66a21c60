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

/* A connected socket of this thread. */
struct kept_socket {
  struct list by_age, dirty;
  sio_socket *socket;
  uint64_t sent_ms;
  char pid[SIO__ID_LEN + 1];
};

/* The timer runs KEPT_CHECKS times in max_disconnection_ms, and sends each socket again that was
 * sent a third (KEPT_PART) of that time ago or earlier. */
enum { KEPT_CHECKS = 6, KEPT_PART = 3 };

static sio_slice kept_socket_key(const void *item) {
  return slice_str(((const struct kept_socket *)item)->pid);
}

static struct core *core_of_kept(const struct threads_kept *v) {
  return core_of_threads_adapter(v->adapter);
}

static uint64_t kept_now_ms(const struct threads_kept *v) {
  return loop_now(&core_of_kept(v)->loop);
}

static unsigned kept_recovery_ms(const struct threads_kept *v) {
  return core_of_kept(v)->opts->recovery->max_disconnection_ms;
}

static void kept_start_timer(struct threads_kept *v) {
  if (!timer_is_active(&v->timer))
    sio__loop_start_timer(&core_of_kept(v)->loop, &v->timer, kept_recovery_ms(v) / KEPT_CHECKS + 1);
}

static void kept_socket_free(struct threads_kept *v, struct kept_socket *k) {
  sio__map_del(&v->sockets, kept_socket_key(k));
  list_remove(&k->by_age);
  list_remove(&k->dirty);
  sio__free(k);
}

static void kept_socket_mark_dirty(struct threads_kept *v, struct kept_socket *k) {
  if (list_empty(&k->dirty)) list_push(&v->dirty, &k->dirty);
  sio__loop_defer(&core_of_kept(v)->loop, &v->send_task);
}

/* ---- to the member that has the adapter ------------------------------------------------------ */

int sio__threads_kept_send_to_cluster(struct threads_adapter *a, struct request *r) {
  struct member_id cluster;
  return sio__threads_find_cluster(core_of_threads_adapter(a)->threads, &cluster)
             ? sio__thread_request_send_to_one(a, cluster, r)
             : SIO_ECLOSED;
}

static int send_saved_socket(struct threads_adapter *a, const sio_saved_socket *s) {
  struct request r = {
    .kind = REQUEST_SAVE, .key = s->pid, .id = s->id, .rooms = s->rooms, .json = s->shared
  };
  return sio__threads_kept_send_to_cluster(a, &r);
}

static int kept_socket_send(struct threads_kept *v, const struct kept_socket *k) {
  struct saved_state rooms = { 0 };
  sio_saved_socket saved = { .size = sizeof saved, .id = sio_socket_id(k->socket), .pid = k->pid };
  int err = sio__saved_state_copy_rooms(&rooms, k->socket);
  if (!err) err = sio__saved_state_describe(&rooms, v->adapter->nsp, &saved);
  if (!err) {
    saved.shared = sio_socket_shared(k->socket);
    err = send_saved_socket(v->adapter, &saved);
    sio__free((void *)(uintptr_t)saved.rooms);
  }
  sio__saved_state_clear(&rooms);
  return err;
}

/* A socket that cannot be sent now stays dirty: the timer tries again. If the member with the
 * adapter has left, nobody keeps sockets any more. */
static void send_dirty_sockets(struct threads_kept *v) {
  struct list *it;
  while ((it = list_first(&v->dirty))) {
    struct kept_socket *k = container_of(it, struct kept_socket, dirty);
    int err = kept_socket_send(v, k);
    if (err && err != SIO_ECLOSED) return;
    k->sent_ms = kept_now_ms(v);
    list_remove(&k->dirty);
    list_remove(&k->by_age);
    list_push(&v->by_age, &k->by_age);
  }
}

static void on_kept_send_task(struct task *t) {
  send_dirty_sockets(container_of(t, struct threads_kept, send_task));
}

static void on_kept_timer(struct timer *t) {
  struct threads_kept *v = container_of(t, struct threads_kept, timer);
  uint64_t now = kept_now_ms(v);
  list_each (it, next, &v->by_age) {
    struct kept_socket *k = container_of(it, struct kept_socket, by_age);
    if (now - k->sent_ms >= kept_recovery_ms(v) / KEPT_PART) kept_socket_mark_dirty(v, k);
  }
  send_dirty_sockets(v);
  if (v->sockets.n) kept_start_timer(v);
}

/* ---- what happens to the sockets of this thread ---------------------------------------------- */

static struct kept_socket *find_kept_socket(const struct threads_kept *v, const char *pid) {
  return v && pid ? sio__map_get(&v->sockets, slice_str(pid)) : NULL;
}

/* If memory runs out, the socket is sent only when its connection breaks: it can then be recovered,
 * unless the process is killed before that. */
void sio__threads_kept_on_socket_connected(struct threads_adapter *a, sio_socket *s) {
  struct threads_kept *v = a->kept;
  const char *pid = sio__recovery_pid_of_socket(s);
  if (!v || !pid || has_cluster_below(a) || !does_cluster_recover(a)) return;
  struct kept_socket *k = sio__calloc(1, sizeof *k);
  if (!k) return;
  k->socket = s;
  memcpy(k->pid, pid, strlen(pid) + 1);
  list_init(&k->dirty);
  list_push(&v->by_age, &k->by_age);
  if (sio__map_put(&v->sockets, k)) {
    list_remove(&k->by_age);
    sio__free(k);
    return;
  }
  kept_socket_mark_dirty(v, k);
  kept_start_timer(v);
}

void sio__threads_kept_on_socket_changed(struct threads_adapter *a, const sio_socket *s) {
  if (!a->kept || !a->kept->sockets.n) return;
  struct kept_socket *k = find_kept_socket(a->kept, sio__recovery_pid_of_socket(s));
  if (k) kept_socket_mark_dirty(a->kept, k);
}

static void stop_tracking_socket(struct threads_adapter *a, const char *pid) {
  struct kept_socket *k = find_kept_socket(a->kept, pid);
  if (k) kept_socket_free(a->kept, k);
}

void sio__threads_kept_save_socket(struct threads_adapter *a, const sio_saved_socket *s) {
  stop_tracking_socket(a, s->pid);
  if (!has_cluster_below(a))
    (void)send_saved_socket(a, s);
  else if (a->below->persist)
    a->below->persist(a->under, s);
}

void sio__threads_kept_forget_socket(struct threads_adapter *a, const char *pid) {
  struct request r = { .kind = REQUEST_FORGET, .key = pid };
  stop_tracking_socket(a, pid);
  if (!has_cluster_below(a))
    (void)sio__threads_kept_send_to_cluster(a, &r);
  else if (a->below->forget)
    a->below->forget(a->under, pid);
}

/* ---- requests of other members --------------------------------------------------------------- */

void sio__threads_kept_run_save_request(struct threads_adapter *a, const struct request *r) {
  const sio_saved_socket saved = {
    .size = sizeof saved, .id = r->id, .pid = r->key, .rooms = r->rooms, .shared = r->json
  };
  if (has_cluster_below(a) && a->below->persist) a->below->persist(a->under, &saved);
}

void sio__threads_kept_run_forget_request(struct threads_adapter *a, const struct request *r) {
  if (has_cluster_below(a) && a->below->forget) a->below->forget(a->under, r->key);
}

/* ---- opening --------------------------------------------------------------------------------- */

int sio__threads_kept_new(struct threads_kept **out, struct threads_adapter *a) {
  *out = NULL;
  if (!a->nsp->core->opts->recovery) return 0;
  struct threads_kept *v = sio__calloc(1, sizeof *v);
  if (!v) return UV_ENOMEM;
  v->adapter = a;
  sio__map_init(&v->sockets, kept_socket_key);
  list_init(&v->by_age);
  list_init(&v->dirty);
  list_init(&v->restores);
  list_init(&v->relays);
  task_init(&v->send_task, on_kept_send_task);
  timer_init(&v->timer, on_kept_timer);
  *out = v;
  return 0;
}

void sio__threads_kept_stop(struct threads_adapter *a) {
  if (a->kept) send_dirty_sockets(a->kept);
}

void sio__threads_kept_free(struct threads_adapter *a) {
  struct threads_kept *v = a->kept;
  struct list *it;
  if (!v) return;
  while ((it = list_first(&v->by_age)))
    kept_socket_free(v, container_of(it, struct kept_socket, by_age));
  sio__map_clear(&v->sockets);
  task_cancel(&v->send_task);
  sio__loop_stop_timer(&core_of_kept(v)->loop, &v->timer);
  sio__free(v);
  a->kept = NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * members.c - joining and leaving, the messages between members, and the table that says which
 * member has which session.
 */
#include "net/members.h"
#include "base/mem.h"
#include <assert.h>
#include <sio/error.h>

enum { INBOX_MAX = 64 * 1024 * 1024 };

/* ---- the struct ---------------------------------------------------------------------------- */

struct sid_entry {
  struct member_id id;
  char sid[];
};

static sio_slice get_map_key_of_sid_entry(const void *item) {
  return slice_str(((const struct sid_entry *)item)->sid);
}

/* Writers go first where the C library allows it: sio__threads_block_until_broadcasts_queued()
 * locks for writing, and must not wait for as long as members keep beginning broadcasts. */
static int init_broadcast_lock(sio_threads *t) {
  pthread_rwlockattr_t attr;
  int err = pthread_rwlockattr_init(&attr); /* allocates memory on some systems */
  if (err) return err;
#ifdef __GLIBC__
  pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
  err = pthread_rwlock_init(&t->broadcast_lock, &attr);
  pthread_rwlockattr_destroy(&attr);
  return err;
}

static bool init_sid_and_broadcast_locks(sio_threads *t) {
  if (pthread_mutex_init(&t->sids_lock, NULL)) return false;
  if (init_broadcast_lock(t) == 0) return true;
  pthread_mutex_destroy(&t->sids_lock);
  return false;
}

static bool init_locks_of_threads(sio_threads *t) {
  if (pthread_rwlock_init(&t->lock, NULL)) return false;
  if (init_sid_and_broadcast_locks(t)) {
    if (sio__addr_table_init_with_lock(&t->addresses) == 0) return true;
    pthread_rwlock_destroy(&t->broadcast_lock);
    pthread_mutex_destroy(&t->sids_lock);
  }
  pthread_rwlock_destroy(&t->lock);
  return false;
}

int sio_threads_new(sio_threads **out) {
  sio_threads *t = sio__calloc(1, sizeof *t);
  if (!t) return UV_ENOMEM;
  if (!init_locks_of_threads(t)) {
    sio__free(t);
    return UV_ENOMEM;
  }
  sio__map_init(&t->sids, get_map_key_of_sid_entry);
  t->inbox_max = INBOX_MAX;
  atomic_store(&t->refs, 1);
  *out = t;
  return 0;
}

void sio__threads_ref(sio_threads *t) { atomic_fetch_add(&t->refs, 1); }

void sio__threads_unref(sio_threads *t) {
  if (atomic_fetch_sub(&t->refs, 1) > 1) return;
  assert(map_is_empty(&t->sids));
  sio__map_clear(&t->sids);
  sio__addr_table_clear(&t->addresses);
  pthread_rwlock_destroy(&t->broadcast_lock);
  pthread_mutex_destroy(&t->sids_lock);
  pthread_rwlock_destroy(&t->lock);
  sio__free(t);
}

void sio_threads_unref(sio_threads *t) {
  if (t) sio__threads_unref(t);
}

/* ---- members ------------------------------------------------------------------------------- */

/* The caller holds t->lock. Returns NULL if the member has left. */
static struct member *find_thread_member(sio_threads *t, struct member_id id) {
  struct member *m = &t->members[id.place];
  assert(id.place < MEMBERS_MAX);
  return m->loop && m->generation == id.generation ? m : NULL;
}

static struct member *find_free_member_slot(sio_threads *t) {
  for (struct member *m = t->members; m < t->members + MEMBERS_MAX; m++)
    if (!m->server) return m;
  return NULL;
}

/* The caller holds t->lock. Returns NULL if no member is connected to a cluster. */
static struct member *find_cluster_member(sio_threads *t) {
  return t->cluster.generation ? find_thread_member(t, t->cluster) : NULL;
}

/* The caller holds t->lock. */
static void fill_member_slot(sio_threads *t, struct member *m, struct loop *l, void *server) {
  m->loop = l;
  m->server = server;
  m->generation++;
  m->drains = false;
  l->shared_conns = &m->conns;
  sio__threads_ref(t);
}

int sio__threads_add_member(sio_threads *t, struct loop *l, void *server, unsigned recovery_ms,
                            struct member_id *out) {
  pthread_rwlock_wrlock(&t->lock);
  struct member *m = find_free_member_slot(t);
  const struct member *cluster = find_cluster_member(t);
  bool differs = cluster && sio__threads_does_cluster_keep_lost_sockets(t) &&
                 cluster->recovery_ms != recovery_ms;
  if (m && !differs) {
    fill_member_slot(t, m, l, server);
    m->recovery_ms = recovery_ms;
    *out = (struct member_id){ (uint32_t)(m - t->members), m->generation };
  }
  pthread_rwlock_unlock(&t->lock);
  return differs ? UV_EINVAL : m ? 0 : UV_ENOMEM;
}

void sio__threads_remove_member(sio_threads *t, struct member_id id) {
  pthread_rwlock_wrlock(&t->lock);
  struct member *m = find_thread_member(t, id);
  if (m) m->loop = NULL;
  pthread_rwlock_unlock(&t->lock);
}

void sio__threads_free_member_slot(sio_threads *t, struct member_id id) {
  pthread_rwlock_wrlock(&t->lock);
  struct member *m = &t->members[id.place];
  assert(!m->loop && m->generation == id.generation && atomic_load(&m->conns) == 0);
  m->server = NULL;
  pthread_rwlock_unlock(&t->lock);
  sio__threads_unref(t);
}

void sio__threads_set_draining(sio_threads *t, struct member_id id) {
  pthread_rwlock_wrlock(&t->lock);
  struct member *m = find_thread_member(t, id);
  if (m) m->drains = true;
  pthread_rwlock_unlock(&t->lock);
}

/* The caller holds t->lock. */
static bool have_all_members_same_recovery_ms(const sio_threads *t, unsigned ms) {
  for (unsigned i = 0; i < MEMBERS_MAX; i++)
    if (t->members[i].loop && t->members[i].recovery_ms != ms) return false;
  return true;
}

int sio__threads_set_cluster_member(sio_threads *t, struct member_id id, bool recovers) {
  int err = 0;
  pthread_rwlock_wrlock(&t->lock);
  if (find_cluster_member(t))
    err = SIO_EEXISTS;
  else if (recovers && !have_all_members_same_recovery_ms(t, t->members[id.place].recovery_ms))
    err = UV_EINVAL;
  if (!err) t->cluster = id;
  if (!err) atomic_store(&t->cluster_recovers, recovers);
  pthread_rwlock_unlock(&t->lock);
  return err;
}

bool sio__threads_find_cluster_member(sio_threads *t, struct member_id *out) {
  pthread_rwlock_rdlock(&t->lock);
  bool has_one = find_cluster_member(t);
  if (has_one && out) *out = t->cluster;
  pthread_rwlock_unlock(&t->lock);
  return has_one;
}

static struct member_id member_id_of_slot(const sio_threads *t, unsigned i) {
  return (struct member_id){ i, t->members[i].generation };
}

unsigned sio__threads_list_other_members(sio_threads *t, struct member_id self,
                                         struct member_id *out) {
  unsigned n = 0;
  pthread_rwlock_rdlock(&t->lock);
  for (unsigned i = 0; i < MEMBERS_MAX; i++)
    if (t->members[i].loop && i != self.place) out[n++] = member_id_of_slot(t, i);
  pthread_rwlock_unlock(&t->lock);
  return n;
}

/* ---- messages ------------------------------------------------------------------------------ */

struct thread_message {
  struct loop_post post; /* must come first in the struct, because the loop frees the block */
  struct member *to;
  void *server;
  void (*run)(void *server, void *arg);
  void *arg;
  size_t bytes;
};

static void run_thread_message(void *arg) {
  struct thread_message *m = arg;
  atomic_fetch_sub(&m->to->inbox, m->bytes);
  m->run(m->server, m->arg);
}

/* The bytes are counted before the message is sent, so that several senders together stay within
 * the limit. A message of sio__threads_reply() counts 0 bytes, and is sent even if the limit is
 * exceeded. */
static int post_thread_message_within_inbox_limit(sio_threads *t, struct thread_message *m) {
  struct member *to = m->to;
  size_t bytes = m->bytes;
  m->post = (struct loop_post){ .fn = run_thread_message, .arg = m };
  bool fits = atomic_fetch_add(&to->inbox, bytes) + bytes <= t->inbox_max;
  int err = fits || bytes == 0 ? sio__loop_post_allocated_call(to->loop, &m->post) : SIO_ETOOBIG;
  if (err) atomic_fetch_sub(&to->inbox, bytes);
  return err;
}

struct thread_message *sio__thread_message_new(void) {
  return sio__calloc(1, sizeof(struct thread_message));
}

/* Sends m if the member is still there. After an error, m is still the caller's. */
static int send_thread_message(sio_threads *t, struct member_id to, struct thread_message *m) {
  pthread_rwlock_rdlock(&t->lock);
  struct member *member = find_thread_member(t, to);
  int err = SIO_ECLOSED;
  if (member) {
    m->to = member;
    m->server = member->server;
    err = post_thread_message_within_inbox_limit(t, m);
  }
  pthread_rwlock_unlock(&t->lock);
  return err;
}

int sio__threads_send(sio_threads *t, struct member_id to, void (*run)(void *server, void *arg),
                      void *arg, size_t bytes) {
  struct thread_message *m = sio__thread_message_new();
  if (!m) return UV_ENOMEM;
  m->run = run;
  m->arg = arg;
  m->bytes = bytes + sizeof *m;
  int err = send_thread_message(t, to, m);
  if (err) sio__free(m);
  return err;
}

int sio__threads_reply(sio_threads *t, struct member_id to, struct thread_message *m,
                       void (*run)(void *server, void *arg), void *arg) {
  m->run = run;
  m->arg = arg;
  int err = send_thread_message(t, to, m);
  if (err) sio__free(m);
  return err;
}

void sio__threads_block_until_broadcasts_queued(sio_threads *t) {
  pthread_rwlock_wrlock(&t->broadcast_lock);
  pthread_rwlock_unlock(&t->broadcast_lock);
}

/* ---- connections --------------------------------------------------------------------------- */

static unsigned count_open_and_arriving_conns_of_member(const struct member *m) {
  return atomic_load(&m->conns) + atomic_load(&m->arriving);
}

struct member_id sio__threads_choose_member_and_count_arriving(sio_threads *t,
                                                               struct member_id self) {
  unsigned best = MEMBERS_MAX, load = 0;
  pthread_rwlock_rdlock(&t->lock);
  for (unsigned i = 0; i < MEMBERS_MAX; i++) {
    const struct member *m = &t->members[i];
    if (!m->loop || m->drains ||
        (best < MEMBERS_MAX && count_open_and_arriving_conns_of_member(m) >= load))
      continue;
    best = i;
    load = count_open_and_arriving_conns_of_member(m);
  }
  struct member_id id = best < MEMBERS_MAX ? member_id_of_slot(t, best) : self;
  atomic_fetch_add(&t->members[id.place].arriving, 1);
  pthread_rwlock_unlock(&t->lock);
  return id;
}

void sio__threads_uncount_arriving_conn(sio_threads *t, struct member_id id) {
  atomic_fetch_sub(&t->members[id.place].arriving, 1);
}

unsigned sio__threads_count_conns(sio_threads *t) {
  unsigned n = 0;
  for (struct member *m = t->members; m < t->members + MEMBERS_MAX; m++)
    n += count_open_and_arriving_conns_of_member(m);
  return n;
}

/* ---- sessions ------------------------------------------------------------------------------ */

int sio__threads_add_sid(sio_threads *t, const char *sid, struct member_id id) {
  size_t n = strlen(sid) + 1;
  struct sid_entry *e = sio__malloc(sizeof *e + n);
  if (!e) return UV_ENOMEM;
  e->id = id;
  memcpy(e->sid, sid, n);
  pthread_mutex_lock(&t->sids_lock);
  int err = sio__map_put(&t->sids, e);
  pthread_mutex_unlock(&t->sids_lock);
  if (err) sio__free(e);
  return err;
}

void sio__threads_remove_sid(sio_threads *t, const char *sid) {
  pthread_mutex_lock(&t->sids_lock);
  struct sid_entry *e = sio__map_del(&t->sids, slice_str(sid));
  pthread_mutex_unlock(&t->sids_lock);
  sio__free(e);
}

static bool has_thread_member(sio_threads *t, struct member_id id) {
  pthread_rwlock_rdlock(&t->lock);
  bool is_member = find_thread_member(t, id) != NULL;
  pthread_rwlock_unlock(&t->lock);
  return is_member;
}

bool sio__threads_find_sid(sio_threads *t, sio_slice sid, struct member_id *out) {
  pthread_mutex_lock(&t->sids_lock);
  const struct sid_entry *e = sio__map_get(&t->sids, sid);
  if (e) *out = e->id;
  pthread_mutex_unlock(&t->sids_lock);
  return e && has_thread_member(t, *out);
}

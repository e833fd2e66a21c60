/* SPDX-License-Identifier: MIT
 *
 * dynamic.c - patterns, parents, children, and peers that wait for a namespace to be made.
 */
#include "core/dynamic.h"

#include "base/mem.h"
#include "core/chain.h"
#include "core/connect.h"
#include "core/core.h"
#include "core/emit.h"
#include "core/nsp.h"
#include "core/recovery.h"
#include "net/addr.h"

/* What makes a namespace a parent. */
struct parent_state {
  struct list children;
  sio_match_cb takes;
  void *user;
  bool by_pattern; /* the parent's name is one */
};

/* ---- patterns ------------------------------------------------------------------------------- */

static sio_slice before_star(sio_slice pattern) {
  const char *star = memchr(pattern.p, '*', pattern.n);
  return slice(pattern.p, star ? (size_t)(star - pattern.p) : pattern.n);
}

static sio_slice behind(sio_slice s, size_t n) { return slice(s.p + n, s.n - n); }

static bool starts(sio_slice s, sio_slice with) {
  return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static bool ends(sio_slice s, sio_slice with) {
  return s.n >= with.n && memcmp(s.p + s.n - with.n, with.p, with.n) == 0;
}

/* Each piece between two stars where it comes first: no other choice leaves more to the rest. */
static bool fits(sio_slice pattern, sio_slice name) {
  sio_slice piece = before_star(pattern);
  if (piece.n == pattern.n) return piece.n == name.n && starts(name, piece);
  if (!starts(name, piece)) return false;
  name = behind(name, piece.n);
  for (;;) {
    pattern = behind(pattern, piece.n + 1);
    piece = before_star(pattern);
    if (piece.n == pattern.n) return ends(name, piece);
    const char *at = memmem(name.p, name.n, piece.p, piece.n);
    if (!at) return false;
    name = behind(name, (size_t)(at - name.p) + piece.n);
  }
}

static void take_fitting(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                         void *user) {
  const sio_nsp *parent = user;
  (void)srv, (void)auth;
  if (fits(slice_str(parent->name), slice_str(name)))
    sio_next_ok(next);
  else
    sio_next_fail(next, NULL, sio_null());
}

/* ---- what is sent to a parent --------------------------------------------------------------- */

/* For each child, with the target made its own. */
#define EACH_CHILD(to, err, call)                           \
  do {                                                      \
    list_each (it, tmp_, &(to)->nsp->as_parent->children) { \
      sio_target own = *(to);                               \
      own.nsp = container_of(it, sio_nsp, sibling);         \
      int err_ = (call);                                    \
      if (!(err)) (err) = err_;                             \
    }                                                       \
  } while (0)

static int parent_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  int err = 0;
  (void)a;
  if (sio_packet_query(p)) return UV_ENOTSUP;
  EACH_CHILD(to, err, sio_broadcast(own, p->event, p->args));
  return err;
}

static int parent_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_join(own, rooms));
  return err;
}

static int parent_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_leave(own, rooms));
  return err;
}

static int parent_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_disconnect(own, session));
  return err;
}

static int parent_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *, void *),
                       void *user) {
  (void)a, (void)to, (void)visit, (void)user;
  return UV_ENOTSUP;
}

static int parent_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a, (void)p, (void)q;
  return UV_ENOTSUP;
}

static int parent_server_count(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  return UV_ENOTSUP;
}

static const sio_adapter_ops parent_ops = {
  .broadcast = parent_broadcast,
  .each = parent_each,
  .all_join = parent_all_join,
  .all_leave = parent_all_leave,
  .all_disconnect = parent_all_disconnect,
  .server_emit = parent_server_emit,
  .server_count = parent_server_count,
};

/* ---- parents -------------------------------------------------------------------------------- */

static void parent_free(sio_nsp *nsp) {
  sio__free(nsp->as_parent);
  sio__nsp_free(nsp);
}

static int parent_new(sio_nsp **out, struct core *core, sio_slice name, sio_match_cb takes) {
  if (core->closing) return SIO_ESTATE;
  int err = sio__nsp_new(out, core, name, &parent_ops);
  if (err) return err;
  sio_nsp *nsp = *out;
  nsp->as_parent = sio__calloc(1, sizeof *nsp->as_parent);
  err = nsp->as_parent ? sio__hooks_add(&core->parents, (hook_fn)takes, nsp, false) : UV_ENOMEM;
  if (err) {
    parent_free(nsp);
    return err;
  }
  list_init(&nsp->as_parent->children);
  nsp->as_parent->takes = takes;
  return 0;
}

int sio_of_pattern(sio_server *srv, const char *pattern, sio_nsp **parent) {
  char room[NSP_NAME_MAX + 1];
  sio_slice full;
  sio_nsp *nsp;
  if (!sio__nsp_full_name(room, pattern, &full)) return SIO_ENAME;
  int err = parent_new(&nsp, core_of(srv), full, take_fitting);
  if (err) return err;
  nsp->as_parent->user = nsp;
  nsp->as_parent->by_pattern = true;
  if (parent) *parent = nsp;
  return 0;
}

int sio_of_match(sio_server *srv, sio_match_cb cb, void *user, sio_nsp **parent) {
  sio_nsp *nsp;
  if (!cb) return UV_EINVAL;
  int err = parent_new(&nsp, core_of(srv), SLICE("*"), cb);
  if (err) return err;
  nsp->as_parent->user = user;
  if (parent) *parent = nsp;
  return 0;
}

sio_nsp *sio__parent_find_by_name(const struct core *core, sio_slice name) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&core->parents, k, UINT64_MAX))) {
    sio_nsp *nsp = k->user;
    if (nsp->as_parent->by_pattern && fits(slice_str(nsp->name), name)) return nsp;
  }
  return NULL;
}

void sio__parents_free(struct core *core) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&core->parents, k, UINT64_MAX))) parent_free(k->user);
  sio__hooks_clear(&core->parents);
}

void sio__parent_stats_add(struct nsp_stats *st, const sio_nsp *parent) {
  sio__nsp_stats_add(st, parent);
  list_each (it, tmp, &parent->as_parent->children)
    sio__nsp_stats_add(st, container_of(it, sio_nsp, sibling));
}

/* ---- whose children they are ---------------------------------------------------- */

/* An address (IPv4), or the first 64 bits of one (IPv6), and the children that were made because
 * its peers asked. */
struct addr_children {
  struct core *core;
  struct addr addr;
  uint32_t n;
};

sio_slice sio__addr_children_key(const void *item) {
  const struct addr_children *s = item;
  return slice((const char *)s->addr.b, sizeof s->addr.b);
}

static struct addr_children *share_new(struct core *core, const struct addr *addr) {
  struct addr_children *s = sio__calloc(1, sizeof *s);
  if (!s) return NULL;
  s->core = core;
  s->addr = *addr;
  if (sio__map_put(&core->addr_children, s) == 0) return s;
  sio__free(s);
  return NULL;
}

static void share_look(struct addr_children *s) {
  if (s->n) return;
  sio__map_del(&s->core->addr_children, sio__addr_children_key(s));
  sio__free(s);
}

static void share_leave(struct addr_children *s) {
  if (!s) return;
  s->n--;
  share_look(s);
}

void sio__addr_children_free_all(struct core *core) {
  struct addr_children *s;
  for (uint32_t i = 0; (s = sio__map_next(&core->addr_children, &i));) sio__free(s);
  sio__map_clear(&core->addr_children);
}

/* NULL and 0: a peer whose address is not known is not counted. */
static int share_of(struct addr_children **out, struct core *core, const sio_session *c) {
  struct addr a;
  *out = NULL;
  if (!c || !sio__addr_read(&a, slice_str(sio_session_address(c)))) return 0;
  struct addr key = sio__addr_group(&a);
  *out = sio__map_get(&core->addr_children, slice((const char *)key.b, sizeof key.b));
  if (!*out) *out = share_new(core, &key);
  return *out ? 0 : UV_ENOMEM;
}

/* One address may have as many as are free: alone it gets half of them, with k others like it each
 * gets one part of k + 2, and one part is always left for who has none yet. */
static int admit_child(struct core *core, const struct addr_children *s) {
  uint32_t max = core->opts->max_child_nsps;
  uint32_t left = max > core->nchildren ? max - core->nchildren : 0;
  if (left && (!s || s->n < left)) return 0;
  core->stats.nsps_refused++;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NSP_REFUSED, NULL,
            "a namespace is not made: %u are there, %u of them for its address (max_child_nsps)",
            core->nchildren, s ? s->n : 0);
  return SIO_ETOOBIG;
}

/* ---- children ------------------------------------------------------------------------------- */

static int make(sio_nsp **out, sio_nsp *parent, sio_slice name) {
  struct core *core = parent->core;
  int err = sio__nsp_new(out, core, name, core->opts->adapter);
  if (err) return err;
  err = sio__nsp_copy_hooks(*out, parent);
  if (!err) err = sio__nsp_open(*out);
  if (err) sio__nsp_free(*out);
  return err;
}

static int make_counted(sio_nsp **out, sio_nsp *parent, sio_slice name,
                        struct addr_children *share) {
  int err = admit_child(parent->core, share);
  if (!err) err = make(out, parent, name);
  if (err) return err;
  (*out)->share = share;
  if (share) share->n++;
  return 0;
}

int sio__child_new(sio_nsp **out, sio_nsp *parent, sio_slice name, const sio_session *asker) {
  struct core *core = parent->core;
  struct addr_children *share;
  if (core->closing) return SIO_ESTATE;
  int err = share_of(&share, core, asker);
  if (!err) err = make_counted(out, parent, name, share);
  if (err) {
    if (share) share_look(share);
    return err;
  }
  sio_nsp *nsp = *out;
  nsp->parent = parent;
  list_push(&parent->as_parent->children, &nsp->sibling);
  core->nchildren++;
  LOG_RATED(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_NSP_MADE, NULL, "namespace %s made for %s",
            nsp->name, parent->name);
  sio__nsp_run_new_hooks(nsp);
  return 0;
}

static bool is_deserted(const sio_nsp *nsp) {
  const struct core *core = nsp->core;
  bool awaits = nsp->recovery && nsp->recovery->away.n;
  return nsp->parent && !nsp->users && !awaits && !core->closing && !core->opts->keep_empty_nsps;
}

void sio__child_look(sio_nsp *nsp) {
  if (is_deserted(nsp)) sio__loop_defer(&nsp->core->loop, &nsp->vacate);
}

/* What is left of a namespace that was closed is a name: nobody is there. */

static int gone_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  (void)a, (void)to, (void)p;
  return SIO_ECLOSED;
}

static int gone_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *, void *),
                     void *user) {
  (void)a, (void)to, (void)visit, (void)user;
  return SIO_ECLOSED;
}

static int gone_all_rooms(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  (void)a, (void)to, (void)rooms;
  return SIO_ECLOSED;
}

static int gone_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  (void)a, (void)to, (void)session;
  return SIO_ECLOSED;
}

static int gone_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a, (void)p, (void)q;
  return SIO_ECLOSED;
}

static int gone_server_count(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  return SIO_ECLOSED;
}

const sio_adapter_ops sio__closed_adapter = {
  .broadcast = gone_broadcast,
  .each = gone_each,
  .all_join = gone_all_rooms,
  .all_leave = gone_all_rooms,
  .all_disconnect = gone_all_disconnect,
  .server_emit = gone_server_emit,
  .server_count = gone_server_count,
};

void sio__child_vacate(struct task *t) {
  sio_nsp *nsp = container_of(t, sio_nsp, vacate);
  struct core *core = nsp->core;
  if (!is_deserted(nsp)) return;
  LOG_RATED(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_NSP_GONE, NULL,
            "namespace %s is empty and gone", nsp->name);
  sio__map_del(&core->nsps, slice_str(nsp->name));
  list_remove(&nsp->sibling);
  nsp->parent->events_in += nsp->events_in;
  nsp->parent->events_out += nsp->events_out;
  nsp->parent = NULL;
  core->nchildren--;
  share_leave(nsp->share);
  nsp->share = NULL;
  if (nsp->ops->shut) nsp->ops->shut(nsp->adapter);
  sio__nsp_close(nsp);
  sio__nsp_drop_library_ref(nsp);
}

/* ---- a peer asks ---------------------------------------------------------------------------- */

/* The chain's verdict is whether the next parent is to be asked; the host's is the contrary. */
struct ask {
  struct chain chain;
  struct sio_next verdict;  /* what the host is lent               */
  struct timer wait_timer;  /* with them all                       */
  bool excused;             /* its time was given once more        */
  struct core *core;        /* one reference                       */
  struct client *client;    /* NULL: the peer is gone              */
  struct nsp_note nsp_note; /* one of the client's                 */
  sio_nsp *parent;          /* who took the name; NULL: nobody yet */
  sio_slice name, auth;     /* behind the struct                   */
  char *newer;              /* the auth of a later CONNECT         */
  bool withdrawn;           /* the peer has sent DISCONNECT        */
};

static struct ask *ask_of(const struct chain *c) { return container_of(c, struct ask, chain); }

static void call(struct chain *c, const struct hook *k) {
  struct ask *a = ask_of(c);
  sio_nsp *parent = k->user;
  parent->as_parent->takes(core_server(a->core), a->name.p, a->auth, &a->verdict,
                           parent->as_parent->user);
}

/* It has its own copies. */
static void on_parked(struct chain *c) {
  struct ask *a = ask_of(c);
  unsigned ms = a->core->opts->middleware_timeout_ms;
  if (ms && !timer_active(&a->wait_timer)) sio__loop_timer(c->loop, &a->wait_timer, ms);
}

static void on_taken(struct chain *c, const char *message, sio_val data) {
  struct ask *a = ask_of(c);
  (void)message, (void)data;
  a->parent = c->at->user;
}

static bool is_wanted(const struct chain *c) {
  const struct ask *a = ask_of(c);
  return a->client && sio__session_open(a->client->session);
}

static void on_verdict(struct sio_next *n, bool ok, const char *message, sio_val data) {
  struct chain *c = &container_of(n, struct ask, verdict)->chain;
  (void)message, (void)data;
  c->next.done(&c->next, !ok, NULL, sio_null());
}

static void unlink_ask(struct ask *a) {
  struct nsp_note **at = &a->client->nsp_notes;
  while (*at != &a->nsp_note) at = &(*at)->next;
  *at = a->nsp_note.next;
}

static void refuse(struct client *cl, const struct ask *a, int err) {
  if (err == UV_ENOMEM)
    sio__client_end_no_memory(cl);
  else
    sio__connect_refuse(cl, a->name,
                        err == SIO_ETOOBIG ? SIO_REFUSED_TOO_MANY : SIO_REFUSED_NO_NSP);
}

/* Somebody else may have made it meanwhile. If the peer does not stay in it, nobody may. */
static void settle(struct client *cl, const struct ask *a) {
  sio_nsp *nsp = sio__nsp_find(a->core, a->name);
  int err = !nsp && a->parent ? sio__child_new(&nsp, a->parent, a->name, cl->session) : 0;
  if (!nsp || err) {
    refuse(cl, a, err);
    return;
  }
  sio_nsp_ref(nsp);
  sio__connect_start(cl, nsp, a->auth);
  sio_nsp_unref(nsp);
}

static void forget_newer(struct ask *a) {
  sio__free(a->newer);
  a->newer = NULL;
}

static void start_over(struct client *cl, const struct ask *a) {
  sio_slice auth = slice_str(a->newer);
  sio_nsp *nsp = sio__nsp_find(a->core, a->name);
  if (nsp)
    sio__connect_start(cl, nsp, auth);
  else
    sio__nsp_request_start(cl, a->name, auth);
}

static void on_finish(struct chain *c, bool ok) {
  struct ask *a = ask_of(c);
  (void)ok;
  sio__loop_untimer(c->loop, &a->wait_timer);
  if (a->client) unlink_ask(a);
  if (is_wanted(c) && a->newer)
    start_over(a->client, a);
  else if (is_wanted(c) && !a->withdrawn)
    settle(a->client, a);
  sio__free(a->newer);
  sio__core_unref(a->core);
  sio__free(a);
}

static const struct chain_ops ask_ops = {
  .call = call,
  .parked = on_parked,
  .refused = on_taken,
  .wanted = is_wanted,
  .finish = on_finish,
};

/* Nobody waits for the outcome any more. The verdict stays owed, and will be thrown away. */
static void abandon(struct ask *a) {
  sio__loop_untimer(a->chain.loop, &a->wait_timer);
  unlink_ask(a);
  a->client = NULL;
  forget_newer(a);
  sio__chain_abandon(&a->chain);
}

static void on_wait_over(struct timer *t) {
  struct ask *a = container_of(t, struct ask, wait_timer);
  struct client *cl = a->client;
  if (a->chain.state != CHAIN_WAITING) return; /* what came in this very turn counts */
  if (loop_excuses(a->chain.loop, a->excused)) {
    a->excused = true;
    on_parked(&a->chain);
    return;
  }
  LOG_RATED(&a->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NSP_REFUSED, NULL,
            "nobody said in time whether there is %.*s", LOG_SLICE(a->name));
  if (is_wanted(&a->chain) && a->newer)
    start_over(cl, a);
  else if (is_wanted(&a->chain) && !a->withdrawn)
    sio__connect_refuse(cl, a->name, SIO_REFUSED_TIMEOUT);
  abandon(a);
}

static struct ask *ask_new(sio_slice name, sio_slice auth) {
  size_t size = sizeof(struct ask) + name.n + 2; /* each with its NUL */
  struct ask *a = add_overflows(size, auth.n, &size) ? NULL : sio__calloc(1, size);
  if (!a) return NULL;
  char *text = (char *)(a + 1);
  memcpy(text, name.p, name.n);
  a->name = slice(text, name.n);
  text += name.n + 1;
  if (auth.n) memcpy(text, auth.p, auth.n);
  a->auth = slice(text, auth.n);
  return a;
}

void sio__nsp_request_start(struct client *cl, sio_slice name, sio_slice auth) {
  struct core *core = client_core(cl);
  struct ask *a = ask_new(name, auth.n ? auth : SLICE("{}"));
  if (!a) {
    sio__client_end_no_memory(cl);
    return;
  }
  sio__chain_init(&a->chain, &core->loop, &core->parents, &ask_ops);
  timer_init(&a->wait_timer, on_wait_over);
  a->verdict.done = on_verdict;
  a->core = core;
  a->client = cl;
  a->nsp_note = (struct nsp_note){ .next = cl->nsp_notes, .nsp = a->name.p, .asked = true };
  cl->nsp_notes = &a->nsp_note;
  sio__core_ref(core);
  sio__chain_start(&a->chain);
}

bool sio__nsp_may_be_requested(const struct core *core, sio_slice name) {
  bool is_name = name.n && name.p[0] == '/' && sio__nsp_name_valid(name);
  return is_name && !hooks_empty(&core->parents);
}

static struct ask *find_ask(struct client *cl, sio_slice name) {
  struct nsp_note *it = *sio__client_find_nsp_note(cl, name, true);
  return it ? container_of(it, struct ask, nsp_note) : NULL;
}

bool sio__nsp_request_on_second_connect(struct client *cl, sio_slice name, sio_slice auth) {
  struct ask *a = find_ask(cl, name);
  if (!a) return false;
  forget_newer(a);
  a->withdrawn = false;
  if (sio__auth_equals(a->auth, auth)) return true;
  a->newer = sio__strndup(auth.p, auth.n);
  if (!a->newer) sio__client_end_no_memory(cl);
  return true;
}

bool sio__nsp_request_withdraw(struct client *cl, sio_slice name) {
  struct ask *a = find_ask(cl, name);
  if (!a) return false;
  forget_newer(a);
  a->withdrawn = true;
  return true;
}

static struct ask *first_ask(const struct client *cl) {
  struct nsp_note *it = cl->nsp_notes;
  while (it && !it->asked) it = it->next;
  return it ? container_of(it, struct ask, nsp_note) : NULL;
}

void sio__nsp_requests_abandon(struct client *cl) {
  for (struct ask *a; (a = first_ask(cl));) abandon(a);
}

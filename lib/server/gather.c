/* SPDX-License-Identifier: MIT
 *
 * gather.c - sio_threads_stats(): each member is sent a message, fills in its statistics, and sends
 * the message back.
 *
 * The message names the sum by its number and not by its address: when it comes back, the sum may
 * be gone, because its server closes.
 */
#include "server/gather.h"
#include "base/mem.h"
#include <sio/threads.h>

struct gather {
  struct list link; /* srv->gathers */
  uint64_t number;
  unsigned waiting; /* members whose statistics have not come */
  unsigned servers; /* servers whose statistics are in `sum` */
  sio_threads_stats_cb cb;
  void *user;
  struct task finish;
  sio_stats sum;
};

struct stats_message {
  struct member_id from;
  uint64_t number;
  sio_stats stats;
};

static void gather_finish(struct gather *g) {
  list_remove(&g->link);
  task_cancel(&g->finish);
  g->cb(&g->sum, g->servers, g->user);
  sio__free(g);
}

static void on_finish_task(struct task *t) {
  gather_finish(container_of(t, struct gather, finish));
}

void sio__gather_finish_all(sio_server *srv) {
  struct list *it;
  while ((it = list_first(&srv->gathers))) gather_finish(container_of(it, struct gather, link));
}

/* ---- the message ----------------------------------------------------------------------------- */

static struct gather *find_gather(sio_server *srv, uint64_t number) {
  list_each (it, next, &srv->gathers) {
    struct gather *g = container_of(it, struct gather, link);
    if (g->number == number) return g;
  }
  return NULL;
}

/* Runs on the thread of the server that collects the statistics of all threads. */
static void on_stats_returned(void *server, void *arg) {
  struct stats_message *m = arg;
  struct gather *g = find_gather(server, m->number);
  if (g) {
    sio_stats_add(&g->sum, &m->stats);
    g->servers++;
    if (--g->waiting == 0) gather_finish(g);
  }
  sio__free(m);
}

/* On the thread of another member. If the server that gathers has closed, nothing waits for it. */
static void fill_and_return(void *server, void *arg) {
  sio_server *srv = server;
  struct stats_message *m = arg;
  sio_server_stats(srv, &m->stats, sizeof m->stats);
  m->stats.addresses = 0; /* The table is shared, and is in the asker's own statistics. */
  if (sio__threads_send(srv->core.threads, m->from, on_stats_returned, m, sizeof *m)) sio__free(m);
}

static int ask_member(sio_server *srv, struct member_id to, uint64_t number) {
  struct stats_message *m = sio__malloc(sizeof *m);
  if (!m) return UV_ENOMEM;
  m->from = srv->core.member;
  m->number = number;
  int err = sio__threads_send(srv->core.threads, to, fill_and_return, m, sizeof *m);
  if (err) sio__free(m);
  return err;
}

/* ---- the call -------------------------------------------------------------------------------- */

static void ask_other_members(sio_server *srv, struct gather *g) {
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_others(srv->core.threads, srv->core.member, others);
  for (unsigned i = 0; i < n; i++)
    if (ask_member(srv, others[i], g->number) == 0) g->waiting++;
}

int sio_threads_stats(sio_server *srv, sio_threads_stats_cb cb, void *user) {
  if (!cb) return UV_EINVAL;
  if (srv->core.closing) return SIO_ECLOSED;
  struct gather *g = sio__calloc(1, sizeof *g);
  if (!g) return UV_ENOMEM;
  g->cb = cb;
  g->user = user;
  g->servers = 1;
  task_init(&g->finish, on_finish_task);
  list_push(&srv->gathers, &g->link);
  sio_server_stats(srv, &g->sum, sizeof g->sum);
  if (srv->core.threads) {
    g->number = sio__threads_next_number(srv->core.threads);
    ask_other_members(srv, g);
  }
  if (g->waiting == 0) sio__loop_defer(&srv->core.loop, &g->finish);
  return 0;
}

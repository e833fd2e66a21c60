/* SPDX-License-Identifier: MIT
 *
 * gather.c - adds up statistics for sio_threads_fetch_stats() and for Prometheus. The server of
 * each other thread (a member) is sent a message; it fills in its statistics, and sends the message
 * back.
 *
 * The message contains the number of the sum to which it belongs, and not its address: when the
 * message comes back, the sum may have been freed, because its server is closing.
 */
#include "server/gather.h"
#include "base/mem.h"
#include <sio/threads.h>

struct gather {
  struct list link; /* srv->gathers */
  uint64_t number;
  unsigned waiting; /* how many of the asked members have not answered yet */
  bool with_nsps;
  void (*done)(const struct gathered *sum, void *user);
  void *user;
  struct task finish;
  struct gathered sum;
};

struct stats_message {
  struct member_id from;
  uint64_t number;
  struct thread_message *reply; /* used to send this struct back; NULL after that */
  bool with_nsps;
  int err; /* why counters of namespaces are missing in nsps; 0: none is missing */
  sio_stats stats;
  struct map nsps; /* struct nsp_row */
};

static void stats_sum_free(struct gather *g) {
  sio__nsp_stats_rows_clear(&g->sum.nsps);
  sio__free(g);
}

static void stats_sum_call_callback_and_free(struct gather *g) {
  list_remove(&g->link);
  task_cancel(&g->finish);
  g->done(&g->sum, g->user);
  stats_sum_free(g);
}

static void finish_stats_sum_in_task(struct task *t) {
  stats_sum_call_callback_and_free(container_of(t, struct gather, finish));
}

void sio__finish_incomplete_stats_sums(sio_server *srv) {
  struct list *it;
  while ((it = list_first(&srv->gathers)))
    stats_sum_call_callback_and_free(container_of(it, struct gather, link));
}

/* ---- the message ----------------------------------------------------------------------------- */

static void stats_message_free(struct stats_message *m) {
  sio__nsp_stats_rows_clear(&m->nsps);
  sio__free(m->reply);
  sio__free(m);
}

static struct gather *find_pending_stats_sum_by_number(sio_server *srv, uint64_t number) {
  list_each (it, next, &srv->gathers) {
    struct gather *g = container_of(it, struct gather, link);
    if (g->number == number) return g;
  }
  return NULL;
}

static void stats_sum_add_answer(struct gather *g, const struct stats_message *m) {
  sio_stats_add(&g->sum.stats, &m->stats);
  g->sum.servers++;
  int err = m->err ? m->err : sio__nsp_stats_rows_add_all(&g->sum.nsps, &m->nsps);
  if (err) g->sum.err = err;
}

/* Handles a message that another member has filled in and sent back. Runs on the thread of the
 * server that adds up the statistics. */
static void add_returned_stats_message_to_sum(void *server, void *arg) {
  struct stats_message *m = arg;
  struct gather *g = find_pending_stats_sum_by_number(server, m->number);
  if (g) {
    stats_sum_add_answer(g, m);
    if (--g->waiting == 0) stats_sum_call_callback_and_free(g);
  }
  stats_message_free(m);
}

/* Runs on the thread of a member that is asked for its statistics: writes them to the message and
 * sends it back. If it cannot be sent back, for example because the server that asked has closed,
 * it is freed. */
static void fill_in_and_send_back_stats_message(void *server, void *arg) {
  sio_server *srv = server;
  struct stats_message *m = arg;
  sio_server_get_stats(srv, &m->stats, sizeof m->stats);
  /* All members share one table of addresses. The server that adds up has counted it, so it must
   * not be added again. */
  m->stats.addresses = 0;
  if (m->with_nsps) m->err = sio__nsp_stats_rows_collect(&m->nsps, srv);
  struct thread_message *reply = m->reply;
  m->reply = NULL;
  if (sio__threads_reply(srv->core.threads, m->from, reply, add_returned_stats_message_to_sum, m))
    stats_message_free(m);
}

static struct stats_message *stats_message_new(sio_server *srv, const struct gather *g) {
  struct stats_message *m = sio__calloc(1, sizeof *m);
  if (!m) return NULL;
  m->from = srv->core.member;
  m->number = g->number;
  m->with_nsps = g->with_nsps;
  sio__nsp_stats_rows_init(&m->nsps);
  m->reply = sio__thread_message_new();
  if (m->reply) return m;
  stats_message_free(m);
  return NULL;
}

static int ask_server_of_thread_for_stats(sio_server *srv, struct member_id to,
                                          const struct gather *g) {
  struct stats_message *m = stats_message_new(srv, g);
  if (!m) return UV_ENOMEM;
  int err =
      sio__threads_send(srv->core.threads, to, fill_in_and_send_back_stats_message, m, sizeof *m);
  if (err) stats_message_free(m);
  return err;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static void count_and_log_lost_stats_request(sio_server *srv, int err) {
  if (err == SIO_ECLOSED) return;
  srv->core.stats.thread_messages_lost++;
  LOG_RATED(&srv->core.log, SIO_LOG_WARN, SIO_PART_SIO, LOG_THREAD_MESSAGE_LOST, NULL,
            "the server of another thread cannot be asked for its statistics: %s",
            sio_strerror(err));
}

static void ask_servers_of_other_threads_for_stats(sio_server *srv, struct gather *g) {
  struct member_id others[MEMBERS_MAX];
  g->number = sio__threads_next_number(srv->core.threads);
  unsigned n = sio__threads_list_other_members(srv->core.threads, srv->core.member, others);
  for (unsigned i = 0; i < n; i++) {
    int err = ask_server_of_thread_for_stats(srv, others[i], g);
    if (err)
      count_and_log_lost_stats_request(srv, err);
    else
      g->waiting++;
  }
}

int sio__start_stats_sum(sio_server *srv, bool with_nsps,
                         void (*done)(const struct gathered *sum, void *user), void *user) {
  if (srv->core.closing) return SIO_ECLOSED;
  struct gather *g = sio__calloc(1, sizeof *g);
  if (!g) return UV_ENOMEM;
  *g = (struct gather){ .with_nsps = with_nsps, .done = done, .user = user, .sum.servers = 1 };
  sio__nsp_stats_rows_init(&g->sum.nsps);
  int err = with_nsps ? sio__nsp_stats_rows_collect(&g->sum.nsps, srv) : 0;
  if (err) {
    stats_sum_free(g);
    return err;
  }
  task_init(&g->finish, finish_stats_sum_in_task);
  list_append(&srv->gathers, &g->link);
  sio_server_get_stats(srv, &g->sum.stats, sizeof g->sum.stats);
  if (srv->core.threads) ask_servers_of_other_threads_for_stats(srv, g);
  if (g->waiting == 0) sio__loop_defer(&srv->core.loop, &g->finish);
  return 0;
}

struct stats_call {
  sio_threads_stats_cb cb;
  void *user;
};

static void call_host_callback_with_stats_sum(const struct gathered *sum, void *user) {
  struct stats_call *call = user;
  call->cb(&sum->stats, sum->servers, call->user);
  sio__free(call);
}

int sio_threads_fetch_stats(sio_server *srv, sio_threads_stats_cb cb, void *user) {
  if (!cb) return UV_EINVAL;
  struct stats_call *call = sio__malloc(sizeof *call);
  if (!call) return UV_ENOMEM;
  *call = (struct stats_call){ cb, user };
  int err = sio__start_stats_sum(srv, false, call_host_callback_with_stats_sum, call);
  if (err) sio__free(call);
  return err;
}

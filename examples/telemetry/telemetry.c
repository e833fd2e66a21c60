/* SPDX-License-Identifier: MIT
 *
 * telemetry.c - a machine is measured 200 times a second on a thread of its own, and pages plot it.
 *
 *   the server emits   sample(number, seconds, speed, load)   to all
 *                      running(bool)                          to a new page, and when it changes
 *                      confirm()                              ack: the page has all samples so far
 *   the page emits     run(bool)                              ack: the state that holds now
 *
 * Only the newest sample is worth sending. The thread leaves it in a slot and posts to the loop
 * only if the loop has taken the one before; a page that is not ready for a sample is not sent it
 * (SIO_VOLATILE). The kernels between the server and a page would hold thousands of samples for a
 * page that does not read. So each page confirms what it has, and one that has SLOW_AFTER samples
 * to confirm is in the room "slow", which gets no samples. Pages see by the numbers what was
 * skipped.
 * Environment: PORT (3000).
 */
#include <math.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "telemetry_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { PERIOD_MS = 5 };                       /* 200 Hz */
enum { CONFIRM_EVERY = 20, SLOW_AFTER = 60 }; /* samples */

struct sample {
  int64_t number;
  double seconds, speed, load;
};

static struct {
  uv_mutex_t lock; /* for all that follows */
  struct sample newest;
  bool posted; /* the loop has still to take it */
  bool running, ending;
} shared = { .running = true };

static uv_signal_t sigterm;
static uv_thread_t worker;
static sio_server *srv;
static sio_nsp *root;

/* What the library keeps for each socket (sio_options.socket_data_size). */
struct viewer {
  unsigned unconfirmed; /* samples that were sent and not confirmed                     */
  unsigned asked;       /* how many of them the pending ack will confirm; 0: none pends */
  bool slow;            /* is in the room "slow"                                        */
};

static void measure(struct sample *s) {
  double goal = 55 + 25 * sin(s->seconds * 0.7) + 8 * sin(s->seconds * 3.1);
  s->number++;
  s->seconds += PERIOD_MS / 1000.0;
  s->speed += (goal - s->speed) * 0.04 + (rand() % 100 - 50) * 0.012; /* it is never quite still */
  s->load = 30 + 0.5 * s->speed + (rand() % 100) * 0.02;
}

static void on_confirmed(sio_socket *s, int status, sio_event *reply, void *user) {
  struct viewer *v = sio_socket_data(s);
  (void)reply, (void)user;
  if (!status) v->unconfirmed -= v->asked;
  v->asked = 0;
  if (status || !v->slow) return; /* if status is not 0, the page has left */
  sio_leave(s, "slow");
  v->slow = false;
}

/* Called for each page after each sample. */
static void count_sample(sio_socket *s, void *user) {
  struct viewer *v = sio_socket_data(s);
  (void)user;
  if (!v->slow) v->unconfirmed++;
  if (v->unconfirmed >= CONFIRM_EVERY && !v->asked &&
      sio_emit_ack(s, "confirm", SIO_NONE, 0, on_confirmed, NULL) == 0)
    v->asked = v->unconfirmed;
  if (v->unconfirmed >= SLOW_AFTER && !v->slow) v->slow = sio_join(s, "slow") == 0;
}

static void on_posted(sio_server *server, void *arg) {
  (void)server, (void)arg;
  uv_mutex_lock(&shared.lock);
  struct sample s = shared.newest;
  shared.posted = false;
  uv_mutex_unlock(&shared.lock);
  sio_broadcast((sio_target){ .nsp = root, .except = SIO_ROOMS("slow"), .flags = SIO_VOLATILE },
                "sample", SIO_ARGS(s.number, s.seconds, s.speed, s.load));
  sio_all_each((sio_target){ .nsp = root }, count_sample, NULL);
}

static void work(void *arg) {
  (void)arg;
  bool ending = false;
  for (uint64_t due = uv_hrtime(), now; !ending; due += PERIOD_MS * UINT64_C(1000000)) {
    if ((now = uv_hrtime()) < due) uv_sleep((unsigned)((due - now) / 1000000)); /* no drift */
    uv_mutex_lock(&shared.lock);
    ending = shared.ending;
    if (shared.running) measure(&shared.newest);
    bool post = shared.running && !shared.posted && !ending;
    shared.posted |= post;
    uv_mutex_unlock(&shared.lock);
    if (post && sio_post(srv, on_posted, NULL)) break; /* the server closes */
  }
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sio_emit(s, "running", SIO_ARGS(sio_bool(shared.running))); /* only the loop writes it */
}

static void on_run(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  bool run = shared.running;
  sio_event_bool(e, 0, &run);
  uv_mutex_lock(&shared.lock);
  shared.running = run;
  uv_mutex_unlock(&shared.lock);
  sio_broadcast((sio_target){ .nsp = root }, "running", SIO_ARGS(sio_bool(run)));
  sio_reply(e, SIO_ARGS(sio_bool(run)));
}

/* The thread ends before the server, because it posts to it. */
static void on_signal(uv_signal_t *h, int signum) {
  (void)signum;
  uv_close((uv_handle_t *)h, NULL);
  uv_mutex_lock(&shared.lock);
  shared.ending = true;
  uv_mutex_unlock(&shared.lock);
  uv_thread_join(&worker);
  sio_server_close(srv, NULL, NULL);
}

int main(void) {
  static const sio_options options = { .socket_data_size = sizeof(struct viewer) };
  uv_loop_t *loop = uv_default_loop();
  const char *port = getenv("PORT");
  int err = uv_mutex_init(&shared.lock);
  if (!err) err = sio_server_new(loop, &options, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on_connect(root, on_connect, NULL);
  if (!err) err = sio_on(root, "run", on_run, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(srv, NULL, port ? atoi(port) : 3000);
  if (!err) err = uv_thread_create(&worker, work, NULL);
  if (err) return fprintf(stderr, "telemetry: %s\n", sio_strerror(err)), 1;
  uv_signal_init(loop, &sigterm);
  uv_signal_start(&sigterm, on_signal, SIGTERM);
  printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) ? 1 : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * embed.c - Socket.IO inside a program that was there before it.
 *
 * The program has its own loop, its own listener, its own timer, and a thread that takes readings.
 * It lends the loop to the server, hands it the connections its listener takes (sio_accept), and
 * the thread hands over its readings (sio_post, the one call that may come from any thread).
 *
 *   the server emits   reading(number, ms, value)   volatile: a page that is behind misses some
 *                      rate(hz)                     to all, when one of them changed it
 *                      stats({ pages, dropped, bytes })
 *   the page emits     rate(hz)                     acked with the rate that holds now
 *
 * Environment: PORT (3000), HOST (0.0.0.0). SIGINT and SIGTERM end it in good order: the thread
 * first, then the server, then the handles, and last the loop.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "embed_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { HZ_AT_START = 20, HZ_MAX = 60 };

struct reading {
  unsigned number;
  uint64_t ms;
  double value;
};

struct program {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_timer_t second;
  uv_signal_t sigint, sigterm;
  sio_server *srv;
  sio_nsp *nsp;
  uv_thread_t sensor;
  bool sensor_runs;
  uv_mutex_t lock; /* shared by the loop's thread and the sensor's: */
  uv_cond_t changed;
  unsigned hz;
  bool stop;
};

/* ---- the sensor's thread ------------------------------------------------------------------- */

static double measure(double seconds) {
  double noise = (double)rand() / RAND_MAX - 0.5;
  return 21 + 3 * sin(seconds / 4) + sin(seconds * 1.9) + 0.4 * noise;
}

/* Runs on the loop's thread. The event is encoded once, for any number of pages. */
static void publish(sio_server *srv, void *arg) {
  struct program *p = sio_server_data(srv);
  struct reading *r = arg;
  sio_broadcast((sio_target){ .nsp = p->nsp, .flags = SIO_VOLATILE }, "reading",
                SIO_ARGS(r->number, r->ms, r->value));
  free(r);
}

static void hand_over(struct program *p, unsigned number, uint64_t ms) {
  struct reading *r = malloc(sizeof *r);
  if (!r) return;
  *r = (struct reading){ .number = number, .ms = ms, .value = measure((double)ms / 1000) };
  if (sio_post(p->srv, publish, r)) free(r); /* refused: publish() will not run */
}

static void sensor(void *arg) {
  struct program *p = arg;
  uint64_t start = uv_hrtime();
  uv_mutex_lock(&p->lock);
  for (unsigned number = 1; !p->stop; number++) {
    uv_mutex_unlock(&p->lock);
    hand_over(p, number, (uv_hrtime() - start) / 1000000);
    uv_mutex_lock(&p->lock);
    if (!p->stop) uv_cond_timedwait(&p->changed, &p->lock, 1000000000 / p->hz);
  }
  uv_mutex_unlock(&p->lock);
}

static void set_hz(struct program *p, unsigned hz) {
  uv_mutex_lock(&p->lock);
  p->hz = hz;
  uv_cond_signal(&p->changed);
  uv_mutex_unlock(&p->lock);
}

static void stop_sensor(struct program *p) {
  if (!p->sensor_runs) return;
  uv_mutex_lock(&p->lock);
  p->stop = true;
  uv_cond_signal(&p->changed);
  uv_mutex_unlock(&p->lock);
  uv_thread_join(&p->sensor);
  p->sensor_runs = false;
}

/* ---- the pages ----------------------------------------------------------------------------- */

static void on_connect(sio_socket *s, void *user) {
  const struct program *p = user;
  sio_emit(s, "rate", SIO_ARGS(p->hz)); /* no lock: only this thread writes it */
}

static void on_rate(sio_socket *s, sio_event *e, void *user) {
  struct program *p = user;
  int64_t hz;
  if (sio_event_int(e, 0, &hz) && hz >= 1 && hz <= HZ_MAX) {
    set_hz(p, (unsigned)hz);
    sio_broadcast((sio_target){ .nsp = p->nsp, .skip = s }, "rate", SIO_ARGS(hz));
  }
  sio_reply(e, SIO_ARGS(p->hz));
}

static void on_second(uv_timer_t *timer) {
  const struct program *p = timer->data;
  sio_stats stats;
  sio_server_get_stats(p->srv, &stats, sizeof stats);
  cJSON *tree = cJSON_CreateObject();
  cJSON_AddNumberToObject(tree, "pages", (double)stats.sockets);
  cJSON_AddNumberToObject(tree, "dropped", (double)stats.volatile_dropped);
  cJSON_AddNumberToObject(tree, "bytes", (double)stats.bytes_out);
  if (tree) sio_broadcast((sio_target){ .nsp = p->nsp }, "stats", SIO_ARGS(tree));
  cJSON_Delete(tree);
}

/* ---- the program's own listener ------------------------------------------------------------ */

static void on_connection(uv_stream_t *listener, int status) {
  struct program *p = listener->data;
  int err = status ? status : sio_accept(p->srv, &(sio_accept_options){ .listener = listener });
  if (err) fprintf(stderr, "embed: a connection was lost: %s\n", sio_strerror(err));
}

static int listen_on(struct program *p, const char *host, int port) {
  struct sockaddr_storage address;
  int err = uv_ip4_addr(host, port, (struct sockaddr_in *)&address);
  if (err) err = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address);
  if (!err) err = uv_tcp_bind(&p->listener, (struct sockaddr *)&address, 0);
  if (!err) err = uv_listen((uv_stream_t *)&p->listener, 128, on_connection);
  return err;
}

/* ---- start and stop ------------------------------------------------------------------------ */

/* Stops the sensor first, because sio_post() must not be called after the server was freed. */
static void stop(struct program *p) {
  stop_sensor(p);
  if (p->srv) sio_server_close(p->srv, NULL, NULL);
  uv_close((uv_handle_t *)&p->listener, NULL);
  uv_close((uv_handle_t *)&p->second, NULL);
  uv_close((uv_handle_t *)&p->sigint, NULL);
  uv_close((uv_handle_t *)&p->sigterm, NULL);
}

static void on_signal(uv_signal_t *signal, int signum) {
  (void)signum;
  stop(signal->data);
}

static int init(struct program *p) {
  int err = uv_loop_init(&p->loop);
  if (!err) err = uv_mutex_init(&p->lock);
  if (!err) err = uv_cond_init(&p->changed);
  if (!err) err = uv_tcp_init(&p->loop, &p->listener);
  if (!err) err = uv_timer_init(&p->loop, &p->second);
  if (!err) err = uv_signal_init(&p->loop, &p->sigint);
  if (!err) err = uv_signal_init(&p->loop, &p->sigterm);
  p->listener.data = p->second.data = p->sigint.data = p->sigterm.data = p;
  p->hz = HZ_AT_START;
  return err;
}

static int start_server(struct program *p) {
  int err = sio_server_new(&p->loop, NULL, &p->srv);
  if (err) return err;
  sio_server_set_data(p->srv, p);
  err = sio_assets(p->srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_of(p->srv, "/", &p->nsp);
  if (!err) err = sio_on_connect(p->nsp, on_connect, p);
  if (!err) err = sio_on(p->nsp, "rate", on_rate, p);
  return err;
}

static int start(struct program *p) {
  const char *host = getenv("HOST"), *port = getenv("PORT");
  int err = start_server(p);
  if (!err) err = listen_on(p, host ? host : "0.0.0.0", port ? atoi(port) : 3000);
  if (!err) err = uv_timer_start(&p->second, on_second, 1000, 1000);
  if (!err) err = uv_signal_start(&p->sigint, on_signal, SIGINT);
  if (!err) err = uv_signal_start(&p->sigterm, on_signal, SIGTERM);
  if (!err) err = uv_thread_create(&p->sensor, sensor, p);
  p->sensor_runs = !err;
  if (!err) printf("embed: http://localhost:%s/\n", port ? port : "3000");
  fflush(stdout);
  return err;
}

int main(void) {
  static struct program p;
  int err = init(&p);
  if (err) {
    fprintf(stderr, "embed: %s\n", uv_strerror(err));
    return 1;
  }
  err = start(&p);
  if (err) {
    fprintf(stderr, "embed: %s\n", sio_strerror(err));
    stop(&p);
  }
  uv_run(&p.loop, UV_RUN_DEFAULT);
  uv_cond_destroy(&p.changed);
  uv_mutex_destroy(&p.lock);
  return uv_loop_close(&p.loop) || err ? 1 : 0; /* UV_EBUSY: something was left on the loop */
}

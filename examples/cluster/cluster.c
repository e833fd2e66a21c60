/* SPDX-License-Identifier: MIT
 *
 * cluster.c - one of several servers that work as one over Redis; server.js beside it is another,
 * in Node.js. A page on any of them talks to the pages on all.
 *
 *   the page emits     say(text)
 *                      who(ack): how many servers, and the names of all pages and their servers
 *   the server emits   hello(server) to a page that connects; said(name, text) to all
 *
 * Environment: NAME of this server, REDIS (redis://localhost:6379), PORT (3000), HOST (0.0.0.0),
 * LOG ("json": the log is JSON). SIGINT and SIGTERM end it.
 *
 *   redis-server & PORT=3001 NAME=one ./cluster & PORT=3002 NAME=two node server.js
 */
#include <cjson/cJSON.h>
#include <sio/http.h>
#include <sio/redis.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cluster_page.h" /* page[]: the file beside this one, made by tools/embed-assets */

struct program {
  uv_loop_t loop;
  uv_signal_t sigint, sigterm;
  sio_server *srv;
  sio_redis *redis;
  sio_log_file log_file;
  const char *name;
};

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value ? value : otherwise;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Stores the name as the socket's shared data, which all servers of the cluster can read. */
static void on_connect(sio_socket *s, void *user) {
  const struct program *p = user;
  cJSON *data = cJSON_CreateObject();
  cJSON_AddStringToObject(data, "server", p->name);
  char *text = cJSON_PrintUnformatted(data);
  sio_socket_set_shared(s, sio_text(text));
  cJSON_free(text);
  cJSON_Delete(data);
  sio_emit(s, "hello", SIO_ARGS(p->name));
}

static void on_say(sio_socket *s, sio_event *e, void *user) {
  const struct program *p = user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "said", SIO_ARGS(p->name, sio_arg(e, 0)));
}

static void on_list(int status, sio_remote *list, size_t n, void *user) {
  cJSON *all = cJSON_CreateArray();
  for (size_t i = 0; i < n; i++)
    cJSON_AddItemToArray(all, cJSON_ParseWithLength(list[i].data.p, list[i].data.n));
  sio_ack_send(user, SIO_ARGS(sio_strerror(status), all));
  cJSON_Delete(all);
}

static void on_who(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  int err = sio_all_fetch((sio_target){ .nsp = sio_socket_nsp(s) }, 2000, on_list, ack);
  if (err) sio_ack_send(ack, SIO_ARGS(sio_strerror(err)));
}

/* ---- start and end -------------------------------------------------------------------------- */

static void on_closed(void *user) {
  struct program *p = user;
  sio_redis_free(p->redis);
}

static void on_end(uv_signal_t *h, int signum) {
  struct program *p = h->data;
  (void)signum;
  uv_close((uv_handle_t *)&p->sigint, NULL);
  uv_close((uv_handle_t *)&p->sigterm, NULL);
  sio_server_close(p->srv, on_closed, p);
}

static int start(struct program *p) {
  static sio_redis_adapter_options cluster;
  char why[256];
  sio_redis_options r = { .url = setting("REDIS", NULL),
                          .log = sio_log_to_file,
                          .log_user = &p->log_file,
                          .log_level = SIO_LOG_INFO };
  int err = sio_redis_new(&p->loop, &r, why, sizeof why, &p->redis);
  if (err) {
    printf("%s\n", why);
    return err;
  }
  cluster.redis = p->redis;
  sio_options o = { .adapter = sio_redis_adapter,
                    .adapter_user = &cluster,
                    .log = sio_log_to_file,
                    .log_user = &p->log_file };
  err = sio_server_new(&p->loop, &o, &p->srv);
  sio_nsp *root = err ? NULL : sio_nsp_find(p->srv, "/");
  if (!err) err = sio_on_connect(root, on_connect, p);
  if (!err) err = sio_on(root, "say", on_say, p);
  if (!err) err = sio_on(root, "who", on_who, p);
  if (!err) err = sio_assets(p->srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(p->srv, setting("HOST", NULL), atoi(setting("PORT", "3000")));
  return err;
}

static void watch(struct program *p, uv_signal_t *h, int signum) {
  uv_signal_init(&p->loop, h);
  h->data = p;
  uv_signal_start(h, on_end, signum);
}

int main(void) {
  static struct program p;
  p.name = setting("NAME", "C");
  p.log_file.json = strcmp(setting("LOG", ""), "json") == 0;
  uv_loop_init(&p.loop);
  int err = start(&p);
  if (err) {
    printf("cannot start: %s\n", sio_strerror(err));
    return 1;
  }
  watch(&p, &p.sigint, SIGINT);
  watch(&p, &p.sigterm, SIGTERM);
  uv_run(&p.loop, UV_RUN_DEFAULT);
  return uv_loop_close(&p.loop) ? 1 : 0;
}

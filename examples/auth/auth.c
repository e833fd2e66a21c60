/* SPDX-License-Identifier: MIT
 *
 * auth.c - tokens that expire: a page signs in over HTTP, connects with the token that it got, and
 * is disconnected when the token's time is over, unless it has renewed it.
 *
 *   POST /login   body "name password"; answers 200 with a token, or 401
 *   io({ auth: { token } })   connect_error "expired" if the token is not valid (any more)
 *   the server emits          you(name, ms)   to a page that has connected: its token lasts ms more
 *   the page emits            renew()         ack: a new token, ms
 *
 * A token is random; only the server knows what it stands for. On a network, use TLS: secure.c.
 * Environment: PORT (3000), SECONDS (20): how long a token lasts. The password is "sesame".
 */
#include <cjson/cJSON.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "auth_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { TOKENS = 256, TOKEN_BYTES = 16 };

struct token {
  char text[2 * TOKEN_BYTES + 1], name[32];
  uint64_t until; /* on the clock of uv_now() */
};

static struct token tokens[TOKENS]; /* a ring: the oldest makes room */
static size_t ntokens;
static unsigned lifetime_ms = 20000;

static const struct token *token_new(const char *name) {
  struct token *t = &tokens[ntokens++ % TOKENS];
  unsigned char bytes[TOKEN_BYTES];
  if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL)) abort();
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(t->text + 2 * i, 3, "%02x", bytes[i]);
  snprintf(t->name, sizeof t->name, "%s", name);
  t->until = uv_now(uv_default_loop()) + lifetime_ms;
  return t;
}

/* The valid token that a page sent when it connected, or NULL. */
static const struct token *token_of(sio_socket *s) {
  const cJSON *auth = sio_socket_auth_tree(s);
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(auth, "token"));
  uint64_t now = uv_now(uv_default_loop());
  for (const struct token *t = tokens; text && t < tokens + TOKENS; t++)
    if (t->until > now && strcmp(t->text, text) == 0) return t;
  return NULL;
}

static void on_login(sio_request *r, void *user) {
  sio_slice body = sio_request_info_of(r).body;
  char text[128], name[32], word[64];
  (void)user;
  snprintf(text, sizeof text, "%.*s", (int)(body.n < sizeof text ? body.n : sizeof text), body.p);
  bool ok = sscanf(text, "%31s %63s", name, word) == 2 && strcmp(word, "sesame") == 0;
  sio_respond(r, ok ? 200 : 401, "text/plain",
              sio_text(ok ? token_new(name)->text : "That is not the password."));
}

static void on_middleware(sio_socket *s, sio_next *next, void *user) {
  const struct token *t = token_of(s);
  (void)user;
  if (t)
    sio_next_ok(next);
  else
    sio_next_fail(next, "expired", sio_null());
}

static void on_connect(sio_socket *s, void *user) {
  const struct token *t = token_of(s);
  unsigned left_ms = t ? (unsigned)(t->until - uv_now(uv_default_loop())) : 1; /* just expired? */
  (void)user;
  sio_socket_set_deadline(s, left_ms);
  if (!t) return;
  strcpy(sio_socket_data(s), t->name);
  sio_emit(s, "you", SIO_ARGS(t->name, left_ms));
}

static void on_renew(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_socket_set_deadline(s, lifetime_ms);
  sio_reply(e, SIO_ARGS(token_new(sio_socket_data(s))->text, lifetime_ms));
}

static void on_signal(uv_signal_t *h, int signum) {
  (void)signum;
  uv_close((uv_handle_t *)h, NULL);
  sio_server_close(h->data, NULL, NULL);
}

int main(void) {
  const char *port = getenv("PORT"), *seconds = getenv("SECONDS");
  uv_loop_t *loop = uv_default_loop();
  uv_signal_t sigterm;
  sio_server *srv;
  sio_nsp *root;
  if (seconds) lifetime_ms = 1000 * (unsigned)atoi(seconds);
  int err = sio_server_new(loop, &(sio_options){ .socket_data_size = sizeof tokens->name }, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_use(root, on_middleware, NULL);
  if (!err) err = sio_on_connect(root, on_connect, NULL);
  if (!err) err = sio_on(root, "renew", on_renew, NULL);
  if (!err) err = sio_route(srv, "POST", "/login", 128, on_login, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(srv, NULL, port ? atoi(port) : 3000);
  if (err) return fprintf(stderr, "auth: %s\n", sio_strerror(err)), 1;
  uv_signal_init(loop, &sigterm);
  sigterm.data = srv;
  uv_signal_start(&sigterm, on_signal, SIGTERM);
  printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) ? 1 : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * secure.c - a page over https:// and wss://, with certificates that can change while it runs.
 *
 *   the server emits   tls(version, cipher, who)   to a page that connects; who: its certificate's
 *                                                  name
 *                      said(text)                  to all
 *   the page emits     say(text)
 *
 * Environment: CERT and KEY, PEM files, or PFX and PASSPHRASE; CA: a PEM file of those whose
 * certificates clients may show; PORT (8443), HOST (0.0.0.0); LOG ("json": the log is JSON). SIGHUP
 * reads the files again; SIGINT and SIGTERM end it. For a try at home:
 *
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
 *     -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
 *   CERT=cert.pem KEY=key.pem ./secure
 */
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/openssl.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "secure_page.h" /* page[]: the file of this folder, made by tools/embed-assets */

struct program {
  uv_loop_t loop;
  uv_signal_t sigint, sigterm, sighup;
  sio_server *srv;
  sio_tls *tls;
  sio_log_file log_file;
};

/* ---- certificates --------------------------------------------------------------------------- */

static sio_openssl_options options(void) {
  return (sio_openssl_options){ .identity = { .cert_file = getenv("CERT"),
                                              .key_file = getenv("KEY"),
                                              .pfx_file = getenv("PFX"),
                                              .passphrase = getenv("PASSPHRASE") },
                                .ca_file = getenv("CA"),
                                .request_cert = getenv("CA") != NULL,
                                .accept_unauthorized = getenv("CA") != NULL };
}

/* Existing connections continue. If the new files are invalid, the old ones stay in use. */
static void on_sighup(uv_signal_t *h, int signum) {
  struct program *p = h->data;
  sio_openssl_options o = options();
  char why[256];
  (void)signum;
  if (sio_openssl_reload(p->tls, &o, why, sizeof why))
    printf("not reloaded: %s\n", why);
  else
    puts("reloaded");
  fflush(stdout);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void on_connect(sio_socket *s, void *user) {
  const sio_tls_info *i = sio_session_info_of(sio_socket_session(s)).tls;
  (void)user;
  if (i) sio_emit(s, "tls", SIO_ARGS(i->version, i->cipher, i->verified ? i->subject : ""));
}

static void on_say(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "said", SIO_ARGS(sio_arg(e, 0)));
}

/* ---- start and end -------------------------------------------------------------------------- */

static void on_end(uv_signal_t *h, int signum) {
  struct program *p = h->data;
  (void)signum;
  uv_close((uv_handle_t *)&p->sigint, NULL);
  uv_close((uv_handle_t *)&p->sigterm, NULL);
  uv_close((uv_handle_t *)&p->sighup, NULL);
  sio_server_close(p->srv, NULL, NULL);
}

static void watch(struct program *p, uv_signal_t *h, uv_signal_cb cb, int signum) {
  uv_signal_init(&p->loop, h);
  h->data = p;
  uv_signal_start(h, cb, signum);
}

static int serve(struct program *p) {
  sio_nsp *nsp;
  const char *port = getenv("PORT"), *host = getenv("HOST"), *log = getenv("LOG");
  p->log_file = (sio_log_file){ .json = log && strcmp(log, "json") == 0 };
  sio_options o = { .log = sio_log_to_file, .log_user = &p->log_file };
  int err = sio_server_new(&p->loop, &o, &p->srv);
  if (!err) err = sio_of(p->srv, "/", &nsp);
  if (!err) err = sio_on_connect(nsp, on_connect, NULL);
  if (!err) err = sio_on(nsp, "say", on_say, NULL);
  if (!err) err = sio_assets(p->srv, "/", page, sizeof page / sizeof *page);
  if (!err)
    err = sio_listen_with(p->srv, &(sio_listen_options){ .host = host ? host : "0.0.0.0",
                                                         .port = port ? atoi(port) : 8443,
                                                         .tls = p->tls });
  if (err) fprintf(stderr, "secure: %s\n", sio_strerror(err));
  return err;
}

int main(void) {
  struct program p;
  sio_openssl_options o = options();
  char why[256];
  if (sio_openssl_new(&o, why, sizeof why, &p.tls)) {
    fprintf(stderr, "secure: %s\n", why);
    return 1;
  }
  uv_loop_init(&p.loop);
  int err = serve(&p);
  if (err) return 1;
  watch(&p, &p.sigint, on_end, SIGINT);
  watch(&p, &p.sigterm, on_end, SIGTERM);
  watch(&p, &p.sighup, on_sighup, SIGHUP);
  printf("https://localhost:%d/\n", sio_port(p.srv));
  fflush(stdout);
  uv_run(&p.loop, UV_RUN_DEFAULT);
  sio_openssl_free(p.tls);
  return uv_loop_close(&p.loop) ? 1 : 0;
}

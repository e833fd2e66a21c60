/* SPDX-License-Identifier: MIT
 *
 * upload.c - a file goes up in pieces and comes down again, with a checksum over each direction.
 *
 *   the page emits            and gets in its ack
 *     begin(size)               error
 *     piece(offset, bytes)      error, how much has arrived
 *     end(crc)                  error        "damaged" if the CRC-32 of what arrived is another
 *     read(offset)              error, bytes, the CRC-32 of the whole file
 *
 * error is null when all went well. The port is PORT of the environment (3000).
 */
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "upload_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { PIECE = 64 * 1024, MAX_FILE = 32 * 1024 * 1024 };

struct file { /* the data of each socket, zeroed: see socket_data_size below */
  char *bytes;
  size_t size, arrived;
  uint32_t crc; /* of what has arrived */
};

/* CRC-32 as zlib and PNG have it. */
static uint32_t crc32_add(uint32_t crc, const char *p, size_t n) {
  crc = ~crc;
  for (size_t i = 0; i < n; i++) {
    crc ^= (unsigned char)p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static void on_begin(sio_socket *s, sio_event *e, void *user) {
  struct file *f = sio_socket_data(s);
  int64_t size = 0;
  (void)user;
  free(f->bytes);
  *f = (struct file){ .bytes = NULL };
  if (sio_event_int(e, 0, &size) && size > 0 && size <= MAX_FILE) f->bytes = malloc((size_t)size);
  if (f->bytes) f->size = (size_t)size;
  sio_reply(e, SIO_ARGS(f->bytes ? NULL : "a file has 1 byte to 32 MiB"));
}

static void on_piece(sio_socket *s, sio_event *e, void *user) {
  struct file *f = sio_socket_data(s);
  sio_slice piece = sio_event_bin(e, 1);
  int64_t offset = -1;
  (void)user;
  sio_event_int(e, 0, &offset);
  bool fits = offset == (int64_t)f->arrived && piece.n && piece.n <= f->size - f->arrived;
  if (fits) {
    memcpy(f->bytes + f->arrived, piece.p, piece.n);
    f->crc = crc32_add(f->crc, piece.p, piece.n);
    f->arrived += piece.n;
  }
  sio_reply(e, SIO_ARGS(fits ? NULL : "not the next piece", f->arrived));
}

static void on_end(sio_socket *s, sio_event *e, void *user) {
  const struct file *f = sio_socket_data(s);
  int64_t crc = -1;
  (void)user;
  sio_event_int(e, 0, &crc);
  sio_reply(e, SIO_ARGS(f->size && f->arrived == f->size && crc == f->crc ? NULL : "damaged"));
}

static void on_read(sio_socket *s, sio_event *e, void *user) {
  const struct file *f = sio_socket_data(s);
  int64_t at = -1;
  (void)user;
  sio_event_int(e, 0, &at);
  size_t left = at >= 0 && at < (int64_t)f->arrived ? f->arrived - (size_t)at : 0;
  if (left == 0)
    sio_reply(e, SIO_ARGS("nothing is there"));
  else
    sio_reply(e, SIO_ARGS(sio_null(), sio_bin(f->bytes + at, left < PIECE ? left : PIECE), f->crc));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  free(((struct file *)sio_socket_data(s))->bytes);
}

static void on_signal(uv_signal_t *h, int signum) {
  (void)signum;
  uv_close((uv_handle_t *)h, NULL);
  sio_server_close(h->data, NULL, NULL);
}

int main(void) {
  uv_loop_t *loop = uv_default_loop();
  uv_signal_t sigterm;
  sio_server *srv;
  sio_nsp *root;
  int err = sio_server_new(loop, &(sio_options){ .socket_data_size = sizeof(struct file) }, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on(root, "begin", on_begin, NULL);
  if (!err) err = sio_on(root, "piece", on_piece, NULL);
  if (!err) err = sio_on(root, "end", on_end, NULL);
  if (!err) err = sio_on(root, "read", on_read, NULL);
  if (!err) err = sio_on_disconnect(root, on_disconnect, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(srv, NULL, getenv("PORT") ? atoi(getenv("PORT")) : 3000);
  if (err) return fprintf(stderr, "upload: %s\n", sio_strerror(err)), 1;
  uv_signal_init(loop, &sigterm);
  sigterm.data = srv;
  uv_signal_start(&sigterm, on_signal, SIGTERM);
  printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) ? 1 : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * peer_files.c - who asks for files of the host's, whole and in parts, and looks at each byte.
 */
#include "disk.h"
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "http_client.h"
#include "memory.h"

enum { ABSENT = DISK_FILES };

struct files {
  struct peer *peer;
  struct http_client http;
  unsigned file;   /* that is asked for, or ABSENT */
  size_t from, to; /* the part that is asked for; to is 0: all */
  char tag[64];    /* of the last answer */
  bool knows_tag;  /* the request says it */
};

static void ask(struct files *f) {
  static const char *const absent[] = { "/files/nothing", "/files/../secret", "/files/sub/",
                                        "/files/%2e%2e/x", "/files/a.txt/" };
  char head[400], path[64], more[100] = "";
  if (!http_client_open(&f->http)) return;
  f->file = draw(DISK_FILES + 1);
  f->to = 0;
  if (f->peer->room < 65536 && f->file == 1) f->file = 0; /* it is large */
  if (f->file == ABSENT)
    snprintf(path, sizeof path, "%s", absent[draw(5)]);
  else
    snprintf(path, sizeof path, "/files/%s", disk_files[f->file].name);
  if (f->file != ABSENT && draw(2)) {
    f->from = draw((uint32_t)disk_files[f->file].size);
    f->to = f->from + draw_size((uint32_t)(disk_files[f->file].size - f->from - 1));
    snprintf(more, sizeof more, "Range: bytes=%zu-%zu\r\n", f->from, f->to);
    f->to++;
  }
  f->knows_tag = *f->tag && draw_one_in(4);
  int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: sim\r\n%s%s%s%s\r\n", path, more,
                   f->knows_tag ? "If-None-Match: " : "", f->knows_tag ? f->tag : "",
                   f->knows_tag ? "\r\n" : "");
  http_client_say(&f->http, head, (size_t)n);
  f->http.waiting = 1;
}

static void check_bytes(const struct files *f, const struct http_answer *a, size_t from) {
  for (size_t i = 0; i < a->body_n; i++)
    if (a->body[i] != disk_byte(f->file, from + i))
      fault("a file comes with another content", "%s at %zu", disk_files[f->file].name, from + i);
}

static void check_part(const struct files *f, const struct http_answer *a) {
  char want[80];
  size_t n, size = disk_files[f->file].size;
  const char *range = http_answer_header(a, "content-range", &n);
  size_t len = (size_t)snprintf(want, sizeof want, "bytes %zu-%zu/%zu", f->from, f->to - 1, size);
  if (!range || n != len || memcmp(range, want, n) != 0 || a->body_n != f->to - f->from)
    fault("another part of a file than was asked for", "%s, not %.*s", want, (int)n, range);
  check_bytes(f, a, f->from);
}

static void check_answer(struct files *f, const struct http_answer *a) {
  size_t n;
  const char *tag = http_answer_header(a, "etag", &n);
  bool refused = a->status == 429 || a->status == 408 || a->status == 503;
  bool failed = disk.failed && (a->status == 404 || a->status == 503);
  if (refused || failed) return;
  if (f->file == ABSENT) {
    if (a->status != 404) fault("a file that is not there", "%d", a->status);
    return;
  }
  if (a->status == 304 && f->knows_tag) return;
  if (a->status == 206 && f->to)
    check_part(f, a);
  else if (a->status != 200 || f->to || a->body_n != disk_files[f->file].size)
    fault("a file is not answered as it should be", "%d, %zu bytes", a->status, a->body_n);
  else
    check_bytes(f, a, 0);
  snprintf(f->tag, sizeof f->tag, "%.*s", (int)n, tag ? tag : "");
}

/* ---- a peer ------------------------------------------------------------------------- */

static void start(struct peer *p) {
  struct files *f = p->state;
  f->peer = f->http.peer = p;
  p->wake = kernel.now + draw_size(1000000) + 1000;
}

static void step(struct peer *p) {
  struct files *f = p->state;
  if (!host.calm && !f->http.waiting) ask(f);
  if (draw_one_in(60)) http_client_hang_up(&f->http);
  p->wake = kernel.now + 1000 + draw_size(3000000);
}

static void data(struct peer *p, struct wire *w) {
  struct files *f = p->state;
  struct http_answer a;
  (void)w;
  http_client_read(&f->http);
  if (p->crooked) f->http.in.n = 0;
  while (f->http.wire && http_client_look(&f->http, &a)) {
    if (!f->http.waiting && a.status != 408)
      fault("an answer that nobody asked for", "%d", a.status);
    check_answer(f, &a);
    http_client_next(&f->http, &a);
  }
}

static void ended(struct peer *p, struct wire *w) {
  struct files *f = p->state;
  (void)w;
  http_client_hang_up(&f->http);
}

static void stop(struct peer *p) {
  struct files *f = p->state;
  http_client_free(&f->http);
}

static void settled(struct peer *p) {
  const struct files *f = p->state;
  if (f->http.wire && f->http.waiting && !p->crooked && !memory.failed)
    fault("a request is not answered", "peer %u waits for a file", p->number);
}

const struct peer_kind peer_files = { .name = "files",
                                      .size = sizeof(struct files),
                                      .start = start,
                                      .step = step,
                                      .data = data,
                                      .ended = ended,
                                      .stop = stop,
                                      .settled = settled };

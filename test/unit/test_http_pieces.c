/* SPDX-License-Identifier: MIT
 *
 * test_http_pieces.c - long answers, read while the peer takes them: files and embedded assets.
 */
#include "http/assets.h"
#include "http/static.h"
#include "http_rig.h"
#include "wrapped.h"
#include <dirent.h>
#include <malloc.h>
#include <sio/error.h>
#include <sys/stat.h>

enum { LONG = 300000 };

/* ---- memory, and a disk that fails --------------------------------------------------------- */

static size_t live, peak, blocks, fuse;
static int reads, fails_at;

ssize_t REAL(OFFSET64(pread))(int fd, void *p, size_t n, off_t at);
ssize_t WRAPPED(OFFSET64(pread))(int fd, void *p, size_t n, off_t at);
ssize_t WRAPPED(OFFSET64(pread))(int fd, void *p, size_t n, off_t at) {
  if (++reads != fails_at) return REAL(OFFSET64(pread))(fd, p, n, at);
  errno = EIO;
  return -1;
}

static void count(void *p) {
  live += malloc_usable_size(p);
  if (live > peak) peak = live;
}

static void *counted_malloc(size_t n) {
  void *p = fuse && fuse-- == 1 ? NULL : malloc(n);
  if (p) count(p), blocks++;
  return p;
}

static void counted_free(void *p) {
  if (p) live -= malloc_usable_size(p), blocks--;
  free(p);
}

static void *counted_realloc(void *p, size_t n) {
  if (!p) return counted_malloc(n);
  size_t before = malloc_usable_size(p);
  void *q = fuse && fuse-- == 1 ? NULL : realloc(p, n);
  if (q) live -= before, count(q);
  return q;
}

static unsigned open_files(void) {
  unsigned n = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d && readdir(d)) n++;
  closedir(d);
  return n;
}

/* ---- a directory with a long file, and a server -------------------------------------------- */

static char root[64], path[96];
static struct static_dir *dir;
static struct assets *assets;
static unsigned files_before;
static char pattern[LONG];
static char logged[256];

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  snprintf(logged, sizeof logged, "%s", l->text);
}

static void serve(sio_request *r) {
  int status = 0;
  if (!assets)
    status = sio__static_answer_with_file_or_redirect(dir, r, r->path);
  else if (!sio__assets_answer_if_found(assets, r, r->path))
    status = 404;
  if (!status) return;
  r->extra_headers.n = 0;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
}

static void write_long(size_t n) {
  FILE *f = fopen(path, "w");
  if (!f || fwrite(pattern, 1, n, f) != n) abort();
  fclose(f);
}

static void start(void) {
  for (size_t i = 0; i < LONG; i++) pattern[i] = (char)(i * 7 + i / 251);
  rig_open(); /* libuv keeps what its first loop in a process opens */
  rig_close();
  files_before = open_files();
  blocks = live = peak = fuse = 0;
  reads = fails_at = 0;
  logged[0] = '\0';
  if (sio_set_allocator(counted_malloc, counted_realloc, counted_free)) abort();
  strcpy(root, "/tmp/sio-pieces-XXXXXX");
  if (!mkdtemp(root)) abort();
  snprintf(path, sizeof path, "%s/long", root);
  write_long(LONG);
  rig_open();
  sio__log_init(&rig->log, on_log, NULL, SIO_LOG_WARN);
  rig->at_request = serve;
  if (sio__static_dir_open(&dir, root)) abort();
}

/* Nothing is left: no memory and no descriptor. */
static void stop(void) {
  rig_close();
  sio__static_dir_close(dir);
  sio__assets_free(assets);
  assets = NULL;
  unlink(path);
  rmdir(root);
  EQ(blocks, 0);
  EQ(open_files(), files_before);
}

static void rig_write(const char *text) {
  EQ(send(rig->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Turns and reads until nothing comes any more. */
static void hear_all(void) {
  for (size_t before = (size_t)-1; before != rig->n && !rig->fin;) {
    before = rig->n;
    for (int i = 0; i < 3; i++) rig_turns();
    rig_read();
  }
}

static const char *ask_all(const char *request) {
  rig->n = 0;
  rig_write(request);
  hear_all();
  return rig->out;
}

static bool is_pattern(const char *p, size_t from, size_t n) {
  return memcmp(p, pattern + from, n) == 0;
}

/* The head and the whole file are there; what follows them. */
static const char *whole(const char *answer) {
  const char *body = body_of(answer);
  bool ok = says(answer, "\r\nContent-Length: 300000\r\n") &&
            (size_t)(rig->out + rig->n - body) >= LONG && is_pattern(body, 0, LONG);
  CHECK(ok);
  return ok ? body + LONG : "";
}

/* ---- what it takes ------------------------------------------------------------------------- */

TEST(requests_for_a_long_file_hold_one_piece_of_it) {
  start();
  if (truncate(path, 60 << 20)) abort();
  size_t before = live;
  peak = live;
  for (int i = 0; i < 10; i++) rig_write(GET("/long"));
  for (int i = 0; i < 10; i++) rig_turns();
  CHECK(peak - before < 150000);
  for (int i = 0; i < 20; i++) {
    rig->n = 0;
    rig_read();
    rig_turns();
  }
  CHECK(peak - before < 150000);
  stop();
}

TEST(a_file_may_have_any_length) {
  start();
  if (truncate(path, (off_t)5 << 30)) abort();
  ask_all("HEAD /long HTTP/1.1\r\n" HOST "\r\n");
  CHECK(says(rig->out, "200 OK\r\n") && says(rig->out, "\r\nContent-Length: 5368709120\r\n"));
  IS(body_of(ask_all("GET /long HTTP/1.1\r\n" HOST "Range: bytes=5368709100-\r\n\r\n")), "");
  CHECK(says(rig->out, "\r\nContent-Range: bytes 5368709100-5368709119/5368709120\r\n"));
  CHECK(says(rig->out, "\r\nContent-Length: 20\r\n"));
  stop();
}

TEST(a_long_asset_is_copied_piece_by_piece_too) {
  static const sio_asset table[] = { { "/long", "image/png", pattern, LONG, "\"1\"" } };
  start();
  if (sio__assets_new(&assets, table, 1, NULL)) abort();
  size_t before = live;
  peak = live;
  for (int i = 0; i < 3; i++) rig_write(GET("/long"));
  for (int i = 0; i < 10; i++) rig_turns();
  CHECK(peak - before < 150000);
  hear_all();
  const char *rest = rig->out;
  for (int i = 0; i < 3; i++) rest = whole(rest);
  EQ_STR(rest, "");
  stop();
}

/* ---- how it comes -------------------------------------------------------------------------- */

TEST(a_long_file_comes_whole_and_what_is_asked_behind_it_afterwards) {
  start();
  const char *rest = whole(ask_all(GET("/long") GET("/none") GET("/long")));
  CHECK(says(rest, "HTTP/1.1 404 Not Found\r\n"));
  EQ_STR(whole(strstr(rest, "\r\n\r\n") + 4), "");
  CHECK(says(rig->out, "\r\nConnection: keep-alive\r\n"));
  CHECK(!rig->fin);
  EQ(rig->http.stats.answers[1], 2);
  stop();
}

TEST(the_connection_ends_behind_a_file_where_it_was_to) {
  start();
  whole(ask_all("GET /long HTTP/1.0\r\n\r\n"));
  CHECK(says(rig->out, "\r\nConnection: close\r\n"));
  CHECK(rig->fin);
  rig_connect();
  whole(ask_all("GET /long HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
  CHECK(rig->fin);
  stop();
}

TEST(a_peer_that_sends_no_more_is_sent_all_of_it) {
  start();
  rig_write(GET("/long"));
  shutdown(rig->fd, SHUT_WR);
  hear_all();
  whole(rig->out);
  CHECK(rig->fin);
  EQ(rig->http.nconns, 0);
  stop();
}

TEST(a_file_that_answers_before_the_body_has_come_is_the_last) {
  start();
  rig->at_head = serve;
  whole(ask_all("GET /long HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n"));
  CHECK(says(rig->out, "\r\nConnection: close\r\n"));
  CHECK(rig->fin);
  stop();
}

TEST(a_head_request_reads_nothing) {
  start();
  ask_all("HEAD /long HTTP/1.1\r\n" HOST "\r\n");
  CHECK(says(rig->out, "\r\nContent-Length: 300000\r\n"));
  EQ_STR(body_of(rig->out), "");
  EQ(reads, 0);
  CHECK(!rig->fin);
  stop();
}

/* ---- when it cannot be sent ---------------------------------------------------------------- */

/* It has begun, and then the file is not what it was. */
static void check_cut(void (*change)(void)) {
  start();
  rig_write(GET("/long"));
  rig_turns();
  change();
  hear_all();
  CHECK(says(rig->out, "\r\nContent-Length: 300000\r\n"));
  CHECK(rig->fin);
  CHECK(rig->n < LONG);
  CHECK(says(logged, "in the middle of an answer: the file was modified while it was sent"));
  stop();
}

static void shorten(void) {
  if (truncate(path, 1000)) abort();
}

static void lengthen(void) {
  FILE *f = fopen(path, "a");
  fputs("more", f);
  fclose(f);
}

static void rewrite(void) {
  struct stat st;
  if (stat(path, &st)) abort();
  memset(pattern, 'x', sizeof pattern);
  write_long(LONG);
  struct timespec times[2] = { st.st_atim, st.st_mtim };
  times[1].tv_nsec = (times[1].tv_nsec + 1000) % 1000000000;
  if (utimensat(AT_FDCWD, path, times, 0)) abort();
}

TEST(a_file_that_is_shortened_meanwhile_closes_the_connection) { check_cut(shorten); }
TEST(so_does_one_that_is_lengthened) { check_cut(lengthen); }
static void touch(void) {
  struct stat st;
  if (stat(path, &st)) abort();
  struct timespec times[2] = { st.st_atim, st.st_mtim };
  times[1].tv_sec++;
  if (utimensat(AT_FDCWD, path, times, 0)) abort();
}

TEST(so_does_one_whose_time_has_changed_by_whole_seconds) { check_cut(touch); }
TEST(so_does_one_that_is_written_over) { check_cut(rewrite); }

TEST(a_file_that_is_replaced_is_sent_as_it_was) {
  start();
  rig_write(GET("/long"));
  rig_turns();
  if (unlink(path)) abort();
  hear_all();
  whole(rig->out);
  stop();
}

TEST(a_disk_that_fails_at_once_is_a_503) {
  start();
  fails_at = 1;
  ask_all(GET("/long"));
  EQ(status_of(rig->out), 503);
  CHECK(!says(rig->out, "ETag") && !says(rig->out, "Accept-Ranges"));
  whole(ask_all(GET("/long")));
  stop();
}

TEST(a_disk_that_fails_later_closes_the_connection) {
  start();
  fails_at = 3;
  ask_all(GET("/long"));
  CHECK(rig->fin);
  CHECK(rig->n < LONG);
  CHECK(says(logged, "in the middle of an answer: "));
  stop();
}

/* ---- peers --------------------------------------------------------------------------------- */

static void hang_up(void) {
  close(rig->fd);
  rig->fd = -1;
  for (int i = 0; i < 5; i++) rig_turns();
  EQ(rig->http.nconns, 0);
}

TEST(a_peer_that_vanishes_in_the_middle_leaves_nothing) {
  start();
  unsigned before = open_files();
  rig_write(GET("/long"));
  rig_turns();
  EQ(open_files(), before + 1);
  hang_up();
  EQ(open_files(), before - 2);
  stop();
}

/* The kernel holds what it can of it. */
static void fill(void) {
  if (truncate(path, 60 << 20)) abort();
  rig_write(GET("/long"));
  for (int i = 0; i < 30; i++) rig_turns();
}

TEST(a_peer_that_never_reads_is_closed) {
  start();
  fill();
  rig_pass(30000);
  EQ(rig->http.nconns, 1);
  rig_pass(30000);
  EQ(rig->http.nconns, 0);
  stop();
}

TEST(a_peer_that_reads_slowly_is_waited_for) {
  start();
  fill();
  for (int i = 0; i < 10; i++) {
    rig_pass(29000);
    EQ(rig->http.nconns, 1);
    rig->n = 0;
    rig_read();
    rig_turns();
  }
  EQ(rig->http.nconns, 1);
  stop();
}

/* ---- the server ---------------------------------------------------------------------------- */

TEST(a_server_that_drains_sends_it_to_its_end) {
  start();
  rig_write(GET("/long"));
  rig_turns();
  sio__http_close_conns_after_answers(&rig->http);
  hear_all();
  whole(rig->out);
  CHECK(rig->fin);
  hang_up();
  stop();
}

TEST(a_server_that_closes_ends_it) {
  start();
  fill();
  sio__http_close_all_conns_and_abort_requests(&rig->http);
  rig_turns();
  EQ(rig->http.nconns, 0);
  stop();
}

TEST(without_memory_it_is_whole_or_refused_or_ends) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    start();
    fuse = i;
    ask_all(GET("/long") GET("/long"));
    failed = fuse == 0;
    fuse = 0;
    if (!rig->fin && status_of(rig->out) == 200) whole(rig->out);
    CHECK(rig->fin || rig->n > 0);
    stop();
  }
  CHECK(!failed);
}

TESTS_BEGIN
T(requests_for_a_long_file_hold_one_piece_of_it)
T(a_file_may_have_any_length)
T(a_long_asset_is_copied_piece_by_piece_too)
T(a_long_file_comes_whole_and_what_is_asked_behind_it_afterwards)
T(the_connection_ends_behind_a_file_where_it_was_to)
T(a_peer_that_sends_no_more_is_sent_all_of_it)
T(a_file_that_answers_before_the_body_has_come_is_the_last)
T(a_head_request_reads_nothing)
T(a_file_that_is_shortened_meanwhile_closes_the_connection)
T(so_does_one_that_is_lengthened)
T(so_does_one_whose_time_has_changed_by_whole_seconds)
T(so_does_one_that_is_written_over)
T(a_file_that_is_replaced_is_sent_as_it_was)
T(a_disk_that_fails_at_once_is_a_503)
T(a_disk_that_fails_later_closes_the_connection)
T(a_peer_that_vanishes_in_the_middle_leaves_nothing)
T(a_peer_that_never_reads_is_closed)
T(a_peer_that_reads_slowly_is_waited_for)
T(a_server_that_drains_sends_it_to_its_end)
T(a_server_that_closes_ends_it)
T(without_memory_it_is_whole_or_refused_or_ends)
TESTS_END

/* SPDX-License-Identifier: MIT
 *
 * Memory ends within an answer: the peer gets the whole of it, a 503, or the end of its connection,
 * and never half an answer or one that lacks a line. Lines are put into a buffer that doubles, so
 * filler of every length before them makes each of them the one that does not fit.
 */
#include "alloc.h"
#include "http/assets.h"
#include "http/coding.h"
#include "http/cors.h"
#include "http/hand_over.h"
#include "http/kept_head.h"
#include "http/routes.h"
#include "http/static.h"
#include "http_rig.h"
#include <sys/stat.h>

static char root[64], text[2000];
static struct static_dir *dir;
static struct assets *assets;
static struct routes routes;
static sio_cors *cors;
static struct deflater *packer;
static size_t filler, fuse;
static int result; /* of what answers, where it says so */
static bool failed;

/* ---- what answers --------------------------------------------------------------------------- */

static void by_static(sio_request *r) {
  int status = sio__static_answer_with_file_or_redirect(dir, r, r->path);
  if (!status) return;
  r->extra_headers.n = 0;
  sio__request_answer_plain_text(r, status, "Not Found\n");
}
static void by_assets(sio_request *r) {
  if (!sio__assets_answer_if_found(assets, r, r->path))
    sio__request_answer_plain_text(r, 404, "Not Found\n");
}
static void by_cors(sio_request *r) {
  result = sio__cors_add_headers_or_answer_preflight(cors, r);
  if (result < 0) sio__request_close_without_answer(r); /* as its callers do */
}
static void by_coding(sio_request *r) {
  struct msg *m = sio__msg_from_bytes(&rig->loop.msgs, text, sizeof text);
  result = m ? sio__coding_answer_compressed_if_accepted(r, 200, "text/plain", m) : UV_ENOMEM;
  msg_unref(m);
  if (result) sio__request_close_without_answer(r);
}
static void by_respond_file(sio_request *r) {
  result = sio_respond_file(r, root, "a.txt");
  if (result && !r->answered) sio__request_close_without_answer(r);
}
static void by_routes(sio_request *r) {
  r->mount = &routes.mount;
  routes.mount.on_head(r);
}

static const struct {
  const char *request;
  void (*answer)(sio_request *r);
} table[] = {
  { GET("/a.txt"), by_static },
  { "GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=1-2\r\n\r\n", by_static },
  { "HEAD /a.txt HTTP/1.1\r\n" HOST "\r\n", by_static },
  { GET("/sub"), by_static },
  { GET("/"), by_respond_file },
  { GET("/a.css"), by_assets },
  { "GET /a.css HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n", by_assets },
  { "OPTIONS / HTTP/1.1\r\n" HOST "Origin: http://a\r\nAccess-Control-Request-Headers: x\r\n\r\n",
    by_cors },
  { "GET / HTTP/1.1\r\n" HOST "Accept-Encoding: deflate\r\n\r\n", by_coding },
  { GET("/routed"), by_routes },
};

/* ---- each allocation of each answer ---------------------------------------------------------- */

static size_t which;

static void at_request(sio_request *r) {
  static char fill[1000];
  memset(fill, 'a', sizeof fill);
  sio__buf_clear(&r->extra_headers); /* a request that is used again keeps its buffer */
  if (filler) EQ(sio__request_add_answer_header(r, "X-Fill", slice(fill, filler)), 0);
  alloc_fail_in(fuse);
  table[which].answer(r);
  failed = fuse > 0 && alloc_fuse == 0;
  alloc_fail_in(0);
}

static const sio_asset files[] = { { "/a.css", "text/css", text, sizeof text, NULL } };

static void never(sio_request *r, void *user) { (void)r, (void)user; }

static void open_all(void) {
  static const sio_cors with = {
    .reflect_origin = true, .credentials = true, .exposed_headers = "x", .max_age_s = 5
  };
  char path[96];
  memset(text, 'b', sizeof text);
  strcpy(root, "/tmp/sio-memory-XXXXXX");
  if (!mkdtemp(root)) abort();
  snprintf(path, sizeof path, "%s/sub", root);
  if (mkdir(path, 0700)) abort();
  snprintf(path, sizeof path, "%s/a.txt", root);
  FILE *f = fopen(path, "w");
  fputs("0123456789", f);
  fclose(f);
  alloc_install();
  rig_open();
  packer = sio__deflater_new(&(struct deflate_settings){ 0 });
  rig->http.deflater = packer;
  rig->http.compress_from = 1024;
  rig->at_request = at_request;
  if (sio__static_dir_open(&dir, root) || sio__cors_options_validate_and_copy(&cors, &with))
    abort();
  if (sio__assets_new(&assets, files, 1, NULL)) abort();
  sio__routes_init(&routes);
  if (sio__routes_add_callback(&routes, "PUT", "/routed", 0, never, NULL)) abort();
  if (sio__routes_add_callback(&routes, "DELETE", "/routed", 0, never, NULL)) abort();
}

static void close_all(void) {
  char path[96];
  sio__assets_free(assets); /* its packed files are of the rig's pool */
  rig_close();
  sio__deflater_free(packer);
  sio__static_dir_close(dir);
  sio__cors_options_free(cors);
  sio__routes_free_all(&routes);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
  snprintf(path, sizeof path, "%s/sub", root);
  rmdir(path);
  snprintf(path, sizeof path, "%s/a.txt", root);
  unlink(path);
  rmdir(root);
}

static const char *answer_with(size_t fill, size_t failing) {
  filler = fill;
  fuse = failing;
  rig_connect();
  ask_n(table[which].request, strlen(table[which].request));
  return rig->out;
}

/* A coded answer without memory to code it is as good. */
static bool is_uncoded(const char *answer) {
  return status_of(answer) == 200 && !says(answer, "Content-Encoding") &&
         memcmp(body_of(answer), text, sizeof text) == 0;
}

/* What was said of a file is not said of a 503. */
static bool is_bare(const char *answer) {
  return !says(answer, "Cache-Control") && !says(answer, "Last-Modified") && !says(answer, "ETag");
}

static void one_filler(size_t fill) {
  static char want[8192];
  size_t n;
  failed = true;
  for (size_t i = 1; failed && i < 30; i++) {
    answer_with(fill, 0);
    n = rig->n;
    if (n > sizeof want) abort();
    memcpy(want, rig->out, n);
    answer_with(fill, i);
    bool same = rig->n == n && strcmp(undated(rig->out), undated(want)) == 0;
    bool ended = rig->n == 0 && rig->fin;
    CHECK(same || ended || status_of(rig->out) == 503 || is_uncoded(rig->out));
    if (status_of(rig->out) == 503) CHECK(is_bare(rig->out));
    if (!failed) CHECK(same);
  }
  CHECK(!failed);
}

TEST(an_answer_is_whole_or_a_503_or_the_end_at_whatever_line_memory_ends) {
  for (which = 0; which < sizeof table / sizeof *table; which++) {
    open_all();
    for (size_t fill = 0; fill < 520; fill += 13) one_filler(fill);
    close_all();
  }
}

/* ---- tables and routes --------------------------------------------------------------------- */

TEST(without_memory_a_table_is_not_made_and_the_host_told) {
  alloc_install();
  int err = UV_ENOMEM;
  for (size_t i = 1; err; i++) {
    struct assets *a = NULL;
    alloc_fail_in(i);
    err = sio__assets_new(&a, files, 1, "no-store");
    alloc_fail_in(0);
    CHECK(err == UV_ENOMEM || i == 4);
    sio__assets_free(a);
  }
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

static struct kept_head *kept;
static void keep_head(sio_request *r) {
  kept = sio__kept_request_head_new(r);
  rig_echo(r);
}

TEST(a_head_that_is_to_be_forgotten_is_so_without_memory_too) {
  alloc_install();
  rig_open();
  rig->at_request = keep_head;
  EQ(status_of(ask(GET("/secret"))), 200);
  rig_close();
  REQUIRE(kept != NULL);
  alloc_fail_all();
  kept = sio__kept_request_head_drop_url_and_headers(kept);
  alloc_fail_in(0);
  EQ(sio__kept_request_head_url(kept).n, 0);
  CHECK(sio__kept_request_head_header(kept, "Host").p == NULL);
  sio__free(kept);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

/* ---- heads --------------------------------------------------------------------------------- */

TEST(a_head_for_which_there_is_no_memory_does_not_count_as_malformed) {
  bool all_read = false;
  unsigned refused = 0;
  alloc_install();
  for (size_t i = 1; !all_read; i++) {
    rig_open(); /* a request that is used again keeps its buffers */
    alloc_fail_in(i);
    ask("GET / HTTP/1.1\r\n" HOST "A: 1\r\nA: 2\r\nB: 3\r\n\r\n");
    all_read = alloc_fuse > 0;
    alloc_fail_in(0);
    bool is_503 = status_of(rig->out) == 503;
    refused += is_503;
    EQ(rig->http.stats.refused[SIO_HTTP_NO_MEMORY], is_503);
    EQ(rig->http.stats.refused[SIO_HTTP_MALFORMED], 0);
    rig_close();
  }
  CHECK(refused > 0);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

/* ---- a connection that moves to another thread --------------------------------------------- */

TEST(what_is_kept_of_a_proxy_counts_as_memory_of_a_connection_that_moves) {
  struct proxy_info proxy;
  struct http_conn_transfer t = { 0 };
  size_t direct = sio__http_conn_transfer_memory_size(&t);
  t.proxy = &proxy;
  EQ(sio__http_conn_transfer_memory_size(&t), direct + sizeof proxy);
}

TESTS_BEGIN
T(an_answer_is_whole_or_a_503_or_the_end_at_whatever_line_memory_ends)
T(without_memory_a_table_is_not_made_and_the_host_told)
T(a_head_that_is_to_be_forgotten_is_so_without_memory_too)
T(a_head_for_which_there_is_no_memory_does_not_count_as_malformed)
T(what_is_kept_of_a_proxy_counts_as_memory_of_a_connection_that_moves)
TESTS_END

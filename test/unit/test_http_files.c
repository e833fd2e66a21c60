/* SPDX-License-Identifier: MIT
 *
 * test_http_files.c - files with headers of the host and a callback that decides about each request
 * (sio_static_with(), sio_assets_with()), and requests that a handler answers with a file
 * (sio_respond_file()).
 */
#include "http/routes.h"
#include "http_rig.h"
#include <ftw.h>
#include <sio/error.h>
#include <sys/stat.h>

static struct routes routes;
static char dir[64];

static const struct http_mount *to_routes(struct http *h, sio_request *r) {
  (void)h, (void)r;
  return &routes.mount;
}

static void write_file(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "w");
  if (!f) abort();
  fputs(text, f);
  fclose(f);
}

static void make_directory(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  if (mkdir(path, 0700)) abort();
}

static void begin(void) {
  strcpy(dir, "/tmp/sio-files-XXXXXX");
  if (!mkdtemp(dir)) abort();
  make_directory("pub");
  make_directory("pub/sub");
  write_file("secret", "secret");
  write_file("pub/a.js", "0123456789");
  write_file("pub/.hidden", "secret");
  write_file("pub/sub/b.txt", "b");
  strcat(dir, "/pub");
  rig_open();
  sio__routes_init(&routes);
  rig->http.route = to_routes;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

static void end(void) {
  rig_close();
  sio__routes_free_all(&routes);
  *strrchr(dir, '/') = '\0';
  nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* How often the answer has a header of this name. */
static unsigned times(const char *name) {
  unsigned n = 0;
  char line[64];
  snprintf(line, sizeof line, "\r\n%s: ", name);
  for (const char *at = rig->out; (at = strstr(at, line)); at++) n++;
  return n;
}

/* ---- headers ------------------------------------------------------------------------------- */

static const sio_asset table[] = { { "/a.js", "text/javascript", "let a", 5, "\"v1\"" } };

static void add_both(const sio_files_options *o) {
  EQ(sio__routes_add_static_directory(&routes, "/files", dir, o), 0);
  EQ(sio__routes_add_assets(&routes, "/assets", table, 1, o), 0);
}

static const char *const both[] = { "/files", "/assets" };

static const char *of(const char *prefix, const char *name) {
  static char path[64];
  snprintf(path, sizeof path, "%s%s", prefix, name);
  return path;
}

TEST(headers_of_the_host_are_on_each_answer_with_a_file) {
  static const sio_header headers[] = { { "Content-Security-Policy", "default-src 'self'" },
                                        { "cache-control", "max-age=3600, immutable" },
                                        { "X-Content-Type-Options", "none" },
                                        { "Content-Type", "text/plain" },
                                        { 0 } };
  begin();
  add_both(&(sio_files_options){ .headers = headers });
  for (int i = 0; i < 2; i++) {
    rig_request("GET", of(both[i], "/a.js"), "");
    CHECK(says(rig->out, "HTTP/1.1 200 OK\r\n"));
    CHECK(says(rig->out, "\r\nContent-Security-Policy: default-src 'self'\r\n"));
    CHECK(says(rig->out, "\r\ncache-control: max-age=3600, immutable\r\n"));
    CHECK(says(rig->out, "\r\nContent-Type: text/plain\r\n"));
    EQ(times("Cache-Control") + times("X-Content-Type-Options") + times("Content-Type"), 2);
    EQ(times("ETag"), 1);
    rig_request("GET", of(both[i], "/a.js"), "If-None-Match: *\r\n");
    CHECK(says(rig->out, "HTTP/1.1 304 Not Modified\r\n") && times("cache-control") == 1);
  }
  rig_request("GET", "/files/a.js", "Range: bytes=2-3\r\n");
  CHECK(says(rig->out, "HTTP/1.1 206 Partial Content\r\n") && times("cache-control") == 1);
  end();
}

TEST(what_is_not_there_has_none_of_them) {
  static const sio_header headers[] = { { "Cache-Control", "max-age=3600" }, { 0 } };
  begin();
  add_both(&(sio_files_options){ .headers = headers });
  for (int i = 0; i < 2; i++) {
    IS(rig_request("GET", of(both[i], "/none"), ""), "404 Not Found\n");
    EQ(times("Cache-Control"), 0);
  }
  end();
}

TEST(without_options_files_are_served_as_before) {
  begin();
  add_both(NULL);
  IS(rig_request("GET", "/files/a.js", ""), "200 0123456789");
  CHECK(says(rig->out, "\r\nCache-Control: public, max-age=0\r\n"));
  CHECK(says(rig->out, "\r\nContent-Type: text/javascript; charset=utf-8\r\n"));
  end();
}

TEST(headers_that_the_host_may_not_set_are_invalid) {
  static const sio_header bad[][2] = { { { "Content-Length", "1" }, { 0 } },
                                       { { "connection", "close" }, { 0 } },
                                       { { "a b", "1" }, { 0 } },
                                       { { "A", "1\r\nB: 2" }, { 0 } },
                                       { { "A", NULL }, { 0 } } };
  begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sio_files_options o = { .headers = bad[i] };
    EQ(sio__routes_add_static_directory(&routes, "/files", dir, &o), UV_EINVAL);
    EQ(sio__routes_add_assets(&routes, "/assets", table, 1, &o), UV_EINVAL);
  }
  EQ(sio__routes_add_static_directory(&routes, "/files", dir, &(sio_files_options){ .size = 1 }),
     UV_EINVAL);
  end();
}

/* ---- the callback -------------------------------------------------------------------------- */

static unsigned asked;

static int guard(sio_request *r, void *user) {
  sio_slice given = sio_request_header(r, "authorization");
  asked++;
  CHECK(user == &asked);
  EQ(sio_respond_header(r, "Cache-Control", "private"), 0);
  if (slice_equals_str(given, "Bearer good")) return 0;
  if (slice_equals_str(given, "own")) {
    EQ(sio_respond(r, 418, "text/plain", sio_text("own")), 0);
    return 0;
  }
  if (given.n) return (int)strtol(given.p, NULL, 10);
  EQ(sio_respond_header(r, "WWW-Authenticate", "Bearer"), 0);
  return 401;
}

static const sio_header cached[] = { { "Cache-Control", "max-age=1" }, { "X-A", "1" }, { 0 } };
static const sio_files_options guarded = { .headers = cached, .on_request = guard, .user = &asked };

TEST(a_callback_decides_before_the_file_is_looked_up) {
  begin();
  add_both(&guarded);
  for (int i = 0; i < 2; i++) {
    asked = 0;
    IS(rig_request("GET", of(both[i], "/none"), ""), "401 ");
    EQ(asked, 1);
    CHECK(says(rig->out, "\r\nWWW-Authenticate: Bearer\r\n") && times("X-A") == 0);
    IS(rig_request("GET", of(both[i], "/a.js"), "Authorization: own\r\n"), "418 own");
    IS(rig_request("GET", of(both[i], "/a.js"), "Authorization: 302\r\n"), "302 ");
    IS(rig_request("GET", of(both[i], "/a.js"), "Authorization: 7\r\n"), "403 ");
    IS(rig_request("GET", of(both[i], "/none"), "Authorization: Bearer good\r\n"),
       "404 Not Found\n");
    EQ(times("Cache-Control"), 0);
    rig_request("GET", of(both[i], "/a.js"), "Authorization: Bearer good\r\n");
    CHECK(says(rig->out, "HTTP/1.1 200 OK\r\n"));
    CHECK(says(rig->out, "\r\nCache-Control: private\r\n"));
    EQ(times("Cache-Control"), 1);
    EQ(times("X-A"), 1);
    IS(rig_request("HEAD", of(both[i], "/a.js"), "Authorization: Bearer good\r\n"), "200 ");
    IS(rig_request("POST", of(both[i], "/a.js"), "Content-Length: 0\r\n"),
       "405 Method Not Allowed\n");
    EQ(asked, 7);
  }
  end();
}

/* ---- too many headers ---------------------------------------------------------------------- */

static char long_value[(64 << 10) - 10];

static int add_long_header(sio_request *r, void *user) {
  (void)user;
  EQ(sio_respond_header(r, "A", long_value), 0);
  return 0;
}

static void expect_500_without_headers(void) {
  for (int i = 0; i < 2; i++) {
    IS(rig_request("GET", of(both[i], "/a.js"), ""), "500 ");
    EQ(times("A") + times("B") + times("ETag"), 0);
  }
  IS(rig_request("GET", "/files/sub", ""), "500 ");
  end();
}

TEST(a_file_with_too_many_headers_of_the_callback_is_a_500_without_them) {
  memset(long_value, 'x', sizeof long_value - 1);
  begin();
  add_both(&(sio_files_options){ .on_request = add_long_header });
  expect_500_without_headers();
}

TEST(a_file_with_too_many_headers_of_the_list_is_a_500_without_them) {
  static const sio_header headers[] = { { "A", long_value }, { "B", long_value }, { 0 } };
  memset(long_value, 'x', sizeof long_value - 1);
  begin();
  add_both(&(sio_files_options){ .headers = headers });
  expect_500_without_headers();
}

/* ---- a file as the answer of a handler ------------------------------------------------------- */

static int result;
static sio_request *held;
static char wanted[128];

static void send_wanted(sio_request *r, void *user) {
  (void)user;
  result = sio_respond_file(r, dir, wanted);
  if (result && result != SIO_ECLOSED && result != UV_ENOMEM)
    EQ(sio_respond(r, 404, NULL, sio_text("not here")), 0);
}

static void hold(sio_request *r, void *user) {
  (void)user;
  held = r;
}

TEST(a_handler_answers_with_a_file) {
  begin();
  EQ(sio__routes_add_callback(&routes, NULL, "/get", 0, send_wanted, NULL), 0);
  strcpy(wanted, "a.js");
  IS(rig_request("GET", "/get", ""), "200 0123456789");
  CHECK(says(rig->out, "\r\nContent-Type: text/javascript; charset=utf-8\r\n"));
  IS(rig_request("GET", "/get", "Range: bytes=2-4\r\n"), "206 234");
  IS(rig_request("GET", "/get", "If-None-Match: *\r\n"), "304 ");
  IS(rig_request("HEAD", "/get", ""), "200 ");
  IS(rig_request("POST", "/get", "Content-Length: 0\r\nIf-None-Match: *\r\nRange: bytes=2-4\r\n"),
     "200 0123456789");
  strcpy(wanted, "sub/b.txt");
  IS(rig_request("GET", "/get", ""), "200 b");
  end();
}

TEST(a_name_that_a_client_chooses_does_not_lead_out_of_the_directory) {
  static const struct {
    const char *name;
    int err;
  } t[] = {
    { "", UV_ENOENT },       { "none", UV_ENOENT },    { "../secret", UV_ENOENT },
    { "/a.js", UV_ENOENT },  { ".hidden", UV_ENOENT }, { "sub/../a.js", UV_ENOENT },
    { "sub", UV_EISDIR },    { "sub/", UV_ENOENT },    { "sub//b.txt", UV_ENOENT },
    { "./a.js", UV_ENOENT }, { "a.js/x", UV_ENOTDIR },
  };
  begin();
  EQ(sio__routes_add_callback(&routes, NULL, "/get", 0, send_wanted, NULL), 0);
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    strcpy(wanted, t[i].name);
    IS(rig_request("GET", "/get", ""), "404 not here");
    EQ(result, t[i].err);
    EQ(times("ETag") + times("Last-Modified"), 0);
  }
  end();
}

TEST(a_file_may_be_sent_later_also_to_a_client_that_has_gone) {
  begin();
  EQ(sio__routes_add_callback(&routes, NULL, "/later", 0, hold, NULL), 0);
  rig_request("GET", "/later", "");
  EQ(sio_respond_header(held, "Cache-Control", "no-store"), 0);
  EQ(sio_respond_file(held, NULL, "a.js"), UV_EINVAL);
  EQ(sio_respond_file(held, dir, NULL), UV_ENOENT);
  EQ(sio_respond_file(held, dir, "a.js"), 0);
  EQ(sio_respond_file(held, dir, "a.js"), SIO_ESTATE);
  const char *a = ask("");
  EQ(status_of(a), 200);
  EQ(times("Cache-Control"), 1);
  rig_request("GET", "/later", "");
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  EQ(sio_respond_file(held, dir, "none"), SIO_ECLOSED);
  end();
}

TESTS_BEGIN
T(headers_of_the_host_are_on_each_answer_with_a_file)
T(what_is_not_there_has_none_of_them)
T(without_options_files_are_served_as_before)
T(headers_that_the_host_may_not_set_are_invalid)
T(a_callback_decides_before_the_file_is_looked_up)
T(a_file_with_too_many_headers_of_the_callback_is_a_500_without_them)
T(a_file_with_too_many_headers_of_the_list_is_a_500_without_them)
T(a_handler_answers_with_a_file)
T(a_name_that_a_client_chooses_does_not_lead_out_of_the_directory)
T(a_file_may_be_sent_later_also_to_a_client_that_has_gone)
TESTS_END

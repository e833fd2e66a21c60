/* SPDX-License-Identifier: MIT */
#include "http/routes.h"
#include "http_rig.h"

static struct routes routes;

static void say(sio_request *r, void *user) {
  char text[256];
  int n = snprintf(text, sizeof text, "%s %.*s", (const char *)user, (int)r->body.n,
                   r->body.n ? r->body.p : "");
  EQ(sio_respond(r, 200, NULL, slice(text, (size_t)n)), 0);
}

static sio_request *held;
static void hold(sio_request *r, void *user) {
  (void)user;
  held = r;
}

static void accept_upgrade(sio_request *r, void *user) {
  sio__request_disable_keep_alive(r);
  sio__request_answer(r, 403, NULL, slice_str(user));
}

static const struct http_mount *to_routes(struct http *h, sio_request *r) {
  (void)h, (void)r;
  return &routes.mount;
}

static void open_routes(void) {
  rig_open();
  sio__routes_init(&routes);
  rig->http.route = to_routes;
}

static void close_routes(void) {
  rig_close();
  sio__routes_free_all(&routes);
}

static void add(const char *method, const char *path, const char *name) {
  EQ(sio__routes_add_callback(&routes, method, path, 0, say, (void *)(uintptr_t)name), 0);
}

/* Status and body of the answer to "METHOD path". */
static const char *get(const char *method, const char *path, const char *headers) {
  static char out[512];
  char request[1300];
  if (rig->fin) rig_connect();
  snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, headers);
  const char *a = ask(request);
  snprintf(out, sizeof out, "%d %s", status_of(a), body_of(a));
  return out;
}

TEST(the_longest_pattern_wins) {
  static const struct {
    const char *path, *answer;
  } t[] = {
    { "/api", "200 api " },           { "/api?x=/other", "200 api " },
    { "/api/", "200 api/ " },         { "/api/x", "200 api/* " },
    { "/api/v1", "200 api/* " },      { "/api/v1/", "200 api/v1/* " },
    { "/api/v1/x", "200 api/v1/* " }, { "/ap", "404 Not Found\n" },
    { "/apix", "404 Not Found\n" },   { "/", "404 Not Found\n" },
    { "/%61pi", "404 Not Found\n" }, /* paths are compared raw */
    { "/pre", "200 pre* " },          { "/prefix", "200 pre* " },
  };
  open_routes();
  add("GET", "/api/*", "api/*");
  add("GET", "/api", "api");
  add("GET", "/api/v1/*", "api/v1/*");
  add("GET", "/api/", "api/");
  add("GET", "/pre*", "pre*");
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) IS(get("GET", t[i].path, ""), t[i].answer);
  close_routes();
}

TEST(methods_choose_within_a_pattern) {
  open_routes();
  add("GET", "/a", "get");
  add("POST", "/a", "post");
  add(NULL, "/b", "any");
  add("PUT", "/b", "put");
  add("HEAD", "/c", "head");
  add("GET", "/c", "get");
  IS(get("GET", "/a", ""), "200 get ");
  IS(get("HEAD", "/a", ""), "200 ");
  IS(get("POST", "/a", "Content-Length: 0\r\n"), "200 post ");
  IS(get("PUT", "/b", ""), "200 put ");
  IS(get("DELETE", "/b", ""), "200 any ");
  IS(get("PUT", "/a", ""), "405 Method Not Allowed\n");
  CHECK(says(rig->out, "\r\nAllow: GET, HEAD, POST\r\n"));
  CHECK(says(rig->out, "\r\nConnection: keep-alive\r\n"));
  get("HEAD", "/c", "");
  CHECK(says(rig->out, "Content-Length: 5\r\n"));
  close_routes();
}

TEST(a_longer_pattern_hides_a_shorter_one_whatever_the_method) {
  open_routes();
  add("GET", "/*", "all");
  add("POST", "/api", "post");
  IS(get("GET", "/api", ""), "405 Method Not Allowed\n");
  IS(get("GET", "/other", ""), "200 all ");
  close_routes();
}

TEST(bodies_have_a_limit_per_route) {
  open_routes();
  EQ(sio__routes_add_callback(&routes, "POST", "/small", 3, say, "small"), 0);
  add("POST", "/usual", "usual");
  IS(get("POST", "/small", "Content-Length: 3\r\n\r\nabc"), "200 small abc");
  IS(get("POST", "/small", "Content-Length: 4\r\n"), "413 ");
  IS(get("POST", "/usual", "Content-Length: 4\r\n\r\nabcd"), "200 usual abcd");
  IS(get("POST", "/usual", "Content-Length: 1001\r\n"), "413 ");
  IS(get("POST", "/none", "Content-Length: 4\r\n\r\nabcd"), "404 Not Found\n");
  close_routes();
}

TEST(patterns_that_make_no_sense_are_refused) {
  static const char *const bad[] = { NULL,   "",     "a",    "*",    "/a*b",
                                     "/a**", "/a?b", "/a#b", "/a b", "/a\n" };
  open_routes();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    EQ(sio__routes_add_callback(&routes, "GET", bad[i], 0, say, "x"), UV_EINVAL);
  EQ(sio__routes_add_callback(&routes, "", "/a", 0, say, "x"), UV_EINVAL);
  EQ(sio__routes_add_callback(&routes, "G T", "/a", 0, say, "x"), UV_EINVAL);
  EQ(sio__routes_add_callback(&routes, "GET", "/a", 0, NULL, "x"), UV_EINVAL);
  EQ(sio__routes_add_static_directory(&routes, "/", NULL, NULL), UV_EINVAL);
  EQ(sio__routes_add_static_directory(&routes, "/*", ".", NULL), UV_EINVAL);
  EQ(sio__routes_add_static_directory(&routes, "/", "/no/such/directory", NULL), UV_ENOENT);
  EQ(sio__routes_add_static_directory(&routes, "/", "/etc/passwd", NULL), UV_ENOTDIR);
  EQ(sio__routes_add_assets(&routes, "/", NULL, 1, NULL), UV_EINVAL);
  close_routes();
}

TEST(a_route_exists_once) {
  open_routes();
  add("GET", "/a", "x");
  add("GET", "/a*", "x");
  add(NULL, "/a", "x");
  EQ(sio__routes_add_callback(&routes, "GET", "/a", 0, say, "x"), SIO_EEXISTS);
  EQ(sio__routes_add_callback(&routes, "GET", "/a*", 0, say, "x"), SIO_EEXISTS);
  EQ(sio__routes_add_callback(&routes, NULL, "/a", 0, say, "x"), SIO_EEXISTS);
  EQ(sio__routes_add_static_directory(&routes, "/s", ".", NULL), 0);
  EQ(sio__routes_add_static_directory(&routes, "/s/", ".", NULL), SIO_EEXISTS);
  EQ(sio__routes_add_websocket_upgrade(&routes, "/a", accept_upgrade, "x"), 0);
  EQ(sio__routes_add_websocket_upgrade(&routes, "/a", accept_upgrade, "x"), SIO_EEXISTS);
  close_routes();
}

#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"

TEST(upgrades_look_at_upgrade_routes_only) {
  open_routes();
  add("GET", "/plain", "plain");
  add("GET", "/both", "both");
  EQ(sio__routes_add_websocket_upgrade(&routes, "/ws", accept_upgrade, "ws"), 0);
  EQ(sio__routes_add_websocket_upgrade(&routes, "/both", accept_upgrade, "both ws"), 0);
  IS(get("GET", "/ws", UPGRADE), "403 ws");
  IS(get("GET", "/both", UPGRADE), "403 both ws");
  IS(get("GET", "/both", ""), "200 both ");
  IS(get("GET", "/ws", ""), "426 Upgrade Required\n");
  CHECK(says(rig->out, "\r\nUpgrade: websocket\r\n"));
  IS(get("GET", "/plain", UPGRADE), "400 Bad Request\n");
  CHECK(says(rig->out, "Connection: close") && rig->fin);
  IS(get("GET", "/nowhere", UPGRADE), "404 Not Found\n");
  CHECK(says(rig->out, "Connection: close") && rig->fin);
  IS(get("GET", "/plain", "Connection: Upgrade\r\nUpgrade: IRC/6.9\r\n"), "200 plain ");
  close_routes();
}

TEST(an_answer_may_come_later_and_after_the_peer_has_gone) {
  open_routes();
  EQ(sio__routes_add_callback(&routes, "GET", "/wait", 0, hold, NULL), 0);
  IS(get("GET", "/wait", ""), "0 ");
  EQ(sio_respond(held, 200, NULL, SLICE("now")), 0);
  IS(body_of(hear()), "now");
  get("GET", "/wait", "");
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  sio_slice path = sio_request_info_of(held).path;
  EQ_MEM(path.p, path.n, "/wait", 5);
  EQ(sio_respond(held, 200, NULL, SLICE("late")), SIO_ECLOSED);
  rig_connect();
  get("GET", "/wait", ""); /* this one is still owed when the server ends */
  close_routes();
}

/* ---- assets ------------------------------------------------------------------------- */

static const sio_asset table[] = {
  { "/index.html", "text/html", "<p>", 3, NULL },
  { "/a.js", "text/javascript", "let a", 5, "\"v1\"" },
  { "/b.js", "text/javascript", "let b", 5, "W/\"v2\"" },
  { "/sub/index.html", "text/html", "<s>", 3, NULL },
  { "/with space", NULL, "", 0, NULL },
};

TEST(assets_are_served_from_their_table) {
  open_routes();
  EQ(sio__routes_add_assets(&routes, "/x/", table, 5, NULL), 0);
  EQ(sio__routes_add_assets(&routes, "/y", table, 1, NULL), 0);
  IS(get("GET", "/x/", ""), "200 <p>");
  IS(get("GET", "/y/index.html", ""), "200 <p>");
  IS(get("GET", "/x/a.js", ""), "200 let a");
  CHECK(says(rig->out, "Content-Type: text/javascript\r\nContent-Length: 5\r\n"
                       "Cache-Control: public, max-age=0\r\nETag: \"v1\"\r\n"));
  IS(get("GET", "/x/a.js?buster=1", ""), "200 let a");
  IS(get("GET", "/x/%61.js", ""), "200 let a");
  IS(get("GET", "/x/sub/", ""), "200 <s>");
  IS(get("GET", "/x/with%20space", ""), "200 ");
  CHECK(!says(rig->out, "Content-Type"));
  IS(get("HEAD", "/x/a.js", ""), "200 ");
  CHECK(says(rig->out, "Content-Length: 5\r\n"));
  IS(get("GET", "/x/sub", ""), "404 Not Found\n");
  IS(get("GET", "/x", ""), "404 Not Found\n");
  IS(get("GET", "/x/../a.js", ""), "404 Not Found\n");
  IS(get("GET", "/x/none", ""), "404 Not Found\n");
  IS(get("GET", "/xa.js", ""), "404 Not Found\n");
  IS(get("POST", "/x/a.js", "Content-Length: 0\r\n"), "405 Method Not Allowed\n");
  CHECK(says(rig->out, "Allow: GET, HEAD\r\n"));
  close_routes();
}

TEST(a_path_too_long_for_any_file_is_not_found) {
  char path[1200];
  open_routes();
  EQ(sio__routes_add_assets(&routes, "/", table, 5, NULL), 0);
  for (size_t n = 1000; n < 1100; n++) {
    memset(path, 'a', n);
    path[0] = path[n - 1] = '/';
    path[n] = '\0';
    rig->http.limits.max_head = 4096;
    IS(get("GET", path, ""), "404 Not Found\n");
  }
  close_routes();
}

TEST(an_empty_table_serves_nothing) {
  open_routes();
  EQ(sio__routes_add_assets(&routes, "/a", NULL, 0, NULL), 0);
  EQ(sio__routes_add_assets(&routes, "/b", NULL, 1, NULL), UV_EINVAL);
  IS(get("GET", "/a/", ""), "404 Not Found\n");
  close_routes();
}

TEST(files_and_a_handler_may_share_a_prefix) {
  open_routes();
  add("GET", "/x*", "handler");
  EQ(sio__routes_add_assets(&routes, "/x", table, 5, NULL), 0);
  EQ(sio__routes_add_assets(&routes, "/x", table, 5, NULL), SIO_EEXISTS);
  IS(get("GET", "/x/a.js", ""), "200 let a");
  IS(get("GET", "/xa.js", ""), "200 handler ");
  close_routes();
}

TEST(a_405_names_the_methods_of_its_pattern_alone) {
  open_routes();
  add("PUT", "/a", "put");
  add("POST", "/a*", "prefix");
  add("GET", "/a", "get");
  add("DELETE", "/b", "b");
  EQ(sio__routes_add_websocket_upgrade(&routes, "/a", accept_upgrade, "no"), 0);
  IS(get("DELETE", "/a", ""), "405 Method Not Allowed\n");
  CHECK(says(rig->out, "\r\nAllow: PUT, GET, HEAD\r\n"));
  close_routes();
}

TEST(conditional_requests) {
  static const struct {
    const char *path, *tags;
    int status;
  } t[] = {
    { "/a.js", "\"v1\"", 304 },
    { "/a.js", "W/\"v1\"", 304 },
    { "/a.js", "*", 304 },
    { "/a.js", "\"x\", \"v1\"", 304 },
    { "/a.js", "\"x\",W/\"y\" , W/\"v1\" , \"z\"", 304 },
    { "/a.js", "\"a,b\", \"v1\"", 304 },
    { "/a.js", "\"v2\"", 200 },
    { "/a.js", "v1", 200 },
    { "/a.js", "\"v1", 200 },
    { "/a.js", "\"\"", 200 },
    { "/a.js", "", 200 },
    { "/a.js", ",,,", 200 },
    { "/a.js", "W/", 200 },
    { "/a.js", "\"V1\"", 200 },
    { "/b.js", "W/\"v2\"", 304 },
    { "/b.js", "\"v2\"", 304 },
  };
  open_routes();
  EQ(sio__routes_add_assets(&routes, "/", table, 5, NULL), 0);
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char header[128];
    snprintf(header, sizeof header, "If-None-Match: %s\r\n", t[i].tags);
    EQ(atoi(get("GET", t[i].path, header)), t[i].status);
    CHECK(says(rig->out, "\r\nETag: "));
    if (t[i].status == 304) CHECK(!says(rig->out, "Content-Length") && !*body_of(rig->out));
  }
  close_routes();
}

TEST(an_asset_without_a_tag_gets_one_from_its_bytes) {
  char tag[64] = "";
  open_routes();
  EQ(sio__routes_add_assets(&routes, "/", table, 5, NULL), 0);
  get("GET", "/", "");
  const char *at = strstr(rig->out, "ETag: ");
  REQUIRE(at != NULL);
  snprintf(tag, sizeof tag, "If-None-Match: %.18s\r\n", at + 6);
  EQ(atoi(get("GET", "/", tag)), 304);
  EQ(atoi(get("GET", "/sub/", tag)), 200);
  close_routes();
}

TEST(tables_that_make_no_sense_are_refused) {
  static const sio_asset bad[] = {
    { "a", NULL, "", 0, NULL },
    { NULL, NULL, "", 0, NULL },
    { "/a", "x\r\nEvil: 1", "", 0, NULL },
    { "/a", NULL, "", 0, "\"\r\n\"" },
    { "/a", NULL, NULL, 1, NULL },
  };
  open_routes();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    EQ(sio__routes_add_assets(&routes, "/", &bad[i], 1, NULL), UV_EINVAL);
  close_routes();
}

TESTS_BEGIN
T(the_longest_pattern_wins)
T(methods_choose_within_a_pattern)
T(a_longer_pattern_hides_a_shorter_one_whatever_the_method)
T(bodies_have_a_limit_per_route)
T(patterns_that_make_no_sense_are_refused)
T(a_route_exists_once)
T(upgrades_look_at_upgrade_routes_only)
T(an_answer_may_come_later_and_after_the_peer_has_gone)
T(assets_are_served_from_their_table)
T(a_path_too_long_for_any_file_is_not_found)
T(an_empty_table_serves_nothing)
T(files_and_a_handler_may_share_a_prefix)
T(a_405_names_the_methods_of_its_pattern_alone)
T(conditional_requests)
T(an_asset_without_a_tag_gets_one_from_its_bytes)
T(tables_that_make_no_sense_are_refused)
TESTS_END

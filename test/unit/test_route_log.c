/* SPDX-License-Identifier: MIT
 *
 * test_route_log.c - a route that is not added: the log says at once which one, and why.
 */
#include "whole.h"
#include <sio/metrics.h>

static char line[512];
static int level;

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  level = l->level;
  snprintf(line, sizeof line, "%s", l->text);
}

static void begin(void) {
  whole_start(&(sio_options){ .log = on_log });
  line[0] = '\0';
}

static void never(sio_request *r, void *user) {
  (void)r, (void)user;
  abort();
}

/* The call returns this error, and when it does, the line has been logged. */
#define REFUSED(call, error, text) \
  do {                             \
    line[0] = '\0';                \
    EQ(call, error);               \
    EQ_STR(line, text);            \
    EQ(level, SIO_LOG_ERROR);      \
  } while (0)

TEST(a_directory_that_cannot_be_served_is_named_with_the_reason) {
  begin();
  REFUSED(sio_static(srv, "/", "no/such/page"), UV_ENOENT,
          "cannot serve the files of directory no/such/page under /: no such file or directory");
  REFUSED(sio_static(srv, "/p", "/etc/passwd"), UV_ENOTDIR,
          "cannot serve the files of directory /etc/passwd under /p: not a directory");
  REFUSED(sio_static(srv, "/", NULL), UV_EINVAL,
          "cannot serve the files of directory NULL under /: dir is NULL");
  REFUSED(sio_static(srv, NULL, "."), UV_EINVAL,
          "cannot serve the files of directory . under NULL: the path is NULL");
  REFUSED(sio_static(srv, "page", "."), UV_EINVAL,
          "cannot serve the files of directory . under page: the path does not begin with '/'");
  REFUSED(sio_static(srv, "/*", "."), UV_EINVAL,
          "cannot serve the files of directory . under /*: the path contains '*'");
  EQ(sio_static(srv, "/", "."), 0);
  REFUSED(sio_static(srv, "/", "."), SIO_EEXISTS,
          "cannot serve the files of directory . under /: already there");
  whole_stop();
}

TEST(an_option_of_files_that_is_invalid_is_named) {
  static const sio_header headers[] = { { "X-Good", "1" }, { "Content-Length", "1" }, { 0 } };
  const sio_files_options reserved = { .headers = headers }, small = { .size = 1 };
  begin();
  REFUSED(sio_static_with(srv, "/", ".", &reserved), UV_EINVAL,
          "cannot serve the files of directory . under /: the header \"Content-Length\" is "
          "invalid, or only the library may set it");
  REFUSED(sio_assets_with(srv, "/", NULL, 0, &small), UV_EINVAL,
          "cannot serve files in memory under /: the size of the options is invalid, or an "
          "unknown field is set");
  whole_stop();
}

TEST(the_file_of_a_table_that_is_invalid_is_named) {
  static const sio_asset good = { .path = "/a", .type = "text/plain", .data = "a", .size = 1 };
  sio_asset table[] = { good, good };
  begin();
  table[1].path = "index.html";
  REFUSED(sio_assets(srv, "/", table, 2), UV_EINVAL,
          "cannot serve files in memory under /: file 1 of the table, \"index.html\": the path "
          "does not begin with '/'");
  table[1].path = NULL;
  REFUSED(sio_assets(srv, "/", table, 2), UV_EINVAL,
          "cannot serve files in memory under /: file 1 of the table, \"\": the path does not "
          "begin with '/'");
  table[1] = (sio_asset){ .path = "/b", .type = "text\n" };
  REFUSED(
      sio_assets(srv, "/", table, 2), UV_EINVAL,
      "cannot serve files in memory under /: file 1 of the table, \"/b\": the type is not a valid "
      "value of a header");
  table[1] = (sio_asset){ .path = "/b", .etag = "\n" };
  REFUSED(
      sio_assets(srv, "/", table, 2), UV_EINVAL,
      "cannot serve files in memory under /: file 1 of the table, \"/b\": the ETag is not a valid "
      "value of a header");
  table[1] = (sio_asset){ .path = "/b", .size = 1 };
  REFUSED(sio_assets(srv, "/", table, 2), UV_EINVAL,
          "cannot serve files in memory under /: file 1 of the table, \"/b\": data is NULL, and "
          "size is not 0");
  REFUSED(sio_assets(srv, "/", NULL, 2), UV_EINVAL,
          "cannot serve files in memory under /: the table of files is NULL, and count is not 0");
  whole_stop();
}

TEST(a_route_with_an_invalid_path_method_or_callback_says_which) {
  begin();
  REFUSED(sio_route(srv, "GET", "api", 0, never, NULL), UV_EINVAL,
          "cannot add a route of method GET for api: the path does not begin with '/'");
  REFUSED(sio_route(srv, NULL, "/a*b", 0, never, NULL), UV_EINVAL,
          "cannot add a route of method NULL (all) for /a*b: the path contains '*' before its "
          "end");
  REFUSED(sio_route(srv, "GET", "/a?b", 0, never, NULL), UV_EINVAL,
          "cannot add a route of method GET for /a?b: the path contains '?', '#' or a space");
  REFUSED(sio_route(srv, "GET", "/a\n", 0, never, NULL), UV_EINVAL,
          "cannot add a route of method GET for /a\\x0a: the path contains a control character");
  REFUSED(sio_route(srv, "G T", "/a", 0, never, NULL), UV_EINVAL,
          "cannot add a route of method G T for /a: the method is invalid");
  REFUSED(sio_route(srv, "GET", "/a", 0, NULL, NULL), UV_EINVAL,
          "cannot add a route of method GET for /a: the callback is NULL");
  EQ(sio_route(srv, "GET", "/a", 0, never, NULL), 0);
  REFUSED(sio_route(srv, "GET", "/a", 0, never, NULL), SIO_EEXISTS,
          "cannot add a route of method GET for /a: already there");
  whole_stop();
}

TEST(other_routes_say_why_they_are_not_added_too) {
  static const char *const words[] = { "no token", NULL };
  const sio_ws_callbacks none = { 0 }, protocols = { .protocols = words };
  const sio_engine_callbacks engine = { 0 };
  begin();
  REFUSED(sio_ws_route(srv, "chat", &none, NULL), UV_EINVAL,
          "cannot add a WebSocket route for chat: the path does not begin with '/'");
  REFUSED(sio_ws_route(srv, "/chat", NULL, NULL), UV_EINVAL,
          "cannot add a WebSocket route for /chat: cbs is NULL");
  REFUSED(sio_ws_route(srv, "/chat", &protocols, NULL), UV_EINVAL,
          "cannot add a WebSocket route for /chat: a field of sio_ws_callbacks is invalid");
  REFUSED(sio_metrics_route(srv, "/m*"), UV_EINVAL,
          "cannot add a route of the metrics for /m*: the path contains '*'");
  REFUSED(sio_metrics_route(srv, "/socket.io/m"), UV_EINVAL,
          "cannot add a route of the metrics for /socket.io/m: the path begins with that of an "
          "engine");
  REFUSED(sio_engine_route(srv, "raw", &engine, NULL), UV_EINVAL,
          "cannot add an engine for raw: the path or a field of sio_engine_callbacks is invalid");
  EQ(sio_engine_route(srv, "/raw", &engine, NULL), 0);
  REFUSED(sio_engine_route(srv, "/raw", &engine, NULL), SIO_EEXISTS,
          "cannot add an engine for /raw: already there");
  REFUSED(sio_engine_route(srv, "/raw", NULL, NULL), UV_EINVAL,
          "cannot add an engine for /raw: cbs is NULL");
  REFUSED(sio_engine_route(srv, NULL, NULL, NULL), UV_EINVAL,
          "cannot add an engine for /socket.io/: cbs is NULL");
  whole_stop();
}

TESTS_BEGIN
T(a_directory_that_cannot_be_served_is_named_with_the_reason)
T(an_option_of_files_that_is_invalid_is_named)
T(the_file_of_a_table_that_is_invalid_is_named)
T(a_route_with_an_invalid_path_method_or_callback_says_which)
T(other_routes_say_why_they_are_not_added_too)
TESTS_END

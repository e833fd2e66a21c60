/* SPDX-License-Identifier: MIT
 *
 * test_hints.c - mistakes that a client shows and an option mends: the log names the option.
 */
#include "pair.h"

static char said[4096];

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  if (l->level == SIO_LOG_WARN) snprintf(said + n, sizeof said - n, "%s\n", l->text);
}

static void begin(sio_options o) {
  said[0] = '\0';
  o.log = on_log;
  start(&o);
}

static void send_request(const char *method, const char *url, const char *headers) {
  char text[512];
  int err, fd = dial(&err);
  snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: here.example\r\n%s\r\n", method, url,
           headers);
  ask(fd, text);
  close(fd);
  turn();
}

#define POLL "/socket.io/?EIO=4&transport=polling"

/* Does one line have both texts, and no line more? */
static bool one_line_says(const char *a, const char *b) {
  char *end = strchr(said, '\n');
  return end && end[1] == '\0' && strstr(said, a) && strstr(said, b);
}

TEST(a_client_at_a_wrong_path_is_told_which_the_path_is) {
  begin((sio_options){ .path = "/live/" });
  send_request("GET", POLL, "");
  CHECK(one_line_says("/socket.io/", "sio_options.path is /live/"));
  said[0] = '\0';
  send_request("GET", "/socket.io/", "");
  send_request("GET", "/other?EIO=4", "");
  EQ_STR(said, "");
  stop();
}

TEST(a_client_of_version_2_is_told_of_allow_eio3) {
  begin((sio_options){ 0 });
  send_request("GET", "/socket.io/?EIO=3&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "sio_options.allow_eio3"));
  said[0] = '\0';
  send_request("GET", "/socket.io/?EIO=2&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "sio_options.allow_eio3"));
  said[0] = '\0';
  send_request("GET", "/socket.io/?EIO=9&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "9") && !strstr(said, "allow_eio3"));
  stop();
}

TEST(a_page_whose_origin_is_not_listed_is_told_of_cors) {
  static const char *const listed[] = { "https://a.example", NULL };
  begin((sio_options){ .cors = &(sio_cors){ .origins = listed } });
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors does not list its origin"));
  said[0] = '\0';
  send_request("OPTIONS", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors does not list its origin"));
  said[0] = '\0';
  send_request("GET", POLL, "Origin: https://a.example\r\n");
  send_request("GET", POLL, "Origin: https://here.example\r\n");
  send_request("GET", POLL, "");
  EQ_STR(said, "");
  stop();
}

TEST(a_page_of_another_site_is_told_that_cors_is_not_set) {
  begin((sio_options){ 0 });
  send_request("GET", POLL, "Origin: https://b.example\r\nSec-Fetch-Site: cross-site\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors is not set"));
  said[0] = '\0';
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  send_request("GET", POLL, "Sec-Fetch-Site: same-origin\r\n");
  EQ_STR(said, "");
  stop();
}

TEST(a_page_that_may_not_connect_is_told_of_allowed_origins) {
  static const char *const listed[] = { "https://a.example", NULL };
  begin((sio_options){ .allowed_origins = listed });
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.allowed_origins does not list it"));
  stop();
}

TESTS_BEGIN
T(a_client_at_a_wrong_path_is_told_which_the_path_is)
T(a_client_of_version_2_is_told_of_allow_eio3)
T(a_page_whose_origin_is_not_listed_is_told_of_cors)
T(a_page_of_another_site_is_told_that_cors_is_not_set)
T(a_page_that_may_not_connect_is_told_of_allowed_origins)
TESTS_END

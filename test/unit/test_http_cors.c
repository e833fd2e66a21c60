/* SPDX-License-Identifier: MIT */
#include "http/cors.h"
#include "http_rig.h"

static sio_cors *cors;
static int applied;

static void apply(sio_request *r) {
  applied = sio__cors_add_headers_or_answer_preflight(cors, r);
  if (applied == 0) sio__request_answer(r, 200, NULL, slice(NULL, 0));
}

/* The answer's own lines, between Content-Length and Connection; "204|" or "200|" first. */
static const char *lines_of(const char *answer) {
  static char out[1024];
  const char *from = strstr(answer, "\r\n"), *to = strstr(answer, "Connection:");
  if (!from || !to) return "";
  snprintf(out, sizeof out, "%d|%.*s", status_of(answer), (int)(to - from - 2), from + 2);
  char *length = strstr(out, "Content-Length: 0\r\n");
  if (length) memmove(length, length + 19, strlen(length + 19) + 1);
  return out;
}

static bool ends_with_a(sio_slice origin, void *user) {
  EQ_STR(user, "user");
  return origin.n && origin.p[origin.n - 1] == 'a';
}

static const char *const two[] = { "http://a", "http://b:1", NULL };
static const char *const star[] = { "http://a", "*", NULL };
static const char *const none[] = { NULL };

#define ACAO(v) "Access-Control-Allow-Origin: " v "\r\n"
#define ACAC "Access-Control-Allow-Credentials: true\r\n"
#define ACAM "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
#define ACAH(v) "Access-Control-Allow-Headers: " v "\r\n"
#define ACEH(v) "Access-Control-Expose-Headers: " v "\r\n"
#define VARY(v) "Vary: " v "\r\n"
#define ACRH "Access-Control-Request-Headers"

static const struct {
  sio_cors c;
  const char *request; /* method and headers */
  const char *lines;
} table[] = {
  { { 0 }, "GET|", "200|" ACAO("*") },
  { { 0 }, "GET|Origin: http://x\r\n", "200|" ACAO("*") },
  { { .credentials = true }, "GET|Origin: http://x\r\n", "200|" ACAO("*") ACAC },
  { { 0 }, "OPTIONS|Origin: http://x\r\n", "204|" ACAO("*") VARY(ACRH) ACAM },
  { { 0 }, "OPTIONS|" ACRH ": X-A, x-b\r\n", "204|" ACAO("*") VARY(ACRH) ACAM ACAH("X-A, x-b") },
  { { 0 }, "OPTIONS|" ACRH ": X-A: evil\r\n", "204|" ACAO("*") VARY(ACRH) ACAM },
  { { 0 }, "OPTIONS|" ACRH ": \r\n", "204|" ACAO("*") VARY(ACRH) ACAM },
  { { 0 }, "OPTIONS|" ACRH ": X-A,, x-b\r\n", "204|" ACAO("*") VARY(ACRH) ACAM ACAH("X-A,, x-b") },
  { { .origins = star }, "GET|Origin: http://x\r\n", "200|" ACAO("*") },
  { { .origins = two }, "GET|Origin: http://a\r\n", "200|" ACAO("http://a") VARY("Origin") },
  { { .origins = two }, "GET|Origin: http://b:1\r\n", "200|" ACAO("http://b:1") VARY("Origin") },
  { { .origins = two }, "GET|Origin: http://b\r\n", "200|" VARY("Origin") },
  { { .origins = two }, "GET|Origin: HTTP://A\r\n", "200|" VARY("Origin") },
  { { .origins = two }, "GET|", "200|" VARY("Origin") },
  { { .origins = none }, "GET|Origin: http://a\r\n", "200|" VARY("Origin") },
  { { .origins = two, .credentials = true, .allowed_headers = "x" },
    "OPTIONS|Origin: http://no\r\n",
    "204|" VARY("Origin") ACAM ACAH("x") },
  { { .reflect_origin = true, .credentials = true, .allowed_headers = "my-header" },
    "OPTIONS|Origin: http://any\r\n",
    "204|" ACAO("http://any") ACAC VARY("Origin") ACAM ACAH("my-header") },
  { { .reflect_origin = true, .credentials = true, .allowed_headers = "my-header" },
    "GET|Origin: http://any\r\n",
    "200|" ACAO("http://any") ACAC VARY("Origin") },
  { { .reflect_origin = true },
    "OPTIONS|Origin: http://any\r\n" ACRH ": a\r\n",
    "204|" ACAO("http://any") VARY("Origin, " ACRH) ACAM ACAH("a") },
  { { .reflect_origin = true }, "GET|", "200|" VARY("Origin") },
  { { .reflect_origin = true }, "GET|Origin: a b\r\n", "200|" VARY("Origin") },
  { { .reflect_origin = true }, "GET|Origin: \xc3\xa4\r\n", "200|" VARY("Origin") },
  { { .origin_ok = ends_with_a, .user = "user" },
    "GET|Origin: http://a\r\n",
    "200|" ACAO("http://a") VARY("Origin") },
  { { .origin_ok = ends_with_a, .user = "user", .origins = two },
    "GET|Origin: http://b:1\r\n",
    "200|" VARY("Origin") },
  { { .origins = two,
      .methods = "GET,POST",
      .allowed_headers = "a,b",
      .exposed_headers = "c,d",
      .max_age_s = 123,
      .preflight_status = 200 },
    "OPTIONS|Origin: http://a\r\n",
    "200|" ACAO("http://a") VARY("Origin") "Access-Control-Allow-Methods: GET,POST\r\n" ACAH(
        "a,b") "Access-Control-Max-Age: 123\r\n" ACEH("c,d") },
  { { .origins = two,
      .methods = "GET,POST",
      .allowed_headers = "a,b",
      .exposed_headers = "c,d",
      .max_age_s = 123,
      .preflight_status = 200 },
    "POST|Origin: http://a\r\n",
    "200|" ACAO("http://a") VARY("Origin") ACEH("c,d") },
};

TEST(who_gets_which_headers) {
  rig_open();
  rig->at_head = apply;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char request[512];
    const char *bar = strchr(table[i].request, '|');
    REQUIRE(sio__cors_options_validate_and_copy(&cors, &table[i].c) == 0);
    snprintf(request, sizeof request, "%.*s / HTTP/1.1\r\nHost: a\r\n%s\r\n",
             (int)(bar - table[i].request), table[i].request, bar + 1);
    IS(lines_of(undated(ask(request))), table[i].lines);
    EQ(applied, table[i].request[0] == 'O');
    sio__cors_options_free(cors);
  }
  rig_close();
}

TEST(a_preflight_is_answered_with_an_explicit_empty_body) {
  rig_open();
  rig->at_head = apply;
  sio_cors from = { .allowed_headers = "x" };
  REQUIRE(sio__cors_options_validate_and_copy(&cors, &from) == 0);
  IS(undated(ask("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n")),
     "HTTP/1.1 204 No Content\r\n" ACAO("*")
         ACAM ACAH("x") "Content-Length: 0\r\n"
                        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n");
  sio__cors_options_free(cors);
  rig_close();
}

TEST(options_are_copied) {
  char origin[] = "http://a", *list[] = { origin, NULL };
  sio_cors from = { .origins = (const char *const *)list };
  rig_open();
  rig->at_head = apply;
  REQUIRE(sio__cors_options_validate_and_copy(&cors, &from) == 0);
  origin[7] = 'z';
  list[0] = NULL;
  IS(lines_of(undated(ask("GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\n\r\n"))),
     "200|" ACAO("http://a") VARY("Origin"));
  sio__cors_options_free(cors);
  rig_close();
}

TEST(options_that_make_no_sense_are_refused) {
  static const char *const evil[] = { "http://a\r\nEvil: 1", NULL };
  static const char *const empty[] = { "", NULL };
  static const sio_cors bad[] = {
    { .origins = evil },         { .origins = empty },
    { .methods = "" },           { .allowed_headers = "\n" },
    { .exposed_headers = "\r" }, { .preflight_status = 99 },
    { .preflight_status = 404 }, { .methods = "", .origins = two },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sio_cors *c = NULL;
    EQ(sio__cors_options_validate_and_copy(&c, &bad[i]), UV_EINVAL);
    CHECK(c == NULL);
  }
  sio__cors_options_free(NULL);
}

TESTS_BEGIN
T(who_gets_which_headers)
T(a_preflight_is_answered_with_an_explicit_empty_body)
T(options_are_copied)
T(options_that_make_no_sense_are_refused)
TESTS_END

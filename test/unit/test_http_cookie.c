/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "http/cookie.h"
#include "test.h"
#include <uv.h>

static const struct {
  sio_cookie c;
  const char *value;
} written[] = {
  { { .name = NULL }, "io=abc; Path=/; HttpOnly; SameSite=Lax" },
  { { .name = "woot" }, "woot=abc; Path=/; HttpOnly; SameSite=Lax" },
  { { .path = "/custom" }, "io=abc; Path=/custom; HttpOnly; SameSite=Lax" },
  { { .path = "" }, "io=abc; HttpOnly; SameSite=Lax" },
  { { .no_http_only = true }, "io=abc; Path=/; SameSite=Lax" },
  { { .same_site = SIO_SAMESITE_STRICT }, "io=abc; Path=/; HttpOnly; SameSite=Strict" },
  { { .same_site = SIO_SAMESITE_UNSET }, "io=abc; Path=/; HttpOnly" },
  { { .same_site = SIO_SAMESITE_NONE, .secure = true },
    "io=abc; Path=/; HttpOnly; Secure; SameSite=None" },
  { { .max_age_s = 60,
      .domain = "a.b",
      .expires = "Thu, 01 Jan 1970 00:00:00 GMT",
      .secure = true },
    "io=abc; Max-Age=60; Domain=a.b; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; "
    "Secure; SameSite=Lax" },
};

TEST(cookies_are_written_as_node_writes_them) {
  for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
    sio_cookie *c;
    char out[256];
    REQUIRE(sio__cookie_options_validate_and_copy(&c, &written[i].c) == 0);
    EQ(sio__cookie_write_set_cookie_value(out, sizeof out, c, SLICE("abc")),
       (long)strlen(written[i].value));
    EQ_STR(out, written[i].value);
    sio__cookie_options_free(c);
  }
}

TEST(a_cookie_that_does_not_fit_is_not_cut) {
  sio_cookie *c, from = { 0 };
  char out[64];
  size_t n = strlen(written[0].value);
  REQUIRE(sio__cookie_options_validate_and_copy(&c, &from) == 0);
  for (size_t size = 0; size <= n; size++) {
    char *exact = malloc(size ? size : 1); /* a write past it is seen by the sanitizer */
    EQ(sio__cookie_write_set_cookie_value(exact, size, c, SLICE("abc")), SIO_ETOOBIG);
    free(exact);
  }
  EQ(sio__cookie_write_set_cookie_value(out, n + 1, c, SLICE("abc")), (long)n);
  sio__cookie_options_free(c);
}

TEST(cookies_that_make_no_sense_are_refused) {
  static const sio_cookie bad[] = {
    { .name = "" },
    { .name = "a b" },
    { .name = "a=b" },
    { .path = "/a;b" },
    { .path = "/\r\nEvil: 1" },
    { .domain = "a; Secure" },
    { .expires = "x\n" },
    { .max_age_s = -1 },
    { .same_site = 7 },
    { .same_site = -1 },
    { .same_site = SIO_SAMESITE_NONE },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sio_cookie *c = NULL;
    EQ(sio__cookie_options_validate_and_copy(&c, &bad[i]), UV_EINVAL);
    CHECK(c == NULL);
  }
  sio__cookie_options_free(NULL);
}

TESTS_BEGIN
T(cookies_are_written_as_node_writes_them)
T(a_cookie_that_does_not_fit_is_not_cut)
T(cookies_that_make_no_sense_are_refused)
TESTS_END

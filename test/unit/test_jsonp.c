/* SPDX-License-Identifier: MIT
 *
 * test_jsonp.c - text as a script shows it, and bodies as a form posts them.
 */
#include "eio/jsonp.h"
#include "guard.h"
#include "test.h"

static void quotes(const char *text, const char *want) {
  char out[256];
  struct guard g = { 0 };
  size_t n = strlen(text);
  sio_slice s = slice(guard_put(&g, text, n), n);
  EQ(sio__jsonp_write_escaped_string(NULL, s), strlen(want));
  EQ_MEM(out, sio__jsonp_write_escaped_string(out, s), want, strlen(want));
  guard_clear(&g);
}

TEST(text_in_a_script_is_quoted_so_that_nothing_ends_it) {
  quotes("", "");
  quotes("plain", "plain");
  quotes("a\"b\\c", "a\\\"b\\\\c");
  quotes("</script>", "\\u003c/script>");
  quotes("\n\x1f \x7f", "\\u000a\\u001f \x7f");
  quotes("\xe2\x80\xa8|\xe2\x80\xa9", "\\u2028|\\u2029");
  quotes("\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8\xe2", "\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8\xe2");
  quotes("\xe2\x80", "\xe2\x80");
}

static void posts(const char *form, const char *want) {
  struct guard g = { 0 };
  size_t n = strlen(form);
  sio_slice body = slice(guard_put(&g, form, n), n);
  sio__jsonp_decode_form_body_in_place(&body);
  EQ_MEM(body.p, body.n, want, strlen(want));
  guard_clear(&g);
}

TEST(the_field_d_of_a_form_is_the_body) {
  posts("d=2:40", "2:40");
  posts("x=1&d=2%3A40&y=2", "2:40");
  posts("d=a+b%2Bc", "a b+c");
  posts("d=%zz%4", "%zz%4");
  posts("d=", "");
  posts("dd=2:40", "");
  posts("", "");
}

/* The client writes a line's end as \n, and what looked like one as \\n. */
TEST(line_ends_of_a_form_are_what_the_client_wrote) {
  posts("d=a\\nb", "a\nb");
  posts("d=a\\\\nb", "a\\nb");
  posts("d=\\n", "\n");
  posts("d=\\\\n", "\\n");
  posts("d=a\\", "a\\");
  posts("d=a\\\\", "a\\\\");
  posts("d=a\\tb\\\\tc", "a\\tb\\\\tc");
  posts("d=\\\\\\n", "\\\\n");
  posts("d=%5Cn%5C%5Cn", "\n\\n");
}

TESTS_BEGIN
T(text_in_a_script_is_quoted_so_that_nothing_ends_it)
T(the_field_d_of_a_form_is_the_body)
T(line_ends_of_a_form_are_what_the_client_wrote)
TESTS_END

/* SPDX-License-Identifier: MIT
 *
 * test_base64.c - RFC 4648's vectors, and what lenient decoders take.
 */
#include "base/base64.h"
#include "guard.h"
#include "test.h"

struct vector {
  const char *text, *code;
};

static const struct vector vectors[] = {
  { "", "" },
  { "f", "Zg==" },
  { "fo", "Zm8=" },
  { "foo", "Zm9v" },
  { "foob", "Zm9vYg==" },
  { "fooba", "Zm9vYmE=" },
  { "foobar", "Zm9vYmFy" },
};

static void check_decode(const char *code, size_t n, const void *want, size_t m) {
  struct guard g = { 0 };
  unsigned char out[2000];
  const char *p = guard_put(&g, code, n);
  EQ_MEM(out, sio__base64_decode(out, p, n), want, m);
  guard_clear(&g);
  memcpy(out, code, n);
  EQ_MEM(out, sio__base64_decode(out, (char *)out, n), want, m); /* in place */
}

static void decodes(const char *code, const char *want) {
  check_decode(code, strlen(code), want, strlen(want));
}

TEST(the_vectors_of_the_rfc_go_both_ways) {
  struct guard g = { 0 };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    const struct vector *v = &vectors[i];
    char out[16];
    size_t n = strlen(v->text);
    EQ(BASE64_LEN(n), strlen(v->code));
    EQ_MEM(out, sio__base64_encode(out, guard_put(&g, v->text, n), n), v->code, strlen(v->code));
    decodes(v->code, v->text);
  }
  guard_clear(&g);
}

TEST(every_length_of_any_bytes_comes_back) {
  unsigned char bytes[400];
  char code[BASE64_LEN(400)];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 89 + i / 7);
  for (size_t n = 0; n <= sizeof bytes; n++) {
    size_t len = sio__base64_encode(code, bytes, n);
    EQ(len, BASE64_LEN(n));
    check_decode(code, len, bytes, n);
    while (len && code[len - 1] == '=') len--;
    check_decode(code, len, bytes, n);
  }
}

TEST(both_alphabets_are_read_and_one_is_written) {
  char out[8];
  EQ_MEM(out, sio__base64_encode(out, "\xfb\xff\xbf", 3), "+/+/", 4);
  decodes("+/+/", "\xfb\xff\xbf");
  decodes("-_-_", "\xfb\xff\xbf");
  decodes("-/+_", "\xfb\xff\xbf");
}

TEST(padding_may_be_missing_and_the_first_equals_sign_ends) {
  decodes("Zg", "f");
  decodes("Zg=", "f");
  decodes("Zm8", "fo");
  decodes("Zm9vYg=", "foob");
  decodes("Zg==Zm8=", "f");
  decodes("Zm9v=Zm9v", "foo");
  decodes("=Zm9v", "");
  decodes("====", "");
}

TEST(bytes_of_no_alphabet_are_skipped) {
  decodes("Zm9v\r\nYmFy\n", "foobar");
  decodes(" Z m 9 v ", "foo");
  decodes("Z\xffm\x80"
          "9v!",
          "foo");
  check_decode("Z\0m9v", 5, "foo", 3);
  decodes("!!!!", "");
  for (int c = 0; c < 256; c++) {
    char code[5] = { 'Z', 'm', (char)c, '9', 'v' };
    bool letter =
        c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_", c);
    if (!letter && c != '=') check_decode(code, 5, "foo", 3);
  }
}

TEST(bits_that_fill_no_byte_are_dropped) {
  decodes("Z", "");
  decodes("Zm9vY", "foo");
  decodes("Zh", "f");
  decodes("Zm9", "fo");
}

TESTS_BEGIN
T(the_vectors_of_the_rfc_go_both_ways)
T(every_length_of_any_bytes_comes_back)
T(both_alphabets_are_read_and_one_is_written)
T(padding_may_be_missing_and_the_first_equals_sign_ends)
T(bytes_of_no_alphabet_are_skipped)
T(bits_that_fill_no_byte_are_dropped)
TESTS_END

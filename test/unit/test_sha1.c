/* SPDX-License-Identifier: MIT
 *
 * test_sha1.c - FIPS 180's examples, every way a last block can be filled, RFC 6455's key.
 */
#include "base/base64.h"
#include "base/sha1.h"
#include "guard.h"
#include "test.h"

static void check_sha1(const void *p, size_t n, const char *want) {
  struct guard g = { 0 };
  uint8_t sum[20];
  char hex[41];
  sio__sha1(sum, guard_put(&g, p, n), n);
  for (int i = 0; i < 20; i++) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
  EQ_STR(hex, want);
  guard_clear(&g);
}

TEST(the_examples_of_the_standard_agree) {
  static char million[1000000];
  check_sha1("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
  check_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
             "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  memset(million, 'a', sizeof million);
  check_sha1(million, sizeof million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

struct vector {
  size_t n;
  const char *sum;
};

/* Messages of n bytes, the i-th byte being 7 i + 3; sums by Python's hashlib. */
static const struct vector vectors[] = {
  { 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
  { 1, "9842926af7ca0a8cca12604f945414f07b01e13d" },
  { 54, "0617d0e2db51b03d5d09c217b3fe0643ed6d152f" },
  { 55, "ddf57317ef34bfee3b6df83d359098930eb278bc" },
  { 56, "a0d492bb0fc889d0eca3bc137066ab6f4f74f369" },
  { 57, "11a02dcf95859677a62e75024067c22b165d890f" },
  { 63, "c55856749bef509bdfe6bfebfc7bf4e793e82132" },
  { 64, "bede92be29c3874e1b54ddc77988d606fc857a8e" },
  { 65, "b05a80522b053d6dc7e0a517d0e70212c7dad11f" },
  { 119, "504e27376a6e0f0dba8295b85cb25dc4dfa17d23" },
  { 120, "82134b02fb3f702491be9bed581eeab59334acb2" },
  { 127, "34d5e582029e9b9b85b2febe31da3db7cdabaaea" },
  { 128, "a09133e6730ffe899efb70204cb5646cd5dc24ee" },
  { 1000, "4231a8a50a10fa9758db8ec71fdef855b751048a" },
};

TEST(messages_that_end_anywhere_in_a_block_agree) {
  uint8_t bytes[1000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + 3);
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    check_sha1(bytes, vectors[i].n, vectors[i].sum);
}

TEST(the_handshake_of_rfc_6455_is_answered) {
  static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t sum[20];
  char text[BASE64_LEN(20)];
  sio__sha1(sum, key, sizeof key - 1);
  EQ_MEM(text, sio__base64_encode(text, sum, 20), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);
}

TESTS_BEGIN
T(the_examples_of_the_standard_agree)
T(messages_that_end_anywhere_in_a_block_agree)
T(the_handshake_of_rfc_6455_is_answered)
TESTS_END

/* SPDX-License-Identifier: MIT
 *
 * test_http_coding.c - which coding a request takes, and answers in it; compressed files.
 */
#include "http/assets.h"
#include "http/coding.h"
#include "http_rig.h"

/* ---- Accept-Encoding ---- */

TEST(the_heaviest_coding_is_taken_and_gzip_where_they_weigh_the_same) {
  static const struct {
    const char *header;
    enum coding want;
  } t[] = {
    { "", CODING_NONE },
    { "gzip", CODING_GZIP },
    { "deflate", CODING_DEFLATE },
    { "gzip, deflate", CODING_GZIP },
    { "deflate, gzip", CODING_GZIP },
    { "GZIP", CODING_GZIP },
    { " gzip ;q=0.5,deflate ; q=0.6 ", CODING_DEFLATE },
    { "gzip, deflate, br, zstd", CODING_GZIP },
    { "br", CODING_NONE },
    { "identity", CODING_NONE },
    { "*", CODING_GZIP },
    { "*;q=0", CODING_NONE },
    { "gzip;q=0", CODING_NONE },
    { "gzip;q=0, *", CODING_DEFLATE },
    { "gzip;q=0.0, deflate;q=0.000", CODING_NONE },
    { "gzip;q=0.001", CODING_GZIP },
    { "gzip;Q=1.000", CODING_GZIP },
    { "gzip;q=0.5, identity", CODING_NONE },
    { "gzip;q=0.5, identity;q=0.5", CODING_GZIP },
    { "gzip;q=0, deflate;q=0.1, identity;q=0", CODING_DEFLATE },
    /* Weights that are none. */
    { "gzip;q=", CODING_NONE },
    { "gzip;q=2", CODING_NONE },
    { "gzip;q=1.5", CODING_NONE },
    { "gzip;q=0.1234", CODING_NONE },
    { "gzip;q=.5", CODING_NONE },
    { "gzip;q=0x1", CODING_NONE },
    { "gzip;q=-1", CODING_NONE },
    { "gzip;q", CODING_NONE },
    { "gzip;level=9", CODING_NONE },
    { ";;;,,,=", CODING_NONE },
    { "gzipped", CODING_NONE },
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    enum coding got = sio__coding_choose_for_accept_encoding(slice_str(t[i].header));
    EQ(got, t[i].want);
    if (got != t[i].want) test__print("for", t[i].header, strlen(t[i].header));
  }
}

/* ---- answers ---- */

static char text[5000];
static struct inflater *unpacker;
static struct deflater *packer;

static void answer_text(sio_request *r) {
  struct msg *m = sio__msg_from_bytes(&rig->loop.msgs, text, strlen(text));
  EQ(sio__coding_answer_compressed_if_accepted(r, 200, "text/plain", m), 0);
  msg_unref(m);
}

static void open_coding(void) {
  rig_open();
  packer = sio__deflater_new(&(struct deflate_settings){ 0 });
  unpacker = sio__inflater_new();
  rig->http.deflater = packer;
  rig->http.compress_from = 1024;
  rig->at_request = answer_text;
  memset(text, 0, sizeof text);
  memset(text, 'a', 2000);
}

static void close_coding(void) {
  rig_close();
  sio__deflater_free(packer);
  sio__inflater_free(unpacker);
}

static const char *get(const char *method, const char *headers) {
  char request[512];
  if (rig->fin) rig_connect();
  snprintf(request, sizeof request, "%s /x HTTP/1.1\r\nHost: a\r\n%s\r\n", method, headers);
  return ask(request);
}

/* The body without `front` and `back` bytes around the raw stream, inflated. */
static void inflates_to(size_t front, size_t back, const char *want, size_t n) {
  const char *body = body_of(rig->out);
  size_t have = rig->n - (size_t)(body - rig->out);
  struct buf out;
  char length[64];
  snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", have);
  CHECK(says(rig->out, length));
  REQUIRE(have > front + back);
  buf_init(&out, 1 << 20);
  EQ(sio__inflate_and_append(unpacker, slice(body + front, have - front - back), &out), 0);
  EQ_MEM(out.p, out.n, want, n);
  sio__buf_clear(&out);
}

TEST(a_body_is_compressed_as_it_was_asked_for_and_its_length_is_known) {
  open_coding();
  CHECK(says(get("GET", "Accept-Encoding: gzip, deflate\r\n"), "\r\nContent-Encoding: gzip\r\n"));
  inflates_to(10, 8, text, 2000);
  CHECK(says(get("GET", "Accept-Encoding: deflate\r\n"), "\r\nContent-Encoding: deflate\r\n"));
  inflates_to(2, 4, text, 2000);
  CHECK(!says(get("GET", ""), "Content-Encoding"));
  EQ_STR(body_of(rig->out), text);
  EQ(sio__deflater_get_counts(packer).texts, 2);
  close_coding();
}

TEST(a_short_body_and_one_that_does_not_shrink_stay) {
  open_coding();
  text[1024] = '\0';
  CHECK(says(get("GET", "Accept-Encoding: gzip\r\n"), "\r\nContent-Encoding: gzip\r\n"));
  text[1023] = '\0';
  CHECK(!says(get("GET", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
  EQ_STR(body_of(rig->out), text);
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 2000; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    text[i] = (char)(1 + x % 255);
  }
  CHECK(!says(get("GET", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
  EQ_STR(body_of(rig->out), text);
  close_coding();
}

TEST(a_server_that_does_not_compress_ignores_the_wish) {
  open_coding();
  rig->http.deflater = NULL;
  CHECK(!says(get("GET", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
  EQ_STR(body_of(rig->out), text);
  close_coding();
}

/* ---- files ---- */

static sio_asset file;
static struct asset_gzip packed;

static void answer_asset(sio_request *r) {
  EQ(sio__asset_answer_with_file_304_or_412(r, &file, file.etag, "public, max-age=0", &packed), 0);
}

static void open_file(const char *type) {
  open_coding();
  packed = (struct asset_gzip){ 0 };
  file = (sio_asset){ "/a", type, text, 2000, "\"v1\"" };
  rig->at_request = answer_asset;
}

static void close_file(void) {
  sio__asset_gzip_clear(&packed);
  close_coding();
}

TEST(a_file_is_compressed_once) {
  open_file("application/javascript; charset=utf-8");
  for (int i = 0; i < 3; i++) {
    const char *a = get("GET", "Accept-Encoding: br, gzip\r\n");
    CHECK(says(a, "\r\nContent-Encoding: gzip\r\n") && says(a, "\r\nVary: Accept-Encoding\r\n"));
    CHECK(says(a, "\r\nETag: W/\"v1\"\r\n"));
    inflates_to(10, 8, text, 2000);
  }
  EQ(sio__deflater_get_counts(packer).texts, 1);
  get("HEAD", "Accept-Encoding: gzip\r\n");
  CHECK(says(rig->out, "\r\nContent-Encoding: gzip\r\n"));
  EQ_STR(body_of(rig->out), "");
  close_file();
}

TEST(who_takes_no_gzip_gets_the_file_and_hears_that_it_varies) {
  open_file("text/html");
  const char *a = get("GET", "Accept-Encoding: deflate\r\n");
  CHECK(says(a, "\r\nVary: Accept-Encoding\r\n") && says(a, "\r\nETag: \"v1\"\r\n"));
  CHECK(!says(a, "Content-Encoding"));
  EQ_STR(body_of(a), text);
  close_file();
}

TEST(both_forms_are_known_again_by_either_tag) {
  static const char *const asked[] = { "If-None-Match: \"v1\"\r\n", "If-None-Match: W/\"v1\"\r\n",
                                       "Accept-Encoding: gzip\r\nIf-None-Match: \"v1\"\r\n",
                                       "Accept-Encoding: gzip\r\nIf-None-Match: W/\"v1\"\r\n" };
  open_file("text/html");
  for (size_t i = 0; i < 4; i++) EQ(status_of(get("GET", asked[i])), 304);
  EQ(status_of(get("GET", "Accept-Encoding: gzip\r\nIf-None-Match: \"v2\"\r\n")), 200);
  close_file();
}

TEST(what_is_text_by_its_nature_is_compressed) {
  static const char *const types[] = { "text/css", "application/javascript", "application/json",
                                       "image/svg+xml", "application/wasm" };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    open_file(types[i]);
    CHECK(says(get("GET", "Accept-Encoding: gzip\r\n"), "\r\nContent-Encoding: gzip\r\n"));
    close_file();
  }
}

/* Its length alone decides, and it is not read. */
TEST(a_short_file_and_one_of_more_than_8_mib_are_left_alone) {
  static char big[8 * 1024 * 1024 + 1];
  open_file("text/css");
  file.data = big;
  for (size_t i = 0; i < 2; i++) {
    file.size = i ? sizeof big : 1023;
    CHECK(!says(get("HEAD", "Accept-Encoding: gzip\r\n"), "Vary"));
  }
  EQ(sio__deflater_get_counts(packer).texts, 0);
  close_file();
}

/* Two forms never share a strong tag. */
TEST(a_tag_that_is_weak_stays_and_one_too_long_to_be_made_weak_is_left_out) {
  char tag[160];
  open_file("text/css");
  file.etag = "W/\"v1\"";
  CHECK(says(get("GET", "Accept-Encoding: gzip\r\n"), "\r\nETag: W/\"v1\"\r\n"));
  memset(tag, 'a', sizeof tag - 1);
  tag[0] = tag[sizeof tag - 2] = '"';
  tag[sizeof tag - 1] = '\0';
  file.etag = tag;
  CHECK(!says(get("GET", "Accept-Encoding: gzip\r\n"), "ETag"));
  CHECK(says(rig->out, "Content-Encoding: gzip"));
  CHECK(says(get("GET", ""), tag));
  close_file();
}

static sio_request *owed;
static void keep_it(sio_request *r) {
  r->answer_owed = true;
  owed = r;
}

TEST(an_answer_that_nobody_waits_for_is_not_compressed) {
  open_coding();
  rig->at_request = keep_it;
  get("GET", "Accept-Encoding: gzip\r\n");
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  struct msg *m = sio__msg_from_bytes(&rig->loop.msgs, text, strlen(text));
  EQ(sio__coding_answer_compressed_if_accepted(owed, 200, "text/plain", m), SIO_ECLOSED);
  msg_unref(m);
  EQ(sio__deflater_get_counts(packer).texts, 0);
  close_coding();
}

TEST(what_is_compressed_by_its_nature_is_left_alone) {
  static const char *const types[] = { "image/png", "font/woff2", "application/zip", NULL };
  for (size_t i = 0; i < 4; i++) {
    open_file(types[i]);
    const char *a = get("GET", "Accept-Encoding: gzip\r\n");
    CHECK(!says(a, "Content-Encoding") && !says(a, "Vary"));
    EQ(sio__deflater_get_counts(packer).texts, 0);
    close_file();
  }
}

TESTS_BEGIN
T(the_heaviest_coding_is_taken_and_gzip_where_they_weigh_the_same)
T(a_body_is_compressed_as_it_was_asked_for_and_its_length_is_known)
T(a_short_body_and_one_that_does_not_shrink_stay)
T(a_server_that_does_not_compress_ignores_the_wish)
T(a_file_is_compressed_once)
T(who_takes_no_gzip_gets_the_file_and_hears_that_it_varies)
T(both_forms_are_known_again_by_either_tag)
T(what_is_text_by_its_nature_is_compressed)
T(a_short_file_and_one_of_more_than_8_mib_are_left_alone)
T(a_tag_that_is_weak_stays_and_one_too_long_to_be_made_weak_is_left_out)
T(an_answer_that_nobody_waits_for_is_not_compressed)
T(what_is_compressed_by_its_nature_is_left_alone)
TESTS_END

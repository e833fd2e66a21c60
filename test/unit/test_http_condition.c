/* SPDX-License-Identifier: MIT
 *
 * test_http_condition.c - conditional requests, ranges, and the dates in them.
 */
#include "http/condition.h"
#include "http/date.h"
#include "http/range.h"
#include "http/static.h"
#include "http_rig.h"
#include <sys/stat.h>

/* ---- dates --------------------------------------------------------------------------------- */

TEST(a_date_is_written_in_the_preferred_form) {
  static const struct {
    int64_t at;
    const char *text;
  } t[] = {
    { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" }, { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
    { 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" }, { -1, "Wed, 31 Dec 1969 23:59:59 GMT" },
    { INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" }, { INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT" },
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char text[DATE_LEN + 1];
    sio__http_date_write(text, t[i].at);
    EQ_STR(text, t[i].text);
  }
}

TEST(a_date_is_read_in_all_three_forms) {
  static const char *const same[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994" };
  int64_t at;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    at = 0;
    CHECK(sio__http_date_parse(slice_str(same[i]), &at));
    EQ(at, 784111777);
  }
  CHECK(sio__http_date_parse(SLICE("Tuesday, 01-Jan-69 00:00:00 GMT"), &at));
  EQ(at, 3124224000);
  CHECK(sio__http_date_parse(SLICE("Thu, 01 Jan 1970 00:00:00 GMT"), &at));
  EQ(at, 0);
}

TEST(what_is_no_date_is_not_read) {
  static const char *const bad[] = {
    "",
    "0",
    "Sun",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 06 Nov 1994 08:49:37 GMT x",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 0849375: GMT",
    "Sun, 06 Nov 1994 08493750 GMT",
    "Sun, 06 Nov 1994 08:49 GMT",
    "Sun, 32 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 199 08:49:37 GMT",
    "Sun, 06 Nov 19945 08:49:37 GMT",
    "Sun, +6 Nov 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "06 Nov 1994 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994 GMT",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t at;
    bool read = sio__http_date_parse(slice_str(bad[i]), &at);
    if (read) fprintf(stderr, "%s\n", bad[i]);
    CHECK(!read);
  }
}

/* ---- ranges -------------------------------------------------------------------------------- */

static void range_is(const char *value, uint64_t size, enum range_kind kind, uint64_t from,
                     uint64_t n) {
  struct range r = sio__range_header_parse(slice_str(value), size);
  if (r.kind != kind || r.from != from || r.n != n) fprintf(stderr, "%s of %d\n", value, (int)size);
  EQ(r.kind, kind);
  EQ(r.from, from);
  EQ(r.n, n);
}

TEST(one_range_of_bytes_is_understood) {
  range_is("bytes=0-9", 100, RANGE_PART, 0, 10);
  range_is("bytes=99-99", 100, RANGE_PART, 99, 1);
  range_is("bytes=90-", 100, RANGE_PART, 90, 10);
  range_is("bytes=90-1000", 100, RANGE_PART, 90, 10);
  range_is("bytes=-10", 100, RANGE_PART, 90, 10);
  range_is("bytes=-1000", 100, RANGE_PART, 0, 100);
  range_is("Bytes= 0-0 ", 100, RANGE_PART, 0, 1);
  range_is("bytes=0-99999999999999999999999", 100, RANGE_PART, 0, 100);
  range_is("bytes=-99999999999999999999999", 100, RANGE_PART, 0, 100);
}

TEST(a_range_behind_the_end_cannot_be_had) {
  range_is("bytes=100-", 100, RANGE_OUTSIDE, 0, 0);
  range_is("bytes=100-200", 100, RANGE_OUTSIDE, 0, 0);
  range_is("bytes=-0", 100, RANGE_OUTSIDE, 0, 0);
  range_is("bytes=0-", 0, RANGE_OUTSIDE, 0, 0);
  range_is("bytes=99999999999999999999999-", 100, RANGE_OUTSIDE, 0, 0);
}

TEST(what_is_no_single_range_is_the_whole) {
  static const char *const whole[] = {
    "",           "bytes",         "bytes=",     "bytes=-",     "bytes=a-b",  "bytes=0-a",
    "bytes=5-4",  "bytes=0-1,3-4", "bytes=0-1,", "lines=0-1",   "bytes=+1-2", "bytes=1",
    "bytes=0 -1", "bytes=--1",     "=0-1",       "bytes=0-1-2",
  };
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    range_is(whole[i], 100, RANGE_ALL, 0, 0);
  range_is("bytes=-5", 0, RANGE_ALL, 0, 0);
}

/* ---- a file -------------------------------------------------------------------------------- */

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static char root[64], path[96], tag[64];
static struct static_dir *dir;

static void serve(sio_request *r) {
  int status = sio__static_answer_with_file_or_redirect(dir, r, r->path);
  if (!status) return;
  r->extra_headers.n = 0;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
}

static void change_at(time_t at) {
  struct timespec times[2] = { { at, 0 }, { at, 0 } };
  if (utimensat(AT_FDCWD, path, times, 0)) abort();
}

static const char *get(const char *lines) {
  static char out[600];
  char request[512];
  const char *method = strncmp(lines, "HEAD", 4) ? "GET" : "HEAD";
  if (*method == 'H') lines += 4;
  snprintf(request, sizeof request, "%s /a.txt HTTP/1.1\r\nHost: a\r\n%s\r\n", method, lines);
  if (rig->fin) rig_connect();
  const char *answer = ask(request), *range = strstr(answer, "Content-Range: ");
  snprintf(out, sizeof out, "%d%s%.*s %s", status_of(answer), range ? " " : "",
           range ? (int)strcspn(range + 15, "\r") : 0, range ? range + 15 : "", body_of(answer));
  return out;
}

static void find_tag(void) {
  get("");
  const char *at = strstr(rig->out, "ETag: ");
  snprintf(tag, sizeof tag, "%.*s", at ? (int)strcspn(at + 6, "\r") : 0, at ? at + 6 : "");
}

static void start(void) {
  strcpy(root, "/tmp/sio-condition-XXXXXX");
  if (!mkdtemp(root)) abort();
  snprintf(path, sizeof path, "%s/a.txt", root);
  FILE *f = fopen(path, "w");
  fputs("0123456789", f);
  fclose(f);
  change_at(784111777);
  rig_open();
  rig->at_request = serve;
  if (sio__static_dir_open(&dir, root)) abort();
  find_tag();
}

static void stop(void) {
  rig_close();
  sio__static_dir_close(dir);
  unlink(path);
  rmdir(root);
}

/* The line with this file's tag for its '$'. */
static const char *with_tag(const char *line) {
  static char lines[200];
  const char *at = strchr(line, '$');
  snprintf(lines, sizeof lines, "%.*s%s%s", (int)(at - line), line, tag, at + 1);
  return lines;
}

TEST(a_file_says_when_it_was_modified_and_that_parts_may_be_had) {
  start();
  IS(get(""), "200 0123456789");
  CHECK(says(rig->out, "\r\nAccept-Ranges: bytes\r\nLast-Modified: " MODIFIED "\r\nETag: \""));
  change_at(time(NULL));
  get("");
  CHECK(says(rig->out, "\r\nETag: W/\""));
  stop();
}

TEST(a_part_of_a_file_is_206) {
  start();
  IS(get("Range: bytes=2-4\r\n"), "206 bytes 2-4/10 234");
  CHECK(says(rig->out, "\r\nContent-Length: 3\r\n"));
  IS(get("Range: bytes=-1\r\n"), "206 bytes 9-9/10 9");
  IS(get("Range: bytes=0-99\r\n"), "206 bytes 0-9/10 0123456789");
  IS(get("Range: bytes=10-\r\n"), "416 bytes */10 ");
  IS(get("Range: bytes=0-1,5-6\r\n"), "200 0123456789");
  IS(get("Range: pages=1\r\n"), "200 0123456789");
  IS(get("HEADRange: bytes=2-4\r\n"), "200 ");
  CHECK(says(rig->out, "\r\nContent-Length: 10\r\n"));
  stop();
}

TEST(a_part_is_for_whom_has_the_rest_of_this_version) {
  start();
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: $\r\n")), "206 bytes 2-4/10 234");
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: W/$\r\n")), "200 0123456789");
  IS(get("Range: bytes=2-4\r\nIf-Range: \"other\"\r\n"), "200 0123456789");
  IS(get("Range: bytes=2-4\r\nIf-Range: " MODIFIED "\r\n"), "206 bytes 2-4/10 234");
  IS(get("Range: bytes=2-4\r\nIf-Range: " BEFORE "\r\n"), "200 0123456789");
  IS(get("Range: bytes=2-4\r\nIf-Range: " AFTER "\r\n"), "200 0123456789");
  IS(get("Range: bytes=2-4\r\nIf-Range: nonsense\r\n"), "200 0123456789");
  IS(get("Range: bytes=2-4\r\nIf-Range: \r\n"), "200 0123456789");
  IS(get("If-Range: \"other\"\r\n"), "200 0123456789");
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: $, \"other\"\r\n")), "200 0123456789");
  stop();
}

/* It may change again before the clock does. */
TEST(a_file_that_has_just_changed_has_no_parts_by_its_version) {
  start();
  change_at(time(NULL));
  find_tag();
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: $\r\n")), "200 0123456789");
  IS(get(with_tag("If-None-Match: $\r\n")), "304 ");
  IS(get(with_tag("If-Match: $\r\n")), "412 ");
  memmove(tag, tag + 2, strlen(tag + 2) + 1); /* the same without its W/ */
  IS(get(with_tag("If-Match: $\r\n")), "412 ");
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: $\r\n")), "200 0123456789");
  const char *date = strstr(rig->out, "Last-Modified: ");
  REQUIRE(date != NULL);
  snprintf(tag, sizeof tag, "%.29s", date + 15);
  IS(get(with_tag("Range: bytes=2-4\r\nIf-Range: $\r\n")), "200 0123456789");
  stop();
}

TEST(what_is_known_already_is_304) {
  start();
  IS(get(with_tag("If-None-Match: $\r\n")), "304 ");
  IS(get(with_tag("If-None-Match: \"a\", W/$\r\n")), "304 ");
  IS(get(with_tag("HEADIf-None-Match: $\r\n")), "304 ");
  IS(get("If-None-Match: *\r\n"), "304 ");
  IS(get("If-None-Match: \"a\"\r\n"), "200 0123456789");
  IS(get("If-Modified-Since: " MODIFIED "\r\n"), "304 ");
  IS(get("If-Modified-Since: " AFTER "\r\n"), "304 ");
  IS(get("If-Modified-Since: " BEFORE "\r\n"), "200 0123456789");
  IS(get("If-Modified-Since: yesterday\r\n"), "200 0123456789");
  IS(get("If-None-Match: \"a\"\r\nIf-Modified-Since: " MODIFIED "\r\n"), "200 0123456789");
  IS(get(with_tag("Range: bytes=0-1\r\nIf-None-Match: $\r\n")), "304 ");
  stop();
}

TEST(what_has_changed_is_412_for_whom_says_so) {
  start();
  IS(get(with_tag("If-Match: $\r\n")), "200 0123456789");
  IS(get(with_tag("If-Match: \"a\", $\r\n")), "200 0123456789");
  IS(get("If-Match: *\r\n"), "200 0123456789");
  IS(get("If-Match: \"a\"\r\n"), "412 ");
  IS(get(with_tag("If-Match: W/$\r\n")), "412 ");
  IS(get("If-Unmodified-Since: " MODIFIED "\r\n"), "200 0123456789");
  IS(get("If-Unmodified-Since: " BEFORE "\r\n"), "412 ");
  IS(get("If-Unmodified-Since: tomorrow\r\n"), "200 0123456789");
  IS(get(with_tag("If-Match: $\r\nIf-Unmodified-Since: " BEFORE "\r\n")), "200 0123456789");
  IS(get(with_tag("If-Match: \"a\"\r\nIf-None-Match: $\r\n")), "412 ");
  stop();
}

TESTS_BEGIN
T(a_date_is_written_in_the_preferred_form)
T(a_date_is_read_in_all_three_forms)
T(what_is_no_date_is_not_read)
T(one_range_of_bytes_is_understood)
T(a_range_behind_the_end_cannot_be_had)
T(what_is_no_single_range_is_the_whole)
T(a_file_says_when_it_was_modified_and_that_parts_may_be_had)
T(a_part_of_a_file_is_206)
T(a_part_is_for_whom_has_the_rest_of_this_version)
T(a_file_that_has_just_changed_has_no_parts_by_its_version)
T(what_is_known_already_is_304)
T(what_has_changed_is_412_for_whom_says_so)
TESTS_END

/* SPDX-License-Identifier: MIT
 *
 * test_log_file.c - sio_log_to_file(): whatever a line contains, it stays one line of valid UTF-8
 * and, as JSON, one valid object.
 */
#include "base/log.h"
#include "base/utf8.h"
#include "test.h"

#include <cJSON.h>
#include <pthread.h>
#include <unistd.h>

static char *written;
static size_t written_n;

/* What sio_log_to_file() makes of a line. */
static const char *written_of(const sio_log_line *line, bool json) {
  free(written);
  FILE *f = open_memstream(&written, &written_n);
  if (!f) abort();
  sio_log_file to = { .file = f, .json = json };
  sio_log_to_file(line, &to);
  if (fclose(f)) abort();
  return written;
}

static sio_log_line line_of(const char *text) {
  return (sio_log_line){ .size = sizeof(sio_log_line),
                         .time_ms = 1769860800123,
                         .text = text,
                         .level_name = "warn",
                         .part = "eio",
                         .session = "",
                         .nsp = "",
                         .fd = -1,
                         .level = SIO_LOG_WARN };
}

TEST(a_line_says_when_how_bad_where_and_what_it_is_about) {
  sio_log_line line = line_of("session Qx3_a1Bc closed");
  EQ_STR(written_of(&line, false),
         "2026-01-31T12:00:00.123Z warn  eio     session Qx3_a1Bc closed\n");
  EQ_STR(written_of(&line, true),
         "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"part\":\"eio\","
         "\"message\":\"session Qx3_a1Bc closed\"}\n");
  line.session = "Qx3_a1Bc";
  line.nsp = "/chat";
  line.fd = 7;
  EQ_STR(written_of(&line, false),
         "2026-01-31T12:00:00.123Z warn  eio     fd=7 session=Qx3_a1Bc nsp=/chat "
         "session Qx3_a1Bc closed\n");
  EQ_STR(written_of(&line, true),
         "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"part\":\"eio\",\"fd\":7,"
         "\"session\":\"Qx3_a1Bc\",\"nsp\":\"/chat\",\"message\":\"session Qx3_a1Bc closed\"}\n");
}

static void is_one_line(const char *s, size_t n) {
  CHECK(n > 0 && s[n - 1] == '\n');
  CHECK(sio__utf8_is_valid(s, n));
  for (size_t i = 0; i + 1 < n; i++) CHECK((unsigned char)s[i] >= 0x20 && s[i] != 0x7f);
}

static void is_one_object(const char *s, size_t n, const char *message) {
  is_one_line(s, n);
  const char *end = NULL;
  cJSON *tree = cJSON_ParseWithOpts(s, &end, false);
  CHECK(tree && end && *end == '\n');
  const cJSON *said = cJSON_GetObjectItemCaseSensitive(tree, "message");
  CHECK(cJSON_IsString(said));
  if (message) EQ_STR(said->valuestring, message);
  cJSON_Delete(tree);
}

TEST(any_bytes_make_one_line_and_one_json_object) {
  char text[64], message[64];
  for (int c = 1; c < 256; c++)
    for (int d = 1; d < 256; d += 7) {
      snprintf(text, sizeof text, "%c%c\"\\}%c{%c", c, d, d, c);
      sio_log_line line = line_of(text);
      line.nsp = line.session = line.part = text;
      written_of(&line, true);
      bool clean = c < 0x80 && d < 0x80;
      snprintf(message, sizeof message, "%s", text);
      is_one_object(written, written_n, clean ? message : NULL);
      written_of(&line, false);
      is_one_line(written, written_n);
    }
}

TEST(a_line_of_the_host_may_have_any_length) {
  static char text[100001];
  memset(text, '"', sizeof text - 1);
  sio_log_line line = line_of(text);
  written_of(&line, true);
  is_one_object(written, written_n, text);
}

TEST(a_line_with_null_pointers_is_written) {
  sio_log_line line = { .fd = -1 };
  written_of(&line, true);
  is_one_object(written, written_n, "");
  written_of(&line, false);
  is_one_line(written, written_n);
}

enum { WRITERS = 4, LINES = 500 };

static void *write_lines(void *file) {
  char text[600];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  sio_log_line line = line_of(text);
  sio_log_file to = { .file = file, .json = true };
  for (int i = 0; i < LINES; i++) sio_log_to_file(&line, &to);
  return NULL;
}

TEST(lines_of_several_threads_are_not_mixed) {
  pthread_t threads[WRITERS];
  char line[2000];
  int n = 0;
  FILE *f = tmpfile();
  if (!f) abort();
  setvbuf(f, NULL, _IONBF, 0);
  for (int i = 0; i < WRITERS; i++)
    if (pthread_create(&threads[i], NULL, write_lines, f)) abort();
  for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
  rewind(f);
  FILE *in = fdopen(dup(fileno(f)), "r"); /* has a buffer, so a line is not read byte by byte */
  if (!in) abort();
  for (; fgets(line, sizeof line, in); n++) is_one_object(line, strlen(line), NULL);
  EQ(n, WRITERS * LINES);
  fclose(in);
  fclose(f);
  free(written);
  written = NULL;
}

TEST(a_struct_of_another_size_writes_nothing) {
  char *text = NULL;
  size_t n = 0;
  FILE *to = open_memstream(&text, &n);
  sio_log_file how = { .size = 1, .file = to };
  sio_log_to_file(&(sio_log_line){ .level_name = "info", .part = "net", .text = "x" }, &how);
  fclose(to);
  EQ(n, 0);
  free(text);
}

TEST(without_a_file_lines_go_to_the_standard_error) {
  int saved = dup(2), ends[2];
  char got[200];
  EQ(pipe(ends), 0);
  dup2(ends[1], 2);
  sio_log_to_file(&(sio_log_line){ .level_name = "info", .part = "net", .text = "hello" }, NULL);
  fflush(stderr);
  dup2(saved, 2);
  ssize_t len = read(ends[0], got, sizeof got);
  CHECK(len > 0 && memmem(got, (size_t)len, "hello", 5));
  close(ends[0]);
  close(ends[1]);
  close(saved);
}

TESTS_BEGIN
T(a_struct_of_another_size_writes_nothing)
T(without_a_file_lines_go_to_the_standard_error)
T(a_line_says_when_how_bad_where_and_what_it_is_about)
T(any_bytes_make_one_line_and_one_json_object)
T(a_line_of_the_host_may_have_any_length)
T(a_line_with_null_pointers_is_written)
T(lines_of_several_threads_are_not_mixed)
TESTS_END

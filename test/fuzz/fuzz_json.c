/* SPDX-License-Identifier: MIT
 *
 * fuzz_json.c - the scanner against itself and against the tree: elements of a valid array are
 * valid texts, a valid text becomes a tree, and the tree's text is valid again.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "packet/json_string.h"
#include "packet/number.h"
#include "packet/tree.h"
#include <math.h>
#include <sio/error.h>

enum { MAX_DEPTH = 100 };

static void check_string(sio_slice text) {
  char *out = malloc(text.n);
  size_t n = sio__json_unescape_string(out, text);
  DEMAND(n <= text.n && sio__utf8_is_valid(out, n));
  char *quoted = malloc(sio__json_quoted_length(slice(out, n)));
  size_t len = sio__json_quote_string(quoted, slice(out, n));
  DEMAND(len == sio__json_quoted_length(slice(out, n)));
  char *again = malloc(len);
  DEMAND(sio__json_unescape_string(again, slice(quoted, len)) == n && memcmp(again, out, n) == 0);
  free(again);
  free(quoted);
  free(out);
}

static void check_number(sio_slice text) {
  double d;
  int64_t i;
  DEMAND(sio__json_number_to_double(text, &d) && !isnan(d));
  if (!sio__json_number_to_int64(text, &i)) return;
  volatile double rounded = (double)i; /* the x87 compares with more digits than a double has */
  DEMAND(rounded == d);
}

static void check_arg(sio_slice text) {
  struct json_scan s = { 0 };
  DEMAND(sio__json_scan_text(&s, text, MAX_DEPTH, NULL) == 0);
  if (text.p[0] == '"') check_string(text);
  if (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9')) check_number(text);
  sio__json_scan_clear(&s);
}

static void check_scan(const struct json_scan *s, sio_slice text) {
  for (uint32_t i = 0; i < s->nargs; i++) {
    DEMAND(s->args[i].len > 0 && s->args[i].off + s->args[i].len <= text.n);
    check_arg(json_scanned_element(s, text, i));
  }
  for (uint32_t i = 0; i < s->nplaceholders; i++) {
    const struct json_placeholder *h = &s->placeholders[i];
    DEMAND(h->off + h->len <= text.n && text.p[h->off] == '{' &&
           text.p[h->off + h->len - 1] == '}');
    DEMAND(h->num >= -1);
  }
}

static void check_tree(sio_slice text) {
  struct json_scan s = { 0 };
  struct msgs home;
  sio__msg_allocator_init(&home);
  struct cJSON *t = sio__tree_from_json(text);
  DEMAND(t);
  struct msg *m = sio__msg_new(&home, 0);
  DEMAND(sio__tree_append_as_json_to_msg(&m, t, &s, MAX_DEPTH, false) == 0);
  DEMAND(sio__json_scan_text(&s, slice(msg_data(m), m->len), MAX_DEPTH, NULL) == 0);
  msg_unref(m);
  sio__tree_free(t);
  sio__msg_allocator_clear(&home);
  sio__json_scan_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!sio__utf8_is_valid((const char *)data, size)) return 0;
  char *copy = piece(data, size);
  sio_slice text = slice(copy, size);
  struct json_scan s = { 0 };
  size_t at = 0;
  int err = sio__json_scan_text(&s, text, MAX_DEPTH, &at);
  if (err == 0) {
    check_scan(&s, text);
    check_tree(text);
  } else {
    DEMAND(err == SIO_EJSON || err == SIO_EDEPTH);
    DEMAND(at <= size);
  }
  err = sio__json_scan_unbracketed_list(&s, text, MAX_DEPTH, NULL);
  if (err == 0) check_scan(&s, text);
  sio__json_scan_clear(&s);
  free(copy);
  return 0;
}

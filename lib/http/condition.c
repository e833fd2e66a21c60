/* SPDX-License-Identifier: MIT
 *
 * condition.c - evaluates the headers of conditional requests: lists of ETags, whose quoted texts
 * may contain commas, and dates.
 */
#include "http/condition.h"
#include "http/date.h"

/* ---- tags ------------------------------------------------------------------------------ */

static bool is_weak_etag(sio_slice tag) { return slice_starts_with(tag, SLICE("W/")); }

static sio_slice etag_without_weak_prefix(sio_slice tag) {
  return is_weak_etag(tag) ? slice(tag.p + 2, tag.n - 2) : tag;
}

/* Removes the first ETag from *list and sets *tag to it, with its W/ if it has one. Returns false
 * if the list is empty or malformed. */
static bool take_next_etag(sio_slice *list, sio_slice *tag) {
  while (list->n && (*list->p == ' ' || *list->p == '\t' || *list->p == ','))
    *list = slice(list->p + 1, list->n - 1);
  size_t quote = is_weak_etag(*list) ? 2 : 0;
  if (list->n < quote + 2 || list->p[quote] != '"') return false;
  const char *end = memchr(list->p + quote + 1, '"', list->n - quote - 1);
  if (!end) return false;
  size_t n = (size_t)(end - list->p) + 1;
  *tag = slice(list->p, n);
  *list = slice(list->p + n, list->n - n);
  return true;
}

static bool etags_are_equal(sio_slice a, sio_slice b, bool strongly) {
  if (strongly && (is_weak_etag(a) || is_weak_etag(b))) return false;
  return slice_eq(etag_without_weak_prefix(a), etag_without_weak_prefix(b));
}

static bool does_etag_list_match(sio_slice list, sio_slice etag, bool strongly) {
  sio_slice tag;
  if (slice_equals_str(list, "*")) return true;
  while (take_next_etag(&list, &tag))
    if (etags_are_equal(tag, etag, strongly)) return true;
  return false;
}

/* ---- conditions ------------------------------------------------------------------------ */

static bool parse_date_header(const sio_request *r, const char *name, int64_t *at) {
  sio_slice value = sio__request_header(r, name);
  return value.p && sio__http_date_parse(value, at);
}

/* Evaluates If-Match or, without that header, If-Unmodified-Since. Returns false if the answer must
 * be 412. */
static bool does_precondition_hold(const sio_request *r, const struct validators *v) {
  int64_t at;
  sio_slice tags = sio__request_header(r, "if-match");
  if (tags.p) return does_etag_list_match(tags, v->etag, true);
  return !v->has_date || !parse_date_header(r, "if-unmodified-since", &at) || v->modified <= at;
}

/* Evaluates If-None-Match or, without that header, If-Modified-Since. Returns true if the answer
 * can be 304. */
static bool is_client_copy_current(const sio_request *r, const struct validators *v) {
  int64_t at;
  sio_slice tags = sio__request_header(r, "if-none-match");
  if (tags.p) return does_etag_list_match(tags, v->etag, false);
  return v->has_date && parse_date_header(r, "if-modified-since", &at) && v->modified <= at;
}

int sio__evaluate_conditional_request(const sio_request *r, const struct validators *v) {
  if (!does_precondition_hold(r, v)) return 412;
  return is_client_copy_current(r, v) ? 304 : 0;
}

/* If-Range with a date counts only if the ETag of the file is strong. A weak ETag means that the
 * file may have changed twice within the second of its date (static.c). */
bool sio__does_if_range_header_allow_partial_answer(const sio_request *r,
                                                    const struct validators *v) {
  int64_t at;
  sio_slice value = sio__request_header(r, "if-range"), rest = value, tag;
  if (!value.p) return true;
  if (take_next_etag(&rest, &tag)) return rest.n == 0 && etags_are_equal(tag, v->etag, true);
  return !is_weak_etag(v->etag) && sio__http_date_parse(value, &at) && at == v->modified;
}

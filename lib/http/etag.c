/* SPDX-License-Identifier: MIT
 *
 * etag.c - a list of quoted tags; a comma may stand inside the quotes.
 */
#include "http/etag.h"

static sio_slice strong(sio_slice tag) {
  return slice_starts(tag, SLICE("W/")) ? slice(tag.p + 2, tag.n - 2) : tag;
}

/* Takes one tag off *list, W/ left out. False at the end, and at what is no tag. */
static bool take_tag(sio_slice *list, sio_slice *tag) {
  while (list->n && (*list->p == ' ' || *list->p == '\t' || *list->p == ','))
    *list = slice(list->p + 1, list->n - 1);
  *list = strong(*list);
  if (list->n < 2 || *list->p != '"') return false;
  const char *end = memchr(list->p + 1, '"', list->n - 1);
  if (!end) return false;
  size_t n = (size_t)(end - list->p) + 1;
  *tag = slice(list->p, n);
  *list = slice(list->p + n, list->n - n);
  return true;
}

bool sio__etag_matches(const sio_request *r, sio_slice etag) {
  sio_slice list = sio__request_header(r, "If-None-Match"), tag;
  if (slice_is(list, "*")) return true;
  while (take_tag(&list, &tag))
    if (slice_eq(tag, strong(etag))) return true;
  return false;
}

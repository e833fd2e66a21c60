/* SPDX-License-Identifier: MIT
 *
 * foreign_json.c - checks of the JSON that another server sends.
 */
#include "core/foreign_json.h"

#include "base/utf8.h"
#include <sio/error.h>

static bool holes_fit(const struct json_scan *scan, size_t nbins) {
  for (uint32_t i = 0; nbins && i < scan->nholes; i++)
    if (scan->holes[i].num < 0 || (uint64_t)scan->holes[i].num >= nbins) return false;
  return true;
}

/* Peers' own events may be named by a number. */
static bool is_name(sio_slice json) {
  return json.p[0] == '"' || json.p[0] == '-' || (json.p[0] >= '0' && json.p[0] <= '9');
}

int sio__foreign_check_event(struct json_scan *scan, sio_slice json, size_t nbins) {
  if (nbins > UINT32_MAX) return SIO_ETOOBIG;
  if (!sio__utf8_valid(json.p, json.n)) return SIO_EJSON;
  int err = sio__json_scan(scan, json, JSON_DEPTH_MAX, NULL);
  if (err) return err;
  if (scan->first != '[' || scan->nargs == 0 || !is_name(json_arg(scan, json, 0))) return SIO_EJSON;
  return holes_fit(scan, nbins) ? 0 : SIO_EPLACEHOLDER;
}

bool sio__foreign_is_value(sio_slice json, size_t nbins) {
  struct json_scan scan = { 0 };
  bool ok = nbins <= UINT32_MAX && sio__utf8_valid(json.p, json.n) &&
            !sio__json_scan_list(&scan, json, JSON_DEPTH_MAX, NULL) && scan.nargs == 1 &&
            holes_fit(&scan, nbins);
  sio__json_scan_clear(&scan);
  return ok;
}

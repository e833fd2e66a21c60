/* SPDX-License-Identifier: MIT
 *
 * remote_event.c - checks what an adapter has received from another server.
 */
#include "core/remote_event.h"

#include "base/err.h"
#include "base/utf8.h"

static bool has_valid_remote_placeholder_numbers(const struct json_scan *scan, size_t nbins) {
  for (uint32_t i = 0; nbins && i < scan->nplaceholders; i++)
    if (scan->placeholders[i].num < 0 || (uint64_t)scan->placeholders[i].num >= nbins) return false;
  return true;
}

/* True if the element can be the name of an event: the protocol allows a string or a number. */
static bool can_json_be_event_name(sio_slice json) {
  return json.p[0] == '"' || json.p[0] == '-' || (json.p[0] >= '0' && json.p[0] <= '9');
}

int sio__remote_event_scan_and_check(struct json_scan *scan, sio_slice json, size_t nbins) {
  if (nbins > UINT32_MAX) return SIO_ETOOBIG;
  if (!sio__utf8_is_valid(json.p, json.n)) return SIO_EJSON;
  int err = sio__json_scan_text(scan, json, JSON_DEPTH_MAX, NULL);
  if (err) return err;
  if (scan->first != '[' || scan->nargs == 0 ||
      !can_json_be_event_name(json_scanned_element(scan, json, 0)))
    return SIO_EJSON;
  return has_valid_remote_placeholder_numbers(scan, nbins) ? 0 : SIO_EPLACEHOLDER;
}

bool sio__is_single_remote_json_value_valid(sio_slice json, size_t nbins) {
  struct json_scan scan = { 0 };
  bool ok = nbins <= UINT32_MAX && sio__utf8_is_valid(json.p, json.n) &&
            !sio__json_scan_unbracketed_list(&scan, json, JSON_DEPTH_MAX, NULL) &&
            scan.nargs == 1 && has_valid_remote_placeholder_numbers(&scan, nbins);
  sio__json_scan_clear(&scan);
  return ok;
}

int sio__remote_event_init(struct sio_event *e, const struct packet *p) {
  int err = sio__event_init(e, NULL, p);
  if (err) return err;
  if (!memchr(e->name.p, '\0', e->name.n)) return 0;
  sio__event_clear(e);
  return SIO_ENAME;
}

/* SPDX-License-Identifier: MIT
 *
 * origin.c - finds out which page has sent a request, from Origin, Referer and Sec-Fetch-Site.
 */
#include "http/origin.h"

static bool is_origin_listed(const char *const *allowed, sio_slice origin) {
  while (*allowed && !slice_equals_str(origin, *allowed)) allowed++;
  return *allowed != NULL;
}

/* Returns the origin in the Referer header: "https://a.example" for "https://a.example/page?x". A
 * Referer without a scheme is returned unchanged. */
static sio_slice origin_of_referer(const sio_request *r) {
  sio_slice url = sio__request_header(r, "referer");
  const char *host = url.p ? memmem(url.p, url.n, "://", 3) : NULL;
  if (!host) return url;
  size_t n = (size_t)(host - url.p) + 3;
  while (n < url.n && url.p[n] != '/' && url.p[n] != '?' && url.p[n] != '#') n++;
  return slice(url.p, n);
}

/* Returns true if `site`, a value of Sec-Fetch-Site, says that the request was caused by the user
 * ("none") or by a page of this server. */
static bool does_sec_fetch_site_say_own_page_or_user(sio_slice site) {
  return slice_equals_str(site, "same-origin") || slice_equals_str(site, "none");
}

bool sio__origin_is_allowed(const char *const *allowed, const sio_request *r, bool script) {
  if (!allowed) return true;
  sio_slice origin = sio__request_header(r, "origin");
  if (origin.p) return is_origin_listed(allowed, origin);
  sio_slice site = sio__request_header(r, "sec-fetch-site");
  if (site.p ? does_sec_fetch_site_say_own_page_or_user(site) : !script) return true;
  return is_origin_listed(allowed, origin_of_referer(r));
}

sio_slice sio__request_origin_referer_or_fetch_site(const sio_request *r) {
  sio_slice from = sio__request_header(r, "origin");
  if (!from.p) from = origin_of_referer(r);
  if (!from.p) from = sio__request_header(r, "sec-fetch-site");
  return from.p ? from : slice("", 0);
}

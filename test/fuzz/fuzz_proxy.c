/* SPDX-License-Identifier: MIT
 *
 * fuzz_proxy.c - what proxies say. The first byte chooses: a PROXY header, whole and byte by byte;
 * the value of X-Forwarded-For or of Forwarded; one address or network.
 */
#include "fuzz.h"

#include "http/forwarded.h"
#include "net/proxy.h"
#include <sio/error.h>

static const char *const texts[] = { "10.0.0.0/8", "fd00::/8", NULL };

/* What is told depends on the bytes of the header alone, and more bytes do not change it. */
static void header(const char *p, size_t n) {
  struct proxied whole, part;
  const char *why;
  int used = sio__proxy_parse_header(p, n, &whole, &why);
  DEMAND(used <= (int)n && used <= PROXY_V2_MAX);
  DEMAND(used >= 0 || (*why && (used == SIO_EPROTO || used == SIO_ETOOBIG)));
  DEMAND(used || n < PROXY_V2_MAX);
  size_t most = n < PROXY_V2_MAX ? n : PROXY_V2_MAX;
  for (size_t i = 0; i < most; i++) {
    char *cut = piece(p, i);
    int got = sio__proxy_parse_header(cut, i, &part, &why);
    free(cut);
    DEMAND(got <= 0 || got == used);
    DEMAND(got >= 0 || used < 0);
    if (got > 0) DEMAND(memcmp(&part.from, &whole.from, sizeof part.from) == 0);
    if (got) return;
  }
}

static void list(const char *p, size_t n, bool rfc7239) {
  const char *bad;
  struct addr_set trusted;
  struct http_header h[2] = {
    { slice_str(rfc7239 ? "forwarded" : "x-forwarded-for"), slice(p, n) },
    { slice_str("x-forwarded-proto"), slice(p, n) },
  };
  const sio_request r = { .headers = h, .nheaders = 2 };
  DEMAND(sio__addr_set_parse(&trusted, texts, &bad) == 0);
  struct forwarded f = sio__forwarded_headers_find_client(&r, &trusted, rfc7239);
  DEMAND(f.from.kind == ADDR_NONE || f.from.kind == ADDR_IP);
  /* An address that a proxy adds is the client's, whatever stands before it. */
  char *more = malloc(n + 20);
  memcpy(more, p, n);
  const char *added = rfc7239 ? ",for=1.2.3.4" : ",1.2.3.4";
  memcpy(more + n, added, strlen(added));
  h[0].value = slice(more, n + strlen(added));
  char text[ADDR_TEXT];
  f = sio__forwarded_headers_find_client(&r, &trusted, rfc7239);
  DEMAND(strcmp(sio__addr_to_text(&f.from, text), "1.2.3.4") == 0);
  free(more);
  sio__addr_set_clear(&trusted);
}

/* What is read is printed so that it is read as the same. */
static void one(const char *p, size_t n) {
  struct addr a, again;
  char text[ADDR_TEXT];
  char *copy = calloc(1, n + 1);
  if (n) memcpy(copy, p, n);
  const char *nets[] = { copy, NULL }, *bad;
  struct addr_set set;
  if (sio__addr_set_parse(&set, nets, &bad) == 0) sio__addr_set_clear(&set);
  free(copy);
  if (!sio__addr_parse(&a, slice(p, n))) return;
  DEMAND(sio__addr_parse(&again, slice_str(sio__addr_to_text(&a, text))));
  DEMAND(memcmp(a.b, again.b, sizeof a.b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  char *copy = piece(data + 1, size - 1);
  switch (data[0]) {
    case 'x': list(copy, size - 1, false); break;
    case 'f': list(copy, size - 1, true); break;
    case 'a': one(copy, size - 1); break;
    default: header(copy, size - 1); break;
  }
  free(copy);
  return 0;
}

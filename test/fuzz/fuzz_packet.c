/* SPDX-License-Identifier: MIT
 *
 * fuzz_packet.c - a row of Engine.IO messages, one a line: text, or an attachment when the line
 * begins with 'b'. What a packet consists of lies where it should; a decoder that refused one
 * takes nothing more.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "packet/packet.h"
#include <sio/error.h>

static const struct decoder_limits limits = { .max_attachments = 4,
                                              .max_depth = 20,
                                              .max_packet = 2000 };

static void check_packet(const struct packet *p) {
  DEMAND(p->type <= PACKET_CONNECT_ERROR);
  DEMAND(p->nsp.n > 0 && p->nsp.p[0] == '/');
  DEMAND(p->id >= PACKET_NO_ID);
  DEMAND(p->nbins <= limits.max_attachments);
  if (p->type == PACKET_EVENT && p->json.n) DEMAND(p->scan->nargs > 0);
  for (uint32_t i = 0; i < p->scan->nargs; i++)
    DEMAND(p->scan->args[i].off + p->scan->args[i].len <= p->json.n);
  for (uint32_t i = 0; p->nbins && i < p->scan->nplaceholders; i++)
    DEMAND(p->scan->placeholders[i].num >= 0 && p->scan->placeholders[i].num < p->nbins);
}

/* False: it was refused. */
static bool decode(struct decoder *d, struct decode_scratch *scratch, const char *p, size_t n) {
  struct packet out;
  const char *why = NULL;
  bool binary = n > 0 && p[0] == 'b';
  if (!binary && !sio__utf8_is_valid(p, n)) return true;
  char *copy = piece(p + binary, n - binary);
  int got = binary
                ? sio__decode_packet_attachment(d, scratch, &limits, slice(copy, n - 1), &out, &why)
                : sio__decode_packet_text(d, scratch, &limits, slice(copy, n), &out, &why);
  if (got == DECODE_PACKET) check_packet(&out);
  if (got < 0) DEMAND((got == SIO_EPROTO || got == SIO_EDEPTH || got == SIO_ETOOBIG) && why);
  free(copy);
  return got >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct decoder d = { 0 };
  struct decode_scratch scratch = { 0 };
  const char *at = (const char *)data, *end = at + size;
  bool good = true;
  while (good && at < end) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    size_t n = line ? (size_t)(line - at) : (size_t)(end - at);
    good = decode(&d, &scratch, at, n);
    at += n + 1;
  }
  sio__decoder_free_packet(&d);
  sio__decode_scratch_clear(&scratch);
  return 0;
}

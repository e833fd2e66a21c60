/* SPDX-License-Identifier: MIT
 *
 * fuzz_msgpack.c - the MessagePack parser: what is read is valid JSON, and written out and read
 * again it is the same.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "packet/parser.h"
#include <sio/error.h>
#include <uv.h>

static const struct decoder_limits limits = { .max_attachments = 10,
                                              .max_depth = 100,
                                              .max_packet = 1 << 20 };

struct reading {
  struct decode_scratch scratch;
  struct sio_parser_out own;
  struct packet packet;
};

static int read_message(struct msgs *home, struct reading *r, sio_slice data) {
  const char *why = NULL;
  *r = (struct reading){ 0 };
  int got = sio__custom_parser_decode_packet(sio_parser_msgpack, home, &r->scratch, &limits, true,
                                             data, &r->own, &r->packet, &why);
  DEMAND(got == DECODE_PACKET ||
         (*why && (got == SIO_EPROTO || got == SIO_EDEPTH || got == SIO_ETOOBIG)));
  return got;
}

static void done(struct reading *r) {
  sio__parser_out_clear(&r->own);
  sio__decode_scratch_clear(&r->scratch);
}

static void check_packet(const struct packet *p) {
  DEMAND(sio__utf8_is_valid(p->json.p, p->json.n) && sio__utf8_is_valid(p->nsp.p, p->nsp.n));
  DEMAND(p->nbins <= limits.max_attachments);
  for (uint32_t i = 0; i < p->nbins; i++)
    if (p->bins[i].n) DEMAND(p->bins[i].p[p->bins[i].n - 1] || 1);
}

static void same(const struct packet *a, const struct packet *b) {
  DEMAND(a->type == b->type && a->id == b->id && slice_eq(a->nsp, b->nsp));
  DEMAND(slice_eq(a->json, b->json) && a->nbins == b->nbins);
  for (uint32_t i = 0; i < a->nbins; i++) DEMAND(slice_eq(a->bins[i], b->bins[i]));
}

static void check_again(struct msgs *home, const struct packet *p) {
  struct sio_parser_out out = { .home = home, .max = UINT32_MAX };
  struct reading again;
  sio_parts parts = { (int)p->type, p->nsp, p->id, p->json, p->bins, p->nbins };
  out.text = sio__msg_new(home, 0);
  DEMAND(sio_parser_msgpack->encode(&parts, &out) == 0);
  char *copy = piece(msg_data(out.text), out.text->len);
  if (read_message(home, &again, slice(copy, out.text->len)) == DECODE_PACKET)
    same(p, &again.packet);
  else
    DEMAND(0);
  done(&again);
  free(copy);
  sio__parser_out_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct msgs home;
  struct reading r;
  char *copy = piece(data, size);
  sio__msg_allocator_init(&home);
  if (read_message(&home, &r, slice(copy, size)) == DECODE_PACKET) {
    check_packet(&r.packet);
    check_again(&home, &r.packet);
  }
  done(&r);
  sio__msg_allocator_clear(&home);
  free(copy);
  return 0;
}

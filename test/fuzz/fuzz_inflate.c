/* SPDX-License-Identifier: MIT
 *
 * fuzz_inflate.c - compressed messages. The first byte chooses: bytes that claim to be one, under
 * several limits; or a text that is compressed in each form, of which the WebSocket's is inflated
 * to the same text.
 */
#include "fuzz.h"

#include "base/deflate.h"
#include <sio/error.h>

enum { MAX_TEXT = 1 << 16 };

static int inflate_to(struct inflater *z, sio_slice in, size_t max, struct buf *out) {
  *out = (struct buf){ .max = max };
  int err = sio__inflate_and_append(z, in, out);
  DEMAND(err == 0 || err == SIO_ETOOBIG || err == SIO_EPROTO);
  DEMAND(out->n <= max);
  return err;
}

/* With less room it is the same message, or it is too big; and one message leaves nothing behind
 * for the next. */
static void read_message(struct inflater *z, sio_slice in) {
  static const size_t limits[] = { MAX_TEXT, 0, 1, 100, 1000 };
  struct buf whole, part;
  int err = inflate_to(z, in, MAX_TEXT, &whole);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    int got = inflate_to(z, in, limits[i], &part);
    if (!err) DEMAND(got == (whole.n <= limits[i] ? 0 : SIO_ETOOBIG));
    if (!err && !got) DEMAND(part.n == whole.n && (!part.n || !memcmp(part.p, whole.p, part.n)));
    if (err) DEMAND(got == err || got == SIO_ETOOBIG);
    sio__buf_clear(&part);
  }
  sio__buf_clear(&whole);
}

static void write_message(struct inflater *z, struct deflater *d, sio_slice text) {
  struct msgs home;
  struct msg *m;
  struct buf out;
  sio__msg_allocator_init(&home);
  for (int form = DEFLATE_MESSAGE; form <= DEFLATE_GZIP; form++) {
    int got = sio__deflate(d, (enum deflate_form)form, &home, text, &m);
    DEMAND(got == 0 || got == 1);
    if (!got) continue;
    DEMAND(m->len < text.n);
    if (form == DEFLATE_MESSAGE) {
      DEMAND(inflate_to(z, slice(msg_data(m), m->len), MAX_TEXT, &out) == 0);
      DEMAND(slice_eq(slice(out.p, out.n), text));
      sio__buf_clear(&out);
    }
    msg_unref(m);
  }
  sio__msg_allocator_clear(&home);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct inflater *z;
  static struct deflater *d;
  if (!sio__deflate_is_available() || size == 0 || size > MAX_TEXT) return 0;
  if (!z) z = sio__inflater_new();
  if (!d) d = sio__deflater_new(&(struct deflate_settings){ .level = 1 });
  DEMAND(z && d);
  char *copy = piece(data + 1, size - 1);
  if (data[0] == 'w')
    write_message(z, d, slice(copy, size - 1));
  else
    read_message(z, slice(copy, size - 1));
  free(copy);
  return 0;
}

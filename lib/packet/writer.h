/* SPDX-License-Identifier: MIT
 *
 * writer.h - values (<sio/value.h>) into the text and the attachments of one packet; value.c.
 *
 * A text or tree may stand for attachments by placeholders that count from 0. In the packet each
 * bin that is named gets the next free number, and the placeholders are rewritten to match. A
 * placeholder that belongs to no bin is plain data to a peer as long as the packet has no
 * attachments; with them it would be a forged reference, and the packet is refused.
 */
#ifndef SIO_PACKET_WRITER_H
#define SIO_PACKET_WRITER_H

#include "packet/packet.h"

struct writer {
  struct msgs *home;
  struct decode_scratch *scratch;
  struct msg *text; /* owned                                                */
  struct msg *bins; /* the chain of attachments so far, owned               */
  struct msg **last;
  uint32_t nbins;
  bool holes_matter; /* some value brings bins, so texts are searched too    */
  bool loose_hole;   /* one was found in a value that brings none            */
  int err;           /* the first one: what is written after it is lost      */
};

/* holes_matter: see sio__val_bins(). UV_ENOMEM, SIO_ETOOBIG. */
int sio__writer_init(struct writer *w, struct msgs *home, struct decode_scratch *scratch,
                     size_t size_hint, bool holes_matter);
void sio__writer_clear(struct writer *w);
/* 0 and the msg with its chain, w->err, or SIO_EPLACEHOLDER. Either way the writer is cleared. */
int sio__writer_finish(struct writer *w, struct msg **out);

static inline void writer_fail(struct writer *w, int err) {
  if (!w->err) w->err = err;
}
static inline void writer_put(struct writer *w, const char *p, size_t n) {
  struct msg *m = w->text;
  if (m->cap - m->len < n) {
    writer_fail(w, sio__msg_put(&w->text, p, n));
  } else {
    memcpy(msg_data(m) + m->len, p, n);
    m->len += (uint32_t)n;
  }
}
void sio__writer_value(struct writer *w, const sio_val *v);
void sio__writer_string(struct writer *w, sio_slice s); /* as a JSON string */

/* A guess of the text v takes, good enough to allocate once for most packets. */
size_t sio__val_size_hint(const sio_val *v);
/* Bins that v brings along; they need not all be named by a placeholder. */
static inline uint32_t sio__val_bins(const sio_val *v) { return v->kind == SIO_BIN ? 1 : v->nbins; }
/* Does v stand for no element at all: the arguments of an event that has none? */
static inline bool sio__val_is_void(const sio_val *v) { return v->kind == SIO_ARG && v->n == 0; }

#endif

/* SPDX-License-Identifier: MIT
 *
 * writer.h - writes values (<sio/value.h>) as the text and the attachments of one packet. The
 * functions are in value.c.
 *
 * JSON text and trees refer to the attachments ("bins") of their value by placeholders, which are
 * numbered from 0 in each value. In a packet the attachments of all values are numbered together,
 * so the placeholders are rewritten. If a value has no attachments of its own, a placeholder in it
 * is plain data; but if the packet is sent with attachments of other values, the peer would take
 * the placeholder for a reference to one of these, so the packet is refused.
 * sio__tree_append_as_json_to_msg() can also refuse nodes that sio__tree_mark_placeholders() has
 * marked.
 */
#ifndef SIO_PACKET_WRITER_H
#define SIO_PACKET_WRITER_H

#include "packet/packet.h"

struct writer {
  struct msgs *home;
  struct decode_scratch *scratch;
  struct msg *text;  /* owned */
  struct msg *bins;  /* the chain of attachments so far, owned */
  struct msg **last; /* where the pointer to the next attachment is stored */
  uint32_t nbins;    /* the number of attachments so far */
  /* True if a value of the packet may have attachments. Then all JSON text is searched for
   * placeholders, the objects that stand for attachments. */
  bool may_have_bins;
  bool unbound_placeholder; /* a placeholder was found in a value that has no attachments */
  unsigned depth;           /* how many SIO_ARRAY and SIO_OBJECT values are around this one */
  int err; /* the first error; after it sio__writer_finish_and_take_packet() discards the text */
};

/* Starts with an empty text. size_hint is an estimate of its final length. may_have_bins must be
 * true if sio__val_count_attachments() is not 0 for a value that will be written. Returns 0,
 * UV_ENOMEM or SIO_ETOOBIG. */
int sio__writer_init(struct writer *w, struct msgs *home, struct decode_scratch *scratch,
                     size_t size_hint, bool may_have_bins);
void sio__writer_clear(struct writer *w);
/* Sets *out to the text of the packet, with the attachments linked after it. Returns 0; w->err; or
 * SIO_EPLACEHOLDER if the packet has attachments and w->unbound_placeholder is true. The writer is
 * cleared also after an error. */
int sio__writer_finish_and_take_packet(struct writer *w, struct msg **out);

static inline void writer_set_error_if_none(struct writer *w, int err) {
  if (!w->err) w->err = err;
}
static inline void writer_put_bytes(struct writer *w, const char *p, size_t n) {
  struct msg *m = w->text;
  if (m->cap - m->len < n) {
    writer_set_error_if_none(w, sio__msg_put(&w->text, p, n));
  } else {
    memcpy(msg_data(m) + m->len, p, n);
    m->len += (uint32_t)n;
  }
}
void sio__writer_put_value(struct writer *w, const sio_val *v);
void sio__writer_put_json_string(struct writer *w, sio_slice s); /* writes s as a JSON string */

/* Returns an estimate of the length of v as text, which may be too small. */
size_t sio__val_estimate_json_size(const sio_val *v);
/* Returns how many attachments v has, those of the values in v included. Fewer may be sent: of the
 * attachments of JSON text and trees only those are sent to which placeholders refer. */
static inline uint32_t sio__val_count_attachments(const sio_val *v) {
  return v->kind == SIO_BIN ? 1 : v->nbins;
}
/* Returns true if v may stand for several elements of an array, or for none, as the results of
 * sio_event_args() and sio_spread() do. */
static inline bool sio__val_may_be_several_or_no_elements(const sio_val *v) {
  return v->kind == SIO_ARG || v->kind == SIO_SPREAD;
}
/* Returns true if v stands for no element, so that nothing is written for it in an array. */
static inline bool sio__val_stands_for_no_element(const sio_val *v) {
  return sio__val_may_be_several_or_no_elements(v) && v->n == 0;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * fuzz_payload3.c - what clients of Engine.IO 3 send. The first byte chooses: packets in a text
 * body or in a binary one, what is read can be written and reads the same; the form of JSONP, and
 * text in a script.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "eio/jsonp.h"
#include "eio/payload.h"
#include <sio/error.h>

static struct msg *msg_of(struct msgs *home, const struct eio_in *in) {
  struct msg *m = sio__msg_new(home, in->data.n + 1);
  char type = (char)('0' + in->type);
  m->binary = in->binary;
  if (!in->binary) DEMAND(sio__msg_put(&m, &type, 1) == 0);
  DEMAND(sio__msg_put(&m, in->data.p, in->data.n) == 0);
  return m;
}

/* A message of ours with the same contents, written and read again. */
static void check_again(struct msgs *home, const struct payload_form *form,
                        const struct eio_in *in) {
  if (in->binary && in->type != EIO_MESSAGE) return;
  struct msg *m = msg_of(home, in);
  size_t n = form->len(m);
  char *body = malloc(n ? n : 1);
  DEMAND(form->put(body, m) == body + n);
  sio_slice rest = slice(body, n);
  struct eio_in again;
  DEMAND(form->next(&rest, &again) == 1);
  DEMAND(again.type == in->type && again.binary == in->binary && slice_eq(again.data, in->data));
  DEMAND(form->next(&rest, &again) == 0);
  free(body);
  msg_unref(m);
}

static void packets(const struct payload_form *form, char *body, size_t n) {
  sio_slice rest = slice(body, n);
  struct msgs home;
  struct eio_in in;
  int got;
  sio__msg_allocator_init(&home);
  while ((got = form->next(&rest, &in)) == 1) {
    DEMAND(in.data.n == 0 || (in.data.p >= body && in.data.p + in.data.n <= body + n));
    if (in.binary || sio__utf8_is_valid(in.data.p, in.data.n)) check_again(&home, form, &in);
  }
  DEMAND(got == 0 || got == SIO_EPROTO);
  sio__msg_allocator_clear(&home);
}

/* The decoded field lies in the body and is no longer than it. */
static void form_field(char *body, size_t n) {
  sio_slice s = slice(body, n);
  sio__jsonp_decode_form_body_in_place(&s);
  DEMAND(s.n == 0 || (s.p >= body && s.p + s.n <= body + n));
}

/* Nothing in the text can end the string, the script or the line. */
static void script_text(const char *p, size_t n) {
  size_t len = sio__jsonp_write_escaped_string(NULL, slice(p, n));
  char *out = malloc(len ? len : 1);
  DEMAND(sio__jsonp_write_escaped_string(out, slice(p, n)) == len);
  for (size_t i = 0; i < len; i++) {
    DEMAND((unsigned char)out[i] >= ' ' && out[i] != '<' && out[i] != '"');
    if (out[i] == '\\') i++;
  }
  DEMAND(memmem(out, len, "\xe2\x80\xa8", 3) == NULL &&
         memmem(out, len, "\xe2\x80\xa9", 3) == NULL);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  char *body = piece(data + 1, size - 1);
  size_t n = size - 1;
  if (data[0] == 'b') packets(&sio__payload3_binary, body, n);
  if (data[0] == 'd') form_field(body, n);
  if (data[0] == 's' && sio__utf8_is_valid(body, n)) script_text(body, n);
  if (data[0] == 't' && sio__utf8_is_valid(body, n)) packets(&sio__payload3_text, body, n);
  free(body);
  return 0;
}

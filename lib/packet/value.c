/* SPDX-License-Identifier: MIT
 *
 * value.c - writes values as the text and the attachments of a packet. JSON text from the host is
 * checked here; the arguments of an event (sio_event_args()) were checked before.
 */
#include "base/err.h"
#include "base/num.h"
#include "packet/json_string.h"
#include "packet/tree.h"
#include "packet/writer.h"

enum {
  ARG_DEPTH = JSON_DEPTH_MAX - 1, /* arguments are in an array, which is a level of its own */
  NUMBER_HINT = 24,
  TREE_HINT = 64,
  PLACEHOLDER_HINT = 40,
  BRIEF = 128,     /* The size of a shorter string is estimated without counting its escapes. */
  WORST_ESCAPE = 6 /* the length of the longest escape, \u0000 */
};

int sio__writer_init(struct writer *w, struct msgs *home, struct decode_scratch *scratch,
                     size_t size_hint, bool may_have_bins) {
  *w = (struct writer){ .home = home, .scratch = scratch, .may_have_bins = may_have_bins };
  if (size_hint > UINT32_MAX) return SIO_ETOOBIG;
  w->last = &w->bins;
  w->text = sio__msg_new(home, size_hint);
  return w->text ? 0 : UV_ENOMEM;
}

void sio__writer_clear(struct writer *w) {
  msg_unref(w->text);
  msg_unref(w->bins);
  w->text = w->bins = NULL;
}

int sio__writer_finish_and_take_packet(struct writer *w, struct msg **out) {
  if (w->unbound_placeholder && w->nbins) writer_set_error_if_none(w, SIO_EPLACEHOLDER);
  if (w->err) {
    sio__writer_clear(w);
    return w->err;
  }
  w->text->next = w->bins;
  *out = w->text;
  w->text = w->bins = NULL;
  return 0;
}

void sio__writer_put_json_string(struct writer *w, sio_slice s) {
  size_t room = w->text->cap - w->text->len;
  if (room / WORST_ESCAPE < s.n + 1) {
    int err = sio__msg_reserve(&w->text, sio__json_quoted_length(s));
    if (err) {
      writer_set_error_if_none(w, err);
      return;
    }
  }
  w->text->len += (uint32_t)sio__json_quote_string(msg_data(w->text) + w->text->len, s);
}

/* ---- attachments ------------------------------------------------------------------------ */

static int add_binary_attachment(struct writer *w, sio_slice bytes) {
  if (bytes.n > UINT32_MAX) return SIO_ETOOBIG;
  struct msg *m = sio__msg_from_bytes(w->home, bytes.p, bytes.n);
  if (!m) return UV_ENOMEM;
  m->binary = 1;
  *w->last = m;
  w->last = &m->next;
  w->nbins++;
  return 0;
}

static void put_attachment_placeholder(struct writer *w, uint32_t number) {
  static const char head[] = "{\"_placeholder\":true,\"num\":";
  char text[sizeof head + NUM_MAX];
  memcpy(text, head, sizeof head - 1);
  size_t n = sizeof head - 1;
  n += sio__u64_to_text(text + n, number);
  text[n++] = '}';
  writer_put_bytes(w, text, n);
}

static void put_placeholder_and_add_binary_attachment(struct writer *w, const sio_val *v) {
  put_attachment_placeholder(w, w->nbins);
  writer_set_error_if_none(w, add_binary_attachment(w, slice(v->u.p, v->n)));
}

static int reserve_array_of_attachment_numbers(struct decode_scratch *scratch, uint32_t n) {
  if (n <= scratch->numbers_cap) return 0;
  uint32_t *numbers = sio__realloc(scratch->numbers, size_mul(n, sizeof *scratch->numbers));
  if (!numbers) return UV_ENOMEM;
  scratch->numbers = numbers;
  scratch->numbers_cap = n;
  return 0;
}

/* Adds to the packet those binaries of v to which placeholders refer. For each such binary k, sets
 * scratch->numbers[k] to its number among the attachments of the packet. Returns SIO_EPLACEHOLDER
 * if a placeholder refers to no binary of v. */
static int add_attachments_used_by_placeholders(struct writer *w, const sio_val *v) {
  const struct json_scan *scan = &w->scratch->sent;
  int err = reserve_array_of_attachment_numbers(w->scratch, v->nbins);
  if (err) return err;
  uint32_t *numbers = w->scratch->numbers;
  memset(numbers, 0, v->nbins * sizeof *numbers);
  for (uint32_t i = 0; i < scan->nplaceholders; i++) {
    if (scan->placeholders[i].num < 0 || scan->placeholders[i].num >= v->nbins)
      return SIO_EPLACEHOLDER;
    numbers[scan->placeholders[i].num] = 1;
  }
  for (uint32_t k = 0; k < v->nbins && !err; k++) {
    if (!numbers[k]) continue;
    numbers[k] = w->nbins;
    err = add_binary_attachment(w, v->bins[k]);
  }
  return err;
}

/* Writes JSON text that was scanned, and adds to the packet the attachments to which its
 * placeholders refer. Each placeholder is replaced by one with the number of its attachment in the
 * packet. */
static void put_renumbered_json_and_add_attachments(struct writer *w, sio_slice text,
                                                    const sio_val *v) {
  const struct json_scan *scan = &w->scratch->sent;
  size_t done = 0;
  if (scan->nplaceholders) writer_set_error_if_none(w, add_attachments_used_by_placeholders(w, v));
  for (uint32_t i = 0; i < scan->nplaceholders && !w->err; i++) {
    const struct json_placeholder *placeholder = &scan->placeholders[i];
    writer_put_bytes(w, text.p + done, placeholder->off - done);
    put_attachment_placeholder(w, w->scratch->numbers[placeholder->num]);
    done = placeholder->off + placeholder->len;
  }
  writer_put_bytes(w, text.p + done, text.n - done);
}

/* Writes JSON text that was scanned. err is the result of that scan; if it is not 0, nothing is
 * written and the writer fails. */
static void put_scanned_json_and_attachments(struct writer *w, sio_slice text, const sio_val *v,
                                             int err) {
  if (err) {
    writer_set_error_if_none(w, err);
  } else if (v->nbins) {
    put_renumbered_json_and_add_attachments(w, text, v);
  } else {
    w->unbound_placeholder |= w->scratch->sent.nplaceholders > 0;
    writer_put_bytes(w, text.p, text.n);
  }
}

/* ---- the kinds -------------------------------------------------------------------------- */

static void put_number_value(struct writer *w, const sio_val *v) {
  char text[NUM_MAX];
  size_t n = v->kind == SIO_INT    ? sio__i64_to_text(text, v->u.i)
             : v->kind == SIO_UINT ? sio__u64_to_text(text, v->u.u)
                                   : sio__double_to_json_text(text, v->u.d);
  writer_put_bytes(w, text, n);
}

static unsigned writer_nesting_left(const struct writer *w) { return ARG_DEPTH - w->depth; }

static void scan_and_put_host_json(struct writer *w, const sio_val *v) {
  sio_slice text = slice(v->u.p, v->n);
  put_scanned_json_and_attachments(
      w, text, v, sio__json_scan_text(&w->scratch->sent, text, writer_nesting_left(w), NULL));
}

/* Writes a list of arguments without the brackets around it, after scanning it. The scan counts the
 * missing brackets as one level of depth, so the limit is one level higher. */
static void scan_and_put_argument_list(struct writer *w, const sio_val *v) {
  sio_slice text = slice(v->u.p, v->n);
  put_scanned_json_and_attachments(
      w, text, v,
      sio__json_scan_unbracketed_list(&w->scratch->sent, text, writer_nesting_left(w) + 1, NULL));
}

/* Writes arguments of a received event: one, or several with commas between them. They are valid
 * JSON, so they are scanned only if the packet may have attachments, or if an array or object of
 * the host contains them: then they may be nested too deep. */
static void put_received_arguments_without_brackets(struct writer *w, const sio_val *v) {
  if (w->may_have_bins || w->depth > 0)
    scan_and_put_argument_list(w, v);
  else
    writer_put_bytes(w, v->u.p, v->n);
}

/* Prints the tree as text, and then searches the text for placeholders. The tree itself is not
 * searched, because its raw items may contain placeholders, or parts of one. */
static void put_tree_json_and_attachments(struct writer *w, const sio_val *v) {
  struct json_scan *scan = &w->scratch->sent;
  struct msg *m = sio__msg_new(w->home, MSG_SMALL);
  int err = m ? sio__tree_append_as_json_to_msg(&m, v->u.p, scan, writer_nesting_left(w), true)
              : UV_ENOMEM;
  sio_slice text = m ? slice(msg_data(m), m->len) : slice(NULL, 0);
  if (!err) err = sio__json_scan_text(scan, text, writer_nesting_left(w), NULL);
  put_scanned_json_and_attachments(w, text, v, err);
  msg_unref(m);
}

static void put_tree_value(struct writer *w, const sio_val *v) {
  if (w->may_have_bins)
    put_tree_json_and_attachments(w, v);
  else
    writer_set_error_if_none(w, sio__tree_append_as_json_to_msg(&w->text, v->u.p, &w->scratch->sent,
                                                                writer_nesting_left(w), false));
}

/* ---- arrays and objects of values ----------------------------------------------------------- */

static bool writer_put_opening_bracket_if_not_too_deep(struct writer *w, const char *bracket) {
  if (writer_nesting_left(w) == 0) writer_set_error_if_none(w, SIO_EDEPTH);
  if (w->err) return false;
  w->depth++;
  writer_put_bytes(w, bracket, 1);
  return true;
}

static void writer_put_closing_bracket(struct writer *w, const char *bracket) {
  w->depth--;
  writer_put_bytes(w, bracket, 1);
}

static void put_array_value(struct writer *w, const sio_val *v) {
  const sio_val *items = v->u.p;
  bool comma = false;
  if (!writer_put_opening_bracket_if_not_too_deep(w, "[")) return;
  for (size_t i = 0; i < v->n && !w->err; i++) {
    if (sio__val_stands_for_no_element(&items[i])) continue;
    if (comma) writer_put_bytes(w, ",", 1);
    sio__writer_put_value(w, &items[i]);
    comma = true;
  }
  writer_put_closing_bracket(w, "]");
}

/* Writes the value of an object's member, which must be one JSON value. A list from
 * sio_event_args() or sio_spread() may contain several values or none, so its text is scanned like
 * JSON text from the host. */
static void put_value_as_single_json_value(struct writer *w, const sio_val *v) {
  sio_val one = *v;
  if (sio__val_may_be_several_or_no_elements(v)) one.kind = SIO_JSON;
  sio__writer_put_value(w, &one);
}

static void put_object_value(struct writer *w, const sio_val *v) {
  const sio_member *members = v->u.p;
  if (!writer_put_opening_bracket_if_not_too_deep(w, "{")) return;
  for (size_t i = 0; i < v->n && !w->err; i++) {
    if (i > 0) writer_put_bytes(w, ",", 1);
    sio__writer_put_json_string(w, slice_str(members[i].key));
    writer_put_bytes(w, ":", 1);
    put_value_as_single_json_value(w, &members[i].value);
  }
  writer_put_closing_bracket(w, "}");
}

void sio__writer_put_value(struct writer *w, const sio_val *v) {
  switch (v->kind) {
    case SIO_NULL: writer_put_bytes(w, "null", 4); break;
    case SIO_BOOL: writer_put_bytes(w, v->u.b ? "true" : "false", v->u.b ? 4 : 5); break;
    case SIO_INT:
    case SIO_UINT:
    case SIO_NUM: put_number_value(w, v); break;
    case SIO_STR: sio__writer_put_json_string(w, slice(v->u.p, v->n)); break;
    case SIO_JSON: scan_and_put_host_json(w, v); break;
    case SIO_TREE: put_tree_value(w, v); break;
    case SIO_BIN: put_placeholder_and_add_binary_attachment(w, v); break;
    case SIO_ARRAY: put_array_value(w, v); break;
    case SIO_OBJECT: put_object_value(w, v); break;
    case SIO_ARG: put_received_arguments_without_brackets(w, v); break;
    case SIO_SPREAD: scan_and_put_argument_list(w, v); break;
    default: writer_set_error_if_none(w, UV_EINVAL);
  }
}

size_t sio__val_estimate_json_size(const sio_val *v) {
  switch (v->kind) {
    case SIO_STR: return v->n < BRIEF ? v->n + 2 : sio__json_quoted_length(slice(v->u.p, v->n));
    case SIO_JSON:
    case SIO_ARG:
    case SIO_SPREAD: return v->n;
    case SIO_TREE: return TREE_HINT;
    case SIO_BIN: return PLACEHOLDER_HINT;
    default: return NUMBER_HINT;
  }
}

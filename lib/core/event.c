/* SPDX-License-Identifier: MIT
 *
 * event.c - reads and replaces the arguments of an event. They remain JSON text until a handler
 * asks for one. Decoded strings are then kept in the arena of the event: in the bytes inside struct
 * sio_event, and if these do not suffice, in blocks from the heap.
 */
#include "core/event.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "packet/json_string.h"
#include "packet/number.h"
#include "packet/tree.h"

_Static_assert(offsetof(struct sio_event, arena) % 8 == 0, "the arena is aligned for pointers");

struct event_replacement {
  struct event_replacement *older;
  struct msgs home;
  struct decode_scratch scratch;
  struct msg *msg;
  sio_slice *bins;
};

struct event_tree {
  struct event_tree *next;
  struct cJSON *tree;
};

struct event_block {
  struct event_block *next;
};

/* ---- the arena -------------------------------------------------------------------------- */

static void *event_arena_alloc_block(struct sio_event *e, size_t n) {
  struct event_block *b = sio__malloc(size_add(sizeof *b, n));
  if (!b) return NULL;
  b->next = e->blocks;
  e->blocks = b;
  return b + 1;
}

static void *event_arena_alloc(struct sio_event *e, size_t n) {
  if (n > EVENT_ARENA - e->arena_used) return event_arena_alloc_block(e, n);
  void *p = e->arena + e->arena_used;
  e->arena_used += (uint32_t)((n + 7) & ~(size_t)7);
  return p;
}

/* Unescapes a JSON string and adds a NUL. text includes the quotes, so text.n bytes are enough for
 * the result. Returns false if memory runs out. */
static bool event_unescape_string(struct sio_event *e, sio_slice text, sio_slice *out) {
  char *p = event_arena_alloc(e, text.n);
  if (!p) return false;
  *out = slice(p, sio__json_unescape_string(p, text));
  p[out->n] = '\0';
  return true;
}

/* ---- init and clear ------------------------------------------------------------------------- */

static bool event_make_c_name_with_escaped_nuls(struct sio_event *e) {
  char *c_name = event_arena_alloc(e, 2 * e->name.n + 1);
  if (!c_name) return false;
  c_name[sio__utf8_escape_nuls(c_name, e->name.p, e->name.n)] = '\0';
  e->c_name = c_name;
  return true;
}

static bool event_decode_name_from_json(struct sio_event *e, sio_slice text) {
  if (text.p[0] == '"') {
    if (!event_unescape_string(e, text, &e->name)) return false;
    bool escapes = e->name.n + 2 < text.n;
    return !escapes || !memchr(e->name.p, '\0', e->name.n) ||
           event_make_c_name_with_escaped_nuls(e);
  }
  char *p = event_arena_alloc(e, text.n + 1);
  if (!p) return false;
  memcpy(p, text.p, text.n);
  p[text.n] = '\0';
  e->name = slice(p, text.n);
  return true;
}

int sio__event_init(struct sio_event *e, sio_socket *s, const struct packet *packet) {
  memset(e, 0, offsetof(struct sio_event, arena));
  e->socket = s;
  e->packet = *packet;
  e->name = SLICE("");
  e->ack_id = PACKET_NO_ID;
  if (packet->type != PACKET_EVENT) return 0;
  e->ack_id = packet->id;
  e->first_arg = 1;
  if (packet->scan->nargs == 0 ||
      event_decode_name_from_json(e, json_scanned_element(packet->scan, packet->json, 0)))
    return 0;
  sio__event_clear(e);
  return UV_ENOMEM;
}

static void event_replacement_free(struct event_replacement *replacement) {
  msg_unref(replacement->msg);
  sio__msg_allocator_clear(&replacement->home);
  sio__decode_scratch_clear(&replacement->scratch);
  sio__free(replacement->bins);
  sio__free(replacement);
}

void sio__event_clear(struct sio_event *e) {
  for (struct event_tree *t = e->trees; t; t = t->next) sio__tree_free(t->tree);
  for (struct event_replacement *replacement = e->replacement, *older; replacement;
       replacement = older) {
    older = replacement->older;
    event_replacement_free(replacement);
  }
  for (struct event_block *b = e->blocks, *next; b; b = next) {
    next = b->next;
    sio__free(b);
  }
  memset(e, 0, offsetof(struct sio_event, arena));
}

/* ---- replacing the arguments ---------------------------------------------------------------- */

static int event_replacement_make_attachment_array(struct event_replacement *replacement,
                                                   uint32_t *n) {
  *n = 0;
  for (const struct msg *m = replacement->msg->next; m; m = m->next) ++*n;
  if (*n == 0) return 0;
  replacement->bins = sio__calloc(*n, sizeof *replacement->bins);
  if (!replacement->bins) return UV_ENOMEM;
  size_t i = 0;
  for (const struct msg *m = replacement->msg->next; m; m = m->next)
    replacement->bins[i++] = slice(msg_data(m), m->len);
  return 0;
}

/* Encodes args as JSON, like the arguments of an ack, and scans the JSON. Sets those fields of *out
 * that contain the JSON, its scan and the attachments. */
static int event_replacement_encode_args(struct event_replacement *replacement, struct packet *out,
                                         sio_args args) {
  uint32_t nbins;
  int err = sio__encode_event_or_ack(&replacement->home, &replacement->scratch, &replacement->msg,
                                     "/", NULL, args, PACKET_NO_ID);
  if (!err) err = event_replacement_make_attachment_array(replacement, &nbins);
  if (err) return err;
  const char *p = msg_data(replacement->msg), *array = memchr(p, '[', replacement->msg->len);
  out->json = slice(array, replacement->msg->len - (size_t)(array - p));
  out->scan = &replacement->scratch.scan;
  out->bins = replacement->bins;
  out->nbins = nbins;
  return sio__json_scan_text(&replacement->scratch.scan, out->json, JSON_DEPTH_MAX, NULL);
}

static int event_replace_args(struct sio_event *e, sio_args args) {
  struct packet packet = e->packet;
  struct event_replacement *replacement = sio__calloc(1, sizeof *replacement);
  if (!replacement) return UV_ENOMEM;
  sio__msg_allocator_init(&replacement->home);
  int err = event_replacement_encode_args(replacement, &packet, args);
  if (err) {
    event_replacement_free(replacement);
    return err;
  }
  replacement->older = e->replacement;
  e->replacement = replacement;
  e->packet = packet;
  e->first_arg = 0;
  memset(e->memos, 0, sizeof e->memos);
  e->more_memos = NULL;
  return 0;
}

/* Copies a C string, in which "\xC0\x80" stands for a NUL, to the name of the event. Returns 0 or
 * UV_ENOMEM. */
static int event_set_name(struct sio_event *e, const char *name) {
  size_t n = strlen(name);
  char *c_name = event_arena_alloc(e, n + 1), *copy = event_arena_alloc(e, n + 1);
  if (!c_name || !copy) return UV_ENOMEM;
  e->c_name = memcpy(c_name, name, n + 1);
  e->name = slice(copy, sio__utf8_unescape_nuls(copy, name, n));
  copy[e->name.n] = '\0';
  return 0;
}

int sio_event_set_name_and_args(sio_event *e, const char *name, sio_args args) {
  sio_slice old = e->name;
  const char *old_c_name = e->c_name;
  if (name && sio__is_reserved_event_name(slice_str(name))) return SIO_ENAME;
  int err = name ? event_set_name(e, name) : 0;
  if (!err) err = event_replace_args(e, args);
  if (err) {
    e->name = old;
    e->c_name = old_c_name;
  }
  return err;
}

sio_event *sio_event_new(const char *name, sio_args args) {
  struct sio_event *e = sio__malloc(sizeof *e);
  if (!e) return NULL;
  memset(e, 0, offsetof(struct sio_event, arena));
  e->ack_id = PACKET_NO_ID;
  int err = event_set_name(e, name);
  if (!err) err = event_replace_args(e, args);
  if (!err) return e;
  sio_event_free(e);
  return NULL;
}

sio_event *sio_event_keep(const sio_event *e) {
  sio_val all = sio_event_args(e);
  return sio_event_new(sio_event_name(e), sio_argv(&all, 1));
}

void sio_event_free(sio_event *kept) {
  if (!kept) return;
  sio__event_clear(kept);
  sio__free(kept);
}

int sio__event_copy_borrowed_data(struct sio_event *e) {
  sio_val all = sio_event_args(e);
  int err = event_replace_args(e, sio_argv(&all, 1));
  if (!err) e->packet.nsp = slice(NULL, 0);
  return err;
}

static size_t event_replacement_memory_size(const struct event_replacement *r) {
  size_t n = sizeof *r + r->scratch.scan.args_cap * sizeof *r->scratch.scan.args;
  for (const struct msg *m = r->msg; m; m = m->next) n += msg_memory_size(m) + sizeof *r->bins;
  return n;
}

size_t sio__event_copies_memory_size(const struct sio_event *e) {
  size_t n = 0;
  for (const struct event_replacement *r = e->replacement; r; r = r->older)
    n += event_replacement_memory_size(r);
  return n;
}

/* ---- reading plain arguments ---------------------------------------------------------------- */

const char *sio_event_name(const sio_event *e) { return e->c_name ? e->c_name : e->name.p; }

size_t sio_event_count(const sio_event *e) {
  uint32_t n = e->packet.scan->nargs;
  return n > e->first_arg ? n - e->first_arg : 0;
}

static sio_slice event_get_argument_json(const sio_event *e, size_t i) {
  if (i >= sio_event_count(e)) return slice(NULL, 0);
  return json_scanned_element(e->packet.scan, e->packet.json, e->first_arg + i);
}

static char first_char_or_nul(sio_slice text) { return text.n ? text.p[0] : '\0'; }

/* Returns the first placeholder of an attachment in argument i, or NULL if there is none. Uses a
 * binary search, because scan->placeholders are in the order in which they occur in the JSON. */
static const struct json_placeholder *find_first_placeholder_in_argument(const sio_event *e,
                                                                         size_t i) {
  const struct json_scan *scan = e->packet.scan;
  uint32_t low = 0, high = e->packet.nbins ? scan->nplaceholders : 0;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (scan->placeholders[middle].arg < e->first_arg + i)
      low = middle + 1;
    else
      high = middle;
  }
  bool found = e->packet.nbins && low < scan->nplaceholders &&
               scan->placeholders[low].arg == e->first_arg + i;
  return found ? &scan->placeholders[low] : NULL;
}

/* If argument i is binary, which means that it consists of one placeholder, returns this
 * placeholder. Otherwise returns NULL. */
static const struct json_placeholder *find_placeholder_of_binary_argument(const sio_event *e,
                                                                          size_t i) {
  if (first_char_or_nul(event_get_argument_json(e, i)) != '{') return NULL;
  const struct json_placeholder *placeholder = find_first_placeholder_in_argument(e, i);
  return placeholder && placeholder->off == e->packet.scan->args[e->first_arg + i].off ? placeholder
                                                                                       : NULL;
}

sio_slice sio_event_json(const sio_event *e, size_t i) {
  return find_first_placeholder_in_argument(e, i) ? slice(NULL, 0) : event_get_argument_json(e, i);
}

size_t sio_event_size(const sio_event *e) {
  size_t n = sio_event_args(e).n;
  for (uint32_t k = 0; k < e->packet.nbins; k++) n += e->packet.bins[k].n;
  return n;
}

enum sio_kind sio_event_kind(const sio_event *e, size_t i) {
  switch (first_char_or_nul(event_get_argument_json(e, i))) {
    case '\0':
    case 'n': return SIO_NULL;
    case 't':
    case 'f': return SIO_BOOL;
    case '"': return SIO_STR;
    case '{': return find_placeholder_of_binary_argument(e, i) ? SIO_BIN : SIO_OBJECT;
    case '[': return SIO_ARRAY;
    default: return SIO_NUM;
  }
}

bool sio_event_bool(const sio_event *e, size_t i, bool *out) {
  char first = first_char_or_nul(event_get_argument_json(e, i));
  if (first != 't' && first != 'f') return false;
  *out = first == 't';
  return true;
}

bool sio_event_int(const sio_event *e, size_t i, int64_t *out) {
  return sio__json_number_to_int64(event_get_argument_json(e, i), out);
}

bool sio_event_double(const sio_event *e, size_t i, double *out) {
  return sio__json_number_to_double(event_get_argument_json(e, i), out);
}

/* ---- decoded arguments, kept in the arena --------------------------------------------------- */

static struct event_memo *get_or_alloc_decoded_argument_cache(sio_event *e, size_t i) {
  if (i < EVENT_MEMOS) return &e->memos[i];
  if (!e->more_memos) {
    size_t size = size_mul(sio_event_count(e) - EVENT_MEMOS, sizeof *e->more_memos);
    e->more_memos = event_arena_alloc(e, size);
    if (!e->more_memos) return NULL;
    memset(e->more_memos, 0, size);
  }
  return &e->more_memos[i - EVENT_MEMOS];
}

sio_slice sio_event_strn(sio_event *e, size_t i) {
  sio_slice text = event_get_argument_json(e, i), s;
  if (first_char_or_nul(text) != '"') return slice(NULL, 0);
  struct event_memo *m = get_or_alloc_decoded_argument_cache(e, i);
  if (!m) return slice(NULL, 0);
  if (!m->str) {
    if (!event_unescape_string(e, text, &s)) return slice(NULL, 0);
    m->str = s.p;
    m->len = s.n;
  }
  return slice(m->str, m->len);
}

const char *sio_event_str(sio_event *e, size_t i) {
  sio_slice s = sio_event_strn(e, i);
  return s.p && !memchr(s.p, '\0', s.n) ? s.p : NULL;
}

static const struct cJSON *event_parse_argument_and_keep_tree(sio_event *e, sio_slice text,
                                                              bool has_bins) {
  struct event_tree *t = event_arena_alloc(e, sizeof *t);
  if (!t) return NULL;
  t->tree = sio__tree_from_json(text);
  if (t->tree && has_bins) sio__tree_mark_placeholders(t->tree);
  t->next = e->trees;
  e->trees = t;
  return t->tree;
}

const struct cJSON *sio_event_tree(sio_event *e, size_t i) {
  sio_slice text = event_get_argument_json(e, i);
  if (text.n == 0) return NULL;
  struct event_memo *m = get_or_alloc_decoded_argument_cache(e, i);
  if (!m) return NULL;
  if (!m->tree)
    m->tree = event_parse_argument_and_keep_tree(e, text,
                                                 find_first_placeholder_in_argument(e, i) != NULL);
  return m->tree;
}

/* ---- attachments ------------------------------------------------------------------------ */

static sio_slice event_get_attachment(const sio_event *e, size_t k) {
  return k < e->packet.nbins ? e->packet.bins[k] : slice(NULL, 0);
}

sio_slice sio_event_bin(const sio_event *e, size_t i) {
  const struct json_placeholder *placeholder = find_placeholder_of_binary_argument(e, i);
  return placeholder ? event_get_attachment(e, (size_t)placeholder->num) : slice(NULL, 0);
}

sio_slice sio_event_bin_of(const sio_event *e, const struct cJSON *node) {
  uint32_t num;
  return sio__tree_read_placeholder_number(node, &num) ? event_get_attachment(e, num)
                                                       : slice(NULL, 0);
}

/* ---- arguments as values to send ------------------------------------------------------------ */

static sio_val make_val_of_json_and_attachments(const sio_event *e, sio_slice text,
                                                bool with_bins) {
  sio_val v = sio_val_make(SIO_ARG, text.p, text.n);
  if (with_bins) {
    v.bins = e->packet.bins;
    v.nbins = e->packet.nbins;
  }
  return v;
}

sio_val sio_arg(const sio_event *e, size_t i) {
  sio_slice text = event_get_argument_json(e, i);
  return text.n ? make_val_of_json_and_attachments(e, text,
                                                   find_first_placeholder_in_argument(e, i) != NULL)
                : sio_null();
}

sio_val sio_event_args(const sio_event *e) {
  size_t n = sio_event_count(e);
  if (n == 0) return make_val_of_json_and_attachments(e, SLICE(""), false);
  sio_slice first = event_get_argument_json(e, 0), last = event_get_argument_json(e, n - 1);
  return make_val_of_json_and_attachments(e, slice(first.p, (size_t)(last.p + last.n - first.p)),
                                          e->packet.nbins > 0);
}

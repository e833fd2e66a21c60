/* SPDX-License-Identifier: MIT
 *
 * event.c - arguments stay text until a handler asks. What is then made of them is kept in the
 * event's arena: a few bytes inside it, blocks of the heap when they are used up.
 */
#include "core/event.h"

#include "base/cold.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "packet/number.h"
#include "packet/tree.h"

struct event_own {
  struct event_own *older;
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

static void *arena_block(struct sio_event *e, size_t n) {
  size_t size;
  if (add_overflows(sizeof(struct event_block), n, &size)) return NULL;
  struct event_block *b = sio__malloc(size);
  if (!b) return NULL;
  b->next = e->blocks;
  e->blocks = b;
  return b + 1;
}

static void *arena_get(struct sio_event *e, size_t n) {
  if (n > EVENT_ARENA - e->arena_used) return arena_block(e, n);
  void *p = e->arena + e->arena_used;
  e->arena_used += (uint32_t)((n + 7) & ~(size_t)7);
  return p;
}

/* text: a JSON string. Its length grows by the NUL, and shrinks by the quotes at least. */
static bool unescape(struct sio_event *e, sio_slice text, sio_slice *out) {
  char *p = arena_get(e, text.n);
  if (!p) return false;
  *out = slice(p, sio__json_unescape(p, text));
  p[out->n] = '\0';
  return true;
}

/* ---- from a packet, and back ------------------------------------------------------------ */

static COLD bool show_nuls(struct sio_event *e) {
  char *shown = arena_get(e, 3 * e->name.n + 1);
  if (!shown) return false;
  memcpy(shown, e->name.p, e->name.n);
  shown[sio__utf8_replace_nuls(shown, e->name.n)] = '\0';
  e->shown = shown;
  return true;
}

static bool read_name(struct sio_event *e, sio_slice text) {
  if (text.p[0] == '"') {
    if (!unescape(e, text, &e->name)) return false;
    bool escapes = e->name.n + 2 < text.n;
    return !escapes || !memchr(e->name.p, '\0', e->name.n) || show_nuls(e);
  }
  char *p = arena_get(e, text.n + 1);
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
  e->first = 1;
  if (packet->scan->nargs == 0 || read_name(e, json_arg(packet->scan, packet->json, 0))) return 0;
  return SIO__ENOMEM;
}

static COLD void free_own(struct event_own *own) {
  msg_unref(own->msg);
  sio__msgs_clear(&own->home);
  sio__decode_scratch_clear(&own->scratch);
  sio__free(own->bins);
  sio__free(own);
}

void sio__event_clear(struct sio_event *e) {
  for (struct event_tree *t = e->trees; t; t = t->next) sio__tree_free(t->tree);
  for (struct event_own *own = e->own, *older; own; own = older) {
    older = own->older;
    free_own(own);
  }
  for (struct event_block *b = e->blocks, *next; b; b = next) {
    next = b->next;
    sio__free(b);
  }
  memset(e, 0, offsetof(struct sio_event, arena));
}

/* ---- other arguments -------------------------------------------------------------------- */

static COLD int list_bins(struct event_own *own, uint32_t *n) {
  *n = 0;
  for (const struct msg *m = own->msg->next; m; m = m->next) ++*n;
  if (*n == 0) return 0;
  own->bins = sio__calloc(*n, sizeof *own->bins);
  if (!own->bins) return SIO__ENOMEM;
  size_t i = 0;
  for (const struct msg *m = own->msg->next; m; m = m->next)
    own->bins[i++] = slice(msg_data(m), m->len);
  return 0;
}

/* The arguments, encoded as an ack's would be and read again. */
static COLD int fill_own(struct event_own *own, struct packet *out, sio_args args) {
  uint32_t nbins;
  int err = sio__encode(&own->home, &own->scratch, &own->msg, "/", NULL, args, PACKET_NO_ID);
  if (!err) err = list_bins(own, &nbins);
  if (err) return err;
  const char *p = msg_data(own->msg), *array = memchr(p, '[', own->msg->len);
  out->json = slice(array, own->msg->len - (size_t)(array - p));
  out->scan = &own->scratch.scan;
  out->bins = own->bins;
  out->nbins = nbins;
  return sio__json_scan(&own->scratch.scan, out->json, JSON_DEPTH_MAX, NULL);
}

static COLD int replace_args(struct sio_event *e, sio_args args) {
  struct packet packet = e->packet;
  struct event_own *own = sio__calloc(1, sizeof *own);
  if (!own) return SIO__ENOMEM;
  sio__msgs_init(&own->home);
  int err = fill_own(own, &packet, args);
  if (err) {
    free_own(own);
    return err;
  }
  own->older = e->own;
  e->own = own;
  e->packet = packet;
  e->first = 0;
  memset(e->near, 0, sizeof e->near);
  e->far = NULL;
  return 0;
}

COLD int sio_event_replace(sio_event *e, const char *name, sio_args args) {
  sio_slice renamed = slice_str(name);
  if (name && sio__name_reserved(renamed)) return SIO_ENAME;
  if (name) {
    char *copy = arena_get(e, renamed.n + 1);
    if (!copy) return SIO__ENOMEM;
    renamed.p = memcpy(copy, name, renamed.n + 1);
  }
  int err = replace_args(e, args);
  if (!err && name) {
    e->name = renamed;
    e->shown = NULL;
  }
  return err;
}

COLD int sio__event_copy_borrowed(struct sio_event *e) {
  sio_val all = sio_event_args(e);
  int err = replace_args(e, sio__args(&all, 1));
  if (!err) e->packet.nsp = slice(NULL, 0);
  return err;
}

/* ---- what an argument is ---------------------------------------------------------------- */

const char *sio_event_name(const sio_event *e) { return e->shown ? e->shown : e->name.p; }
sio_slice sio_event_name_slice(const sio_event *e) { return e->name; }

size_t sio_event_count(const sio_event *e) {
  uint32_t n = e->packet.scan->nargs;
  return n > e->first ? n - e->first : 0;
}

sio_slice sio_event_json(const sio_event *e, size_t i) {
  if (i >= sio_event_count(e)) return slice(NULL, 0);
  return json_arg(e->packet.scan, e->packet.json, e->first + i);
}

static char first_char(sio_slice text) { return text.n ? text.p[0] : '\0'; }

/* The first hole in argument i, NULL when there is none. Holes are in the order of the text. */
static const struct json_hole *find_hole(const sio_event *e, size_t i) {
  const struct json_scan *scan = e->packet.scan;
  uint32_t low = 0, high = e->packet.nbins ? scan->nholes : 0;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (scan->holes[middle].arg < e->first + i)
      low = middle + 1;
    else
      high = middle;
  }
  bool found = e->packet.nbins && low < scan->nholes && scan->holes[low].arg == e->first + i;
  return found ? &scan->holes[low] : NULL;
}

/* Is the argument itself one? */
static const struct json_hole *whole_hole(const sio_event *e, size_t i) {
  if (first_char(sio_event_json(e, i)) != '{') return NULL;
  const struct json_hole *hole = find_hole(e, i);
  return hole && hole->off == e->packet.scan->args[e->first + i].off ? hole : NULL;
}

enum sio_kind sio_event_kind(const sio_event *e, size_t i) {
  switch (first_char(sio_event_json(e, i))) {
    case '\0':
    case 'n': return SIO_NULL;
    case 't':
    case 'f': return SIO_BOOL;
    case '"': return SIO_STR;
    case '{': return whole_hole(e, i) ? SIO_BIN : SIO_JSON;
    case '[': return SIO_JSON;
    default: return SIO_NUM;
  }
}

bool sio_event_bool(const sio_event *e, size_t i, bool *out) {
  char first = first_char(sio_event_json(e, i));
  if (first != 't' && first != 'f') return false;
  *out = first == 't';
  return true;
}

bool sio_event_int(const sio_event *e, size_t i, int64_t *out) {
  return sio__number_int(sio_event_json(e, i), out);
}

bool sio_event_num(const sio_event *e, size_t i, double *out) {
  return sio__number_double(sio_event_json(e, i), out);
}

/* ---- what is made of an argument, once -------------------------------------------------- */

static struct event_memo *memo(sio_event *e, size_t i) {
  size_t n = sio_event_count(e), size;
  if (i < EVENT_NEAR) return &e->near[i];
  if (!e->far) {
    if (mul_overflows(n - EVENT_NEAR, sizeof *e->far, &size)) return NULL;
    e->far = arena_get(e, size);
    if (!e->far) return NULL;
    memset(e->far, 0, size);
  }
  return &e->far[i - EVENT_NEAR];
}

sio_slice sio_event_strn(sio_event *e, size_t i) {
  sio_slice text = sio_event_json(e, i), s;
  if (first_char(text) != '"') return slice(NULL, 0);
  struct event_memo *m = memo(e, i);
  if (!m) return slice(NULL, 0);
  if (!m->str) {
    if (!unescape(e, text, &s)) return slice(NULL, 0);
    m->str = s.p;
    m->len = s.n;
  }
  return slice(m->str, m->len);
}

const char *sio_event_str(sio_event *e, size_t i) {
  sio_slice s = sio_event_strn(e, i);
  return s.p && !memchr(s.p, '\0', s.n) ? s.p : NULL;
}

static const struct cJSON *parse_tree(sio_event *e, sio_slice text) {
  struct event_tree *t = arena_get(e, sizeof *t);
  if (!t) return NULL;
  t->tree = sio__tree_parse(text);
  t->next = e->trees;
  e->trees = t;
  return t->tree;
}

const struct cJSON *sio_event_tree(sio_event *e, size_t i) {
  sio_slice text = sio_event_json(e, i);
  if (text.n == 0) return NULL;
  struct event_memo *m = memo(e, i);
  if (!m) return NULL;
  if (!m->tree) m->tree = parse_tree(e, text);
  return m->tree;
}

/* ---- attachments ------------------------------------------------------------------------ */

size_t sio_event_bins(const sio_event *e) { return e->packet.nbins; }

COLD sio_slice sio_event_bin_at(const sio_event *e, size_t k) {
  return k < e->packet.nbins ? e->packet.bins[k] : slice(NULL, 0);
}

COLD sio_slice sio_event_bin(const sio_event *e, size_t i) {
  const struct json_hole *hole = whole_hole(e, i);
  return hole ? sio_event_bin_at(e, (size_t)hole->num) : slice(NULL, 0);
}

COLD sio_slice sio_event_bin_of(const sio_event *e, const struct cJSON *node) {
  uint32_t num;
  return sio__tree_hole(node, &num) ? sio_event_bin_at(e, num) : slice(NULL, 0);
}

/* ---- to send on ------------------------------------------------------------------------- */

static sio_val relayed(const sio_event *e, sio_slice text, bool with_bins) {
  sio_val v = sio__val(SIO_ARG, text.p, text.n);
  if (with_bins) {
    v.bins = e->packet.bins;
    v.nbins = e->packet.nbins;
  }
  return v;
}

sio_val sio_arg(const sio_event *e, size_t i) {
  sio_slice text = sio_event_json(e, i);
  return text.n ? relayed(e, text, find_hole(e, i) != NULL) : sio_null();
}

sio_val sio_event_args(const sio_event *e) {
  size_t n = sio_event_count(e);
  if (n == 0) return relayed(e, SLICE(""), false);
  sio_slice first = sio_event_json(e, 0), last = sio_event_json(e, n - 1);
  return relayed(e, slice(first.p, (size_t)(last.p + last.n - first.p)), e->packet.nbins > 0);
}

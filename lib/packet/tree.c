/* SPDX-License-Identifier: MIT
 *
 * tree.c - cJSON is used for its nodes only. Its parser reads numbers with strtod(), as the host's
 * locale wants them, fails at numbers of more than 63 characters and at lone surrogates, and ends
 * strings at U+0000; its printer recurses, and writes numbers as the locale wants them. And it
 * allocates each node and each string: a peer's "[0,0,0,..." has a node in two bytes. Here the
 * nodes and strings of a tree lie in few blocks, which go together.
 */
#include "packet/tree.h"

#include <cjson/cJSON.h>
#include <limits.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "packet/number.h"

/* ---- text into trees -------------------------------------------------------------------- */

enum { FIRST_BLOCK = 512, NEXT_BLOCK = 64 * 1024 - 64 };

struct block {
  struct block *next;
  size_t size, used;
  _Alignas(8) char bytes[];
};

/* At the start of the oldest block. */
struct tree {
  struct block *blocks; /* the newest first */
  cJSON root;
};

struct builder {
  const char *p, *end;
  struct tree *tree;
  char *key; /* of the value that comes next */
  unsigned depth;
  bool begun; /* the root is there */
  struct {
    cJSON *item, *last; /* its last member */
  } open[JSON_DEPTH_MAX];
};

static struct block *new_block(struct block *next, size_t size) {
  struct block *b = sio__malloc(sizeof *b + size);
  if (b) *b = (struct block){ .next = next, .size = size };
  return b;
}

/* n is no more than the text is long, so nothing overflows. */
static void *take_memory(struct tree *t, size_t n) {
  struct block *b = t->blocks;
  n = (n + 7) & ~(size_t)7;
  if (n > b->size - b->used) {
    b = new_block(b, n > NEXT_BLOCK ? n : NEXT_BLOCK);
    if (!b) return NULL;
    t->blocks = b;
  }
  void *p = b->bytes + b->used;
  b->used += n;
  return p;
}

static struct tree *new_tree(size_t text) {
  size_t size = sizeof(struct tree) + (text < FIRST_BLOCK / 4 ? 4 * text : FIRST_BLOCK);
  struct block *b = new_block(NULL, (size + 7) & ~(size_t)7);
  if (!b) return NULL;
  struct tree *t = (struct tree *)(void *)b->bytes;
  b->used = sizeof *t;
  *t = (struct tree){ .blocks = b };
  return t;
}

static void free_tree(struct tree *t) {
  for (struct block *b = t->blocks, *next; b; b = next) {
    next = b->next;
    sio__free(b);
  }
}

static bool is_raw_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

/* The text of a number or of a string, quotes included. */
static sio_slice take_number(struct builder *b) {
  const char *from = b->p;
  while (b->p < b->end && is_raw_number_char(*b->p)) b->p++;
  return slice(from, (size_t)(b->p - from));
}

static sio_slice take_string(struct builder *b) {
  const char *from = b->p++;
  for (; *b->p != '"'; b->p++)
    if (*b->p == '\\') b->p++;
  b->p++;
  return slice(from, (size_t)(b->p - from));
}

static char *new_text(struct builder *b) {
  sio_slice text = take_string(b);
  char *s = take_memory(b->tree, text.n);
  if (!s) return NULL;
  size_t n = sio__json_unescape(s, text);
  s[sio__utf8_replace_nuls(s, n)] = '\0';
  return s;
}

/* As cJSON's own parser clips it. */
static int clamp_to_int(double v) {
  return v >= INT_MAX ? INT_MAX : v <= (double)INT_MIN ? INT_MIN : (int)v;
}

static void set_number(cJSON *item, sio_slice text) {
  double v = 0;
  sio__number_double(text, &v);
  item->type = cJSON_Number;
  item->valuedouble = v;
  item->valueint = clamp_to_int(v);
}

static void set_word(struct builder *b, cJSON *item) {
  char c = *b->p;
  item->type = c == 't' ? cJSON_True : c == 'f' ? cJSON_False : cJSON_NULL;
  item->valueint = c == 't';
  b->p += c == 'f' ? 5 : 4;
}

static bool set_item(struct builder *b, cJSON *item) {
  switch (*b->p) {
    case '{': item->type = cJSON_Object, b->p++; return true;
    case '[': item->type = cJSON_Array, b->p++; return true;
    case '"': item->type = cJSON_String; return (item->valuestring = new_text(b));
    case 't':
    case 'f':
    case 'n': set_word(b, item); return true;
    default: set_number(item, take_number(b)); return true;
  }
}

static cJSON *new_item(struct builder *b) {
  cJSON *item = b->begun ? take_memory(b->tree, sizeof *item) : &b->tree->root;
  if (item) *item = (cJSON){ .string = b->key };
  b->begun = true;
  b->key = NULL;
  return item;
}

/* As in cJSON the first member's prev is the last one. */
static void link_item(struct builder *b, cJSON *item) {
  if (!b->depth) return;
  cJSON *parent = b->open[b->depth - 1].item, *last = b->open[b->depth - 1].last;
  if (last) {
    last->next = item;
    item->prev = last;
  } else {
    parent->child = item;
  }
  parent->child->prev = item;
  b->open[b->depth - 1].last = item;
}

static bool add_item(struct builder *b) {
  cJSON *item = new_item(b);
  if (!item || !set_item(b, item)) return false;
  link_item(b, item);
  if (!(item->type & (cJSON_Array | cJSON_Object))) return true;
  b->open[b->depth].item = item;
  b->open[b->depth++].last = NULL;
  return true;
}

static bool wants_key(const struct builder *b) {
  return b->depth && !b->key && b->open[b->depth - 1].item->type == cJSON_Object;
}

/* The text is valid: blanks, commas and colons need no look. */
static bool build_next(struct builder *b) {
  switch (*b->p) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case ',':
    case ':': b->p++; return true;
    case ']':
    case '}':
      b->p++;
      b->depth--;
      return true;
    default: return wants_key(b) ? (b->key = new_text(b)) != NULL : add_item(b);
  }
}

struct cJSON *sio__tree_parse(sio_slice text) {
  struct builder b;
  b.p = text.p;
  b.end = text.p + text.n;
  b.tree = new_tree(text.n);
  b.key = NULL;
  b.depth = 0;
  b.begun = false;
  if (!b.tree) return NULL;
  bool ok = true;
  while (ok && b.p < b.end) ok = build_next(&b);
  if (ok) return &b.tree->root;
  free_tree(b.tree);
  return NULL;
}

void sio__tree_free(struct cJSON *t) {
  if (t) free_tree(container_of(t, struct tree, root));
}

/* ---- trees into text -------------------------------------------------------------------- */

struct printer {
  struct msg **m;
  struct json_scan *scan;
  unsigned depth, max_depth;
  int err; /* the first one: what is written after it is lost */
  const struct cJSON *open[JSON_DEPTH_MAX];
};

static int node_kind(const struct cJSON *t) { return t->type & 0xff; }

static bool is_container(const struct cJSON *t) {
  return node_kind(t) == cJSON_Array || node_kind(t) == cJSON_Object;
}

static void print_fail(struct printer *pr, int err) {
  if (!pr->err) pr->err = err;
}

static void printer_put(struct printer *pr, const char *s, size_t n) {
  print_fail(pr, sio__msg_put(pr->m, s, n));
}

static void print_string(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text);
  int err = sio__msg_reserve(pr->m, sio__json_quoted_len(s));
  struct msg *m = *pr->m;
  if (err)
    print_fail(pr, err);
  else
    m->len += (uint32_t)sio__json_quote(msg_data(m) + m->len, s);
}

static void print_number(struct printer *pr, double v) {
  char text[NUM_MAX];
  printer_put(pr, text, sio__num_double(text, v));
}

static void print_raw(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text && *text ? text : "null");
  int err = sio__json_scan(pr->scan, s, pr->max_depth - pr->depth, NULL);
  if (err)
    print_fail(pr, err);
  else
    printer_put(pr, s.p, s.n);
}

static void print_scalar(struct printer *pr, const struct cJSON *t) {
  int k = node_kind(t);
  if (k == cJSON_False)
    printer_put(pr, "false", 5);
  else if (k == cJSON_True)
    printer_put(pr, "true", 4);
  else if (k == cJSON_Number)
    print_number(pr, t->valuedouble);
  else if (k == cJSON_Raw)
    print_raw(pr, t->valuestring);
  else if (k == cJSON_String && t->valuestring)
    print_string(pr, t->valuestring);
  else
    printer_put(pr, "null", 4);
}

static void print_open(struct printer *pr, const struct cJSON *t) {
  if (pr->depth == pr->max_depth) {
    print_fail(pr, SIO_EDEPTH);
  } else {
    pr->open[pr->depth++] = t;
    printer_put(pr, node_kind(t) == cJSON_Object ? "{" : "[", 1);
  }
}

static void print_close(struct printer *pr) {
  printer_put(pr, node_kind(pr->open[--pr->depth]) == cJSON_Object ? "}" : "]", 1);
}

static void print_key(struct printer *pr, const struct cJSON *t) {
  if (!pr->depth || node_kind(pr->open[pr->depth - 1]) != cJSON_Object) return;
  print_string(pr, t->string);
  printer_put(pr, ":", 1);
}

/* Closes what ends with t. What comes next; NULL: the tree is done. */
static const struct cJSON *print_climb(struct printer *pr, const struct cJSON *t) {
  while (pr->depth && !t->next) {
    t = pr->open[pr->depth - 1];
    print_close(pr);
  }
  if (!pr->depth) return NULL;
  printer_put(pr, ",", 1);
  return t->next;
}

/* What comes after t; NULL: the tree is done. */
static const struct cJSON *print_one(struct printer *pr, const struct cJSON *t) {
  print_key(pr, t);
  if (!is_container(t)) {
    print_scalar(pr, t);
    return print_climb(pr, t);
  }
  print_open(pr, t);
  if (pr->err || t->child) return t->child;
  print_close(pr);
  return print_climb(pr, t);
}

int sio__tree_print(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                    unsigned max_depth) {
  struct printer pr;
  pr.m = m;
  pr.scan = scan;
  pr.depth = 0;
  pr.err = 0;
  pr.max_depth = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX;
  if (!t) printer_put(&pr, "null", 4);
  while (t && !pr.err) t = print_one(&pr, t);
  return pr.err;
}

/* ---- placeholders ----------------------------------------------------------------------- */

bool sio__tree_hole(const struct cJSON *t, uint32_t *num) {
  const struct cJSON *claim = NULL, *at = NULL;
  if (!t || node_kind(t) != cJSON_Object) return false;
  for (const struct cJSON *c = t->child; c; c = c->next) {
    if (slice_is(slice_str(c->string), "_placeholder")) claim = c;
    if (slice_is(slice_str(c->string), "num")) at = c;
  }
  if (!claim || node_kind(claim) != cJSON_True || !at || node_kind(at) != cJSON_Number)
    return false;
  double v = at->valuedouble;
  if (!(v >= 0 && v <= INT32_MAX) || v != (double)(uint32_t)v) return false;
  *num = (uint32_t)v;
  return true;
}

bool sio__tree_member(const struct cJSON *object, const char *key, sio_slice *string,
                      bool *present) {
  const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  *present = item;
  *string = cJSON_IsString(item) ? slice_str(item->valuestring) : slice(NULL, 0);
  return cJSON_IsString(item);
}

/* SPDX-License-Identifier: MIT
 *
 * tree.c - parses JSON text to cJSON trees, and prints cJSON trees as JSON. Of cJSON only the type
 * of the nodes and functions that read a node are used.
 *
 * cJSON's own parser and printer depend on the locale of the host. The parser fails at lone
 * surrogates and (in version 1.7.15) at numbers of more than 63 characters, and truncates strings
 * at U+0000; the printer is recursive. cJSON also allocates each node separately, and two bytes of
 * a peer ("0,") are enough to make one. Here many nodes and strings of a tree share a block of
 * memory, and all blocks of a tree are freed together.
 */
#include "packet/tree.h"

#include <cjson/cJSON.h>
#include <limits.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "packet/json_string.h"
#include "packet/number.h"

/* ---- text into trees -------------------------------------------------------------------- */

enum { FIRST_BLOCK = 512, NEXT_BLOCK = 64 * 1024 - 64 };

struct block {
  struct block *next;
  size_t size, used;
  _Alignas(8) char bytes[];
};

/* A tree that was parsed. This struct is at the start of the oldest block of the tree. */
struct tree {
  struct block *blocks; /* all blocks, the newest first */
  cJSON root;
};

struct builder {
  const char *p, *end;
  struct tree *tree;
  char *key; /* the key of the next value, if it was read already; otherwise NULL */
  unsigned depth;
  bool begun; /* the root node has been created */
  struct {
    cJSON *item, *last; /* an array or object that has not ended, and its last member so far */
  } open[JSON_DEPTH_MAX];
};

static struct block *tree_block_new(struct block *next, size_t size) {
  struct block *b = sio__malloc(sizeof *b + size);
  if (b) *b = (struct block){ .next = next, .size = size };
  return b;
}

/* Allocates n bytes in the newest block of the tree, or in a new block. n is the size of a node or
 * at most the length of the text, so the sums do not overflow. */
static void *tree_alloc_from_blocks(struct tree *t, size_t n) {
  struct block *b = t->blocks;
  n = (n + 7) & ~(size_t)7;
  if (n > b->size - b->used) {
    b = tree_block_new(b, n > NEXT_BLOCK ? n : NEXT_BLOCK);
    if (!b) return NULL;
    t->blocks = b;
  }
  void *p = b->bytes + b->used;
  b->used += n;
  return p;
}

static struct tree *tree_new(size_t text) {
  size_t size = sizeof(struct tree) + (text < FIRST_BLOCK / 4 ? 4 * text : FIRST_BLOCK);
  struct block *b = tree_block_new(NULL, (size + 7) & ~(size_t)7);
  if (!b) return NULL;
  struct tree *t = (struct tree *)(void *)b->bytes;
  b->used = sizeof *t;
  *t = (struct tree){ .blocks = b };
  return t;
}

static void tree_free_blocks(struct tree *t) {
  for (struct block *b = t->blocks, *next; b; b = next) {
    next = b->next;
    sio__free(b);
  }
}

static bool is_tree_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

/* Returns the text of the number that begins at b->p, and moves b->p to the position after it. */
static sio_slice take_json_number_for_tree(struct builder *b) {
  const char *from = b->p;
  while (b->p < b->end && is_tree_number_char(*b->p)) b->p++;
  return slice(from, (size_t)(b->p - from));
}

/* Returns the text of the string that begins at b->p, with its quotes, and moves b->p to the
 * position after it. */
static sio_slice take_json_string_with_quotes_and_escapes(struct builder *b) {
  const char *from = b->p++;
  for (; *b->p != '"'; b->p++)
    if (*b->p == '\\') b->p++;
  b->p++;
  return slice(from, (size_t)(b->p - from));
}

static char *tree_take_and_unescape_string(struct builder *b) {
  sio_slice text = take_json_string_with_quotes_and_escapes(b);
  char *s = tree_alloc_from_blocks(b->tree, text.n);
  if (!s) return NULL;
  size_t n = sio__json_unescape_string(s, text);
  s[sio__utf8_replace_nuls(s, n)] = '\0';
  return s;
}

/* Converts v to cJSON.valueint in the same way as cJSON's own parser: values outside the range of
 * int are clamped. */
static int clamp_double_to_int(double v) {
  return v >= INT_MAX ? INT_MAX : v <= (double)INT_MIN ? INT_MIN : (int)v;
}

static void set_tree_node_number(cJSON *item, sio_slice text) {
  double v = 0;
  sio__json_number_to_double(text, &v);
  item->type = cJSON_Number;
  item->valuedouble = v;
  item->valueint = clamp_double_to_int(v);
}

static void parse_tree_literal(struct builder *b, cJSON *item) {
  char c = *b->p;
  item->type = c == 't' ? cJSON_True : c == 'f' ? cJSON_False : cJSON_NULL;
  item->valueint = c == 't';
  b->p += c == 'f' ? 5 : 4;
}

static bool parse_scalar_or_opening_bracket_to_node(struct builder *b, cJSON *item) {
  switch (*b->p) {
    case '{': item->type = cJSON_Object, b->p++; return true;
    case '[': item->type = cJSON_Array, b->p++; return true;
    case '"':
      item->type = cJSON_String;
      return (item->valuestring = tree_take_and_unescape_string(b));
    case 't':
    case 'f':
    case 'n': parse_tree_literal(b, item); return true;
    default: set_tree_node_number(item, take_json_number_for_tree(b)); return true;
  }
}

static cJSON *tree_node_new(struct builder *b) {
  cJSON *item = b->begun ? tree_alloc_from_blocks(b->tree, sizeof *item) : &b->tree->root;
  if (item) *item = (cJSON){ .string = b->key };
  b->begun = true;
  b->key = NULL;
  return item;
}

/* Appends the item to the members of the innermost container that is open. In cJSON's lists, `prev`
 * of the first member points to the last member. */
static void link_node_to_open_parent(struct builder *b, cJSON *item) {
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

static bool parse_scalar_or_open_container_as_node(struct builder *b) {
  cJSON *item = tree_node_new(b);
  if (!item || !parse_scalar_or_opening_bracket_to_node(b, item)) return false;
  link_node_to_open_parent(b, item);
  if (!(item->type & (cJSON_Array | cJSON_Object))) return true;
  b->open[b->depth].item = item;
  b->open[b->depth++].last = NULL;
  return true;
}

static bool is_object_key_expected(const struct builder *b) {
  return b->depth && !b->key && b->open[b->depth - 1].item->type == cJSON_Object;
}

/* Parses the next key, scalar value or bracket, or skips one blank, comma or colon. The text is
 * valid JSON, so the order of these is not checked. */
static bool parse_next_json_token_into_tree(struct builder *b) {
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
    default:
      return is_object_key_expected(b) ? (b->key = tree_take_and_unescape_string(b)) != NULL
                                       : parse_scalar_or_open_container_as_node(b);
  }
}

struct cJSON *sio__tree_from_json(sio_slice text) {
  struct builder b;
  b.p = text.p;
  b.end = text.p + text.n;
  b.tree = tree_new(text.n);
  b.key = NULL;
  b.depth = 0;
  b.begun = false;
  if (!b.tree) return NULL;
  bool ok = true;
  while (ok && b.p < b.end) ok = parse_next_json_token_into_tree(&b);
  if (ok) return &b.tree->root;
  tree_free_blocks(b.tree);
  return NULL;
}

void sio__tree_free(struct cJSON *t) {
  if (t) tree_free_blocks(container_of(t, struct tree, root));
}

void sio__tree_wipe_and_free(struct cJSON *t) {
  if (!t) return;
  for (struct block *b = container_of(t, struct tree, root)->blocks, *next; b; b = next) {
    next = b->next;
    sio__wipe_and_free(b, sizeof *b + b->used);
  }
}

/* ---- trees into text -------------------------------------------------------------------- */

/* Marks a node that stands for an attachment; cJSON itself does not use this bit of cJSON.type. */
enum { TREE_PLACEHOLDER = 1 << 16 };

struct printer {
  bool refuses_placeholders;
  struct msg **m;
  struct json_scan *scan;
  unsigned depth, max_depth;
  int err; /* the first error; if it is set, the caller must discard the whole text */
  const struct cJSON *open[JSON_DEPTH_MAX];
};

static int tree_node_kind(const struct cJSON *t) { return t->type & 0xff; }

static bool is_tree_container(const struct cJSON *t) {
  return tree_node_kind(t) == cJSON_Array || tree_node_kind(t) == cJSON_Object;
}

static void set_tree_printer_error_if_none(struct printer *pr, int err) {
  if (!pr->err) pr->err = err;
}

static void print_json_bytes(struct printer *pr, const char *s, size_t n) {
  set_tree_printer_error_if_none(pr, sio__msg_put(pr->m, s, n));
}

static void print_json_string(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text);
  int err = sio__msg_reserve(pr->m, sio__json_quoted_length(s));
  struct msg *m = *pr->m;
  if (err)
    set_tree_printer_error_if_none(pr, err);
  else
    m->len += (uint32_t)sio__json_quote_string(msg_data(m) + m->len, s);
}

static void print_json_number(struct printer *pr, double v) {
  char text[NUM_MAX];
  print_json_bytes(pr, text, sio__double_to_json_text(text, v));
}

static void check_and_print_raw_json(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text && *text ? text : "null");
  int err = sio__json_scan_text(pr->scan, s, pr->max_depth - pr->depth, NULL);
  if (err)
    set_tree_printer_error_if_none(pr, err);
  else
    print_json_bytes(pr, s.p, s.n);
}

static void print_json_scalar(struct printer *pr, const struct cJSON *t) {
  int k = tree_node_kind(t);
  if (k == cJSON_False)
    print_json_bytes(pr, "false", 5);
  else if (k == cJSON_True)
    print_json_bytes(pr, "true", 4);
  else if (k == cJSON_Number)
    print_json_number(pr, t->valuedouble);
  else if (k == cJSON_Raw)
    check_and_print_raw_json(pr, t->valuestring);
  else if (k == cJSON_String && t->valuestring)
    print_json_string(pr, t->valuestring);
  else
    print_json_bytes(pr, "null", 4);
}

static void print_opening_bracket_and_push_node(struct printer *pr, const struct cJSON *t) {
  if (pr->depth == pr->max_depth) {
    set_tree_printer_error_if_none(pr, SIO_EDEPTH);
  } else if ((t->type & TREE_PLACEHOLDER) && pr->refuses_placeholders) {
    set_tree_printer_error_if_none(pr, SIO_EPLACEHOLDER);
  } else {
    pr->open[pr->depth++] = t;
    print_json_bytes(pr, tree_node_kind(t) == cJSON_Object ? "{" : "[", 1);
  }
}

static void print_closing_bracket_and_pop_node(struct printer *pr) {
  print_json_bytes(pr, tree_node_kind(pr->open[--pr->depth]) == cJSON_Object ? "}" : "]", 1);
}

static void print_key_if_object_member(struct printer *pr, const struct cJSON *t) {
  if (!pr->depth || tree_node_kind(pr->open[pr->depth - 1]) != cJSON_Object) return;
  print_json_string(pr, t->string);
  print_json_bytes(pr, ":", 1);
}

/* Writes what comes after the node t. If t is the last member of its container, that is the closing
 * bracket of the container, and then what comes after the container; otherwise it is a comma.
 * Returns the next node, or NULL at the end of the tree. */
static const struct cJSON *print_comma_or_closing_brackets_after_node(struct printer *pr,
                                                                      const struct cJSON *t) {
  while (pr->depth && !t->next) {
    t = pr->open[pr->depth - 1];
    print_closing_bracket_and_pop_node(pr);
  }
  if (!pr->depth) return NULL;
  print_json_bytes(pr, ",", 1);
  return t->next;
}

/* Prints t with its key, and what comes after it in its container; if t has members, prints only
 * the key and the opening bracket. Returns the node to print next, or NULL at the end of the
 * tree. */
static const struct cJSON *print_node_or_its_opening_bracket(struct printer *pr,
                                                             const struct cJSON *t) {
  print_key_if_object_member(pr, t);
  if (!is_tree_container(t)) {
    print_json_scalar(pr, t);
    return print_comma_or_closing_brackets_after_node(pr, t);
  }
  print_opening_bracket_and_push_node(pr, t);
  if (pr->err || t->child) return t->child;
  print_closing_bracket_and_pop_node(pr);
  return print_comma_or_closing_brackets_after_node(pr, t);
}

int sio__tree_append_as_json_to_msg(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                                    unsigned max_depth, bool has_bins) {
  struct printer pr;
  pr.refuses_placeholders = !has_bins;
  pr.m = m;
  pr.scan = scan;
  pr.depth = 0;
  pr.err = 0;
  pr.max_depth = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX;
  if (!t) print_json_bytes(&pr, "null", 4);
  while (t && !pr.err) t = print_node_or_its_opening_bracket(&pr, t);
  return pr.err;
}

/* ---- placeholders ----------------------------------------------------------------------- */

bool sio__tree_read_placeholder_number(const struct cJSON *t, uint32_t *num) {
  const struct cJSON *claim = NULL, *at = NULL;
  if (!t || tree_node_kind(t) != cJSON_Object) return false;
  for (const struct cJSON *c = t->child; c; c = c->next) {
    if (slice_equals_str(slice_str(c->string), "_placeholder")) claim = c;
    if (slice_equals_str(slice_str(c->string), "num")) at = c;
  }
  if (!claim || tree_node_kind(claim) != cJSON_True || !at || tree_node_kind(at) != cJSON_Number)
    return false;
  double v = at->valuedouble;
  if (!(v >= 0 && v <= INT32_MAX) || v != (double)(uint32_t)v) return false;
  *num = (uint32_t)v;
  return true;
}

/* Marks t if t is a placeholder. Otherwise returns true if t has members, which may be
 * placeholders. */
static bool mark_tree_placeholder_else_has_members(struct cJSON *t) {
  uint32_t num;
  bool placeholder = sio__tree_read_placeholder_number(t, &num);
  if (placeholder) t->type |= TREE_PLACEHOLDER;
  return !placeholder && t->child;
}

void sio__tree_mark_placeholders(struct cJSON *t) {
  struct cJSON *open[JSON_DEPTH_MAX]; /* the arrays and objects that contain t */
  unsigned depth = 0;
  while (t) {
    if (mark_tree_placeholder_else_has_members(t) && depth < JSON_DEPTH_MAX) {
      open[depth++] = t;
      t = t->child;
      continue;
    }
    while (depth && !t->next) t = open[--depth];
    t = depth ? t->next : NULL;
  }
}

bool sio__tree_find_string_member(const struct cJSON *object, const char *key, sio_slice *string,
                                  bool *present) {
  const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  *present = item;
  *string = cJSON_IsString(item) ? slice_str(item->valuestring) : slice(NULL, 0);
  return cJSON_IsString(item);
}

/* SPDX-License-Identifier: MIT
 *
 * tree.c - cJSON reads, but does not print: its printer recurses, and writes numbers as the
 * host's locale wants them. It also refuses some texts that JavaScript sends and the scanner
 * has found valid; those are rewritten first.
 */
#include "sio/tree.h"

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/num.h"
#include "sio/number.h"

/* ---- text into trees -------------------------------------------------------------------- */

enum {
  LONGEST_NUMBER = 60, /* cJSON reads 63 characters of a number and fails at the rest */
  UNIT = 6             /* bytes of \uXXXX                                             */
};

static bool in_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

static size_t number_len(const char *p, const char *end) {
  size_t n = 0;
  while (p + n < end && in_number(p[n])) n++;
  return n;
}

/* The two digits after "\uX" say which kind of surrogate it is, if any. */
static char surrogate(const char *p) {
  if (p[1] != 'u' || (p[2] | 0x20) != 'd') return 0;
  char c = (char)(p[3] | 0x20);
  if (p[3] == '8' || p[3] == '9' || c == 'a' || c == 'b') return 'h';
  return c >= 'c' && c <= 'f' ? 'l' : 0;
}

/* Does the escape at p, and the one behind it, make one character? */
static bool is_pair(const char *p, const char *end) {
  return surrogate(p) == 'h' && end - p >= 2 * UNIT && p[UNIT] == '\\' &&
         surrogate(p + UNIT) == 'l';
}

/* Where a string ends that begins at p; each escape in it that cJSON refuses is replaced. */
static const char *mend_string(char **o, const char *p, const char *end) {
  const char *from = p++;
  for (; *p != '"'; p++) {
    if (*p != '\\') continue;
    bool pair = is_pair(p, end);
    if (!pair && surrogate(p)) {
      memcpy(*o, from, (size_t)(p - from));
      *o += p - from;
      memcpy(*o, "\\ufffd", UNIT);
      *o += UNIT;
      p += UNIT - 1;
      from = p + 1;
    } else {
      p += pair ? 2 * UNIT - 1 : 1;
    }
  }
  memcpy(*o, from, (size_t)(p + 1 - from));
  *o += p + 1 - from;
  return p + 1;
}

static const char *mend_number(char **o, const char *p, const char *end) {
  double v;
  size_t n = number_len(p, end);
  if (n <= LONGEST_NUMBER) {
    memcpy(*o, p, n);
    *o += n;
  } else if (sio__number_double(slice(p, n), &v) && v - v == 0) {
    *o += sio__num_double(*o, v);
  } else {
    memcpy(*o, *p == '-' ? "-1e999" : "1e9999", 6);
    *o += 6;
  }
  return p + n;
}

/* Nothing grows, so out has room for text.n bytes. */
static size_t mend(char *out, sio_slice text) {
  char *o = out;
  const char *p = text.p, *end = text.p + text.n;
  while (p < end) {
    if (*p == '"')
      p = mend_string(&o, p, end);
    else if (*p == '-' || (*p >= '0' && *p <= '9'))
      p = mend_number(&o, p, end);
    else
      *o++ = *p++;
  }
  return (size_t)(o - out);
}

static bool has_long_number(sio_slice s) {
  size_t run = 0;
  for (size_t i = 0; i < s.n && run <= LONGEST_NUMBER; i++) run = in_number(s.p[i]) ? run + 1 : 0;
  return run > LONGEST_NUMBER;
}

static bool has_surrogate(sio_slice s) {
  const char *end = s.p + s.n;
  for (const char *p = s.p; (p = memchr(p, '\\', (size_t)(end - p))); p += 2)
    if (surrogate(p)) return true;
  return false;
}

/* More often than not there is nothing to mend, even where this says so. */
static bool may_need_mending(sio_slice s) { return has_surrogate(s) || has_long_number(s); }

struct cJSON *sio__tree_parse(sio_slice text) {
  if (!may_need_mending(text)) return cJSON_ParseWithLength(text.p, text.n);
  char *mended = sio__malloc(text.n);
  if (!mended) return NULL;
  struct cJSON *t = cJSON_ParseWithLength(mended, mend(mended, text));
  sio__free(mended);
  return t;
}

void sio__tree_free(struct cJSON *t) { cJSON_Delete(t); }

/* ---- trees into text -------------------------------------------------------------------- */

struct printer {
  struct msg **m;
  struct json_scan *scan;
  unsigned depth, max_depth;
  const struct cJSON *open[JSON_DEPTH_MAX];
};

static int kind(const struct cJSON *t) { return t->type & 0xff; }

static bool is_container(const struct cJSON *t) {
  return kind(t) == cJSON_Array || kind(t) == cJSON_Object;
}

static int put(struct printer *pr, const char *s, size_t n) { return sio__msg_put(pr->m, s, n); }

static int print_string(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text);
  int err = sio__msg_reserve(pr->m, sio__json_quoted_len(s));
  if (err) return err;
  struct msg *m = *pr->m;
  m->len += (uint32_t)sio__json_quote(msg_data(m) + m->len, s);
  return 0;
}

static int print_number(struct printer *pr, double v) {
  char text[NUM_MAX];
  return put(pr, text, sio__num_double(text, v));
}

static int print_raw(struct printer *pr, const char *text) {
  sio_slice s = slice_str(text);
  if (s.n == 0) return put(pr, "null", 4);
  int err = sio__json_scan(pr->scan, s, pr->max_depth - pr->depth, NULL);
  return err ? err : put(pr, s.p, s.n);
}

static int print_scalar(struct printer *pr, const struct cJSON *t) {
  switch (kind(t)) {
    case cJSON_False: return put(pr, "false", 5);
    case cJSON_True: return put(pr, "true", 4);
    case cJSON_Number: return print_number(pr, t->valuedouble);
    case cJSON_Raw: return print_raw(pr, t->valuestring);
    case cJSON_String:
      if (t->valuestring) return print_string(pr, t->valuestring);
  }
  return put(pr, "null", 4);
}

static int print_open(struct printer *pr, const struct cJSON *t) {
  if (pr->depth == pr->max_depth) return SIO_EDEPTH;
  pr->open[pr->depth++] = t;
  return put(pr, kind(t) == cJSON_Object ? "{" : "[", 1);
}

static int print_close(struct printer *pr) {
  return put(pr, kind(pr->open[--pr->depth]) == cJSON_Object ? "}" : "]", 1);
}

static int print_key(struct printer *pr, const struct cJSON *t) {
  if (!pr->depth || kind(pr->open[pr->depth - 1]) != cJSON_Object) return 0;
  int err = print_string(pr, t->string);
  return err ? err : put(pr, ":", 1);
}

/* Closes what ends with *t and moves on; *t is NULL when the tree is done. */
static int print_climb(struct printer *pr, const struct cJSON **t) {
  int err = 0;
  while (!err && pr->depth && !(*t)->next) {
    *t = pr->open[pr->depth - 1];
    err = print_close(pr);
  }
  if (err) return err;
  *t = pr->depth ? (*t)->next : NULL;
  return *t ? put(pr, ",", 1) : 0;
}

static int print_all(struct printer *pr, const struct cJSON *t) {
  while (t) {
    int err = print_key(pr, t);
    if (!err) err = is_container(t) ? print_open(pr, t) : print_scalar(pr, t);
    if (err) return err;
    if (is_container(t) && t->child) {
      t = t->child;
      continue;
    }
    if (is_container(t)) err = print_close(pr);
    if (!err) err = print_climb(pr, &t);
    if (err) return err;
  }
  return 0;
}

int sio__tree_print(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                    unsigned max_depth) {
  struct printer pr;
  pr.m = m;
  pr.scan = scan;
  pr.depth = 0;
  pr.max_depth = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX;
  return t ? print_all(&pr, t) : sio__msg_put(m, "null", 4);
}

/* ---- placeholders ----------------------------------------------------------------------- */

bool sio__tree_hole(const struct cJSON *t, uint32_t *num) {
  const struct cJSON *claim = NULL, *at = NULL;
  if (!t || kind(t) != cJSON_Object) return false;
  for (const struct cJSON *c = t->child; c; c = c->next) {
    if (!c->string) continue;
    if (strcmp(c->string, "_placeholder") == 0) claim = c;
    if (strcmp(c->string, "num") == 0) at = c;
  }
  if (!claim || kind(claim) != cJSON_True || !at || kind(at) != cJSON_Number) return false;
  double v = at->valuedouble;
  if (!(v >= 0 && v <= INT32_MAX) || v != (double)(uint32_t)v) return false;
  *num = (uint32_t)v;
  return true;
}

/* SPDX-License-Identifier: MIT
 *
 * value.h - what travels in an event: small tagged values on the caller's stack.
 *
 * A value borrows what it points to until the call it is passed to returns; no
 * constructor allocates. Strings are UTF-8; a malformed sequence is sent as
 * U+FFFD, because a text frame that is not UTF-8 makes a browser drop the
 * connection. A double that is not finite is sent as null, as JSON.stringify does.
 */
#ifndef SIO_VALUE_H
#define SIO_VALUE_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sio_kind {
  SIO_NULL,
  SIO_BOOL,
  SIO_INT, /* sent exactly; JavaScript reads integers beyond 2^53 rounded      */
  SIO_UINT,
  SIO_NUM,
  SIO_STR,  /* UTF-8 text, escaped when it is sent                              */
  SIO_JSON, /* JSON text, checked and sent as it is                             */
  SIO_TREE, /* a cJSON tree, printed when it is sent                            */
  SIO_BIN,  /* bytes: travel as an attachment                                   */
  SIO_ARG   /* an argument of an event received, relayed as it came: sio_arg()  */
};

typedef struct sio_val {
  uint32_t kind;  /* enum sio_kind                                              */
  uint32_t nbins; /* SIO_JSON, SIO_TREE, SIO_ARG: how many attachments bins points to */
  size_t n;       /* bytes at u.p                                               */
  union {
    bool b;
    int64_t i;
    uint64_t u;
    double d;
    const void *p;
  } u;
  const sio_slice *bins; /* what {"_placeholder":true,"num":k} refers to       */
} sio_val;

static inline sio_val sio__val(enum sio_kind kind, const void *p, size_t n) {
  sio_val v;
  v.kind = (uint32_t)kind;
  v.nbins = 0;
  v.n = n;
  v.u.u = 0;
  v.u.p = p;
  v.bins = NULL;
  return v;
}

static inline sio_val sio_null(void) { return sio__val(SIO_NULL, NULL, 0); }

static inline sio_val sio_bool(bool b) {
  sio_val v = sio__val(SIO_BOOL, NULL, 0);
  v.u.b = b;
  return v;
}

static inline sio_val sio_int(int64_t i) {
  sio_val v = sio__val(SIO_INT, NULL, 0);
  v.u.i = i;
  return v;
}

static inline sio_val sio_uint(uint64_t u) {
  sio_val v = sio__val(SIO_UINT, NULL, 0);
  v.u.u = u;
  return v;
}

static inline sio_val sio_num(double d) {
  sio_val v = sio__val(SIO_NUM, NULL, 0);
  v.u.d = d;
  return v;
}

static inline sio_val sio_strn(const char *s, size_t n) { return sio__val(SIO_STR, s, n); }

/* NULL is sent as null. */
static inline sio_val sio_str(const char *s) {
  return s ? sio__val(SIO_STR, s, strlen(s)) : sio_null();
}

/* One JSON text, sent byte for byte; empty is null. It is checked: SIO_EJSON. */
static inline sio_val sio_json(sio_slice text) { return sio__val(SIO_JSON, text.p, text.n); }

/* NULL is sent as null. */
static inline sio_val sio_tree(const struct cJSON *t) { return sio__val(SIO_TREE, t, 0); }

static inline sio_val sio_bin(const void *p, size_t n) { return sio__val(SIO_BIN, p, n); }

/* Binary in any depth: objects {"_placeholder":true,"num":k} in the text or tree
 * stand for bins[k]. Every k must be below n, else SIO_EPLACEHOLDER. */
static inline sio_val sio_json_bins(sio_slice text, const sio_slice *bins, size_t n) {
  sio_val v = sio_json(text);
  v.bins = bins;
  v.nbins = (uint32_t)n;
  return v;
}

static inline sio_val sio_tree_bins(const struct cJSON *t, const sio_slice *bins, size_t n) {
  sio_val v = sio_tree(t);
  v.bins = bins;
  v.nbins = (uint32_t)n;
  return v;
}

typedef struct sio_args {
  const sio_val *v;
  size_t n;
} sio_args;

static inline sio_args sio__args(const sio_val *v, size_t n) {
  sio_args a;
  a.v = v;
  a.n = n;
  return a;
}

#define SIO_NONE (sio__args(NULL, 0))

/* SIO_ARGS("text", 42, 2.5, tree, sio_bin(p, n)): 1 to 16 plain C values or sio_val,
 * each evaluated once. C11 only: C++ passes sio__args(array, count). The literals true and false
 * are ints in C11 and would be sent as 1 and 0: write sio_bool(true). */
#ifndef __cplusplus
static inline sio_val sio__same(sio_val v) { return v; }
#define SIO_VAL(x) \
  _Generic((x), sio_val: sio__same, sio_slice: sio_json, bool: sio_bool,       \
    char *: sio_str, const char *: sio_str, float: sio_num, double: sio_num,   \
    struct cJSON *: sio_tree, const struct cJSON *: sio_tree, char: sio_int,   \
    signed char: sio_int, unsigned char: sio_int, short: sio_int,              \
    unsigned short: sio_int, int: sio_int, unsigned: sio_int, long: sio_int,   \
    long long: sio_int, unsigned long: sio_uint,                               \
    unsigned long long: sio_uint)(x)
#define SIO__PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, N, ...) N
#define SIO__MAP(...)                                                                            \
  SIO__PICK(__VA_ARGS__, SIO__G, SIO__F, SIO__E, SIO__D, SIO__C, SIO__B, SIO__A, SIO__9, SIO__8, \
            SIO__7, SIO__6, SIO__5, SIO__4, SIO__3, SIO__2, SIO__1, 0)                           \
  (__VA_ARGS__)
#define SIO__1(x) SIO_VAL(x)
#define SIO__2(x, ...) SIO_VAL(x), SIO__1(__VA_ARGS__)
#define SIO__3(x, ...) SIO_VAL(x), SIO__2(__VA_ARGS__)
#define SIO__4(x, ...) SIO_VAL(x), SIO__3(__VA_ARGS__)
#define SIO__5(x, ...) SIO_VAL(x), SIO__4(__VA_ARGS__)
#define SIO__6(x, ...) SIO_VAL(x), SIO__5(__VA_ARGS__)
#define SIO__7(x, ...) SIO_VAL(x), SIO__6(__VA_ARGS__)
#define SIO__8(x, ...) SIO_VAL(x), SIO__7(__VA_ARGS__)
#define SIO__9(x, ...) SIO_VAL(x), SIO__8(__VA_ARGS__)
#define SIO__A(x, ...) SIO_VAL(x), SIO__9(__VA_ARGS__)
#define SIO__B(x, ...) SIO_VAL(x), SIO__A(__VA_ARGS__)
#define SIO__C(x, ...) SIO_VAL(x), SIO__B(__VA_ARGS__)
#define SIO__D(x, ...) SIO_VAL(x), SIO__C(__VA_ARGS__)
#define SIO__E(x, ...) SIO_VAL(x), SIO__D(__VA_ARGS__)
#define SIO__F(x, ...) SIO_VAL(x), SIO__E(__VA_ARGS__)
#define SIO__G(x, ...) SIO_VAL(x), SIO__F(__VA_ARGS__)
#define SIO__COUNT(...) \
  SIO__PICK(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SIO_ARGS(...) \
  ((sio_args){ (const sio_val[]){ SIO__MAP(__VA_ARGS__) }, SIO__COUNT(__VA_ARGS__) })
#endif

#ifdef __cplusplus
}
#endif
#endif

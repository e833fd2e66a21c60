/* SPDX-License-Identifier: MIT
 *
 * value.h - what an event carries: small values that are built on the caller's stack.
 *
 * No function here allocates memory. A value that is made of a pointer keeps the pointer: the
 * memory must stay as it is until the call that sends the value has returned.
 *
 * Strings are UTF-8. A malformed sequence in them is sent as U+FFFD, because a text frame that is
 * not UTF-8 makes a browser close the connection. A double that is not finite is sent as null, as
 * by JSON.stringify().
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
  SIO_INT, /* sent exactly; JavaScript rounds integers beyond 2^53              */
  SIO_UINT,
  SIO_NUM,
  SIO_STR,    /* UTF-8 text, which is escaped when it is sent                   */
  SIO_JSON,   /* JSON text, which is checked and sent as it is                  */
  SIO_TREE,   /* a cJSON tree, which is printed when it is sent                 */
  SIO_BIN,    /* bytes, which are sent as an attachment                         */
  SIO_ARRAY,  /* an array of values: sio_array()                                */
  SIO_OBJECT, /* an object of values: sio_object()                              */
  SIO_ARG,    /* arguments of a received event: sio_arg(), sio_event_args()     */
  SIO_SPREAD  /* the elements of a JSON array as arguments: sio_spread()        */
};

typedef struct sio_val {
  uint32_t kind;  /* enum sio_kind                                              */
  uint32_t nbins; /* the length of bins; SIO_ARRAY, SIO_OBJECT: attachments in it */
  size_t n;       /* the length of u.p: bytes, or for SIO_ARRAY and SIO_OBJECT elements */
  union {
    bool b;
    int64_t i;
    uint64_t u;
    double d;
    const void *p;
  } u;
  const sio_slice *bins; /* {"_placeholder":true,"num":k} stands for bins[k]    */
} sio_val;

/* The arguments of an event. */
typedef struct sio_args {
  const sio_val *v;
  size_t n;
} sio_args;

/* Makes arguments of an array of n values, for a number of arguments that is known only at run
 * time. The array is not copied: it must stay valid until the call that sends the arguments has
 * returned. */
static inline sio_args sio_argv(const sio_val *v, size_t n) {
  sio_args a;
  a.v = v;
  a.n = n;
  return a;
}

/* An event without arguments. */
#define SIO_NONE (sio_argv(NULL, 0))

/* Makes a value of this kind that points to n bytes at p. Programs normally use the functions below
 * instead. */
static inline sio_val sio_val_make(enum sio_kind kind, const void *p, size_t n) {
  sio_val v;
  v.kind = (uint32_t)kind;
  v.nbins = 0;
  v.n = n;
  v.u.u = 0;
  v.u.p = p;
  v.bins = NULL;
  return v;
}

/* The value null. */
static inline sio_val sio_null(void) { return sio_val_make(SIO_NULL, NULL, 0); }

/* The value true or false. In C11 `true` is an int, so SIO_ARGS(true) would send 1. */
static inline sio_val sio_bool(bool b) {
  sio_val v = sio_val_make(SIO_BOOL, NULL, 0);
  v.u.b = b;
  return v;
}

/* A signed integer, which is sent exactly. */
static inline sio_val sio_int(int64_t i) {
  sio_val v = sio_val_make(SIO_INT, NULL, 0);
  v.u.i = i;
  return v;
}

/* An unsigned integer, which is sent exactly. */
static inline sio_val sio_uint(uint64_t u) {
  sio_val v = sio_val_make(SIO_UINT, NULL, 0);
  v.u.u = u;
  return v;
}

/* A double, sent with as many digits as it takes to read the same double again. NaN and the
 * infinities are sent as null, and -0.0 as 0. */
static inline sio_val sio_double(double d) {
  sio_val v = sio_val_make(SIO_NUM, NULL, 0);
  v.u.d = d;
  return v;
}

/* ---- strings and bytes --------------------------------------------------------------------- */

/* A string of n bytes, which may contain NULs. */
static inline sio_val sio_strn(const char *s, size_t n) { return sio_val_make(SIO_STR, s, n); }

/* A string that ends with a NUL; NULL is sent as null. */
static inline sio_val sio_str(const char *s) {
  return s ? sio_val_make(SIO_STR, s, strlen(s)) : sio_null();
}

/* A slice as a string; {NULL,0} is sent as null. JSON text needs sio_json(). */
static inline sio_val sio_string(sio_slice s) {
  return s.p ? sio_val_make(SIO_STR, s.p, s.n) : sio_null();
}

/* Bytes, which are sent as an attachment unless a custom parser encodes them otherwise. A
 * JavaScript client usually gets them as an ArrayBuffer, in Node.js as a Buffer. If n is 0, p may
 * be NULL: the attachment is empty. */
static inline sio_val sio_bin(const void *p, size_t n) { return sio_val_make(SIO_BIN, p, n); }

/* ---- JSON text and cJSON trees ------------------------------------------------------------- */

/* A JSON text, which is checked when it is sent. If it is empty or not one valid JSON text, the
 * call that sends it returns SIO_EJSON. The text must be UTF-8, which is not checked: a browser
 * closes a WebSocket on which it receives a text that is not. */
static inline sio_val sio_json(sio_slice text) { return sio_val_make(SIO_JSON, text.p, text.n); }

/* A cJSON tree, which is printed when it is sent. NULL is sent as null. */
static inline sio_val sio_tree(const struct cJSON *t) { return sio_val_make(SIO_TREE, t, 0); }

/* A JSON text with n attachments: an object {"_placeholder":true,"num":k} in the text stands for
 * bins[k]. If k is not less than n, the call that sends the value returns SIO_EPLACEHOLDER. If n is
 * 0, the text is sent as by sio_json(). */
static inline sio_val sio_json_bins(sio_slice text, const sio_slice *bins, size_t n) {
  sio_val v = sio_json(text);
  v.bins = bins;
  v.nbins = (uint32_t)n;
  return v;
}

/* A cJSON tree with n attachments: an object {"_placeholder":true,"num":k} in the tree stands for
 * bins[k]. */
static inline sio_val sio_tree_bins(const struct cJSON *t, const sio_slice *bins, size_t n) {
  sio_val v = sio_tree(t);
  v.bins = bins;
  v.nbins = (uint32_t)n;
  return v;
}

/* The elements of a JSON array as separate arguments, as f(...array) in JavaScript:
 *
 *     sio_emit(s, "points", SIO_ARGS(1, sio_spread(sio_text("[2,3]"))));   sends 1, 2, 3
 *
 * If the text is not a JSON array, the call that sends the value returns SIO_EJSON. */
static inline sio_val sio_spread(sio_slice array) {
  const char *p = array.p, *end = p + array.n;
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  while (p < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r'))
    end--;
  if (end - p < 2 || *p != '[' || end[-1] != ']') return sio_val_make(SIO_JSON, NULL, 0);
  for (p++, end--; p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'); p++) continue;
  return sio_val_make(SIO_SPREAD, p, (size_t)(end - p));
}

/* ---- arrays and objects -------------------------------------------------------------------- */

/* An array of values of any kind; they may be bytes, arrays and objects, too:
 *
 *     sio_emit(s, "e", SIO_ARGS(SIO_ARRAY(1, "two", sio_bin(p, n))));
 *
 * If an item was returned by sio_event_args() or sio_spread(), all elements that it stands for
 * become elements of the array. A call that sends the array returns SIO_EDEPTH if arrays and
 * objects are nested more than 899 levels deep. */
static inline sio_val sio_array(sio_args items) {
  sio_val v = sio_val_make(SIO_ARRAY, items.v, items.n);
  size_t i;
  for (i = 0; i < items.n; i++) v.nbins += items.v[i].kind == SIO_BIN ? 1 : items.v[i].nbins;
  return v;
}

typedef struct sio_member {
  const char *key;
  sio_val value;
} sio_member;

/* An object whose members have values of any kind; they may be bytes, arrays and objects, too. The
 * members are sent in the order of the array `members`:
 *
 *     SIO_OBJECT({ "name", sio_str("me.png") }, { "size", SIO_VAL(n) }, { "data", sio_bin(p, n) })
 *
 * A member needs a sio_val: unlike SIO_ARGS() and SIO_ARRAY(), SIO_OBJECT() does not convert plain
 * C values. SIO_VAL() converts one (C11).
 *
 * The array that SIO_OBJECT() makes lives until the end of the block in which it stands, as those
 * of SIO_ARRAY(), SIO_ARGS() and SIO_ROOMS() do. So a function must not return such a value, and a
 * loop must not store one for later; compilers do not warn of it. Call sio_object() with an array
 * of your own there. */
static inline sio_val sio_object(const sio_member *members, size_t n) {
  sio_val v = sio_val_make(SIO_OBJECT, members, n);
  size_t i;
  for (i = 0; i < n; i++) v.nbins += members[i].value.kind == SIO_BIN ? 1 : members[i].value.nbins;
  return v;
}

/* ---- C11: values from plain C types -------------------------------------------------------- */

/* SIO_ARGS("text", 42, 2.5, tree, sio_bin(p, n)) makes the arguments of an event from 1 to 16
 * values, for the call in which it stands (see sio_object() for its lifetime). Each value is a
 * sio_val or has a plain C type, and is evaluated once. A char * or sio_slice is sent as a string;
 * JSON text has to be wrapped in sio_json(). The literals true and false have the type int in C11
 * and would be sent as 1 and 0: write sio_bool(true). C++ has no _Generic: pass sio_argv(array,
 * count) there. */
#ifndef __cplusplus
static inline sio_val sio_val_itself(sio_val v) { return v; }
#define SIO_VAL(x) \
  _Generic((x), sio_val: sio_val_itself, sio_slice: sio_string, bool: sio_bool,     \
    char *: sio_str, const char *: sio_str, float: sio_double, double: sio_double,   \
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
#define SIO_ARRAY(...) sio_array(SIO_ARGS(__VA_ARGS__))
#define SIO_OBJECT(...)                           \
  sio_object((const sio_member[]){ __VA_ARGS__ }, \
             sizeof((const sio_member[]){ __VA_ARGS__ }) / sizeof(sio_member))
#endif

#ifdef __cplusplus
}
#endif
#endif

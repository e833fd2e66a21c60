/* SPDX-License-Identifier: MIT
 *
 * random.c - random bytes from the operating system, ids made of them, and SipHash-1-3.
 *
 * Each thread takes its ids from a batch of random bytes of its own. A forked child must not make
 * the same ids as its parent. So a fork increments `forks` in the child, and a batch from before
 * the fork is discarded. If forks cannot be noticed, each id gets a new batch.
 */
#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/os.h"

enum { ID_BYTES = 15, BATCH = 16 };

struct batch {
  uint8_t bytes[BATCH * ID_BYTES];
  unsigned left; /* how many ids were not used yet; they are at the start of `bytes` */
  unsigned forks;
};

static _Thread_local struct batch batch;
static atomic_uint forks;
static bool fork_is_seen;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static uint8_t hash_key[16];
static atomic_bool hash_keyed;
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

int sio__fill_random(void *out, size_t n) { return sio__os_fill_random(out, n); }

#ifdef _WIN32 /* where a process cannot fork */
static void register_fork_counting_handler(void) { fork_is_seen = true; }
#else
static void count_process_fork(void) { atomic_fetch_add(&forks, 1); }
static void register_fork_counting_handler(void) {
  fork_is_seen = pthread_atfork(NULL, NULL, count_process_fork) == 0;
}
#endif

static int refill_random_id_batch(unsigned now) {
  int err = sio__fill_random(batch.bytes, sizeof batch.bytes);
  if (err) return err;
  batch.left = BATCH;
  batch.forks = now;
  return 0;
}

int sio__make_random_id(char out[SIO__ID_LEN + 1]) {
  pthread_once(&fork_once, register_fork_counting_handler);
  unsigned now = atomic_load(&forks);
  if (batch.left == 0 || batch.forks != now || !fork_is_seen) {
    int err = refill_random_id_batch(now);
    if (err) return err;
  }
  uint8_t *id = batch.bytes + --batch.left * ID_BYTES;
  sio__base64_encode(out, id, ID_BYTES);
  memset(id, 0, ID_BYTES);
  for (int i = 0; i < SIO__ID_LEN; i++)
    out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
  out[SIO__ID_LEN] = '\0';
  return 0;
}

static uint64_t load_u64_le(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static uint64_t siphash_load_last_word(const uint8_t *p, size_t n) {
  uint64_t v = (uint64_t)n << 56;
  for (size_t i = 0; i < n % 8; i++) v |= (uint64_t)p[n - n % 8 + i] << (8 * i);
  return v;
}

static inline uint64_t rotate_left_64(uint64_t x, int by) { return x << by | x >> (64 - by); }

struct sip {
  uint64_t a, b, c, d;
};

static inline void siphash_round(struct sip *s) {
  s->a += s->b, s->b = rotate_left_64(s->b, 13) ^ s->a, s->a = rotate_left_64(s->a, 32);
  s->c += s->d, s->d = rotate_left_64(s->d, 16) ^ s->c;
  s->a += s->d, s->d = rotate_left_64(s->d, 21) ^ s->a;
  s->c += s->b, s->b = rotate_left_64(s->b, 17) ^ s->c, s->c = rotate_left_64(s->c, 32);
}

static inline void siphash_add_word(struct sip *s, uint64_t word) {
  s->d ^= word;
  siphash_round(s);
  s->a ^= word;
}

uint64_t sio__siphash13(const uint8_t key[16], const void *data, size_t n) {
  const uint8_t *p = data;
  uint64_t k0 = load_u64_le(key), k1 = load_u64_le(key + 8);
  struct sip s = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                   k1 ^ 0x7465646279746573u };
  for (size_t i = 0; i + 8 <= n; i += 8) siphash_add_word(&s, load_u64_le(p + i));
  siphash_add_word(&s, siphash_load_last_word(p, n));
  s.c ^= 0xff;
  for (int i = 0; i < 3; i++) siphash_round(&s);
  return s.a ^ s.b ^ s.c ^ s.d;
}

/* Makes the key of sio__hash_bytes(). Hashing must not fail, so the key is made in another way if
 * the system gives no random bytes. */
static void make_hash_key(void) {
  if (sio__fill_random(hash_key, sizeof hash_key) != 0) sio__os_make_fallback_hash_key(hash_key);
  atomic_store_explicit(&hash_keyed, true, memory_order_release);
}

uint64_t sio__hash_bytes(const void *p, size_t n) {
  if (!atomic_load_explicit(&hash_keyed, memory_order_acquire))
    pthread_once(&hash_once, make_hash_key);
  return sio__siphash13(hash_key, p, n);
}

/* SPDX-License-Identifier: MIT
 *
 * tickets.c - encrypts session tickets with the key of the current period, and decrypts them with
 * this key or with that of the previous period.
 */
#include "tls/tickets.h"
#include "base/err.h"
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

static uint64_t monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec;
}

/* ---- keys ------------------------------------------------------------------ */

static bool make_ticket_key(struct ticket_key *k) {
  return RAND_bytes(k->name, sizeof k->name) == 1 &&
         RAND_priv_bytes(k->cipher, sizeof k->cipher) == 1 &&
         RAND_priv_bytes(k->mac, sizeof k->mac) == 1;
}

/* Replaces the keys if the current period is over. Returns false if no random bytes could be
 * obtained. */
static bool rotate_ticket_keys_if_period_over(struct tickets *t) {
  uint64_t age = monotonic_seconds() - t->began;
  if (age < t->period_s) return true;
  if (age < 2 * (uint64_t)t->period_s)
    t->last = t->current;
  else if (!make_ticket_key(&t->last))
    return false;
  if (!make_ticket_key(&t->current)) return false;
  t->began += age / t->period_s * t->period_s;
  return true;
}

static bool init_ticket_cipher_and_mac(const struct ticket_key *k, const unsigned char *iv,
                                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt) {
  char digest[] = "SHA256";
  unsigned char key[sizeof k->mac];
  memcpy(key, k->mac, sizeof key);
  OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, sizeof key),
                          OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                          OSSL_PARAM_construct_end() };
  bool ok = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, encrypt) == 1 &&
            EVP_MAC_CTX_set_params(mac, params) == 1;
  OPENSSL_cleanse(key, sizeof key);
  return ok;
}

/* ---- the callback of OpenSSL ----------------------------------------------- */

enum { FAILED = -1, UNKNOWN, USABLE, USABLE_RENEW };

static int start_ticket_encryption(struct tickets *t, unsigned char *name, unsigned char *iv,
                                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac) {
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return FAILED;
  memcpy(name, t->current.name, sizeof t->current.name);
  return init_ticket_cipher_and_mac(&t->current, iv, cipher, mac, 1) ? USABLE : FAILED;
}

/* Sets up decryption with the key with which the ticket was made. Returns UNKNOWN if no key with
 * this name is kept, and FAILED after an error. Returns USABLE_RENEW if the client is to get a new
 * ticket, because the key is that of the previous period or because the version is TLS 1.3, in
 * which a ticket should be used only once. */
static int start_ticket_decryption(const struct tickets *t, const SSL *ssl,
                                   const unsigned char *name, const unsigned char *iv,
                                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac) {
  bool is_current = memcmp(name, t->current.name, sizeof t->current.name) == 0;
  bool is_last = memcmp(name, t->last.name, sizeof t->last.name) == 0;
  if (!is_current && !is_last) return UNKNOWN;
  if (!init_ticket_cipher_and_mac(is_current ? &t->current : &t->last, iv, cipher, mac, 0))
    return FAILED;
  return is_current && SSL_version(ssl) < TLS1_3_VERSION ? USABLE : USABLE_RENEW;
}

static int set_up_ticket_encryption_or_decryption(SSL *ssl, unsigned char name[16],
                                                  unsigned char iv[EVP_MAX_IV_LENGTH],
                                                  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                                                  int encrypt) {
  struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  int result = FAILED;
  pthread_mutex_lock(&t->lock);
  if (rotate_ticket_keys_if_period_over(t))
    result = encrypt ? start_ticket_encryption(t, name, iv, cipher, mac)
                     : start_ticket_decryption(t, ssl, name, iv, cipher, mac);
  pthread_mutex_unlock(&t->lock);
  return result;
}

/* ---- start and end --------------------------------------------------------- */

int sio__tickets_init(struct tickets *t, unsigned period_s) {
  if (!make_ticket_key(&t->current) || !make_ticket_key(&t->last)) return UV_ENOMEM;
  if (pthread_mutex_init(&t->lock, NULL)) return UV_ENOMEM;
  t->began = monotonic_seconds();
  t->period_s = period_s;
  return 0;
}

void sio__tickets_clear(struct tickets *t) {
  if (t->period_s) pthread_mutex_destroy(&t->lock);
  OPENSSL_cleanse(t, sizeof *t);
}

int sio__tickets_set_callback_on_ssl_ctx(struct tickets *t, SSL_CTX *ctx) {
  SSL_CTX_set_timeout(ctx, (long)t->period_s);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, set_up_ticket_encryption_or_decryption);
  return SSL_CTX_set_app_data(ctx, t) ? 0 : UV_ENOMEM;
}

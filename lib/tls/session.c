/* SPDX-License-Identifier: MIT
 *
 * session.c - a TLS session (sio/tls.h) of OpenSSL.
 *
 * A session has an SSL object with a BIO of our own: OpenSSL reads received bytes from the BIO, and
 * what OpenSSL writes to it is passed to sio_tls_wire.put(). On a server an incomplete ClientHello
 * is buffered here: the SSL object, which takes tens of KiB until the handshake is over, is made
 * once the ClientHello is complete, or the input turns out not to be one.
 */
#include "tls/session.h"

#include "base/err.h"
#include "tls/hello.h"
#include "tls/provider.h"
#include <openssl/err.h>
#include <stdio.h>

struct session {
  SSL *ssl; /* on a server NULL until the ClientHello, or other input, has come */
  const struct provider *provider;
  struct bundle *bundle;
  sio_tls_wire wire;
  struct hello hello;
  char *early; /* buffered input that came before `ssl` was made; `ssl` reads it first */
  size_t early_n, early_used;
  sio_slice in;  /* the input of the current call of read() */
  int wire_err;  /* what wire.put() has returned last for output of `ssl` */
  int kind;      /* after a failure, an enum sio_tls_failure */
  char text[96]; /* after a failure its text; after a call of info() the ALPN protocol */
  char *subject;
  unsigned char *der;
};

/* ---- the BIO -------------------------------------------------------------------------------- */

static void free_buffered_client_hello(struct session *s) {
  OPENSSL_free(s->early);
  s->early = NULL;
  s->early_n = s->early_used = 0;
}

static size_t read_from_buffered_client_hello(struct session *s, char *out, size_t size) {
  size_t n = s->early_n - s->early_used;
  if (n > size) n = size;
  memcpy(out, s->early + s->early_used, n);
  s->early_used += n;
  if (s->early_used == s->early_n) free_buffered_client_hello(s);
  return n;
}

static int give_received_bytes_to_openssl(BIO *b, char *out, size_t size, size_t *n) {
  struct session *s = BIO_get_data(b);
  BIO_clear_retry_flags(b);
  if (s->early_n > 0) {
    *n = read_from_buffered_client_hello(s, out, size);
    return 1;
  }
  *n = s->in.n < size ? s->in.n : size;
  if (*n == 0) {
    BIO_set_retry_read(b);
    return 0;
  }
  memcpy(out, s->in.p, *n);
  s->in.p += *n;
  s->in.n -= *n;
  return 1;
}

static int queue_openssl_output_on_wire(BIO *b, const char *p, size_t size, size_t *n) {
  struct session *s = BIO_get_data(b);
  BIO_clear_retry_flags(b);
  s->wire_err = s->wire.put(s->wire.to, p, size);
  *n = s->wire_err ? 0 : size;
  return !s->wire_err;
}

static long accept_only_bio_flush(BIO *b, int what, long n, void *p) {
  (void)b, (void)n, (void)p;
  return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *sio__tls_bio_method_new(void) {
  BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "libsio");
  if (!m) return NULL;
  BIO_meth_set_read_ex(m, give_received_bytes_to_openssl);
  BIO_meth_set_write_ex(m, queue_openssl_output_on_wire);
  BIO_meth_set_ctrl(m, accept_only_bio_flush);
  return m;
}

/* ---- failures -------------------------------------------------------------- */

/* If the peer has sent an alert, OpenSSL's error reason is ALERTS plus the alert's number, which is
 * one byte. */
enum { ALERTS = SSL_AD_REASON_OFFSET, ALERTS_END = ALERTS + 256 };

/* Returns the reason code of an OpenSSL error if the error is one of TLS, or if its reason is one
 * that all parts of OpenSSL have in common, such as ERR_R_MALLOC_FAILURE. Otherwise returns 0,
 * because other parts use the codes of TLS for other reasons. */
static int tls_or_common_error_reason(unsigned long e) {
  return ERR_GET_LIB(e) == ERR_LIB_SSL || ERR_COMMON_ERROR(e) ? ERR_GET_REASON(e) : 0;
}

static int tls_failure_kind_of_reason(int reason) {
  switch (reason) {
    case SSL_R_HTTP_REQUEST: return SIO_TLS_FAILED_PLAIN;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_VERSION_NUMBER: return SIO_TLS_FAILED_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return SIO_TLS_FAILED_CIPHER;
    case SSL_R_NO_APPLICATION_PROTOCOL: return SIO_TLS_FAILED_ALPN;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return SIO_TLS_FAILED_CERTIFICATE;
    case ERR_R_MALLOC_FAILURE: return SIO_TLS_FAILED_MEMORY;
    default:
      return reason > ALERTS && reason < ALERTS_END ? SIO_TLS_FAILED_ALERT
                                                    : SIO_TLS_FAILED_PROTOCOL;
  }
}

static const char *certificate_failure_detail(const struct session *s, int reason) {
  if (reason != SSL_R_CERTIFICATE_VERIFY_FAILED) return "";
  return X509_verify_cert_error_string(SSL_get_verify_result(s->ssl));
}

static int store_openssl_failure_kind_and_text(struct session *s) {
  unsigned long e = ERR_peek_error();
  int reason = tls_or_common_error_reason(e);
  const char *text = e ? ERR_reason_error_string(e) : NULL;
  const char *detail = certificate_failure_detail(s, reason);
  s->kind = s->wire_err == UV_ENOMEM ? SIO_TLS_FAILED_MEMORY : tls_failure_kind_of_reason(reason);
  if (s->wire_err) text = "too much output waits for the peer";
  if (s->kind == SIO_TLS_FAILED_MEMORY) text = "out of memory";
  snprintf(s->text, sizeof s->text, "TLS: %s%s%s", text ? text : "unknown failure",
           *detail ? ": " : "", detail);
  ERR_clear_error();
  return s->kind == SIO_TLS_FAILED_MEMORY ? UV_ENOMEM : SIO_EPROTO;
}

static int get_stored_tls_failure(void *session, const char **text) {
  struct session *s = session;
  *text = s->text;
  return s->kind;
}

/* ---- the ClientHello ------------------------------------------------------- */

static bool attach_wire_bio_and_set_server_mode(struct session *s, const struct provider *p) {
  BIO *b = BIO_new(p->method);
  if (!b) return false;
  BIO_set_data(b, s);
  BIO_set_init(b, 1);
  SSL_set_bio(s->ssl, b, b);
  SSL_set_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
  SSL_set_options(s->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_set_accept_state(s->ssl);
  return true;
}

/* Makes OpenSSL send `name` in the ClientHello (SNI) and, if it verifies the server's certificate,
 * check that the certificate is valid for `name`. If `name` is an IP address, OpenSSL compares it
 * with the addresses in the certificate and does not send it (RFC 6066 section 3). Returns false if
 * memory has run out or OpenSSL refuses the name. */
static bool set_expected_server_name(SSL *ssl, const char *name) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name)) return true;
  ERR_clear_error();
  return SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name);
}

static bool set_tls_client_mode_and_server_name(struct session *s) {
  const char *name = s->bundle->server_name;
  s->hello.over = true;
  SSL_set_connect_state(s->ssl);
  return !name || set_expected_server_name(s->ssl, name);
}

/* Makes the SSL object of the session. Returns false if OpenSSL fails, most likely for lack of
 * memory. */
static bool create_ssl_of_session(struct session *s) {
  s->ssl = SSL_new(s->bundle->ctx);
  return s->ssl && attach_wire_bio_and_set_server_mode(s, s->provider) &&
         (!s->bundle->client || set_tls_client_mode_and_server_name(s));
}

static int set_tls_failure_out_of_memory(struct session *s) {
  s->kind = SIO_TLS_FAILED_MEMORY;
  snprintf(s->text, sizeof s->text, "TLS: out of memory");
  ERR_clear_error();
  return UV_ENOMEM;
}

static int send_alert_and_fail_long_client_hello(struct session *s) {
  static const char alert[] = { 21, 3, 3, 0, 2, 2, SSL_AD_ILLEGAL_PARAMETER };
  /* If the alert cannot be sent, that is ignored, because the connection is closed anyway. */
  s->wire.put(s->wire.to, alert, sizeof alert);
  s->kind = SIO_TLS_FAILED_PROTOCOL;
  snprintf(s->text, sizeof s->text, "TLS: the ClientHello or its TLS records are too long");
  return SIO_EPROTO;
}

static int buffer_incomplete_client_hello(struct session *s, sio_slice *in) {
  size_t n = s->early_n + in->n, had = (s->early_n + HELLO_STEP - 1) / HELLO_STEP * HELLO_STEP;
  if (in->n == 0) return 0;
  if (n > HELLO_BYTES_MAX) return send_alert_and_fail_long_client_hello(s);
  if (n > had) {
    char *p = OPENSSL_realloc(s->early, (n + HELLO_STEP - 1) / HELLO_STEP * HELLO_STEP);
    if (!p) return set_tls_failure_out_of_memory(s);
    s->early = p;
  }
  memcpy(s->early + s->early_n, in->p, in->n);
  s->early_n = n;
  *in = (sio_slice){ NULL, 0 };
  return 0;
}

/* Called with each input until s->ssl is made. Makes s->ssl when the first ClientHello is complete,
 * or when the input is not a ClientHello. Returns 0 if more input is needed (*in was copied to
 * s->early), 1 if s->ssl can read *in, or an error. */
static int create_ssl_or_buffer_incomplete_hello(struct session *s, sio_slice *in) {
  size_t used;
  enum hello_verdict v = sio__hello_parse(&s->hello, in->p, in->n, &used);
  if (v == HELLO_MORE) return buffer_incomplete_client_hello(s, in);
  if (v == HELLO_LONG) return send_alert_and_fail_long_client_hello(s);
  if (v == HELLO_OTHER) s->hello.over = true;
  if (!create_ssl_of_session(s)) return set_tls_failure_out_of_memory(s);
  if (sio__hello_check_length_of_second(&s->hello, in->p + used, in->n - used, true)) return 1;
  return send_alert_and_fail_long_client_hello(s);
}

/* Called with each input. Checks that no ClientHello is too long, and makes s->ssl when it is
 * needed. Returns 1 if s->ssl can read the input, 0 if more input is needed before s->ssl can be
 * made, or an error. */
static int check_hello_length_and_create_ssl(struct session *s, sio_slice *in) {
  if (!s->ssl) return create_ssl_or_buffer_incomplete_hello(s, in);
  if (s->hello.over) return 1;
  s->hello.over = SSL_is_init_finished(s->ssl);
  bool may_retry = SSL_version(s->ssl) >= TLS1_3_VERSION;
  return sio__hello_check_length_of_second(&s->hello, in->p, in->n, may_retry)
             ? 1
             : send_alert_and_fail_long_client_hello(s);
}

/* ---- reading and writing --------------------------------------------------- */

static long decrypt_received_bytes_with_openssl(void *session, sio_slice *in, char *out,
                                                size_t size) {
  struct session *s = session;
  size_t n = 0;
  int ready = check_hello_length_and_create_ssl(s, in);
  if (ready <= 0) return ready;
  s->in = *in;
  ERR_clear_error();
  int ok = SSL_read_ex(s->ssl, out, size, &n);
  *in = s->in;
  s->in = (sio_slice){ NULL, 0 };
  if (ok) return (long)n;
  if (s->wire_err) return store_openssl_failure_kind_and_text(s);
  switch (SSL_get_error(s->ssl, ok)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_ZERO_RETURN: return SIO_ECLOSED;
    default: return store_openssl_failure_kind_and_text(s);
  }
}

static int encrypt_and_send_with_openssl(void *session, const char *p, size_t n) {
  struct session *s = session;
  size_t done;
  ERR_clear_error();
  return SSL_write_ex(s->ssl, p, n, &done) ? 0 : store_openssl_failure_kind_and_text(s);
}

static void openssl_send_close_notify(void *session) {
  struct session *s = session;
  SSL_shutdown(s->ssl);
  ERR_clear_error();
}

/* ---- information for the host ---------------------------------------------- */

static bool get_result_if_handshake_done(void *session, sio_tls_done *out) {
  struct session *s = session;
  if (!s->ssl || !SSL_is_init_finished(s->ssl)) return false;
  int version = SSL_version(s->ssl);
  out->version = version == TLS1_3_VERSION   ? SIO_TLS_1_3
                 : version == TLS1_2_VERSION ? SIO_TLS_1_2
                                             : SIO_TLS_OTHER;
  out->resumed = SSL_session_reused(s->ssl);
  return true;
}

static char *format_subject(X509 *x) {
  char *text = NULL, *at;
  BIO *b = BIO_new(BIO_s_mem());
  if (b && X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
    long n = BIO_get_mem_data(b, &at);
    text = OPENSSL_strndup(n > 0 ? at : "", n > 0 ? (size_t)n : 0);
  }
  BIO_free(b);
  return text;
}

static void free_certificate_info(struct session *s) {
  OPENSSL_free(s->subject);
  OPENSSL_free(s->der);
  s->subject = NULL;
  s->der = NULL;
}

static int fill_certificate_info(struct session *s, X509 *x, sio_tls_info *out) {
  long verdict = SSL_get_verify_result(s->ssl);
  int n = i2d_X509(x, &s->der);
  s->subject = format_subject(x);
  if (n < 0 || !s->subject) return UV_ENOMEM;
  out->certificate = (sio_slice){ (const char *)s->der, (size_t)n };
  out->subject = s->subject;
  out->verified = verdict == X509_V_OK;
  if (!out->verified) out->verify_error = X509_verify_cert_error_string(verdict);
  return 0;
}

static const char *string_or_empty_if_null(const char *s) { return s ? s : ""; }

static int fill_tls_session_info(void *session, sio_tls_info *out) {
  struct session *s = session;
  const unsigned char *alpn;
  unsigned n;
  free_certificate_info(s);
  SSL_get0_alpn_selected(s->ssl, &alpn, &n);
  snprintf(s->text, sizeof s->text, "%.*s", (int)n, n ? (const char *)alpn : "");
  out->version = SSL_get_version(s->ssl);
  out->cipher = string_or_empty_if_null(SSL_get_cipher_name(s->ssl));
  out->alpn = s->text;
  out->server_name = string_or_empty_if_null(SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name));
  out->subject = out->verify_error = "";
  out->resumed = SSL_session_reused(s->ssl);
  X509 *x = SSL_get0_peer_certificate(s->ssl);
  int err = x ? fill_certificate_info(s, x, out) : 0;
  ERR_clear_error();
  return err;
}

/* ---- start and end of a session -------------------------------------------- */

static void free_tls_session_of_openssl(void *session) {
  struct session *s = session;
  SSL_free(s->ssl);
  free_buffered_client_hello(s);
  sio__tls_bundle_unref(s->bundle);
  free_certificate_info(s);
  OPENSSL_free(s);
  ERR_clear_error();
}

/* Makes the SSL object of a client and sends its ClientHello, for which no input is needed. */
static int create_client_ssl_and_send_hello(struct session *s) {
  if (!create_ssl_of_session(s)) return UV_ENOMEM;
  int done = SSL_do_handshake(s->ssl);
  bool waits = SSL_get_error(s->ssl, done) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  if (s->wire_err) return s->wire_err;
  return waits ? 0 : SIO_EPROTO;
}

static int open_tls_session_of_provider(void *context, const sio_tls_wire *wire, void **out) {
  struct provider *p = context;
  struct session *s = OPENSSL_zalloc(sizeof *s);
  if (!s) return UV_ENOMEM;
  s->wire = *wire;
  s->provider = p;
  s->bundle = sio__tls_provider_ref_bundle(p);
  int err = s->bundle->client ? create_client_ssl_and_send_hello(s) : 0;
  if (err)
    free_tls_session_of_openssl(s);
  else
    *out = s;
  return err;
}

const sio_tls_ops sio__tls_session_ops = { .size = sizeof sio__tls_session_ops,
                                           .name = OPENSSL_VERSION_TEXT,
                                           .open = open_tls_session_of_provider,
                                           .read = decrypt_received_bytes_with_openssl,
                                           .write = encrypt_and_send_with_openssl,
                                           .end = openssl_send_close_notify,
                                           .established = get_result_if_handshake_done,
                                           .info = fill_tls_session_info,
                                           .failure = get_stored_tls_failure,
                                           .close = free_tls_session_of_openssl };

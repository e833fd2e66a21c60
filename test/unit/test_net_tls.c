/* SPDX-License-Identifier: MIT
 *
 * test_net_tls.c - a connection that speaks TLS: what is received, what is sent, its queue, and
 * peers that violate the protocol.
 */
#include "net/transfer.h"
#include "net_tls_rig.h"

/* ---- good manners --------------------------------------------------------------------------- */

TEST(what_is_said_arrives_both_ways) {
  EACH_VERSION(v) {
    open_plain();
    meet((int)v);
    EQ(secured, 1);
    peer_says("hello", 5);
    EQ_MEM(heard, heard_n, "hello", 5);
    EQ(say(conn, "and "), 0);
    EQ(say(conn, "back"), 0);
    turns(2);
    peer_hears();
    EQ_MEM(back, back_n, "and back", 8);
    EQ(loop.stats.tls_handshakes[v == TLS1_3_VERSION ? SIO_TLS_1_3 : SIO_TLS_1_2], 1);
    part();
    shut();
  }
}

TEST(a_handshake_may_come_byte_by_byte) {
  EACH_VERSION(v) {
    open_plain();
    tls_peer_open(&peer, far_fd, (int)v);
    CHECK(shake_by(1));
    CHECK(SSL_write(peer.ssl, "hello", 5) == 5);
    tell_all(1);
    EQ_MEM(heard, heard_n, "hello", 5);
    part();
    shut();
  }
}

/* Both flights of the client, each cut at one place. */
TEST(a_handshake_may_be_cut_anywhere) {
  EACH_VERSION(v) {
    for (size_t cut = 1; cut < 700; cut += 7) {
      open_plain();
      tls_peer_open(&peer, far_fd, (int)v);
      for (int i = 0; i < 10 && !secured; i++) {
        SSL_do_handshake(peer.ssl);
        tls_peer_tell(&peer, cut);
        turns(2);
        tls_peer_tell(&peer, SIZE_MAX);
        turns(2);
        tls_peer_hear(&peer);
      }
      EQ(secured, 1);
      part();
      shut();
    }
  }
}

TEST(a_record_may_be_cut_anywhere) {
  open_plain();
  meet(TLS1_3_VERSION);
  for (size_t cut = 1; cut < 27; cut++) {
    heard_n = 0;
    SSL_write(peer.ssl, "hello", 5);
    tls_peer_tell(&peer, cut);
    turns(2);
    EQ(heard_n, 0);
    tell_all(SIZE_MAX);
    turns(2);
    EQ_MEM(heard, heard_n, "hello", 5);
  }
  part();
  shut();
}

static char pattern(size_t i) { return (char)(i * 31 + i / 251); }

/* In reads that begin and end within records: what was held back and what came fit the buffer. */
TEST(much_arrives_whole_however_it_is_cut) {
  static char much[600000];
  for (size_t i = 0; i < sizeof much; i++) much[i] = pattern(i);
  for (size_t piece = 5000; piece < 70000; piece += 9973) {
    open_plain();
    meet(TLS1_3_VERSION);
    if (SSL_write(peer.ssl, much, sizeof much) != sizeof much) abort();
    tell_all(piece);
    turns(20);
    CHECK(heard_n == sizeof much && memcmp(heard, much, sizeof much) == 0);
    part();
    shut();
  }
}

TEST(what_comes_with_the_end_of_the_handshake_is_not_lost) {
  open_plain();
  tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
  SSL_do_handshake(peer.ssl);
  tell_all(SIZE_MAX);
  turns(2);
  tls_peer_hear(&peer);
  EQ(SSL_do_handshake(peer.ssl), 1);
  SSL_write(peer.ssl, "at once", 7);
  tell_all(SIZE_MAX);
  turns(2);
  EQ(secured, 1);
  EQ_MEM(heard, heard_n, "at once", 7);
  part();
  shut();
}

TEST(bytes_read_before_tls_began_are_its_first) {
  open_plain();
  tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
  SSL_do_handshake(peer.ssl);
  char *hello;
  size_t n = (size_t)BIO_get_mem_data(peer.out, &hello);
  sio__tls_feed_ciphertext(conn, hello, n);
  BIO_reset(peer.out);
  turns(2);
  CHECK(shake_by(SIZE_MAX));
  part();
  shut();
}

/* ---- the queue ------------------------------------------------------------------------------ */

static void fill(size_t n, char c) {
  static char text[100000];
  memset(text, c, n);
  struct msg *m = text_n(text, n);
  EQ(conn_queue_msg_without_frame_header(conn, m), 0);
  msg_unref(m);
}

static void small_buffers(void) {
  int n = 4096;
  setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof n);
}

TEST(what_the_peer_does_not_read_stays_in_the_queue) {
  open_plain();
  meet(TLS1_3_VERSION);
  small_buffers();
  drains = 0;
  for (char c = 'a'; c < 'k'; c++) fill(30000, c);
  struct msg *m = text("mark");
  EQ(conn_queue_sent_mark(conn, m), 0);
  msg_unref(m);
  turns(3);
  CHECK(conn->blocked);
  CHECK(conn->out.bytes > 250000);
  CHECK(!conn_is_idle(conn));
  EQ(marks, 0);
  EQ(drains, 0);
  for (int i = 0; i < 1000 && conn->out.bytes > 0; i++) {
    peer_hears();
    turn();
  }
  peer_hears();
  EQ(back_n, 300000);
  for (size_t i = 0; i < back_n; i++)
    if (back[i] != (char)('a' + i / 30000)) abort();
  EQ(marks, 1);
  EQ(drains, 1);
  CHECK(conn_is_idle(conn));
  part();
  shut();
}

static bool is_short(const struct msg *m, size_t held, void *user) {
  (void)held;
  unsigned *asked = user;
  ++*asked;
  return m->len < 100;
}

TEST(what_is_encrypted_already_is_not_dropped) {
  open_plain();
  meet(TLS1_3_VERSION);
  small_buffers();
  for (int i = 0; i < 20; i++) fill(30000, 'x'); /* the kernel is full of these */
  turns(2);
  CHECK(conn->blocked);
  size_t before = conn->out.bytes;
  for (int i = 0; i < 400; i++) fill(50, 'y');
  unsigned asked = 0;
  sio__conn_remove_queued_msgs_if(conn, is_short, &asked);
  EQ(conn->out.bytes, before);
  for (int i = 0; i < 1000 && conn->out.bytes > 0; i++) {
    peer_hears();
    turn();
  }
  peer_hears();
  EQ(back_n, 600000);
  EQ(memchr(back, 'y', back_n) != NULL, 0);
  part();
  shut();
}

/* A record holds many small messages: those under way stay, the others go. */
TEST(of_small_messages_only_those_not_encrypted_are_dropped) {
  open_plain();
  meet(TLS1_3_VERSION);
  small_buffers();
  for (int i = 0; i < 4000; i++) fill(50, (char)('a' + i % 26));
  turns(2);
  CHECK(conn->blocked);
  size_t sealed = conn->extra[1].tls->ops->encrypted_bytes(conn);
  CHECK(sealed > 0 && sealed <= TLS_RECORD);
  unsigned asked = 0;
  sio__conn_remove_queued_msgs_if(conn, is_short, &asked);
  CHECK(conn->out.bytes >= sealed && conn->out.bytes < sealed + 50);
  size_t left = conn->out.bytes, sent = back_n;
  (void)sent;
  for (int i = 0; i < 1000 && conn->out.bytes > 0; i++) {
    peer_hears();
    turn();
  }
  peer_hears();
  CHECK(left > 0 && back_n % 50 == 0);
  for (size_t i = 0; i < back_n; i++)
    if (back[i] != (char)('a' + i / 50 % 26)) abort();
  part();
  shut();
}

TEST(pushing_gives_the_kernel_what_it_takes_and_calls_nobody) {
  open_plain();
  meet(TLS1_2_VERSION);
  drains = 0;
  fill(40000, 'p');
  sio__conn_write_queue_now(conn);
  EQ(conn->out.bytes, 0);
  EQ(drains, 0);
  turns(2);
  EQ(drains, 1);
  EQ(peer_hears(), 40000);
  part();
  shut();
}

/* ---- ends ----------------------------------------------------------------------------------- */

TEST(an_end_is_said_behind_what_was_queued) {
  EACH_VERSION(v) {
    open_plain();
    meet((int)v);
    fill(20000, 'e');
    sio__conn_end_writing(conn);
    turns(3);
    EQ(peer_hears(), 20000);
    CHECK(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN);
    CHECK(back_fin);
    part();
    shut();
  }
}

TEST(a_close_says_the_end_only_when_nothing_was_lost) {
  open_plain();
  meet(TLS1_3_VERSION);
  sio__conn_close(conn);
  conn = NULL;
  peer_hears();
  CHECK(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN);
  part();
  shut();
  open_plain();
  meet(TLS1_3_VERSION);
  fill(20000, 'l');
  sio__conn_close(conn);
  conn = NULL;
  EQ(peer_hears(), 0);
  EQ(SSL_get_shutdown(peer.ssl), 0);
  part();
  shut();
}

TEST(the_peers_end_is_the_end_of_the_stream_and_ours_may_follow) {
  EACH_VERSION(v) {
    open_plain();
    meet((int)v);
    ends_on_eof = true;
    SSL_write(peer.ssl, "last words", 10);
    SSL_shutdown(peer.ssl);
    tell_all(SIZE_MAX);
    turns(3);
    EQ_MEM(heard, heard_n, "last words", 10);
    EQ(eofs, 1);
    peer_hears();
    CHECK(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN);
    EQ(fails, 0);
    part();
    shut();
  }
}

TEST(a_stream_cut_off_is_an_end_too) {
  open_plain();
  meet(TLS1_3_VERSION);
  shutdown(far_fd, SHUT_WR);
  turns(3);
  EQ(eofs, 1);
  EQ(fails, 0);
  EQ(refused, 0);
  part();
  shut();
}

TEST(an_owner_may_close_while_it_reads) {
  open_plain();
  meet(TLS1_3_VERSION);
  closes_on_read = true;
  SSL_write(peer.ssl, "one", 3);
  SSL_write(peer.ssl, "two", 3);
  tell_all(SIZE_MAX);
  turns(3);
  EQ_MEM(heard, heard_n, "onetwo", 6);
  EQ(loop.stats.tls_connections, 0);
  part();
  shut();
}

/* ---- bad manners ---------------------------------------------------------------------------- */

TEST(plain_http_is_told_so) {
  open_plain();
  tell(far_fd, "GET / HTTP/1.1\r\n\r\n");
  turns(3);
  EQ(refused, 1);
  EQ_STR(why_refused, "plain HTTP on a TLS port");
  CHECK(strstr(hear(far_fd), "400 Bad Request"));
  CHECK(strstr(got, "\r\n\r\nThis port speaks HTTPS.\n"));
  CHECK(fin);
  EQ(failed_as(SIO_TLS_FAILED_PLAIN), 1);
  shut();
}

TEST(what_is_no_tls_at_all_is_closed_without_a_word) {
  open_plain();
  tell(far_fd, "\x80\x2e\x01\x03\x01");
  turns(3);
  EQ_STR(why_refused, "the first byte is not that of a TLS handshake");
  IS(hear(far_fd), "");
  CHECK(fin);
  EQ(failed_as(SIO_TLS_FAILED_PROTOCOL), 1);
  shut();
}

TEST(every_byte_of_a_hello_may_be_wrong) {
  for (size_t at = 0; at < 400; at += 3) {
    open_plain();
    tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
    SSL_do_handshake(peer.ssl);
    char *hello;
    size_t n = (size_t)BIO_get_mem_data(peer.out, &hello);
    if (at < n) hello[at] = (char)(hello[at] ^ 0x55);
    for (int i = 0; i < 6 && !refused; i++) {
      tell_all(SIZE_MAX);
      turns(2);
      tls_peer_hear(&peer);
      SSL_do_handshake(peer.ssl);
    }
    ERR_clear_error();
    CHECK(secured + refused <= 1);
    part();
    shut();
  }
}

TEST(a_peer_that_leaves_in_the_handshake_is_noticed) {
  open_plain();
  if (write(far_fd, "\x16\x03\x01", 3) != 3) abort();
  turns(2);
  shutdown(far_fd, SHUT_WR);
  turns(3);
  EQ(refused, 1);
  EQ(failed_as(SIO_TLS_FAILED_CLOSED), 1);
  shut();
}

TEST(a_peer_that_never_said_anything_just_ends) {
  open_plain();
  shutdown(far_fd, SHUT_WR);
  turns(3);
  EQ(refused, 0);
  EQ(eofs, 1);
  shut();
}

TEST(a_late_handshake_is_refused) {
  open_plain();
  sio__tls_fail_timed_out_handshake(conn);
  EQ(failed_as(SIO_TLS_FAILED_TIMEOUT), 1);
  tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
  CHECK(!shake_by(SIZE_MAX));
  EQ(secured, 0);
  part();
  shut();
}

TEST(an_alert_that_comes_is_named) {
  open_plain();
  tls_peer_init(&peer, far_fd, TLS1_3_VERSION);
  SSL_CTX_set_verify(peer.ctx, SSL_VERIFY_PEER, NULL);
  tls_peer_begin(&peer);
  CHECK(!shake_by(SIZE_MAX));
  EQ_STR(why_refused, "TLS: tlsv1 alert unknown ca");
  EQ(failed_as(SIO_TLS_FAILED_ALERT), 1);
  ERR_clear_error();
  part();
  shut();
}

TEST(a_broken_record_ends_it_with_an_alert) {
  EACH_VERSION(v) {
    open_plain();
    meet((int)v);
    SSL_write(peer.ssl, "good", 4);
    tls_peer_tell(&peer, SIZE_MAX);
    SSL_write(peer.ssl, "bad", 3);
    char *record;
    size_t n = (size_t)BIO_get_mem_data(peer.out, &record);
    record[n - 1] = (char)(record[n - 1] ^ 1);
    tell_all(SIZE_MAX);
    turns(3);
    EQ_MEM(heard, heard_n, "good", 4);
    EQ(fails, 1);
    EQ(fail_err, SIO_EPROTO);
    EQ(failed_as(SIO_TLS_FAILED_BROKEN), 1);
    tls_peer_hear(&peer);
    CHECK(SSL_read(peer.ssl, back, 1) <= 0);
    EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    part();
    shut();
  }
}

/* What it wants of us piles up only as far as it reads. */
TEST(a_flood_of_key_updates_from_who_does_not_read_is_bounded) {
  open_plain();
  meet(TLS1_3_VERSION);
  small_buffers();
  fill(90000, 'f');
  turns(2);
  CHECK(conn->blocked);
  size_t told = 0;
  for (int i = 0; i < 20000; i++) {
    SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_write(peer.ssl, "x", 1);
    told += tls_peer_tell(&peer, SIZE_MAX);
    if (i % 50 == 0) turn();
  }
  turns(5);
  CHECK(!conn || conn->throttled);
  CHECK(loop.stats.bytes_in < 8 * TLS_OUT_MAX);
  CHECK(told < 20000u * 50);
  ERR_clear_error();
  part();
  shut();
}

/* ---- handshakes under way ------------------------------------------------------------------- */

/* A peer of this address says its first byte; 0: nobody had to go. */
static struct conn *conns[16];
static int fds[16], nconns;

static struct conn *after_hello_from(const char *address) {
  dialed_from = address;
  refused_last = NULL;
  if (dial()) abort();
  conns[nconns] = conn;
  fds[nconns++] = far_fd;
  if (write(far_fd, "\x16", 1) != 1) abort();
  turns(2);
  return refused_last;
}

TEST(an_address_has_as_many_handshakes_as_are_still_free) {
  open_plain();
  sio__conn_close(conn);
  close(far_fd);
  loop.max_handshakes = 4;
  nconns = 0;
  CHECK(after_hello_from("192.0.2.1") == NULL);
  CHECK(after_hello_from("192.0.2.1") == NULL);
  CHECK(after_hello_from("192.0.2.1") == conns[0]);
  CHECK(after_hello_from("2001:db8::1") == NULL);
  CHECK(after_hello_from("2001:db8::2") == conns[3]); /* one site */
  CHECK(after_hello_from("192.0.2.1") == conns[1]);
  CHECK(after_hello_from("192.0.2.3") == NULL);
  CHECK(after_hello_from("192.0.2.4") == conns[2]); /* the oldest of all */
  EQ(loop.nhandshakes, 4);
  EQ(loop.stats.tls_displaced, 4);
  for (int i = 0; i < nconns; i++) sio__conn_close(conns[i]), close(fds[i]);
  EQ(loop.nhandshakes, 0);
  dialed_from = "";
  if (dial()) abort();
  shut();
}

TEST(whose_address_is_not_known_makes_room_for_anybody) {
  open_plain();
  sio__conn_close(conn);
  close(far_fd);
  loop.max_handshakes = 3;
  nconns = 0;
  for (int i = 0; i < 3; i++) CHECK(after_hello_from("") == NULL);
  CHECK(after_hello_from("192.0.2.1") == conns[0]);
  CHECK(after_hello_from("") == conns[1]);
  for (int i = 0; i < nconns; i++) sio__conn_close(conns[i]), close(fds[i]);
  dialed_from = "";
  if (dial()) abort();
  shut();
}

/* ---- moving to another loop ------------------------------------------------------------------ */

static struct conn_transfer transfer;

static void move_on_read(struct conn *c, char *p, size_t n) {
  on_read(c, p, n);
  EQ(sio__conn_detach_from_loop(c, &transfer), 0);
}
static const struct conn_ops moving_ops = { .read = move_on_read, .secured = on_secured };

TEST(what_tls_has_to_say_itself_leaves_although_the_connection_moves) {
  char first;
  open_plain();
  sio__conn_set_owner(conn, &moving_ops, NULL);
  tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
  SSL_do_handshake(peer.ssl);
  tell_all(SIZE_MAX);
  tls_peer_hear(&peer);
  EQ(SSL_do_handshake(peer.ssl), 1);
  peer_says("request", 7); /* behind the end of the handshake, after which the server has tickets */
  EQ_MEM(heard, heard_n, "request", 7);
  EQ(sio__conn_attach_to_loop(&conn, &loop, &transfer, &ops, NULL, CONN_TLS), 0);
  turns(2);
  EQ(recv(far_fd, &first, 1, MSG_PEEK), 1);
  EQ(say(conn, "answer"), 0);
  turns(2);
  peer_hears();
  EQ_MEM(back, back_n, "answer", 6);
  part();
  shut();
}

/* ---- who it is ------------------------------------------------------------------------------ */

static sio_openssl_options asking(void) {
  sio_openssl_options o = plain_options();
  o.request_cert = true;
  o.ca = sio_text(ca.cert);
  return o;
}

static void show(const struct identity *id) {
  SSL_CTX_use_certificate(peer.ctx, id->x509);
  SSL_CTX_use_PrivateKey(peer.ctx, id->pkey);
}

TEST(what_a_peer_is_can_be_seen) {
  EACH_VERSION(v) {
    open_with(asking());
    tls_peer_init(&peer, far_fd, (int)v);
    show(&friend);
    SSL_CTX_set_alpn_protos(peer.ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    tls_peer_begin(&peer);
    SSL_set_tlsext_host_name(peer.ssl, "localhost");
    REQUIRE(sio__tls_get_info(conn) == NULL);
    CHECK(shake_by(SIZE_MAX));
    struct tls_info *i = sio__tls_get_info(conn);
    REQUIRE(i);
    EQ_STR(i->pub.version, v == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EQ_STR(i->pub.cipher, SSL_get_cipher_name(peer.ssl));
    EQ_STR(i->pub.alpn, "http/1.1");
    EQ_STR(i->pub.server_name, "localhost");
    EQ_STR(i->pub.subject, "CN=friend");
    EQ_STR(i->pub.verify_error, "");
    CHECK(i->pub.verified && !i->pub.resumed);
    unsigned char *der = NULL;
    int n = i2d_X509(friend.x509, &der);
    EQ_MEM(i->pub.certificate.p, i->pub.certificate.n, der, (size_t)n);
    OPENSSL_free(der);
    i->refs++;
    sio__conn_close(conn);
    conn = NULL;
    EQ_STR(i->pub.subject, "CN=friend");
    sio__tls_info_unref(i);
    part();
    shut();
  }
}

TEST(no_certificate_or_a_strangers_is_refused_by_name) {
  const char *const words[] = { "TLS: peer did not return a certificate",
                                "TLS: certificate verify failed: self-signed certificate" };
  struct identity stranger;
  identity_make(&stranger, "stranger", NULL, NULL, 1);
  for (int i = 0; i < 2; i++) {
    open_with(asking());
    tls_peer_init(&peer, far_fd, TLS1_2_VERSION);
    if (i) show(&stranger);
    tls_peer_begin(&peer);
    CHECK(!shake_by(SIZE_MAX));
    EQ_STR(why_refused, words[i]);
    EQ(failed_as(SIO_TLS_FAILED_CERTIFICATE), 1);
    ERR_clear_error();
    part();
    shut();
  }
  identity_clear(&stranger);
}

TEST(who_speaks_no_http_1_1_is_told_that_there_is_nothing_else) {
  open_plain();
  tls_peer_init(&peer, far_fd, TLS1_3_VERSION);
  SSL_CTX_set_alpn_protos(peer.ctx, (const unsigned char *)"\x02h2", 3);
  tls_peer_begin(&peer);
  CHECK(!shake_by(SIZE_MAX));
  EQ(failed_as(SIO_TLS_FAILED_ALPN), 1);
  SSL_do_handshake(peer.ssl);
  EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  ERR_clear_error();
  part();
  shut();
}

/* clang-format off */
static const struct test__case cases[] = {
  T(what_is_said_arrives_both_ways)
  T(a_handshake_may_come_byte_by_byte)
  T(a_handshake_may_be_cut_anywhere)
  T(a_record_may_be_cut_anywhere)
  T(much_arrives_whole_however_it_is_cut)
  T(what_comes_with_the_end_of_the_handshake_is_not_lost)
  T(bytes_read_before_tls_began_are_its_first)
  T(what_the_peer_does_not_read_stays_in_the_queue)
  T(what_is_encrypted_already_is_not_dropped)
  T(of_small_messages_only_those_not_encrypted_are_dropped)
  T(pushing_gives_the_kernel_what_it_takes_and_calls_nobody)
  T(an_end_is_said_behind_what_was_queued)
  T(a_close_says_the_end_only_when_nothing_was_lost)
  T(the_peers_end_is_the_end_of_the_stream_and_ours_may_follow)
  T(a_stream_cut_off_is_an_end_too)
  T(an_owner_may_close_while_it_reads)
  T(plain_http_is_told_so)
  T(what_is_no_tls_at_all_is_closed_without_a_word)
  T(every_byte_of_a_hello_may_be_wrong)
  T(a_peer_that_leaves_in_the_handshake_is_noticed)
  T(a_peer_that_never_said_anything_just_ends)
  T(a_late_handshake_is_refused)
  T(an_alert_that_comes_is_named)
  T(a_broken_record_ends_it_with_an_alert)
  T(a_flood_of_key_updates_from_who_does_not_read_is_bounded)
  T(an_address_has_as_many_handshakes_as_are_still_free)
  T(whose_address_is_not_known_makes_room_for_anybody)
  T(what_tls_has_to_say_itself_leaves_although_the_connection_moves)
  T(what_a_peer_is_can_be_seen)
  T(no_certificate_or_a_strangers_is_refused_by_name)
  T(who_speaks_no_http_1_1_is_told_that_there_is_nothing_else)
};
/* clang-format on */

int main(int argc, char **argv) {
  return net_tls_main(cases, sizeof cases / sizeof *cases, argc, argv);
}

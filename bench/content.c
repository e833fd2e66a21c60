/* SPDX-License-Identifier: MIT
 *
 * content.c - what a megabyte from a peer costs, by what is in it: CPU milliseconds of the server,
 * its reads from the socket included. tools/bench --content runs it.
 *
 *     content              all of them
 *     content denormals    those whose name contains the word
 *
 * Each content is sent over a socket pair, again and again. "read" is a host that asks for no
 * argument of the events, "tree" one that asks for each argument as a cJSON tree, as a string and
 * as a number.
 */
#include <errno.h>
#include <sio/parser.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { BODY = 900000, AT_LEAST = 4000000, HEAD = 15000 };

static uv_loop_t *loop;
static sio_server *server;
static bool asks;

static void expect(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "content: %s\n", what);
  exit(1);
}

/* ---- bytes that are put together ------------------------------------------------------------- */

static char *out;
static size_t out_n;

static void put(const void *p, size_t n) {
  memcpy(out + out_n, p, n);
  out_n += n;
}

static void put_text(const char *s) { put(s, strlen(s)); }

static void put_big_endian(uint64_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) put(&(char){ (char)(v >> (8 * i)) }, 1);
}

static void repeat(const char *s, size_t upto) {
  while (out_n < upto) put_text(s);
}

/* Replaces the last comma by the end of the list. */
static void end_list(const char *s) {
  out_n--;
  put_text(s);
}

/* ---- Socket.IO in JSON ----------------------------------------------------------------------- */

static void list_of(const char *item) {
  put_text("42[\"e\",[");
  repeat(item, BODY);
  end_list("]]");
}

static void plain_string(void) {
  list_of("\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\",");
}
static void escaped_string(void) {
  put_text("42[\"e\",\"");
  repeat("\\u0041\\n\\ud83d\\ude00", BODY);
  put_text("\"]");
}
static void lone_surrogates(void) {
  put_text("42[\"e\",\"");
  repeat("\\ud83d", BODY);
  put_text("\"]");
}
static void umlauts(void) {
  put_text("42[\"e\",\"");
  repeat("\xc3\xa4", BODY);
  put_text("\"]");
}
static void empty_strings(void) { list_of("\"\","); }
static void digits(void) { list_of("1,"); }
static void exponents(void) { list_of("1e-300,"); }
static void halfway_numbers(void) { list_of("2.4703282292062327209e-324,9007199254740993000001,"); }
static void many_digits(void) {
  put_text("42[\"e\"");
  while (out_n < BODY - 20000) {
    put_text(",0.");
    repeat("1234567890", out_n + 20000);
  }
  put_text("]");
}
static void nested(void) {
  put_text("42[\"e\"");
  while (out_n < BODY - 1100) {
    put_text(",");
    for (int i = 0; i < 500; i++) put_text("[");
    for (int i = 0; i < 500; i++) put_text("]");
  }
  put_text("]");
}
static void empty_arrays(void) { list_of("[],"); }
static void empty_objects(void) { list_of("{},"); }
static void small_keys(void) {
  put_text("42[\"e\",{");
  for (int i = 0; out_n < BODY; i++) {
    char key[16];
    snprintf(key, sizeof key, "\"%x\":0,", i);
    put_text(key);
  }
  end_list("}]");
}
static void equal_keys(void) {
  put_text("42[\"e\",{");
  repeat("\"num\":0,", BODY);
  end_list("}]");
}
static void placeholders(void) { list_of("{\"_placeholder\":true,\"num\":0},"); }
static void many_arguments(void) {
  put_text("42[\"e\",");
  repeat("0,", BODY);
  end_list("]");
}
static void blanks(void) {
  put_text("42[\"e\",[");
  repeat(" \n", BODY);
  put_text("]]");
}

/* ---- Socket.IO in MessagePack ---------------------------------------------------------------- */

static void pack(size_t of_one, void (*one)(uint32_t i)) {
  uint32_t n = (uint32_t)(BODY / of_one);
  put("\x83\xa4type\x02\xa4"
      "data\x92\xa1"
      "e\xdd",
      16);
  put_big_endian(n, 4);
  for (uint32_t i = 0; i < n; i++) one(i);
  put("\xa3nsp\xa1/", 6);
}

static uint64_t seed = 88172645463325252u;
static uint64_t any_bits(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

static void one_double(uint64_t bits) {
  put("\xcb", 1);
  put_big_endian(bits, 8);
}
static void one_denormal(uint32_t i) { one_double(any_bits() >> (12 + i % 30)); }
static void one_random(uint32_t i) {
  (void)i;
  one_double(any_bits() & ~(UINT64_C(1) << 62));
}
static void one_float(uint32_t i) {
  (void)i;
  put("\xca", 1);
  put_big_endian(any_bits() & 0xbfffffff, 4);
}
static void one_nil(uint32_t i) {
  (void)i;
  put("\xc0", 1);
}
static void one_false(uint32_t i) {
  (void)i;
  put("\xc2", 1);
}
static void one_fixint(uint32_t i) { put(&(char){ (char)(i & 127) }, 1); }
static void one_negative(uint32_t i) { put(&(char){ (char)(0xe0 | (i & 31)) }, 1); }
static void one_control(uint32_t i) {
  (void)i;
  put("\xa1\x01", 2);
}
static void one_invalid(uint32_t i) {
  (void)i;
  put("\xa1\xff", 2);
}
static void one_empty_array(uint32_t i) {
  (void)i;
  put("\x90", 1);
}
static void one_empty_map(uint32_t i) {
  (void)i;
  put("\x80", 1);
}
static void one_small_map(uint32_t i) {
  put("\x81", 1);
  put(&(char){ (char)(i & 127) }, 1);
  put("\xc0", 1);
}
static void one_date(uint32_t i) {
  put("\xd6\xff", 2);
  put_big_endian(i * 2654435761u, 4);
}
static void one_nest(uint32_t i) {
  (void)i;
  for (int k = 0; k < 500; k++) put("\x91", 1);
  put("\xc0", 1);
}
static void denormals(void) { pack(9, one_denormal); }
static void random_doubles(void) { pack(9, one_random); }
static void random_floats(void) { pack(5, one_float); }
static void nils(void) { pack(1, one_nil); }
static void falses(void) { pack(1, one_false); }
static void fixints(void) { pack(1, one_fixint); }
static void negatives(void) { pack(1, one_negative); }
static void control_strings(void) { pack(2, one_control); }
static void invalid_strings(void) { pack(2, one_invalid); }
static void packed_arrays(void) { pack(1, one_empty_array); }
static void packed_maps(void) { pack(1, one_empty_map); }
static void small_maps(void) { pack(3, one_small_map); }
static void dates(void) { pack(6, one_date); }
static void packed_nests(void) { pack(501, one_nest); }

/* ---- WebSocket ------------------------------------------------------------------------------- */

static char *wire;
static size_t wire_n;

static void frame(int head, const void *p, size_t n) {
  unsigned char *w = (unsigned char *)wire + wire_n;
  size_t at = 0;
  w[at++] = (unsigned char)head;
  if (n < 126) {
    w[at++] = (unsigned char)(0x80 | n);
  } else if (n < 65536) {
    w[at++] = 0xfe, w[at++] = (unsigned char)(n >> 8), w[at++] = (unsigned char)n;
  } else {
    w[at++] = 0xff;
    for (int i = 7; i >= 0; i--) w[at++] = (unsigned char)((uint64_t)n >> (8 * i));
  }
  const char key[4] = { 1, 2, 3, 4 };
  memcpy(w + at, key, 4);
  at += 4;
  for (size_t i = 0; i < n; i++) w[at + i] = (unsigned char)(((const char *)p)[i] ^ key[i & 3]);
  wire_n += at + n;
}

static void frames_of(int head, const char *message) {
  while (wire_n < BODY) frame(head, message, strlen(message));
}

static void smallest_events(void) { frames_of(0x81, "42[\"e\"]"); }
static void smallest_acks(void) { frames_of(0x81, "431[]"); }
static void no_operations(void) { frames_of(0x81, "6"); }
static void pongs(void) { frames_of(0x8a, ""); }
static void pings(void) { frames_of(0x89, ""); }
static void attachments(void) {
  while (wire_n < BODY) {
    frame(0x81, "4510-[\"e\"]", 10);
    for (int i = 0; i < 10; i++) frame(0x82, "", 0);
  }
}
static void one_byte_fragments(void) {
  while (wire_n < BODY) {
    frame(0x01, "4", 1);
    frame(0x00, "2", 1);
    frame(0x00, "[\"e\",\"", 6);
    for (int i = 0; i < 1000; i++) frame(0x00, "a", 1);
    frame(0x80, "\"]", 2);
  }
}
static void empty_fragments(void) {
  while (wire_n < BODY) {
    frame(0x01, "42[\"e\"]", 7);
    for (int i = 0; i < 1000; i++) frame(0x00, "", 0);
    frame(0x80, "", 0);
  }
}
static void strays(void) { frames_of(0x81, "431[\"an ack that nobody asked for\"]"); }

/* ---- HTTP ------------------------------------------------------------------------------------ */

static char sid[64];

static void head(const char *method, const char *query, const char *fields) {
  wire_n += (size_t)sprintf(wire + wire_n, "%s /socket.io/?%s HTTP/1.1\r\nHost: a\r\n%s\r\n",
                            method, query, fields);
}

static void post_to(int version, const char *type, const char *more) {
  char query[128], fields[128];
  snprintf(query, sizeof query, "EIO=%d&transport=polling&sid=%s%s", version, sid, more);
  snprintf(fields, sizeof fields, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, out_n);
  head("POST", query, fields);
  memcpy(wire + wire_n, out, out_n);
  wire_n += out_n;
}

static void post_events(void) {
  put_text("42[\"e\"]");
  for (int i = 1; i < 16384; i++)
    put_text("\x1e"
             "42[\"e\"]");
  post_to(4, "text/plain", "");
}
static void post_smallest(void) {
  put_text("6");
  for (int i = 1; i < 16384; i++)
    put_text("\x1e"
             "6");
  post_to(4, "text/plain", "");
}
static void post_base64(void) {
  put_text("451-[\"e\",{\"_placeholder\":true,\"num\":0}]\x1e"
           "b");
  repeat("QUJD", BODY);
  post_to(4, "text/plain", "");
}
static void post_late_invalid(void) {
  put_text("42[\"e\",\"");
  repeat("\xc3\xa4", BODY);
  put_text("\"]");
  post_to(4, "text/plain", "");
}
static void post3_smallest(void) {
  for (int i = 0; i < 16384; i++) put_text("1:6");
  post_to(3, "text/plain;charset=UTF-8", "");
}
static void post3_long(void) {
  char length[16];
  size_t n = BODY / 2;
  snprintf(length, sizeof length, "%zu:", n + 10);
  put_text(length);
  put_text("42[\"e\",\"");
  repeat("\xc3\xa4", strlen(length) + 8 + 2 * n);
  put_text("\"]");
  post_to(3, "text/plain;charset=UTF-8", "");
}
static void post3_binary(void) {
  for (int i = 0; i < 16384; i++)
    put("\0\1\377"
        "6",
        4);
  post_to(3, "application/octet-stream", "");
}
static void jsonp_escapes(void) {
  char length[16];
  snprintf(length, sizeof length, "%d:", 200010);
  put_text("d=");
  put_text(length);
  put_text("42%5B%22e%22%2C%22");
  repeat("%41", out_n + 3 * 200000);
  put_text("%22%5D");
  post_to(3, "application/x-www-form-urlencoded", "&j=0");
}
static void jsonp_line_ends(void) {
  put_text("d=400010:42[\"e\",\"");
  repeat("\\\\n", out_n + 3 * 200000);
  put_text("\"]");
  post_to(3, "application/x-www-form-urlencoded", "&j=0");
}

static void many_heads(const char *method, const char *query, const char *fields) {
  while (wire_n < BODY) head(method, query, fields);
}
static void percent_queries(void) {
  repeat("&%61%62=%63%64", HEAD);
  out[out_n] = '\0';
  many_heads("GET", out, "");
}
static void ampersands(void) {
  repeat("&", HEAD);
  out[out_n] = '\0';
  many_heads("GET", out, "");
}
static void cookies(void) {
  put_text("Cookie: ");
  repeat("a=b; ", HEAD);
  put_text("\r\n");
  out[out_n] = '\0';
  many_heads("GET", "EIO=4&transport=polling&sid=nobody", out);
}
static void many_fields(void) {
  for (int i = 0; i < 90; i++) put_text("A: b\r\n");
  out[out_n] = '\0';
  many_heads("GET", "EIO=4&transport=polling&sid=nobody", out);
}
static void long_field(void) {
  put_text("A: ");
  repeat("b", HEAD);
  put_text("\r\n");
  out[out_n] = '\0';
  many_heads("GET", "EIO=4&transport=polling&sid=nobody", out);
}
static void smallest_requests(void) { many_heads("GET", "", ""); }
static void forwarded(void) {
  put_text("X-Forwarded-For: ");
  repeat("1.2.3.4,", HEAD);
  put_text("\r\n");
  out[out_n] = '\0';
  many_heads("GET", "EIO=4&transport=polling&sid=nobody", out);
}
static void chunks(void) {
  char query[128];
  snprintf(query, sizeof query, "EIO=4&transport=polling&sid=%s", sid);
  head("POST", query, "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n");
  put_text("42[\"e\",\"");
  for (size_t i = 0; i < out_n; i++)
    wire_n += (size_t)sprintf(wire + wire_n, "1\r\n%c\r\n", out[i]);
  while (wire_n < BODY) wire_n += (size_t)sprintf(wire + wire_n, "1\r\na\r\n");
  wire_n += (size_t)sprintf(wire + wire_n, "1\r\n\"\r\n1\r\n]\r\n0\r\n\r\n");
}

/* ---- what is measured ------------------------------------------------------------------------ */

enum kind { JSON, MSGPACK, FRAMES, HTTP4, HTTP3 };

static const struct content {
  const char *name;
  enum kind kind;
  void (*make)(void);
} contents[] = {
  { "JSON: plain strings", JSON, plain_string },
  { "JSON: one string of escapes", JSON, escaped_string },
  { "JSON: lone surrogates", JSON, lone_surrogates },
  { "JSON: two-byte characters", JSON, umlauts },
  { "JSON: empty strings", JSON, empty_strings },
  { "JSON: digits", JSON, digits },
  { "JSON: exponents", JSON, exponents },
  { "JSON: numbers half way between doubles", JSON, halfway_numbers },
  { "JSON: numbers of 20 000 digits", JSON, many_digits },
  { "JSON: nested 500 deep", JSON, nested },
  { "JSON: empty arrays", JSON, empty_arrays },
  { "JSON: empty objects", JSON, empty_objects },
  { "JSON: small keys", JSON, small_keys },
  { "JSON: equal keys", JSON, equal_keys },
  { "JSON: placeholders", JSON, placeholders },
  { "JSON: arguments", JSON, many_arguments },
  { "JSON: blanks", JSON, blanks },
  { "MessagePack: denormals", MSGPACK, denormals },
  { "MessagePack: random doubles", MSGPACK, random_doubles },
  { "MessagePack: random floats", MSGPACK, random_floats },
  { "MessagePack: nil", MSGPACK, nils },
  { "MessagePack: false", MSGPACK, falses },
  { "MessagePack: digits", MSGPACK, fixints },
  { "MessagePack: negative digits", MSGPACK, negatives },
  { "MessagePack: control characters", MSGPACK, control_strings },
  { "MessagePack: strings that are not UTF-8", MSGPACK, invalid_strings },
  { "MessagePack: empty arrays", MSGPACK, packed_arrays },
  { "MessagePack: empty maps", MSGPACK, packed_maps },
  { "MessagePack: small maps", MSGPACK, small_maps },
  { "MessagePack: dates", MSGPACK, dates },
  { "MessagePack: nested 500 deep", MSGPACK, packed_nests },
  { "WebSocket: smallest events", FRAMES, smallest_events },
  { "WebSocket: smallest acks", FRAMES, smallest_acks },
  { "WebSocket: acks nobody asked for", FRAMES, strays },
  { "WebSocket: noop packets", FRAMES, no_operations },
  { "WebSocket: pings", FRAMES, pings },
  { "WebSocket: pongs", FRAMES, pongs },
  { "WebSocket: empty attachments", FRAMES, attachments },
  { "WebSocket: fragments of one byte", FRAMES, one_byte_fragments },
  { "WebSocket: empty fragments", FRAMES, empty_fragments },
  { "POST: smallest events", HTTP4, post_events },
  { "POST: smallest packets", HTTP4, post_smallest },
  { "POST: base64", HTTP4, post_base64 },
  { "POST: two-byte characters", HTTP4, post_late_invalid },
  { "POST: chunks of one byte", HTTP4, chunks },
  { "EIO3: smallest packets", HTTP3, post3_smallest },
  { "EIO3: two-byte characters", HTTP3, post3_long },
  { "EIO3: smallest binary packets", HTTP3, post3_binary },
  { "EIO3: JSONP, percent", HTTP3, jsonp_escapes },
  { "EIO3: JSONP, line ends", HTTP3, jsonp_line_ends },
  { "HTTP: percent in queries", HTTP4, percent_queries },
  { "HTTP: empty parameters", HTTP4, ampersands },
  { "HTTP: cookies", HTTP4, cookies },
  { "HTTP: many fields", HTTP4, many_fields },
  { "HTTP: one long field", HTTP4, long_field },
  { "HTTP: addresses of proxies", HTTP4, forwarded },
  { "HTTP: smallest requests", HTTP4, smallest_requests },
};

static uint64_t heard_events;

static void on_any(sio_socket *s, sio_event *e, void *user) {
  double d;
  (void)s, (void)user;
  heard_events++;
  if (!asks) return;
  for (size_t i = 0; i < sio_event_count(e); i++) {
    sio_event_tree(e, i);
    sio_event_strn(e, i);
    sio_event_double(e, i, &d);
  }
}

/* The CPU time of the server alone, in nanoseconds. */
static uint64_t spent;

static uint64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pass(void) {
  uint64_t from = cpu_ns();
  uv_run(loop, UV_RUN_NOWAIT);
  spent += cpu_ns() - from;
}

static size_t hear(int fd, char *into, size_t room) {
  ssize_t n = read(fd, into, room);
  return n > 0 ? (size_t)n : 0;
}

static bool refused;

static bool is_over(int fd) {
  char c;
  return recv(fd, &c, 1, MSG_PEEK) == 0;
}

static void say(int fd, const char *p, size_t n) {
  static char heard[1 << 16];
  while (n) {
    ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
    if (sent > 0) p += sent, n -= (size_t)sent;
    pass();
    while (hear(fd, heard, sizeof heard) > 0) {}
    if (sent < 0 && errno != EAGAIN) {
      refused = true;
      return;
    }
  }
  for (int i = 0; i < 3; i++) pass();
  while (hear(fd, heard, sizeof heard) > 0) {}
}

static void start_server(enum kind kind) {
  sio_nsp *root;
  sio_options o = { .parser = kind == MSGPACK ? sio_parser_msgpack : NULL,
                    .allow_eio3 = kind == HTTP3,
                    .max_depth = 512 };
  expect(sio_server_new(loop, &o, &server) == 0, "no server");
  expect(sio_of(server, "/", &root) == 0, "no namespace");
  sio_on_any(root, on_any, NULL);
}

static int new_peer(void) {
  int fds[2];
  expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "no pair");
  expect(sio_accept(server, &(sio_accept_options){ .fd = fds[0] }) == 0, "not accepted");
  return fds[1];
}

static int open_websocket(enum kind kind) {
  static const char upgrade[] =
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  int fd = new_peer();
  say(fd, upgrade, sizeof upgrade - 1);
  wire_n = 0;
  if (kind == MSGPACK)
    frame(0x82, "\x82\xa4type\x00\xa3nsp\xa1/", 13);
  else
    frame(0x81, "40", 2);
  say(fd, wire, wire_n);
  return fd;
}

static int open_polling(enum kind kind) {
  char heard[4096];
  int fd = new_peer();
  wire_n = 0;
  head("GET", kind == HTTP3 ? "EIO=3&transport=polling" : "EIO=4&transport=polling", "");
  expect(send(fd, wire, wire_n, 0) == (ssize_t)wire_n, "no handshake");
  for (int i = 0; i < 4; i++) pass();
  heard[hear(fd, heard, sizeof heard - 1)] = '\0';
  const char *at = strstr(heard, "\"sid\":\"");
  expect(at && sscanf(at, "\"sid\":\"%40[^\"]", sid) == 1, "no session");
  out_n = wire_n = 0;
  if (kind == HTTP3) return fd;
  put_text("40");
  post_to(4, "text/plain", "");
  say(fd, wire, wire_n);
  return fd;
}

static void make_wire(const struct content *c) {
  out_n = wire_n = 0;
  c->make();
  if (c->kind == JSON || c->kind == MSGPACK) frame(c->kind == JSON ? 0x81 : 0x82, out, out_n);
}

static double measure(const struct content *c) {
  size_t sent = 0;
  start_server(c->kind);
  int fd = c->kind >= HTTP4 ? open_polling(c->kind) : open_websocket(c->kind);
  make_wire(c);
  refused = false;
  heard_events = spent = 0;
  while (sent < AT_LEAST && !refused) {
    say(fd, wire, wire_n);
    sent += wire_n;
    refused = refused || is_over(fd);
  }
  close(fd);
  double ms = (double)spent / 1e6 / ((double)sent / 1e6);
  sio_server_close(server, NULL, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
  return ms;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  loop = uv_default_loop();
  out = malloc(4 * BODY);
  wire = malloc(8 * BODY);
  expect(out && wire, "no memory");
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    const struct content *c = &contents[i];
    if (argc > 1 && !strstr(c->name, argv[1])) continue;
    asks = false;
    double plain = measure(c);
    asks = true;
    double tree = measure(c);
    printf("%s\t%.1f\t%.1f\t%s\n", c->name, plain, tree,
           refused        ? "closed"
           : heard_events ? ""
                          : "no event");
  }
  return 0;
}

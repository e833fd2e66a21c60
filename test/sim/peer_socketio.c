/* SPDX-License-Identifier: MIT
 *
 * peer_socketio.c - a Socket.IO client: joins namespaces, sends numbered events, answers questions,
 * and looks up in the ledger what it receives. In all ways that Engine.IO has.
 */
#include "check.h"
#include "draw.h"
#include "engine_client.h"
#include "fault.h"
#include "host.h"
#include "memory.h"
#include "pack.h"
#include <ctype.h>

enum { JOINS = 4, ASKED = 4096 };

struct joined {
  char name[24];
  enum { OUT, ASKING, IN } state;
  char id[ID_SIZE];
  struct ledger *ledger;
  uint64_t said;
  bool again;     /* it was in there before: events of that time may still be on their way */
  int64_t canary; /* id of the ack that is waited for; -1: none */
  /* With recovery. */
  char pid[40], offset[40];
  struct ledger *before; /* of the socket that it was, and may be again */
};

struct client {
  struct engine_client e; /* first: its callbacks get this struct */
  struct peer *peer;
  struct joined joins[JOINS];
  int64_t next_ack;
  bool asked[ASKED];             /* acks that are due to us, by id */
  char left[JOINS * 4][24];      /* namespaces it has left, */
  uint64_t left_said[JOINS * 4]; /* ... and what it had said there: it counts on */
  char *half;                    /* the text of a packet whose attachments are not here yet */
  size_t half_n;
  unsigned missing, have;
  struct bytes bins;
  bool packs;    /* its packets are MessagePack */
  bool hasty;    /* says twice that it joins, as React's StrictMode makes clients do */
  bool restless; /* see engine_client.h */
  bool returns;  /* its connection broke, and it will come back as who it was */
};

/* A packet of Socket.IO's, taken apart. */
struct packet {
  char type;
  unsigned bins;
  char nsp[ID_SIZE];
  int64_t id;
  const char *json;
  size_t json_n;
};

static struct client *client_of_session(struct engine_client *e) { return (struct client *)e; }

static struct joined *joined_find(struct client *c, const char *nsp) {
  for (int i = 0; i < JOINS; i++)
    if (c->joins[i].state != OUT && strcmp(c->joins[i].name, nsp) == 0) return &c->joins[i];
  return NULL;
}

/* ---- sending ------------------------------------------------------------------------ */

/* With bin: the attachment of a packet that has one. */
static void say_packed(struct client *c, const char *text, size_t n, const struct bytes *bin) {
  struct bytes out = { 0 };
  pack_packet(&out, text + 1, n - 1, bin);
  engine_client_send(&c->e, true, out.p, out.n);
  bytes_free(&out);
}

static void say(struct client *c, const char *text, size_t n) {
  if (c->packs)
    say_packed(c, text, n, NULL);
  else
    engine_client_send(&c->e, false, text, n);
}

__attribute__((format(printf, 2, 3))) static void sayf(struct client *c, const char *fmt, ...) {
  char text[8000];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  say(c, text, (size_t)n);
}

/* "/a," before the payload, and nothing for "/". */
static const char *prefix(const char *nsp, char out[ID_SIZE + 2]) {
  bool is_root = strcmp(nsp, "/") == 0;
  snprintf(out, ID_SIZE + 2, "%s%s", is_root ? "" : nsp, is_root ? "" : ",");
  return out;
}

static bool was_in(const struct client *c, const char *nsp) {
  for (int i = 0; i < JOINS * 4; i++)
    if (strcmp(c->left[i], nsp) == 0) return true;
  return false;
}

static void note_left(struct client *c, const struct joined *j) {
  for (int i = 0; i < JOINS * 4 && !was_in(c, j->name); i++)
    if (!*c->left[i]) memcpy(c->left[i], j->name, sizeof j->name);
  for (int i = 0; i < JOINS * 4; i++)
    if (strcmp(c->left[i], j->name) == 0) c->left_said[i] = j->said;
}

static uint64_t said_in(const struct client *c, const char *nsp) {
  for (int i = 0; i < JOINS * 4; i++)
    if (strcmp(c->left[i], nsp) == 0) return c->left_said[i];
  return 0;
}

/* Replies to several CONNECTs may be on their way at once. */
static bool has_slow_line(const struct peer *p) { return p->delay_us + p->jitter_us > 100000; }

static void join(struct client *c, const char *nsp) {
  char pre[ID_SIZE + 2];
  bool again = was_in(c, nsp);
  if (joined_find(c, nsp)) return;
  /* Protocol 3 does not tell which of its CONNECTs a reply is for: a late one would be taken for
   * the reply to the newest. */
  if (again && c->e.protocol == 3 && (c->hasty || has_slow_line(c->peer))) return;
  for (int i = 0; i < JOINS; i++) {
    struct joined *j = &c->joins[i];
    if (j->state != OUT) continue;
    *j = (struct joined){ .state = ASKING, .canary = -1, .again = again, .said = said_in(c, nsp) };
    snprintf(j->name, sizeof j->name, "%s", nsp);
    TELL("peer %u asks to join %s", c->peer->number, nsp);
    if (c->e.protocol == 3 && strcmp(nsp, "/") == 0) return;
    const char *auth = draw(2) ? "{\"token\":\"t\"}" : "";
    sayf(c, "40%s%s", prefix(nsp, pre), auth);
    if (c->hasty) sayf(c, "40%s%s", prefix(nsp, pre), auth);
    return;
  }
}

static struct joined *some_joined(struct client *c) {
  struct joined *j = &c->joins[draw(JOINS)];
  return j->state == IN ? j : NULL;
}

/* -1: it has asked often enough. */
static int64_t ack_id(struct client *c) {
  if (c->next_ack == ASKED) return -1;
  c->asked[c->next_ack] = true;
  return c->next_ack++;
}

static void say_binary_event(struct client *c, const char *pre, const char *id,
                             unsigned long long n, size_t size) {
  struct bytes text = { 0 }, bin = { 0 };
  bytes_fill(&bin, 'b', size);
  bytes_printf(&text, "451-%s%s[\"u\",%llu,{\"_placeholder\":true,\"num\":0}]", pre, id, n);
  if (c->packs) {
    say_packed(c, text.p, text.n, &bin);
  } else {
    engine_client_send(&c->e, false, text.p, text.n);
    engine_client_send(&c->e, true, bin.p, bin.n);
  }
  bytes_free(&text);
  bytes_free(&bin);
}

static void say_event(struct client *c) {
  char pre[ID_SIZE + 2], id[24] = "";
  struct joined *j = some_joined(c);
  if (!j) return;
  unsigned long long n = ++j->said;
  int64_t ack = draw_one_in(3) ? ack_id(c) : -1;
  if (ack >= 0) snprintf(id, sizeof id, "%lld", (long long)ack);
  unsigned size = draw_size(3000);
  if (draw_one_in(5)) {
    say_binary_event(c, prefix(j->name, pre), id, n, size);
  } else {
    char text[3001] = { 0 };
    memset(text, 'p', size);
    sayf(c, "42%s%s[\"u\",%llu,\"%s\"]", prefix(j->name, pre), id, n, text);
  }
}

static void say_canary(struct client *c, struct joined *j) {
  char pre[ID_SIZE + 2];
  if (j->state != IN || j->canary >= 0) return;
  j->canary = ack_id(c);
  if (j->canary < 0) return;
  sayf(c, "42%s%lld[\"c\",1]", prefix(j->name, pre), (long long)j->canary);
}

static void leave_one(struct client *c) {
  char pre[ID_SIZE + 2];
  struct joined *j = some_joined(c);
  if (!j) return;
  sayf(c, "41%s", prefix(j->name, pre));
  note_left(c, j);
  j->state = OUT;
}

/* ---- breaking rules ----------------------------------------------------------------- */

/* As it is: also where packets are packed. */
static void say_raw(struct client *c, const char *p, size_t n) {
  engine_client_send(&c->e, c->packs && draw(2), p, n);
}

static void say_spoilt(struct client *c) {
  struct bytes out = { 0 };
  pack_packet(&out, "2/a,[\"u\",1]", 11, NULL);
  if (draw(2)) out.n = 1 + draw((uint32_t)out.n - 1);
  out.p[draw((uint32_t)out.n)] = (char)draw(256);
  engine_client_send(&c->e, true, out.p, out.n);
  bytes_free(&out);
}

static void say_deep(struct client *c) {
  struct bytes b = { 0 };
  unsigned deep = draw_size(2000);
  bytes_text(&b, "42[\"u\",");
  bytes_fill(&b, '[', deep);
  bytes_fill(&b, ']', deep);
  bytes_text(&b, "]");
  say_raw(c, b.p, b.n);
  bytes_free(&b);
}

static void say_large(struct client *c) {
  struct bytes b = { 0 };
  bytes_text(&b, DRAW_OF(char *const, "40/", "42[\"", "42/", "41/"));
  bytes_fill(&b, 'n', draw_size(300000));
  bytes_text(&b, ",");
  say_raw(c, b.p, b.n);
  bytes_free(&b);
}

static const char *const rude_packets[] = {
  "4",
  "49",
  "42",
  "42[",
  "42[\"u\"",
  "40{bad",
  "40",
  "40/a,",
  "40/nowhere,{}",
  "41/a,",
  "451-[\"u\",{\"_placeholder\":true,\"num\":0}]",
  "452-[\"u\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]",
  "451-[\"u\",{\"_placeholder\":true,\"num\":7}]",
  "43999[]",
  "430[1]",
  "431[]",
  "461-0[{\"_placeholder\":true,\"num\":0}]",
  "42/never,[\"u\"]",
  "42[\"connect\"]",
  "42[1]",
  "42[null]",
  "42{}",
  "429007199254740993[\"u\"]",
  "44",
  "45",
  "6",
  "5",
  "52",
  "2probe",
  "0{}",
  "1",
  "3",
  "42[\"u\\u0000\",\"\\ud800\"]",
  "42[\"\xff\"]",
  "4510000000000-[\"u\"]",
};

static void be_rude(struct client *c) {
  unsigned n = sizeof rude_packets / sizeof *rude_packets, which = draw(n + 3);
  if (c->packs && draw(2))
    say_spoilt(c);
  else if (which == n)
    say_deep(c);
  else if (which == n + 1)
    say_large(c);
  else if (which == n + 2)
    engine_client_send(&c->e, true, "surprise", 8);
  else
    say_raw(c, rude_packets[which], strlen(rude_packets[which]));
  TELL("peer %u is rude: %s", c->peer->number,
       which < n ? rude_packets[which] : "deep, large or binary");
}

/* ---- receiving ---------------------------------------------------------------------- */

static const char *number(const char *p, const char *end, int64_t *out) {
  int64_t n = 0;
  const char *at = p;
  while (at < end && isdigit((unsigned char)*at)) n = n * 10 + (*at++ - '0');
  if (at > p) *out = n;
  return at;
}

static void take_apart(struct packet *k, const char *p, size_t n) {
  const char *end = p + n, *at = p + 1;
  int64_t bins = 0;
  *k = (struct packet){ .type = n ? *p : '?', .id = -1, .nsp = "/" };
  if (k->type == '5' || k->type == '6') at = number(at, end, &bins) + 1;
  k->bins = (unsigned)bins;
  if (at < end && *at == '/') {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    size_t len = comma ? (size_t)(comma - at) : (size_t)(end - at);
    snprintf(k->nsp, sizeof k->nsp, "%.*s", (int)len, at);
    at += len + (comma != NULL);
  }
  at = number(at, end, &k->id);
  k->json = at;
  k->json_n = (size_t)(end - at);
}

static void link_ledger(struct client *c, struct joined *j) {
  j->ledger = ledger_find(j->id, strlen(j->id));
  if (!j->ledger && c->peer->crooked) return;
  if (!j->ledger)
    fault("a peer joined of whom the host knows nothing", "peer %u: %s", c->peer->number, j->id);
  if (j->again) ledger_excuse(j->ledger);
  j->ledger->peer = c->peer;
}

static void find_text(const struct packet *k, const char *key, char *out, size_t size) {
  const char *at = memmem(k->json, k->json_n, key, strlen(key));
  *out = '\0';
  if (at) snprintf(out, size, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}

/* The last argument of events, with recovery; questions have none. */
static void note_offset(struct joined *j, const struct packet *k) {
  const char *end = k->json + k->json_n;
  if (!host.opts.recovery || k->id >= 0 || k->json_n < 8 || memcmp(end - 2, "\"]", 2) != 0) return;
  const char *at = end - 2;
  while (at > k->json && at[-1] != '"') at--;
  if (end - 2 - at < (long)sizeof j->offset)
    snprintf(j->offset, sizeof j->offset, "%.*s", (int)(end - 2 - at), at);
}

/* Protocol 3 does not tell a socket's id. */
static void on_connected(struct client *c, struct joined *j, const struct packet *k) {
  const char *sid = memmem(k->json, k->json_n, "\"sid\":\"", 7);
  if (c->e.protocol == 3)
    snprintf(j->id, sizeof j->id, "%s%s%s", strcmp(j->name, "/") ? j->name : "",
             strcmp(j->name, "/") ? "#" : "", c->e.sid);
  else if (!sid && c->peer->crooked)
    return;
  else if (!sid)
    fault("a CONNECT reply without an id", "%.*s", (int)k->json_n, k->json);
  else
    snprintf(j->id, sizeof j->id, "%.*s", (int)strcspn(sid + 7, "\""), sid + 7);
  j->state = IN;
  find_text(k, "\"pid\":\"", j->pid, sizeof j->pid);
  TELL("peer %u is in %s as %.4s", c->peer->number, j->name, j->id);
  link_ledger(c, j);
  if (j->before && j->before != j->ledger) j->said = 0; /* somebody else, after all */
  j->before = NULL;
}

static bool all_are(const char *p, size_t n, char wanted) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != wanted) return false;
  return true;
}

/* ["m",number,"aaaa"], or bytes in the text's place; or "x", where an ack is asked for. */
static void check_content(const struct packet *k, const char *value, uint64_t n,
                          const struct bytes *bins) {
  size_t size = host_pad_of(n);
  char letter = (char)('a' + n % 26);
  bool right;
  if (k->id >= 0)
    right = strncmp(value, "\"x\"", 3) == 0;
  else if (k->bins)
    right = bins->n == size && all_are(bins->p, size, letter);
  else
    right = value[0] == '"' && all_are(value + 1, size, letter) && value[1 + size] == '"';
  if (!right) fault("a message comes with another content", "number %llu", (unsigned long long)n);
}

static void on_numbered(struct client *c, struct joined *j, const struct packet *k,
                        const struct bytes *bins) {
  char *end, pre[ID_SIZE + 2];
  uint64_t n = strtoull(k->json + 5, &end, 10);
  TELL("peer %u receives %llu in %s", c->peer->number, (unsigned long long)n, j->name);
  check_content(k, end + 1, n, bins);
  struct ledger *l = j->state == IN ? j->ledger : j->before;
  if (!c->peer->crooked && l) ledger_received(l, n);
  note_offset(j, k);
  if (k->id >= 0 && !draw_one_in(4))
    sayf(c, "43%s%lld[%llu]", prefix(j->name, pre), (long long)k->id, (unsigned long long)n);
}

static void on_ack(struct client *c, struct joined *j, const struct packet *k) {
  if (c->peer->crooked) return;
  if (k->id < 0 || k->id >= c->next_ack || !c->asked[k->id])
    fault("an ack that nobody waits for", "peer %u, %lld", c->peer->number, (long long)k->id);
  c->asked[k->id] = false;
  if (k->id == j->canary) j->canary = -1;
}

static void on_packet(struct client *c, const struct packet *k, const struct bytes *bins) {
  struct joined *j = joined_find(c, k->nsp);
  if (!j && c->e.protocol == 3 && k->type == '0') {
    join(c, k->nsp);
    j = joined_find(c, k->nsp);
  }
  if (!j) return; /* left meanwhile, or rude */
  switch (k->type) {
    case '0': on_connected(c, j, k); break;
    case '1':
    case '4':
      if (c->hasty) note_left(c, j); /* the other CONNECT may let it in */
      j->state = OUT;
      break;
    case '2':
    case '5':
      if (j->state != IN && !j->again && !j->before && !c->peer->crooked)
        fault("an event before the CONNECT reply", "peer %u", c->peer->number);
      if ((j->state == IN || j->before) && k->json_n > 5 && memcmp(k->json, "[\"m\",", 5) == 0)
        on_numbered(c, j, k, bins);
      break;
    case '3':
    case '6': on_ack(c, j, k); break;
    default: fault("a packet of no type", "%c", k->type);
  }
}

static void take_text(struct client *c, const char *p, size_t n) {
  struct packet k;
  if (c->missing) fault("a text before all attachments came", "peer %u", c->peer->number);
  take_apart(&k, p, n);
  if (k.bins == 0) {
    on_packet(c, &k, NULL);
    return;
  }
  c->missing = k.bins;
  c->bins.n = 0;
  c->half = malloc(n + 1);
  if (!c->half) abort();
  memcpy(c->half, p, c->half_n = n);
  c->half[n] = '\0';
}

static void take_binary(struct client *c, const char *p, size_t n) {
  struct packet k;
  if (!c->missing) fault("an attachment of no packet", "peer %u", c->peer->number);
  bytes_put(&c->bins, p, n);
  if (--c->missing) return;
  take_apart(&k, c->half, c->half_n);
  on_packet(c, &k, &c->bins);
  free(c->half);
  c->half = NULL;
}

static void take_packed(struct client *c, bool binary, const char *p, size_t n) {
  struct bytes text = { 0 }, bins = { 0 };
  struct packet k;
  bool ok = binary && unpack_packet(&text, &bins, p, n);
  if (!ok && !c->peer->crooked)
    fault("what comes is no packet in MessagePack", "peer %u, %s", c->peer->number,
          tell_bytes(p, n));
  if (ok) {
    bytes_more(&text, 0);
    take_apart(&k, text.p, text.n);
    on_packet(c, &k, &bins);
  }
  bytes_free(&text);
  bytes_free(&bins);
}

static void on_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  if (client_of_session(e)->packs) {
    take_packed(client_of_session(e), binary, p, n);
    return;
  }
  char *copy = malloc(n + 1);
  if (!copy) abort();
  memcpy(copy, p, n);
  copy[n] = '\0';
  if (binary)
    take_binary(client_of_session(e), copy, n);
  else
    take_text(client_of_session(e), copy, n);
  free(copy);
}

static void come_back(struct client *c) {
  char pre[ID_SIZE + 2];
  c->returns = false;
  for (int i = 0; i < JOINS; i++) {
    struct joined *j = &c->joins[i];
    if (j->state == OUT) continue;
    TELL("peer %u comes back to %s as %.4s, offset %s", c->peer->number, j->name, j->id, j->offset);
    sayf(c, "40%s{\"pid\":\"%s\",\"offset\":\"%s\"}", prefix(j->name, pre), j->pid, j->offset);
  }
}

static void on_opened(struct engine_client *e) {
  struct client *c = client_of_session(e);
  if (c->returns) {
    come_back(c);
    return;
  }
  if (!draw_one_in(8)) join(c, "/");
  if (host.full_returns) join(c, "/a");
  peer_sleep(c->peer, draw_size(1000000));
}

/* Who can come back to it: it has seen an event there, and knows its name. */
static void leave_or_wait(struct client *c, struct joined *j, bool returns) {
  if (j->ledger) j->ledger->peer = NULL;
  bool waits = returns && j->state == IN && *j->pid && *j->offset;
  j->before = waits ? j->ledger : NULL;
  j->canary = -1;
  j->state = waits ? ASKING : OUT;
  c->returns |= waits;
}

static void on_closed(struct engine_client *e) {
  struct client *c = client_of_session(e);
  bool returns = host.opts.recovery && !e->said_close && !host.calm && !c->returns && draw(4);
  c->returns = false;
  for (int i = 0; i < JOINS; i++) leave_or_wait(c, &c->joins[i], returns && !c->peer->crooked);
}

/* The same peer, with a new session. */
static void open_again(struct client *c) {
  struct engine_client old = c->e;
  engine_client_free(&c->e);
  c->e = (struct engine_client){ .peer = old.peer,
                                 .ops = old.ops,
                                 .path = old.path,
                                 .protocol = old.protocol,
                                 .polls = old.polls,
                                 .reconnects = old.reconnects,
                                 .restless = old.restless,
                                 .fins = old.fins,
                                 .shares = old.shares,
                                 .way = (enum engine_way)draw(3) };
  c->e.ws.offers_deflate = old.ws.offers_deflate;
  c->missing = 0;
  free(c->half);
  c->half = NULL;
  memset(c->asked, 0, sizeof c->asked);
  engine_client_open(&c->e);
}

/* ---- a peer ------------------------------------------------------------------------- */

static const struct engine_client_ops ops = { on_opened, on_message, on_closed };

static void start(struct peer *p) {
  struct client *c = p->state;
  c->peer = c->e.peer = p;
  c->e.ops = &ops;
  c->e.path = "/socket.io/";
  engine_client_draw(&c->e);
  if (c->restless) engine_client_draw_restless(&c->e);
  c->packs = host.opts.parser != NULL;
  TELL("peer %u: protocol %d, %s%s%s%s", p->number, c->e.protocol,
       c->e.way == ENGINE_WEBSOCKET ? "websocket"
       : c->e.way == ENGINE_POLLING ? "polling"
                                    : "upgrade",
       c->e.jsonp ? ", JSONP" : "", c->e.polls ? "" : ", never polls",
       c->e.reconnects ? ", a connection for each request" : "");
  if (!c->e.polls && p->reading == READS_ALL) p->reading = READS_SLOWLY;
  engine_client_open(&c->e);
  engine_client_wake_in(&c->e, 1000000);
}

static void start_hasty(struct peer *p) {
  struct client *c = p->state;
  c->hasty = true;
  start(p);
}

static void start_restless(struct peer *p) {
  struct client *c = p->state;
  c->restless = true;
  start(p);
}

static void do_something(struct client *c) {
  switch (draw(12)) {
    case 0: break;
    case 1: join(c, "/a"); break;
    case 2: join(c, DRAW_OF(char *const, "/d-1", "/d-2", "/m", "/d-3")); break;
    case 3: leave_one(c); break;
    case 4:
      if (draw_one_in(8)) engine_client_close(&c->e);
      break;
    case 5: ws_client_ping(&c->e.ws); break;
    case 6: say_canary(c, &c->joins[draw(JOINS)]); break;
    default:
      for (unsigned i = draw_size(20) + 1; i > 0; i--) say_event(c);
  }
}

static bool is_asking(const struct client *c) {
  for (int i = 0; i < JOINS; i++)
    if (c->joins[i].state == ASKING) return true;
  return false;
}

/* Where queues are full when clients return, each waits until it is answered. */
static bool breaks_off(const struct client *c) {
  return host.full_returns ? !is_asking(c) && draw_one_in(3) : draw_one_in(15);
}

static void step(struct peer *p) {
  struct client *c = p->state;
  engine_client_step(&c->e);
  if (c->e.state == ENGINE_OVER && !c->returns) {
    peer_leave(p);
    return;
  }
  if (c->e.state == ENGINE_OVER) open_again(c);
  if (host.opts.recovery && !host.calm && c->e.state == ENGINE_OPEN && breaks_off(c))
    engine_client_break(&c->e);
  if (c->e.state == ENGINE_OPEN && !c->e.said_close && !host.calm) {
    do_something(c);
    if (peer_breaks(p)) be_rude(c);
  }
  engine_client_step(&c->e);
  engine_client_wake_in(&c->e, host.calm ? 1000000 : engine_client_draw_pace(&c->e, 3000000));
}

static void data(struct peer *p, struct wire *w) {
  struct client *c = p->state;
  engine_client_data(&c->e, w);
  if (c->e.state == ENGINE_OVER)
    p->wake = kernel.now + 1 + (c->returns ? draw_size(4000000) : 0);
  else if (engine_client_next(&c->e) < p->wake)
    engine_client_wake_in(&c->e, NEVER / 2);
}

static void ended(struct peer *p, struct wire *w) {
  struct client *c = p->state;
  engine_client_ended(&c->e, w);
  if (c->e.state == ENGINE_OVER) p->wake = kernel.now + 1;
}

static void stop(struct peer *p) {
  struct client *c = p->state;
  for (int i = 0; i < JOINS; i++)
    if (c->joins[i].ledger) c->joins[i].ledger->peer = NULL;
  free(c->half);
  bytes_free(&c->bins);
  engine_client_free(&c->e);
}

static void calm(struct peer *p) {
  struct client *c = p->state;
  for (int i = 0; i < JOINS; i++) say_canary(c, &c->joins[i]);
  engine_client_step(&c->e);
}

static void settled(struct peer *p) {
  struct client *c = p->state;
  if (c->e.state != ENGINE_OPEN || p->crooked || !c->e.polls || c->e.said_close) return;
  for (int i = 0; i < JOINS; i++) {
    const struct joined *j = &c->joins[i];
    if (j->state == ASKING && !memory.failed)
      fault("a CONNECT is not answered", "peer %u in %s", p->number, j->name);
    if (j->state != IN || !j->ledger->open) continue;
    ledger_settled(j->ledger);
    if (host_asks_still(j->ledger) && !memory.failed)
      fault("all has left, and the host is not told", "peer %u in %s", p->number, j->name);
    if (j->canary >= 0 && !memory.failed)
      fault("an honest peer is not answered", "peer %u in %s", p->number, j->name);
  }
}

/* The kinds differ in how they begin. */
#define CLIENT_PEER_KIND(text, begin)                                                            \
  {                                                                                              \
    .name = (text), .size = sizeof(struct client), .start = (begin), .step = step, .data = data, \
    .ended = ended, .stop = stop, .calm = calm, .settled = settled                               \
  }

const struct peer_kind peer_hasty = CLIENT_PEER_KIND("hasty Socket.IO", start_hasty);

const struct peer_kind peer_restless = CLIENT_PEER_KIND("restless Socket.IO", start_restless);

const struct peer_kind peer_socketio = CLIENT_PEER_KIND("Socket.IO", start);

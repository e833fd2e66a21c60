/* SPDX-License-Identifier: MIT
 *
 * redis.c - the simulated Redis: connections, their commands (RESP 2), channels, streams and keys.
 */
#include "redis.h"

#include "bytes.h"
#include "crossing.h"
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include <uv.h>

enum { CONNECTIONS = 48, WORDS = 20, SUBSCRIPTIONS = 1000, ENTRIES = 4000, KEYS = 200 };

enum channel_kind { CHANNEL, PATTERN, SHARD };

struct text {
  char *p;
  size_t n;
};

struct subscription {
  enum channel_kind kind;
  struct text name;
};

struct connection {
  struct wire *w; /* NULL: free, or gone */
  bool gone;      /* it is over, and what had come over it is executed late: see connection_go() */
  unsigned serial;
  int member; /* whose */
  struct bytes in;
  uint64_t slow_until;
  struct subscription subscriptions[SUBSCRIPTIONS];
  int nsubscriptions;
  bool queues;         /* MULTI was said */
  struct bytes queued; /* the replies, until EXEC */
  unsigned nqueued;
  /* XREAD waits. */
  bool waits;
  uint64_t waits_until;
  uint64_t after_ms, after_seq;
  unsigned count;
  struct text stream;
};

struct stream_item {
  uint64_t ms, seq, number;
  int from;       /* the server that has added it */
  uint64_t order; /* the number that this server gives each of its entries */
  struct text stream;
  struct bytes fields; /* the reply for them */
};

struct key {
  struct text name, value;
  uint64_t until;
};

struct redis redis;
static struct connection connections[CONNECTIONS];
static struct stream_item entries[ENTRIES];
static int nentries;
static struct key keys[KEYS];
static int nkeys;
static uint64_t last_ms, last_seq;
static uint64_t served[MEMBERS][MEMBERS]; /* to the first, the highest order of the second */
static struct connection *to;             /* whom the command is from; NULL: gone meanwhile */
static struct bytes reply;

/* ---- texts -------------------------------------------------------------------------- */

static bool text_eq(struct text a, struct text b) { return a.n == b.n && !memcmp(a.p, b.p, a.n); }
static bool text_is(struct text a, const char *s) {
  return text_eq(a, (struct text){ (char *)s, strlen(s) });
}
static struct text text_copy(struct text a) {
  char *p = malloc(a.n + 1);
  if (!p) abort();
  memcpy(p, a.p, a.n);
  p[a.n] = '\0';
  return (struct text){ p, a.n };
}
static uint64_t text_number(struct text a) { return strtoull(a.p, NULL, 10); }

static void put_head(struct bytes *b, char kind, long long n) {
  bytes_printf(b, "%c%lld\r\n", kind, n);
}
static void put_bulk(struct bytes *b, struct text s) {
  put_head(b, '$', (long long)s.n);
  bytes_put(b, s.p, s.n);
  bytes_text(b, "\r\n");
}

/* ---- connections -------------------------------------------------------------------- */

static struct connection *connection_of(const struct wire *w) {
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w == w) return &connections[i];
  return NULL;
}

static void unsubscribe_at(struct connection *c, int i) {
  free(c->subscriptions[i].name.p);
  c->subscriptions[i] = c->subscriptions[--c->nsubscriptions];
}

static void connection_free(struct connection *c) {
  crossings_cut(c->serial);
  while (c->nsubscriptions) unsubscribe_at(c, 0);
  bytes_free(&c->in);
  bytes_free(&c->queued);
  free(c->stream.p);
  *c = (struct connection){ 0 };
}

/* Commands that had come over a connection, or were on their way, stay in the socket of a real
 * Redis when the connection is over, and are executed when it comes to read them. That may be
 * between two commands of the next connection of the same server. Nobody gets the replies. One that
 * waits for entries of a stream reads no more. */
static void connection_go(struct connection *c) {
  if (c->waits || !c->in.n) {
    connection_free(c);
    return;
  }
  TELL("%zu bytes of server %d are left to be executed", c->in.n, c->member);
  crossings_cut(c->serial);
  while (c->nsubscriptions) unsubscribe_at(c, 0);
  c->w = NULL;
  c->gone = true;
  uint64_t late = kernel.now + draw_size(8000) * (uint64_t)1000;
  if (late > c->slow_until) c->slow_until = late;
}

static void take_what_is_under_way(struct connection *c) {
  char buf[16384];
  size_t n;
  wire_hurry(c->w);
  while ((n = wire_read(c->w, buf, sizeof buf)) > 0) bytes_put(&c->in, buf, n);
  bytes_more(&c->in, 0);
}

enum cut { CUT_CLOSES, CUT_RESETS, CUT_VANISHES };

static void cut(struct connection *c, enum cut how) {
  struct wire *w = c->w;
  TELL("Redis %s a connection of server %d",
       how == CUT_CLOSES   ? "closes"
       : how == CUT_RESETS ? "resets"
                           : "says nothing more on",
       c->member);
  redis.troubles++;
  connection_free(c);
  if (how == CUT_CLOSES) wire_close(w);
  if (how == CUT_RESETS) wire_reset(w);
  if (how == CUT_VANISHES) wire_vanish(w);
}

/* It may arrive in two parts. */
static void send_bytes(struct connection *c, const struct bytes *b) {
  size_t first = b->n > 1 && draw_one_in(redis.split) ? 1 + draw((uint32_t)b->n - 1) : b->n;
  wire_write(c->w, b->p, first);
  if (first < b->n) wire_write(c->w, b->p + first, b->n - first);
}

/* Something between the two cuts the connection. Redis has what the server has sent. */
static void cut_on_the_way(struct connection *c) {
  struct wire *w = c->w;
  TELL("a connection of server %d to Redis is cut on the way", c->member);
  redis.troubles++;
  take_what_is_under_way(c);
  connection_go(c);
  wire_reset(w);
}

/* ---- channels ----------------------------------------------------------------------- */

/* A pattern of lib/redis is a name with backslashes before the signs of a glob, and a star. */
static bool pattern_fits(struct text pattern, struct text name) {
  size_t at = 0;
  for (size_t i = 0; i < pattern.n; i++, at++) {
    if (pattern.p[i] == '*') return true;
    if (pattern.p[i] == '\\') i++;
    if (at == name.n || pattern.p[i] != name.p[at]) return false;
  }
  return at == name.n;
}

static bool hears(const struct subscription *s, enum channel_kind kind, struct text channel) {
  if (kind == SHARD || s->kind == SHARD) return kind == s->kind && text_eq(s->name, channel);
  return s->kind == PATTERN ? pattern_fits(s->name, channel) : text_eq(s->name, channel);
}

static void push(struct connection *c, const struct subscription *s, struct text channel,
                 struct text payload) {
  struct bytes b = { 0 };
  const char *kind = s->kind == SHARD ? "smessage" : s->kind == PATTERN ? "pmessage" : "message";
  put_head(&b, '*', s->kind == PATTERN ? 4 : 3);
  put_bulk(&b, (struct text){ (char *)kind, strlen(kind) });
  if (s->kind == PATTERN) put_bulk(&b, s->name);
  put_bulk(&b, channel);
  put_bulk(&b, payload);
  send_bytes(c, &b);
  bytes_free(&b);
}

static long long publish(enum channel_kind kind, struct text channel, struct text payload) {
  uint64_t number = crossings_number_in(payload.p, payload.n);
  long long n = 0;
  if (number) crossings_published(number, to->member, to->serial, to->gone || to->w->server_closed);
  for (int i = 0; i < CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    for (int k = 0; c->w && k < c->nsubscriptions; k++) {
      if (!hears(&c->subscriptions[k], kind, channel)) continue;
      push(c, &c->subscriptions[k], channel, payload);
      if (number) crossings_pushed(number, c->member, c->serial);
      n++;
    }
  }
  return n;
}

static long long count_listeners(enum channel_kind kind, struct text channel) {
  long long n = 0;
  for (int i = 0; i < CONNECTIONS; i++)
    for (int k = 0; connections[i].w && k < connections[i].nsubscriptions; k++) {
      const struct subscription *s = &connections[i].subscriptions[k];
      n += s->kind == kind && text_eq(s->name, channel);
    }
  return n;
}

static void subscribe(enum channel_kind kind, bool on, const char *verb, struct text name) {
  int i = 0;
  while (i < to->nsubscriptions &&
         !(to->subscriptions[i].kind == kind && text_eq(to->subscriptions[i].name, name)))
    i++;
  if (!on && i < to->nsubscriptions) unsubscribe_at(to, i);
  if (on && i == SUBSCRIPTIONS)
    fault("more subscriptions than the simulator has room for", "%d", i);
  if (on && i == to->nsubscriptions)
    to->subscriptions[to->nsubscriptions++] = (struct subscription){ kind, text_copy(name) };
  put_head(&reply, '*', 3);
  put_bulk(&reply, (struct text){ (char *)verb, strlen(verb) });
  put_bulk(&reply, name);
  put_head(&reply, ':', to->nsubscriptions);
}

/* ---- streams ------------------------------------------------------------------------ */

static void entry_drop(int i) {
  free(entries[i].stream.p);
  bytes_free(&entries[i].fields);
  memmove(entries + i, entries + i + 1, (size_t)(nentries - i - 1) * sizeof *entries);
  nentries--;
}

static void trim(struct text stream, uint64_t max_len) {
  uint64_t n = 0;
  for (int i = 0; i < nentries; i++) n += text_eq(entries[i].stream, stream);
  for (int i = 0; i < nentries && n > max_len;) {
    if (!text_eq(entries[i].stream, stream)) {
      i++;
      continue;
    }
    redis.losses++;
    if (entries[i].number) crossings_lost(entries[i].number);
    entry_drop(i);
    n--;
  }
}

static void put_id(struct bytes *b, uint64_t ms, uint64_t seq) {
  char text[64];
  int n = snprintf(text, sizeof text, "%llu-%llu", (unsigned long long)ms, (unsigned long long)seq);
  put_bulk(b, (struct text){ text, (size_t)n });
}

static void put_entry(struct bytes *b, const struct stream_item *e) {
  put_head(b, '*', 2);
  put_id(b, e->ms, e->seq);
  bytes_put(b, e->fields.p, e->fields.n);
}

static bool is_after(const struct stream_item *e, uint64_t ms, uint64_t seq) {
  return e->ms > ms || (e->ms == ms && e->seq > seq);
}

static void note_served(int member, const struct stream_item *e) {
  uint64_t *order = &served[member][e->from];
  if (e->order > *order) *order = e->order;
}

/* Is something there for who waits? Then it is sent. */
static bool serve(struct connection *c) {
  struct bytes list = { 0 }, b = { 0 };
  unsigned n = 0;
  for (int i = 0; i < nentries && n < c->count; i++) {
    if (!text_eq(entries[i].stream, c->stream)) continue;
    if (!is_after(&entries[i], c->after_ms, c->after_seq)) continue;
    put_entry(&list, &entries[i]);
    note_served(c->member, &entries[i]);
    n++;
  }
  if (n) {
    bytes_text(&b, "*1\r\n*2\r\n");
    put_bulk(&b, c->stream);
    put_head(&b, '*', n);
    bytes_put(&b, list.p, list.n);
    c->waits = false;
    send_bytes(c, &b);
  }
  bytes_free(&list);
  bytes_free(&b);
  return n > 0;
}

static void next_id(void) {
  uint64_t ms = kernel.now / 1000;
  last_seq = ms > last_ms ? 0 : last_seq + 1;
  if (ms > last_ms) last_ms = ms;
}

/* An entry has fields of these names. */
static struct text field_of_entry(const char *name, const struct text *w, size_t n) {
  for (size_t i = 0; i + 1 < n; i += 2)
    if (text_is(w[i], name)) return w[i + 1];
  return (struct text){ (char *)"", 0 };
}

/* Readers ignore an entry if they have read a later one of the same server. All of them do if that
 * one is before it in the stream. */
static unsigned members_that_ignore(const struct stream_item *e) {
  unsigned ignore = 0;
  for (const struct stream_item *other = entries; other < e; other++)
    if (other->from == e->from && other->order > e->order) return EVERYBODY;
  for (int m = 0; m < MEMBERS; m++) ignore |= (unsigned)(served[m][e->from] > e->order) << m;
  return ignore;
}

/* XADD name MAXLEN ~ n * field value ... */
static void add(const struct text *w, size_t n) {
  if (nentries == ENTRIES) entry_drop(0), redis.losses++;
  struct stream_item *e = &entries[nentries++];
  next_id();
  *e = (struct stream_item){
    .ms = last_ms, .seq = last_seq, .from = to->member, .stream = text_copy(w[1])
  };
  struct text data = field_of_entry("data", w + 6, n - 6);
  e->order = text_number(field_of_entry("seq", w + 6, n - 6));
  put_head(&e->fields, '*', (long long)n - 6);
  for (size_t i = 6; i < n; i++) put_bulk(&e->fields, w[i]);
  e->number = crossings_number_in(data.p, data.n);
  if (e->number) crossings_published(e->number, to->member, 0, false);
  if (e->number) crossings_added(e->number, members_that_ignore(e));
  put_id(&reply, e->ms, e->seq);
  trim(w[1], text_number(w[4]));
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w && connections[i].waits) serve(&connections[i]);
}

static void read_id(struct text s, uint64_t *ms, uint64_t *seq) {
  char *end;
  *ms = strtoull(s.p, &end, 10);
  *seq = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
}

/* XREAD COUNT n BLOCK ms STREAMS name id */
static void wait_for_entries(const struct text *w) {
  free(to->stream.p);
  to->stream = text_copy(w[6]);
  to->count = (unsigned)text_number(w[2]);
  to->waits_until = kernel.now + text_number(w[4]) * 1000;
  read_id(w[7], &to->after_ms, &to->after_seq);
  to->waits = true;
  crossings_reads(to->member);
  serve(to);
}

/* XRANGE name from to [COUNT n] */
static void range(const struct text *w, size_t n) {
  struct bytes list = { 0 };
  uint64_t from_ms, from_seq, to_ms, to_seq, most = n > 5 ? text_number(w[5]) : UINT64_MAX;
  unsigned found = 0;
  read_id(w[2], &from_ms, &from_seq);
  read_id(w[3], &to_ms, &to_seq);
  for (int i = 0; i < nentries && found < most; i++) {
    const struct stream_item *e = &entries[i];
    if (!text_eq(e->stream, w[1]) || is_after(e, to_ms, to_seq)) continue;
    if (!is_after(e, from_ms, from_seq) && !(e->ms == from_ms && e->seq == from_seq)) continue;
    put_entry(&list, e);
    found++;
  }
  put_head(&reply, '*', found);
  bytes_put(&reply, list.p, list.n);
  bytes_free(&list);
}

/* XREVRANGE name + - COUNT 1 */
static void last_entry(struct text stream) {
  int i = nentries - 1;
  while (i >= 0 && !text_eq(entries[i].stream, stream)) i--;
  put_head(&reply, '*', i >= 0);
  if (i >= 0) put_entry(&reply, &entries[i]);
}

/* ---- keys --------------------------------------------------------------------------- */

static void key_drop(int i) {
  free(keys[i].name.p);
  free(keys[i].value.p);
  keys[i] = keys[--nkeys];
}

static int key_find(struct text name) {
  for (int i = 0; i < nkeys; i++)
    if (text_eq(keys[i].name, name) && keys[i].until > kernel.now) return i;
  return -1;
}

/* SET key value PX ms */
static void set_key(const struct text *w) {
  int i = key_find(w[1]);
  if (i >= 0) key_drop(i);
  if (nkeys == KEYS) key_drop(0);
  keys[nkeys++] =
      (struct key){ text_copy(w[1]), text_copy(w[2]), kernel.now + text_number(w[4]) * 1000 };
  bytes_text(&reply, "+OK\r\n");
}

static void get_key(struct text name) {
  int i = key_find(name);
  if (i >= 0)
    put_bulk(&reply, keys[i].value);
  else
    bytes_text(&reply, "$-1\r\n");
}

static void delete_key(struct text name) {
  int i = key_find(name);
  if (i >= 0) key_drop(i);
  put_head(&reply, ':', i >= 0);
}

/* ---- commands ----------------------------------------------------------------------- */

static void ping(void) {
  bytes_text(&reply, to->nsubscriptions ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
}

static void count_all(const struct text *w) {
  put_head(&reply, '*', 2);
  put_bulk(&reply, w[2]);
  put_head(&reply, ':', count_listeners(text_is(w[1], "SHARDNUMSUB") ? SHARD : CHANNEL, w[2]));
}

static bool execute_channel(const struct text *w) {
  static const struct {
    const char *name, *verb;
    enum channel_kind kind;
    bool on;
  } verbs[] = {
    { "SUBSCRIBE", "subscribe", CHANNEL, true },
    { "PSUBSCRIBE", "psubscribe", PATTERN, true },
    { "SSUBSCRIBE", "ssubscribe", SHARD, true },
    { "UNSUBSCRIBE", "unsubscribe", CHANNEL, false },
    { "PUNSUBSCRIBE", "punsubscribe", PATTERN, false },
    { "SUNSUBSCRIBE", "sunsubscribe", SHARD, false },
  };
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (text_is(w[0], verbs[i].name)) {
      subscribe(verbs[i].kind, verbs[i].on, verbs[i].verb, w[1]);
      return true;
    }
  return false;
}

static void begin_queue(void) {
  to->queues = true;
  to->nqueued = 0;
  to->queued.n = 0;
}

static void execute(const struct text *w, size_t n) {
  if (text_is(w[0], "PING"))
    ping();
  else if (text_is(w[0], "PUBLISH"))
    put_head(&reply, ':', publish(CHANNEL, w[1], w[2]));
  else if (text_is(w[0], "SPUBLISH"))
    put_head(&reply, ':', publish(SHARD, w[1], w[2]));
  else if (text_is(w[0], "PUBSUB"))
    count_all(w);
  else if (text_is(w[0], "XADD"))
    add(w, n);
  else if (text_is(w[0], "XREAD"))
    wait_for_entries(w);
  else if (text_is(w[0], "XRANGE"))
    range(w, n);
  else if (text_is(w[0], "XREVRANGE"))
    last_entry(w[1]);
  else if (text_is(w[0], "SET"))
    set_key(w);
  else if (text_is(w[0], "GET"))
    get_key(w[1]);
  else if (text_is(w[0], "DEL"))
    delete_key(w[1]);
  else if (text_is(w[0], "AUTH") || text_is(w[0], "SELECT") || text_is(w[0], "CLIENT"))
    bytes_text(&reply, "+OK\r\n");
  else if (!execute_channel(w))
    fault("a command that the simulated Redis does not know", "%s", tell_bytes(w[0].p, w[0].n));
}

/* The replies of a transaction come when it ends. */
static void execute_or_queue(const struct text *w, size_t n) {
  if (text_is(w[0], "MULTI")) {
    begin_queue();
    bytes_text(&reply, "+OK\r\n");
  } else if (text_is(w[0], "EXEC")) {
    put_head(&reply, '*', to->nqueued);
    bytes_put(&reply, to->queued.p, to->queued.n);
    to->queues = false;
  } else if (to->queues) {
    execute(w, n);
    bytes_put(&to->queued, reply.p, reply.n);
    to->nqueued++;
    reply.n = 0;
    bytes_text(&reply, "+QUEUED\r\n");
  } else {
    execute(w, n);
  }
}

static bool refuse(void) {
  static const char *const texts[] = {
    "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "-READONLY You can't write against a read only replica.\r\n",
    "-LOADING Redis is loading the dataset in memory\r\n",
    "-NOAUTH Authentication required.\r\n",
    "-NOPERM this user has no permissions\r\n",
  };
  /* It refuses because of the state that it is in, which is another one for a late command. */
  uint32_t one_in = to->gone && redis.breaks ? 3 : redis.errors;
  if (to->queues || !draw_one_in(one_in)) return false;
  redis.troubles++;
  bytes_text(&reply, texts[draw(5)]);
  return true;
}

static void handle(struct connection *c, const struct text *w, size_t n) {
  to = c;
  reply.n = 0;
  TELL("Redis: server %d says %s on wire %d: %s", c->member, w[0].p, c->w ? c->w->id : -1,
       n > 1 ? tell_bytes(w[n - 1].p, w[n - 1].n < 60 ? w[n - 1].n : 60) : "");
  if (!refuse()) execute_or_queue(w, n);
  if (to->w && reply.n) send_bytes(to, &reply);
}

/* One command off what has come: its length, or 0. Each word ends with a NUL. */
static size_t take_apart(const struct connection *c, struct text w[WORDS], size_t *words) {
  char *p = c->in.p, *end = p + c->in.n, *eol = memchr(p, '\n', c->in.n);
  if (!eol) return 0;
  if (*p != '*') fault("what comes to Redis is no command", "%s", tell_bytes(p, c->in.n));
  size_t n = *words = strtoul(p + 1, NULL, 10);
  if (n == 0 || n > WORDS) fault("a command with a wrong number of words", "%zu", n);
  p = eol + 1;
  for (size_t i = 0; i < n; i++) {
    if (p == end || !(eol = memchr(p, '\n', (size_t)(end - p)))) return 0;
    size_t len = strtoul(p + 1, NULL, 10);
    if ((size_t)(end - eol) < len + 3) return 0;
    w[i] = (struct text){ eol + 1, len };
    p = eol + 1 + len + 2;
  }
  for (size_t i = 0; i < n; i++) w[i].p[w[i].n] = '\0';
  return (size_t)(p - c->in.p);
}

static bool is_busy(const struct connection *c) {
  return c->waits || c->slow_until > kernel.now || redis.stopped_until > kernel.now;
}

static bool is_for_its_connection_alone(struct text word) {
  return text_is(word, "XREAD") || memmem(word.p, word.n, "SUBSCRIBE", 9);
}

/* Executes the next command of a connection that is gone. */
static void work_late(struct connection *c) {
  struct text w[WORDS];
  size_t n, len = take_apart(c, w, &n);
  if (len && !is_for_its_connection_alone(w[0])) handle(c, w, n);
  bytes_skip(&c->in, len);
  if (!len || !c->in.n) connection_free(c);
}

/* A command of a later connection of the same server was executed. What a server is told is the
 * last entry of a stream is not the last one any more if entries are added now. */
static void work_late_after(const struct connection *later, struct text word) {
  bool asked = text_is(word, "XREVRANGE");
  for (int i = 0; i < CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    if (!c->gone || c->member != later->member || c->serial > later->serial) continue;
    if (draw(asked ? 2 : 8) != 1) continue;
    do work_late(c);
    while (asked && c->gone);
  }
}

static void work_on(struct connection *c) {
  struct text w[WORDS];
  size_t n, len;
  while (c->w && c->in.n && !is_busy(c) && (len = take_apart(c, w, &n)) > 0) {
    if (text_is(w[0], "XADD") && c->in.n > len && draw_one_in(redis.breaks)) {
      cut_on_the_way(c);
      return;
    }
    unsigned serial = c->serial;
    handle(c, w, n);
    if (c->serial != serial) return;
    work_late_after(c, w[0]);
    bytes_skip(&c->in, len);
    if (draw_one_in(redis.slow)) c->slow_until = kernel.now + draw_size(8000) * (uint64_t)1000;
  }
}

/* ---- wires -------------------------------------------------------------------------- */

static void on_data(struct peer *p, struct wire *w) {
  struct connection *c = connection_of(w);
  char buf[16384];
  size_t n;
  (void)p;
  while ((n = wire_read(w, buf, sizeof buf)) > 0)
    if (c) bytes_put(&c->in, buf, n);
  if (c) bytes_more(&c->in, 0);
  if (c) work_on(c);
}

static void on_ended(struct peer *p, struct wire *w) {
  struct connection *c = connection_of(w);
  (void)p;
  if (c) TELL("server %d closes a connection to Redis", c->member);
  if (c) connection_go(c);
  wire_close(w);
}

static const struct peer_kind redis_kind = { .name = "Redis", .data = on_data, .ended = on_ended };
struct peer redis_peer = { .kind = &redis_kind, .here = true };

uint32_t redis_delay_us(void) { return redis.delay_us + draw(redis.jitter_us + 1); }

bool redis_decides(void) { return redis.silent_until <= kernel.now; }

int redis_accept(struct wire *w) {
  int i = 0;
  while (i < CONNECTIONS && (connections[i].w || connections[i].gone)) i++;
  if (redis.down_until > kernel.now || i == CONNECTIONS) {
    wire_close(w);
    return UV_ECONNREFUSED;
  }
  connections[i] = (struct connection){ .w = w, .member = loop.current };
  connections[i].serial = ++redis.connections;
  w->delay_us = redis.delay_us + (draw_one_in(redis.detours) ? draw_size(2000000) : 0);
  w->jitter_us = redis.jitter_us;
  w->room = redis.room;
  return 0;
}

/* ---- what goes wrong ---------------------------------------------------------------- */

static struct connection *some_connection(void) {
  int n = 0, at;
  for (int i = 0; i < CONNECTIONS; i++) n += connections[i].w != NULL;
  at = (int)draw((uint32_t)n);
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w && at-- == 0) return &connections[i];
  return NULL;
}

static uint64_t in_ms(uint32_t ms) { return kernel.now + (uint64_t)ms * 1000; }

static void forget_memory(void) {
  redis.losses++;
  crossings_lost(0);
  while (nentries) entry_drop(nentries - 1);
  while (nkeys) key_drop(nkeys - 1);
}

static void restart(void) {
  bool forgets = draw(2), silent = draw(3) == 2;
  enum cut how = draw(2) ? CUT_RESETS : CUT_CLOSES;
  TELL("Redis restarts%s", forgets ? ", and forgets" : "");
  redis.troubles++;
  for (int i = 0; i < CONNECTIONS; i++) {
    if (connections[i].w) cut(&connections[i], how);
    if (connections[i].gone) connection_free(&connections[i]);
  }
  if (forgets) forget_memory();
  *(silent ? &redis.silent_until : &redis.down_until) = in_ms(draw_size(6000));
}

/* It does not read for a while: what is written to it fills up. */
static void stop(void) {
  redis.stopped_until = in_ms(draw_size(15000));
  TELL("Redis stops until %llu", (unsigned long long)(redis.stopped_until - 1000000000) / 1000);
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w) connections[i].w->allowance = draw(2) ? 0 : NEVER;
}

static void read_on(void) {
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w) connections[i].w->allowance = NEVER;
}

static void make_trouble(void) {
  struct connection *c = some_connection();
  redis.trouble_at = in_ms(1 + draw_size(redis.peace_ms));
  switch (draw(6)) {
    case 0:
    case 1:
    case 2:
      if (c && draw(2))
        cut_on_the_way(c);
      else if (c)
        cut(c, (enum cut)draw(3));
      break;
    case 3: restart(); break;
    case 4: stop(); break;
    case 5:
      if (c) c->slow_until = in_ms(draw_size(20000));
      break;
  }
}

/* ---- time --------------------------------------------------------------------------- */

static void sooner(uint64_t *next, uint64_t at) {
  if (at > kernel.now && at < *next) *next = at;
}

uint64_t redis_next(void) {
  uint64_t next = NEVER;
  if (!redis.on) return NEVER;
  sooner(&next, redis.trouble_at);
  sooner(&next, redis.silent_until);
  sooner(&next, redis.stopped_until);
  for (int i = 0; i < CONNECTIONS; i++) {
    const struct connection *c = &connections[i];
    if (!c->w && !c->gone) continue;
    sooner(&next, c->slow_until);
    if (c->waits) sooner(&next, c->waits_until);
  }
  return next;
}

static void end_wait(struct connection *c) {
  c->waits = false;
  wire_write(c->w, "*-1\r\n", 5);
}

void redis_step(void) {
  if (!redis.on) return;
  if (redis.trouble_at <= kernel.now) make_trouble();
  if (redis.stopped_until && redis.stopped_until <= kernel.now) {
    redis.stopped_until = 0;
    read_on();
  }
  for (int i = 0; i < CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    if (c->w && c->waits && c->waits_until <= kernel.now) end_wait(c);
    if (c->w) work_on(c);
    while (c->gone && !is_busy(c)) work_late(c);
  }
}

/* ---- a life ------------------------------------------------------------------------- */

void redis_begin(void) {
  redis = (struct redis){ .trouble_at = NEVER };
  last_ms = last_seq = 0;
  memset(served, 0, sizeof served);
}

void redis_draw(void) {
  static const uint32_t delays[] = { 200, 0, 5000, 50000, 400000 };
  redis.on = true;
  redis.delay_us = delays[draw(5)];
  redis.jitter_us = draw_one_in(3) ? draw_size(200000) : 0;
  redis.room = draw_one_in(3) ? draw_between(500, 20000) : 262144;
  redis.errors = draw_one_in(4) ? draw_between(10, 300) : 0;
  redis.slow = draw_one_in(4) ? draw_between(5, 200) : 0;
  redis.breaks = draw_one_in(3) ? draw_between(2, 20) : 0;
  redis.split = draw_one_in(3) ? draw_between(2, 20) : 0;
  redis.lookup_fails = draw_one_in(5) ? draw_between(2, 20) : 0;
  redis.detours = redis.breaks || draw_one_in(3) ? draw_between(2, 8) : 0;
  redis.peace_ms = draw(4) ? 10 + draw_size(8000) : 0;
  if (redis.peace_ms) redis.trouble_at = in_ms(draw_size(redis.peace_ms));
  if (draw_one_in(6)) redis.down_until = in_ms(draw_size(10000));
  TELL("there is a Redis: delay %u us, room %zu, errors 1 in %u, troubles within %u ms",
       redis.delay_us, redis.room, redis.errors, redis.peace_ms);
}

void redis_calm(void) {
  redis.trouble_at = NEVER;
  redis.errors = redis.breaks = redis.slow = redis.lookup_fails = redis.detours = 0;
  redis.down_until = redis.silent_until = redis.stopped_until = 0;
  /* A connection must be made within the shortest connect_timeout_ms of a life: two round trips. */
  if (redis.delay_us > 5000) redis.delay_us = 5000;
  if (redis.jitter_us > 5000) redis.jitter_us = 5000;
  redis.room = 262144;
  read_on();
  for (int i = 0; i < CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    c->slow_until = 0;
    if (!c->w) continue;
    c->w->delay_us = redis.delay_us;
    c->w->jitter_us = redis.jitter_us;
    c->w->room = redis.room;
  }
}

void redis_end(void) {
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].w || connections[i].gone) connection_free(&connections[i]);
  while (nentries) entry_drop(nentries - 1);
  while (nkeys) key_drop(nkeys - 1);
  bytes_free(&reply);
}

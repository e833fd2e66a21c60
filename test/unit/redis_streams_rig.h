/* SPDX-License-Identifier: MIT
 *
 * redis_streams_rig.h - redis_rig.h with a Redis that has one stream and one key, alone or in a
 * cluster of two nodes.
 *
 *     begin_streams(NULL);                       or with options of recovery
 *     of_other("{\"packet\":...}");              an entry that another server has added
 *     IS_ENTRY(0, "3", "{\"packet\":...}");      what this server has added
 *     end();
 */
#ifndef SIO_TEST_REDIS_STREAMS_RIG_H
#define SIO_TEST_REDIS_STREAMS_RIG_H

#include "redis/streams_session.h"
#include "redis_rig.h"
#include <signal.h>

#define ALL ((sio_target){ .nsp = root })

/* ---- a stream, and one key ------------------------------------------------------------------- */

enum { ENTRIES = 64, FIELD = 600 };

static struct {
  char uid[24], nsp[24], type[4], data[FIELD];
  char seq[24];     /* "": it has none */
} entries[ENTRIES]; /* entry i has the id "7-<i+1>" */
static unsigned nentries;
static struct fake_conn *reader; /* that waits in XREAD */
static unsigned read_to;         /* how many entries it has */
static bool refuse_add, hold_reads, hold_adds;
static bool lose_adds; /* XADD is neither executed nor answered */
static unsigned lost_adds;
static struct fake_conn *writer; /* whose replies to XADD are held                  */
static char held_adds[200];
static char commands[4000]; /* SET and DEL, each with a newline */
static const char *key_value;
static struct fake_conn *in_multi; /* that is between MULTI and EXEC */

static inline void copy_field(char *out, size_t size, sio_slice s) {
  snprintf(out, size, "%.*s", (int)s.n, s.p);
}

static inline void add_entry(const char *uid, const char *nsp, const char *type, const char *data) {
  copy_field(entries[nentries].uid, sizeof entries->uid, slice_str(uid));
  copy_field(entries[nentries].nsp, sizeof entries->nsp, slice_str(nsp));
  copy_field(entries[nentries].type, sizeof entries->type, slice_str(type));
  entries[nentries].seq[0] = '\0';
  copy_field(entries[nentries++].data, sizeof entries->data, slice_str(data));
}

/* The same with a number. */
static inline void add_numbered_entry(const char *uid, const char *seq, const char *data) {
  add_entry(uid, "/", "3", data);
  copy_field(entries[nentries - 1].seq, sizeof entries->seq, slice_str(seq));
}

static inline void answer_add(struct fake_conn *c, const char *reply) {
  size_t at = strlen(held_adds);
  writer = c;
  if (hold_adds)
    snprintf(held_adds + at, sizeof held_adds - at, "%s", reply);
  else
    fake_say(c, reply);
}

static inline void say_id(struct fake_conn *c, unsigned i) {
  char id[20];
  snprintf(id, sizeof id, "7-%u", i + 1);
  fake_bulk(c, slice_str(id));
}

static inline void say_entries(struct fake_conn *c, unsigned from, unsigned to) {
  char head[20];
  snprintf(head, sizeof head, "*%u\r\n", to > from ? to - from : 0);
  fake_say(c, head);
  for (unsigned i = from; i < to; i++) {
    fake_say(c, "*2\r\n");
    say_id(c, i);
    fake_say(c, *entries[i].seq ? "*10\r\n$3\r\nuid\r\n" : "*8\r\n$3\r\nuid\r\n");
    fake_bulk(c, slice_str(entries[i].uid));
    fake_say(c, "$3\r\nnsp\r\n");
    fake_bulk(c, slice_str(entries[i].nsp));
    fake_say(c, "$4\r\ntype\r\n");
    fake_bulk(c, slice_str(entries[i].type));
    if (*entries[i].seq) fake_say(c, "$3\r\nseq\r\n");
    if (*entries[i].seq) fake_bulk(c, slice_str(entries[i].seq));
    fake_say(c, "$4\r\ndata\r\n");
    fake_bulk(c, slice_str(entries[i].data));
  }
}

static inline void feed_reader(void) {
  if (!reader || hold_reads || read_to >= nentries || reader->fd < 0) return;
  struct fake_conn *c = reader;
  reader = NULL;
  fake_say(c, "*1\r\n*2\r\n$9\r\nsocket.io\r\n");
  say_entries(c, read_to, nentries);
  read_to = nentries;
}

static inline unsigned seq_of(sio_slice id) {
  const char *dash = memchr(id.p, '-', id.n);
  return dash && *id.p == '7' ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
}

static inline void note_command(const sio_slice *w, size_t n) {
  fake_note(commands, sizeof commands, w, n);
}

static inline void hear_xadd(struct fake_conn *c, const sio_slice *w, size_t n) {
  CHECK(n == 16 && slice_equals_str(w[1], "socket.io") && slice_equals_str(w[2], "MAXLEN") &&
        slice_equals_str(w[3], "~"));
  CHECK(slice_equals_str(w[4], "10000") && slice_equals_str(w[5], "*") &&
        slice_equals_str(w[6], "uid") && slice_equals_str(w[12], "seq"));
  if (lose_adds) {
    writer = c;
    lost_adds++;
    return;
  }
  if (refuse_add) {
    answer_add(c, "-OOM no memory\r\n");
    return;
  }
  copy_field(entries[nentries].uid, sizeof entries->uid, w[7]);
  copy_field(entries[nentries].nsp, sizeof entries->nsp, w[9]);
  copy_field(entries[nentries].type, sizeof entries->type, w[11]);
  copy_field(entries[nentries].seq, sizeof entries->seq, w[13]);
  copy_field(entries[nentries++].data, sizeof entries->data, w[15]);
  char id[20], reply[40];
  int len = snprintf(id, sizeof id, "7-%u", nentries);
  snprintf(reply, sizeof reply, "$%d\r\n%s\r\n", len, id);
  answer_add(c, reply);
}

static inline void hear_xrange(struct fake_conn *c, const sio_slice *w) {
  unsigned from = seq_of(w[2]), to = seq_of(w[3]);
  say_entries(c, from ? from - 1 : 0, to < nentries ? to : nentries);
}

/* Between MULTI and EXEC Redis executes nothing. */
static inline bool hear_transaction(struct fake_conn *c, const sio_slice *w) {
  if (slice_equals_str(w[0], "CLIENT") && in_multi == c) in_multi = NULL; /* it is a new one */
  if (in_multi != c || slice_equals_str(w[0], "EXEC")) return false;
  fake_say(c, "+QUEUED\r\n");
  return true;
}

static inline bool streams_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (hear_transaction(c, w)) return true;
  if (slice_equals_str(w[0], "XADD")) {
    hear_xadd(c, w, n);
  } else if (slice_equals_str(w[0], "XREVRANGE")) {
    say_entries(c, nentries ? nentries - 1 : 0, nentries);
  } else if (slice_equals_str(w[0], "XREAD")) {
    reader = c;
    read_to = seq_of(w[n - 1]);
  } else if (slice_equals_str(w[0], "XRANGE")) {
    hear_xrange(c, w);
  } else if (slice_equals_str(w[0], "MULTI")) {
    fake_say(c, "+OK\r\n");
    in_multi = c;
  } else if (slice_equals_str(w[0], "EXEC")) {
    in_multi = NULL;
    fake_say(c, "*2\r\n");
    if (key_value && *key_value)
      fake_bulk(c, slice_str(key_value));
    else
      fake_say(c, "$-1\r\n");
    fake_say(c, ":1\r\n");
    key_value = NULL;
  } else if (slice_equals_str(w[0], "SET") || slice_equals_str(w[0], "DEL")) {
    note_command(w, n);
    fake_say(c, "+OK\r\n");
  } else {
    return false;
  }
  feed_reader();
  return true;
}

static inline void prepare_streams(const sio_recovery *r) {
  streams = true;
  rig_recovery = r;
  nentries = read_to = 0;
  reader = NULL;
  refuse_add = hold_reads = hold_adds = lose_adds = false;
  held_adds[0] = '\0';
  lost_adds = 0;
  commands[0] = '\0';
  key_value = NULL;
  in_multi = NULL;
  signal(SIGPIPE, SIG_IGN); /* libuv writes to connections that are cut */
}

static inline void begin_streams_with(const sio_recovery *r, const sio_redis_options *more) {
  prepare_streams(r);
  if (!more) fake_special = streams_special;
  begin(more);
  saw();
}

static inline void begin_streams(const sio_recovery *r) { begin_streams_with(r, NULL); }

static const sio_recovery normal;

static inline void of_other(const char *data) {
  add_entry("1c48d7e685e0e7fe", "/", "3", data);
  feed_reader();
  settle();
}

#define IS_ENTRY(i, t, text)                    \
  do {                                          \
    UNTIL(nentries > (i));                      \
    EQ_STR(entries[i].uid, "ea552cd3114e40c2"); \
    EQ_STR(entries[i].nsp, "/");                \
    EQ_STR(entries[i].type, t);                 \
    EQ_STR(entries[i].data, text);              \
  } while (0)

/* ---- a socket that comes back ---------------------------------------------------------------- */

#define SESSION                                                                              \
  "hKNzaWS0UGk0NFdibTVleUtMNmxZT0FBQUGjcGlktDMwVzdaRGQ4WmdGamg4RmtBQUFCpXJvb21zk7RQaTQ0V2Jt" \
  "NWV5S0w2bFlPQUFBQaVyb29tMaJyMqRkYXRhgaR1c2Vyo2JvYg=="

static const char event_for_room[] =
    "{\"packet\":{\"type\":2,\"data\":[\"missed\"]},\"opts\":{\"rooms\":[\"r2\"],\"except\":[]}}";

static inline struct peer *come_back(const char *offset) {
  char text[200];
  struct peer *p = peer_new();
  snprintf(text, sizeof text, "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"%s\"}", offset);
  say(p, text);
  return p;
}

/* ---- a Redis Cluster ------------------------------------------------------------------------- */

enum { NODES = 2, EVERY_SLOT = 16384 };

static int stream_node, key_node; /* which have the slots of the stream and of keys */
static const char *slot_error;    /* in place of an answer about the stream          */
static unsigned adds[NODES], takes[NODES];

static inline void say_slots(struct fake_conn *c, int first, int last, int node) {
  char text[200];
  if (first > last) return;
  snprintf(text, sizeof text, "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%u\r\n$2\r\nid\r\n",
           first, last, fake_ports[node]);
  fake_say(c, text);
}

static inline void say_moved(struct fake_conn *c, sio_slice key, int node) {
  char text[100];
  snprintf(text, sizeof text, "-MOVED %u 127.0.0.1:%u\r\n", sio__cluster_slot_of_key(key),
           fake_ports[node]);
  fake_say(c, text);
}

static inline void say_table(struct fake_conn *c) {
  int slot = (int)sio__cluster_slot_of_key(SLICE("socket.io"));
  fake_say(c, "*3\r\n");
  say_slots(c, 0, slot - 1, 0);
  say_slots(c, slot, slot, stream_node);
  say_slots(c, slot + 1, EVERY_SLOT - 1, 0);
}

static inline bool stream_slot_is_here(struct fake_conn *c) {
  if (slot_error)
    fake_say(c, slot_error);
  else if (c->node != stream_node)
    say_moved(c, SLICE("socket.io"), stream_node);
  return !slot_error && c->node == stream_node;
}

static inline void hear_key(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (c->node != key_node) {
    say_moved(c, w[1], key_node);
  } else if (!slice_equals_str(w[0], "GETDEL")) {
    note_command(w, n);
    fake_say(c, "+OK\r\n");
  } else if (key_value) {
    takes[c->node]++;
    fake_bulk(c, slice_str(key_value));
    key_value = NULL;
  } else {
    fake_say(c, "$-1\r\n");
  }
}

static inline bool cluster_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  bool of_stream = w[0].n && w[0].p[0] == 'X';
  if (slice_equals_str(w[0], "CLUSTER")) {
    say_table(c);
  } else if (slice_equals_str(w[0], "SET") || slice_equals_str(w[0], "DEL") ||
             slice_equals_str(w[0], "GETDEL")) {
    hear_key(c, w, n);
  } else if (of_stream && stream_slot_is_here(c)) {
    adds[c->node] += slice_equals_str(w[0], "XADD");
    return streams_special(c, w, n);
  } else {
    return of_stream;
  }
  return true;
}

static inline void begin_streams_in_cluster(const sio_recovery *r) {
  static char url[60];
  for (int i = 0; i < NODES; i++) fake_open_node(i);
  memset(adds, 0, sizeof adds);
  memset(takes, 0, sizeof takes);
  stream_node = 1;
  key_node = 0;
  slot_error = NULL;
  fake_special = cluster_special;
  snprintf(url, sizeof url, "redis+cluster://127.0.0.1:%u", fake_ports[0]);
  begin_streams_with(r, &(sio_redis_options){ .url = url });
}

static inline void read_all(uint64_t n) {
  UNTIL(redis_stats().received == n);
  settle();
}

static inline void end_cluster(void) {
  fake_special = NULL;
  for (int i = 0; i < NODES; i++) fake_close_node(i);
  end();
}

/* Redis answers a command that blocks when the slot is given away. */
static inline void move_stream(int node) {
  struct fake_conn *c = reader;
  stream_node = node;
  reader = NULL;
  if (c) say_moved(c, SLICE("socket.io"), node);
}

#endif

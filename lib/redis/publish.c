/* SPDX-License-Identifier: MIT
 *
 * publish.c - publishes messages, and counts those that cannot be published.
 */
#include "redis/publish.h"

#include "base/random.h"

int sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  uint32_t random[CLASSIC_UID];
  int err = sio__fill_random(random, sizeof random);
  for (int i = 0; i < CLASSIC_UID; i++) out[i] = letters[random[i] % (sizeof letters - 1)];
  out[CLASSIC_UID] = out[CLASSIC_UID + 1] = '\0';
  return err;
}

int sio__random_hex_id(char out[LINK_ID]) {
  static const char digits[] = "0123456789abcdef";
  unsigned char random[SHARDED_UID / 2];
  int err = sio__fill_random(random, sizeof random);
  memset(out, 0, LINK_ID);
  for (int i = 0; i < SHARDED_UID; i++) out[i] = digits[random[i / 2] >> (i & 1) * 4 & 15];
  return err;
}

/* Publishes m, or counts it as dropped. Clears m. */
static int publish_and_clear_message_on_channel(sio_adapter *a, const char *kind, const char *last,
                                                struct message *m) {
  struct message channel;
  sio__message_init(&channel, &a->redis->msgs);
  sio__message_write_channel_name(&channel, a->key, kind, a->nsp_name, last);
  int err = m->err ? m->err : channel.err;
  if (!err && a->shut) err = UV_ENOTCONN;
  const struct redis_publish how = { .sharded = a->shard_channels,
                                     .to_all = a->sharded ? !last : kind != a->format->responses };
  if (!err)
    err = sio__redis_publish(a->redis, how, sio__message_text(&channel), sio__message_text(m));
  else
    sio__redis_count_and_log_dropped_message(a->redis, err);
  sio__message_clear(&channel);
  sio__message_clear(m);
  return err;
}

int sio__publish_as_msgpack_and_clear(sio_adapter *a, const char *kind, const char *last,
                                      struct message *m, const sio_slice *bins, size_t nbins) {
  struct message packed;
  sio__message_init(&packed, &a->redis->msgs);
  sio__message_convert_to_msgpack(&packed, m, bins, nbins);
  sio__message_clear(m);
  return publish_and_clear_message_on_channel(a, kind, last, &packed);
}

/* The streams adapter publishes MessagePack, because the streams adapter of Node.js reads only
 * MessagePack from channels. */
int sio__publish_and_clear_message(sio_adapter *a, const char *kind, const char *last,
                                   struct message *m) {
  return a->streams ? sio__publish_as_msgpack_and_clear(a, kind, last, m, NULL, 0)
                    : publish_and_clear_message_on_channel(a, kind, last, m);
}

/* SPDX-License-Identifier: MIT
 *
 * command.c - writes commands as arrays of strings, such as "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".
 */
#include "redis/command.h"

#include "base/num.h"

/* Writes the start of an array, such as "*2\r\n" (word is NULL), or a string, such as
 * "$3\r\nGET\r\n". */
static int write_resp_length_and_word(struct buf *b, char kind, uint64_t n, const sio_slice *word) {
  char head[NUM_MAX + 3];
  size_t len = 0;
  head[len++] = kind;
  len += sio__u64_to_text(head + len, n);
  head[len++] = '\r';
  head[len++] = '\n';
  int err = sio__buf_put(b, head, len);
  if (!err && word) err = sio__buf_put(b, word->p, word->n);
  if (!err && word) err = sio__buf_put(b, "\r\n", 2);
  return err;
}

int sio__write_resp_command(struct buf *b, const sio_slice *words, size_t n) {
  size_t before = b->n;
  int err = write_resp_length_and_word(b, '*', n, NULL);
  for (size_t i = 0; !err && i < n; i++)
    err = write_resp_length_and_word(b, '$', words[i].n, &words[i]);
  if (err) b->n = before;
  return err;
}

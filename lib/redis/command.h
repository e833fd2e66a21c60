/* SPDX-License-Identifier: MIT
 *
 * command.h - writes commands in the protocol of Redis.
 */
#ifndef SIO_REDIS_COMMAND_H
#define SIO_REDIS_COMMAND_H

#include "base/buf.h"
#include "base/slice.h"

/* Appends a command of n words to b. Returns 0 or an error, after which the content of b is
 * unchanged. */
int sio__write_resp_command(struct buf *b, const sio_slice *words, size_t n);

#endif

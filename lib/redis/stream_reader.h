/* SPDX-License-Identifier: MIT
 *
 * stream_reader.h - the connection that reads the stream: the entries of all Socket.IO servers, in
 * one order.
 */
#ifndef SIO_REDIS_STREAM_READER_H
#define SIO_REDIS_STREAM_READER_H

#include "redis/stream_types.h"

extern const struct link_ops sio__stream_reader_ops;

#endif

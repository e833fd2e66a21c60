/* SPDX-License-Identifier: MIT
 *
 * loop_handles.h - what loop.c and loop_stream.c share: the private part of a handle, which lies in
 * its u.reserved.
 */
#ifndef SIO_SIM_LOOP_HANDLES_H
#define SIO_SIM_LOOP_HANDLES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* At most as big as four pointers. */
struct hidden {
  uint64_t due;   /* of a timer: ms; of an async, or a stream that connects: us */
  uint32_t order; /* of timers that are due at once    */
  int16_t events; /* of a poll                         */
  bool active, unrefed, closing, sent;
  int fd;
};
_Static_assert(sizeof(struct hidden) <= sizeof(((uv_handle_t *)0)->u), "it fits");

static inline struct hidden *hidden(const uv_handle_t *h) { return (struct hidden *)&h->u; }

static inline bool handle_is_stream(const uv_handle_t *h) {
  return h->type == UV_TCP || h->type == UV_NAMED_PIPE;
}

/* loop_stream.c: */
bool stream_is_ready(const uv_handle_t *h);
void stream_on_ready(uv_handle_t *h);
/* uv_close() was called; its close callback is about to run. */
void stream_close_descriptor(uv_handle_t *h);
void stream_end_connect(uv_handle_t *h);
void streams_begin(void);
/* Names that are being resolved: when the next one is; those of this loop that are, now. */
uint64_t lookups_next(void);
bool lookups_arrived(const uv_loop_t *l); /* NULL: of any loop */
void lookups_run(const uv_loop_t *l);
/* Names whose callback has not run, and lists of addresses that were not freed. */
unsigned lookups_left(void);

#endif

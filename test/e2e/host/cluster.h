/* SPDX-License-Identifier: MIT
 *
 * cluster.h - servers that work as one over Redis.
 */
#ifndef HOST_CLUSTER_H
#define HOST_CLUSTER_H

#include <sio/options.h>

struct uv_loop_s;

/* 0, or a code. Nothing without its flags. */
int add_redis(sio_options *o, struct uv_loop_s *loop);
int add_redis_handlers(void);
void free_redis(void); /* when the server is closed */

#endif

/* SPDX-License-Identifier: MIT
 *
 * life.h - coming, going, and what passes on the way: a line for each.
 */
#ifndef HOST_LIFE_H
#define HOST_LIFE_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

int add_life(sio_nsp *nsp);

/* Middleware whose verdict the flag of that name says; "auth": what the peer's auth says. */
int add_middleware(sio_nsp *nsp, const char *flag_name);

#endif

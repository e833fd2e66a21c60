/* SPDX-License-Identifier: MIT */
#ifndef HOST_BOUNDS_H
#define HOST_BOUNDS_H

#include <sio/limits.h>

void on_refused(sio_server *srv, const sio_rejection *r, void *user);
void on_limited(sio_server *srv, const sio_limited *l, void *user);
int add_bounds(void);

#endif

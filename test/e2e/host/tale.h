/* SPDX-License-Identifier: MIT
 *
 * tale.h - numbered events: see tale.c.
 */
#ifndef HOST_TALE_H
#define HOST_TALE_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

int add_tale(sio_nsp *nsp);

#endif

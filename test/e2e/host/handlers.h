/* SPDX-License-Identifier: MIT
 *
 * handlers.h - tables of the events that the host answers, by subject.
 */
#ifndef HOST_HANDLERS_H
#define HOST_HANDLERS_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

struct handler {
  const char *name; /* NULL ends a table */
  sio_event_cb cb;
};

extern const struct handler talk_handlers[], room_handlers[], many_handlers[], load_handlers[],
    end_handlers[], family_handlers[];

int add_handlers(sio_nsp *nsp, const struct handler *table);

#endif

/* SPDX-License-Identifier: MIT
 *
 * ignored.h - packets that are ignored: they do not end the session, but are counted and logged.
 */
#ifndef SIO_CORE_IGNORED_H
#define SIO_CORE_IGNORED_H

#include "core/core.h"
#include <sio/stats.h>

/* Counts and logs a packet that is ignored. `nsp` is the name of the packet's namespace. `peer` is
 * the address of the packet's sender, or "" if the session may have ended. */
void sio__count_and_log_ignored_packet(struct core *core, const char *peer, sio_slice nsp,
                                       enum sio_ignored why);

#endif

/* SPDX-License-Identifier: MIT
 *
 * ignored.c - counts and logs packets that are ignored.
 */
#include "core/ignored.h"

static const char *const causes[] = {
  [SIO_IGNORED_LEFT] = "the client had left this namespace, or was disconnected from it",
  [SIO_IGNORED_ACK] = "the server does not wait for an ack with this id",
  [SIO_IGNORED_EMPTY] = "an event must have a name",
};

__attribute__((cold)) void sio__count_and_log_ignored_packet(struct core *core, const char *peer,
                                                             sio_slice nsp, enum sio_ignored why) {
  core->stats.packets_ignored[why]++;
  LOG_RATED(&core->log, SIO_LOG_DEBUG, SIO_PART_SIO, LOG_PACKET_IGNORED, peer,
            "a packet of %s for namespace %.*s is ignored: %s", *peer ? peer : "a client",
            LOG_SLICE(nsp), causes[why]);
}

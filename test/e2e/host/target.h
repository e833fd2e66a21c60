/* SPDX-License-Identifier: MIT
 *
 * target.h - whom an event asks the host to reach.
 */
#ifndef HOST_TARGET_H
#define HOST_TARGET_H

#include <cjson/cJSON.h>
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

/* Memory for the names of a target; it points into the event's tree as well. */
struct names {
  const char *to[32], *except[32];
};

/* {"to":[],"except":[],"self":bool,"volatile":bool,"compress":bool}: all of s's namespace but s. */
sio_target target_of(sio_socket *s, const cJSON *how, struct names *memory);

#endif

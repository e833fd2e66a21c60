/* SPDX-License-Identifier: MIT
 *
 * foreign_json.h - the JSON of another server is checked as that of a client is: UTF-8, syntax,
 * depth, placeholders.
 */
#ifndef SIO_CORE_FOREIGN_JSON_H
#define SIO_CORE_FOREIGN_JSON_H

#include "packet/json.h"

/* ["event",arguments...]: UTF-8, JSON, and placeholders that all name one of nbins attachments. 0;
 * SIO_EJSON, SIO_EDEPTH, SIO_EPLACEHOLDER, SIO_ETOOBIG, UV_ENOMEM. */
int sio__foreign_check_event(struct json_scan *scan, sio_slice json, size_t nbins);
/* One JSON text, as in an argument. */
bool sio__foreign_is_value(sio_slice json, size_t nbins);

#endif

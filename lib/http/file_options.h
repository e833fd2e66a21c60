/* SPDX-License-Identifier: MIT
 *
 * file_options.h - what the host has set for a route that serves files (sio_files_options): headers
 * of the answers, and a callback that decides about each request.
 */
#ifndef SIO_HTTP_FILE_OPTIONS_H
#define SIO_HTTP_FILE_OPTIONS_H

#include "http/request.h"

struct file_options;

/* Makes a copy of *from; *out is NULL if from is NULL. Returns 0; UV_ENOMEM; or UV_EINVAL if the
 * size is invalid, an unknown field is set, or a header is not one that the host may set. */
int sio__file_options_copy(struct file_options **out, const sio_files_options *from);
void sio__file_options_free(struct file_options *o); /* o may be NULL */

/* Asks the host's callback about r and, if the file is to be served, adds the headers. Returns
 * false if r was answered or dropped instead. o may be NULL. */
bool sio__file_options_admit_request(const struct file_options *o, sio_request *r);

#endif

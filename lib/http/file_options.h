/* SPDX-License-Identifier: MIT
 *
 * file_options.h - what the host has set for a route that serves files (sio_files_options): headers
 * of the answers, and a callback that decides about each request.
 */
#ifndef SIO_HTTP_FILE_OPTIONS_H
#define SIO_HTTP_FILE_OPTIONS_H

#include "http/request.h"

struct file_options;

/* Sets *out to a deep copy of *from, or to NULL if from is NULL. Returns 0; UV_ENOMEM; or UV_EINVAL
 * if the size is invalid, an unknown field is set, or a header is invalid or is not one that the
 * host may set. */
int sio__file_options_validate_and_copy(struct file_options **out, const sio_files_options *from);
/* Writes to `text` why sio__file_options_validate_and_copy() returns UV_EINVAL for *from, or "" if
 * it does not. from may be NULL. */
void sio__file_options_describe_fault(char *text, size_t size, const sio_files_options *from);
void sio__file_options_free(struct file_options *o); /* o may be NULL */

/* Calls the host's callback for r, if there is one. If the callback allows the request, adds the
 * headers of `o` to the answer and returns true. Returns false if r was answered, or its connection
 * was closed. o may be NULL. */
bool sio__file_options_ask_host_and_add_headers(const struct file_options *o, sio_request *r);

#endif

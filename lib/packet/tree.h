/* SPDX-License-Identifier: MIT
 *
 * tree.h - the bridge to cJSON: JSON text into trees for handlers that ask, trees that hosts
 * send into text. The trees made here are one piece of memory, and none of cJSON's: they are
 * freed here, and their nodes are never taken out.
 */
#ifndef SIO_PACKET_TREE_H
#define SIO_PACKET_TREE_H

#include "base/msg.h"
#include "packet/json.h"

struct cJSON;

/* A valid text, at most JSON_DEPTH_MAX deep, as a tree; NULL: no memory. A lone surrogate and
 * U+0000, in strings and in keys, become U+FFFD. Integers beyond 2^53 are rounded. */
struct cJSON *sio__tree_parse(sio_slice text);
void sio__tree_free(struct cJSON *t);

/* Appends the text of t, at most max_depth deep. 0, SIO_EDEPTH (a circular tree too), SIO_EJSON (a
 * raw item that is no JSON; it is checked with scan), UV_ENOMEM, SIO_ETOOBIG. */
int sio__tree_print(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                    unsigned max_depth);

/* The num of {"_placeholder":true,"num":k}; false for any other node. */
bool sio__tree_hole(const struct cJSON *t, uint32_t *num);

/* The string that the object has under this key. False: it has none; present says whether the key
 * is there with a value of another type. */
bool sio__tree_member(const struct cJSON *object, const char *key, sio_slice *string,
                      bool *present);

#endif

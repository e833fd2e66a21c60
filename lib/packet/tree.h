/* SPDX-License-Identifier: MIT
 *
 * tree.h - converts JSON text to cJSON trees, and any cJSON trees to text. A tree that is parsed
 * here must be freed with a function of this file, and its nodes must not be detached: they are not
 * blocks of memory of their own.
 */
#ifndef SIO_PACKET_TREE_H
#define SIO_PACKET_TREE_H

#include "base/msg.h"
#include "packet/json.h"

struct cJSON;

/* Parses a valid JSON text that is at most JSON_DEPTH_MAX levels deep. Returns NULL if memory runs
 * out. In strings and keys a lone surrogate or U+0000 becomes U+FFFD. Numbers are rounded to
 * doubles. */
struct cJSON *sio__tree_from_json(sio_slice text);
/* Frees a tree that sio__tree_from_json() has made. t may be NULL. */
void sio__tree_free(struct cJSON *t);
/* Like sio__tree_free(), but overwrites the tree with zeros first: for a tree that may contain a
 * secret. */
void sio__tree_wipe_and_free(struct cJSON *t);

/* Appends t as JSON text to *m; NULL as "null". Returns 0; SIO_EDEPTH if t is more than max_depth
 * or JSON_DEPTH_MAX levels deep, or contains itself; SIO_EJSON for a raw item that is not valid
 * JSON (`scan` is overwritten when it is checked); SIO_EPLACEHOLDER if has_bins is false and t
 * contains a node that sio__tree_mark_placeholders() has marked, because the attachment would not
 * be sent with it; UV_ENOMEM; or SIO_ETOOBIG. After an error *m contains a part of the text. */
int sio__tree_append_as_json_to_msg(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                                    unsigned max_depth, bool has_bins);

/* Marks the nodes of the tree of a received event that stand for attachments, so that
 * sio__tree_append_as_json_to_msg() recognizes them. cJSON_Duplicate() copies the marks. */
void sio__tree_mark_placeholders(struct cJSON *t);

/* Returns true and sets *num to the number of the attachment if t has the form of a placeholder: an
 * object whose "_placeholder" is true and whose "num" is an integer from 0 to 2^31 - 1. */
bool sio__tree_read_placeholder_number(const struct cJSON *t, uint32_t *num);

/* Finds the member of the object with this key, and sets *string to its value. Returns false if
 * there is no such member or its value is not a string. Sets *present to whether there is such a
 * member, with a value of any type. */
bool sio__tree_find_string_member(const struct cJSON *object, const char *key, sio_slice *string,
                                  bool *present);

#endif

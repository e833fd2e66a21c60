/* SPDX-License-Identifier: MIT
 *
 * tree.h - converts JSON text to cJSON trees, and cJSON trees of the host to text. The nodes of a
 * tree that is parsed here are in memory blocks of its own: it must be freed with sio__tree_free(),
 * and its nodes must not be detached.
 */
#ifndef SIO_PACKET_TREE_H
#define SIO_PACKET_TREE_H

#include "base/msg.h"
#include "packet/json.h"

struct cJSON;

/* Parses a valid JSON text that is at most JSON_DEPTH_MAX deep. Returns NULL if memory runs out. In
 * strings and keys a lone surrogate or U+0000 becomes U+FFFD. Integers beyond 2^53 are rounded. */
struct cJSON *sio__tree_from_json(sio_slice text);
/* Frees a tree that sio__tree_from_json() has made. t may be NULL. */
void sio__tree_free(struct cJSON *t);
/* Like sio__tree_free(), but overwrites the tree with zeros first, because it contains a secret. */
void sio__tree_wipe_and_free(struct cJSON *t);

/* Appends t as JSON text to *m. Returns 0; SIO_EDEPTH if t is more than max_depth deep or circular;
 * SIO_EJSON for a raw item that is not valid JSON (the memory of `scan` is used to check it);
 * SIO_EPLACEHOLDER if has_bins is false and t contains a node that sio__tree_mark_placeholders()
 * has marked, because the node's attachment would not be sent; UV_ENOMEM; or SIO_ETOOBIG. */
int sio__tree_to_json(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                      unsigned max_depth, bool has_bins);

/* Marks the nodes of the tree of a received event that stand for attachments, so that
 * sio__tree_to_json() recognizes them. cJSON_Duplicate() copies the marks. */
void sio__tree_mark_placeholders(struct cJSON *t);

/* Returns true if t stands for an attachment, and sets *num to the number of the attachment. */
bool sio__tree_is_placeholder(const struct cJSON *t, uint32_t *num);

/* Finds the member of the object with this key, and sets *string to its value. Returns false if
 * there is no such member or its value is not a string. Sets *present to true if there is such a
 * member, whatever the type of its value. */
bool sio__tree_find_string_member(const struct cJSON *object, const char *key, sio_slice *string,
                                  bool *present);

#endif

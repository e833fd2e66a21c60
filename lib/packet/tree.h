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

/* Parses a valid text that is at most JSON_DEPTH_MAX deep. Returns NULL if memory runs out. In
 * strings and keys a lone surrogate or U+0000 becomes U+FFFD. Integers beyond 2^53 are rounded. */
struct cJSON *sio__tree_from_json(sio_slice text);
void sio__tree_free(struct cJSON *t);
/* Appends t as JSON text to *m. Returns 0; SIO_EDEPTH if t is more than max_depth deep or circular;
 * SIO_EJSON for a raw item that is not valid JSON (the memory of scan is used to check it);
 * UV_ENOMEM; or SIO_ETOOBIG. */
void sio__tree_wipe_and_free(struct cJSON *t);

/* Marks the nodes of an event's tree that stand for attachments. For a marked node
 * sio__tree_to_json() returns SIO_EPLACEHOLDER if has_bins is false: the placeholder would be sent
 * without its attachment. cJSON_Duplicate() copies the mark. */
int sio__tree_to_json(struct msg **m, const struct cJSON *t, struct json_scan *scan,
                      unsigned max_depth, bool has_bins);

/* Marks the nodes of an event's tree that stand for attachments. If has_bins is false,
 * sio__tree_to_json() answers SIO_EPLACEHOLDER for a marked node: it would be sent without its
 * attachment. cJSON_Duplicate() copies the mark. */
void sio__tree_mark_placeholders(struct cJSON *t);

/* Finds the member with this key and sets *string to its value. Returns false if it is missing or
 * not a string; *present is true if the member exists, whatever its type. */
bool sio__tree_is_placeholder(const struct cJSON *t, uint32_t *num);

/* Finds the string member with this key. Returns false if there is none; *present is true if the
 * object has the key, whatever the type of its value. */
bool sio__tree_find_string_member(const struct cJSON *object, const char *key, sio_slice *string,
                                  bool *present);

#endif

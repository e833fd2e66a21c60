/* SPDX-License-Identifier: MIT
 *
 * parent.h - parent namespaces, made by sio_of_pattern() and sio_of_match(). A parent decides which
 * names it accepts, and namespaces with these names are created as its children (child.h).
 *
 * A parent is a sio_nsp that is not registered in core->nsps and has no members. A child gets
 * copies of the callbacks that its parent has when the child is created. The adapter of a parent
 * passes broadcasts, joins, leaves and disconnects on to each of its children. It refuses
 * broadcasts with acks, sio_all_each(), sio_all_fetch(), sio_server_side_emit() and
 * sio_server_count().
 */
#ifndef SIO_CORE_PARENT_H
#define SIO_CORE_PARENT_H

#include "core/nsp.h"
#include <sio/server.h>

/* The part of a sio_nsp that only parents have. */
struct parent_state {
  struct list children; /* linked by sio_nsp.sibling */
  sio_match_cb match;   /* decides whether the parent accepts a name */
  void *user;           /* the last argument of match */
  bool by_pattern;      /* made by sio_of_pattern(): the name of the parent is a pattern */
};

/* Returns the first parent made by sio_of_pattern() whose pattern matches the name, or NULL. */
sio_nsp *sio__parent_find_by_matching_pattern(const struct core *core, sio_slice name);
void sio__parents_free_all(struct core *core);
/* Adds to *st the counters of all child namespaces of this parent, also of removed ones. */
void sio__parent_add_children_to_stats(struct nsp_stats *st, const sio_nsp *parent);

#endif

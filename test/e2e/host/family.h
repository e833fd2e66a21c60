/* SPDX-License-Identifier: MIT
 *
 * family.h - namespaces: the two that are always there, and parents of those that peers name.
 */
#ifndef HOST_FAMILY_H
#define HOST_FAMILY_H

int add_namespaces(void);

#endif

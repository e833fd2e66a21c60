/* SPDX-License-Identifier: MIT
 *
 * admin.h - the Admin UI watches the host.
 */
#ifndef HOST_ADMIN_H
#define HOST_ADMIN_H

/* 0, or a code. Nothing without its flags. */
int add_admin(void);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef HOST_BOUNDS_H
#define HOST_BOUNDS_H

int add_bounds(void);

#endif

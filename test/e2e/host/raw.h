/* SPDX-License-Identifier: MIT
 *
 * raw.h - an engine without Socket.IO, beside it or in its place.
 */
#ifndef HOST_RAW_H
#define HOST_RAW_H

int add_raw_engine(void);

#endif

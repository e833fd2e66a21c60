/* SPDX-License-Identifier: MIT
 *
 * wrapped.h - the names of calls that a test replaces with the linker's --wrap. With glibc those
 * that take a file's size or offset end in 64, because everything is built with
 * _FILE_OFFSET_BITS=64; elsewhere they do not.
 */
#ifndef TEST_WRAPPED_H
#define TEST_WRAPPED_H

#include <stdlib.h> /* __GLIBC__ */

#ifdef __GLIBC__
#define OFFSET64(name) name##64
#else
#define OFFSET64(name) name
#endif

#define WRAPPED_OF(name) __wrap_##name
#define REAL_OF(name) __real_##name
#define WRAPPED(name) WRAPPED_OF(name)
#define REAL(name) REAL_OF(name)

#endif

/* SPDX-License-Identifier: MIT
 *
 * flags.h - the command line: "--name value" each.
 */
#ifndef HOST_FLAGS_H
#define HOST_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

void flags_set(int n, char **words);

const char *flag(const char *name); /* NULL: not given */
unsigned flag_number(const char *name);
bool flag_is(const char *name, const char *value);

/* The words between commas, and a NULL; NULL without the flag. Valid as long as the program. */
const char *const *flag_list(const char *name);

#endif

/* SPDX-License-Identifier: MIT
 *
 * sized.c - copies public structs whose size differs between versions of the library.
 */
#include "base/sized.h"

#include "base/err.h"
#include <stdbool.h>
#include <string.h>

static bool is_all_zero(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i]) return false;
  return true;
}

static int copy_sized_struct_and_check_rest_is_zero(void *out, size_t room, const void *in,
                                                    size_t size) {
  memset(out, 0, room);
  size_t known = size < room ? size : room;
  memcpy(out, in, known);
  return is_all_zero((const char *)in + known, size - known) ? 0 : UV_EINVAL;
}

int sio__read_sized_struct(void *out, size_t room, const void *in, size_t first) {
  size_t size;
  memset(out, 0, room);
  if (!in) return 0;
  memcpy(&size, in, sizeof size);
  if (size && size < first) return UV_EINVAL;
  return copy_sized_struct_and_check_rest_is_zero(out, room, in, size ? size : first);
}

void sio__fill_sized_struct(void *out, const void *ours, size_t room) {
  size_t given, size;
  memcpy(&given, out, sizeof given);
  size = given ? given : room;
  memset(out, 0, size);
  memcpy(out, ours, size < room ? size : room);
  memcpy(out, &given, sizeof given < size ? sizeof given : size);
}

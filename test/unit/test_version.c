/* SPDX-License-Identifier: MIT
 *
 * test_version.c - number and text say the same.
 */
#include "test.h"

#include <sio/version.h>

TEST(the_library_says_the_version_of_its_header) {
  char text[32];
  EQ(sio_version_num(), SIO_VERSION_NUM);
  unsigned v = sio_version_num();
  snprintf(text, sizeof text, "%u.%u.%u", v / 10000, v / 100 % 100, v % 100);
  EQ_STR(sio_version(), text);
}

TESTS_BEGIN
T(the_library_says_the_version_of_its_header)
TESTS_END

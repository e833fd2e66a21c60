/* SPDX-License-Identifier: MIT
 *
 * test_version.c - the text is that of the header's numbers.
 */
#include "test.h"

#include <sio/version.h>

TEST(the_library_says_the_version_of_its_header) {
  char text[32];
  unsigned v = SIO_VERSION_NUM;
  snprintf(text, sizeof text, "%u.%u.%u", v / 10000, v / 100 % 100, v % 100);
  EQ_STR(sio_version(), text);
}

TESTS_BEGIN
T(the_library_says_the_version_of_its_header)
TESTS_END

/* SPDX-License-Identifier: MIT
 *
 * os_windows.c - some of the functions of os.h for Windows. lib/net does not compile for Windows
 * yet, so the functions for sockets and files are missing.
 */
#ifdef _WIN32
#define RtlGenRandom SystemFunction036 /* its name in advapi32 */

#include "base/os.h"
#include <errno.h>
#include <ntsecapi.h>
#include <string.h>
#include <windows.h>

int sio__os_count_cpus(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwNumberOfProcessors < 1 ? 1 : (int)info.dwNumberOfProcessors;
}

int sio__os_fill_random(void *out, size_t n) {
  return n <= ULONG_MAX && RtlGenRandom(out, (ULONG)n) ? 0 : -EIO;
}

/* These bytes are not secret, but different in each process. */
void sio__os_make_fallback_hash_key(unsigned char out[16]) {
  LARGE_INTEGER ticks;
  DWORD ids[2] = { GetCurrentProcessId(), GetCurrentThreadId() };
  QueryPerformanceCounter(&ticks);
  memcpy(out, &ticks, 8);
  memcpy(out + 8, ids, 8);
}
#else
typedef int os_windows_is_not_used;
#endif

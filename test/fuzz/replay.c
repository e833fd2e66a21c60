/* SPDX-License-Identifier: MIT
 *
 * replay.c - a fuzz target as a plain program: every file of a corpus, whole and cut short at
 * up to REPLAY_CUTS positions.
 *
 *     fuzz_x FILE-OR-DIRECTORY...
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#ifndef REPLAY_CUTS
#define REPLAY_CUTS 600
#endif
enum { MAX_FILE = 1 << 16 };

static unsigned passed, failed;

static void replay_bytes(const char *bytes, size_t n) {
  char *copy = piece(bytes, n);
  LLVMFuzzerTestOneInput((const uint8_t *)copy, n);
  free(copy);
}

static void replay(const char *path) {
  static char bytes[MAX_FILE];
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    failed++;
    return;
  }
  size_t n = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  for (size_t cut = 0; cut < n; cut += 1 + n / REPLAY_CUTS) replay_bytes(bytes, cut);
  replay_bytes(bytes, n);
  passed++;
}

static void replay_all(const char *path) {
  struct stat st = { 0 };
  char name[4096];
  if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
    replay(path);
    return;
  }
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    if (e->d_name[0] == '.') continue;
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    replay_all(name);
  }
  if (dir) closedir(dir);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) replay_all(argv[i]);
  printf("%u passed, %u failed\n", passed, failed);
  return failed || !passed;
}

/* SPDX-License-Identifier: MIT */
#include "http/static.h"
#include "http_rig.h"
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* /tmp/sio-static-XXXXXX/{secret,pub/...}: pub is served. */
static char root[64], pub[80];
static struct static_dir *dir;

static void write_file(const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", root, name);
  FILE *f = fopen(path, "w");
  if (!f) abort();
  fputs(text, f);
  fclose(f);
}

static void in_root(int (*make)(const char *path, const char *to), const char *name,
                    const char *to) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", root, name);
  if (make(path, to)) abort();
}

static int make_dir(const char *path, const char *to) {
  (void)to;
  return mkdir(path, 0700);
}
static int make_pipe(const char *path, const char *to) {
  (void)to;
  return mkfifo(path, 0600);
}
static int make_link(const char *path, const char *to) { return symlink(to, path); }
static void serve(sio_request *r) {
  int status = sio__static_answer_with_file_or_redirect(dir, r, r->path);
  if (!status) return;
  r->extra_headers.n = 0;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
}

static void open_files(bool walk) {
  strcpy(root, "/tmp/sio-static-XXXXXX");
  if (!mkdtemp(root)) abort();
  snprintf(pub, sizeof pub, "%s/pub", root);
  in_root(make_dir, "pub", NULL);
  in_root(make_dir, "pub/sub", NULL);
  in_root(make_dir, "pub/empty dir", NULL);
  in_root(make_dir, "pub/.git", NULL);
  in_root(make_dir, "outside", NULL);
  write_file("secret", "secret");
  write_file("outside/secret", "secret");
  write_file("pub/index.html", "<p>");
  write_file("pub/a.js", "let a");
  write_file("pub/A b.TXT", "text");
  write_file("pub/empty", "");
  write_file("pub/.env", "secret");
  write_file("pub/.git/config", "secret");
  write_file("pub/sub/index.html", "<s>");
  write_file("pub/sub/x.css", "css");
  in_root(make_pipe, "pub/pipe", NULL);
  in_root(make_link, "pub/inside.js", "a.js");
  in_root(make_link, "pub/sublink", "sub");
  in_root(make_link, "pub/out.js", "../secret");
  in_root(make_link, "pub/outdir", "../outside");
  in_root(make_link, "pub/absolute", "/etc/passwd");
  in_root(make_link, "pub/loop", "loop");
  in_root(make_link, "pub/proc", "/proc/self/root");
  rig_open();
  rig->at_request = serve;
  if (sio__static_dir_open(&dir, pub)) abort();
  if (walk) dir->walk = true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

static void close_files(void) {
  rig_close();
  sio__static_dir_close(dir);
  nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *const there[][2] = {
  { "/", "200 <p>" },           { "/index.html", "200 <p>" },
  { "/a.js", "200 let a" },     { "/a.js?x=../..", "200 let a" },
  { "/%61%2ejs", "200 let a" }, { "/A%20b.TXT", "200 text" },
  { "/empty", "200 " },         { "/sub/", "200 <s>" },
  { "/sub/x.css", "200 css" },  { "/sub", "301 " },
};

/* Nothing outside the directory, no dot files, nothing but files. */
static const char *const nowhere[] = {
  "/none",
  "/sub/none",
  "/a.js/",
  "/a.js/x",
  "/empty%20dir/",
  "/../secret",
  "/sub/../../secret",
  "/sub/../a.js",
  "/%2e%2e/secret",
  "/%2e%2e%2fsecret",
  "/..%2fsecret",
  "/..%5csecret",
  "/%252e%252e/secret",
  "/....//secret",
  "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
  "//etc/passwd",
  "/%2fetc/passwd",
  "/.env",
  "/%2eenv",
  "/.git/config",
  "/./a.js",
  "/a.js%00",
  "/a.js%00.html",
  "/%00",
  "/a.js%",
  "/out.js",
  "/outdir/secret",
  "/outdir/",
  "/absolute",
  "/proc/etc/passwd",
  "/loop",
  "/pipe",
  "/~root",
};

/* Each segment of a path is opened by itself where the test wants it, and where the kernel cannot
 * do otherwise. Tells whether it was. */
static bool check_tree(bool walk) {
  open_files(walk);
  bool walks = dir->walk;
  for (size_t i = 0; i < sizeof there / sizeof *there; i++)
    IS(rig_request("GET", there[i][0], ""), there[i][1]);
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
    const char *got = rig_request("GET", nowhere[i], "");
    if (strcmp(got, "404 ") != 0) fprintf(stderr, "%s\n", nowhere[i]);
    EQ_STR(got, "404 ");
  }
  IS(rig_request("GET", "/inside.js", ""), walks ? "404 " : "200 let a");
  IS(rig_request("GET", "/sublink/x.css", ""), walks ? "404 " : "200 css");
  close_files();
  return walks;
}

TEST(only_files_below_the_directory_are_there) { check_tree(false); }
TEST(so_it_is_without_openat2_and_links_are_not_followed_at_all) { check_tree(true); }

/* ---- sandboxes and old kernels ------------------------------------------------------------- */

/* From now on openat2() fails with err in this process. */
static bool forbid_openat2(unsigned err) {
  struct sock_filter steps[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { .len = sizeof steps / sizeof *steps, .filter = steps };
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void check_tree_without_openat2(unsigned err) {
  int status = 0;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (!forbid_openat2(err)) _exit(0); /* qemu-user has no seccomp */
    CHECK(check_tree(false));
    fflush(NULL);
    _exit(test__failed);
  }
  REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
  EQ(status, 0);
}

TEST(a_kernel_without_openat2_and_a_sandbox_that_forbids_it_serve_the_same_files) {
  check_tree_without_openat2(ENOSYS);
  check_tree_without_openat2(EPERM);
}

TEST(a_file_comes_with_its_type_and_its_tag) {
  open_files(false);
  rig_request("GET", "/a.js", "");
  CHECK(says(rig->out, "HTTP/1.1 200 OK\r\nContent-Type: text/javascript; charset=utf-8\r\n"
                       "Content-Length: 5\r\nCache-Control: public, max-age=0\r\n"
                       "X-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n"
                       "Last-Modified: "));
  CHECK(says(rig->out, " GMT\r\nETag: W/\""));
  rig_request("HEAD", "/a.js", "");
  CHECK(says(rig->out, "Content-Length: 5\r\n"));
  EQ_STR(body_of(rig->out), "");
  close_files();
}

TEST(a_file_not_changed_is_not_sent_again) {
  char tag[128] = "";
  open_files(false);
  rig_request("GET", "/a.js", "");
  const char *at = strstr(rig->out, "ETag: ");
  REQUIRE(at != NULL);
  snprintf(tag, sizeof tag, "If-None-Match: %.*s\r\n", (int)strcspn(at + 6, "\r"), at + 6);
  IS(rig_request("GET", "/a.js", tag), "304 ");
  CHECK(says(rig->out, "\r\nETag: W/") && !says(rig->out, "Content-Length"));
  IS(rig_request("HEAD", "/a.js", tag), "304 ");
  write_file("pub/a.js", "let ab");
  IS(rig_request("GET", "/a.js", tag), "200 let ab");
  close_files();
}

TEST(a_directory_without_its_slash_is_sent_there) {
  open_files(false);
  rig_request("GET", "/sub?x", "");
  CHECK(says(rig->out, "\r\nLocation: sub/\r\n"));
  rig_request("GET", "/empty%20dir", "");
  CHECK(says(rig->out, "\r\nLocation: empty%20dir/\r\n"));
  close_files();
}

TEST(a_directorys_name_is_escaped_where_it_is_sent) {
  open_files(false);
  in_root(make_dir, "pub/aZ09-_.~%<:[{@", NULL);
  rig_request("GET", "/aZ09-_.~%25%3c:[%7b@", "");
  CHECK(says(rig->out, "\r\nLocation: aZ09-_.~%25%3C%3A%5B%7B%40/\r\n"));
  close_files();
}

static void serve_below(sio_request *r) {
  EQ(sio__static_answer_with_file_or_redirect(dir, r, slice(r->path.p + 4, r->path.n - 4)), 0);
}

TEST(the_prefix_itself_is_a_directory_without_its_slash) {
  open_files(false);
  rig->at_request = serve_below;
  IS(rig_request("GET", "/pub", ""), "301 ");
  CHECK(says(rig->out, "\r\nLocation: pub/\r\n"));
  IS(rig_request("GET", "/pub/", ""), "200 <p>");
  close_files();
}

/* ---- a system that fails ---- */

static int open_errno;      /* of the next openings */
static unsigned open_fails; /* so many of them      */
static unsigned open_tries;

static bool open_is_to_fail(void) {
  open_tries++;
  if (open_fails == 0) return false;
  open_fails--;
  errno = open_errno;
  return true;
}

long __real_syscall(long n, int d, const char *path, void *how, size_t size);
long __wrap_syscall(long n, int d, const char *path, void *how, size_t size);
long __wrap_syscall(long n, int d, const char *path, void *how, size_t size) {
  return open_is_to_fail() ? -1 : __real_syscall(n, d, path, how, size);
}

/* Then there is nothing to fail. Such a kernel is older than Linux 5.6, or it is qemu-user. */
static bool kernel_lacks_openat2(void) {
  if (!dir->walk) return false;
  close_files();
  return true;
}

/* Leaves no room for the headers of the library. */
static void serve_with_full_headers(sio_request *r) {
  static char value[64 << 10];
  memset(value, 'x', sizeof value - 20);
  EQ(sio__request_add_answer_header(r, "A", slice(value, sizeof value - 20)), 0);
  serve(r);
}

TEST(a_file_or_redirection_with_too_many_headers_is_500_and_not_404_or_503) {
  open_files(false);
  rig->at_request = serve_with_full_headers;
  IS(rig_request("GET", "/a.js", ""), "500 ");
  IS(rig_request("GET", "/sub", ""), "500 ");
  IS(rig_request("GET", "/none", ""), "404 ");
  close_files();
}

TEST(a_file_that_cannot_be_opened_for_want_of_something_is_503_and_not_404) {
  static const int wants[] = { EMFILE, ENFILE, ENOMEM, EIO };
  static const int lacks[] = { EACCES, ENOENT, ELOOP, ENXIO };
  open_files(false);
  if (kernel_lacks_openat2()) return;
  for (size_t i = 0; i < 4; i++) {
    open_errno = wants[i];
    open_fails = 1;
    IS(rig_request("GET", "/a.js", ""), "503 ");
    CHECK(!says(rig->out, "ETag"));
    open_errno = lacks[i];
    open_fails = 1;
    IS(rig_request("GET", "/a.js", ""), "404 ");
  }
  IS(rig_request("GET", "/a.js", ""), "200 let a");
  close_files();
}

/* The kernel says EAGAIN where something below the directory is renamed meanwhile. */
TEST(an_opening_that_is_disturbed_is_tried_again_and_not_for_ever) {
  static const int disturbances[] = { EAGAIN, EINTR };
  open_files(false);
  if (kernel_lacks_openat2()) return;
  for (size_t i = 0; i < 2; i++) {
    open_errno = disturbances[i];
    open_fails = 2;
    IS(rig_request("GET", "/a.js", ""), "200 let a");
    open_fails = 1000;
    open_tries = 0;
    IS(rig_request("GET", "/a.js", ""), "404 ");
    CHECK(open_tries > 2 && open_tries < 100);
    open_fails = 0;
  }
  close_files();
}

TEST(a_path_too_long_is_not_there) {
  char path[900] = "/";
  open_files(false);
  memset(path + 1, 'a', sizeof path - 2);
  IS(rig_request("GET", path, ""), "404 ");
  close_files();
}

TEST(types_go_by_the_ending) {
  static const struct {
    const char *path, *type;
  } t[] = {
    { "a.html", "text/html; charset=utf-8" },
    { "x/a.JS", "text/javascript; charset=utf-8" },
    { "a.min.css", "text/css; charset=utf-8" },
    { "a.js.map", "application/json; charset=utf-8" },
    { "a.svg", "image/svg+xml" },
    { "a.wasm", "application/wasm" },
    { "a", "application/octet-stream" },
    { "a.", "application/octet-stream" },
    { "a.html/b", "application/octet-stream" },
    { "html", "application/octet-stream" },
    { "", "application/octet-stream" },
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++)
    EQ_STR(sio__static_media_type_of_file_name(slice_str(t[i].path)), t[i].type);
}

TEST(a_directory_that_is_none_says_so) {
  struct static_dir *d = NULL;
  EQ(sio__static_dir_open(&d, "/no/such/place"), UV_ENOENT);
  EQ(sio__static_dir_open(&d, "/etc/passwd"), UV_ENOTDIR);
  CHECK(d == NULL);
  sio__static_dir_close(NULL);
}

TESTS_BEGIN
T(only_files_below_the_directory_are_there)
T(so_it_is_without_openat2_and_links_are_not_followed_at_all)
T(a_kernel_without_openat2_and_a_sandbox_that_forbids_it_serve_the_same_files)
T(a_file_comes_with_its_type_and_its_tag)
T(a_file_not_changed_is_not_sent_again)
T(a_directory_without_its_slash_is_sent_there)
T(a_directorys_name_is_escaped_where_it_is_sent)
T(the_prefix_itself_is_a_directory_without_its_slash)
T(a_file_or_redirection_with_too_many_headers_is_500_and_not_404_or_503)
T(a_file_that_cannot_be_opened_for_want_of_something_is_503_and_not_404)
T(an_opening_that_is_disturbed_is_tried_again_and_not_for_ever)
T(a_path_too_long_is_not_there)
T(types_go_by_the_ending)
T(a_directory_that_is_none_says_so)
TESTS_END

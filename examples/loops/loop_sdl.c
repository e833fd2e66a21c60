/* SPDX-License-Identifier: MIT
 *
 * loop_sdl.c - a game with SDL 2, 60 frames a second: what has arrived is handled once per frame,
 * and what the game sends leaves in the same frame. The window shows a square for each client.
 */
#include "echo.h"
#include <SDL.h>

enum { FRAME_MS = 16, SQUARE = 20, PER_ROW = 16 };

/* Returns false when the program is to end. SDL also sends SDL_QUIT for SIGINT and SIGTERM. */
static bool handle_input(void) {
  SDL_Event e;
  bool go_on = true;
  while (SDL_PollEvent(&e)) go_on &= e.type != SDL_QUIT;
  return go_on;
}

static void draw_clients(SDL_Window *window, size_t n) {
  SDL_Surface *s = SDL_GetWindowSurface(window);
  SDL_FillRect(s, NULL, SDL_MapRGB(s->format, 20, 24, 32));
  for (size_t i = 0; i < n; i++) {
    SDL_Rect square = { .x = (int)(i % PER_ROW) * SQUARE + 2,
                        .y = (int)(i / PER_ROW) * SQUARE + 2,
                        .w = SQUARE - 4,
                        .h = SQUARE - 4 };
    SDL_FillRect(s, &square, SDL_MapRGB(s->format, 90, 200, 140));
  }
  SDL_UpdateWindowSurface(window);
}

static void run_game(uv_loop_t *loop, sio_nsp *root, SDL_Window *window) {
  while (handle_input()) {
    Uint32 start = SDL_GetTicks();
    sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "frame", SIO_ARGS(start));
    uv_run(loop, UV_RUN_NOWAIT);
    draw_clients(window, sio_nsp_count_sockets(root, NULL));
    Uint32 used = SDL_GetTicks() - start;
    if (used < FRAME_MS) SDL_Delay(FRAME_MS - used);
  }
}

int main(int argc, char **argv) {
  (void)argc, (void)argv;
  uv_loop_t loop;
  bool closed = false;
  SDL_Window *window = NULL;
  if (!SDL_Init(SDL_INIT_VIDEO)) window = SDL_CreateWindow("clients", 0, 0, 320, 200, 0);
  if (!window) return fprintf(stderr, "%s\n", SDL_GetError()), 1;
  uv_loop_init(&loop);
  sio_server *srv = echo_serve(&loop, NULL, echo_port());
  run_game(&loop, sio_nsp_find(srv, "/"), window);
  sio_server_close(srv, echo_on_closed, &closed);
  while (!closed) uv_run(&loop, UV_RUN_ONCE);
  uv_run(&loop, UV_RUN_DEFAULT);
  SDL_DestroyWindow(window);
  SDL_Quit();
  return uv_loop_close(&loop) ? 1 : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * loop_qt.cpp - a program of Qt 5 or 6, in C++17 with <sio/sio.hpp>: the uv loop runs in the event
 * loop of Qt. The first part can be copied as it is. Environment: PORT (3000).
 */
#include <QAbstractEventDispatcher>
#include <QCoreApplication>
#include <QSocketNotifier>
#include <QTimer>
#include <iostream>
#include <sio/sio.hpp>
#include <uv.h>

// ---- the uv loop in the event loop of the thread ------------------------------------------------

/* Before Qt waits, a timer is set to the time at which the uv loop has something to do; the
 * notifier fires when a descriptor is ready. The loop must outlive this object. */
class uv_in_qt {
public:
  explicit uv_in_qt(uv_loop_t *loop)
      : loop_(loop), readable_(uv_backend_fd(loop), QSocketNotifier::Read) {
    timer_.setSingleShot(true);
    timer_.setTimerType(Qt::PreciseTimer);
    QObject::connect(&readable_, &QSocketNotifier::activated, &timer_, [this] { run(); });
    QObject::connect(&timer_, &QTimer::timeout, [this] { run(); });
    QObject::connect(QAbstractEventDispatcher::instance(), &QAbstractEventDispatcher::aboutToBlock,
                     &timer_, [this] { set_timer(); });
  }

private:
  void set_timer() {
    if (running_) return;
    uv_update_time(loop_);
    int ms = uv_backend_timeout(loop_);
    ms < 0 ? timer_.stop() : timer_.start(ms);
  }

  /* A handler that shows a modal dialog runs Qt's event loop inside of uv_run(), which must not be
   * called again there: the uv loop goes on when the dialog has ended. */
  void run() {
    if (running_) return;
    running_ = true;
    uv_run(loop_, UV_RUN_NOWAIT);
    running_ = false;
  }

  uv_loop_t *loop_;
  bool running_ = false;
  QSocketNotifier readable_;
  QTimer timer_;
};

// ---- the program --------------------------------------------------------------------------------

static std::error_code serve_echoes(sio::server &server, uv_loop_t *loop) {
  sio::nsp root;
  auto err = server.open(loop);
  if (!err) err = server.of("/", root);
  if (!err)
    err = root.on("echo", [](sio::socket s, sio::event e) {
      s.emit("echo", sio::args(e.all()));
      e.reply(sio::args(e.all()));
    });
  if (!err) err = server.listen(qEnvironmentVariableIntValue("PORT"));
  return err;
}

int main(int argc, char **argv) {
  if (qEnvironmentVariableIsEmpty("PORT")) qputenv("PORT", "3000");
  QCoreApplication app(argc, argv); /* or QApplication */
  uv_loop_t loop;
  uv_loop_init(&loop);
  sio::server server;
  if (auto err = serve_echoes(server, &loop)) return std::cerr << err.message() << '\n', 1;
  std::cout << "http://localhost:" << server.port() << std::endl;

  uv_signal_t stop;
  uv_signal_init(&loop, &stop);
  stop.data = &server;
  uv_signal_start_oneshot(
      &stop,
      [](uv_signal_t *h, int) {
        static_cast<sio::server *>(h->data)->close([] { QCoreApplication::quit(); });
      },
      SIGTERM);
  {
    uv_in_qt both(&loop);
    app.exec();
  }
  uv_close(reinterpret_cast<uv_handle_t *>(&stop), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) ? 1 : 0;
}

// SPDX-License-Identifier: MIT
//! socketioxide on axum, under the same load as ../../server.c: peer <port>
use bytes::Bytes;
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::SocketIo;

async fn on_connect(socket: SocketRef) {
    socket.on("echo", async |Data::<Value>(data), ack: AckSender| {
        ack.send(&data).ok();
    });
    socket.on("bin", async |Data::<Bytes>(data), ack: AckSender| {
        ack.send(&data).ok();
    });
    socket.on("bcast", async |io: SocketIo, Data::<Value>(data)| {
        io.emit("bcast", &data).await.ok();
    });
}

async fn serve(port: u16) {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", on_connect);
    let app = axum::Router::new().layer(layer);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("listening {port}");
    axum::serve(listener, app).await.unwrap();
}

fn main() {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(3000);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(serve(port));
}

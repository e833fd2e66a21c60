// SPDX-License-Identifier: MIT

// zishang520/socket.io under the same load as ../../server.c: peer <port>
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// reply acks an event with its own arguments.
func reply(args ...any) {
	last := len(args) - 1
	if ack, ok := args[last].(socket.Ack); ok {
		ack(args[:last], nil)
	}
}

func main() {
	port := "3000"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	io := socket.NewServer(nil, nil)
	io.On("connection", func(clients ...any) {
		client := clients[0].(*socket.Socket)
		client.On("echo", reply)
		client.On("bin", reply)
		client.On("bcast", func(args ...any) { io.Emit("bcast", args...) })
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening", port)
	http.Serve(listener, nil)
}

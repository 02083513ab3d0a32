// SPDX-License-Identifier: Apache-2.0
// An HTTP server on a port of the kernel's choice, which it prints; SIGTERM ends it in order.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "path", r.URL.Path)
	})
	server := &http.Server{}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	done := make(chan bool)
	go func() {
		<-c
		server.Shutdown(context.Background())
		done <- true
	}()
	fmt.Println(l.Addr())
	server.Serve(l)
	<-done
	fmt.Println("ended in order")
}

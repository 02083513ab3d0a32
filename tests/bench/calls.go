// SPDX-License-Identifier: Apache-2.0

// calls makes system calls from four goroutines: open, read and close, N times each.
package main

import (
	"os"
	"strconv"
	"sync"
	"syscall"
)

func work(n int, done *sync.WaitGroup) {
	var buf [64]byte
	defer done.Done()
	for i := 0; i < n; i++ {
		fd, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0)
		if err != nil {
			os.Exit(1)
		}
		if got, err := syscall.Read(fd, buf[:]); err != nil || got != len(buf) {
			os.Exit(1)
		}
		syscall.Close(fd)
	}
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	var done sync.WaitGroup
	for i := 0; i < 4; i++ {
		done.Add(1)
		go work(n, &done)
	}
	done.Wait()
}

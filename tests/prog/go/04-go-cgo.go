// SPDX-License-Identifier: Apache-2.0
// Go that calls C that calls Go; C threads; signals that arrive in C.
package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

extern int back(int);
static long pid_by_c(void) { return syscall(SYS_getpid); }
static int through(int n) { return back(n) + 1; }
static void *run(void *arg) { return (void *)(long)back((int)(long)arg); }
static long by_thread(int n)
{
	pthread_t t;
	void *ret;

	pthread_create(&t, NULL, run, (void *)(long)n);
	pthread_join(t, &ret);
	return (long)ret;
}
*/
import "C"

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

//export back
func back(n C.int) C.int {
	if syscall.Getpid() != os.Getpid() {
		os.Exit(99)
	}
	return n * 2
}

func main() {
	rounds := 200
	if os.Getenv("WAYLAY_TEST_COUNT") == "full" {
		rounds = 5000
	}
	c := make(chan os.Signal, 10000)
	signal.Notify(c, syscall.SIGUSR1)
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < rounds; k++ {
				if int(C.pid_by_c()) != os.Getpid() || C.through(C.int(k)) != C.int(2*k+1) {
					fmt.Fprintln(os.Stderr, "wrong")
					os.Exit(99)
				}
				if k%10 == 0 {
					if C.by_thread(C.int(k)) != C.long(2*k) {
						fmt.Fprintln(os.Stderr, "wrong in a thread")
						os.Exit(99)
					}
					syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				}
			}
		}(i)
	}
	wg.Wait()
	<-c
	fmt.Println("through C and back")
}

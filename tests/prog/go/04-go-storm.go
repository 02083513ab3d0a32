// SPDX-License-Identifier: Apache-2.0
// Goroutines with small stacks, raw calls, collections all the time, preemption by signal.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func full(reduced, full int) int {
	if os.Getenv("WAYLAY_TEST_COUNT") == "full" {
		return full
	}
	return reduced
}

func die(what ...interface{}) {
	fmt.Fprintln(os.Stderr, what...)
	os.Exit(99)
}

// Deep recursion on a stack that begins with 2 KB: it moves while calls are made.
func deep(n int) int {
	var pad [64]byte
	pad[n%64] = byte(n)
	if syscall.Getpid() != os.Getpid() {
		die("getpid")
	}
	if n == 0 {
		return int(pad[0])
	}
	return deep(n-1) + 1
}

func storm() {
	var wg sync.WaitGroup
	var calls int64
	for i := 0; i < 64; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < full(50, 2000); k++ {
				pid, _, err := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
				if err != 0 || int(pid) != os.Getpid() {
					die("raw getpid", pid, err)
				}
				if _, _, err := syscall.Syscall(syscall.SYS_CLOSE, ^uintptr(0), 0, 0); err != syscall.EBADF {
					die("close", err)
				}
				if got := deep(40); got != 40 {
					die("deep", got)
				}
				_ = make([]byte, 4096)
				atomic.AddInt64(&calls, 1)
			}
		}(i)
	}
	wg.Wait()
	fmt.Println("storm", calls)
}

// Loops without calls are preempted by SIGURG.
func preempt() {
	var stop int32
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := 0
			for atomic.LoadInt32(&stop) == 0 {
				n++
			}
		}()
	}
	for i := 0; i < full(20, 1000); i++ {
		runtime.GC()
	}
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	fmt.Println("preempted")
}

func signals() {
	c := make(chan os.Signal, 1000)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGSYS)
	for i := 0; i < full(100, 5000); i++ {
		sig := syscall.SIGUSR1
		if i%2 == 1 {
			sig = syscall.SIGSYS
		}
		syscall.Kill(os.Getpid(), sig)
		if got := <-c; got != sig {
			die("signal", got)
		}
	}
	signal.Stop(c)
	fmt.Println("signals")
}

func faults() {
	n := 0
	for i := 0; i < full(100, 5000); i++ {
		func() {
			defer func() {
				if recover() != nil {
					n++
				}
			}()
			var p *[100]int
			p[i%100] = 1
		}()
	}
	fmt.Println("faults recovered", n == full(100, 5000))
}

func programs() {
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < full(3, 100); k++ {
				cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("cat; echo %d; exit %d", i, i))
				cmd.Stdin = strings.NewReader("in ")
				out, err := cmd.Output()
				if string(out) != fmt.Sprintf("in %d\n", i) {
					die("output", string(out))
				}
				if cmd.ProcessState.ExitCode() != i {
					die("status", err)
				}
			}
		}(i)
	}
	wg.Wait()
	_, err := exec.Command("/does/not/exist").Output()
	fmt.Println("programs;", err)
}

func network() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		die(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	var wg sync.WaitGroup
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < full(10, 500); k++ {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					die(err)
				}
				fmt.Fprintf(c, "hello %d", i)
				c.(*net.TCPConn).CloseWrite()
				back, err := io.ReadAll(c)
				if err != nil || string(back) != fmt.Sprintf("hello %d", i) {
					die("echo", string(back), err)
				}
				c.Close()
			}
		}(i)
	}
	wg.Wait()
	l.Close()
	fmt.Println("network")
}

func profile() {
	f, err := os.Create("profile")
	if err != nil {
		die(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		die(err)
	}
	until := time.Now().Add(300 * time.Millisecond)
	for time.Now().Before(until) {
		deep(100)
	}
	pprof.StopCPUProfile()
	st, _ := f.Stat()
	fmt.Println("profile", st.Size() > 0)
}

func main() {
	debug.SetGCPercent(1)
	runtime.GOMAXPROCS(4)
	storm()
	preempt()
	signals()
	faults()
	programs()
	network()
	profile()
}
